//! What documents say about this checkout must be true of it, and no text may lean on what a reader cannot see.

use crate::checkout::{Checkout, File};

/// Paths and links in `file` that lead nowhere. A path is in backticks and starts with a folder that is there; it counts from
/// the root, or from the document's own folder.
pub(crate) fn missing(file: &File, checkout: &Checkout) -> Vec<String> {
    let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let paths = paths(&file.text)
        .filter(|path| checkout.has(first(path)) || checkout.has(&joined(folder, first(path))))
        .filter(|path| !is_there(path, checkout) && !is_there(&joined(folder, path), checkout));
    let links = links(&file.text).filter(|link| !checkout.has(&joined(folder, link)));
    paths.chain(links).map(|path| format!("{}: there is no {path}", file.path)).collect()
}

fn first(path: &str) -> &str {
    path.split('/').next().unwrap_or_default()
}

/// A pattern is there when the folder before its first star is.
fn is_there(path: &str, checkout: &Checkout) -> bool {
    match path.split_once('*') {
        None => checkout.has(path),
        Some((before, _)) => checkout.has(before.rsplit_once('/').map_or(before, |(folder, _)| folder)),
    }
}

/// What stands in single backticks, holds a slash and nothing that a path does not.
fn paths(text: &str) -> impl Iterator<Item = &str> {
    prose(text).flat_map(|line| line.split('`').skip(1).step_by(2)).filter(|path| {
        path.contains('/')
            && path.starts_with(|c: char| c.is_ascii_alphanumeric())
            && path.chars().all(|c| c.is_ascii_alphanumeric() || "/._-*".contains(c))
    })
}

/// Targets of links within the checkout. Pictures are left out: they are made from what runs.
fn links(text: &str) -> impl Iterator<Item = &str> {
    prose(text)
        .flat_map(|line| line.split("](").skip(1))
        .filter_map(|rest| rest.split([')', '#']).next())
        .filter(|link| !link.is_empty() && !link.contains(':') && !link.ends_with(".png"))
}

/// The lines outside fenced blocks.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut fenced = false;
    text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    })
}

fn joined(folder: &str, link: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in link.split('/') {
        match part {
            "." | "" => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Tests that `file` names as evidence, as `room::test`, and that the room does not have.
pub(crate) fn unproven(file: &File, checkout: &Checkout) -> Vec<String> {
    let named = prose(&file.text).flat_map(|line| line.split('`').skip(1).step_by(2));
    let named = named.filter_map(|name| name.split_once("::")).filter(|(room, _)| checkout.has(room));
    named
        .filter(|(room, test)| {
            let (folder, function) = (format!("{room}/"), format!("fn {test}("));
            !checkout
                .sources()
                .any(|source| source.path.starts_with(&folder) && source.text.contains(&function))
        })
        .map(|(room, test)| format!("{}: {room} has no test {test}", file.path))
        .collect()
}

/// Words in `file` that only somebody elsewhere understands: places on a machine, numbers of a tracker, who typed it.
pub(crate) fn foreign(file: &File) -> Vec<String> {
    // Put together here, so that this file does not hold them.
    let never = [
        ["/wo", "rk/"].concat(),
        ["../sha", "red"].concat(),
        ["/tmp/bri", "efs"].concat(),
        ["co-auth", "ored-by"].concat(),
        ["house", ".md"].concat(),
        ["contract", ".md"].concat(),
    ];
    let lowered = file.text.to_lowercase();
    let lines = lowered.lines().enumerate();
    lines
        .filter(|(_, line)| never.iter().any(|word| line.contains(word)) || names_an_issue(line))
        .map(|(number, _)| format!("{}:{}: leans on what a reader cannot see", file.path, number + 1))
        .collect()
}

fn names_an_issue(line: &str) -> bool {
    ["issue ", "issues ", "pull request ", "pr "].iter().any(|word| {
        line.split(word).skip(1).any(|rest| {
            rest.strip_prefix('#').is_some_and(|number| number.starts_with(|c: char| c.is_ascii_digit()))
        })
    })
}

/// To add a case, add a row: what a document says, and how many complaints. `tests/house` and `docs` are there.
#[test]
fn a_document_that_speaks_of_nothing_is_noticed() {
    let checkout = Checkout::read();
    let in_a_room =
        File { path: "vitals/README.md".to_owned(), text: "`src/ids.rs` `src/attic.rs`".to_owned() };
    assert_eq!(missing(&in_a_room, &checkout).len(), 1, "a room's document counts from the room");
    let rows = [
        ("`tests/house/main.rs` and `docs/` and [that](docs/mqtt/asyncapi.yaml#up)", 0),
        ("`tests/house/attic.rs`", 1),
        ("`tests/house/*.rs` and `vitals/attic/*.rs`", 1),
        ("[that](docs/attic.md), [far](https://example.org/attic.md), [below](#attic)", 1),
        ("`vagen/v1/up` and `GET /livez` and `some/path/elsewhere`", 0),
        ("```text\n`tests/house/attic.rs`\n```\n", 0),
    ];
    for (text, expected) in rows {
        let complaints = missing(&File { path: "README.md".to_owned(), text: text.to_owned() }, &checkout);
        assert_eq!(complaints.len(), expected, "{text}: {complaints:?}");
    }
    assert_eq!(joined("docs/mqtt", "../safety.md"), "docs/safety.md");
}

#[test]
fn evidence_that_is_not_there_is_noticed() {
    let checkout = Checkout::read();
    let rows = [
        ("`vitals::a_sequence_starts_at_one` and `std::mem::take`", 0),
        ("`vitals::everything_is_well` and `care::a_sequence_starts_at_one`", 2),
    ];
    for (text, expected) in rows {
        let complaints =
            unproven(&File { path: "docs/safety.md".to_owned(), text: text.to_owned() }, &checkout);
        assert_eq!(complaints.len(), expected, "{text}: {complaints:?}");
    }
}

#[test]
fn a_text_that_leans_on_another_is_noticed() {
    let rows = [
        ("the network/ and the worklist", 0),
        ("a fix for an issue with 3 lines", 0),
        (&["see /wo", "rk/main"].concat(), 1),
        (&["fixes issue ", "#12"].concat(), 1),
        (&["Co-Auth", "ored-By: somebody"].concat(), 1),
    ];
    for (text, expected) in rows {
        let complaints = foreign(&File { path: "a.md".to_owned(), text: text.to_owned() });
        assert_eq!(complaints.len(), expected, "{text}");
    }
}
