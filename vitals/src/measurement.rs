//! What one frame of a device says: the output of a decoder, before anybody knows whose it is.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::quantity::{AbsentReason, Quantity, Values, absent_reasons, keyed};
use crate::time::DeviceTime;

keyed! {
    /// The kind of a measurement.
    Kind {
        /// Body weight (2A9D, or a scale's own format).
        Weight = "weight",
        /// Body composition (2A9C).
        BodyComposition = "body_composition",
        /// Blood pressure with pulse (2A35).
        BloodPressure = "blood_pressure",
        /// The pressure in a cuff while it measures (2A36).
        CuffPressure = "cuff_pressure",
        /// Oxygen saturation with pulse (2A5E, 2A5F).
        PulseOximetry = "pulse_oximetry",
        /// Body temperature (2A1C).
        Temperature = "temperature",
        /// Heart rate (2A37).
        HeartRate = "heart_rate",
        /// A device's clock (2A08, 2A2B): no reading of a person.
        Clock = "clock",
    }
}

keyed! {
    /// How a measurement ended.
    Outcome {
        /// The device stands by its values.
        Measured = "measured",
        /// The device says that it could not measure.
        Failed = "failed",
        /// Not settled: a weighing in progress.
        Unstable = "unstable",
        /// An empty slot of a device's history.
        Stub = "stub",
    }
}

keyed! {
    /// What a device says about a measurement beside its values.
    Flag {
        /// The body moved.
        Movement = "movement",
        /// The cuff sat loosely.
        LooseCuff = "loose_cuff",
        /// The pulse was irregular.
        IrregularPulse = "irregular_pulse",
        /// The pulse exceeded the device's range.
        PulseHigh = "pulse_high",
        /// The pulse was below the device's range.
        PulseLow = "pulse_low",
        /// The arm was held wrongly.
        ImproperPosition = "improper_position",
        /// Sent from the device's memory, not live.
        FromStorage = "from_storage",
        /// The measurement is still going on.
        Ongoing = "ongoing",
        /// An early estimate.
        EarlyEstimate = "early_estimate",
        /// The device doubts it.
        Questionable = "questionable",
        /// The device says it is invalid.
        Invalid = "invalid",
        /// The device's clock was never set.
        ClockNotSet = "clock_not_set",
        /// The person stepped off.
        Removed = "removed",
        /// Too little blood flow at the finger.
        LowPerfusion = "low_perfusion",
        /// The device validated it.
        Validated = "validated",
        /// Fully qualified data.
        FullyQualified = "fully_qualified",
        /// A demonstration.
        Demonstration = "demonstration",
        /// Data for testing.
        TestData = "test_data",
        /// The device is calibrating.
        Calibrating = "calibrating",
        /// The measurement is unavailable.
        Unavailable = "unavailable",
        /// Sent in more than one packet.
        MultiplePackets = "multiple_packets",
    }
}

/// What one frame says: values with units, what is missing and why, and the device's own time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// What was measured.
    pub kind: Kind,
    /// How it ended.
    pub outcome: Outcome,
    /// The values received.
    #[serde(default)]
    pub values: Values,
    /// Values the device declared missing, and why.
    #[serde(default, deserialize_with = "absent_reasons")]
    pub absent: BTreeMap<Quantity, AbsentReason>,
    /// What the device's clock showed; `None` when absent or never set.
    #[serde(default)]
    pub device_time: Option<DeviceTime>,
    /// The device's number for the person; `None` when absent or unknown.
    #[serde(default)]
    pub user_slot: Option<u8>,
    /// What the device says beside its values.
    #[serde(default)]
    pub flags: BTreeSet<Flag>,
}

impl Measurement {
    /// A measurement of `kind` that holds nothing yet.
    #[must_use]
    pub fn empty(kind: Kind) -> Self {
        Self {
            kind,
            outcome: Outcome::Measured,
            values: Values::new(),
            absent: BTreeMap::new(),
            device_time: None,
            user_slot: None,
            flags: BTreeSet::new(),
        }
    }
}
