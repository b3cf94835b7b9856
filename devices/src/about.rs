//! What a device says of itself beside its measurements: who it is, and how full its battery is.
//!
//! Device Information Service 1.1 (2A23, 2A24, 2A25, 2A29) and Battery Service 1.0 (2A19). It refuses to believe a
//! System ID that a maker left blank: two such devices would be taken for one.
//!
//! **Invariant:** text that comes out has 1 to [`TEXT_CHARS_MAX`] characters, none of them a control character.

use std::fmt;

use serde::{Serialize, Serializer};
use vitals::hex;

use crate::format::Uuid16;

/// Battery Level.
pub const BATTERY: Uuid16 = Uuid16(0x2A19);
/// System ID.
pub const SYSTEM_ID: Uuid16 = Uuid16(0x2A23);
/// Model Number String.
pub const MODEL_NUMBER: Uuid16 = Uuid16(0x2A24);
/// Serial Number String.
pub const SERIAL: Uuid16 = Uuid16(0x2A25);
/// Manufacturer Name String.
pub const MANUFACTURER: Uuid16 = Uuid16(0x2A29);

/// The longest text that is kept of a device; longer ones are cut.
pub const TEXT_CHARS_MAX: usize = 64;

/// Why bytes say nothing about their device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AboutError {
    /// They end before the value does.
    #[error("characteristic {uuid} has {has_bytes} bytes, needs {needs_bytes}")]
    TooShort {
        /// The characteristic.
        uuid: Uuid16,
        /// How many bytes came.
        has_bytes: usize,
        /// How many it takes.
        needs_bytes: usize,
    },
    /// A battery fuller than full: reserved by the specification.
    #[error("a battery level of {percent} % is reserved")]
    Reserved {
        /// What was said.
        percent: u8,
    },
    /// An identity or a text that its maker left blank.
    #[error("characteristic {uuid} was left blank")]
    Blank {
        /// The characteristic.
        uuid: Uuid16,
    },
}

/// A device's System ID: 64 bits that no other device has, an EUI-64 where the maker follows the specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SystemId([u8; 8]);

impl fmt::Display for SystemId {
    /// 16 hex digits, the most significant byte first.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl Serialize for SystemId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The battery's charge, % of full (2A19).
///
/// # Errors
/// [`AboutError::TooShort`], and [`AboutError::Reserved`] above 100.
pub fn battery_percent(bytes: &[u8]) -> Result<u8, AboutError> {
    match bytes.first() {
        Some(percent @ 0..=100) => Ok(*percent),
        Some(percent) => Err(AboutError::Reserved { percent: *percent }),
        None => Err(AboutError::TooShort { uuid: BATTERY, has_bytes: 0, needs_bytes: 1 }),
    }
}

/// Who the device is (2A23), whatever address it shows. It comes with the least significant byte first.
///
/// # Errors
/// [`AboutError::TooShort`], and [`AboutError::Blank`] where all bits are alike.
pub fn system_id(bytes: &[u8]) -> Result<SystemId, AboutError> {
    let Some(id) = bytes.first_chunk::<8>() else {
        return Err(AboutError::TooShort { uuid: SYSTEM_ID, has_bytes: bytes.len(), needs_bytes: 8 });
    };
    if [[0x00; 8], [0xFF; 8]].contains(id) {
        return Err(AboutError::Blank { uuid: SYSTEM_ID });
    }
    let mut id = *id;
    id.reverse();
    Ok(SystemId(id))
}

/// A text (2A24, 2A25, 2A29): UTF-8, of which what cannot be read is replaced, what cannot be printed left out, and what
/// pads it cut off.
///
/// # Errors
/// [`AboutError::Blank`] when nothing is left.
pub fn text(uuid: Uuid16, bytes: &[u8]) -> Result<String, AboutError> {
    // A text ends at its first zero: makers copy fixed buffers, and what follows is whatever lay there.
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let whole = String::from_utf8_lossy(&bytes[..end]);
    let printable: String = whole.chars().filter(|c| !c.is_control()).collect();
    let cut: String = printable.trim().chars().take(TEXT_CHARS_MAX).collect();
    let text = cut.trim_end();
    if text.is_empty() { Err(AboutError::Blank { uuid }) } else { Ok(text.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Battery Service 1.0, 3.1: 0 to 100, the rest reserved.
    #[test]
    fn a_battery_is_at_most_full() {
        let rows: [(&[u8], _); 5] = [
            (&[0x42], Ok(66)),
            (&[0x00], Ok(0)),
            (&[0x64, 0x01], Ok(100)),
            (&[0x65], Err(AboutError::Reserved { percent: 101 })),
            (&[], Err(AboutError::TooShort { uuid: BATTERY, has_bytes: 0, needs_bytes: 1 })),
        ];
        for (bytes, expected) in rows {
            assert_eq!(battery_percent(bytes), expected, "{bytes:02x?}");
        }
    }

    /// Device Information Service 1.1, 3.8: its example has manufacturer 0x123456FFFE and company 0x9ABCDE, sent from the lowest
    /// byte on. The second row is the address 54:6C:0E:00:00:01 as an EUI-64.
    #[test]
    fn a_system_id_reads_from_its_highest_byte() {
        let rows: [(&[u8], _); 5] = [
            (&[0xFE, 0xFF, 0x56, 0x34, 0x12, 0xDE, 0xBC, 0x9A], Ok("9abcde123456fffe")),
            (&[0x01, 0x00, 0x00, 0xFE, 0xFF, 0x0E, 0x6C, 0x54], Ok("546c0efffe000001")),
            (&[0x00; 8], Err(AboutError::Blank { uuid: SYSTEM_ID })),
            (&[0xFF; 8], Err(AboutError::Blank { uuid: SYSTEM_ID })),
            (&[1; 7], Err(AboutError::TooShort { uuid: SYSTEM_ID, has_bytes: 7, needs_bytes: 8 })),
        ];
        for (bytes, expected) in rows {
            assert_eq!(
                system_id(bytes).map(|id| id.to_string()),
                expected.map(str::to_owned),
                "{bytes:02x?}"
            );
        }
    }

    /// Worked by hand; `c3 a5` is å in UTF-8, and c3 alone is half a letter.
    #[test]
    fn a_text_is_printable_and_bounded() {
        let long = "0123456789".repeat(10);
        let blank = Err(AboutError::Blank { uuid: SERIAL });
        let rows: [(&[u8], Result<&str, _>); 9] = [
            (b"5170300042", Ok("5170300042")),
            (b"UA-651BLE\0\0\0", Ok("UA-651BLE")),
            (b"AB\0left over", Ok("AB")),
            (b"  A&D \r\n", Ok("A&D")),
            (b"V\xc3\xa5g", Ok("V\u{e5}g")),
            (b"V\xc3", Ok("V\u{fffd}")),
            (long.as_bytes(), Ok(&long[..64])),
            (b"\x01\x7f \x1b", blank),
            (b"", blank),
        ];
        for (bytes, expected) in rows {
            assert_eq!(text(SERIAL, bytes), expected.map(str::to_owned), "{bytes:02x?}");
        }
    }
}
