//! Weight of Transtek's scales (Medisana, ADE, Trisa), characteristic 0x8A21: a FLOAT in kg and what its flags announce.
//!
//! Flags: bit 0 time, bits 1 and 2 two resistances, bit 3 user. The resistances are not published: nobody vouches for
//! their scale. Frames are padded. **Invariant:** a word in place of the weight is a failed weighing.

use vitals::{DeviceTime, Kind, Quantity, Timestamp};

use super::cursor::Cursor;
use super::draft::Draft;
use super::number::Conversion;
use super::{DecodeError, Decoded, Quirk, bit};
use crate::format::Format;
use crate::models::{Epoch, Model};

pub(super) fn decode(bytes: &[u8], model: Option<&Model>) -> Result<Decoded, DecodeError> {
    let mut cursor = Cursor::new(Format::Transtek8a21, bytes);
    let mut draft = Draft::new(Kind::Weight);
    let flags = u32::from(cursor.u8("flags")?);
    let weight = cursor.float("weight")?;
    draft.number(Quantity::WeightKg, weight, Conversion::None, cursor.place())?;
    draft.fails_without(&[Quantity::WeightKg]);
    if bit(flags, 0) {
        read_time(&mut cursor, &mut draft, model)?;
    }
    if bit(flags, 1) {
        cursor.float("first resistance")?;
    }
    if bit(flags, 2) {
        cursor.float("second resistance")?;
    }
    if bit(flags, 3) {
        draft.measurement.user_slot = cursor.user()?;
    }
    Ok(if weight.is_zero() { draft.into_stub() } else { draft }.finish_padded())
}

/// Seconds since 2010, on some models since 1970, by the scale's own clock; 0 is a clock that was never set.
pub(super) fn read_time(
    cursor: &mut Cursor<'_>,
    draft: &mut Draft,
    model: Option<&Model>,
) -> Result<(), DecodeError> {
    let seconds = cursor.u32("time stamp")?;
    let epoch = model.map_or(Epoch::Year2010, |model| model.frames.epoch);
    draft.quirk(match epoch {
        Epoch::Year1970 => Quirk::Epoch1970,
        Epoch::Year2010 => Quirk::Epoch2010,
    });
    let millis = (epoch.unix_s() + i64::from(seconds)) * Timestamp::SECOND_MS;
    draft.measurement.device_time =
        Timestamp::from_millis(millis).ok().filter(|_| seconds != 0).map(DeviceTime::in_utc);
    Ok(())
}
