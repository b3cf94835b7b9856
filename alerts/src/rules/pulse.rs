//! Pulse beyond its limits, which are narrower when symptoms go with it (BEAT-HF, table 1).
//!
//! **Opens** at the second reading in a row beyond the same side, or at once beyond an extreme limit, or below
//! the lower one with a clear symptom. Every further such reading joins; where the policy has a hysteresis, only an extreme
//! one, until the person's usual pulse has left the limit. **Closes** by staff; readings within limits join nothing.
//!
//! **Invariant:** only resting pulses of cuffs and finger clips are judged.

use vitals::Quantity;

use super::pressure::{Within, Words, beyond};
use super::{Case, Seen};
use crate::finding::Problem;
use crate::state::{Glance, Sample, State, Tuning};

pub(super) fn see(case: &Case<'_>) -> Option<Seen> {
    let (rule, [low, high]) =
        (case.input.tuning.rules.pulse?, case.input.state.pulse_sides(case.input.tuning)?);
    let rows = [(Glance::PULSE_LOW, low, "pulse_low"), (Glance::PULSE_HIGH, high, "pulse_high")];
    let (_, side, name) = rows.into_iter().find(|(what, ..)| case.set_off(*what))?;
    let words =
        Words { problem: Problem::Pulse, rule: name, unit: "/min", name_sv: "puls", name_en: "pulse" };
    let hours = (rule.symptom_hours, rule.above_habit);
    beyond(case, Quantity::PulsePerMin, &side, &Within { hours, repeat_days: rule.repeat_days }, &words)
}

/// Whether the resting pulse of `sample` lies beyond a limit.
pub(super) fn is_beyond(sample: &Sample, state: &State, day: i32, tuning: &Tuning) -> bool {
    let (Some(rule), Some(sides), Some(pulse)) =
        (&tuning.rules.pulse, state.pulse_sides(tuning), sample.measured(Quantity::PulsePerMin))
    else {
        return false;
    };
    let feeling = state.feeling(day, (rule.symptom_hours, rule.above_habit), tuning);
    sides.iter().any(|side| side.beyond(pulse, feeling).is_some())
}
