//! A checked walk through a frame: every step names its field, so an error can say where the bytes ended.
//!
//! Knows sizes and byte order, no meaning. **Invariant:** never reads past the end, never goes back.

use vitals::DeviceTime;

use super::DecodeError;
use super::number::Number;
use crate::format::Format;

/// Where in a frame a value stood.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) format: Format,
    pub(super) field: &'static str,
    pub(super) offset: usize,
}

pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    last: Place,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(format: Format, bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, last: Place { format, field: "flags", offset: 0 } }
    }

    /// The field read last.
    pub(super) fn place(&self) -> Place {
        self.last
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at >= self.bytes.len()
    }

    fn take<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], DecodeError> {
        self.last = Place { field, offset: self.at, ..self.last };
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let taken = rest.first_chunk::<N>().copied().ok_or(DecodeError::TooShort {
            format: self.last.format,
            field,
            offset: self.at,
            has_bytes: self.bytes.len(),
            needs_bytes: self.at + N,
        })?;
        self.at += N;
        Ok(taken)
    }

    pub(super) fn u8(&mut self, field: &'static str) -> Result<u8, DecodeError> {
        self.take::<1>(field).map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self, field: &'static str) -> Result<u16, DecodeError> {
        self.take(field).map(u16::from_le_bytes)
    }

    pub(super) fn u16_big_endian(&mut self, field: &'static str) -> Result<u16, DecodeError> {
        self.take(field).map(u16::from_be_bytes)
    }

    pub(super) fn u24(&mut self, field: &'static str) -> Result<u32, DecodeError> {
        self.take::<3>(field).map(|[low, middle, high]| u32::from_le_bytes([low, middle, high, 0]))
    }

    pub(super) fn u32(&mut self, field: &'static str) -> Result<u32, DecodeError> {
        self.take(field).map(u32::from_le_bytes)
    }

    /// An IEEE 11073-20601 SFLOAT.
    pub(super) fn sfloat(&mut self, field: &'static str) -> Result<Number, DecodeError> {
        self.u16(field).map(Number::of_sfloat)
    }

    /// An IEEE 11073-20601 FLOAT.
    pub(super) fn float(&mut self, field: &'static str) -> Result<Number, DecodeError> {
        self.u32(field).map(Number::of_float)
    }

    /// A Date Time (0x2A08); `None` when it is unset or names no real moment.
    pub(super) fn date_time(&mut self, field: &'static str) -> Result<Option<DeviceTime>, DecodeError> {
        let [year_low, year_high, month, day, hour, minute, second] = self.take::<7>(field)?;
        let year = u16::from_le_bytes([year_low, year_high]);
        Ok(DeviceTime::new(year, month, day, hour, minute, second))
    }

    /// The index of a user; `None` for 0xFF, which the services define as unknown.
    pub(super) fn user(&mut self) -> Result<Option<u8>, DecodeError> {
        self.u8("user index").map(|user| Some(user).filter(|user| *user != u8::MAX))
    }
}
