//! How a unit's patients do as a whole: how many are monitored, how many measure, what tasks that makes and how soon somebody acts.
//!
//! Measurements are read as long series are ([`crate::series`]), tasks from the store. Nobody is named, and what would tell of fewer
//! than [`SMALL`] people or tasks is held back ([`Figure`]). Counts those alone whom the reader may see
//! ([`crate::access::decide`]). Knows no page.
//!
//! **Invariant:** no figure speaks of a group of one to four.

mod figures;
mod tasks;

use std::collections::BTreeMap;

use alerts::{Priority, Problem};
use jiff::civil::Date;
use vitals::{PatientId, Timestamp};

pub use figures::{Figure, SMALL, about};
pub use tasks::FirstActs;

use crate::access::{self, Action, Subject};
use crate::admission::settled;
use crate::clock;
use crate::people::{self, PatientFacts};
use crate::quarantine;
use crate::series::{self, From, MeasuredDays, Series, Span, StoreReason};
use crate::store::{Store, StoreError};

/// How many weeks of measuring are shown. A week is seven days that end today or whole weeks before.
pub const WEEKS: i64 = 12;
/// How many days of tasks are counted.
pub const TASK_DAYS: i64 = 90;
const WEEK_DAYS: i64 = 7;
const YEAR_DAYS: f64 = 365.25;
/// Items of the quarantine that are looked through.
const WAITING_MAX: i64 = 1_000;

/// One week of measuring.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Week {
    /// Its first day.
    pub from: Date,
    /// Its last.
    pub to: Date,
    /// Who was monitored in it, if only from its last day.
    pub monitored: usize,
    /// How many of them measured at least once.
    pub measured: usize,
    /// Measurements in it.
    pub measurements: i64,
}

impl Week {
    /// The share who measured, 0 to 1; held back where few were monitored.
    #[must_use]
    pub fn share(&self) -> Option<f64> {
        (self.monitored >= SMALL).then(|| ratio(self.measured, self.monitored))
    }
}

fn ratio(part: usize, of: usize) -> f64 {
    let number = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    number(part) / number(of).max(1.0)
}

/// The report.
#[derive(Clone, Debug)]
pub struct Population {
    /// Patients of the unit whom the reader may see.
    pub monitored: usize,
    /// The last weeks, oldest first.
    pub weeks: Vec<Week>,
    /// Measurements for each day of those weeks and each who was monitored then, in the mean.
    pub measurements_per_patient_day: Option<f64>,
    /// Where measurements were read.
    pub from: From,
    /// How many years those patients were monitored within [`TASK_DAYS`], together.
    pub patient_years: f64,
    /// Tasks opened within those days.
    pub tasks: BTreeMap<(Problem, Priority), usize>,
    /// How soon somebody acted on them.
    pub first_acts: BTreeMap<Priority, FirstActs>,
    /// Items of the quarantine that wait and concern one of them.
    pub quarantined: usize,
}

impl Population {
    /// Whether there are too few to say anything but how many.
    #[must_use]
    pub const fn is_small(&self) -> bool {
        self.monitored < SMALL
    }
}

/// The report of the unit of `subject` at `now`. Empty for who has none.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn of(
    store: &Store,
    series: &Series,
    subject: &Subject,
    now: Timestamp,
) -> Result<Population, StoreError> {
    let mut reader = store.read().await?;
    let all = match subject.unit() {
        Some(unit) => people::of_unit(&mut reader, unit).await?,
        None => Vec::new(),
    };
    let patients: Vec<PatientFacts> =
        all.into_iter().filter(|facts| access::decide(subject, facts, Action::List, now).allowed).collect();
    let ids: Vec<PatientId> = patients.iter().map(|facts| facts.id.clone()).collect();
    let tasks = tasks::opened(&mut reader, &ids, now.plus_days(-TASK_DAYS)).await?;
    let first_acts = tasks::first_acts(&mut reader, &tasks).await?;
    let waiting = settled::waiting(&mut reader, WAITING_MAX).await?;
    let quarantined = quarantine::visible(&mut reader, subject, waiting, now).await?.len();
    drop(reader);
    // A day more than asked for, so that a day with 25 hours is whole as well.
    let span = Span { from: now.plus_days(-WEEKS * WEEK_DAYS - 1), to: now.plus_days(1) };
    let measured = series::measured(store, series, &ids, span).await?;
    let weeks = weeks(&patients, &measured, today(now));
    let mut counted: BTreeMap<(Problem, Priority), usize> = BTreeMap::new();
    for task in &tasks {
        *counted.entry((task.problem, task.priority)).or_insert(0) += 1;
    }
    Ok(Population {
        monitored: patients.len(),
        measurements_per_patient_day: per_patient_day(&weeks),
        weeks,
        from: if measured.patients_put_right > 0 { From::Store(StoreReason::Differs) } else { measured.from },
        patient_years: patients.iter().map(|facts| monitored_days(facts, now)).sum::<f64>() / YEAR_DAYS,
        tasks: counted,
        first_acts,
        quarantined,
    })
}

fn today(at: Timestamp) -> Date {
    at.to_jiff().to_zoned(clock::zone()).date()
}

fn back(date: Date, days: i64) -> Date {
    date.saturating_sub(jiff::Span::new().days(days))
}

/// How long this person was monitored within [`TASK_DAYS`] before `now`, days.
fn monitored_days(facts: &PatientFacts, now: Timestamp) -> f64 {
    let begun = facts.enrolled_at.max(now.plus_days(-TASK_DAYS));
    now.days_since(begun).max(0.0)
}

fn weeks(patients: &[PatientFacts], measured: &MeasuredDays, today: Date) -> Vec<Week> {
    (0..WEEKS)
        .rev()
        .map(|ago| {
            let to = back(today, ago * WEEK_DAYS);
            let from = back(to, WEEK_DAYS - 1);
            let mut week = Week { from, to, monitored: 0, measured: 0, measurements: 0 };
            for facts in patients {
                let days = measured.days.get(&facts.id);
                let count: i64 =
                    days.into_iter().flat_map(|days| days.range(from..=to)).map(|(_, count)| *count).sum();
                // Who has a measurement was monitored, whatever the register says of when that began.
                if count > 0 || self::today(facts.enrolled_at) <= to {
                    week.monitored += 1;
                    week.measured += usize::from(count > 0);
                    week.measurements += count;
                }
            }
            week
        })
        .collect()
}

fn per_patient_day(weeks: &[Week]) -> Option<f64> {
    let patient_weeks: usize = weeks.iter().map(|week| week.monitored).sum();
    let measurements: i64 = weeks.iter().map(|week| week.measurements).sum();
    let measurements = usize::try_from(measurements).unwrap_or(0);
    let enough = weeks.iter().any(|week| week.monitored >= SMALL);
    enough.then(|| ratio(measurements, patient_weeks) / 7.0)
}
