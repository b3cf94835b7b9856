//! Smoothing: a fast and a slow average of a series, and the person's own noise around them.
//!
//! The averages are exponential moving averages, `s += a (x - s)`. On daily values `a = 2 / (N + 1)`; over a gap of
//! `d` days it becomes `a = 2 d / (N - 1 + 2 d)`, which is the same for `d = 1` and tends to 1 for long gaps. While the
//! n-th value is young, `a` is at least `1 / n`, so that an average begins as a plain mean and not at one odd value.
//! Values within six hours are one sitting and count once, as their mean: a repeated weighing is no second day.
//!
//! Noise is the standard deviation of the difference between one sitting and the next, no more than three days apart,
//! each difference cut at three times the prior, and shrunk to it: `sqrt((n0 prior² + sum d²) / (n0 + n))`.
//!
//! **Invariant:** one pass over a bounded series; the result is finite for finite values.

use vitals::{ReadingId, Timestamp};

use super::series::{Point, Series};
use super::{Chart, weights};
use crate::policy::{Decompensation, Policy};

const SITTING_MS: i64 = 6 * Timestamp::HOUR_MS;
const DIFFERENCE_DAYS_MAX: f64 = 3.0;
const DIFFERENCE_CUT: f64 = 3.0;

/// How to smooth a series.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Smoothing {
    pub(crate) fast_days: f64,
    pub(crate) slow_days: f64,
    pub(crate) noise_prior: f64,
    pub(crate) noise_prior_count: f64,
    /// Points before this are left out.
    pub(crate) from: Option<Timestamp>,
}

/// A smoothed series, at its end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Smoothed {
    pub(crate) fast: f64,
    pub(crate) slow: f64,
    pub(crate) noise: f64,
    /// How many sittings.
    pub(crate) count: u32,
    pub(crate) first_at: Timestamp,
    pub(crate) last_at: Timestamp,
    /// The last sitting's value.
    pub(crate) last: f64,
}

/// Smooths the usable points of a series, leaving out reading `without`, and shows each step; `None` when there are none.
pub(crate) fn smooth(
    series: &Series,
    smoothing: &Smoothing,
    without: Option<&ReadingId>,
    mut see: impl FnMut(&Smoothed),
) -> Option<Smoothed> {
    let mut points = series
        .trusted_without(without)
        .filter(|point| smoothing.from.is_none_or(|from| point.at >= from))
        .peekable();
    let mut state: Option<Smoothed> = None;
    let mut squares = 0.0;
    let mut differences = 0.0;
    while let Some(first) = points.next() {
        let (mut sum, mut count) = (first.value, 1.0);
        while let Some(again) = points.next_if(|next: &&Point| next.at.millis_since(first.at) < SITTING_MS) {
            sum += again.value;
            count += 1.0;
        }
        let value = sum / count;
        let next = match state {
            None => Smoothed {
                fast: value,
                slow: value,
                noise: smoothing.noise_prior,
                count: 1,
                first_at: first.at,
                last_at: first.at,
                last: value,
            },
            Some(before) => {
                let days = first.at.days_since(before.last_at);
                if days <= DIFFERENCE_DAYS_MAX {
                    let cut = DIFFERENCE_CUT * smoothing.noise_prior;
                    squares += (value - before.last).clamp(-cut, cut).powi(2);
                    differences += 1.0;
                }
                step(&before, smoothing, first.at, value, days)
            }
        };
        see(&next);
        state = Some(next);
    }
    let weight = smoothing.noise_prior_count;
    state.map(|end| Smoothed {
        noise: ((weight * smoothing.noise_prior.powi(2) + squares) / (weight + differences)).sqrt(),
        ..end
    })
}

fn step(before: &Smoothed, smoothing: &Smoothing, at: Timestamp, value: f64, days: f64) -> Smoothed {
    let count = before.count + 1;
    let share = |n_days: f64| (2.0 * days / (n_days - 1.0 + 2.0 * days)).max(1.0 / f64::from(count));
    Smoothed {
        fast: before.fast + share(smoothing.fast_days) * (value - before.fast),
        slow: before.slow + share(smoothing.slow_days) * (value - before.slow),
        noise: before.noise,
        count,
        first_at: before.first_at,
        last_at: at,
        last: value,
    }
}

impl Decompensation {
    /// How weight is smoothed.
    pub(crate) const fn weight_smoothing(&self, from: Option<Timestamp>) -> Smoothing {
        Smoothing {
            fast_days: self.weight_fast_days,
            slow_days: self.weight_slow_days,
            noise_prior: self.weight_noise_prior_kg,
            noise_prior_count: self.weight_noise_prior_count,
            from,
        }
    }
}

/// A person's usual weight and the band it moves within.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WeightBand {
    /// The usual weight, kg.
    pub usual_kg: f64,
    /// Two standard deviations of the person's own noise below, kg.
    pub low_kg: f64,
    /// Two above, kg.
    pub high_kg: f64,
}

/// One point of the smoothed weight.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrendPoint {
    /// When.
    pub at: Timestamp,
    /// The average of the last few days, kg.
    pub fast_kg: f64,
    /// The average of the last weeks, kg.
    pub slow_kg: f64,
}

/// The usual weight is the median of weighings this old, days.
const USUAL_DAYS: (i64, i64) = (7, 42);
const USUAL_READINGS_MIN: usize = 5;

impl Chart {
    /// The usual weight at `at`, kg: the median of weighings one to six weeks before, after the last discharge. `None`
    /// while there are fewer than five.
    pub(crate) fn usual_weight_kg(&self, at: Timestamp) -> Option<f64> {
        let from =
            at.plus_days(-USUAL_DAYS.1).max(self.last_discharge().unwrap_or(at.plus_days(-USUAL_DAYS.1)));
        let until = at.plus_days(-USUAL_DAYS.0);
        let mut kilograms: Vec<f64> = self
            .weight()
            .trusted()
            .filter(|point| point.at >= from && point.at <= until)
            .map(|point| point.value)
            .collect();
        if kilograms.len() < USUAL_READINGS_MIN { None } else { weights::median(&mut kilograms) }
    }

    /// The usual weight and its band, for a page to draw; `None` before there is a baseline, or where the policy follows
    /// no trend.
    #[must_use]
    pub fn usual_weight(&self, policy: &Policy) -> Option<WeightBand> {
        let rules = policy.rules_for(self.overrides()).0;
        let smoothing = rules.decompensation?.weight_smoothing(self.last_discharge());
        let smoothed = smooth(self.weight(), &smoothing, None, |_| ())?;
        let usual_kg = self.usual_weight_kg(smoothed.last_at)?;
        let band_kg = 2.0 * smoothed.noise;
        Some(WeightBand { usual_kg, low_kg: usual_kg - band_kg, high_kg: usual_kg + band_kg })
    }

    /// The smoothed weight, oldest first; empty where the policy follows no trend.
    #[must_use]
    pub fn weight_trend(&self, policy: &Policy) -> Vec<TrendPoint> {
        let mut trend = Vec::new();
        if let Some(rule) = policy.rules_for(self.overrides()).0.decompensation {
            smooth(self.weight(), &rule.weight_smoothing(self.last_discharge()), None, |at| {
                trend.push(TrendPoint { at: at.last_at, fast_kg: at.fast, slow_kg: at.slow });
            });
        }
        trend
    }
}
