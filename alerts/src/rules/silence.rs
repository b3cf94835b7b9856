//! Silence: nothing heard from the patient, or no weight while other things are heard.
//!
//! The ladder (EMPOWER): day 2 a message to the patient, day 3 a call, day 4 a call to the next of kin, day 5 the
//! clinician is told, and again once a week. Days are local days; a day counts from the policy's hour. A hospital stay or
//! a pause excuses silence, and the days count anew from its end.
//!
//! **Opens** a `silence` case at the first step, and each step joins with its priority. **Closes** by itself when a recent
//! reading arrives. `missing_measurement` opens when a person who weighs themselves is heard of, but no weight comes for
//! `missing_weight_days`; it closes by itself with the next weight.
//!
//! **Invariant:** nothing is expected of a patient who was never heard of, until a discharge or a pause says from when,
//! nor of one whose monitoring ended.

use super::{Input, Seen};
use crate::chart::{Chart, whole};
use crate::finding::{Priority, Problem};
use crate::policy::{Rules, Silence};
use crate::words::Bilingual;

/// The rule of the first step, whose action is a message to the patient.
pub(crate) const MESSAGE_RULE: &str = "silence_message";

pub(super) fn see(input: &Input<'_>, rules: &Rules) -> Option<Seen> {
    let limits = rules.silence?;
    if input.chart.ended().is_some_and(|ended| input.now > ended) {
        return None;
    }
    let since = input.chart.expected_since(input.now, &limits)?;
    let days = Chart::silent_days(since, input.now, &limits, input.zone);
    ladder(days, &limits).or_else(|| missing_weight(input, &limits))
}

fn ladder(days: u32, limits: &Silence) -> Option<Seen> {
    let steps = [
        (
            limits.clinician_days,
            "silence_clinician",
            Priority::Urgent,
            "dags för vårdgivaren att bedöma",
            "time for the clinician to judge",
        ),
        (
            limits.call_next_of_kin_days,
            "silence_call_next_of_kin",
            Priority::Soon,
            "ring närstående",
            "call the next of kin",
        ),
        (
            limits.call_patient_days,
            "silence_call_patient",
            Priority::Soon,
            "ring patienten",
            "call the patient",
        ),
        (
            limits.message_days,
            MESSAGE_RULE,
            Priority::Routine,
            "patienten har fått en påminnelse",
            "the patient was sent a reminder",
        ),
    ];
    let (step_days, rule, priority, next_sv, next_en) =
        steps.into_iter().find(|(step_days, ..)| i64::from(days) >= whole(*step_days))?;
    Some(seen(
        Problem::Silence,
        priority,
        rule,
        (days, step_days),
        Bilingual::of(
            format!("inga värden på {days} dagar; {next_sv}"),
            format!("no values for {days} days; {next_en}"),
        ),
    ))
}

fn missing_weight(input: &Input<'_>, limits: &Silence) -> Option<Seen> {
    let since = input.chart.weight_expected_since(input.now, limits)?;
    let days = Chart::silent_days(since, input.now, limits, input.zone);
    if i64::from(days) < whole(limits.missing_weight_days) {
        return None;
    }
    Some(seen(
        Problem::MissingMeasurement,
        Priority::Routine,
        "missing_weight",
        (days, limits.missing_weight_days),
        Bilingual::of(
            format!("ingen vikt på {days} dagar, men andra värden kommer"),
            format!("no weight for {days} days, while other values come"),
        ),
    ))
}

fn seen(
    problem: Problem,
    priority: Priority,
    rule: &'static str,
    (days, limit_days): (u32, f64),
    text: Bilingual,
) -> Seen {
    Seen {
        problem,
        priority,
        rule,
        observed: Some(f64::from(days)),
        limit: Some(limit_days),
        unit: "d",
        text,
        readings: Vec::new(),
    }
}
