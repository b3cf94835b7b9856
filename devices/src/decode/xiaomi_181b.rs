//! Service data of the Xiaomi body composition scale, under 0x181B: 13 bytes, in every advertisement.
//!
//! First control byte: bit 0 pounds. Second: bit 1 impedance measured, bit 5 settled, bit 6 jin, bit 7 stepped off. Then a
//! Date Time, the impedance in ohm, and the weight. **Invariant:** an impedance counts only when its bit says so.

use vitals::{AbsentReason, Kind, Quantity};

use super::cursor::Cursor;
use super::draft::Draft;
use super::xiaomi_181d::{judge, set_weight};
use super::{DecodeError, Decoded, bit};
use crate::format::Format;

/// The scale sends words from here up when it could not measure.
const IMPEDANCE_WORDS_FROM: u16 = 0xFFF0;

pub(super) fn decode(bytes: &[u8]) -> Result<Decoded, DecodeError> {
    let mut cursor = Cursor::new(Format::Xiaomi181b, bytes);
    let mut draft = Draft::new(Kind::Weight);
    let unit = u32::from(cursor.u8("unit control")?);
    let control = u32::from(cursor.u8("state control")?);
    draft.measurement.device_time = cursor.date_time("time stamp")?;
    let impedance = cursor.u16("impedance")?;
    if bit(control, 1) {
        match impedance {
            0 => draft.absent(Quantity::ImpedanceOhm, AbsentReason::NotMeasured),
            IMPEDANCE_WORDS_FROM.. => draft.absent(Quantity::ImpedanceOhm, AbsentReason::Unsuccessful),
            ohm => draft.set(Quantity::ImpedanceOhm, ohm.into(), cursor.place())?,
        }
    }
    let raw = cursor.u16("weight")?;
    set_weight(&mut draft, raw, bit(unit, 0), cursor.place())?;
    Ok(judge(draft, raw, bit(control, 5), bit(control, 7)).finish(&cursor))
}
