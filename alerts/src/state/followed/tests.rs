//! Order of arrival, lateness, and what is kept.

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;
use proptest::prelude::*;
use vitals::{ClockClass, Content, Kind, Outcome, Quantity, Reading, Severity, Symptom};

use super::*;
use crate::policy::{Overrides, Policy};

fn at(minutes: i64) -> Timestamp {
    let start: Timestamp = "2026-01-01T06:00:00Z".parse().expect("a time");
    start.plus_millis(minutes * Timestamp::MINUTE_MS)
}

fn reading(number: usize, at: Timestamp, content: Content) -> ChartEvent {
    let id = format!("r{number}").parse().expect("an id");
    ChartEvent::Reading(Reading { id, patient: "p".parse().expect("an id"), at, received_at: at, content })
}

fn measured(kind: Kind, values: &[(Quantity, f64)]) -> Content {
    Content::Vitals {
        kind,
        outcome: Outcome::Measured,
        values: values.iter().copied().collect(),
        absent: BTreeMap::new(),
        flags: BTreeSet::new(),
        clock: ClockClass::Synced,
    }
}

fn content() -> impl Strategy<Value = Content> {
    let kg = prop_oneof![6 => 77.0..83.0f64, 1 => 20.0..190.0f64];
    prop_oneof![
        4 => kg.prop_map(|kg| measured(Kind::Weight, &[(Quantity::WeightKg, kg)])),
        2 => (70.0..200.0f64, 35.0..140.0f64).prop_map(|(systolic, pulse)| measured(
            Kind::BloodPressure,
            &[(Quantity::SystolicMmhg, systolic), (Quantity::DiastolicMmhg, 60.0), (Quantity::PulsePerMin, pulse)],
        )),
        1 => (85.0..100.0f64).prop_map(|percent| measured(Kind::PulseOximetry, &[(Quantity::Spo2Percent, percent)])),
        2 => prop::collection::vec((0..Symptom::ALL.len(), 0u8..=3), 0..6).prop_map(|answers| {
            let graded = |(symptom, grade): (usize, u8)| Some((Symptom::ALL[symptom], Severity::new(grade)?));
            Content::Symptoms(answers.into_iter().filter_map(graded).collect())
        }),
    ]
}

/// Up to 80 events within the 120 days that anything may be late, several of them at one moment, and an order of arrival.
fn history() -> impl Strategy<Value = (Vec<ChartEvent>, Vec<ChartEvent>)> {
    let minute = prop_oneof![3 => 0i64..160_000, 1 => (0i64..110).prop_map(|day| day * 1440)];
    let event = prop_oneof![
        12 => content().prop_map(Some),
        1 => Just(None),
    ];
    prop::collection::vec((minute, event, 0u8..4), 0..80).prop_flat_map(|events| {
        let events: Vec<ChartEvent> = events
            .into_iter()
            .enumerate()
            .map(|(number, (minute, content, staff))| match (content, staff) {
                (Some(content), _) => reading(number, at(minute), content),
                (None, 0) => ChartEvent::Admission { at: at(minute) },
                (None, 1) => ChartEvent::Discharge { at: at(minute) },
                (None, 2) => ChartEvent::Pause { at: at(minute), until: at(minute + 7_000) },
                (None, _) => ChartEvent::End { at: at(minute) },
            })
            .collect();
        (Just(events.clone()), Just(events).prop_shuffle())
    })
}

