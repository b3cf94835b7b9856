//! The MQTT interface, version 1, as types: what a gateway sends up, what it gets down.
//!
//! A reader of these ignores keys it does not know. It refuses what it cannot hold: each field is checked when it is read.
//! The topic a message came on is not in here; whoever received it compares.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::hex;
use crate::ids::{DeviceId, GatewayId, OutboxId, Seq};
use crate::measurement::{Flag, Kind, Measurement, Outcome};
use crate::quantity::{AbsentReason, Quantity, Values, absent_reasons, keyed};
use crate::time::{DeviceTime, Timestamp};

/// The most bytes one envelope may have, as JSON.
pub const ENVELOPE_BYTES_MAX: usize = 256 * 1024;
/// The most envelopes one message may hold.
pub const ENVELOPES_PER_MESSAGE_MAX: usize = 200;
/// The most bytes a raw frame may have: the longest attribute value of the Bluetooth specification.
pub const FRAME_BYTES_MAX: usize = 512;

keyed! {
    /// How far a reading's time can be trusted (HL7 Personal Health Device guide, in our words).
    ClockClass {
        /// The device's clock was right within a few seconds.
        Synced = "synced",
        /// The device's clock was wrong by a known amount, and the time was corrected by it.
        OffsetCorrected = "offset_corrected",
        /// The device's clock was never set; the time is that of reception.
        ClockUnset = "clock_unset",
        /// The device's clock jumped since this was measured; the time is that of reception.
        Discontinuity = "discontinuity",
        /// The device gives no time, or its clock could not be read.
        None = "none",
        /// The gateway's own clock was not synchronised.
        GatewayUnsynced = "gateway_unsynced",
    }
}

/// The version of this interface. Anything but 1 is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Version1;

impl Serialize for Version1 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(1)
    }
}

impl<'de> Deserialize<'de> for Version1 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u64::deserialize(deserializer)? {
            1 => Ok(Self),
            other => Err(serde::de::Error::custom(format_args!("v is {other}, this interface is version 1"))),
        }
    }
}

/// Which device measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeviceIdentity {
    /// Its address.
    pub id: DeviceId,
    /// Its model as the gateway's model table names it.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "short_text")]
    #[cfg_attr(feature = "schema", schemars(length(max = SHORT_TEXT_CHARS_MAX), regex(pattern = crate::schema::PRINTABLE)))]
    pub model: Option<String>,
    /// Its serial number (2A25).
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "short_text")]
    #[cfg_attr(feature = "schema", schemars(length(max = SHORT_TEXT_CHARS_MAX), regex(pattern = crate::schema::PRINTABLE)))]
    pub serial: Option<String>,
}

/// A measurement placed in time by the gateway.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TimedMeasurement {
    /// What was measured.
    pub kind: Kind,
    /// How it ended.
    pub outcome: Outcome,
    /// The values received.
    pub values: Values,
    /// Values declared missing, and why.
    #[serde(default, deserialize_with = "absent_reasons")]
    pub absent: BTreeMap<Quantity, AbsentReason>,
    /// What the device's clock showed.
    #[serde(default)]
    pub device_time: Option<DeviceTime>,
    /// The device's number for the person.
    #[serde(default)]
    pub user_slot: Option<u8>,
    /// What the device says beside its values.
    #[serde(default)]
    pub flags: BTreeSet<Flag>,
    /// When it was measured: device time plus offset where both are known, else the time of reception.
    pub measured_at: Timestamp,
    /// How far `measured_at` can be trusted.
    pub clock: ClockClass,
    /// What was added to the device's time, s.
    #[serde(default)]
    pub clock_offset_s: Option<i64>,
}

impl TimedMeasurement {
    /// Places a decoder's measurement in time.
    #[must_use]
    pub fn new(
        measurement: Measurement,
        measured_at: Timestamp,
        clock: ClockClass,
        clock_offset_s: Option<i64>,
    ) -> Self {
        let Measurement { kind, outcome, values, absent, device_time, user_slot, flags } = measurement;
        Self {
            kind,
            outcome,
            values,
            absent,
            device_time,
            user_slot,
            flags,
            measured_at,
            clock,
            clock_offset_s,
        }
    }
}

/// The bytes a device sent, kept for whoever asks where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawFrame {
    /// The 16-bit characteristic in hex, such as `2a9d`, or a vendor format's name.
    pub characteristic: String,
    /// At most [`FRAME_BYTES_MAX`] bytes.
    pub bytes: Vec<u8>,
}

