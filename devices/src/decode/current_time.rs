//! Current Time, 0x2A2B (Bluetooth Current Time Service 1.1): a device's clock, to 1/256 s.
//!
//! **Invariant:** an unset clock (year 0) is no time.

use vitals::Kind;

use super::cursor::Cursor;
use super::draft::Draft;
use super::{DecodeError, Decoded};
use crate::format::Format;

pub(super) fn decode(bytes: &[u8]) -> Result<Decoded, DecodeError> {
    let mut cursor = Cursor::new(Format::CurrentTime, bytes);
    let mut draft = Draft::new(Kind::Clock);
    draft.measurement.device_time = cursor.date_time("date time")?;
    cursor.u8("day of week")?;
    cursor.u8("fractions of a second")?;
    cursor.u8("adjust reason")?;
    Ok(draft.finish(&cursor))
}
