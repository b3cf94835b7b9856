//! On which days of the week a patient is asked to measure, as far as silence is judged by it.
//!
//! It knows nothing of what is measured on them; that is the plan's. Without a schedule every day is asked for.
//!
//! **Invariant:** at least one day of the week is asked for, so silence always comes to be seen.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::calendar::days_between;

/// Further back than a year no day is counted.
const COUNTED_DAYS_MAX: i64 = 366;

/// Days of the week, at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weekdays(u8);

impl Weekdays {
    /// Every day.
    pub const ALL: Self = Self(0b111_1111);

    /// These days, 1 for Monday to 7 for Sunday; `None` where none is among them, or one is no day.
    #[must_use]
    pub fn of(days: impl IntoIterator<Item = u8>) -> Option<Self> {
        let mut set = 0;
        for day in days {
            set |= 1 << (1..=7).contains(&day).then(|| day - 1)?;
        }
        (set != 0).then_some(Self(set))
    }

    /// Whether `date` is one of them.
    #[must_use]
    pub fn has(self, date: Date) -> bool {
        self.has_place(i64::from(date.weekday().to_monday_zero_offset()))
    }

    /// How many of the days after `since`, up to and with `until`, are among them; none further back than a year.
    #[must_use]
    pub fn count_between(self, since: Date, until: Date) -> i64 {
        let weekday = i64::from(since.weekday().to_monday_zero_offset());
        let last = i64::from(days_between(since, until));
        let from = (last - COUNTED_DAYS_MAX).max(0) + 1;
        (from..=last).fold(0, |count, day| count + i64::from(self.has_place(weekday + day)))
    }

    /// Whether the day so many days after a Monday is one of them.
    pub(crate) const fn has_place(self, place: i64) -> bool {
        (self.0 >> place.rem_euclid(7)) & 1 == 1
    }

    /// Whether local day `day`, counted from 1970-01-01, which was a Thursday, is one of them.
    pub(crate) const fn has_day(self, day: i32) -> bool {
        self.has_place(day as i64 + 3)
    }

    const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// The days on which a patient is asked to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MeasuringDays {
    /// Anything at all.
    pub any: Weekdays,
    /// Weight.
    pub weight: Weekdays,
}

impl Default for MeasuringDays {
    fn default() -> Self {
        Self { any: Weekdays::ALL, weight: Weekdays::ALL }
    }
}

impl MeasuringDays {
    /// From the days of each measurement that has days of its own. Weighing is every day's where nothing is said of it.
    #[must_use]
    pub fn of(weight: Option<Weekdays>, others: impl IntoIterator<Item = Weekdays>) -> Self {
        let weight = weight.unwrap_or(Weekdays::ALL);
        Self { any: others.into_iter().fold(weight, Weekdays::and), weight }
    }
}

/// As a plan has it: the days by what is measured, `{"weight":[1,3,5]}`. What is no measurement, such as the short form, is
/// passed over, and so is what this version does not know.
impl<'de> Deserialize<'de> for MeasuringDays {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut days = BTreeMap::<String, Vec<u8>>::deserialize(deserializer)?;
        days.retain(|_, days| !days.is_empty());
        let mut take = |key: &str| match days.remove(key) {
            None => Ok(None),
            Some(days) => Weekdays::of(days)
                .map(Some)
                .ok_or_else(|| D::Error::custom(format_args!("{key} has a day that is not 1 to 7"))),
        };
        let others = [take("blood_pressure")?, take("pulse_oximetry")?];
        Ok(Self::of(take("weight")?, others.into_iter().flatten()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By the calendar: 1970-01-01 was a Thursday, 27 November 2026 is a Friday and local day 20,784.
    #[test]
    fn a_day_has_its_weekday() {
        let friday = Weekdays::of([5]).expect("a day");
        let date = |text: &str| text.parse::<Date>().expect("a date");
        assert!(friday.has(date("2026-11-27")) && friday.has_day(20_784) && friday.has_day(1));
        assert!(!friday.has(date("2026-11-28")) && !friday.has_day(20_785) && friday.has_day(-6));
    }

    /// A plan's days, and what is read.
    type Row<'a> = (&'a str, Result<(u32, u32), &'a str>);

    /// To add a case, add a row: a plan's days, on how many days of the week anything is asked for and weight, or what is
    /// wrong with it. By hand.
    #[test]
    fn a_plans_days_are_read() {
        let rows: [Row<'_>; 7] = [
            ("{}", Ok((7, 7))),
            (r#"{"weight":[1,3,5]}"#, Ok((3, 3))),
            (r#"{"weight":[1,3,5],"blood_pressure":[1,2],"symptoms":[7]}"#, Ok((4, 3))),
            (r#"{"blood_pressure":[1]}"#, Ok((7, 7))),
            (r#"{"weight":[]}"#, Ok((7, 7))),
            (r#"{"weight":[8]}"#, Err("weight has a day that is not 1 to 7")),
            (r#"{"weight":"monday"}"#, Err("invalid type")),
        ];
        for (text, expected) in rows {
            let read = serde_json::from_str::<MeasuringDays>(text);
            match expected {
                Ok(counts) => {
                    let days = read.expect(text);
                    assert_eq!((days.any.0.count_ones(), days.weight.0.count_ones()), counts, "{text}");
                }
                Err(what) => assert!(read.expect_err(text).to_string().contains(what), "{text}"),
            }
        }
    }
}
