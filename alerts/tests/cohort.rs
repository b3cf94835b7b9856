//! The recommended policy over made people: a short form of the report, so that a change that loses events or calls wolf fails.
//!
//! The bounds are the promise of the policy, less what chance does to so few people; the report has the figures.

#![allow(missing_docs, clippy::cast_precision_loss, clippy::cast_possible_truncation)]

// The benchmark uses more of these than this test does.
#[allow(dead_code)]
#[path = "../../benches/cohort/assumptions.rs"]
mod assumptions;
#[allow(dead_code)]
#[path = "../../benches/cohort/dice.rs"]
mod dice;
#[path = "../../benches/cohort/home.rs"]
mod home;
#[allow(dead_code)]
#[path = "../../benches/cohort/judge.rs"]
mod judge;
#[path = "../../benches/cohort/life.rs"]
mod life;
#[allow(dead_code)]
#[path = "../../benches/cohort/runs.rs"]
mod runs;
#[allow(dead_code)]
#[path = "../../benches/cohort/textbook.rs"]
mod textbook;

use alerts::Policy;
use assumptions::{Assumptions, variants};
use judge::{Tally, judge};
use runs::Cohort;
use textbook::TEXTBOOKS;

/// Neither tuned on nor judged on.
const SEED: u64 = 77;

fn people(short: usize) -> usize {
    if std::env::var_os("VAGEN_TESTS_LONG").is_some() { 1000 } else { short }
}

fn figures(assumptions: &Assumptions, policy: &Policy, people: usize) -> Tally {
    Cohort { assumptions, seeds: &[SEED], people_per_seed: people }.replay(policy).sum()
}

#[test]
fn the_recommended_policy_keeps_its_promise() {
    let base = Assumptions::default();
    let found = figures(&base, Policy::recommended(), people(240));
    // 0.60 at 2.0 is promised; some 140 events have a standard error of 0.04, as many false tasks one of 0.1.
    assert!(found.sensitivity() >= 0.52, "sensitivity {:.2}", found.sensitivity());
    assert!(found.false_per_year() <= 2.2, "{:.2} false a year", found.false_per_year());
    assert!(found.early_3() >= 0.24, "found three days before {:.2}", found.early_3());
    assert!(found.sensitivity() > 5.0 * found.chance(), "chance {:.2}", found.chance());
}

/// The same frozen policy where people differ from those it was set on.
#[test]
fn the_promise_bends_and_does_not_break_when_people_differ() {
    let asked = ["weights 30 % noisier, and drifting", "symptoms and pulse that also change benignly"];
    for variant in variants().into_iter().filter(|variant| asked.contains(&variant.name)) {
        let found = figures(&variant.assumptions, Policy::recommended(), people(120));
        let name = variant.name;
        // 0.50 at 2.6 is promised.
        assert!(found.sensitivity() >= 0.40, "{name}: sensitivity {:.2}", found.sensitivity());
        assert!(found.false_per_year() <= 2.9, "{name}: {:.2} false a year", found.false_per_year());
    }
}

/// Whose answers swing is not called about much more than others: the same frozen policy keeps its false tasks within half as many
/// again, less what chance does to so few people. Version 3 had 1.48 times as many (2.67 and 1.80 on seeds 9101-9103).
#[test]
fn who_answers_more_than_others_is_called_about_little_more() {
    let talkative = variants().into_iter().find(|variant| variant.name.starts_with("talkative"));
    let talkative = talkative.expect("the variant").assumptions;
    let [base, talkative] = [Assumptions::default(), talkative]
        .map(|assumptions| figures(&assumptions, Policy::recommended(), people(240)).false_per_year());
    assert!(talkative <= 1.45 * base, "{talkative:.2} against {base:.2} false a year");
}

/// The made cohort is believable: textbook detectors do on it about what they did on another one, within what differences
/// of detail explain. Rows: the detector's place, sensitivity and false tasks a year elsewhere.
#[test]
fn textbook_detectors_do_what_they_did_elsewhere() {
    let base = Assumptions::default();
    let cohort = Cohort { assumptions: &base, seeds: &[SEED], people_per_seed: people(400) };
    let elsewhere = [(0.21, 5.3), (0.21, 7.4), (0.40, 5.4), (0.38, 5.1), (0.13, 0.2)];
    for (textbook, (sensitivity, false_per_year)) in TEXTBOOKS.iter().zip(elsewhere) {
        let found = Tally::sum(&cohort.judge(|home| textbook.detector.alarms(home, textbook.threshold)));
        let name = textbook.name;
        assert!((found.sensitivity() - sensitivity).abs() < 0.12, "{name}: {:.2}", found.sensitivity());
        assert!(
            (found.false_per_year() - false_per_year).abs() < 1.2,
            "{name}: {:.1}",
            found.false_per_year()
        );
    }
}

/// What happens, the days of tasks, the days of events, and how many are found, three and five days before, and false.
type Row = (&'static str, &'static [f64], &'static [f64], [u32; 4]);

/// To add a case, add a row: days of tasks, days of events, how many found, three and five days before, false. By hand from
/// the published rule.
#[test]
fn tasks_are_judged_as_the_published_interface_says() {
    let rows: [Row; 10] = [
        ("nothing", &[], &[], [0; 4]),
        ("an event that nothing told", &[], &[50.0], [0; 4]),
        ("fourteen days before counts", &[36.0], &[50.0], [1, 1, 1, 0]),
        ("more than fourteen is false", &[35.9], &[50.0], [0, 0, 0, 1]),
        ("the first one's lead", &[44.0, 49.0], &[50.0], [1, 1, 1, 0]),
        ("the evening before", &[49.5], &[50.0], [1, 0, 0, 0]),
        ("twelve days after is not false", &[62.0], &[50.0], [0; 4]),
        ("thirteen days after is", &[63.0], &[50.0], [0, 0, 0, 1]),
        ("within 72 hours they are one", &[100.0, 102.0, 103.0], &[], [0, 0, 0, 1]),
        ("past 72 hours they are two", &[100.0, 103.5], &[], [0, 0, 0, 2]),
    ];
    for (name, tasks, events, expected) in rows {
        let tally = judge(tasks, events, 1.0);
        let counts =
            [tally.found, tally.found_3_days, tally.found_5_days, tally.wrong].map(|count| count as u32);
        assert_eq!(counts, expected, "{name}");
    }
}
