//! One patient's chart: what rules may look back on. A stub that grows.

use jiff::tz::TimeZone;
use vitals::{PatientId, Reading, Timestamp};

use crate::policy::{Overrides, Policy};

/// Something that happened to a patient, as far as the rules need to know it.
#[derive(Clone, Debug, PartialEq)]
pub enum ChartEvent {
    /// A reading was admitted to the record.
    Reading(Reading),
    /// Admitted to hospital.
    Admission {
        /// When.
        at: Timestamp,
    },
    /// Discharged home.
    Discharge {
        /// When.
        at: Timestamp,
    },
    /// Measuring is paused, such as for a journey.
    Pause {
        /// From when.
        at: Timestamp,
        /// Until when.
        until: Timestamp,
    },
    /// The patient's own limits from now on; an empty set takes them all away.
    Override {
        /// When.
        at: Timestamp,
        /// The limits.
        overrides: Overrides,
    },
    /// Monitoring ended.
    End {
        /// When.
        at: Timestamp,
    },
}

impl ChartEvent {
    /// When it happened.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        match self {
            Self::Reading(reading) => reading.at,
            Self::Admission { at }
            | Self::Discharge { at }
            | Self::Pause { at, .. }
            | Self::Override { at, .. }
            | Self::End { at } => *at,
        }
    }

    /// When it became known. Events that staff enter are known when they happen.
    #[must_use]
    pub const fn received_at(&self) -> Timestamp {
        match self {
            Self::Reading(reading) => reading.received_at,
            Self::Admission { at }
            | Self::Discharge { at }
            | Self::Pause { at, .. }
            | Self::Override { at, .. }
            | Self::End { at } => *at,
        }
    }
}

/// How an event took its place in the chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Folded {
    /// Nothing later was there.
    InOrder,
    /// Something later was there; what depends on the order was worked out again. Nothing is left for the caller to do.
    Late,
    /// The chart already held it; nothing changed.
    Duplicate,
}

/// Bounded state of one patient: about 120 days.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    patient: PatientId,
    overrides: Overrides,
}

/// A person's usual weight and the band it moves within.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WeightBand {
    /// The usual weight, kg.
    pub usual_kg: f64,
    /// Lower edge, kg.
    pub low_kg: f64,
    /// Upper edge, kg.
    pub high_kg: f64,
}

/// One point of the smoothed weight.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrendPoint {
    /// When.
    pub at: Timestamp,
    /// The average of the last few days, kg.
    pub fast_kg: f64,
    /// The average of the last weeks, kg.
    pub slow_kg: f64,
}

impl Chart {
    /// An empty chart.
    #[must_use]
    pub fn new(patient: PatientId) -> Self {
        Self { patient, overrides: Overrides::default() }
    }

    /// Whose it is.
    #[must_use]
    pub const fn patient(&self) -> &PatientId {
        &self.patient
    }

    /// Takes an event in. Readings may come in any order and more than once.
    pub fn fold(&mut self, event: &ChartEvent) -> Folded {
        if let ChartEvent::Override { overrides, .. } = event {
            self.overrides = overrides.clone();
        }
        Folded::InOrder
    }

    /// The chart of a whole history.
    #[must_use]
    pub fn rebuild<'a>(patient: PatientId, events: impl IntoIterator<Item = &'a ChartEvent>) -> Self {
        let mut chart = Self::new(patient);
        for event in events {
            chart.fold(event);
        }
        chart
    }

    /// When the passing of time alone would next yield a finding, strictly after `after`; `None` when it never would.
    #[must_use]
    pub fn next_check(&self, _policy: &Policy, _zone: &TimeZone, _after: Timestamp) -> Option<Timestamp> {
        None
    }

    /// The usual weight and its band; `None` before there is a baseline.
    #[must_use]
    pub fn usual_weight(&self, _policy: &Policy) -> Option<WeightBand> {
        None
    }

    /// The smoothed weight, oldest first.
    #[must_use]
    pub fn weight_trend(&self, _policy: &Policy) -> Vec<TrendPoint> {
        Vec::new()
    }

    /// When the patient was last heard of; `None` when never.
    #[must_use]
    pub fn last_heard(&self) -> Option<Timestamp> {
        None
    }
}
