//! Service data of the first Xiaomi scale, under 0x181D: 10 bytes, in every advertisement.
//!
//! Control byte: bit 0 pounds, bit 4 jin (0.5 kg), bit 5 settled, bit 7 stepped off. Then the weight and a Date Time.
//! **Invariant:** a weight that has not settled is `unstable`, whatever else the frame says.

use vitals::{Flag, Kind, Outcome, Quantity};

use super::cursor::{Cursor, Place};
use super::draft::Draft;
use super::number::{pounds_as_kg, steps};
use super::{DecodeError, Decoded, bit};
use crate::format::Format;

pub(super) fn decode(bytes: &[u8]) -> Result<Decoded, DecodeError> {
    let mut cursor = Cursor::new(Format::Xiaomi181d, bytes);
    let mut draft = Draft::new(Kind::Weight);
    let control = u32::from(cursor.u8("control")?);
    let raw = cursor.u16("weight")?;
    set_weight(&mut draft, raw, bit(control, 0), cursor.place())?;
    draft.measurement.device_time = cursor.date_time("time stamp")?;
    Ok(judge(draft, raw, bit(control, 5), bit(control, 7)).finish(&cursor))
}

/// A hundredth of a pound or of a jin a step. A jin is half a kilogram, and in kilograms the scale counts the same
/// steps: 0.005 kg.
pub(super) fn set_weight(
    draft: &mut Draft,
    raw: u16,
    in_pounds: bool,
    place: Place,
) -> Result<(), DecodeError> {
    let kg = if in_pounds { pounds_as_kg(raw, 100) } else { steps(raw, 200) };
    draft.set(Quantity::WeightKg, kg, place)
}

/// Settled or not, still on the scale or not, or nothing at all.
pub(super) fn judge(mut draft: Draft, raw: u16, is_settled: bool, is_removed: bool) -> Draft {
    if is_removed {
        draft.flag(Flag::Removed);
    }
    if !is_settled {
        draft.measurement.outcome = Outcome::Unstable;
        return draft;
    }
    if raw == 0 { draft.into_stub() } else { draft }
}
