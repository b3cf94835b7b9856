//! A file that grows past 400 lines, or a function past 70, is two things. Tests and their tables of rows do not count; comments
//! do, for they are read as well.

use crate::checkout::File;
use crate::code;

const FILE_LINES_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 70;

/// Files that may be larger, and up to how many lines. One that fits again must leave this list.
pub(crate) const FILES_ALLOWED: &[(&str, usize)] =
    &[("care/src/conversations.rs", 500), ("care/src/register/file.rs", 415)];
/// Functions that may be longer, by file and name.
pub(crate) const FUNCTIONS_ALLOWED: &[(&str, &str, usize)] = &[];

/// What is too large among `sources`, and which exception is no longer needed.
pub(crate) fn complaints<'a>(
    sources: impl Iterator<Item = &'a File>,
    files_allowed: &[(&str, usize)],
    functions_allowed: &[(&str, &str, usize)],
) -> Vec<String> {
    let (mut complaints, mut large_files, mut large_functions) = (Vec::new(), Vec::new(), Vec::new());
    for file in sources.filter(|file| !file.is_test()) {
        let bare = code::bare(&file.text);
        let lines: Vec<&str> = bare.lines().collect();
        let tests = code::test_lines(&lines);
        let count = tests.iter().filter(|test| !**test).count();
        if count > FILE_LINES_MAX {
            large_files.push(file.path.as_str());
            let allowed =
                files_allowed.iter().find(|(path, _)| *path == file.path).map_or(FILE_LINES_MAX, |row| row.1);
            if count > allowed {
                complaints.push(format!("{}: {count} lines outside tests, at most {allowed}", file.path));
            }
        }
        for (name, count) in functions(&lines, &tests).into_iter().filter(|one| one.1 > FUNCTION_LINES_MAX) {
            let allowed = functions_allowed.iter().find(|row| row.0 == file.path && row.1 == name);
            large_functions.push((file.path.as_str(), name.clone()));
            let allowed = allowed.map_or(FUNCTION_LINES_MAX, |row| row.2);
            if count > allowed {
                complaints.push(format!("{}: fn {name} has {count} lines, at most {allowed}", file.path));
            }
        }
    }
    let files = files_allowed.iter().filter(|row| !large_files.contains(&row.0));
    complaints.extend(files.map(|row| format!("{}: fits, strike it from the exceptions", row.0)));
    let functions = functions_allowed
        .iter()
        .filter(|row| !large_functions.iter().any(|one| one.0 == row.0 && one.1 == row.1));
    complaints
        .extend(functions.map(|row| format!("{}: fn {} fits, strike it from the exceptions", row.0, row.1)));
    complaints
}

/// The functions of bare code outside tests: name, and lines from the signature to the closing brace.
fn functions(lines: &[&str], tests: &[bool]) -> Vec<(String, usize)> {
    let named = |line: &str| {
        let mut words =
            line.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty());
        words.find(|word| *word == "fn").and_then(|_| words.next().map(str::to_owned))
    };
    (0..lines.len())
        .filter(|line| !tests[*line])
        .filter_map(|line| Some((named(lines[line])?, code::block(lines, line)?)))
        .map(|(name, block)| (name, block.count()))
        .collect()
}

#[test]
fn what_is_too_large_is_noticed() {
    let file = |text: String| File { path: "care/src/a.rs".to_owned(), text };
    let function =
        |lines: usize| format!("pub(crate) fn long(\n) {{\n{}}}\n", "    x();\n".repeat(lines - 3));
    let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "fn t() {}\n".repeat(500));
    type Row =
        (String, &'static [(&'static str, usize)], &'static [(&'static str, &'static str, usize)], usize);
    let rows: [Row; 9] = [
        ("fn a() {}\n".repeat(400), &[], &[], 0),
        ("fn a() {}\n".repeat(401), &[], &[], 1),
        ("fn a() {}\n".repeat(401), &[("care/src/a.rs", 401)], &[], 0),
        ("fn a() {}\n".repeat(402), &[("care/src/a.rs", 401)], &[], 1),
        ("fn a() {}\n".repeat(400), &[("care/src/a.rs", 500)], &[], 1),
        (format!("fn a() {{}}\n{tests}"), &[], &[], 0),
        (function(70), &[], &[], 0),
        (function(71), &[], &[], 1),
        (function(71), &[], &[("care/src/a.rs", "long", 80), ("care/src/a.rs", "gone", 80)], 1),
    ];
    for (text, files, functions, expected) in rows {
        let file = file(text);
        let complaints = complaints(std::iter::once(&file), files, functions);
        assert_eq!(complaints.len(), expected, "{complaints:?}");
    }
}
