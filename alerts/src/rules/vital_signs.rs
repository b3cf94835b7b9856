//! Pulse and systolic pressure as signs: the same trend as weight, and weaker.
//!
//! A rising pulse counts; of pressure a change either way, for it rises with congestion and falls with a weak heart.
//!
//! **Invariant:** as for weight, no baseline, no sign.

use vitals::{ReadingId, Timestamp};

use super::ramp;
use crate::chart::{Chart, Series, Smoothed, Smoothing, smooth};
use crate::policy::Decompensation;

const STALE_DAYS: f64 = 4.0;
const KNOWN_DAYS_MIN: f64 = 7.0;

/// A vital sign's trend.
#[derive(Clone, Copy, Debug)]
pub(super) struct VitalSign {
    pub(super) points: f64,
    pub(super) smoothed: Smoothed,
    /// The change at which points begin, in the quantity's unit.
    pub(super) limit: f64,
}

impl VitalSign {
    /// The change of the fast average against the slow one.
    pub(super) fn change(&self) -> f64 {
        self.smoothed.fast - self.smoothed.slow
    }
}

pub(super) fn pulse_sign(
    chart: &Chart,
    rule: &Decompensation,
    as_of: Timestamp,
    without: Option<&ReadingId>,
) -> Option<VitalSign> {
    let sign = vital_sign(chart.pulse(), rule, rule.pulse_noise_prior_per_min, as_of, without)?;
    let rise = sign.change() / sign.smoothed.noise;
    Some(VitalSign { points: rule.pulse_points * ramp(rise, rule.vital_from, rule.vital_full), ..sign })
}

pub(super) fn systolic_sign(
    chart: &Chart,
    rule: &Decompensation,
    as_of: Timestamp,
    without: Option<&ReadingId>,
) -> Option<VitalSign> {
    let sign = vital_sign(chart.systolic(), rule, rule.systolic_noise_prior_mmhg, as_of, without)?;
    let change = sign.change().abs() / sign.smoothed.noise;
    Some(VitalSign { points: rule.systolic_points * ramp(change, rule.vital_from, rule.vital_full), ..sign })
}

fn vital_sign(
    series: &Series,
    rule: &Decompensation,
    noise_prior: f64,
    as_of: Timestamp,
    without: Option<&ReadingId>,
) -> Option<VitalSign> {
    let smoothing = Smoothing {
        fast_days: rule.vital_fast_days,
        slow_days: rule.vital_slow_days,
        noise_prior,
        noise_prior_count: rule.vital_noise_prior_count,
        from: None,
    };
    let smoothed = smooth(series, &smoothing, without, |_| ())?;
    let known = f64::from(smoothed.count) >= rule.vital_readings_min
        && smoothed.last_at.days_since(smoothed.first_at) >= KNOWN_DAYS_MIN
        && as_of.days_since(smoothed.last_at) <= STALE_DAYS;
    known.then_some(VitalSign { points: 0.0, smoothed, limit: rule.vital_from * smoothed.noise })
}
