//! What must not matter, checked on random histories: a normal reading, the unit of weight, the date, the neighbours.
//!
//! Everything goes through a replay, so it holds for the whole way from lines to tasks.

#![allow(missing_docs)]

use alerts::replay::{Replay, ReplayTask};
use alerts::{Policy, Priority, Problem};
use jiff::tz::TimeZone;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use vitals::Timestamp;

const POUNDS_IN_KG: f64 = 2.2046;

/// A day's values; each may be missing.
#[derive(Clone, Debug)]
struct Day {
    /// Away from the usual, kg.
    weight: Option<f64>,
    pressure: Option<(f64, f64, f64)>,
    grades: Option<[u8; 3]>,
}

fn day() -> impl Strategy<Value = Day> {
    let weight = proptest::option::weighted(0.85, -0.6..0.6f64);
    let pressure = proptest::option::weighted(0.6, (105.0..140.0f64, 60.0..80.0f64, 58.0..85.0f64));
    let grades = proptest::option::weighted(0.5, [0u8..=1, 0u8..=1, 0u8..=1]);
    (weight, pressure, grades).prop_map(|(weight, pressure, grades)| Day { weight, pressure, grades })
}

/// Six to thirteen weeks, in some of which the person worsens: from which day, by how much a day, for how many days.
fn year() -> impl Strategy<Value = (f64, Vec<Day>)> {
    let worse = proptest::option::weighted(0.9, (20usize..60, 0.15..0.35f64, 5usize..9, 1u8..=3));
    (55.0..95.0f64, proptest::collection::vec(day(), 42..90), worse).prop_map(|(usual, mut days, worse)| {
        if let Some((from, gain, length, grade)) = worse {
            for (step, day) in days.iter_mut().skip(from).take(length).enumerate() {
                day.weight = day.weight.map(|kg| kg + gain * (step + 1) as f64);
                day.grades = day.grades.map(|grades| grades.map(|one| if step > 2 { grade } else { one }));
            }
        }
        (usual, days)
    })
}

fn at(day: usize, minute: i64) -> Timestamp {
    let start: Timestamp = "2026-01-07T06:00:00Z".parse().expect("a time");
    start.plus_days(i64::try_from(day).expect("small")).plus_millis(minute * Timestamp::MINUTE_MS)
}

fn weight_line(patient: &str, at: Timestamp, kg: f64) -> String {
    format!(r#"{{"patient":"{patient}","at":"{at}","kind":"weight","values":{{"weight_kg":{kg}}}}}"#)
}

fn lines(patient: &str, usual: f64, days: &[Day], times: f64, first: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for (number, day) in days.iter().enumerate() {
        let number = first + number;
        if let Some(kg) = day.weight {
            lines.push(weight_line(patient, at(number, 0), (usual + kg) * times));
        }
        if let Some((systolic, diastolic, pulse)) = day.pressure {
            lines.push(format!(
                r#"{{"patient":"{patient}","at":"{}","kind":"blood_pressure","values":{{"systolic_mmhg":{systolic:.0},"diastolic_mmhg":{diastolic:.0},"pulse_per_min":{pulse:.0}}}}}"#,
                at(number, 3)
            ));
        }
        if let Some([breathlessness, orthopnoea, swelling]) = day.grades {
            lines.push(format!(
                r#"{{"patient":"{patient}","at":"{}","kind":"symptoms","values":{{"breathlessness":{breathlessness},"orthopnoea":{orthopnoea},"swelling":{swelling}}}}}"#,
                at(number, 6)
            ));
        }
    }
    lines
}

fn clinical(policy: &Policy, lines: impl IntoIterator<Item = String>) -> Vec<ReplayTask> {
    let zone = TimeZone::get("Europe/Stockholm").expect("bundled");
    let mut replay = Replay::new(policy.clone(), zone);
    for line in lines {
        replay.feed(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
    }
    replay.finish().tasks.into_iter().filter(|task| task.problem.is_clinical()).collect()
}

/// When, what and how urgent: what a nurse's list shows of tasks.
fn told(tasks: &[ReplayTask]) -> Vec<(Timestamp, Problem, Priority)> {
    tasks.iter().map(|task| (task.opened_at, task.problem, task.priority)).collect()
}

/// The recommended policy with every number of kilograms in its rules this many times as large.
fn in_other_unit(times: f64) -> Policy {
    let text = include_str!("../policies/recommended.toml").split("[[example]]").next().expect("a start");
    let scaled: Vec<String> = text
        .lines()
        .map(|line| match line.split_once('=') {
            Some((key, rest)) if key.trim().ends_with("_kg") => {
                let number: f64 = rest.split('#').next().expect("a number").trim().parse().expect("a number");
                format!("{key} = {:?}", number * times)
            }
            _ => line.to_owned(),
        })
        .collect();
    Policy::parse(&scaled.join("\n")).expect("a policy")
}

/// Whole histories are costly: a quarter of the usual number, which `PROPTEST_CASES` sets.
fn some() -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig { cases: usual.cases / 4, ..usual }
}

/// Were the histories too dull for any task, the properties below would say nothing.
#[test]
fn the_histories_are_worth_asking() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let opened = (0..60)
        .filter(|_| {
            let (usual, days) = year().new_tree(&mut runner).expect("a history").current();
            !clinical(Policy::recommended(), lines("p", usual, &days, 1.0, 0)).is_empty()
        })
        .count();
    assert!((20..58).contains(&opened), "{opened} of 60 open a task");
}

