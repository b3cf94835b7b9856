//! Weight as a sign: a personal trend, and the guideline's jump as support.
//!
//! Trend: the fast average less the slow one (a moving-average convergence/divergence, MACD: Zhang 2009, TEN-HMS; on
//! each person's own average as in HeartPhone, Ledwidge 2013), divided by the person's own noise. Jump: the latest
//! weighing above the lowest of the days before it (ESC 2021: more than 2 kg in 3 days).
//!
//! **Invariant:** without a baseline - the policy's number of weighings over its number of days - there is no trend, so
//! the first days with a new scale open nothing.

use vitals::{ReadingId, Timestamp};

use super::ramp;
use crate::chart::{Chart, Smoothed, smooth};
use crate::policy::Decompensation;

/// A weight older than this says nothing about today, days.
const STALE_DAYS: f64 = 4.0;
/// The weighings that a trend is shown to rest on, days.
const SHOWN_DAYS: i64 = 7;

/// Weight as a sign.
#[derive(Clone, Copy, Debug)]
pub(super) struct WeightSign {
    pub(super) points: f64,
    pub(super) smoothed: Smoothed,
    pub(super) jump: Option<Jump>,
}

/// The latest weighing and the lowest one before it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Jump {
    pub(super) gain_kg: f64,
    pub(super) latest_kg: f64,
    pub(super) lowest_kg: f64,
    pub(super) days: f64,
}

impl WeightSign {
    /// The gain of the fast average over the slow one, kg.
    pub(super) fn gain_kg(&self) -> f64 {
        self.smoothed.fast - self.smoothed.slow
    }
}

/// The sign at `as_of`, as if reading `without` were not there; `None` without a baseline or a recent weight.
pub(super) fn weight_sign(
    chart: &Chart,
    rule: &Decompensation,
    as_of: Timestamp,
    without: Option<&ReadingId>,
) -> Option<WeightSign> {
    let smoothing = rule.weight_smoothing(chart.last_discharge());
    let smoothed = smooth(chart.weight(), &smoothing, without, |_| ())?;
    let known_days = smoothed.last_at.days_since(smoothed.first_at);
    let has_baseline =
        f64::from(smoothed.count) >= rule.weight_readings_min && known_days >= rule.weight_days_min;
    if !has_baseline || as_of.days_since(smoothed.last_at) > STALE_DAYS {
        return None;
    }
    let ratio = (smoothed.fast - smoothed.slow) / smoothed.noise;
    let trend = rule.weight_points * ramp(ratio, rule.weight_from, rule.weight_full);
    let jump = jump(chart, rule.jump_days, without).filter(|jump| jump.gain_kg > rule.jump_gain_kg);
    let jump_points = if jump.is_some() { rule.jump_points } else { 0.0 };
    Some(WeightSign { points: trend + jump_points, smoothed, jump })
}

/// How far the latest usable weighing lies above the lowest of the `days` before it.
pub(super) fn jump(chart: &Chart, days: f64, without: Option<&ReadingId>) -> Option<Jump> {
    let mut points = chart.weight().trusted_without(without).rev();
    let latest = points.next()?;
    // Half a day's grace: a weighing at nine is within three days of one at eight.
    let lowest = points
        .take_while(|point| latest.at.days_since(point.at) <= days + 0.5)
        .min_by(|one, other| one.value.total_cmp(&other.value))?;
    Some(Jump {
        // To the gram: differences of floating-point kilograms must not pass a limit they only reach.
        gain_kg: ((latest.value - lowest.value) * 1000.0).round() / 1000.0,
        latest_kg: latest.value,
        lowest_kg: lowest.value,
        days: latest.at.days_since(lowest.at),
    })
}

/// The weighings of the last week, the latest last.
pub(super) fn shown_weighings(chart: &Chart) -> Vec<ReadingId> {
    let Some(latest) = chart.weight().trusted().next_back() else { return Vec::new() };
    let from = latest.at.plus_days(-SHOWN_DAYS);
    chart.weight().trusted().filter(|point| point.at >= from).map(|point| point.id.clone()).collect()
}

/// For how many days weighings have lain above `usual_kg` without a break, to the latest; at least one.
pub(super) fn days_above(chart: &Chart, usual_kg: f64) -> i64 {
    let mut points = chart.weight().trusted().rev();
    let Some(latest) = points.next() else { return 1 };
    let since = points.find(|point| point.value <= usual_kg).map_or(latest.at, |point| point.at);
    super::whole_days(latest.at.days_since(since)).max(1)
}
