//! Heart Rate Measurement, 0x2A37 (Bluetooth Heart Rate Service 1.0).
//!
//! **Invariant:** a sensor that has lost the skin is doubted, and the rate of 0 that it then sends is no value.

use vitals::{AbsentReason, Flag, Kind, Quantity};

use super::cursor::Cursor;
use super::draft::Draft;
use super::number::beat_interval_s;
use super::{DecodeError, Decoded, bit};
use crate::format::Format;

pub(super) fn decode(bytes: &[u8]) -> Result<Decoded, DecodeError> {
    let mut cursor = Cursor::new(Format::HeartRate, bytes);
    let mut draft = Draft::new(Kind::HeartRate);
    let flags = u32::from(cursor.u8("flags")?);
    // Bit 2: the sensor can tell whether it touches the skin. Bit 1: it does.
    let has_lost_contact = bit(flags, 2) && !bit(flags, 1);
    let rate = if bit(flags, 0) { cursor.u16("heart rate")? } else { cursor.u8("heart rate")?.into() };
    if has_lost_contact {
        draft.flag(Flag::Questionable);
    }
    if has_lost_contact && rate == 0 {
        draft.absent(Quantity::PulsePerMin, AbsentReason::NotMeasured);
        draft.fails_without(&[Quantity::PulsePerMin]);
    } else {
        draft.set(Quantity::PulsePerMin, rate.into(), cursor.place())?;
    }
    if bit(flags, 3) {
        cursor.u16("energy expended")?;
    }
    if bit(flags, 4) {
        while !cursor.is_at_end() {
            let interval_s = beat_interval_s(cursor.u16("beat interval")?);
            // At most 64 s: 0xFFFF / 1024.
            let _ = draft.measurement.values.push_rr_interval_s(interval_s);
        }
    }
    Ok(draft.finish(&cursor))
}
