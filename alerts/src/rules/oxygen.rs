//! Oxygen saturation below its limits.
//!
//! **Opens** at the second reading in a row below `low_percent`, or at once below `urgent_percent` unless the clip itself
//! reports a weak signal or movement. Every further such reading joins. **Closes** by staff.
//!
//! **Invariant:** a value taken with a weak signal never counts alone.

use vitals::{Content, Flag, Reading};

use super::limits::before;
use super::pressure::readings;
use super::{Case, Seen};
use crate::chart::Chart;
use crate::finding::{Priority, Problem};
use crate::policy::Rules;
use crate::words::{Bilingual, number};

pub(super) fn see(case: &Case<'_>) -> Option<Seen> {
    let rule = case.rules.oxygen?;
    let series = case.input.chart.spo2();
    let point = series.of(case.reading).filter(|point| point.doubt.is_none())?;
    if point.value >= rule.low_percent {
        return None;
    }
    let earlier = before(series, &point.id, point.at, rule.repeat_days)
        .filter(|earlier| earlier.value < rule.low_percent);
    let very_low = point.value < rule.urgent_percent;
    if earlier.is_none() && (!very_low || has_weak_signal(&case.reading.content)) {
        return None;
    }
    let limit_percent = if very_low { rule.urgent_percent } else { rule.low_percent };
    let (value, limit) = (number(point.value, 0), number(limit_percent, 0));
    Some(Seen {
        problem: Problem::Oxygen,
        priority: if very_low { Priority::Urgent } else { Priority::Soon },
        rule: "spo2_low",
        observed: Some(point.value),
        limit: Some(limit_percent),
        unit: "%",
        text: Bilingual::of(
            format!("syremättnad {} %, under gränsen {}", value.sv, limit.sv),
            format!("oxygen saturation {} %, below the limit {}", value.en, limit.en),
        ),
        readings: readings(earlier, &point.id),
    })
}

/// Whether the saturation of `reading` lies below a limit.
pub(super) fn is_beyond(rules: &Rules, chart: &Chart, reading: &Reading) -> bool {
    let (Some(rule), Some(point)) = (rules.oxygen, chart.spo2().of(reading)) else { return false };
    point.value < rule.low_percent
}

fn has_weak_signal(content: &Content) -> bool {
    match content {
        Content::Vitals { flags, .. } => {
            [Flag::LowPerfusion, Flag::Movement, Flag::Ongoing].iter().any(|flag| flags.contains(flag))
        }
        Content::Symptoms(_) => false,
    }
}
