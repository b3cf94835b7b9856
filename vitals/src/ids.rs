//! Identifiers. Each is a type of its own, so a gateway's name cannot stand where a patient's should.
//!
//! Two alphabets: *tokens* (letters, digits, `.`, `_`, `-`; at most 64) for names that appear in MQTT topics and
//! addresses of pages, and *labels* (1 to 128 characters, none of them a control character) for names that others chose.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::text;

/// Why a text is not an identifier.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Not 1 to 64 of the characters that an MQTT topic level and a page address can carry unquoted.
    #[error("{what} {text:?} must be 1 to 64 letters, digits, '.', '_' or '-'")]
    NotToken {
        /// Which identifier.
        what: &'static str,
        /// The text, cut to 40 characters.
        text: String,
    },
    /// Not 1 to 128 printable characters.
    #[error("{what} {text:?} must be 1 to 128 characters without control characters")]
    NotLabel {
        /// Which identifier.
        what: &'static str,
        /// The text, cut to 40 characters.
        text: String,
    },
    /// Not a device address.
    #[error("device id {text:?} must be 12 (address) or 16 (System ID) lower-case hex digits")]
    NotDevice {
        /// The text, cut to 40 characters.
        text: String,
    },
    /// Not a sequence number.
    #[error("seq {number} must be from 1 to 9007199254740991")]
    NotSeq {
        /// The number.
        number: u64,
    },
}

fn clipped(text: &str) -> String {
    text.chars().take(40).collect()
}

fn is_token(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

fn is_label(text: &str) -> bool {
    (1..=128).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}

fn is_device(text: &str) -> bool {
    matches!(text.len(), 12 | 16) && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $check:ident, |$text:ident| $error:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The identifier as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The identifier as text that others can hold too.
            #[must_use]
            pub fn shared(&self) -> Arc<str> {
                Arc::clone(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str($text: &str) -> Result<Self, IdError> {
                if $check($text) { Ok(Self($text.into())) } else { Err($error) }
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                text::read(deserializer, str::parse)
            }
        }
    };
}

id!(
    /// A home gateway: the name in its topics and its certificate.
    GatewayId, is_token, |text| IdError::NotToken { what: "gateway id", text: clipped(text) }
);
id!(
    /// A patient, as the register names them. Not a personal identity number.
    PatientId, is_label, |text| IdError::NotLabel { what: "patient id", text: clipped(text) }
);
id!(
    /// One gateway database for life; a gateway that was reset starts a new one.
    OutboxId, is_label, |text| IdError::NotLabel { what: "outbox", text: clipped(text) }
);
id!(
    /// One reading in the record.
    ReadingId, is_label, |text| IdError::NotLabel { what: "reading id", text: clipped(text) }
);
id!(
    /// A device by its identity address (12 hex digits), or its System ID (16) where it hides its address.
    DeviceId, is_device, |text| IdError::NotDevice { text: clipped(text) }
);

impl DeviceId {
    /// The id of a device with the address `54:6C:0E:00:00:01`, colons or dashes and case ignored.
    ///
    /// # Errors
    /// [`IdError::NotDevice`] when what remains is not 12 or 16 hex digits.
    pub fn from_address(address: &str) -> Result<Self, IdError> {
        let digits: String = address.chars().filter(|c| !matches!(c, ':' | '-')).collect();
        digits.to_ascii_lowercase().parse().map_err(|_| IdError::NotDevice { text: clipped(address) })
    }
}

/// A place in an outbox's sequence: counts from 1, without gaps, at most 2^53 - 1 so that any JSON reader holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Seq(u64);

impl Seq {
    /// The first place.
    pub const FIRST: Self = Self(1);
    /// The largest number that every JSON reader holds exactly.
    pub const MAX: u64 = (1 << 53) - 1;

    /// The sequence number `number`.
    ///
    /// # Errors
    /// [`IdError::NotSeq`] for 0 and beyond [`Seq::MAX`].
    pub fn new(number: u64) -> Result<Self, IdError> {
        if (1..=Self::MAX).contains(&number) { Ok(Self(number)) } else { Err(IdError::NotSeq { number }) }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> Deserialize<'de> for Seq {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(u64::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_refuse_what_a_topic_cannot_carry() {
        for good in ["gw-0001", "a", "A.b_c-9"] {
            assert!(good.parse::<GatewayId>().is_ok(), "{good}");
        }
        for bad in ["", "+", "#", "a/b", "gw 1", "gw\u{0}", "å", &"x".repeat(65)] {
            assert!(bad.parse::<GatewayId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_device_is_its_address_without_punctuation() {
        let id = DeviceId::from_address("54:6C:0E:00:00:01").expect("an address");
        assert_eq!(id.as_str(), "546c0e000001");
        assert!("546C0E000001".parse::<DeviceId>().is_err(), "upper case is refused on the wire");
        assert!(DeviceId::from_address("54:6C:0E").is_err());
    }

    #[test]
    fn a_sequence_starts_at_one() {
        assert!(serde_json::from_str::<Seq>("0").is_err());
        assert!(serde_json::from_str::<Seq>("-1").is_err());
        assert!(serde_json::from_str::<Seq>("9007199254740992").is_err());
        assert_eq!(serde_json::from_str::<Seq>("1").ok(), Some(Seq::FIRST));
    }
}
