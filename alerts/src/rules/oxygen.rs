//! Oxygen saturation below its limits.
//!
//! **Opens** at the second reading in a row below `low_percent`, or at once below `urgent_percent` unless the clip itself
//! reports a weak signal or movement. Every further such reading joins; where the policy has a hysteresis,
//! only one below `urgent_percent`, until one lies above the limit by it. **Closes** by staff.
//!
//! **Invariant:** a value taken with a weak signal never counts alone.

use vitals::{Quantity, ReadingId, Timestamp};

use super::pressure::readings;
use super::{Case, Seen};
use crate::finding::{Priority, Problem};
use crate::state::{Glance, Sample, Tuning};
use crate::words::{Bilingual, number};

pub(super) fn see(case: &Case<'_>) -> Option<Seen> {
    let rule = case.input.tuning.rules.oxygen?;
    if !case.set_off(Glance::SPO2_LOW) {
        return None;
    }
    let (at, own) = (case.reading.at, case.sample.usable(Quantity::Spo2Percent));
    let own = own.map(|percent| (percent, at, case.reading.id.clone()));
    let before = |at, id: &_| {
        let before = case.input.recent.before(Quantity::Spo2Percent, at, id, rule.repeat_days);
        before.filter(|(earlier, _)| *earlier < rule.low_percent)
    };
    // A late one may be no more than what lets a value after it count: then it is that value which is told.
    let values = own.into_iter().chain(case.input.recent.after(Quantity::Spo2Percent, at));
    let mut low = values.filter(|(percent, ..)| *percent < rule.low_percent);
    let first = low.next()?;
    let counts = |(percent, at, id): &(f64, Timestamp, ReadingId)| {
        *percent < rule.urgent_percent || before(*at, id).is_some()
    };
    let (percent, at, id) = if counts(&first) { first } else { low.find(counts).unwrap_or(first) };
    let earlier = before(at, &id);
    let very_low = percent < rule.urgent_percent;
    let limit_percent = if very_low { rule.urgent_percent } else { rule.low_percent };
    let (value, limit) = (number(percent, 0), number(limit_percent, 0));
    Some(Seen {
        problem: Problem::Oxygen,
        priority: if very_low { Priority::Urgent } else { Priority::Soon },
        rule: "spo2_low",
        observed: Some(percent),
        limit: Some(limit_percent),
        unit: "%",
        text: Bilingual::of(
            format!("syremättnad {} %, under gränsen {}", value.sv, limit.sv),
            format!("oxygen saturation {} %, below the limit {}", value.en, limit.en),
        ),
        readings: readings(earlier.map(|(_, id)| id), &id),
    })
}

/// Whether the saturation of `sample` lies below a limit.
pub(super) fn is_beyond(sample: &Sample, tuning: &Tuning) -> bool {
    match (&tuning.rules.oxygen, sample.measured(Quantity::Spo2Percent)) {
        (Some(rule), Some(percent)) => percent < rule.low_percent,
        (Some(_) | None, _) => false,
    }
}
