//! A day's values as a few numbers, and days put together.
//!
//! **Invariant:** two summaries together are the summary of both their values, in whichever order they are put together.

use std::collections::BTreeMap;

use jiff::civil::Date;
use vitals::{Content, Quantity, Timestamp};

use super::Measure;
use crate::clock;
use crate::readings::Recorded;

/// The values of one measure within some time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// When the first was measured.
    pub first_at: Timestamp,
    /// The first.
    pub first: f64,
    /// When the last was measured.
    pub last_at: Timestamp,
    /// The last.
    pub last: f64,
    /// The lowest.
    pub min: f64,
    /// The highest.
    pub max: f64,
    /// Their mean.
    pub mean: f64,
    /// How many.
    pub count: u32,
}

impl Summary {
    /// Of one value.
    #[must_use]
    pub const fn of(at: Timestamp, value: f64) -> Self {
        Self {
            first_at: at,
            first: value,
            last_at: at,
            last: value,
            min: value,
            max: value,
            mean: value,
            count: 1,
        }
    }

    /// Of the values of both.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        let (first_at, first) = if other.first_at < self.first_at {
            (other.first_at, other.first)
        } else {
            (self.first_at, self.first)
        };
        let (last_at, last) = if other.last_at > self.last_at {
            (other.last_at, other.last)
        } else {
            (self.last_at, self.last)
        };
        let (mine, theirs) = (f64::from(self.count), f64::from(other.count));
        Self {
            first_at,
            first,
            last_at,
            last,
            min: self.min.min(other.min),
            max: self.max.max(other.max),
            mean: (self.mean * mine + other.mean * theirs) / (mine + theirs).max(1.0),
            count: self.count.saturating_add(other.count),
        }
    }
}

/// One day, and what was measured on it.
#[derive(Clone, Debug, PartialEq)]
pub struct Day {
    /// Which; of a longer time its first.
    pub date: Date,
    /// A summary for each measure that has a value.
    pub values: BTreeMap<Measure, Summary>,
}

impl Day {
    /// The summary of a quantity.
    #[must_use]
    pub fn get(&self, quantity: Quantity) -> Option<Summary> {
        self.values.get(&Measure::Quantity(quantity)).copied()
    }
}

/// Days with values, by date. A day without a value is not there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Days(BTreeMap<Date, BTreeMap<Measure, Summary>>);

/// The day in Stockholm on which `at` falls.
pub(super) fn date_of(at: Timestamp) -> Date {
    at.to_jiff().to_zoned(clock::zone()).date()
}

impl Days {
    /// Adds values that fall on one day.
    pub fn add(&mut self, measure: Measure, summary: Summary) {
        let day = self.0.entry(date_of(summary.first_at)).or_default();
        day.entry(measure).and_modify(|held| *held = held.with(summary)).or_insert(summary);
    }

    /// Adds the values of a reading that is followed.
    pub fn add_reading(&mut self, recorded: &Recorded) {
        let reading = &recorded.reading;
        match &reading.content {
            Content::Symptoms(answers) => {
                for (symptom, severity) in answers.iter() {
                    let grade = f64::from(severity.grade());
                    self.add(Measure::Symptom(symptom), Summary::of(reading.at, grade));
                }
            }
            Content::Vitals { .. } => {
                for quantity in Measure::QUANTITIES {
                    if let Some(value) = reading.measured(quantity) {
                        self.add(Measure::Quantity(quantity), Summary::of(reading.at, value));
                    }
                }
            }
        }
    }

    /// Each day, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Day> + '_ {
        self.0.iter().map(|(date, values)| Day { date: *date, values: values.clone() })
    }

    /// The same values by week, each under its Monday.
    #[must_use]
    pub fn weeks(&self) -> Self {
        let mut weeks = Self::default();
        for (date, values) in &self.0 {
            let since_monday = i64::from(date.weekday().to_monday_zero_offset());
            let monday = date.saturating_sub(jiff::Span::new().days(since_monday));
            let week = weeks.0.entry(monday).or_default();
            for (measure, summary) in values {
                week.entry(*measure).and_modify(|held| *held = held.with(*summary)).or_insert(*summary);
            }
        }
        weeks
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn a_day_is_summed_up_as_worked_by_hand() {
        let kilograms = Measure::Quantity(Quantity::WeightKg);
        let mut days = Days::default();
        // 25 October 2026 has 25 hours in Stockholm: half past midnight and half past eleven at night, a day apart in UTC.
        for (time, value) in [
            ("2026-10-25T22:30:00Z", 80.4),
            ("2026-10-24T22:30:00Z", 80.0),
            ("2026-10-25T06:00:00Z", 79.6),
            ("2026-10-25T23:30:00Z", 81.0),
        ] {
            days.add(kilograms, Summary::of(at(time), value));
        }
        let all: Vec<(String, Summary)> = days
            .iter()
            .filter_map(|day| Some((day.date.to_string(), day.get(Quantity::WeightKg)?)))
            .collect();
        assert_eq!(all.len(), 2);
        let (date, sunday) = &all[0];
        assert_eq!((date.as_str(), sunday.count, all[1].0.as_str()), ("2026-10-25", 3, "2026-10-26"));
        // (80.0 + 79.6 + 80.4) / 3 = 80.0.
        for (got, by_hand) in [
            (sunday.first, 80.0),
            (sunday.last, 80.4),
            (sunday.min, 79.6),
            (sunday.max, 80.4),
            (sunday.mean, 80.0),
        ] {
            assert!((got - by_hand).abs() < 1e-9, "{sunday:?}");
        }
        // That Sunday belongs to the week of Monday the 19th, the day after begins the next.
        let weeks: Vec<String> = days.weeks().iter().map(|week| week.date.to_string()).collect();
        assert_eq!(weeks, ["2026-10-19", "2026-10-26"]);
    }

    proptest! {
        /// The mean of two halves is the mean of all, wherever one cuts.
        #[test]
        fn halves_make_the_whole(values in prop::collection::vec(40.0..200.0_f64, 2..40), cut in 1_usize..39) {
            let cut = cut.min(values.len() - 1);
            let minute = |index: usize| at("2026-01-01T06:00:00Z").plus_millis(60_000 * index as i64);
            let of = |from: usize, part: &[f64]| {
                let mut all = part.iter().enumerate().map(|(index, value)| Summary::of(minute(from + index), *value));
                let first = all.next().expect("a value");
                all.fold(first, Summary::with)
            };
            let (whole, halves) = (of(0, &values), of(cut, &values[cut..]).with(of(0, &values[..cut])));
            prop_assert!((whole.mean - halves.mean).abs() < 1e-9);
            prop_assert!((whole.mean - values.iter().sum::<f64>() / values.len() as f64).abs() < 1e-9);
            prop_assert_eq!(
                (whole.first, whole.last, whole.min, whole.max, whole.count, whole.first_at),
                (halves.first, halves.last, halves.min, halves.max, halves.count, halves.first_at)
            );
        }
    }
}
