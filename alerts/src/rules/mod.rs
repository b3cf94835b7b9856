//! What the rules of a policy say: one file for each family, and [`assess`], which asks them all.
//!
//! What counts is decided in [`crate::state`], reading by reading; here it is put into words and traced to readings. Each
//! rule says in its own words when a case opens and when it closes. A case also closes when staff close it; a
//! replay, where nobody acts, closes it when no finding has joined for the policy's `case_quiet_days`.
//!
//! **Invariants:** the answer depends on the [`Input`] alone; it is the same for the same input, and total: whatever the
//! state and the history hold, `assess` returns.

mod decompensation;
pub(crate) mod device;
mod doubt;
mod oxygen;
mod pressure;
mod pulse;
pub(crate) mod silence;
mod symptoms;
mod weight;

pub(crate) use symptoms::names;

use vitals::{Reading, ReadingId, Timestamp};

use crate::calendar::local_date;
use crate::chart::Chart;
use crate::finding::{Finding, Priority, Problem, Reason};
use crate::policy::Policy;
use crate::state::{Glance, LocalDays, Recent, Sample, State, Tuning};
use crate::words::{Bilingual, day_month};

/// What made somebody ask.
#[derive(Clone, Copy, Debug)]
pub enum Trigger<'a> {
    /// This reading arrived; the state and the history already hold it.
    Reading(&'a Reading),
    /// Time passed, or something other than a reading changed.
    Clock,
}

/// Everything a judgement rests on.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// Whose version is named.
    pub policy: &'a Policy,
    /// The policy's rules with the patient's own limits laid over them.
    pub tuning: &'a Tuning,
    /// The patient's state, with the trigger's reading folded in.
    pub state: &'a State,
    /// The history of the last months, with the trigger's reading. Not looked at while the glance is quiet.
    pub recent: &'a Recent,
    /// What the trigger's reading set off.
    pub glance: Glance,
    /// What made somebody ask.
    pub trigger: Trigger<'a>,
    /// The time of asking.
    pub now: Timestamp,
    /// The patient's days.
    pub days: &'a LocalDays,
}

/// What every rule of the policy sees, in a stable order: clinical first.
#[must_use]
pub fn assess(input: &Input<'_>) -> Vec<Finding> {
    match input.trigger {
        Trigger::Reading(_) if input.glance.is_quiet() => Vec::new(),
        Trigger::Reading(reading) => {
            let seen = see(&Case { input, reading, sample: Sample::of(reading) });
            seen.into_iter().map(|seen| seen.into_finding(input)).collect()
        }
        Trigger::Clock => {
            let silence = silence::see(input);
            let seen = silence.into_iter().chain(unusable_limits(input.tuning.unusable_limits()));
            seen.map(|seen| seen.into_finding(input)).collect()
        }
    }
}

fn see(case: &Case<'_>) -> Vec<Seen> {
    let mut seen = decompensation::see(case);
    seen.extend(weight::see(case));
    seen.extend(symptoms::see(case));
    seen.extend(pressure::see(case));
    seen.extend(pulse::see(case));
    seen.extend(oxygen::see(case));
    seen.extend(doubt::see(case));
    seen.extend(device::see(case));
    seen
}

/// A reading under judgement.
#[derive(Clone, Copy)]
struct Case<'a> {
    input: &'a Input<'a>,
    reading: &'a Reading,
    sample: Sample,
}

impl Case<'_> {
    /// Whether the reading set off any of `what`.
    const fn set_off(&self, what: Glance) -> bool {
        self.input.glance.has(what)
    }
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
            let day = day_month(local_date(reading.at, input.days.zone()));
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

/// The nearest whole number of days.
#[allow(clippy::cast_possible_truncation)]
fn whole_days(days: f64) -> i64 {
    days.round() as i64
}

/// Whether a value lies beyond a limit, so that the patient should measure once more: said to the patient, while it takes
/// a second such value, or an extreme one, to tell staff.
#[must_use]
pub(crate) fn asks_for_repeat(reading: &Reading, chart: &Chart, policy: &Policy) -> bool {
    let tuning = Tuning::of(policy, chart.overrides());
    // How somebody feels is a matter of days; which midnight divides them makes no difference to a repeat.
    let days = LocalDays::new(jiff::tz::TimeZone::UTC);
    let state = State::rebuild(chart.recent(), &tuning, &days);
    let (sample, day) = (Sample::of(reading), days.day(reading.at));
    pressure::is_beyond(&sample, &state, day, &tuning)
        || pulse::is_beyond(&sample, &state, day, &tuning)
        || oxygen::is_beyond(&sample, &tuning)
}
