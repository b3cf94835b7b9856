//! Long series of a patient's values, a day at a time: for charts over months and years and for the report of a unit.
//!
//! Where a copy of the record for long questions stands beside the store ([`LongSeries`]), days are asked of it; what it has not
//! taken yet is added from the store. It is never believed unseen: the readings behind its answer are counted against the
//! store's, and where they differ, or nobody answers, the store is read instead and the answer says so ([`From`]). Knows no page
//! and no limit, and nothing that decides reads it.
//!
//! **Invariant:** what is given back holds every reading of the record in its span, wherever it was read.

mod days;
mod read;

use std::future::Future;
use std::pin::Pin;

use vitals::{PatientId, Quantity, Symptom, Timestamp};

pub use days::{Day, Days, Summary};
pub use read::{Behind, From, MeasuredDays, Series, StoreReason, daily, measured};

/// What is followed over a long time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Measure {
    /// A quantity, in its unit.
    Quantity(Quantity),
    /// A symptom, 0 to 3.
    Symptom(Symptom),
}

impl Measure {
    /// The quantities that are followed: weight, pressure and pulse.
    pub const QUANTITIES: [Quantity; 4] =
        [Quantity::WeightKg, Quantity::SystolicMmhg, Quantity::DiastolicMmhg, Quantity::PulsePerMin];

    /// Everything that is followed.
    pub fn all() -> impl Iterator<Item = Self> {
        let symptoms = Symptom::ALL.iter().copied().map(Self::Symptom);
        Self::QUANTITIES.into_iter().map(Self::Quantity).chain(symptoms)
    }

    /// Its key in JSON.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Quantity(quantity) => quantity.key(),
            Self::Symptom(symptom) => symptom.key(),
        }
    }

    /// What has this key, if it is followed.
    #[must_use]
    pub fn from_key(key: &str) -> Option<Self> {
        Self::all().find(|one| one.key() == key)
    }
}

/// From when, and until before when, something was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first moment within.
    pub from: Timestamp,
    /// The first moment after.
    pub to: Timestamp,
}

/// What a copy holds of one patient in a span.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Held {
    /// The place in the journal of the last reading that rests in the answer; 0 for none.
    pub through: i64,
    /// How many readings rest in it, those without a value among them.
    pub readings: i64,
    /// A summary for each day and measure that has a value.
    pub days: Vec<(Measure, Summary)>,
}

/// What a copy holds of one patient's measuring in a span.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counted {
    /// As [`Held::through`].
    pub through: i64,
    /// As [`Held::readings`].
    pub readings: i64,
    /// For each day on which something was measured: when first, and how many measurements.
    pub measured: Vec<(Timestamp, i64)>,
}

/// Why a copy gave no answer. The store is read instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct SeriesError {
    /// What went wrong, without patient values.
    pub what: String,
}

/// What [`LongSeries::days`] gives.
pub type HeldAnswer<'a> = Pin<Box<dyn Future<Output = Result<Held, SeriesError>> + Send + 'a>>;
/// What [`LongSeries::measured`] gives.
pub type CountedAnswer<'a> =
    Pin<Box<dyn Future<Output = Result<Vec<(PatientId, Counted)>, SeriesError>> + Send + 'a>>;

/// A copy of the record that answers questions over years without reading the store. A day is a day in Stockholm. It answers within
/// seconds or fails; what it answers is held against the store by who asks.
pub trait LongSeries: Send + Sync {
    /// The days of `patient` in `span`.
    fn days(&self, patient: PatientId, span: Span) -> HeldAnswer<'_>;

    /// On which days of `span` each of `patients` measured. Who is left out of the answer has nothing there.
    fn measured(&self, patients: Vec<PatientId>, span: Span) -> CountedAnswer<'_>;
}