impl RawFrame {
    /// The bytes as lower-case hex.
    #[must_use]
    pub fn hex(&self) -> String {
        hex::encode(&self.bytes)
    }
}

#[derive(Serialize)]
struct RawFrameSaid<'a> {
    characteristic: &'a str,
    hex: String,
}

#[derive(Deserialize)]
struct RawFrameText<'a> {
    #[serde(borrow)]
    characteristic: Cow<'a, str>,
    #[serde(borrow)]
    hex: Cow<'a, str>,
}

impl Serialize for RawFrame {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawFrameSaid { characteristic: &self.characteristic, hex: self.hex() }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for RawFrame {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        let RawFrameText { characteristic, hex } = RawFrameText::deserialize(deserializer)?;
        let named = (1..=32).contains(&characteristic.len())
            && characteristic.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !named {
            return Err(D::Error::custom("raw.characteristic must be 1 to 32 letters, digits or '-'"));
        }
        let bytes = bytes_of_hex(&hex).ok_or_else(|| {
            D::Error::custom(format_args!("raw.hex must be 1 to {FRAME_BYTES_MAX} bytes in hex"))
        })?;
        Ok(Self { characteristic: characteristic.to_ascii_lowercase(), bytes })
    }
}

fn bytes_of_hex(text: &str) -> Option<Vec<u8>> {
    let holds = !text.is_empty() && text.len() <= 2 * FRAME_BYTES_MAX;
    if holds { hex::decode(text) } else { None }
}

/// One measurement on its way from a home: which device, which place in the outbox, and the raw bytes. No patient.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Envelope {
    /// The interface's version.
    pub v: Version1,
    /// Who says that it sent this; the topic says who did.
    pub gateway: GatewayId,
    /// The gateway database it was sealed in.
    pub outbox: OutboxId,
    /// Its place there.
    pub seq: Seq,
    /// When it was sealed, by the gateway's clock.
    pub sealed_at: Timestamp,
    /// Which device measured.
    pub device: DeviceIdentity,
    /// What it measured.
    pub measurement: TimedMeasurement,
    /// The frame it was decoded from.
    pub raw: RawFrame,
}

/// A number that will never carry an envelope, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Void {
    /// The interface's version.
    pub v: Version1,
    /// Who says so.
    pub gateway: GatewayId,
    /// The outbox.
    pub outbox: OutboxId,
    /// The number.
    pub seq: Seq,
    /// Why, in the gateway's words; at most 200 characters are kept.
    #[serde(deserialize_with = "reason_text")]
    pub void: String,
}

/// Every envelope up to and including `through` is durably decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Receipt {
    /// The outbox.
    pub outbox: OutboxId,
    /// 0 while the first number is missing.
    pub through: u64,
}

/// Asks for numbers again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Resend {
    /// The outbox.
    pub outbox: OutboxId,
    /// The first number.
    pub from: Seq,
    /// The last number.
    pub to: Seq,
}

/// A message on a gateway's `down` topic. Holds a receipt, a request to resend, or something a later version knows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Downstream {
    /// The interface's version.
    pub v: Version1,
    /// A receipt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Receipt>,
    /// A request to resend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resend: Option<Resend>,
}

/// What a gateway knows of one device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeviceHealth {
    /// The device.
    pub id: DeviceId,
    /// When it was last heard.
    #[serde(default)]
    pub last_seen: Option<Timestamp>,
    /// Its battery, %.
    #[serde(default)]
    pub battery_percent: Option<u8>,
}

/// A gateway's sign of life, every ten minutes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Heartbeat {
    /// The interface's version.
    pub v: Version1,
    /// Who.
    pub gateway: GatewayId,
    /// When, by its own clock.
    pub at: Timestamp,
    /// Its outbox.
    pub outbox: OutboxId,
    /// The last number sealed there; 0 while there is none.
    pub last_seq: u64,
    /// How many have no receipt yet.
    pub unreceipted: u64,
    /// The gateway's version.
    #[serde(default, deserialize_with = "short_text")]
    #[cfg_attr(feature = "schema", schemars(length(max = SHORT_TEXT_CHARS_MAX), regex(pattern = crate::schema::PRINTABLE)))]
    pub version: Option<String>,
    /// Whether its clock has been synchronised since it started.
    #[serde(default)]
    pub clock_synced: Option<bool>,
    /// Its devices.
    #[serde(default)]
    pub devices: Vec<DeviceHealth>,
}

