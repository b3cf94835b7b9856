//! Values beyond fixed limits, told from a passing odd one, with hysteresis.
//!
//! One odd value asks for a repeat and opens nothing: most are a moved arm or a cold finger. Two in a row beyond the
//! same limit count; so does one beyond an extreme limit, or a low one that goes with a clear symptom.
//!
//! Where the policy has a hysteresis, a side that has counted is *held*: only extreme values count again, until the person's
//! usual value (the slow average; the value itself where there is none) lies inside the limit by the hysteresis, or the
//! policy's `hold_days_max` have passed. Who lives at a limit is one finding and not one each fortnight. Where the policy
//! has a margin about the usual, a limit lies at least so far beyond what is usual for this person; extremes stay absolute.
//!
//! *With symptoms* (BEAT-HF, table 1) means here: within the policy's hours, counted in local days, an answer of moderate or
//! worse to any question but fatigue and "worse than yesterday", or at least mild breathlessness or dizziness, above the
//! person's habit by the policy's grades; or any red flag.
//!
//! **Invariant:** a doubted value neither counts nor confirms another.

use crate::policy::{BloodPressure, Oxygen, Pulse};

/// How a person feels around a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Feeling {
    /// No symptoms, or none known.
    Well,
    /// Symptoms that move the limits.
    Symptoms,
    /// A moderate or severe symptom that needs no second value.
    Clear,
}

/// A value beyond a limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Beyond {
    pub(crate) limit: f64,
    pub(crate) extreme: bool,
    pub(crate) low: bool,
}

/// The limits on one side of a quantity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Side {
    pub(crate) low: bool,
    pub(crate) limit: f64,
    pub(crate) limit_with_symptoms: f64,
    pub(crate) extreme: f64,
    pub(crate) hysteresis: Option<f64>,
}

impl Side {
    /// Whether `value` lies beyond this side for somebody who feels so. Both limits are open, the upper extreme is not.
    pub(crate) fn beyond(&self, value: f64, feeling: Feeling) -> Option<Beyond> {
        let extreme = if self.low { value < self.extreme } else { value >= self.extreme };
        if extreme {
            return Some(Beyond { limit: self.extreme, extreme, low: self.low });
        }
        let limit = self.limit_for(feeling);
        let is_beyond = if self.low { value < limit } else { value > limit };
        is_beyond.then_some(Beyond { limit, extreme: false, low: self.low })
    }

    /// This side for somebody whose usual value is `usual`: its limits lie at least `margin` beyond that.
    pub(crate) fn about(self, usual: Option<f32>, margin: Option<f64>) -> Self {
        let (Some(usual), Some(margin)) = (usual.map(f64::from), margin) else { return self };
        let moved = |limit: f64| if self.low { limit.min(usual - margin) } else { limit.max(usual + margin) };
        Self { limit: moved(self.limit), limit_with_symptoms: moved(self.limit_with_symptoms), ..self }
    }

    /// Whether `usual` lies inside the limits by the hysteresis, so that the side may count again.
    pub(crate) fn is_left(&self, usual: f64) -> bool {
        let by = self.hysteresis.unwrap_or(0.0);
        if self.low {
            usual >= self.limit.max(self.limit_with_symptoms) + by
        } else {
            usual <= self.limit.min(self.limit_with_symptoms) - by
        }
    }

    /// Whether `value` lies inside whatever the person feels: most values, and all that is asked of them.
    pub(crate) fn is_inside(&self, value: f64) -> bool {
        if self.low { value >= self.inner() } else { value <= self.inner() }
    }

    /// The innermost value that is inside whatever the person feels.
    pub(crate) fn inner(&self) -> f64 {
        if self.low {
            self.limit.max(self.limit_with_symptoms).max(self.extreme)
        } else {
            // The upper extreme counts itself.
            self.limit.min(self.limit_with_symptoms).min(self.extreme.next_down())
        }
    }

    fn limit_for(&self, feeling: Feeling) -> f64 {
        if feeling == Feeling::Well { self.limit } else { self.limit_with_symptoms }
    }
}

impl Beyond {
    /// Whether one value is enough: a low pressure or pulse that is felt does not wait for the next.
    pub(crate) fn stands_alone(&self, feeling: Feeling) -> bool {
        self.extreme || (self.low && feeling == Feeling::Clear)
    }
}

impl BloodPressure {
    /// Systolic low, systolic high, diastolic high.
    pub(crate) fn sides(&self) -> [Side; 3] {
        let hysteresis = self.hysteresis_mmhg;
        [
            Side {
                low: true,
                limit: self.systolic_low_mmhg,
                limit_with_symptoms: self.systolic_low_symptoms_mmhg,
                extreme: self.systolic_low_extreme_mmhg,
                hysteresis,
            },
            Side {
                low: false,
                limit: self.systolic_high_mmhg,
                limit_with_symptoms: self.systolic_high_symptoms_mmhg,
                extreme: self.systolic_high_extreme_mmhg,
                hysteresis,
            },
            Side {
                low: false,
                limit: self.diastolic_high_mmhg,
                limit_with_symptoms: self.diastolic_high_mmhg,
                extreme: self.diastolic_high_extreme_mmhg,
                hysteresis,
            },
        ]
    }
}

impl Pulse {
    /// Low, high.
    pub(crate) fn sides(&self) -> [Side; 2] {
        let hysteresis = self.hysteresis_per_min;
        [
            Side {
                low: true,
                limit: self.low_per_min,
                limit_with_symptoms: self.low_symptoms_per_min,
                extreme: self.low_extreme_per_min,
                hysteresis,
            },
            Side {
                low: false,
                limit: self.high_per_min,
                limit_with_symptoms: self.high_symptoms_per_min,
                extreme: self.high_extreme_per_min,
                hysteresis,
            },
        ]
    }
}

impl Oxygen {
    /// Low, whatever the person feels.
    pub(crate) fn side(&self) -> Side {
        Side {
            low: true,
            limit: self.low_percent,
            limit_with_symptoms: self.low_percent,
            extreme: self.urgent_percent,
            hysteresis: self.hysteresis_percent,
        }
    }
}
