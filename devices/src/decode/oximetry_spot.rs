//! PLX Spot-Check Measurement, 0x2A5E (Bluetooth Pulse Oximeter Service 1.0.1), and the status words that the
//! continuous measurement shares.
//!
//! **Invariant:** what the device doubts carries a flag that says so.

use vitals::{Flag, Kind, Quantity};

use super::cursor::Cursor;
use super::draft::Draft;
use super::number::Conversion;
use super::{DecodeError, Decoded, bit};
use crate::format::Format;

/// Measurement Status; bits 0 to 4 are reserved.
const STATUS: [(u32, Flag); 11] = [
    (5, Flag::Ongoing),
    (6, Flag::EarlyEstimate),
    (7, Flag::Validated),
    (8, Flag::FullyQualified),
    (9, Flag::FromStorage),
    (10, Flag::Demonstration),
    (11, Flag::TestData),
    (12, Flag::Calibrating),
    (13, Flag::Unavailable),
    (14, Flag::Questionable),
    (15, Flag::Invalid),
];

/// Device and Sensor Status: inadequate (3), poor (4), erratic (6) and non-pulsatile (7) signal and a questionable
/// pulse (8) are doubts about the value. The rest is about the hardware.
const SENSOR_STATUS: [(u32, Flag); 6] = [
    (3, Flag::Questionable),
    (4, Flag::Questionable),
    (5, Flag::LowPerfusion),
    (6, Flag::Questionable),
    (7, Flag::Questionable),
    (8, Flag::Questionable),
];

pub(super) fn decode(bytes: &[u8]) -> Result<Decoded, DecodeError> {
    let mut cursor = Cursor::new(Format::OximetrySpot, bytes);
    let mut draft = Draft::new(Kind::PulseOximetry);
    let flags = u32::from(cursor.u8("flags")?);
    read_pair(&mut cursor, &mut draft)?;
    if bit(flags, 0) {
        draft.measurement.device_time = cursor.date_time("time stamp")?;
    }
    read_status(&mut cursor, &mut draft, bit(flags, 1), bit(flags, 2), bit(flags, 3))?;
    if bit(flags, 4) {
        draft.flag(Flag::ClockNotSet);
    }
    Ok(draft.finish(&cursor))
}

/// Saturation and pulse.
pub(super) fn read_pair(cursor: &mut Cursor<'_>, draft: &mut Draft) -> Result<(), DecodeError> {
    let saturation = cursor.sfloat("oxygen saturation")?;
    draft.number(Quantity::Spo2Percent, saturation, Conversion::None, cursor.place())?;
    let pulse = cursor.sfloat("pulse rate")?;
    draft.number(Quantity::PulsePerMin, pulse, Conversion::None, cursor.place())?;
    draft.fails_without(&[Quantity::Spo2Percent, Quantity::PulsePerMin]);
    Ok(())
}

/// The fields that close both measurements, each where its flag says that it is there.
pub(super) fn read_status(
    cursor: &mut Cursor<'_>,
    draft: &mut Draft,
    has_status: bool,
    has_sensor_status: bool,
    has_amplitude: bool,
) -> Result<(), DecodeError> {
    if has_status {
        let status = cursor.u16("measurement status")?;
        draft.flags(status.into(), &STATUS);
    }
    if has_sensor_status {
        let status = cursor.u24("device and sensor status")?;
        draft.flags(status, &SENSOR_STATUS);
    }
    if has_amplitude {
        let amplitude = cursor.sfloat("pulse amplitude index")?;
        draft.number(Quantity::PerfusionPercent, amplitude, Conversion::None, cursor.place())?;
    }
    Ok(())
}
