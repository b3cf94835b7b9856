//! Names of what a frame arrives on: [`Uuid16`] for an attribute of a Bluetooth device, [`Format`] for bytes we can read.
//!
//! Knows no layout. **Invariant:** what `Display` writes, `FromStr` reads back.

use std::fmt;
use std::str::FromStr;

/// A 16-bit Bluetooth UUID: a service, a characteristic, or the key of advertised service data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid16(pub u16);

/// A text that names no 16-bit UUID and no format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {expected}")]
pub struct FormatError {
    text: String,
    expected: &'static str,
}

const BASE_UUID_TAIL: &str = "-0000-1000-8000-00805f9b34fb";

impl fmt::Display for Uuid16 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04x}", self.0)
    }
}

impl FromStr for Uuid16 {
    type Err = FormatError;

    /// Reads `2a9d`, `0x2A9D` or the whole `00002a9d-0000-1000-8000-00805f9b34fb`.
    fn from_str(text: &str) -> Result<Self, FormatError> {
        let lower = text.trim().to_ascii_lowercase();
        let whole = lower.strip_suffix(BASE_UUID_TAIL).and_then(|head| head.strip_prefix("0000"));
        let digits = whole.unwrap_or_else(|| lower.strip_prefix("0x").unwrap_or(&lower));
        let is_hex = digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hex.then(|| u16::from_str_radix(digits, 16).ok()).flatten().map(Self).ok_or_else(|| FormatError {
            text: clipped(text),
            expected: "a 16-bit UUID in hex, such as 2a9d",
        })
    }
}

macro_rules! formats {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $uuid:expr;)+) => {
        /// A layout of bytes that [`decode`](fn@crate::decode) reads.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Format {
            $($(#[$doc])* $variant,)+
        }

        impl Format {
            /// Every format, standard characteristics first.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Its name: the 16-bit UUID in hex, or the vendor's name for it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// The characteristic, or the key of advertised service data, that it comes on; `None` for a record that
            /// is read out of a device's memory.
            #[must_use]
            pub const fn uuid(self) -> Option<Uuid16> {
                match self {
                    $(Self::$variant => $uuid,)+
                }
            }
        }
    };
}

formats! {
    /// Weight Measurement.
    Weight = "2a9d", Some(Uuid16(0x2A9D));
    /// Body Composition Measurement.
    BodyComposition = "2a9c", Some(Uuid16(0x2A9C));
    /// Blood Pressure Measurement.
    BloodPressure = "2a35", Some(Uuid16(0x2A35));
    /// Intermediate Cuff Pressure.
    CuffPressure = "2a36", Some(Uuid16(0x2A36));
    /// PLX Spot-Check Measurement.
    OximetrySpot = "2a5e", Some(Uuid16(0x2A5E));
    /// PLX Continuous Measurement.
    OximetryContinuous = "2a5f", Some(Uuid16(0x2A5F));
    /// Temperature Measurement.
    Temperature = "2a1c", Some(Uuid16(0x2A1C));
    /// Heart Rate Measurement.
    HeartRate = "2a37", Some(Uuid16(0x2A37));
    /// Date Time.
    DateTime = "2a08", Some(Uuid16(0x2A08));
    /// Current Time.
    CurrentTime = "2a2b", Some(Uuid16(0x2A2B));
    /// Service data that the first Xiaomi scale advertises.
    Xiaomi181d = "xiaomi-181d", Some(Uuid16(0x181D));
    /// Service data that the Xiaomi body composition scale advertises.
    Xiaomi181b = "xiaomi-181b", Some(Uuid16(0x181B));
    /// Weight of a Transtek scale (service 78B2).
    Transtek8a21 = "transtek-8a21", Some(Uuid16(0x8A21));
    /// Body composition of a Transtek scale (service 78B2).
    Transtek8a22 = "transtek-8a22", Some(Uuid16(0x8A22));
    /// One bit-packed record of an Omron cuff's memory.
    OmronRecord = "omron-record", None;
}

impl Format {
    /// The format of what a device notifies or indicates on `uuid`.
    #[must_use]
    pub fn of_characteristic(uuid: Uuid16) -> Option<Self> {
        Self::ALL.iter().copied().find(|format| !format.is_advertised() && format.uuid() == Some(uuid))
    }

    /// The format of the service data advertised under `uuid`.
    #[must_use]
    pub fn of_service_data(uuid: Uuid16) -> Option<Self> {
        Self::ALL.iter().copied().find(|format| format.is_advertised() && format.uuid() == Some(uuid))
    }

    /// Whether the bytes come in advertisements, without a connection.
    #[must_use]
    pub const fn is_advertised(self) -> bool {
        matches!(self, Self::Xiaomi181d | Self::Xiaomi181b)
    }

    /// Whether the bytes are a device's clock and not a measurement of a person.
    #[must_use]
    pub const fn is_clock(self) -> bool {
        matches!(self, Self::DateTime | Self::CurrentTime)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl serde::Serialize for Format {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> serde::Deserialize<'de> for Format {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <String as serde::Deserialize>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl FromStr for Format {
    type Err = FormatError;

    /// Reads a name in any case, or the characteristic's UUID in short or whole.
    fn from_str(text: &str) -> Result<Self, FormatError> {
        let name = text.trim().to_ascii_lowercase();
        let named = Self::ALL.iter().copied().find(|format| format.name() == name);
        let by_uuid = || name.parse().ok().and_then(Self::of_characteristic);
        named.or_else(by_uuid).ok_or_else(|| FormatError {
            text: clipped(text),
            expected: "a characteristic we read: 2a9d 2a9c 2a35 2a36 2a5e 2a5f 2a1c 2a37 2a08 2a2b xiaomi-181d \
                       xiaomi-181b transtek-8a21 transtek-8a22 omron-record",
        })
    }
}

fn clipped(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// To add a spelling, add a row. Base UUID: Bluetooth Core Specification, Vol 3, Part B, 2.5.1.
    #[test]
    fn a_format_has_one_name_and_several_spellings() {
        let rows = [
            ("2a9d", Some(Format::Weight)),
            ("2A9D", Some(Format::Weight)),
            ("0x2a35", Some(Format::BloodPressure)),
            ("00002A35-0000-1000-8000-00805F9B34FB", Some(Format::BloodPressure)),
            ("Xiaomi-181D", Some(Format::Xiaomi181d)),
            ("8a21", Some(Format::Transtek8a21)),
            ("OMRON-RECORD", Some(Format::OmronRecord)),
            ("2a19", None),
            ("181d", None),
            ("+a9d", None),
            ("00002a35-0000-1000-8000-00805f9b34fc", None),
            ("", None),
        ];
        for (text, expected) in rows {
            assert_eq!(text.parse().ok(), expected, "{text}");
        }
    }

    #[test]
    fn every_format_reads_its_own_name() {
        for format in Format::ALL {
            assert_eq!(format.to_string().parse(), Ok(*format));
        }
    }
}
