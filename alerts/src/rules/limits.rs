//! What fixed limits have in common: how bad a value is, whether the one before was as bad, whether symptoms go with it.
//!
//! One odd value asks for a repeat and opens nothing: most are a moved arm or a cold finger. Two in a row beyond the
//! same limit open a case; so does one beyond an extreme limit, or a low one that goes with a clear symptom.
//!
//! *With symptoms* (BEAT-HF, table 1) means here: within the policy's hours before the value or after it, an answer of
//! moderate or worse to any question but fatigue and "worse than yesterday", or at least mild breathlessness or
//! dizziness above the person's habit.
//!
//! **Invariant:** a doubted value neither opens a case nor confirms another.

use vitals::{ReadingId, Symptom, Timestamp};

use super::symptom_signs::{HabitSpan, habit_of};
use crate::chart::{Chart, Point, Series, whole};

/// How a person feels around a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Feeling {
    /// No symptoms, or none known.
    Well,
    /// Symptoms that move the limits.
    Symptoms,
    /// A moderate or severe symptom that needs no second value.
    Clear,
}

const HABIT: HabitSpan = HabitSpan { from_days: 10.0, until_days: 90.0, prior_count: 2.0 };
const ABOVE_HABIT: f64 = 0.75;

/// How the person feels around `at`, by forms within `hours` of it.
pub(super) fn feeling(chart: &Chart, at: Timestamp, hours: f64) -> Feeling {
    let span_ms = whole(hours) * Timestamp::HOUR_MS;
    let mut feeling = Feeling::Well;
    let near = chart.forms().rev().take_while(|form| at.millis_since(form.at) <= span_ms);
    for form in near.filter(|form| form.at.millis_since(at) <= span_ms) {
        for (symptom, severity) in form.answers.iter() {
            let here = match (weight_of(symptom), severity.grade()) {
                (_, 0) | (Weight::Weak, _) => Feeling::Well,
                (Weight::Strong, 1) => Feeling::Symptoms,
                (Weight::Some, 1) => Feeling::Well,
                (Weight::Strong | Weight::Some, _) => Feeling::Clear,
            };
            if here > feeling
                && f64::from(severity.grade()) - habit_of(chart, symptom, at, HABIT) > ABOVE_HABIT
            {
                feeling = here;
            }
        }
    }
    feeling
}

enum Weight {
    /// Counts from mild.
    Strong,
    /// Counts from moderate.
    Some,
    /// Too common to move a limit.
    Weak,
}

const fn weight_of(symptom: Symptom) -> Weight {
    match symptom {
        Symptom::Breathlessness
        | Symptom::Dizziness
        | Symptom::ChestPain
        | Symptom::Fainting
        | Symptom::BreathlessAtRest => Weight::Strong,
        Symptom::Orthopnoea | Symptom::Swelling | Symptom::Cough | Symptom::Palpitations => Weight::Some,
        Symptom::Fatigue | Symptom::WorseThanYesterday => Weight::Weak,
    }
}

/// The usable value before that of `id`, no more than `days` older.
pub(super) fn before<'a>(series: &'a Series, id: &ReadingId, at: Timestamp, days: f64) -> Option<&'a Point> {
    let point = series.trusted().rev().find(|point| point.at <= at && &point.id != id)?;
    (at.days_since(point.at) <= days).then_some(point)
}

/// A value beyond a limit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Beyond {
    pub(super) limit: f64,
    pub(super) extreme: bool,
    pub(super) low: bool,
}

impl Beyond {
    /// Whether one value is enough: a low pressure or pulse that is felt does not wait for the next.
    pub(super) fn stands_alone(&self, feeling: Feeling) -> bool {
        self.extreme || (self.low && feeling == Feeling::Clear)
    }
}

/// The limits on one side of a quantity.
#[derive(Clone, Copy, Debug)]
pub(super) struct Side {
    pub(super) low: bool,
    pub(super) limit: f64,
    pub(super) limit_with_symptoms: f64,
    pub(super) extreme: f64,
}

impl Side {
    /// Whether `value` lies beyond this side for somebody who feels so. Both limits are open, the upper extreme is not.
    pub(super) fn beyond(&self, value: f64, feeling: Feeling) -> Option<Beyond> {
        let extreme = if self.low { value < self.extreme } else { value >= self.extreme };
        if extreme {
            return Some(Beyond { limit: self.extreme, extreme, low: self.low });
        }
        let limit = if feeling == Feeling::Well { self.limit } else { self.limit_with_symptoms };
        let is_beyond = if self.low { value < limit } else { value > limit };
        is_beyond.then_some(Beyond { limit, extreme: false, low: self.low })
    }
}
