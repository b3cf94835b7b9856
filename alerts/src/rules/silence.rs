//! Silence: nothing heard from the patient, or no weight while other things are heard.
//!
//! The ladder (EMPOWER): day 2 a message to the patient, day 3 a call, day 4 a call to the next of kin, day 5 the
//! clinician is told, and again once a week. Days are local days; a day counts from the policy's hour. A hospital stay or
//! a pause excuses silence, and the days count anew from its end. For who by habit or by plan measures more seldom than
//! daily, every step waits as much longer (`state/presence.rs`).
//!
//! **Opens** a `silence` case at the first step, and each step joins with its priority. **Closes** by itself when a recent
//! reading arrives. `missing_measurement` opens when a person who weighs themselves is heard of, but no weight comes for
//! `missing_weight_days`; it closes by itself with the next weight.
//!
//! **Invariant:** nothing is expected of a patient who was never heard of, until a discharge or a pause says from when,
//! nor of one whose monitoring ended.

use super::{Input, Seen};
use crate::finding::{Priority, Problem, Reason};
use crate::policy::Silence;
use crate::state::{silent_days, whole};
use crate::words::Bilingual;

/// The rule of the first step, whose action is a message to the patient.
pub(crate) const MESSAGE_RULE: &str = "silence_message";
const CALL_PATIENT_RULE: &str = "silence_call_patient";
const CALL_NEXT_OF_KIN_RULE: &str = "silence_call_next_of_kin";

pub(super) fn see(input: &Input<'_>) -> Option<Seen> {
    let limits = input.tuning.rules.silence?;
    let presence = input.state.presence();
    if presence.ended().is_some_and(|ended| input.now > ended) {
        return None;
    }
    let since = presence.expected_since(input.now, &limits)?;
    let days = silent_days(since, input.now, &limits, input.days.zone());
    let longer = presence.usual_gap_days(&limits);
    ladder(days, longer, &limits).or_else(|| missing_weight(input, longer, &limits))
}

fn ladder(days: u32, longer: i64, limits: &Silence) -> Option<Seen> {
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
            CALL_NEXT_OF_KIN_RULE,
            Priority::Soon,
            "ring närstående",
            "call the next of kin",
        ),
        (limits.call_patient_days, CALL_PATIENT_RULE, Priority::Soon, "ring patienten", "call the patient"),
        (
            limits.message_days,
            MESSAGE_RULE,
            Priority::Routine,
            "patienten har fått en påminnelse",
            "the patient was sent a reminder",
        ),
    ];
    let (step_days, rule, priority, next_sv, next_en) =
        steps.into_iter().find(|(step_days, ..)| i64::from(days) >= whole(*step_days) + longer)?;
    Some(seen(
        Problem::Silence,
        priority,
        rule,
        (days, step_days + usual_gap(longer)),
        Bilingual::of(
            format!("inga värden på {days} dagar; {next_sv}"),
            format!("no values for {days} days; {next_en}"),
        ),
    ))
}

/// The days of a silence, less those by which its step waited for this person: what the policy's numbers are compared with.
pub(crate) fn days_past_habit(reason: &Reason, limits: &Silence) -> Option<f64> {
    let step_days = match reason.rule.as_str() {
        MESSAGE_RULE => limits.message_days,
        CALL_PATIENT_RULE => limits.call_patient_days,
        CALL_NEXT_OF_KIN_RULE => limits.call_next_of_kin_days,
        _ => limits.clinician_days,
    };
    Some(reason.observed? - (reason.limit? - step_days))
}

/// The person's usual gap as a number of a reason, days.
fn usual_gap(longer: i64) -> f64 {
    u32::try_from(longer).map_or(0.0, f64::from)
}

fn missing_weight(input: &Input<'_>, longer: i64, limits: &Silence) -> Option<Seen> {
    let since = input.state.presence().weight_expected_since(input.now, limits)?;
    let days = silent_days(since, input.now, limits, input.days.zone());
    if i64::from(days) < whole(limits.missing_weight_days) + longer {
        return None;
    }
    Some(seen(
        Problem::MissingMeasurement,
        Priority::Routine,
        "missing_weight",
        (days, limits.missing_weight_days + usual_gap(longer)),
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
