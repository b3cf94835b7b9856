//! What a room's sources never name. The manifest keeps crates out; this keeps out what the standard library would let in.

use crate::checkout::File;
use crate::code;

/// What no pure room says outside its tests.
const NEVER_IN_PURE: &[&str] = &[
    "::now(",
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "std::thread",
    "std::os",
    "SystemTime",
    "Instant",
    "tokio",
    "sqlx",
    "async ",
    ".await",
    "println!",
    "static mut",
];
const PURE: &[&str] = &["vitals/src/", "devices/src/", "alerts/src/"];
/// Ways to read the clock on the wall.
const WALL_CLOCK: &[&str] = &["Timestamp::now(", "SystemTime::now(", "Zoned::now(", "Utc::now("];
/// The modules at the edge that do.
const CLOCK_EDGES: &[&str] = &["care/src/clock.rs", "gateway/src/io/clock.rs"];

/// What is wrong with `file`.
pub(crate) fn complaints(file: &File) -> Vec<String> {
    if file.is_test() {
        return Vec::new();
    }
    let mut complaints = Vec::new();
    if !file.text.starts_with("//!") {
        complaints.push(format!("{}: does not open with its duty (//!)", file.path));
    }
    let bare = code::bare(&file.text);
    let lines: Vec<&str> = bare.lines().collect();
    let tests = code::test_lines(&lines);
    let code = lines.iter().zip(&tests).enumerate().filter(|(_, (_, test))| !**test);
    for (number, (line, _)) in code {
        complaints.extend(
            never(&file.path)
                .filter(|word| line.contains(word))
                .map(|word| format!("{}:{}: must not say {:?}", file.path, number + 1, word.trim())),
        );
    }
    complaints
}

fn never(path: &str) -> impl Iterator<Item = &'static str> {
    let pure = PURE.iter().any(|room| path.starts_with(room));
    let words: &[&str] = if pure { NEVER_IN_PURE } else { &[] };
    let web: &[&str] = if path.starts_with("ingest/") { &["care::web"] } else { &[] };
    let clock: &[&str] = if pure || CLOCK_EDGES.contains(&path) { &[] } else { WALL_CLOCK };
    words.iter().chain(web).chain(clock).copied()
}

/// To add a case, add a row: where, what it says, how many complaints.
#[test]
fn a_source_that_leaves_its_room_is_noticed() {
    let rows = [
        ("alerts/src/chart.rs", "//! Duty.\nfn f() {}\n", 0),
        ("alerts/src/chart.rs", "fn f() {}\n", 1),
        ("alerts/src/chart.rs", "//! Never calls Timestamp::now() itself, nor std::fs.\n// tokio\n", 0),
        ("alerts/src/chart.rs", "//! Duty.\nlet now = jiff::Timestamp::now();\n", 1),
        ("devices/src/a.rs", "//! Duty.\nuse std::fs;\nuse std::net::TcpStream;\nasync fn f() {}\n", 3),
        ("devices/src/a.rs", "//! Duty.\n#[cfg(test)]\nmod tests {\n    use std::fs;\n}\n", 0),
        ("devices/tests/frames.rs", "use std::fs;\n", 0),
        ("vitals/src/a.rs", "//! Duty.\nconst WORD: &str = \"std::fs\";\n", 0),
        ("ingest/src/a.rs", "//! Duty.\nuse care::web::router;\nuse std::fs;\n", 1),
        ("gateway/src/home.rs", "//! Duty.\nlet now = SystemTime::now();\n", 1),
        ("gateway/src/io/clock.rs", "//! Duty.\nlet now = SystemTime::now();\n", 0),
    ];
    for (path, text, expected) in rows {
        let complaints = complaints(&File { path: path.to_owned(), text: text.to_owned() });
        assert_eq!(complaints.len(), expected, "{path}: {text}: {complaints:?}");
    }
}
