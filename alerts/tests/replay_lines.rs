//! The lines that a replay reads and writes: what is refused and how, what is passed over, and the promised keys.

#![allow(missing_docs)]

use alerts::replay::{Replay, ReplayTask};
use alerts::{Policy, Priority, Problem};
use jiff::tz::TimeZone;

fn replay(lines: &[String]) -> Vec<ReplayTask> {
    let mut replay =
        Replay::new(Policy::recommended().clone(), TimeZone::get("Europe/Stockholm").expect("bundled"));
    for line in lines {
        replay.feed(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    }
    replay.finish().tasks
}

fn line(rest: &str) -> String {
    format!(r#"{{"patient":"p","at":"2026-01-01T06:00:00.000Z",{rest}}}"#)
}

/// To add a case, add a row: a line, and what the error must hold.
#[test]
fn a_malformed_line_is_refused_with_its_number() {
    let rows = [
        ("{", "line 2"),
        ("[]", "line 2"),
        (r#"{"patient":"p","at":"2026-01-01","kind":"end"}"#, "line 2"),
        (r#"{"patient":"p","at":"2026-01-01T07:00:00Z"}"#, "kind"),
        (r#"{"patient":"","at":"2026-01-01T07:00:00Z","kind":"end"}"#, "patient"),
        (r#"{"patient":"p","at":"2026-01-01T07:00:00Z","kind":"mood","values":{}}"#, "mood"),
        (r#"{"patient":"p","at":"2026-01-01T07:00:00Z","kind":"weight"}"#, "values"),
        (
            r#"{"patient":"p","at":"2026-01-01T07:00:00Z","kind":"weight","values":{"weight_kg":"80"}}"#,
            "values",
        ),
        (r#"{"patient":"p","at":"2026-01-01T07:00:00Z","kind":"symptoms","values":{"cough":4}}"#, "cough"),
        (r#"{"patient":"p","at":"2026-01-01T07:00:00Z","kind":"pause"}"#, "until"),
        (
            r#"{"patient":"p","at":"2026-01-01T07:00:00Z","kind":"weight","outcome":"maybe","values":{}}"#,
            "maybe",
        ),
        (r#"{"patient":"p","at":"2026-01-01T07:00:00Z","kind":"dialogue"}"#, "dialogue"),
        (
            r#"{"patient":"p","at":"2026-01-01T07:00:00Z","kind":"dialogue","dialogue":{"questionnaire":"urn:vagen:questionnaire:whose-reading","version":"1","answers":{"whose":["the cat"]}}}"#,
            "dialogue",
        ),
    ];
    for (bad, holds) in rows {
        let zone = TimeZone::get("Europe/Stockholm").expect("bundled");
        let mut replay = Replay::new(Policy::recommended().clone(), zone);
        replay.feed("").expect("a blank line is passed over");
        let error = replay.feed(bad).expect_err(bad);
        assert_eq!(error.line, 2, "{bad}");
        assert!(error.to_string().contains(holds), "{bad}: {error}");
    }
}

/// A version of a tree that this program does not have: the end of the same name stands in, and what is unknown altogether
/// is passed over, as the published interface says of keys that are not known.
#[test]
fn a_dialogue_of_another_version_keeps_its_end() {
    let dialogue = |name: &str, version: &str, outcome: &str| {
        line(&format!(
            r#""kind":"dialogue","dialogue":{{"questionnaire":"urn:vagen:questionnaire:{name}","version":"{version}","outcome":"{outcome}","answers":{{"gone":["yes"]}}}}"#
        ))
    };
    let rows = [
        ("whose-reading", "999", "others", vec![(Problem::DataQuality, Priority::Routine)]),
        ("whose-reading", "999", "gone", vec![]),
        ("gone", "1", "others", vec![]),
    ];
    for (name, version, outcome, expected) in rows {
        let tasks = replay(&[dialogue(name, version, outcome)]);
        let told: Vec<_> = tasks.iter().map(|task| (task.problem, task.priority)).collect();
        assert_eq!(told, expected, "{name} {version} {outcome}");
    }
}

/// The published interface's own example of a task: its keys, in its order.
#[test]
fn a_task_is_written_with_the_promised_keys() {
    let tasks =
        replay(&[line(r#""kind":"blood_pressure","values":{"systolic_mmhg":190,"diastolic_mmhg":100}"#)]);
    let text = serde_json::to_string(&tasks[0]).expect("a task");
    let mut from = 0;
    for key in [
        "patient",
        "opened_at",
        "closed_at",
        "priority",
        "problem",
        "reasons",
        "rule",
        "policy_version",
        "observed",
        "limit",
        "unit",
        "text_sv",
        "text_en",
        "reading_ids",
    ] {
        let place = text[from..].find(&format!("\"{key}\":")).unwrap_or_else(|| panic!("{key} in {text}"));
        from += place;
    }
    assert!(text.contains(r#""closed_at":null"#), "{text}");
}