const SHORT_TEXT_CHARS_MAX: usize = 64;
const REASON_CHARS_MAX: usize = 200;

/// An optional text that a person wrote or a device names itself by; longer than 64 characters or with a control
/// character is refused.
fn short_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    match &text {
        Some(text) if text.chars().count() > SHORT_TEXT_CHARS_MAX || text.chars().any(char::is_control) => {
            Err(serde::de::Error::custom(format_args!(
                "a name must be at most {SHORT_TEXT_CHARS_MAX} characters without control characters"
            )))
        }
        Some(_) | None => Ok(text),
    }
}

fn reason_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    Ok(text.chars().filter(|c| !c.is_control()).take(REASON_CHARS_MAX).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The published interface's own example.
    const EXAMPLE: &str = r#"{"v":1,"gateway":"gw-0001","outbox":"5f0c...","seq":1234,"sealed_at":"2026-01-01T07:04:05.000Z",
 "device":{"id":"546c0e000001","model":"A&D UA-651BLE","serial":"5170300042"},
 "measurement":{"kind":"weight","outcome":"measured","values":{"weight_kg":80.1},"absent":{},"device_time":"2026-01-01T08:04:00","user_slot":null,"flags":[],
                "measured_at":"2026-01-01T07:04:00.000Z","clock":"offset_corrected","clock_offset_s":-3600},
 "raw":{"characteristic":"2a9d","hex":"02943eea070101080400"}}"#;

    #[test]
    fn the_example_reads_and_writes_as_published() {
        let envelope: Envelope = serde_json::from_str(EXAMPLE).expect("the example");
        assert_eq!(envelope.seq.get(), 1234);
        assert_eq!(envelope.measurement.values.get(Quantity::WeightKg), Some(80.1));
        let written: serde_json::Value = serde_json::to_value(&envelope).expect("serialises");
        let published: serde_json::Value = serde_json::from_str(EXAMPLE).expect("the example");
        assert_eq!(written, published);
    }

    /// To add a case, add a row: what to change in the example, and it must be refused.
    #[test]
    fn what_cannot_be_held_is_refused() {
        let rows = [
            (r#""v":1"#, r#""v":2"#),
            (r#""seq":1234"#, r#""seq":0"#),
            (r#""seq":1234"#, r#""seq":"1234""#),
            (r#""gateway":"gw-0001""#, r#""gateway":"gw/+""#),
            (r#""id":"546c0e000001""#, r#""id":"54:6C:0E:00:00:01""#),
            (r#""kind":"weight""#, r#""kind":"mood""#),
            (r#""weight_kg":80.1"#, r#""weight_kg":"80.1""#),
            (r#""measured_at":"2026-01-01T07:04:00.000Z""#, r#""measured_at":"yesterday""#),
            (r#""hex":"02943eea070101080400""#, r#""hex":"0294zz""#),
            (r#""hex":"02943eea070101080400""#, r#""hex":"""#),
            (r#""clock":"offset_corrected""#, r#""clock":"sundial""#),
        ];
        for (was, becomes) in rows {
            assert!(EXAMPLE.contains(was), "the row must change something: {was}");
            let text = EXAMPLE.replace(was, becomes);
            assert!(serde_json::from_str::<Envelope>(&text).is_err(), "{becomes}");
        }
    }

    #[test]
    fn receipts_and_requests_write_as_published() {
        let outbox: OutboxId = "5f0c...".parse().expect("a label");
        let receipt = Downstream {
            receipt: Some(Receipt { outbox: outbox.clone(), through: 1234 }),
            ..Downstream::default()
        };
        assert_eq!(
            serde_json::to_string(&receipt).ok().as_deref(),
            Some(r#"{"v":1,"receipt":{"outbox":"5f0c...","through":1234}}"#)
        );
        let seq = |number| Seq::new(number).expect("a place");
        let resend = Downstream {
            resend: Some(Resend { outbox, from: seq(1200), to: seq(1234) }),
            ..Downstream::default()
        };
        assert_eq!(
            serde_json::to_string(&resend).ok().as_deref(),
            Some(r#"{"v":1,"resend":{"outbox":"5f0c...","from":1200,"to":1234}}"#)
        );
    }
}