/// The recommended policy with everything optional in use.
fn tuning() -> Arc<Tuning> {
    let text = include_str!("../../../policies/recommended.toml")
        .lines()
        .filter(|line| {
            // What is added below may stand in the policy as well.
            !["personal_", "weight_swing_", "rearm_points", "hysteresis_", "usual_margin_", "habit_days_max"]
                .iter()
                .any(|key| line.starts_with(key))
        })
        .collect::<Vec<_>>()
        .join("\n")
        .replacen("[rules.decompensation]", "[rules.decompensation]\nrearm_points = 2\npersonal_share = 1\npersonal_usual = 0.2\npersonal_prior_count = 10\nweight_swing_factor = 1.6\nweight_swing_prior_kg = 0.4\nweight_swing_prior_count = 15", 1)
        .replacen("[rules.blood_pressure]", "[rules.blood_pressure]\nhysteresis_mmhg = 5\nusual_margin_mmhg = 15", 1)
        .replacen("[rules.pulse]", "[rules.pulse]\nhysteresis_per_min = 5\nusual_margin_per_min = 20", 1);
    Arc::new(Tuning::of(&Policy::parse(&text).expect("a policy"), &Overrides::default()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    /// The state folded event by event in any order of arrival is the one rebuilt from the whole history in order of time;
    /// what arrives twice counts once.
    #[test]
    fn the_folded_state_is_the_rebuilt_one((events, arrivals) in history()) {
        let (tuning, days) = (tuning(), LocalDays::new(TimeZone::get("Europe/Stockholm").expect("bundled")));
        let rebuilt = State::rebuild(&Recent::of(&events), &tuning, &days);
        let mut followed = Followed::new(Arc::clone(&tuning));
        for event in &arrivals {
            followed.fold(event, &days);
            if matches!(event, ChartEvent::Reading(_)) {
                prop_assert_eq!(followed.fold(event, &days), None, "sent twice");
            }
        }
        // What the latest sample set off is the one thing that depends on which came last.
        prop_assert_eq!(followed.state(), &rebuilt);
        followed.retune(tuning, &days);
        prop_assert_eq!(followed.state(), &rebuilt);
    }
}

proptest! {
    // Each case folds the whole history anew for each late reading.
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    /// A limit that is passed in order of time is told in any order of arrival; and a late reading sets off the same where the whole
    /// history is folded anew.
    #[test]
    fn a_limit_passed_is_told_in_any_order_of_arrival((events, arrivals) in history()) {
        let (tuning, days) = (tuning(), LocalDays::new(TimeZone::get("Europe/Stockholm").expect("bundled")));
        let (mut state, mut passed) = (State::new(), Glance::QUIET);
        for entry in Recent::of(&events).iter() {
            passed = passed.and(state.take(&entry.sample, &tuning, &days));
        }
        let (mut followed, mut told) = (Followed::new(Arc::clone(&tuning)), Glance::QUIET);
        for event in &arrivals {
            let before = *followed.state();
            let glance = followed.fold(event, &days).unwrap_or_default();
            told = told.and(glance);
            if let ChartEvent::Reading(reading) = event && before.is_late(&crate::state::Sample::of(reading)) {
                let (_, rebuilt) = before.rebuild_with(reading, followed.recent(), &tuning, &days);
                prop_assert_eq!(rebuilt, glance);
            }
        }
        prop_assert!(passed.let_in(told).is_quiet(), "passed {:?}, told {:?}", passed, told);
    }
}

/// A pause that is planned ahead is known to the copies of earlier days, and folded again with what comes late after them.
#[test]
fn a_pause_known_before_a_late_reading_stands_once() {
    let (tuning, days) = (tuning(), LocalDays::new(TimeZone::UTC));
    let weighing = |day: i64| {
        let number = usize::try_from(day).expect("a day");
        reading(number, at(day * 1440), measured(Kind::Weight, &[(Quantity::WeightKg, 80.0)]))
    };
    let pause = ChartEvent::Pause { at: at(8 * 1440), until: at(12 * 1440) };
    let events = [pause, weighing(5), weighing(7), weighing(6)];
    let mut followed = Followed::new(Arc::clone(&tuning));
    for event in &events {
        followed.fold(event, &days);
    }
    assert_eq!(followed.state(), &State::rebuild(&Recent::of(&events), &tuning, &days));
}

/// A year of daily weighings: no more than the days that may be late are kept, and one that is late within them is taken in as
/// if it had come in time.
#[test]
fn what_is_kept_is_bounded_and_enough() {
    let (tuning, days) = (tuning(), LocalDays::new(TimeZone::UTC));
    let weighing = |day: i64| {
        reading(
            usize::try_from(day).expect("a day"),
            at(day * 1440),
            measured(Kind::Weight, &[(Quantity::WeightKg, 80.0 + 0.1 * (day % 7) as f64)]),
        )
    };
    let (mut in_order, mut one_late) = (Followed::new(Arc::clone(&tuning)), Followed::new(tuning));
    for day in 0..365 {
        in_order.fold(&weighing(day), &days);
        if day != 260 {
            one_late.fold(&weighing(day), &days);
        }
    }
    let most = usize::try_from(LATE_DAYS_MAX + COPY_DAYS).expect("small");
    assert!(in_order.recent().len() <= most, "{}", in_order.recent().len());
    assert_ne!(one_late.state(), in_order.state());
    assert!(one_late.fold(&weighing(260), &days).is_some());
    assert_eq!(one_late.state(), in_order.state());
}
