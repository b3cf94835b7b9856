//! PLX Continuous Measurement, 0x2A5F (Bluetooth Pulse Oximeter Service 1.0.1).
//!
//! The fast and slow pairs are the same signal, averaged over other times; the normal pair is the measurement.
//! **Invariant:** values come from the normal pair only.

use vitals::Kind;

use super::cursor::Cursor;
use super::draft::Draft;
use super::oximetry_spot::{read_pair, read_status};
use super::{DecodeError, Decoded, bit};
use crate::format::Format;

pub(super) fn decode(bytes: &[u8]) -> Result<Decoded, DecodeError> {
    let mut cursor = Cursor::new(Format::OximetryContinuous, bytes);
    let mut draft = Draft::new(Kind::PulseOximetry);
    let flags = u32::from(cursor.u8("flags")?);
    read_pair(&mut cursor, &mut draft)?;
    if bit(flags, 0) {
        cursor.sfloat("fast oxygen saturation")?;
        cursor.sfloat("fast pulse rate")?;
    }
    if bit(flags, 1) {
        cursor.sfloat("slow oxygen saturation")?;
        cursor.sfloat("slow pulse rate")?;
    }
    read_status(&mut cursor, &mut draft, bit(flags, 2), bit(flags, 3), bit(flags, 4))?;
    Ok(draft.finish(&cursor))
}
