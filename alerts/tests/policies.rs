//! Every policy that is shipped reads, names its sources, and passes its own worked examples.

#![allow(missing_docs)]

use alerts::{Policy, PolicyError};
use jiff::tz::TimeZone;

fn shipped() -> Vec<(String, String)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/policies");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("the folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .map(|path| (path.display().to_string(), std::fs::read_to_string(&path).expect("a text")))
        .collect();
    files.sort();
    files
}

#[test]
fn examples_hold_in_every_policy() {
    let zone = TimeZone::get("Europe/Stockholm").expect("bundled");
    let files = shipped();
    assert!(files.len() >= 2, "the folder holds the recommended policy and one to compare with");
    assert_eq!(Policy::shipped().len(), files.len(), "what the folder holds comes with the product");
    for (file, text) in files {
        let policy = Policy::parse(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(!policy.examples().is_empty(), "{file} has no examples");
        for example in policy.examples() {
            if let Err(error) = example.check(&policy, &zone) {
                panic!("{file}: {error}");
            }
        }
    }
}

/// A source that no number cites, or a citation without a source, is a slip.
#[test]
fn every_source_is_cited_and_every_number_says_why() {
    for (file, text) in shipped() {
        let policy = Policy::parse(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
        let before_sources = text.split("[[source]]").next().expect("a start");
        for source in policy.sources() {
            assert!(before_sources.contains(&source.key), "{file}: nothing cites {}", source.key);
        }
        for line in before_sources.lines() {
            let sets_number = line
                .split_once('=')
                .is_some_and(|(_, value)| value.trim_start().starts_with(|c: char| c.is_ascii_digit()));
            assert!(!sets_number || line.contains('#'), "{file}: no reason given for {line}");
        }
    }
}

/// To add a case, add a row: what to change in the recommended policy, and what the error must name.
#[test]
fn slips_of_the_pen_are_refused_by_name() {
    let good = include_str!("../policies/recommended.toml");
    let rows = [
        ("check_hour", "chekc_hour", "chekc_hour"),
        ("[rules.pulse]", "[rules.puls]", "puls"),
        ("\ntechnical = \"technician\"", "", "technical"),
        ("\ntechnical = \"technician\"", "\ntechnical = \"plumber\"", "plumber"),
        ("symptom_form_days = 2", "symptom_form_days = 0", "symptom_form_days"),
        ("systolic_high_mmhg = 170", "systolic_high_mmhg = 1700", "rules.blood_pressure.systolic_high_mmhg"),
        ("systolic_high_mmhg = 170", "systolic_high_mmhg = nan", "rules.blood_pressure.systolic_high_mmhg"),
        ("systolic_high_mmhg = 170", "systolic_high_mmhg = \"170\"", "systolic_high_mmhg"),
        ("call_patient_days = 3", "call_patient_days = 5", "call_patient_days"),
        ("opens = \"08:00\"", "opens = \"17:00\"", "due.opens"),
        ("office_hours = 8", "office_hours = 3", "follow_through.escalation"),
        ("join_hours = 72", "join_hours = 0", "follow_through.join_hours"),
        ("to = \"physician\"", "to = \"ward\"", "ward"),
        ("name = \"recommended\"", "name = \" \"", "name"),
        ("case_quiet_days = 8", "case_quiet_days = 8\ncase_loud_days = 8", "case_loud_days"),
    ];
    for (was, becomes, named) in rows {
        assert!(good.contains(was), "the row must change something: {was}");
        let refused: PolicyError = Policy::parse(&good.replacen(was, becomes, 1)).expect_err(becomes);
        assert!(refused.to_string().contains(named), "{becomes}: {refused}");
    }
    assert!(Policy::parse("").is_err() && Policy::parse("= =").is_err());
}
