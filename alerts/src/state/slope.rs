//! A straight line through the last weighings, and how likely it is by chance.
//!
//! Least squares of weight on time over the policy's days; under no trend, slope over its standard error follows Student's
//! t distribution with n - 2 degrees of freedom. The probability is one-sided: only a rise is asked about.
//!
//! **Invariant:** fewer than three weighings, or weighings at one moment, make no line.

use statrs::distribution::{ContinuousCDF, StudentsT};

use super::trend::DAY_S;
use super::weights::Weights;
use crate::policy::WeightSlope;

/// A line through weighings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Line {
    /// How far it rises over the days of the rule, kg.
    pub(crate) gain_kg: f64,
    /// One-sided probability of such a line where there is no trend.
    pub(crate) probability: f64,
}

/// The line through the usable weighings of `rule.days`, at least `rule.readings_min` of them.
pub(crate) fn line(weights: &Weights, rule: &WeightSlope) -> Option<Line> {
    let latest_s = weights.usable().next()?.at_s;
    let mut sums = Sums::default();
    for weighing in weights.usable() {
        let back_days = f64::from(latest_s.saturating_sub(weighing.at_s)) / f64::from(DAY_S);
        if back_days > rule.days {
            break;
        }
        sums.add(-back_days, weighing.kg());
    }
    if sums.count < rule.readings_min.max(3.0) {
        return None;
    }
    let (slope, t) = sums.slope_and_t()?;
    let student = StudentsT::new(0.0, 1.0, sums.count - 2.0).ok()?;
    Some(Line { gain_kg: slope * rule.days, probability: 1.0 - student.cdf(t) })
}

#[derive(Default)]
struct Sums {
    count: f64,
    x: f64,
    y: f64,
    xx: f64,
    xy: f64,
    yy: f64,
}

impl Sums {
    fn add(&mut self, x: f64, y: f64) {
        self.count += 1.0;
        self.x += x;
        self.y += y;
        self.xx += x * x;
        self.xy += x * y;
        self.yy += y * y;
    }

    fn slope_and_t(&self) -> Option<(f64, f64)> {
        let spread = self.xx - self.x * self.x / self.count;
        if spread <= 0.0 {
            return None;
        }
        let shared = self.xy - self.x * self.y / self.count;
        let slope = shared / spread;
        let rest = (self.yy - self.y * self.y / self.count - slope * shared).max(0.0);
        // A perfect line is still weighed with a scale of 10 g.
        let error = (rest / (self.count - 2.0) / spread).sqrt().max(1e-4);
        Some((slope, slope / error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: mean 80.36, Sxx 10, Sxy 1.7, slope 0.17; residuals 0.043 in squares, standard error sqrt(0.043/3/10),
    /// t = 4.490. With 3 degrees of freedom F(t) = 1/2 + (u / (1 + u²) + atan u) / pi, u = t / sqrt 3: 0.98970.
    #[test]
    fn the_line_is_that_of_least_squares() {
        let mut weights = Weights::default();
        for (day, kg) in (0..).zip([80.0, 80.3, 80.2, 80.6, 80.7]) {
            weights.take(day * DAY_S, day, kg, |_| ());
        }
        let rule = WeightSlope { days: 7.0, readings_min: 5.0, gain_kg: 1.0, probability_max: 0.05 };
        let line = line(&weights, &rule).expect("five weighings");
        assert!((line.gain_kg - 0.17 * 7.0).abs() < 1e-6, "{line:?}");
        assert!((line.probability - 0.01030).abs() < 1e-5, "{line:?}");
    }
}