proptest! {
    #![proptest_config(some())]

    /// A reading at the usual - weight as it was in the quiet weeks, a pressure and a pulse in the middle, no symptom -
    /// opens no clinical task and makes none more urgent.
    #[test]
    fn a_normal_reading_never_raises_severity((usual, days) in year(), which in 0..3) {
        let policy = Policy::recommended();
        let before = lines("p", usual, &days, 1.0, 0);
        let next = days.len();
        let normal = Day {
            weight: (which == 0).then_some(0.0),
            pressure: (which == 1).then_some((122.0, 70.0, 70.0)),
            grades: (which == 2).then_some([0; 3]),
        };
        let more = lines("p", usual, &[normal], 1.0, next);
        let tasks = told(&clinical(policy, before.iter().cloned()));
        let with = told(&clinical(policy, before.into_iter().chain(more)));
        prop_assert_eq!(tasks, with);
    }

    /// Weights and limits in pounds give the same tasks as weights and limits in kilograms.
    #[test]
    fn scaling_units_changes_nothing((usual, days) in year()) {
        let kilograms = clinical(Policy::recommended(), lines("p", usual, &days, 1.0, 0));
        let pounds = clinical(&in_other_unit(POUNDS_IN_KG), lines("p", usual, &days, POUNDS_IN_KG, 0));
        prop_assert_eq!(told(&kilograms), told(&pounds));
    }

    /// The same history some weeks later gives the same tasks some weeks later. (Within one half of the year, for a day is a
    /// local day.)
    #[test]
    fn the_date_changes_nothing((usual, days) in year(), weeks in 1usize..10) {
        let policy = Policy::recommended();
        let now = clinical(policy, lines("p", usual, &days[..42.min(days.len())], 1.0, 90));
        let later = clinical(policy, lines("p", usual, &days[..42.min(days.len())], 1.0, 90 + 7 * weeks));
        let shifted: Vec<_> = told(&now)
            .into_iter()
            .map(|(at, problem, priority)| (at.plus_days(7 * i64::try_from(weeks).expect("small")), problem, priority))
            .collect();
        prop_assert_eq!(shifted, told(&later));
    }

    /// Whoever else is in the data changes nothing for a patient.
    #[test]
    fn neighbours_change_nothing((usual, days) in year(), (other, others) in year()) {
        let policy = Policy::recommended();
        let (mine, theirs) = (lines("p", usual, &days, 1.0, 0), lines("q", other, &others, 1.0, 0));
        let alone = clinical(policy, mine.iter().cloned());
        let mut mixed = Vec::new();
        let (mut mine, mut theirs) = (mine.into_iter(), theirs.into_iter());
        loop {
            let pair = [theirs.next(), mine.next()];
            if pair.iter().all(Option::is_none) {
                break;
            }
            mixed.extend(pair.into_iter().flatten());
        }
        let among: Vec<ReplayTask> =
            clinical(policy, mixed).into_iter().filter(|task| task.patient.as_str() == "p").collect();
        prop_assert_eq!(told(&alone), told(&among));
    }
}
