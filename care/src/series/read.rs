//! Asking the copy, holding its answer against the store, and putting right what differs.
//!
//! **Invariant:** an answer of the copy is used only where it rests on as many readings as the store has up to the same place.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::Date;
use vitals::{PatientId, Timestamp};

use super::days::{Days, date_of};
use super::{Counted, LongSeries, Span};
use crate::health::{Health, Part, State};
use crate::readings;
use crate::store::sql::Connection;
use crate::store::{Store, StoreError};

/// Where long series are read.
#[derive(Clone, Default)]
pub struct Series {
    copy: Option<(Arc<dyn LongSeries>, Health)>,
}

impl std::fmt::Debug for Series {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Series").field("copy", &self.copy.is_some()).finish()
    }
}

impl Series {
    /// In `copy`, unless `health` says that it does not answer; then in the store.
    #[must_use]
    pub fn of(copy: Arc<dyn LongSeries>, health: Health) -> Self {
        Self { copy: Some((copy, health)) }
    }

    fn at_hand(&self) -> Result<&dyn LongSeries, StoreReason> {
        let Some((copy, health)) = &self.copy else { return Err(StoreReason::NoCopy) };
        // One that has been gone for a minute is not waited for by every page.
        let gone = |(part, state): &(Part, State)| {
            *part == Part::Projection && matches!(state, State::Broken { .. })
        };
        if health.parts().iter().any(gone) { Err(StoreReason::Silent) } else { Ok(copy.as_ref()) }
    }
}

/// Why the store was read and not the copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreReason {
    /// There is none.
    NoCopy,
    /// It did not answer, or not in time.
    Silent,
    /// It lacks readings that it should have, or has some that the store has not.
    Differs,
}

impl StoreReason {
    const fn key(self) -> &'static str {
        match self {
            Self::NoCopy => "no_copy",
            Self::Silent => "silent",
            Self::Differs => "differs",
        }
    }
}

/// How far the copy was behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Behind {
    /// Readings that it had not taken, and that were added from the store.
    pub readings: i64,
}

/// Where an answer was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// In the copy, with what it lacked added from the store.
    Copy(Behind),
    /// In the store, whole.
    Store(StoreReason),
}

/// The days of `patient` in `span`, whole, and where they were read.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read. A copy that fails is no error.
pub async fn daily(
    store: &Store,
    series: &Series,
    patient: &PatientId,
    span: Span,
) -> Result<(Days, From), StoreError> {
    let held = match series.at_hand() {
        Ok(copy) => copy.days(patient.clone(), span).await.map_err(|error| silent(&error)),
        Err(reason) => Err(reason),
    };
    let mut reader = store.read().await?;
    let reason = match held {
        Ok(held) => {
            let ours = readings::count(&mut reader, patient, span.from, span.to, held.through).await?;
            if ours == held.readings {
                let mut days = Days::default();
                held.days.into_iter().for_each(|(measure, summary)| days.add(measure, summary));
                let tail =
                    readings::arrived_after(&mut reader, patient, span.from, span.to, held.through).await?;
                tail.iter().for_each(|recorded| days.add_reading(recorded));
                let readings = i64::try_from(tail.len()).unwrap_or(i64::MAX);
                return Ok((days, From::Copy(Behind { readings })));
            }
            tracing::warn!(ours, theirs = held.readings, "the copy for long charts differs from the store");
            StoreReason::Differs
        }
        Err(reason) => reason,
    };
    count(reason);
    let mut days = Days::default();
    for recorded in readings::between(&mut reader, patient, span.from, span.to).await? {
        days.add_reading(&recorded);
    }
    Ok((days, From::Store(reason)))
}

fn silent(error: &super::SeriesError) -> StoreReason {
    tracing::warn!(%error, "the copy for long charts gave no answer");
    StoreReason::Silent
}

fn count(reason: StoreReason) {
    match reason {
        StoreReason::NoCopy => {}
        StoreReason::Silent | StoreReason::Differs => {
            metrics::counter!("vagen_long_series_from_store_total", "why" => reason.key()).increment(1);
        }
    }
}

/// How many measurements each patient made on each day. Answers to the form are none, nor are attempts that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeasuredDays {
    /// By patient and day; days without are not there.
    pub days: BTreeMap<PatientId, BTreeMap<Date, i64>>,
    /// Where they were read.
    pub from: From,
    /// Patients that were read in the store because the copy lacked readings of theirs it should have had.
    pub patients_put_right: usize,
}

/// On which days of `span` each of `patients` measured, whole, and where that was read.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read. A copy that fails is no error.
pub async fn measured(
    store: &Store,
    series: &Series,
    patients: &[PatientId],
    span: Span,
) -> Result<MeasuredDays, StoreError> {
    let held = match series.at_hand() {
        Ok(copy) => copy.measured(patients.to_vec(), span).await.map_err(|error| silent(&error)),
        Err(reason) => Err(reason),
    };
    let mut reader = store.read().await?;
    let mut found = MeasuredDays {
        days: BTreeMap::new(),
        from: From::Copy(Behind { readings: 0 }),
        patients_put_right: 0,
    };
    match held {
        Err(reason) => {
            count(reason);
            found.from = From::Store(reason);
            for patient in patients {
                let times = readings::measured_at(&mut reader, patient, span.from, span.to, 0).await?;
                found.days.insert(patient.clone(), by_day(times.into_iter().map(|at| (at, 1))));
            }
        }
        Ok(held) => {
            let mut held: BTreeMap<PatientId, Counted> = held.into_iter().collect();
            let mut behind = 0;
            for patient in patients {
                let theirs = held.remove(patient).unwrap_or_default();
                let (days, late) = of_copy(&mut reader, patient, span, theirs).await?;
                let days = match days {
                    Some(days) => days,
                    None => {
                        found.patients_put_right += 1;
                        let times =
                            readings::measured_at(&mut reader, patient, span.from, span.to, 0).await?;
                        by_day(times.into_iter().map(|at| (at, 1)))
                    }
                };
                behind += late;
                found.days.insert(patient.clone(), days);
            }
            if found.patients_put_right > 0 {
                tracing::warn!(
                    patients = found.patients_put_right,
                    "the copy for long charts differs from the store"
                );
                count(StoreReason::Differs);
            }
            found.from = From::Copy(Behind { readings: behind });
        }
    }
    Ok(found)
}

/// The days as the copy has them with what it lacks, and how many readings that were; no days where it differs.
async fn of_copy(
    connection: &mut Connection,
    patient: &PatientId,
    span: Span,
    theirs: Counted,
) -> Result<(Option<BTreeMap<Date, i64>>, i64), StoreError> {
    let ours = readings::count(connection, patient, span.from, span.to, theirs.through).await?;
    if ours != theirs.readings {
        return Ok((None, 0));
    }
    let all = readings::count(connection, patient, span.from, span.to, i64::MAX).await?;
    let mut days = by_day(theirs.measured.into_iter());
    if all > ours {
        let late = readings::measured_at(connection, patient, span.from, span.to, theirs.through).await?;
        for (date, count) in by_day(late.into_iter().map(|at| (at, 1))) {
            *days.entry(date).or_insert(0) += count;
        }
    }
    Ok((Some(days), all - ours))
}

fn by_day(times: impl Iterator<Item = (Timestamp, i64)>) -> BTreeMap<Date, i64> {
    let mut days = BTreeMap::new();
    for (at, count) in times {
        *days.entry(date_of(at)).or_insert(0) += count;
    }
    days
}
