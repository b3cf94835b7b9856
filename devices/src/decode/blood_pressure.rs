//! Blood Pressure Measurement, 0x2A35 (Bluetooth Blood Pressure Service 1.1).
//!
//! **Invariant:** a cuff that could not measure sends words where the pressures should be; they never become numbers.

use vitals::{AbsentReason, Flag, Kind, Quantity};

use super::cursor::Cursor;
use super::draft::Draft;
use super::number::{Conversion, Number};
use super::{DecodeError, Decoded, Quirk, bit};
use crate::format::Format;
use crate::models::Model;

const PRESSURES: [Quantity; 3] =
    [Quantity::SystolicMmhg, Quantity::DiastolicMmhg, Quantity::MeanArterialMmhg];

/// Measurement status: the bits with one meaning each. Bits 3 and 4 together are the pulse's range.
const STATUS: [(u32, Flag); 4] =
    [(0, Flag::Movement), (1, Flag::LooseCuff), (2, Flag::IrregularPulse), (5, Flag::ImproperPosition)];
const PULSE_ABOVE_RANGE: u16 = 1;
const PULSE_BELOW_RANGE: u16 = 2;

pub(super) fn decode(bytes: &[u8], model: Option<&Model>) -> Result<Decoded, DecodeError> {
    read(Format::BloodPressure, Kind::BloodPressure, bytes, model)
}

/// Reads what 0x2A35 and 0x2A36 have in common: everything but their names.
pub(super) fn read(
    format: Format,
    kind: Kind,
    bytes: &[u8],
    model: Option<&Model>,
) -> Result<Decoded, DecodeError> {
    let mut cursor = Cursor::new(format, bytes);
    let mut draft = Draft::new(kind);
    let flags = u32::from(cursor.u8("flags")?);
    let is_stub = read_pressures(&mut cursor, &mut draft, bit(flags, 0), model)?;
    draft.fails_without(&PRESSURES);
    if bit(flags, 1) {
        draft.measurement.device_time = cursor.date_time("time stamp")?;
    }
    let big_endian = model.is_some_and(|model| model.frames.big_endian_pulse_and_status);
    if big_endian && (bit(flags, 2) || bit(flags, 4)) {
        draft.quirk(Quirk::BigEndianPulseAndStatus);
    }
    if bit(flags, 2) {
        let pulse = Number::of_sfloat(word(&mut cursor, "pulse rate", big_endian)?);
        draft.number(Quantity::PulsePerMin, pulse, Conversion::None, cursor.place())?;
    }
    if bit(flags, 3) {
        draft.measurement.user_slot = cursor.user()?;
    } else if model.is_some_and(|model| model.frames.user_byte_without_flag) {
        draft.quirk(Quirk::UserByteWithoutFlag);
        draft.measurement.user_slot = cursor.user()?;
    }
    if bit(flags, 4) {
        let status = word(&mut cursor, "measurement status", big_endian)?;
        read_status(status, &mut draft);
    }
    Ok(if is_stub { draft.into_stub() } else { draft }.finish(&cursor))
}

/// Reads the three pressures; says whether they are those of an empty slot.
fn read_pressures(
    cursor: &mut Cursor<'_>,
    draft: &mut Draft,
    in_kilopascal: bool,
    model: Option<&Model>,
) -> Result<bool, DecodeError> {
    let conversion = if in_kilopascal { Conversion::KilopascalToMmhg } else { Conversion::None };
    let systolic = cursor.sfloat("systolic pressure")?;
    draft.number(Quantity::SystolicMmhg, systolic, conversion, cursor.place())?;
    let diastolic = cursor.sfloat("diastolic pressure")?;
    draft.number(Quantity::DiastolicMmhg, diastolic, conversion, cursor.place())?;
    let mean = cursor.sfloat("mean arterial pressure")?;
    if mean.is_zero() && model.is_some_and(|model| model.frames.zero_mean_arterial_absent) {
        draft.quirk(Quirk::ZeroMeanArterialAbsent);
        draft.absent(Quantity::MeanArterialMmhg, AbsentReason::NotMeasured);
    } else {
        draft.number(Quantity::MeanArterialMmhg, mean, conversion, cursor.place())?;
    }
    Ok(systolic.is_zero() && diastolic.is_zero() && mean.is_zero())
}

fn word(cursor: &mut Cursor<'_>, field: &'static str, big_endian: bool) -> Result<u16, DecodeError> {
    if big_endian { cursor.u16_big_endian(field) } else { cursor.u16(field) }
}

fn read_status(status: u16, draft: &mut Draft) {
    draft.flags(status.into(), &STATUS);
    match status >> 3 & 0b11 {
        PULSE_ABOVE_RANGE => draft.flag(Flag::PulseHigh),
        PULSE_BELOW_RANGE => draft.flag(Flag::PulseLow),
        _ => {}
    }
}
