//! A [`Reading`]: a measurement or a symptom form that has been admitted to one patient's record.

use std::collections::{BTreeMap, BTreeSet};

use crate::envelope::ClockClass;
use crate::ids::{PatientId, ReadingId};
use crate::measurement::{Flag, Kind, Outcome};
use crate::quantity::{AbsentReason, Quantity, Values};
use crate::symptoms::SymptomAnswers;
use crate::time::Timestamp;

/// What a reading holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// A device's measurement.
    Vitals {
        /// What was measured.
        kind: Kind,
        /// How it ended.
        outcome: Outcome,
        /// The values received.
        values: Values,
        /// Values declared missing, and why.
        absent: BTreeMap<Quantity, AbsentReason>,
        /// What the device says beside its values.
        flags: BTreeSet<Flag>,
        /// How far the time of measuring can be trusted.
        clock: ClockClass,
    },
    /// Answers to the symptom form.
    Symptoms(SymptomAnswers),
}

/// One entry of a patient's record, with the two times that matter: when it was measured and when it arrived.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// Its name in the record; findings and tasks refer to it.
    pub id: ReadingId,
    /// Whose it is.
    pub patient: PatientId,
    /// When it was measured or answered, corrected where the device's clock could be.
    pub at: Timestamp,
    /// When it arrived. Judged by this time, in this order.
    pub received_at: Timestamp,
    /// What it holds.
    pub content: Content,
}

impl Reading {
    /// The value of `quantity`, if this is a finished measurement that holds it.
    #[must_use]
    pub fn measured(&self, quantity: Quantity) -> Option<f64> {
        match &self.content {
            Content::Vitals { outcome: Outcome::Measured, values, .. } => values.get(quantity),
            Content::Vitals { .. } | Content::Symptoms(_) => None,
        }
    }

    /// The answers, if this is a symptom form.
    #[must_use]
    pub const fn symptoms(&self) -> Option<&SymptomAnswers> {
        match &self.content {
            Content::Symptoms(answers) => Some(answers),
            Content::Vitals { .. } => None,
        }
    }

    /// The word for its kind in JSON: a [`Kind`]'s key, or `symptoms`.
    #[must_use]
    pub const fn kind_key(&self) -> &'static str {
        match &self.content {
            Content::Vitals { kind, .. } => kind.key(),
            Content::Symptoms(_) => "symptoms",
        }
    }
}
