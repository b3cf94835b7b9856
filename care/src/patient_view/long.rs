//! A record over months and years, from days instead of readings: what each day's lowest, highest and last value were, how the rules
//! would take them, and where it was read.
//!
//! Weights are judged as the rules judge readings, each day's extremes and its last in place of all of them; so a value that is set
//! aside in the chart of a month is set aside here. Over more than two years days are put together into weeks.
//!
//! **Invariant:** an extreme of a day or week is never left out, and nothing is said to be whole that was not counted.

use jiff::civil::Date;
use vitals::{
    ClockClass, Content, Kind, Outcome, PatientId, Quantity, Reading, ReadingId, SymptomAnswers, Timestamp,
    Values,
};

use super::{BEFORE_DAYS, Judged, judge, policy_of};
use crate::chart::{Answer, Band, Days, Sample};
use crate::clock;
use crate::plans;
use crate::readings::{self, Recorded};
use crate::series::{self, Day, From, Measure, Series, Span, Summary};
use crate::store::{Store, StoreError};
use alerts::chart::Doubt;

/// From so many days on, a point is a week.
const WEEKS_FROM_DAYS: u16 = 731;
/// Over more days than this, what is usual now says nothing of the beginning.
const BAND_DAYS_MAX: u16 = 366;

/// How far back one looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The last days, today among them.
    Days(u16),
    /// Since the first reading.
    All,
}

/// A value that stands in a chart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Standing {
    /// When, to the day.
    pub(crate) at: Timestamp,
    /// In its unit.
    pub(crate) value: f64,
    /// Why the rules would set it aside.
    pub(crate) doubt: Option<Doubt>,
}

/// A record over a long time.
#[derive(Clone, Debug)]
pub(crate) struct LongRecord {
    /// The days.
    pub(crate) days: Days,
    /// What was measured, by day or by week, oldest first.
    pub(crate) buckets: Vec<Day>,
    /// Whether a bucket is a week.
    pub(crate) weekly: bool,
    /// The weights that are drawn, kg.
    pub(crate) weights: Vec<Standing>,
    /// The smoothed weight, kg.
    pub(crate) trend: Vec<Sample>,
    /// The usual weight now, kg.
    pub(crate) band: Option<Band>,
    /// When the last value was measured.
    pub(crate) last_at: Option<Timestamp>,
    /// Where it was read.
    pub(crate) from: From,
}

/// The record of `patient` as far as `reach`, at `now`.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub(crate) async fn long_record(
    store: &Store,
    series: &Series,
    patient: &PatientId,
    reach: Reach,
    now: Timestamp,
) -> Result<LongRecord, StoreError> {
    let mut reader = store.read().await?;
    let policy = policy_of(&mut reader, patient, now).await?;
    let plan = plans::chart_events(&mut reader, patient).await?;
    let count = match reach {
        Reach::Days(count) => count,
        Reach::All => {
            readings::first_at(&mut reader, patient).await?.map_or(1, |first| days_between(first, now))
        }
    };
    drop(reader);
    let days = Days::ending(date_of(now), count);
    let from = now.plus_days(-i64::from(days.count()) - BEFORE_DAYS);
    let (all, came_from) = series::daily(store, series, patient, Span { from, to: now.plus_days(1) }).await?;
    let judged = judge(patient, &as_readings(patient, all.iter()), &plan, &policy);
    let weekly = days.count() >= WEEKS_FROM_DAYS;
    let shown = |day: &Day| day.date >= days.first();
    let buckets: Vec<Day> = if weekly {
        let mut within = series::Days::default();
        let values = all.iter().filter(shown).flat_map(|day| day.values);
        values.for_each(|(measure, summary)| within.add(measure, summary));
        within.weeks().iter().collect()
    } else {
        all.iter().filter(shown).collect()
    };
    let last_at = all.iter().flat_map(|day| day.values.into_values()).map(|one| one.last_at).max();
    Ok(LongRecord {
        days,
        // By day also where a bucket is a week: it is days that were judged.
        weights: all
            .iter()
            .filter(shown)
            .filter_map(|day| day.get(Quantity::WeightKg))
            .flat_map(|one| standing(one, &judged))
            .collect(),
        buckets,
        weekly,
        band: judged.band.filter(|_| days.count() <= BAND_DAYS_MAX),
        trend: judged.trend.into_iter().map(|(at, value)| Sample { at, value }).collect(),
        last_at,
        from: came_from,
    })
}

fn date_of(at: Timestamp) -> Date {
    at.to_jiff().to_zoned(clock::zone()).date()
}

/// How many days there are from the day of `first` to that of `now`, both among them.
fn days_between(first: Timestamp, now: Timestamp) -> u16 {
    let days = (date_of(now) - date_of(first)).get_days();
    u16::try_from(days.max(0)).unwrap_or(u16::MAX).saturating_add(1)
}

/// The values of a summary that a chart shows: the lowest and the highest, and the last where it is neither.
pub(crate) fn extremes(one: Summary) -> Vec<(Timestamp, f64)> {
    let mut values = vec![(one.last_at, one.last)];
    let differs = |value: f64| (value - one.last).abs() > 1e-9;
    if differs(one.min) {
        values.insert(0, (one.first_at, one.min));
    }
    if differs(one.max) {
        values.insert(0, (one.first_at, one.max));
    }
    values
}

fn name_of(at: Timestamp, value: f64) -> Option<ReadingId> {
    format!("{}/{value}", at.as_millis()).parse().ok()
}

/// The weights of each day as readings that the rules can take in.
fn as_readings(patient: &PatientId, days: impl Iterator<Item = Day>) -> Vec<Recorded> {
    let weights = days.filter_map(|day| day.get(Quantity::WeightKg)).flat_map(extremes);
    weights
        .filter_map(|(at, value)| {
            let mut values = Values::new();
            values.set(Quantity::WeightKg, value).ok()?;
            let content = Content::Vitals {
                kind: Kind::Weight,
                outcome: Outcome::Measured,
                values,
                absent: Default::default(),
                flags: Default::default(),
                clock: ClockClass::Synced,
            };
            let reading =
                Reading { id: name_of(at, value)?, patient: patient.clone(), at, received_at: at, content };
            Some(Recorded { reading, arrival: 0, origin: None, author: None, task: None })
        })
        .collect()
}

fn standing(one: Summary, judged: &Judged) -> Vec<Standing> {
    extremes(one)
        .into_iter()
        .map(|(at, value)| {
            let doubt =
                name_of(at, value).and_then(|id| judged.doubts.get(&(id, Quantity::WeightKg)).copied());
            Standing { at, value, doubt }
        })
        .collect()
}

/// The worst of each symptom in a bucket, as one form; `None` where nothing was answered.
pub(crate) fn worst(bucket: &Day) -> Option<Answer> {
    let grades = bucket.values.iter().filter_map(|(measure, summary)| match measure {
        Measure::Symptom(symptom) => Some((*symptom, *summary)),
        Measure::Quantity(_) => None,
    });
    let mut at = None;
    let mut answers = SymptomAnswers::new();
    for (symptom, summary) in grades {
        at = at.max(Some(summary.last_at));
        // Grades are 0 to 3: the nearest whole one.
        let grade = [0_u8, 1, 2, 3].into_iter().rfind(|grade| f64::from(*grade) <= summary.max + 0.5)?;
        answers.set(symptom, vitals::Severity::new(grade)?);
    }
    Some(Answer { at: at?, answers })
}
