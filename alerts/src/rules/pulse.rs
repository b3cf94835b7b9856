//! Pulse beyond its limits, which are narrower when symptoms go with it (BEAT-HF, table 1).
//!
//! **Opens** at the second reading in a row beyond the same side, or at once beyond an extreme limit, or below
//! the lower one with a clear symptom. Every further such reading joins. **Closes** by staff; readings within limits join nothing.
//!
//! **Invariant:** only resting pulses of cuffs and finger clips are judged.

use vitals::Reading;

use super::limits::{Feeling, Side, before, feeling};
use super::pressure::{beyond_text, readings};
use super::{Case, Seen};
use crate::chart::Chart;
use crate::finding::{Priority, Problem};
use crate::policy::{Pulse, Rules};
use crate::words::Bilingual;

pub(super) fn see(case: &Case<'_>) -> Option<Seen> {
    let rule = case.rules.pulse?;
    let chart = case.input.chart;
    let point = chart.pulse().of(case.reading).filter(|point| point.doubt.is_none())?;
    let feeling = feeling(chart, point.at, rule.symptom_hours);
    let (side, beyond) =
        sides(&rule).into_iter().find_map(|side| Some((side, side.beyond(point.value, feeling)?)))?;
    let earlier = before(chart.pulse(), &point.id, point.at, rule.repeat_days)
        .filter(|earlier| side.beyond(earlier.value, feeling).is_some());
    if earlier.is_none() && !beyond.stands_alone(feeling) {
        return None;
    }
    let urgent = beyond.extreme || feeling == Feeling::Clear;
    let said = beyond_text(point.value, earlier.map(|earlier| earlier.value), beyond, feeling, "/min");
    Some(Seen {
        problem: Problem::Pulse,
        priority: if urgent { Priority::Urgent } else { Priority::Soon },
        rule: if beyond.low { "pulse_low" } else { "pulse_high" },
        observed: Some(point.value),
        limit: Some(beyond.limit),
        unit: "/min",
        text: Bilingual::of(format!("puls {}", said.sv), format!("pulse {}", said.en)),
        readings: readings(earlier, &point.id),
    })
}

/// Whether the resting pulse of `reading` lies beyond a limit.
pub(super) fn is_beyond(rules: &Rules, chart: &Chart, reading: &Reading) -> bool {
    let (Some(rule), Some(point)) = (rules.pulse, chart.pulse().of(reading)) else { return false };
    let feeling = feeling(chart, reading.at, rule.symptom_hours);
    sides(&rule).iter().any(|side| side.beyond(point.value, feeling).is_some())
}

const fn sides(rule: &Pulse) -> [Side; 2] {
    [
        Side {
            low: true,
            limit: rule.low_per_min,
            limit_with_symptoms: rule.low_symptoms_per_min,
            extreme: rule.low_extreme_per_min,
        },
        Side {
            low: false,
            limit: rule.high_per_min,
            limit_with_symptoms: rule.high_symptoms_per_min,
            extreme: rule.high_extreme_per_min,
        },
    ]
}
