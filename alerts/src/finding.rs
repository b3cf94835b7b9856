//! What a judgement says: a [`Finding`] with its typed [`Reason`], in Swedish and English.

use serde::{Deserialize, Serialize};
use vitals::{ReadingId, Timestamp};

/// The words for an enum whose key is promised to others.
macro_rules! keyed {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $key:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $key)] $variant,)+
        }

        impl $name {
            /// Every one.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The key in JSON.
            #[must_use]
            pub const fn key(self) -> &'static str {
                match self {
                    $(Self::$variant => $key,)+
                }
            }

            /// The one with this key.
            #[must_use]
            pub fn from_key(key: &str) -> Option<Self> {
                match key {
                    $($key => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}
pub(crate) use keyed;

keyed! {
    /// What a case is about. A patient has at most one open case of each.
    Problem {
        /// Signs of worsening heart failure. Clinical.
        Decompensation = "decompensation",
        /// Blood pressure outside its limits. Clinical.
        BloodPressure = "blood_pressure",
        /// Pulse outside its limits. Clinical.
        Pulse = "pulse",
        /// Oxygen saturation below its limit. Clinical.
        Oxygen = "oxygen",
        /// Symptoms without another sign. Clinical.
        Symptoms = "symptoms",
        /// Nothing heard from the patient.
        Silence = "silence",
        /// An expected measurement is missing.
        MissingMeasurement = "missing_measurement",
        /// A reading that may not be this patient's, or that the device doubts.
        DataQuality = "data_quality",
        /// A device that cannot measure.
        Device = "device",
        /// A gateway that is silent or lost something.
        Gateway = "gateway",
        /// Something in Vågen itself.
        Technical = "technical",
    }
}

impl Problem {
    /// Whether it is about the patient's health, not about measuring.
    #[must_use]
    pub const fn is_clinical(self) -> bool {
        match self {
            Self::Decompensation | Self::BloodPressure | Self::Pulse | Self::Oxygen | Self::Symptoms => true,
            Self::Silence
            | Self::MissingMeasurement
            | Self::DataQuality
            | Self::Device
            | Self::Gateway
            | Self::Technical => false,
        }
    }
}

keyed! {
    /// How soon a person must look. Declared in rising order, so `max` is the more urgent.
    Priority {
        /// When there is time.
        Routine = "routine",
        /// Within the next office day.
        Soon = "soon",
        /// Today.
        Urgent = "urgent",
    }
}

keyed! {
    /// The competence that can help; the policy says which, and care maps it to the patient's units.
    Competence {
        /// Heart-failure nurse.
        HeartFailureNurse = "heart_failure_nurse",
        /// Physician.
        Physician = "physician",
        /// Municipal home care.
        HomeCare = "home_care",
        /// Help with measuring.
        MeasuringSupport = "measuring_support",
        /// Technician.
        Technician = "technician",
    }
}

/// Why, in numbers and in words. What a nurse reads first, and what an auditor recomputes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    /// The rule's name in the policy.
    pub rule: String,
    /// The policy's version.
    pub policy_version: String,
    /// What was seen, in `unit`; `None` where the reason is no number.
    pub observed: Option<f64>,
    /// The limit it passed, in `unit`.
    pub limit: Option<f64>,
    /// UCUM-like unit: `kg`, `mmHg`, `/min`, `d`, or empty.
    pub unit: String,
    /// In Swedish, decimal comma, for staff.
    pub text_sv: String,
    /// In English, for staff.
    pub text_en: String,
}

/// One thing that a rule saw.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// What it is about.
    pub problem: Problem,
    /// How soon, by this finding alone.
    pub priority: Priority,
    /// When it was found: the arrival that caused it, or the moment a silence ran out.
    pub at: Timestamp,
    /// Whether it rests on a reading that arrived long after it was measured.
    pub late: bool,
    /// Why.
    pub reason: Reason,
    /// The readings it rests on, the causing one last. Empty for silence.
    pub readings: Vec<ReadingId>,
}
