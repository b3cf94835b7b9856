//! Temperature Measurement, 0x2A1C (Bluetooth Health Thermometer Service 1.0).
//!
//! **Invariant:** a thermometer that could not measure sends a word; it never becomes zero, or a fever.

use vitals::{Kind, Quantity};

use super::cursor::Cursor;
use super::draft::Draft;
use super::number::Conversion;
use super::{DecodeError, Decoded, bit};
use crate::format::Format;

pub(super) fn decode(bytes: &[u8]) -> Result<Decoded, DecodeError> {
    let mut cursor = Cursor::new(Format::Temperature, bytes);
    let mut draft = Draft::new(Kind::Temperature);
    let flags = u32::from(cursor.u8("flags")?);
    let conversion = if bit(flags, 0) { Conversion::FahrenheitToCelsius } else { Conversion::None };
    let temperature = cursor.float("temperature")?;
    draft.number(Quantity::TemperatureCelsius, temperature, conversion, cursor.place())?;
    draft.fails_without(&[Quantity::TemperatureCelsius]);
    if bit(flags, 1) {
        draft.measurement.device_time = cursor.date_time("time stamp")?;
    }
    if bit(flags, 2) {
        cursor.u8("temperature type")?;
    }
    Ok(draft.finish(&cursor))
}
