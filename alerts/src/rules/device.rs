//! Measurements that the device says failed.
//!
//! **Opens** a `device` case, for measuring support, at the policy's number of failures of one kind within its hours, or
//! failures on its number of local days, with no measured value of that kind between. **Closes** by itself when a value of
//! that kind is measured again; triage does that.
//!
//! **Invariant:** a measured value wipes out the failures before it.

use std::collections::BTreeSet;

use vitals::{Kind, Timestamp};

use super::{Case, Seen};
use crate::finding::{Priority, Problem};
use crate::state::{Entry, Glance, Source, whole};
use crate::words::Bilingual;

/// More failures than this in a row are not counted.
const COUNTED_MAX: usize = 20;

pub(super) fn see(case: &Case<'_>) -> Option<Seen> {
    let rule = case.input.tuning.rules.device.filter(|_| case.set_off(Glance::FAILED))?;
    let Source::Vitals(kind) = case.sample.source else { return None };
    let attempts = || case.input.recent.iter().rev().filter(|entry| entry.sample.is_attempt(kind));
    let latest = attempts().next().filter(|latest| latest.name.to_id().as_ref() == Some(&case.reading.id))?;
    let failures: Vec<&Entry> =
        attempts().take_while(|attempt| attempt.sample.is_failure()).take(COUNTED_MAX).collect();
    let span_ms = whole(rule.hours) * Timestamp::HOUR_MS;
    let latest_at = latest.sample.at;
    let close =
        failures.iter().filter(|failure| latest_at.millis_since(failure.sample.at) <= span_ms).count();
    let dates: BTreeSet<_> = failures.iter().map(|failure| case.input.days.day(failure.sample.at)).collect();
    let many = i64::try_from(close).unwrap_or(i64::MAX);
    let days = i64::try_from(dates.len()).unwrap_or(i64::MAX);
    let often = many >= whole(rule.failures);
    if !often && days < whole(rule.days) {
        return None;
    }
    let (name_sv, name_en) = names(kind);
    let (count, limit) = if often { (many, rule.failures) } else { (days, rule.days) };
    let text = if often {
        Bilingual::of(
            format!("{name_sv} misslyckades {count} gånger i rad"),
            format!("{name_en} failed {count} times in a row"),
        )
    } else {
        Bilingual::of(
            format!("{name_sv} har misslyckats {count} dagar"),
            format!("{name_en} has failed on {count} days"),
        )
    };
    Some(Seen {
        problem: Problem::Device,
        priority: Priority::Routine,
        rule: rule_name(kind),
        observed: u32::try_from(count).ok().map(f64::from),
        limit: Some(limit),
        unit: "",
        text,
        readings: failures.iter().rev().filter_map(|failure| failure.name.to_id()).collect(),
    })
}

/// The rule's name in a reason, so that a case can tell what would resolve it.
pub(crate) const fn rule_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Weight | Kind::BodyComposition => "failed_weight",
        Kind::BloodPressure | Kind::CuffPressure => "failed_blood_pressure",
        Kind::PulseOximetry => "failed_pulse_oximetry",
        Kind::Temperature => "failed_temperature",
        Kind::HeartRate => "failed_heart_rate",
        Kind::Clock => "failed_clock",
    }
}

/// What was tried, in words.
const fn names(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::Weight | Kind::BodyComposition => ("vägningen", "weighing"),
        Kind::BloodPressure | Kind::CuffPressure => ("blodtrycksmätningen", "blood pressure measurement"),
        Kind::PulseOximetry => ("mätningen av syremättnad", "oxygen measurement"),
        Kind::Temperature => ("temperaturmätningen", "temperature measurement"),
        Kind::HeartRate => ("pulsmätningen", "heart rate measurement"),
        Kind::Clock => ("klockan", "the clock"),
    }
}
