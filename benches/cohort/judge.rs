//! How well a row of tasks foresees events, judged as the published interface says: an event is found when a task opened in
//! the 14 days before it; a task is false with no event in the 14 days after it nor the 12 before, those of one person
//! within 72 h counted once; lead is the first such task's.
//!
//! It knows when tasks opened and when events came, and not which detector it was.
//!
//! **Invariant:** a cohort's figures are the sums of its people's, so people can be drawn again for confidence intervals.

use crate::dice::Dice;

const BEFORE_EVENT_DAYS: f64 = 14.0;
const AFTER_EVENT_DAYS: f64 = 12.0;
const ONE_ALARM_DAYS: f64 = 3.0;
const DRAWS: usize = 400;

/// Counts of one person, or of many.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Tally {
    pub(crate) years: f64,
    pub(crate) events: f64,
    pub(crate) found: f64,
    pub(crate) found_3_days: f64,
    pub(crate) found_5_days: f64,
    pub(crate) lead_days: f64,
    pub(crate) wrong: f64,
}

/// Judges the days on which one person's tasks opened, in order, against that person's events.
pub(crate) fn judge(opened: &[f64], events: &[f64], years: f64) -> Tally {
    let mut tally = Tally { years, events: events.len() as f64, ..Tally::default() };
    for event in events {
        let leads =
            opened.iter().map(|day| event - day).filter(|lead| (0.0..=BEFORE_EVENT_DAYS).contains(lead));
        let Some(lead) = leads.max_by(f64::total_cmp) else { continue };
        tally.found += 1.0;
        tally.found_3_days += f64::from(u8::from(lead >= 3.0));
        tally.found_5_days += f64::from(u8::from(lead >= 5.0));
        tally.lead_days += lead;
    }
    let is_near = |day: f64| {
        events.iter().any(|event| (-AFTER_EVENT_DAYS..=BEFORE_EVENT_DAYS).contains(&(event - day)))
    };
    let mut last: Option<f64> = None;
    for day in opened.iter().copied().filter(|day| !is_near(*day)) {
        if last.is_none_or(|last| day - last > ONE_ALARM_DAYS) {
            tally.wrong += 1.0;
            last = Some(day);
        }
    }
    tally
}

impl Tally {
    /// All of these together.
    pub(crate) fn sum<'a>(tallies: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut sum = Self::default();
        for one in tallies {
            sum.years += one.years;
            sum.events += one.events;
            sum.found += one.found;
            sum.found_3_days += one.found_3_days;
            sum.found_5_days += one.found_5_days;
            sum.lead_days += one.lead_days;
            sum.wrong += one.wrong;
        }
        sum
    }

    /// The share of events that were found.
    pub(crate) fn sensitivity(&self) -> f64 {
        share(self.found, self.events)
    }

    /// The share found three days before or more.
    pub(crate) fn early_3(&self) -> f64 {
        share(self.found_3_days, self.events)
    }

    /// The share found five days before or more.
    pub(crate) fn early_5(&self) -> f64 {
        share(self.found_5_days, self.events)
    }

    /// The mean lead of what was found, days.
    pub(crate) fn lead(&self) -> f64 {
        share(self.lead_days, self.found)
    }

    /// False tasks a patient-year.
    pub(crate) fn false_per_year(&self) -> f64 {
        share(self.wrong, self.years)
    }

    /// The sensitivity that as many tasks would have by chance.
    pub(crate) fn chance(&self) -> f64 {
        chance(self.false_per_year())
    }
}

/// The sensitivity of so many tasks a year that come without any reason.
pub(crate) fn chance(false_per_year: f64) -> f64 {
    1.0 - (-false_per_year * BEFORE_EVENT_DAYS / 365.0).exp()
}

/// The middle 95 % of a figure over people drawn again with replacement (bootstrap, percentiles).
pub(crate) fn interval(tallies: &[Tally], figure: impl Fn(&Tally) -> f64) -> (f64, f64) {
    let mut figures: Vec<f64> = (0..DRAWS)
        .map(|draw| {
            let mut dice = Dice::of(1, draw, 0);
            figure(&Tally::sum((0..tallies.len()).map(|_| &tallies[dice.below(tallies.len())])))
        })
        .collect();
    figures.sort_by(f64::total_cmp);
    (figures[DRAWS / 40], figures[DRAWS - 1 - DRAWS / 40])
}

fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}
