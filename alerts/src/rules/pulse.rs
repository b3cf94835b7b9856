//! Pulse beyond its limits, which are narrower when symptoms go with it (BEAT-HF, table 1).
//!
//! **Opens** at the second reading in a row beyond the same side, or at once beyond an extreme limit, or below
//! the lower one with a clear symptom. Every further such reading joins, until one lies inside the limit by the policy's
//! hysteresis. **Closes** by staff; readings within limits join nothing.
//!
//! **Invariant:** only resting pulses of cuffs and finger clips are judged.

use vitals::Quantity;

use super::pressure::{Words, beyond};
use super::{Case, Seen};
use crate::finding::Problem;
use crate::state::{Glance, Sample, State, Tuning};

pub(super) fn see(case: &Case<'_>) -> Option<Seen> {
    let (rule, [low, high]) = (case.input.tuning.rules.pulse?, case.input.tuning.pulse?);
    let rows = [(Glance::PULSE_LOW, low, "pulse_low"), (Glance::PULSE_HIGH, high, "pulse_high")];
    let (_, side, name) = rows.into_iter().find(|(what, ..)| case.set_off(*what))?;
    let words =
        Words { problem: Problem::Pulse, rule: name, unit: "/min", name_sv: "puls", name_en: "pulse" };
    beyond(case, Quantity::PulsePerMin, &side, (rule.symptom_hours, rule.repeat_days), &words)
}

/// Whether the resting pulse of `sample` lies beyond a limit.
pub(super) fn is_beyond(sample: &Sample, state: &State, day: i32, tuning: &Tuning) -> bool {
    let (Some(rule), Some(sides), Some(pulse)) =
        (&tuning.rules.pulse, &tuning.pulse, sample.measured(Quantity::PulsePerMin))
    else {
        return false;
    };
    let feeling = state.feeling(day, rule.symptom_hours);
    sides.iter().any(|side| side.beyond(pulse, feeling).is_some())
}
