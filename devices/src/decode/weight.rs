//! Weight Measurement, 0x2A9D (Bluetooth Weight Scale Service 1.0).
//!
//! **Invariant:** a weight of 0xFFFF is "measurement unsuccessful" and a weight of 0 an empty slot; neither is a value.

use vitals::{AbsentReason, Kind, Outcome, Quantity};

use super::cursor::Cursor;
use super::draft::Draft;
use super::number::{inch_tenths_as_m, pounds_as_kg, steps};
use super::{DecodeError, Decoded, Quirk, bit};
use crate::format::Format;
use crate::models::Model;

/// By the specification 0.005 kg a step, and 0.01 lb: twice as many steps to the kilogram as to the pound.
const STEPS_PER_KG: u16 = 200;
const UNSUCCESSFUL: u16 = u16::MAX;

pub(super) fn decode(bytes: &[u8], model: Option<&Model>) -> Result<Decoded, DecodeError> {
    let mut cursor = Cursor::new(Format::Weight, bytes);
    let mut draft = Draft::new(Kind::Weight);
    let flags = u32::from(cursor.u8("flags")?);
    let imperial = bit(flags, 0);

    let weight = cursor.u16("weight")?;
    if weight == UNSUCCESSFUL {
        draft.measurement.outcome = Outcome::Failed;
        draft.absent(Quantity::WeightKg, AbsentReason::Unsuccessful);
    } else {
        let kg = mass_kg(weight, imperial, model, &mut draft);
        draft.set(Quantity::WeightKg, kg, cursor.place())?;
    }
    if bit(flags, 1) {
        draft.measurement.device_time = cursor.date_time("time stamp")?;
    }
    if bit(flags, 2) {
        draft.measurement.user_slot = cursor.user()?;
    }
    if bit(flags, 3) {
        let bmi = cursor.u16("body mass index")?;
        draft.set(Quantity::BmiKgPerM2, steps(bmi, 10), cursor.place())?;
        let height = cursor.u16("height")?;
        draft.set(Quantity::HeightM, height_m(height, imperial), cursor.place())?;
    }
    Ok(if weight == 0 { draft.into_stub() } else { draft }.finish(&cursor))
}

/// A mass field of a scale, in kg: 0.005 kg or 0.01 lb a step, ten times that on models that count so.
pub(super) fn mass_kg(raw: u16, imperial: bool, model: Option<&Model>, draft: &mut Draft) -> f64 {
    let steps_per_kg = model.map_or(STEPS_PER_KG, |model| model.frames.weight_steps_per_kg).max(2);
    if steps_per_kg != STEPS_PER_KG {
        draft.quirk(Quirk::WeightFactor005);
    }
    if imperial { pounds_as_kg(raw, steps_per_kg / 2) } else { steps(raw, steps_per_kg) }
}

/// A height field of a scale, in m: 0.001 m or 0.1 in a step.
pub(super) fn height_m(raw: u16, imperial: bool) -> f64 {
    if imperial { inch_tenths_as_m(raw) } else { steps(raw, 1000) }
}
