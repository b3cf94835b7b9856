//! What happens to a patient, as far as the rules need to know it.

use vitals::{Reading, Timestamp};

use crate::policy::Overrides;
use crate::schedule::MeasuringDays;

/// Something that happened to a patient.
#[derive(Clone, Debug, PartialEq)]
pub enum ChartEvent {
    /// A reading was admitted to the record.
    Reading(Reading),
    /// Admitted to hospital: silence is excused.
    Admission {
        /// When.
        at: Timestamp,
    },
    /// Discharged home: measuring is expected again, and weight gets a new baseline.
    Discharge {
        /// When.
        at: Timestamp,
    },
    /// Measuring is paused, such as for a journey: silence is excused. What is measured anyway is judged as always.
    Pause {
        /// From when.
        at: Timestamp,
        /// Until when.
        until: Timestamp,
    },
    /// The patient's own limits from now on, all of them; an empty set takes them away.
    Override {
        /// When.
        at: Timestamp,
        /// The limits.
        overrides: Overrides,
    },
    /// The days on which the patient is asked to measure from now on.
    Schedule {
        /// When.
        at: Timestamp,
        /// The days.
        days: MeasuringDays,
    },
    /// Monitoring ended: nothing is expected any more.
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
            | Self::Schedule { at, .. }
            | Self::End { at } => *at,
        }
    }

    /// When it became known. Events that staff enter are known when they happen.
    #[must_use]
    pub const fn received_at(&self) -> Timestamp {
        match self {
            Self::Reading(reading) => reading.received_at,
            Self::Admission { .. }
            | Self::Discharge { .. }
            | Self::Pause { .. }
            | Self::Override { .. }
            | Self::Schedule { .. }
            | Self::End { .. } => self.at(),
        }
    }
}
