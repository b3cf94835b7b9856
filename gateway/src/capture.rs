//! Captures: what a radio heard, as JSON lines that a person can read, write and send to somebody else.
//!
//! One event a line, in time order; keys that are not known are ignored. It refuses to know files: lines in, events
//! out, and back.
//!
//! **Invariant:** [`event_of`] returns for every line; what [`line_of`] writes, [`event_of`] reads back.

use std::collections::BTreeMap;

use devices::session::Event;
use devices::{Format, Uuid16};
use serde::{Deserialize, Serialize};
use vitals::{DeviceId, Timestamp, hex};

use crate::source::RadioEvent;

/// The longest line a capture may hold, bytes: several times what the longest frame needs.
pub const LINE_BYTES_MAX: usize = 16 * 1024;

/// Why a line is no event. The text is part of the one line that a technician sees.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// Not an object with the keys that such a line has.
    #[error("{0}")]
    Malformed(String),
    /// An address that is none.
    #[error("address: {0}")]
    Address(vitals::IdError),
    /// A read or notification without saying on what.
    #[error("event {event:?} needs {key:?}")]
    Missing {
        /// The event.
        event: &'static str,
        /// The key that it needs.
        key: &'static str,
    },
    /// A characteristic that is none.
    #[error("characteristic: {0}")]
    Characteristic(devices::format::FormatError),
    /// Bytes that are not hex.
    #[error("{key}: {hex:?} is not bytes in hex")]
    Hex {
        /// Where.
        key: String,
        /// What, cut to 40 characters.
        hex: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Name {
    Advertise,
    Connect,
    Read,
    Notify,
    Disconnect,
}

impl Name {
    const fn text(self) -> &'static str {
        match self {
            Self::Advertise => "advertise",
            Self::Connect => "connect",
            Self::Read => "read",
            Self::Notify => "notify",
            Self::Disconnect => "disconnect",
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Line {
    at: Timestamp,
    address: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    hides_address: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    event: Name,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    characteristic: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hex: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    service_uuids: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    service_data: Option<BTreeMap<String, String>>,
}

/// Reads one line.
///
/// # Errors
/// [`LineError`] when it is no event.
pub fn event_of(line: &str) -> Result<RadioEvent, LineError> {
    let line: Line = serde_json::from_str(line).map_err(|error| LineError::Malformed(plain(&error)))?;
    let device = DeviceId::from_address(&line.address).map_err(LineError::Address)?;
    let event = match line.event {
        Name::Advertise => advertised(&line)?,
        Name::Connect => Event::Connected { characteristics: Vec::new(), link_up_at: None },
        Name::Read => {
            let (characteristic, bytes) = value(&line)?;
            Event::Read { uuid: characteristic.parse().map_err(LineError::Characteristic)?, bytes }
        }
        Name::Notify => notified(&line)?,
        Name::Disconnect => Event::Disconnected,
    };
    Ok(RadioEvent { at: line.at, device, hides_address: line.hides_address, name: line.name, event })
}

/// serde_json's message without "at line 1", which would contradict the line number of the capture.
fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" at line 1 column ") {
        Some((what, column)) => format!("{what} at column {column}"),
        None => text,
    }
}

fn advertised(line: &Line) -> Result<Event, LineError> {
    // A maker's own 128-bit services are legal in an advertisement and mean nothing to us.
    let service_uuids = line.service_uuids.iter().flatten().filter_map(|uuid| uuid.parse().ok()).collect();
    let mut service_data = BTreeMap::new();
    for (uuid, hex) in line.service_data.iter().flatten() {
        let bytes = bytes_of(hex).ok_or_else(|| not_hex(&format!("service_data {uuid}"), hex))?;
        if let Ok(uuid) = uuid.parse::<Uuid16>() {
            service_data.insert(uuid, bytes);
        }
    }
    Ok(Event::Advertised { service_uuids, service_data })
}

fn notified(line: &Line) -> Result<Event, LineError> {
    let (characteristic, bytes) = value(line)?;
    match (characteristic.parse::<Uuid16>(), characteristic.parse::<Format>()) {
        (Ok(uuid), _) => Ok(Event::Notified { uuid, bytes }),
        (Err(_), Ok(format)) if format.uuid().is_none() => Ok(Event::Record { format, bytes }),
        (Err(error), Ok(_) | Err(_)) => Err(LineError::Characteristic(error)),
    }
}

fn value(line: &Line) -> Result<(&str, Vec<u8>), LineError> {
    let missing = |key| LineError::Missing { event: line.event.text(), key };
    let characteristic = line.characteristic.as_deref().ok_or_else(|| missing("characteristic"))?;
    let hex = line.hex.as_deref().ok_or_else(|| missing("hex"))?;
    Ok((characteristic, bytes_of(hex).ok_or_else(|| not_hex("hex", hex))?))
}

fn not_hex(key: &str, hex: &str) -> LineError {
    LineError::Hex { key: key.to_owned(), hex: hex.chars().take(40).collect() }
}

/// Bytes written as hex, in any case; spaces and dashes are ignored.
#[must_use]
pub fn bytes_of(text: &str) -> Option<Vec<u8>> {
    hex::decode(&text.replace([' ', '-'], ""))
}

/// Writes one event as a line, without its line feed; `None` for what only says how our own asking went.
#[must_use]
pub fn line_of(heard: &RadioEvent) -> Option<String> {
    let mut line = Line {
        at: heard.at,
        address: address_of(&heard.device),
        hides_address: heard.hides_address,
        name: heard.name.clone(),
        event: Name::Connect,
        characteristic: None,
        hex: None,
        service_uuids: None,
        service_data: None,
    };
    let mut value = |name, characteristic: String, bytes: &[u8]| {
        line.event = name;
        line.characteristic = Some(characteristic);
        line.hex = Some(hex::encode(bytes));
    };
    match &heard.event {
        Event::Advertised { service_uuids, service_data } => {
            line.event = Name::Advertise;
            line.service_uuids = Some(service_uuids.iter().map(Uuid16::to_string).collect());
            let hex = service_data.iter().map(|(uuid, bytes)| (uuid.to_string(), hex::encode(bytes)));
            line.service_data = Some(hex.collect());
        }
        Event::Connected { .. } => {}
        Event::Read { uuid, bytes } => value(Name::Read, uuid.to_string(), bytes),
        Event::Notified { uuid, bytes } => value(Name::Notify, uuid.to_string(), bytes),
        Event::Record { format, bytes } => value(Name::Notify, format.to_string(), bytes),
        Event::Disconnected => line.event = Name::Disconnect,
        Event::Written { .. } | Event::Subscribed { .. } | Event::Failed { .. } => return None,
    }
    serde_json::to_string(&line).ok()
}

/// An address as people write it; a System ID as it is.
fn address_of(device: &DeviceId) -> String {
    let pairs: Vec<String> = device
        .as_str()
        .as_bytes()
        .chunks(2)
        .map(|pair| String::from_utf8_lossy(pair).to_uppercase())
        .collect();
    pairs.join(":")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The published format's own example.
    const EXAMPLE: [&str; 5] = [
        r#"{"at":"2026-01-01T07:04:00.000Z","address":"54:6C:0E:00:00:01","name":"A&D_UC-352BLE_000001","event":"advertise","service_uuids":["181d"],"service_data":{}}"#,
        r#"{"at":"2026-01-01T07:04:01.000Z","address":"54:6C:0E:00:00:01","event":"connect"}"#,
        r#"{"at":"2026-01-01T07:04:01.300Z","address":"54:6C:0E:00:00:01","event":"read","characteristic":"2a08","hex":"ea070101080401"}"#,
        r#"{"at":"2026-01-01T07:04:01.900Z","address":"54:6C:0E:00:00:01","event":"notify","characteristic":"2a9d","hex":"02943eea070101080400"}"#,
        r#"{"at":"2026-01-01T07:04:03.000Z","address":"54:6C:0E:00:00:01","event":"disconnect"}"#,
    ];

    #[test]
    fn the_example_reads_and_writes_as_published() {
        for line in EXAMPLE {
            let event = event_of(line).expect("an event");
            assert_eq!(event.device.as_str(), "546c0e000001");
            assert_eq!(line_of(&event).as_deref(), Some(line));
        }
    }

    /// What is wrong with a line, and the words a technician gets. Rows by the format's description.
    #[test]
    fn a_line_that_is_no_event_says_why() {
        let rows = [
            ("", "EOF while parsing a value at column 0"),
            ("{}", "missing field `at` at column 2"),
            (r#"{"at":"2026-01-01T07:04:00Z","address":"54:6C","event":"connect"}"#, "address: device id"),
            (
                r#"{"at":"yesterday","address":"54:6C:0E:00:00:01","event":"connect"}"#,
                "is not a time in RFC 3339",
            ),
            (
                r#"{"at":"2026-01-01T07:04:00Z","address":"54:6C:0E:00:00:01","event":"sing"}"#,
                "unknown variant `sing`",
            ),
            (
                r#"{"at":"2026-01-01T07:04:00Z","address":"54:6C:0E:00:00:01","event":"read","hex":"00"}"#,
                r#"event "read" needs "characteristic""#,
            ),
            (
                r#"{"at":"2026-01-01T07:04:00Z","address":"54:6C:0E:00:00:01","event":"notify","characteristic":"2a9d"}"#,
                r#"event "notify" needs "hex""#,
            ),
            (
                r#"{"at":"2026-01-01T07:04:00Z","address":"54:6C:0E:00:00:01","event":"notify","characteristic":"weight","hex":"00"}"#,
                "characteristic: \"weight\" is not",
            ),
            (
                r#"{"at":"2026-01-01T07:04:00Z","address":"54:6C:0E:00:00:01","event":"notify","characteristic":"2a9d","hex":"0g"}"#,
                "hex: \"0g\" is not bytes in hex",
            ),
            (
                r#"{"at":"2026-01-01T07:04:00Z","address":"54:6C:0E:00:00:01","event":"notify","characteristic":"2a9d","hex":"000"}"#,
                "hex: \"000\" is not bytes in hex",
            ),
            (
                r#"{"at":"2026-01-01T07:04:00Z","address":"54:6C:0E:00:00:01","event":"advertise","service_data":{"181d":"x"}}"#,
                "service_data 181d: \"x\" is not bytes in hex",
            ),
        ];
        for (line, expected) in rows {
            let error = event_of(line).expect_err(line).to_string();
            assert!(error.contains(expected), "{line}: {error}");
            assert!(!error.contains('\n'), "one line: {error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_an_event_or_an_error(text in ".{0,200}") {
            let _ = event_of(&text);
        }

        #[test]
        fn what_is_written_reads_back(bytes in proptest::collection::vec(any::<u8>(), 0..64), millis in 0_i64..4_000_000_000_000, uuid: u16) {
            let heard = RadioEvent {
                at: Timestamp::from_millis(millis).expect("a time"),
                device: "546c0e000001".parse().expect("an address"),
                hides_address: millis % 2 == 0,
                name: Some("A&D \"scale\"".into()),
                event: Event::Notified { uuid: Uuid16(uuid), bytes },
            };
            let line = line_of(&heard).expect("a line");
            prop_assert_eq!(event_of(&line).expect("an event"), heard);
        }
    }
}
