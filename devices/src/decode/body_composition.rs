//! Body Composition Measurement, 0x2A9C (Bluetooth Body Composition Service 1.0).
//!
//! **Invariant:** a body fat of 0xFFFF is "measurement unsuccessful", and a frame of zeroes an empty slot.

use vitals::{AbsentReason, Flag, Kind, Outcome, Quantity};

use super::cursor::Cursor;
use super::draft::Draft;
use super::number::steps;
use super::weight::{height_m, mass_kg};
use super::{DecodeError, Decoded, bit};
use crate::format::Format;
use crate::models::Model;

const UNSUCCESSFUL: u16 = u16::MAX;

/// How a field counts.
#[derive(Clone, Copy)]
enum Unit {
    Whole,
    Tenths,
    Mass,
    Height,
}

/// The fields of two bytes that follow time and user, in the order of their flags.
const FIELDS: [(u32, &str, Quantity, Unit); 9] = [
    (3, "basal metabolism", Quantity::BasalMetabolismKj, Unit::Whole),
    (4, "muscle percentage", Quantity::MusclePercent, Unit::Tenths),
    (5, "muscle mass", Quantity::MuscleMassKg, Unit::Mass),
    (6, "fat free mass", Quantity::LeanMassKg, Unit::Mass),
    (7, "soft lean mass", Quantity::SoftLeanMassKg, Unit::Mass),
    (8, "body water mass", Quantity::WaterMassKg, Unit::Mass),
    (9, "impedance", Quantity::ImpedanceOhm, Unit::Tenths),
    (10, "weight", Quantity::WeightKg, Unit::Mass),
    (11, "height", Quantity::HeightM, Unit::Height),
];

pub(super) fn decode(bytes: &[u8], model: Option<&Model>) -> Result<Decoded, DecodeError> {
    let mut cursor = Cursor::new(Format::BodyComposition, bytes);
    let mut draft = Draft::new(Kind::BodyComposition);
    let flags = u32::from(cursor.u16("flags")?);
    let imperial = bit(flags, 0);

    let fat = cursor.u16("body fat percentage")?;
    if fat == UNSUCCESSFUL {
        draft.measurement.outcome = Outcome::Failed;
        draft.absent(Quantity::FatPercent, AbsentReason::Unsuccessful);
    } else {
        draft.set(Quantity::FatPercent, steps(fat, 10), cursor.place())?;
    }
    if bit(flags, 1) {
        draft.measurement.device_time = cursor.date_time("time stamp")?;
    }
    if bit(flags, 2) {
        draft.measurement.user_slot = cursor.user()?;
    }
    let mut is_zeroed = fat == 0;
    for (flag, field, quantity, unit) in FIELDS {
        if !bit(flags, flag) {
            continue;
        }
        let raw = cursor.u16(field)?;
        is_zeroed &= raw == 0;
        let value = match unit {
            Unit::Whole => f64::from(raw),
            Unit::Tenths => steps(raw, 10),
            Unit::Mass => mass_kg(raw, imperial, model, &mut draft),
            Unit::Height => height_m(raw, imperial),
        };
        draft.set(quantity, value, cursor.place())?;
    }
    if bit(flags, 12) {
        draft.flag(Flag::MultiplePackets);
    }
    Ok(if is_zeroed { draft.into_stub() } else { draft }.finish(&cursor))
}
