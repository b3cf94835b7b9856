//! Textbook detectors on weight, kept beside the combined one: a moving-average convergence/divergence and a cumulative
//! sum. They are off unless a policy has their rules.
//!
//! MACD: `fast - slow` of two exponential moving averages (Zhang 2009). CUSUM: `S = max(0, S + z - k)` over residuals from
//! an average, standardised by the person's own noise; it begins again after it has passed its limit (Page 1954).
//!
//! **Invariant:** as in a trend, what stands here is from before the sitting under way.

use super::trend::{Sitting, Smoothed};
use crate::policy::{Rules, WeightCusum, WeightMacd};

/// See the module.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Textbook {
    fast: f32,
    slow: f32,
    usual: f32,
    sum: f32,
}

impl Textbook {
    /// What stands after `sitting`.
    pub(crate) fn after(&self, sitting: &Sitting, rules: &Rules) -> Self {
        let Smoothed { last: mean, count, .. } = sitting.smoothed;
        let Some(gap) = sitting.gap_days else {
            return Self { fast: mean, slow: mean, usual: mean, sum: 0.0 };
        };
        #[allow(clippy::cast_possible_truncation)]
        let step = |held: f32, n_days: f64| {
            let share = 2.0 * gap / (n_days as f32 - 1.0 + 2.0 * gap);
            held + share.max(1.0 / f32::from(count.max(1))) * (mean - held)
        };
        let mut next = *self;
        if let Some(macd) = &rules.weight_macd {
            (next.fast, next.slow) = (step(self.fast, macd.fast_days), step(self.slow, macd.slow_days));
        }
        if let Some(cusum) = &rules.weight_cusum {
            next.usual = step(self.usual, cusum.usual_days);
            next.sum = self.next_sum(sitting, cusum);
        }
        next
    }

    /// A difference of two days' weights has twice the variance of one.
    #[allow(clippy::cast_possible_truncation)]
    fn next_sum(&self, sitting: &Sitting, cusum: &WeightCusum) -> f32 {
        let smoothed = &sitting.smoothed;
        if f64::from(smoothed.count) < cusum.readings_min {
            return 0.0;
        }
        let begun = if f64::from(self.sum) > cusum.limit { 0.0 } else { self.sum };
        let residual = (smoothed.last - self.usual) / (smoothed.noise * std::f32::consts::FRAC_1_SQRT_2);
        (begun + residual - cusum.allowance as f32).max(0.0)
    }

    /// The difference of the averages, kg, where there is a baseline.
    pub(crate) fn macd_kg(&self, smoothed: &Smoothed, rule: &WeightMacd) -> Option<f64> {
        let known =
            f64::from(smoothed.count) >= rule.readings_min && f64::from(smoothed.known_days) >= rule.days_min;
        known.then(|| f64::from(self.fast - self.slow))
    }

    /// The cumulative sum, where there is a baseline.
    pub(crate) fn cusum(&self, smoothed: &Smoothed, rule: &WeightCusum) -> Option<f64> {
        let known =
            f64::from(smoothed.count) >= rule.readings_min && f64::from(smoothed.known_days) >= rule.days_min;
        known.then(|| f64::from(self.sum))
    }

    /// The average that the cumulative sum is taken from, kg.
    pub(crate) const fn usual_kg(&self) -> f32 {
        self.usual
    }
}
