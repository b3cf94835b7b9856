//! What holds for every history: the order of arrival does not matter, and nothing makes the rules fail.

#![allow(missing_docs)]

use std::sync::Arc;

use alerts::replay::Replay;
use alerts::{
    Chart, ChartEvent, Folded, Followed, Glance, Input, LocalDays, OpenCase, Overrides, Policy, Priority,
    Problem, Situation, TaskChange, Trigger, Tuning, assess, triage,
};
use jiff::tz::TimeZone;
use proptest::prelude::*;
use vitals::{
    ClockClass, Content, Flag, Kind, Outcome, PatientId, Quantity, Reading, Severity, Symptom, Timestamp,
};

fn zone() -> TimeZone {
    TimeZone::get("Europe/Stockholm").expect("bundled")
}

fn patient() -> PatientId {
    "p".parse().expect("a label")
}

/// Values around what people have, and far outside it.
fn value() -> impl Strategy<Value = f64> {
    prop_oneof![4 => 75.0..90.0f64, 1 => 170.0..190.0f64, 1 => 30.0..50.0f64, 1 => -1e9..1e9f64]
}

fn vitals() -> impl Strategy<Value = Content> {
    (
        0..Kind::ALL.len(),
        prop_oneof![5 => Just(Outcome::Measured), 1 => Just(Outcome::Failed), 1 => Just(Outcome::Unstable), 1 => Just(Outcome::Stub)],
        proptest::collection::vec((0..Quantity::ALL.len(), value()), 0..6),
        proptest::collection::btree_set(0..Flag::ALL.len(), 0..2),
        0..ClockClass::ALL.len(),
    )
        .prop_map(|(kind, outcome, values, flags, clock)| Content::Vitals {
            kind: Kind::ALL[kind],
            outcome,
            values: values.into_iter().map(|(quantity, value)| (Quantity::ALL[quantity], value)).collect(),
            absent: std::collections::BTreeMap::new(),
            flags: flags.into_iter().map(|flag| Flag::ALL[flag]).collect(),
            clock: ClockClass::ALL[clock],
        })
}

fn weighing() -> impl Strategy<Value = Content> {
    value().prop_map(|kg| Content::Vitals {
        kind: Kind::Weight,
        outcome: Outcome::Measured,
        values: [(Quantity::WeightKg, kg)].into_iter().collect(),
        absent: std::collections::BTreeMap::new(),
        flags: std::collections::BTreeSet::new(),
        clock: ClockClass::Synced,
    })
}

fn form() -> impl Strategy<Value = Content> {
    proptest::collection::vec((0..Symptom::ALL.len(), 0u8..=3), 0..8).prop_map(|answers| {
        let graded = |(symptom, grade): (usize, u8)| Some((Symptom::ALL[symptom], Severity::new(grade)?));
        Content::Symptoms(answers.into_iter().filter_map(graded).collect())
    })
}

#[derive(Clone, Debug)]
enum What {
    Reading(Content),
    Admission,
    Discharge,
    Pause(i64),
    Override(f64),
    End,
}

fn what() -> impl Strategy<Value = What> {
    prop_oneof![
        8 => weighing().prop_map(What::Reading),
        6 => vitals().prop_map(What::Reading),
        4 => form().prop_map(What::Reading),
        1 => Just(What::Admission),
        1 => Just(What::Discharge),
        1 => (0i64..20).prop_map(What::Pause),
        1 => (0.0..300.0f64).prop_map(What::Override),
        1 => Just(What::End),
    ]
}

fn event(number: usize, what: What, at: Timestamp) -> ChartEvent {
    match what {
        What::Reading(content) => ChartEvent::Reading(Reading {
            id: format!("r{number}").parse().expect("a label"),
            patient: patient(),
            at,
            received_at: at,
            content,
        }),
        What::Admission => ChartEvent::Admission { at },
        What::Discharge => ChartEvent::Discharge { at },
        What::Pause(days) => ChartEvent::Pause { at, until: at.plus_days(days) },
        What::Override(limit) => {
            let mut overrides = Overrides::new();
            overrides.set("blood_pressure.systolic_high_mmhg", limit);
            ChartEvent::Override { at, overrides }
        }
        What::End => ChartEvent::End { at },
    }
}

fn minute(minutes: i64) -> Timestamp {
    let start: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a time");
    start.plus_millis(minutes * Timestamp::MINUTE_MS)
}

/// Up to 60 events at different minutes of 100 days, within a chart's length, and an order of arrival.
fn history() -> impl Strategy<Value = (Vec<ChartEvent>, Vec<ChartEvent>)> {
    proptest::collection::btree_map(0i64..144_000, what(), 0..60).prop_flat_map(|events| {
        let sorted: Vec<ChartEvent> =
            events.into_iter().enumerate().map(|(n, (at, what))| event(n, what, minute(at))).collect();
        (Just(sorted.clone()), Just(sorted).prop_shuffle())
    })
}

