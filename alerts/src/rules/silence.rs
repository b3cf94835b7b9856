//! Silence: nothing heard from the patient, or no weight while other things are heard.
//!
//! The ladder (EMPOWER): day 2 a message to the patient, day 3 a call, day 4 a call to the next of kin, day 5 the
//! clinician is told, and again once a week. Days are local days; a day counts from the policy's hour. A hospital stay or
//! a pause excuses silence, and the days count anew from its end. For who by habit or by plan measures more seldom than
//! daily, every step waits as much longer, and counts the days of the week that the plan asks for (`state/waiting.rs`).
//!
//! **Opens** a `silence` case at the first step, and each step joins with its priority. **Closes** by itself when a recent
//! reading arrives. `missing_measurement` opens when a person who weighs themselves is heard of, but no weight comes for
//! `missing_weight_days`; it closes by itself with the next weight.
//!
//! **Invariant:** nothing is expected of a patient who was never heard of, until a discharge or a pause says from when,
//! nor of one whose monitoring ended.

use jiff::ToSpan;
use jiff::civil::Date;
use vitals::Timestamp;

use super::{Input, Seen};
use crate::calendar::local_date;
use crate::finding::{Priority, Problem, Reason};
use crate::policy::Silence;
use crate::schedule::Weekdays;
use crate::state::{Waiting, silent_days};
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
    ladder(input, since, &limits).or_else(|| missing_weight(input, &limits))
}

/// How many days a silence has lasted at a moment, beside the days on which its steps come.
struct Silent<'a> {
    days: u32,
    waiting: Waiting<'a>,
    first: Date,
    last: Date,
}

impl<'a> Silent<'a> {
    fn of(input: &Input<'_>, since: Timestamp, asked: Weekdays, limits: &'a Silence) -> Self {
        let zone = input.days.zone();
        let days = silent_days(since, input.now, limits, zone);
        let first = local_date(since, zone);
        let waiting = input.state.presence().waiting(limits, asked);
        Self { days, waiting, first, last: first.saturating_add(i64::from(days).days()) }
    }

    /// The day on which the step that the policy sets at `step_days` comes, if it has come.
    fn reached(&self, step_days: f64) -> Option<u32> {
        u32::try_from(self.waiting.day_of(self.first, step_days)).ok().filter(|day| self.days >= *day)
    }

    /// For who is not asked daily: how many of the days were asked for, in words.
    fn of_them_asked(&self) -> Bilingual {
        if self.waiting.asked == Weekdays::ALL {
            return Bilingual::of(String::new(), String::new());
        }
        let asked = self.waiting.asked.count_between(self.first, self.last);
        let (day_sv, day_en) =
            if asked == 1 { ("mätdag", "measuring day") } else { ("mätdagar", "measuring days") };
        Bilingual::of(format!(", {asked} {day_sv} enligt planen"), format!(", {asked} {day_en} by the plan"))
    }
}

fn ladder(input: &Input<'_>, since: Timestamp, limits: &Silence) -> Option<Seen> {
    let silent = Silent::of(input, since, input.tuning.measuring.any, limits);
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
    let (limit, (_, rule, priority, next_sv, next_en)) =
        steps.into_iter().find_map(|step| Some((silent.reached(step.0)?, step)))?;
    let (days, asked) = (silent.days, silent.of_them_asked());
    let text = Bilingual::of(
        format!("inga värden på {days} dagar{}; {next_sv}", asked.sv),
        format!("no values for {days} days{}; {next_en}", asked.en),
    );
    Some(seen(Problem::Silence, priority, rule, (days, limit), text))
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

fn missing_weight(input: &Input<'_>, limits: &Silence) -> Option<Seen> {
    let since = input.state.presence().weight_expected_since(input.now, limits)?;
    let silent = Silent::of(input, since, input.tuning.measuring.weight, limits);
    let limit = silent.reached(limits.missing_weight_days)?;
    let (days, asked) = (silent.days, silent.of_them_asked());
    let text = Bilingual::of(
        format!("ingen vikt på {days} dagar{}, men andra värden kommer", asked.sv),
        format!("no weight for {days} days{}, while other values come", asked.en),
    );
    Some(seen(Problem::MissingMeasurement, Priority::Routine, "missing_weight", (days, limit), text))
}

fn seen(
    problem: Problem,
    priority: Priority,
    rule: &'static str,
    (days, limit_days): (u32, u32),
    text: Bilingual,
) -> Seen {
    Seen {
        problem,
        priority,
        rule,
        observed: Some(f64::from(days)),
        limit: Some(f64::from(limit_days)),
        unit: "d",
        text,
        readings: Vec::new(),
    }
}
