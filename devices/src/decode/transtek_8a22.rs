//! Body composition of Transtek's scales (Medisana, ADE, Trisa), characteristic 0x8A22.
//!
//! Fixed places: flags, time, user, then SFLOATs: kcal, fat %, water %, muscle %, bone kg. Frames are padded.
//! **Invariant:** a word in place of a number is a reason, not a value.

use vitals::{Kind, Quantity};

use super::cursor::Cursor;
use super::draft::Draft;
use super::number::Conversion;
use super::transtek_8a21::read_time;
use super::{DecodeError, Decoded};
use crate::format::Format;
use crate::models::Model;

const FIELDS: [(&str, Quantity, Conversion); 5] = [
    ("basal metabolism", Quantity::BasalMetabolismKj, Conversion::KilocalorieToKilojoule),
    ("fat percentage", Quantity::FatPercent, Conversion::None),
    ("water percentage", Quantity::WaterPercent, Conversion::None),
    ("muscle percentage", Quantity::MusclePercent, Conversion::None),
    ("bone mass", Quantity::BoneKg, Conversion::None),
];

pub(super) fn decode(bytes: &[u8], model: Option<&Model>) -> Result<Decoded, DecodeError> {
    let mut cursor = Cursor::new(Format::Transtek8a22, bytes);
    let mut draft = Draft::new(Kind::BodyComposition);
    cursor.u8("flags")?;
    read_time(&mut cursor, &mut draft, model)?;
    draft.measurement.user_slot = cursor.user()?;
    let mut is_zeroed = true;
    for (field, quantity, conversion) in FIELDS {
        let number = cursor.sfloat(field)?;
        is_zeroed &= number.is_zero();
        draft.number(quantity, number, conversion, cursor.place())?;
    }
    draft.fails_without(&FIELDS.map(|(_, quantity, _)| quantity));
    Ok(if is_zeroed { draft.into_stub() } else { draft }.finish_padded())
}
