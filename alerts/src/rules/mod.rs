//! What the rules of a policy see in a chart: one file for each family, and [`assess`], which asks them all.
//!
//! Each rule says in its own words when a case opens and when it closes. A case also closes when staff close it; a
//! replay, where nobody acts, closes it when no finding has joined for the policy's `case_quiet_days`.
//!
//! **Invariants:** the answer depends on the [`Input`] alone; it is the same for the same input, and total: whatever the
//! chart holds, `assess` returns.

mod decompensation;
pub(crate) mod device;
mod doubt;
mod limits;
mod oxygen;
mod pressure;
mod pulse;
pub(crate) mod silence;
mod symptom_signs;
mod symptoms;
mod vital_signs;
mod weight_jump;
mod weight_sign;

use jiff::tz::TimeZone;
use vitals::{Reading, ReadingId, Timestamp};

use crate::calendar::local_date;
use crate::chart::Chart;
use crate::finding::{Finding, Priority, Problem, Reason};
use crate::policy::{Policy, Rules};
use crate::words::{Bilingual, day_month};

/// What made somebody ask.
#[derive(Clone, Copy, Debug)]
pub enum Trigger<'a> {
    /// This reading arrived; the chart already holds it.
    Reading(&'a Reading),
    /// Time passed, or something other than a reading changed.
    Clock,
}

/// Everything a judgement rests on.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The limits.
    pub policy: &'a Policy,
    /// The patient's chart, with the trigger's reading folded in.
    pub chart: &'a Chart,
    /// What made somebody ask.
    pub trigger: Trigger<'a>,
    /// The time of asking.
    pub now: Timestamp,
    /// The patient's time zone: a day of silence is a day there.
    pub zone: &'a TimeZone,
}

/// What every rule of the policy sees, in a stable order: clinical first.
#[must_use]
pub fn assess(input: &Input<'_>) -> Vec<Finding> {
    let (rules, unused) = input.policy.rules_for(input.chart.overrides());
    let mut seen = Vec::new();
    match input.trigger {
        Trigger::Reading(reading) => {
            let case = Case { input, rules: &rules, reading };
            seen.extend(decompensation::see(&case));
            seen.extend(weight_jump::see(&case));
            seen.extend(symptoms::see(&case));
            seen.extend(pressure::see(&case));
            seen.extend(pulse::see(&case));
            seen.extend(oxygen::see(&case));
            seen.extend(doubt::see(&case));
            seen.extend(device::see(&case));
        }
        Trigger::Clock => {
            seen.extend(silence::see(input, &rules));
            seen.extend(unusable_limits(&unused));
        }
    }
    seen.into_iter().map(|seen| seen.into_finding(input)).collect()
}

/// A reading under judgement.
#[derive(Clone, Copy)]
struct Case<'a> {
    input: &'a Input<'a>,
    rules: &'a Rules,
    reading: &'a Reading,
}

/// What a rule saw, before it is dated and signed with the policy's version.
#[derive(Clone, Debug)]
struct Seen {
    problem: Problem,
    priority: Priority,
    rule: &'static str,
    observed: Option<f64>,
    limit: Option<f64>,
    unit: &'static str,
    text: Bilingual,
    readings: Vec<ReadingId>,
}

impl Seen {
    fn into_finding(self, input: &Input<'_>) -> Finding {
        let mut text = self.text;
        let mut late = false;
        if let Trigger::Reading(reading) = input.trigger
            && reading.received_at.max(input.now).millis_since(reading.at) >= input.policy.late_after_ms()
        {
            late = true;
            let day = day_month(local_date(reading.at, input.zone));
            text.sv.push_str(&format!(" (mätt {}, kom sent)", day.sv));
            text.en.push_str(&format!(" (measured {}, arrived late)", day.en));
        }
        Finding {
            problem: self.problem,
            priority: self.priority,
            at: input.now,
            late,
            reason: Reason {
                rule: self.rule.to_owned(),
                policy_version: input.policy.version().to_owned(),
                observed: self.observed.map(rounded),
                limit: self.limit.map(rounded),
                unit: self.unit.to_owned(),
                text_sv: text.sv,
                text_en: text.en,
            },
            readings: self.readings,
        }
    }
}

/// Numbers in reasons carry two decimals: finer than any device, and the same wherever they are computed.
fn rounded(number: f64) -> f64 {
    let hundredths = (number * 100.0).round() / 100.0;
    if hundredths == 0.0 { 0.0 } else { hundredths }
}

/// A patient's own limits that fit no rule of this policy. Opens: when one is set. Closes: by staff, who correct it.
fn unusable_limits(keys: &[String]) -> Option<Seen> {
    if keys.is_empty() {
        return None;
    }
    let mut named = keys.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
    if keys.len() > 5 {
        named.push_str(", ...");
    }
    Some(Seen {
        problem: Problem::Technical,
        priority: Priority::Soon,
        rule: "unusable_limit",
        observed: None,
        limit: None,
        unit: "",
        text: Bilingual::of(
            format!("Personens egna gränser används inte, för de passar inte policyn: {named}"),
            format!("The person's own limits are not in use, for they do not fit the policy: {named}"),
        ),
        readings: Vec::new(),
    })
}

/// Points that grow from 0 at `from` to 1 at `full`.
fn ramp(value: f64, from: f64, full: f64) -> f64 {
    if full <= from {
        return if value > from { 1.0 } else { 0.0 };
    }
    ((value - from) / (full - from)).clamp(0.0, 1.0)
}

/// The nearest whole number of days.
#[allow(clippy::cast_possible_truncation)]
fn whole_days(days: f64) -> i64 {
    days.round() as i64
}

/// Whether a value lies beyond a limit, so that the patient should measure once more: said to the patient, while it takes
/// a second such value, or an extreme one, to tell staff.
#[must_use]
pub(crate) fn asks_for_repeat(reading: &Reading, chart: &Chart, policy: &Policy) -> bool {
    let rules = policy.rules_for(chart.overrides()).0;
    pressure::is_beyond(&rules, chart, reading)
        || pulse::is_beyond(&rules, chart, reading)
        || oxygen::is_beyond(&rules, chart, reading)
}
