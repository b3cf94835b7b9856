//! What a reading's values are worth: which of them the chart follows, and what speaks against each.
//!
//! **Invariant:** every value that a device sent is kept; doubt is written beside it.

use std::collections::BTreeSet;

use vitals::{ClockClass, Flag, Kind, Quantity, Reading, Values};

use super::series::{Doubt, Point};

/// Whether a finished measurement of this kind without any value counts as failed.
pub(super) const fn expects_value(kind: Kind) -> bool {
    match kind {
        Kind::Weight | Kind::BloodPressure | Kind::PulseOximetry => true,
        Kind::BodyComposition | Kind::CuffPressure | Kind::Temperature | Kind::HeartRate | Kind::Clock => {
            false
        }
    }
}

/// What the device and its clock say against everything in a reading.
pub(super) fn doubt_of(flags: &BTreeSet<Flag>, clock: ClockClass) -> Option<Doubt> {
    const DOUBTS: [Flag; 7] = [
        Flag::Questionable,
        Flag::Invalid,
        Flag::Demonstration,
        Flag::TestData,
        Flag::Calibrating,
        Flag::Unavailable,
        Flag::EarlyEstimate,
    ];
    if DOUBTS.iter().any(|flag| flags.contains(flag)) {
        return Some(Doubt::DeviceDoubts);
    }
    let time_unknown = match clock {
        ClockClass::Synced | ClockClass::OffsetCorrected => false,
        // Sent while it was measured, the time of reception is the time of measuring.
        ClockClass::ClockUnset | ClockClass::None => flags.contains(&Flag::FromStorage),
        ClockClass::Discontinuity | ClockClass::GatewayUnsynced => true,
    };
    time_unknown.then_some(Doubt::Time)
}

/// The values of a measurement that the chart follows.
pub(super) fn points_of(
    reading: &Reading,
    kind: Kind,
    values: &Values,
    doubt: Option<Doubt>,
) -> Vec<(Quantity, Point)> {
    let quantities: &[Quantity] = match kind {
        Kind::Weight | Kind::BodyComposition => &[Quantity::WeightKg],
        Kind::BloodPressure => &[Quantity::SystolicMmhg, Quantity::DiastolicMmhg, Quantity::PulsePerMin],
        Kind::PulseOximetry => &[Quantity::Spo2Percent, Quantity::PulsePerMin],
        Kind::CuffPressure | Kind::Temperature | Kind::HeartRate | Kind::Clock => &[],
    };
    let crossed = match (values.get(Quantity::SystolicMmhg), values.get(Quantity::DiastolicMmhg)) {
        (Some(systolic), Some(diastolic)) => systolic <= diastolic,
        (Some(_) | None, _) => false,
    };
    let mut points = Vec::with_capacity(quantities.len());
    for quantity in quantities {
        if let Some(value) = values.get(*quantity) {
            let impossible =
                !is_possible(*quantity, value) || (crossed && *quantity != Quantity::PulsePerMin);
            let doubt = if impossible { Some(Doubt::Impossible) } else { doubt };
            points.push((
                *quantity,
                Point { at: reading.at, id: reading.id.clone(), value, doubt, admitted_by: None },
            ));
        }
    }
    points
}

/// Whether a living adult at home can have this value. Wider than any limit of a policy, and than what cuffs and clips
/// can show (A&D UA-651: 0-299 mmHg, pulse 40-180 /min).
fn is_possible(quantity: Quantity, value: f64) -> bool {
    let range = match quantity {
        Quantity::WeightKg => 20.0..=350.0,
        Quantity::SystolicMmhg => 30.0..=300.0,
        Quantity::DiastolicMmhg => 10.0..=200.0,
        Quantity::PulsePerMin => 15.0..=300.0,
        Quantity::Spo2Percent => 30.0..=100.0,
        Quantity::BmiKgPerM2
        | Quantity::HeightM
        | Quantity::FatPercent
        | Quantity::MusclePercent
        | Quantity::MuscleMassKg
        | Quantity::LeanMassKg
        | Quantity::SoftLeanMassKg
        | Quantity::WaterMassKg
        | Quantity::WaterPercent
        | Quantity::BoneKg
        | Quantity::BasalMetabolismKj
        | Quantity::ImpedanceOhm
        | Quantity::MeanArterialMmhg
        | Quantity::PerfusionPercent
        | Quantity::TemperatureCelsius
        | Quantity::RrIntervalS => return true,
    };
    range.contains(&value)
}
