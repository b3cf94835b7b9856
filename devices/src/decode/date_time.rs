//! Date Time, 0x2A08: a device's clock.
//!
//! **Invariant:** an unset clock (year 0) is no time.

use vitals::Kind;

use super::cursor::Cursor;
use super::draft::Draft;
use super::{DecodeError, Decoded};
use crate::format::Format;

pub(super) fn decode(bytes: &[u8]) -> Result<Decoded, DecodeError> {
    let mut cursor = Cursor::new(Format::DateTime, bytes);
    let mut draft = Draft::new(Kind::Clock);
    draft.measurement.device_time = cursor.date_time("date time")?;
    Ok(draft.finish(&cursor))
}
