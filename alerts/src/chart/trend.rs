//! The usual weight and the smoothed one, for pages to draw.
//!
//! The same averages as the state's ([`crate::state`]), over what the chart holds.
//!
//! **Invariant:** one pass over a bounded series; the result is finite for finite values.

use vitals::Timestamp;

use super::{Chart, Point};
use crate::policy::Policy;
use crate::state::{Smoothed, Smoothing, Trend, seconds_between};

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

impl Chart {
    /// The usual weight and its band, for a page to draw; `None` before there is a baseline, or where the policy follows
    /// no trend.
    #[must_use]
    pub fn usual_weight(&self, policy: &Policy) -> Option<WeightBand> {
        let rules = policy.rules_for(self.overrides()).0;
        let smoothing = rules.decompensation?.weight_smoothing();
        let mut last = None;
        self.smooth(&smoothing, |point, smoothed| last = Some((point.at, smoothed)));
        let (at, smoothed) = last?;
        let usual_kg = self.recent().usual_weight_kg(at, self.last_discharge())?;
        let band_kg = 2.0 * f64::from(smoothed.noise);
        Some(WeightBand { usual_kg, low_kg: usual_kg - band_kg, high_kg: usual_kg + band_kg })
    }

    /// The smoothed weight, oldest first; empty where the policy follows no trend.
    #[must_use]
    pub fn weight_trend(&self, policy: &Policy) -> Vec<TrendPoint> {
        let mut trend: Vec<TrendPoint> = Vec::new();
        if let Some(rule) = policy.rules_for(self.overrides()).0.decompensation {
            let mut sitting_s = None;
            self.smooth(&rule.weight_smoothing(), |point, smoothed| {
                // A sitting is one point, as it stands at its end.
                if sitting_s == Some(smoothed.last_s) {
                    trend.pop();
                }
                sitting_s = Some(smoothed.last_s);
                let (fast_kg, slow_kg) = (f64::from(smoothed.fast), f64::from(smoothed.slow));
                trend.push(TrendPoint { at: point.at, fast_kg, slow_kg });
            });
        }
        trend
    }

    /// Smooths the usable weights since the last discharge and shows each step.
    fn smooth(&self, smoothing: &Smoothing, mut see: impl FnMut(&Point, Smoothed)) {
        let discharge: Option<Timestamp> = self.last_discharge();
        let mut points = self
            .weight()
            .trusted()
            .filter(|point| discharge.is_none_or(|discharge| point.at >= discharge))
            .peekable();
        let Some(epoch) = points.peek().map(|first| first.at) else { return };
        let mut trend = Trend::default();
        for point in points {
            #[allow(clippy::cast_possible_truncation)]
            trend.take(point.value as f32, seconds_between(epoch, point.at), smoothing);
            if let Some(smoothed) = trend.now(smoothing) {
                see(point, smoothed);
            }
        }
    }
}
