//! Rust with comments and the insides of literals blanked out, line for line, so that a word in a comment is no use of it and a
//! brace in a text closes nothing. Not a parser: enough to find words, test modules and the ends of functions.

/// `text` with everything that is not code replaced by spaces; line breaks stay where they were.
pub(crate) fn bare(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < characters.len() {
        let end = skip(&characters, at).unwrap_or(at);
        if end > at {
            out.extend(characters[at..end].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
            at = end;
        } else {
            out.push(characters[at]);
            at += 1;
        }
    }
    out
}

/// Where what starts `at` ends, if that is a comment or a literal.
fn skip(text: &[char], at: usize) -> Option<usize> {
    let next = text.get(at + 1).copied().unwrap_or(' ');
    let after_word = at > 0 && (text[at - 1].is_alphanumeric() || text[at - 1] == '_');
    match text[at] {
        '/' if next == '/' => Some(find(text, at, |c| c == '\n')),
        '/' if next == '*' => Some(block_end(text, at)),
        '"' => Some(quote_end(text, at + 1)),
        'r' if !after_word || text[at - 1] == 'b' => raw_end(text, at),
        '\'' if next == '\\' => Some(find(text, at + 3, |c| c == '\'') + 1),
        '\'' if text.get(at + 2) == Some(&'\'') => Some(at + 3),
        _ => None,
    }
}

fn find(text: &[char], from: usize, wanted: impl Fn(char) -> bool) -> usize {
    (from..text.len()).find(|at| wanted(text[*at])).unwrap_or(text.len())
}

fn block_end(text: &[char], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0_usize);
    while at + 1 < text.len() {
        match (text[at], text[at + 1]) {
            ('/', '*') => (at, depth) = (at + 2, depth + 1),
            ('*', '/') if depth == 1 => return at + 2,
            ('*', '/') => (at, depth) = (at + 2, depth - 1),
            _ => at += 1,
        }
    }
    text.len()
}

fn quote_end(text: &[char], mut at: usize) -> usize {
    while at < text.len() {
        match text[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    text.len()
}

fn raw_end(text: &[char], at: usize) -> Option<usize> {
    let open = find(text, at + 1, |c| c != '#');
    if text.get(open) != Some(&'"') {
        return None;
    }
    let hashes = open - at - 1;
    let closes = |quote: usize| (1..=hashes).all(|after| text.get(quote + after) == Some(&'#'));
    (open + 1..text.len()).find(|quote| text[*quote] == '"' && closes(*quote)).map(|quote| quote + hashes + 1)
}

/// The lines of bare code from `line` (from 0) to the one that closes the first brace opened there; `None` where a
/// semicolon ends it first.
pub(crate) fn block(lines: &[&str], line: usize) -> Option<std::ops::RangeInclusive<usize>> {
    let mut depth = 0_usize;
    for (number, text) in lines.iter().enumerate().skip(line) {
        let mut brackets = 0_usize;
        for character in text.chars() {
            match character {
                '[' | '(' => brackets += 1,
                ']' | ')' => brackets = brackets.saturating_sub(1),
                ';' if depth == 0 && brackets == 0 => return None,
                '{' => depth += 1,
                '}' if depth == 1 => return Some(line..=number),
                '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
    }
    None
}

/// For each line of bare code, whether it is part of something that only tests build.
pub(crate) fn test_lines(lines: &[&str]) -> Vec<bool> {
    let mut tests = vec![false; lines.len()];
    let mut line = 0;
    while line < lines.len() {
        let marked = lines[line].trim_start().starts_with("#[cfg(test)]")
            || lines[line].trim_start().starts_with("#[cfg(all(test");
        let end = if marked { block(lines, line).map_or(line + 1, |block| *block.end()) } else { line };
        if marked {
            tests[line..=end.min(lines.len() - 1)].fill(true);
        }
        line = end + 1;
    }
    tests
}

#[test]
fn comments_and_literals_are_no_code() {
    let rows = [
        ("a // tokio\nb", "a         \nb"),
        ("a /* x /* y */ z */ b", "a                   b"),
        (r#"f("a \" {") }"#, "f(        ) }"),
        (r##"r#"{" }"# + 1"##, "          + 1"),
        ("('{', '\\'', 'a')", "(   ,     ,    )"),
        ("fn f<'a>(x: &'a str)", "fn f<'a>(x: &'a str)"),
        (r#"br"{" + b"}""#, "b     + b   "),
    ];
    for (text, expected) in rows {
        assert_eq!(bare(text), expected, "{text}");
    }
}

#[test]
fn test_modules_are_found() {
    let lines = [
        "fn a() {}",
        "#[cfg(test)]",
        "mod tests {",
        "  fn b() {}",
        "}",
        "fn c() {}",
        "#[cfg(test)]",
        "mod d;",
    ];
    assert_eq!(test_lines(&lines), [false, true, true, true, true, false, true, true]);
}
