//! From a value to a height: which values an axis spans, and where its lines stand.
//!
//! **Invariant:** every value a scale was made for lies on it, its ends are lines, and they lie apart.

/// What an axis must be able to show, beside the values themselves.
#[derive(Clone, Copy, Debug)]
pub(super) struct Demand {
    /// The least it spans.
    pub(super) span_min: f64,
    /// Always within it.
    pub(super) always: &'static [f64],
    /// Distances between lines to choose from, smallest first; doubled from the last on.
    pub(super) steps: &'static [f64],
}

/// At most this many spaces between lines.
const SPACES_MAX: f64 = 5.0;

/// A value axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scale {
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) step: f64,
}

impl Scale {
    /// An axis for `values` that meets `demand`. Values that are not finite are passed over.
    pub(super) fn covering(values: impl IntoIterator<Item = f64>, demand: Demand) -> Self {
        let (low, high) = values
            .into_iter()
            .chain(demand.always.iter().copied())
            .filter(|value| value.is_finite() && value.abs() < 1e9)
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        let (low, high) = if low <= high { (low, high) } else { (0.0, demand.span_min) };
        let mut step = 1.0;
        for candidate in steps(demand.steps) {
            step = candidate;
            if (high - low).max(demand.span_min) / step <= SPACES_MAX - 1.0 {
                break;
            }
        }
        Self { low: (low / step).floor() * step, high: (high / step).ceil() * step, step }.widened(
            low,
            high,
            demand.span_min,
        )
    }

    /// Adds lines on the side where the values come closest to the edge, until the axis spans enough.
    fn widened(mut self, low: f64, high: f64, span_min: f64) -> Self {
        while self.high - self.low < span_min.max(self.step) {
            if self.high - high <= low - self.low {
                self.high += self.step;
            } else {
                self.low -= self.step;
            }
        }
        self
    }

    /// How far up the axis `value` stands, from 0 to 1; at an end when it lies beyond.
    pub(super) fn share(self, value: f64) -> f64 {
        let share = (value - self.low) / (self.high - self.low);
        if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 }
    }

    /// Whether `value` lies on the axis.
    pub(super) fn holds(self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }

    /// The values of its lines, lowest first.
    pub(super) fn lines(self) -> impl Iterator<Item = f64> {
        (0..=32_u32)
            .map(move |index| self.low + self.step * f64::from(index))
            .take_while(move |line| *line <= self.high + self.step * 1e-6)
    }
}

fn steps(given: &'static [f64]) -> impl Iterator<Item = f64> {
    let last = given.last().copied().unwrap_or(1.0);
    given.iter().copied().chain((1..=32).map(move |power| last * 2_f64.powi(power)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WEIGHT: Demand = Demand { span_min: 6.0, always: &[], steps: &[2.0, 5.0, 10.0, 20.0] };
    const PRESSURE: Demand = Demand { span_min: 90.0, always: &[60.0, 150.0], steps: &[30.0, 60.0] };

    #[test]
    fn axes_are_as_worked_by_hand() {
        // (values, demand, low, high, lines), each worked by hand from the rule above.
        let rows: [(&[f64], Demand, f64, f64, usize); 7] = [
            (&[77.5, 80.6], WEIGHT, 76.0, 82.0, 4),
            // Equal values: 78 to 78 first; 78.2 is 0.2 above the line below, 1.8 below 80: down, then down or up.
            (&[78.2, 78.2], WEIGHT, 76.0, 82.0, 4),
            (&[80.0], WEIGHT, 78.0, 84.0, 4),
            // 70 to 88 spans 18: steps of 2 give 9 spaces, of 5 give 3.6.
            (&[70.0, 88.0], WEIGHT, 70.0, 90.0, 5),
            (&[], WEIGHT, 0.0, 6.0, 4),
            (&[88.0, 142.0], PRESSURE, 60.0, 150.0, 4),
            // 45 to 205 spans 160: steps of 30 give 5.3, of 60 give 2.7.
            (&[45.0, 205.0], PRESSURE, 0.0, 240.0, 5),
        ];
        for (values, demand, low, high, lines) in rows {
            let scale = Scale::covering(values.iter().copied(), demand);
            assert!(
                (scale.low - low).abs() < 1e-9 && (scale.high - high).abs() < 1e-9,
                "{values:?}: {scale:?}"
            );
            assert_eq!(scale.lines().count(), lines, "{values:?}: {scale:?}");
        }
    }

    #[test]
    fn a_value_stands_where_its_share_of_the_axis_says() {
        let scale = Scale { low: 76.0, high: 82.0, step: 2.0 };
        for (value, share) in [(76.0, 0.0), (79.0, 0.5), (82.0, 1.0), (61.2, 0.0), (99.0, 1.0)] {
            assert!((scale.share(value) - share).abs() < 1e-9, "{value}");
        }
        assert!(scale.share(f64::NAN).abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn every_value_lies_on_its_axis(values in prop::collection::vec(-1e6..1e6_f64, 0..20)) {
            let scale = Scale::covering(values.iter().copied(), WEIGHT);
            prop_assert!(scale.high - scale.low >= 6.0 - 1e-6);
            prop_assert!(scale.lines().count() >= 2 && scale.lines().count() <= 8, "{:?}", scale);
            for value in values {
                prop_assert!(scale.low <= value + 1e-6 && value <= scale.high + 1e-6);
            }
        }
    }
}
