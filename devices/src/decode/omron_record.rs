//! One record of an Omron cuff's memory: 14 bytes, bit-packed.
//!
//! Systolic less 25, diastolic, pulse, year less 2000, then two words: movement, irregular pulse, month, day, hour; and
//! minute, second. Some models put diastolic first and the high byte first. The rest counts records and is not read.
//!
//! **Invariant:** an erased or never written slot is a stub, never 280 mmHg.

use vitals::{DeviceTime, Flag, Kind, Quantity};

use super::cursor::Cursor;
use super::draft::Draft;
use super::{DecodeError, Decoded, Quirk};
use crate::format::Format;
use crate::models::Model;

const SYSTOLIC_OFFSET_MMHG: u16 = 25;
/// Systolic bytes above this mark an erased slot.
const SYSTOLIC_MAX: u8 = 0xE1;
const TAIL_BYTES: usize = 6;
/// (bit, flag) of the first packed word.
const FLAGS: [(u32, Flag); 2] = [(14, Flag::IrregularPulse), (15, Flag::Movement)];

struct Packed {
    systolic: u8,
    diastolic: u8,
    pulse: u8,
    year: u8,
    date: u16,
    time: u16,
}

pub(super) fn decode(bytes: &[u8], model: Option<&Model>) -> Result<Decoded, DecodeError> {
    let mut cursor = Cursor::new(Format::OmronRecord, bytes);
    let mut draft = Draft::new(Kind::BloodPressure);
    let big_endian = model.is_some_and(|model| model.frames.big_endian_record);
    if big_endian {
        draft.quirk(Quirk::BigEndianRecord);
    }
    let packed = if big_endian { unpack_big_endian(&mut cursor)? } else { unpack(&mut cursor)? };
    for _ in 0..TAIL_BYTES {
        cursor.u8("record counter")?;
    }
    if packed.is_empty_slot() {
        return Ok(draft.into_stub().finish(&cursor));
    }
    let place = cursor.place();
    let systolic = u16::from(packed.systolic) + SYSTOLIC_OFFSET_MMHG;
    draft.set(Quantity::SystolicMmhg, systolic.into(), place)?;
    draft.set(Quantity::DiastolicMmhg, packed.diastolic.into(), place)?;
    draft.set(Quantity::PulsePerMin, packed.pulse.into(), place)?;
    draft.measurement.device_time = packed.device_time();
    draft.flags(packed.date.into(), &FLAGS);
    Ok(draft.finish(&cursor))
}

fn unpack(cursor: &mut Cursor<'_>) -> Result<Packed, DecodeError> {
    Ok(Packed {
        systolic: cursor.u8("systolic pressure")?,
        diastolic: cursor.u8("diastolic pressure")?,
        pulse: cursor.u8("pulse rate")?,
        year: cursor.u8("year")?,
        date: cursor.u16("date and hour")?,
        time: cursor.u16("minute and second")?,
    })
}

fn unpack_big_endian(cursor: &mut Cursor<'_>) -> Result<Packed, DecodeError> {
    let diastolic = cursor.u8("diastolic pressure")?;
    let systolic = cursor.u8("systolic pressure")?;
    let year = cursor.u8("year")?;
    Ok(Packed {
        systolic,
        diastolic,
        pulse: cursor.u8("pulse rate")?,
        year,
        date: cursor.u16_big_endian("date and hour")?,
        time: cursor.u16_big_endian("minute and second")?,
    })
}

impl Packed {
    fn is_empty_slot(&self) -> bool {
        let is_unwritten = self.diastolic == 0 && self.pulse == 0 && self.date == 0 && self.time == 0;
        self.systolic > SYSTOLIC_MAX || is_unwritten
    }

    /// Seconds can read up to 63; they are held at 59.
    fn device_time(&self) -> Option<DeviceTime> {
        let field = |word: u16, shift: u32, mask: u16| u8::try_from(word >> shift & mask).ok();
        DeviceTime::new(
            2000 + u16::from(self.year & 0x3F),
            field(self.date, 10, 0x0F)?,
            field(self.date, 5, 0x1F)?,
            field(self.date, 0, 0x1F)?,
            field(self.time, 6, 0x3F)?,
            field(self.time, 0, 0x3F)?.min(59),
        )
    }
}
