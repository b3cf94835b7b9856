//! The time axis: a day is a column, and a reading stands in the middle of its day.
//!
//! Several readings of a day stand side by side, in order. Where columns get too narrow to see apart, neighbours share one.

use jiff::ToSpan;
use jiff::civil::Date;
use vitals::Timestamp;

use super::Paper;
use super::svg::{Anchor, Drawing, Svg};
use crate::language::Language;
use crate::web::format::{day_month, day_of};
use crate::web::text::Text;

/// The days that a chart shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Days {
    first: Date,
    count: u16,
}

const DAYS_MAX: u16 = 3_660;

impl Days {
    /// The `count` days that end with `last`; at least one, at most ten years.
    pub(crate) fn ending(last: Date, count: u16) -> Self {
        let count = count.clamp(1, DAYS_MAX);
        let first = last.saturating_sub(i32::from(count - 1).days());
        Self { first, count }
    }

    /// How many.
    pub(crate) const fn count(self) -> u16 {
        self.count
    }

    /// The first of them.
    pub(crate) const fn first(self) -> Date {
        self.first
    }

    pub(super) fn day(self, index: u16) -> Date {
        self.first.saturating_add(i32::from(index).days())
    }

    /// Which of them `at` falls on; `None` outside.
    pub(super) fn index(self, at: Timestamp) -> Option<u16> {
        let days = (day_of(at) - self.first).get_days();
        u16::try_from(days).ok().filter(|index| *index < self.count)
    }
}

/// Where the days stand on a sheet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Columns {
    pub(super) days: Days,
    pub(super) left: f64,
    pub(super) right: f64,
}

impl Columns {
    pub(super) fn on(paper: Paper, days: Days) -> Self {
        Self { days, left: paper.left, right: paper.right_edge() }
    }

    /// How wide one day is.
    pub(super) fn width(self) -> f64 {
        (self.right - self.left) / f64::from(self.days.count)
    }

    /// The middle of day `index`.
    pub(super) fn middle(self, index: u16) -> f64 {
        self.left + (f64::from(index) + 0.5) * self.width()
    }

    /// How many days must share a column for it to be `width_min` wide.
    pub(super) fn sharing(self, width_min: f64) -> u16 {
        (1..self.days.count)
            .find(|days| f64::from(*days) * self.width() >= width_min)
            .unwrap_or(self.days.count)
    }

    /// Where the `place`th of `of` readings on day `index` stands.
    pub(super) fn beside(self, index: u16, place: usize, of: usize) -> f64 {
        let narrow = |count: usize| f64::from(u16::try_from(count).unwrap_or(u16::MAX));
        let apart = (self.width() * 0.8 / narrow(of.max(1))).min(9.0);
        self.middle(index) + (narrow(place) - (narrow(of) - 1.0) / 2.0) * apart
    }

    /// The days that carry a label, each with it.
    fn labels(self, label_width: f64, language: Language) -> Vec<(u16, String)> {
        if self.days.count > 120 {
            return self.months(label_width, language);
        }
        let stride = [1, 2, 3, 5, 7, 14, 28, 56, 112]
            .into_iter()
            .find(|days| f64::from(*days) * self.width() >= label_width)
            .unwrap_or(self.days.count);
        // Counted back from the last day, which is the one people look for.
        let skip = (self.days.count - 1) % stride;
        (skip..self.days.count)
            .step_by(usize::from(stride))
            .map(|index| (index, day_month(self.days.day(index), language)))
            .collect()
    }

    fn months(self, label_width: f64, language: Language) -> Vec<(u16, String)> {
        let stride = [1_i16, 2, 3, 6, 12]
            .into_iter()
            .find(|months| f64::from(*months) * 30.4 * self.width() >= label_width)
            .unwrap_or(24);
        (0..self.days.count)
            .map(|index| (index, self.days.day(index)))
            .filter(|(_, day)| day.day() == 1 && (i16::from(day.month()) - 1 + 12 * day.year()) % stride == 0)
            .map(|(index, day)| {
                let full = day_month(day, language);
                let month: String = full.chars().skip_while(|c| !c.is_alphabetic()).take(3).collect();
                (index, if day.month() == 1 { format!("{month} {}", day.year()) } else { month })
            })
            .collect()
    }

    /// Writes the days beneath a plot that ends at `bottom`; gives where the writing ends.
    pub(super) fn draw(self, drawing: &mut Drawing, paper: Paper, bottom: f64, text: Text) -> f64 {
        let widest = paper.width_of("30 sep 2026");
        for (index, label) in self.labels(widest, text.0) {
            let half = paper.width_of(&label) / 2.0;
            let x = self.middle(index);
            drawing.line("chart-tick", (x, bottom), (x, bottom + 4.0));
            let x = x.min(paper.width - half).max(half);
            drawing.text("chart-label", (x, bottom + 6.0 + paper.text), Anchor::Middle, &label);
        }
        bottom + 12.0 + paper.text
    }
}

/// The days by themselves, beneath charts that stand above each other.
pub(crate) fn axis(days: Days, paper: Paper, text: Text) -> Svg {
    let mut drawing = Drawing::default();
    let height = Columns::on(paper, days).draw(&mut drawing, paper, 0.0, text);
    drawing.finish_unread(&format!("chart chart-{}", paper.name), (paper.width, height), paper.text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(count: u16) -> Columns {
        let days = Days::ending(Date::constant(2026, 4, 22), count);
        Columns { days, left: 100.0, right: 700.0 }
    }

    #[test]
    fn days_stand_in_columns_as_worked_by_hand() {
        let thirty = columns(30);
        assert_eq!(thirty.days.first, Date::constant(2026, 3, 24), "30 days that end with 22 April");
        // 600 px for 30 days: 20 each.
        for (index, x) in [(0, 110.0), (29, 690.0), (10, 310.0)] {
            assert!((thirty.middle(index) - x).abs() < 1e-9);
        }
        // Two readings of a day: 20 x 0.8 / 2 = 8 apart.
        assert!((thirty.beside(0, 0, 2) - 106.0).abs() < 1e-9);
        assert!((thirty.beside(0, 1, 2) - 114.0).abs() < 1e-9);
        // 600 / 365 = 1.64 px a day: three days make 4.9, two only 3.3.
        assert_eq!(columns(365).sharing(4.0), 3);
        assert_eq!(thirty.sharing(4.0), 1);
    }

    #[test]
    fn a_day_is_a_day_in_stockholm() {
        let days = columns(30).days;
        // 22:30 UTC is half past midnight the next day in Stockholm in April, and half past eleven before 29 March.
        for (at, index) in [
            ("2026-04-22T05:04:00Z", Some(29)),
            ("2026-04-21T22:30:00Z", Some(29)),
            ("2026-04-22T22:30:00Z", None),
            ("2026-03-24T22:30:00Z", Some(0)),
            ("2026-03-23T22:30:00Z", None),
        ] {
            assert_eq!(days.index(at.parse().expect("a time")), index, "{at}");
        }
    }

    #[test]
    fn labels_have_room_and_the_last_day_has_one() {
        let labels = columns(30).labels(80.0, Language::Sv);
        // 20 px a day: five days make 100.
        assert_eq!(labels.first(), Some(&(4, "28 mars".to_owned())));
        assert_eq!(labels.last(), Some(&(29, "22 april".to_owned())));
        let year = columns(365).labels(80.0, Language::Sv);
        // 30.4 days of 1.64 px make 50: every second month, counted from January.
        assert_eq!(year.first(), Some(&(8, "maj".to_owned())));
        assert!(year.iter().any(|(_, label)| label == "jan 2026"));
    }
}