/// What care or ingest would do with the changes.
fn carry_out(open: &mut Vec<OpenCase>, changes: Vec<TaskChange>, now: Timestamp) {
    for change in changes {
        match change {
            TaskChange::Open { problem, priority, at, due_at, competence: _, findings } => {
                assert!(!findings.is_empty() && due_at >= at);
                assert!(open.iter().all(|case| case.problem != problem), "one open case of {problem:?}");
                let rules = findings.iter().map(|finding| finding.reason.rule.clone()).collect();
                let id = format!("{}-{}", problem.key(), at);
                open.push(OpenCase { id, problem, priority, opened_at: at, last_finding_at: at, rules });
            }
            TaskChange::Join { case, priority, due_at: _, findings } => {
                assert!(!findings.is_empty());
                let case = open.iter_mut().find(|open| open.id == case).expect("an open case");
                assert!(priority >= case.priority, "priority only rises");
                case.priority = priority;
                case.last_finding_at = now;
            }
            TaskChange::Close { case, why: _, at } => {
                assert!(at <= now);
                open.retain(|open| open.id != case);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn a_chart_is_the_same_in_any_order_of_arrival((sorted, shuffled) in history()) {
        let in_order = Chart::rebuild(patient(), &sorted);
        let mut folded = Chart::new(patient());
        for event in &shuffled {
            folded.fold(event);
        }
        prop_assert_eq!(&folded, &in_order);
        for event in &shuffled {
            if matches!(event, ChartEvent::Reading(reading) if reading.symptoms().is_some()) {
                prop_assert_eq!(folded.fold(event), Folded::Duplicate);
            }
        }
        prop_assert_eq!(&folded, &in_order, "what was sent twice counts once");
    }

    #[test]
    fn judging_is_total_and_keeps_one_case_a_problem((_, shuffled) in history(), live in any::<bool>()) {
        let (policy, zone, days) = (Policy::recommended(), zone(), LocalDays::new(zone()));
        let mut chart = Chart::new(patient());
        let mut followed = Followed::new(Arc::new(Tuning::of(policy, &Overrides::default())));
        let mut open: Vec<OpenCase> = Vec::new();
        let mut now = minute(0);
        for event in &shuffled {
            now = now.max(event.received_at());
            chart.fold(event);
            let glance = followed.fold(event, &days).unwrap_or(Glance::QUIET);
            let trigger = match event {
                ChartEvent::Reading(reading) => Trigger::Reading(reading),
                ChartEvent::Admission { .. }
                | ChartEvent::Discharge { .. }
                | ChartEvent::Pause { .. }
                | ChartEvent::Override { .. }
                | ChartEvent::Schedule { .. }
                | ChartEvent::End { .. } => Trigger::Clock,
            };
            let (tuning, state, recent) = (followed.tuning(), followed.state(), followed.recent());
            let input = Input { policy, tuning, state, recent, glance, trigger, now, days: &days };
            let findings = assess(&input);
            prop_assert_eq!(&findings, &assess(&input), "the same input gives the same answer");
            for finding in &findings {
                prop_assert!(finding.reason.observed.is_none_or(f64::is_finite));
                prop_assert!(!finding.reason.text_sv.is_empty() && !finding.reason.text_en.is_empty());
            }
            let situation = Situation { policy, open: &open, closed: &[], trigger, now, zone: &zone, quiet_closes: !live };
            let changes = triage(&situation, findings);
            carry_out(&mut open, changes, now);
            if let Some(next) = followed.state().next_check(followed.tuning(), &days, now) {
                prop_assert!(next > now, "time moves on");
            }
            let _ = alerts::dialogue::opening(Problem::Decompensation, &[], now, &zone);
            if let Trigger::Reading(reading) = trigger {
                prop_assert!(!alerts::dialogue::feedback(reading, &chart, policy).sv.is_empty());
            }
        }
        prop_assert!(open.iter().all(|case| case.priority >= Priority::Routine));
    }

    #[test]
    fn any_text_is_a_line_or_an_error(text in "\\PC*", day in 1i64..3_600_000, kg in -1e9..1e9f64) {
        let mut replay = Replay::new(Policy::recommended().clone(), zone());
        let _ = replay.feed(&text);
        let early = minute(0).plus_days(-700_000);
        for at in [early, early.plus_days(day % 9_000), early.plus_days(day % 9_000 + 40)] {
            let line = format!(r#"{{"patient":"p","at":"{at}","kind":"weight","values":{{"weight_kg":{kg}}}}}"#);
            prop_assert!(replay.feed(&line).is_ok(), "{}", line);
        }
        let _ = replay.finish();
    }

    #[test]
    fn any_text_is_a_policy_or_an_error(text in "\\PC*") {
        let _ = Policy::parse(&text);
    }
}
