//! The MQTT interface, version 1, as JSON Schema (draft 7), generated from the types that read and write it.
//!
//! A schema describes what to *send*: it asks for the published form of a time, where a reader of ours takes any
//! RFC 3339. What it cannot say - that 31 February does not exist, that a topic names the sender - the reader checks.
//! Knows neither files nor topics; the published copies are compared with these by a test.
//!
//! **Invariant:** what a type here writes is valid under its schema, and what is valid is read.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use crate::envelope::{
    Downstream, ENVELOPES_PER_MESSAGE_MAX, Envelope, FRAME_BYTES_MAX, Heartbeat, RawFrame, Version1, Void,
};
use crate::ids::{DeviceId, GatewayId, OutboxId, Seq};
use crate::quantity::{MAGNITUDE_MAX, Quantity, RR_INTERVALS_MAX, Values};
use crate::time::{DeviceTime, Timestamp};

/// A text without control characters.
pub(crate) const PRINTABLE: &str = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$";

/// The schema of each topic's messages, by the topic's last level: `up`, `down`, `heartbeat`.
#[must_use]
pub fn documents() -> [(&'static str, Value); 3] {
    [("up", document::<Up>()), ("down", document::<Downstream>()), ("heartbeat", document::<Heartbeat>())]
}

fn document<T: JsonSchema>() -> Value {
    SchemaSettings::draft07().into_generator().into_root_schema_for::<T>().to_value()
}

/// A message on a gateway's `up` topic: one envelope or void, or an array of them, each judged by itself.
#[derive(JsonSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "a shape only: an array is read element by element")]
enum Up {
    /// One.
    One(Item),
    /// Several.
    Several(#[schemars(length(min = 1, max = ENVELOPES_PER_MESSAGE_MAX))] Vec<Item>),
}

/// What takes a number in an outbox's sequence.
#[derive(JsonSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "a shape only: which of the two it is, is decided by its keys")]
enum Item {
    /// A measurement.
    Envelope(Box<Envelope>),
    /// A number that will never carry one.
    Void(Void),
}

/// The schema of an enumeration written as words, each with what it means.
pub(crate) fn words(about: &[&str], words: &[(&str, &[&str])]) -> Schema {
    let choices: Vec<Value> =
        words.iter().map(|(key, meaning)| json!({ "const": key, "description": text(meaning) })).collect();
    json_schema!({ "description": text(about), "type": "string", "oneOf": choices })
}

fn text(lines: &[&str]) -> String {
    lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
}

macro_rules! described {
    ($($name:ident => $schema:expr;)+) => {
        $(impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        })+
    };
}

described! {
    Version1 => json_schema!({ "description": "The version of this interface.", "const": 1 });
    GatewayId => json_schema!({
        "description": "A home gateway: the name in its topics and its certificate.",
        "type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$",
    });
    OutboxId => json_schema!({
        "description": "One gateway database for life; a gateway that was reset starts a new one.",
        "type": "string", "minLength": 1, "maxLength": 128, "pattern": PRINTABLE,
    });
    DeviceId => json_schema!({
        "description": "The device's identity address, 12 lower-case hex digits; its System ID, 16, where it hides its address.",
        "type": "string", "pattern": "^([0-9a-f]{12}|[0-9a-f]{16})$",
    });
    Seq => json_schema!({
        "description": "A place in an outbox's sequence: counts from 1, without gaps.",
        "type": "integer", "minimum": Seq::FIRST.get(), "maximum": Seq::MAX,
    });
    Timestamp => json_schema!({
        "description": "A point in time: RFC 3339 in UTC with milliseconds, such as 2026-01-01T07:04:00.000Z.",
        "type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z$",
    });
    DeviceTime => json_schema!({
        "description": "What a device's own clock showed, without a zone, such as 2026-01-01T08:04:00.",
        "type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}$",
    });
    RawFrame => json_schema!({
        "description": "The bytes a device sent, kept for whoever asks where a value came from.",
        "type": "object",
        "required": ["characteristic", "hex"],
        "properties": {
            "characteristic": {
                "description": "The 16-bit characteristic in hex, such as 2a9d, or a vendor format's name.",
                "type": "string", "pattern": "^[A-Za-z0-9-]{1,32}$",
            },
            "hex": {
                "description": "The frame, two hex digits a byte.",
                "type": "string", "pattern": "^([0-9A-Fa-f]{2})+$", "maxLength": 2 * FRAME_BYTES_MAX,
            },
        },
    });
    Values => json_schema!({
        "description": "A number for each quantity received, its unit in the key. A value that was not received is left out.",
        "type": "object",
        "properties": value_properties(),
    });
}

fn value_properties() -> Map<String, Value> {
    let number = json!({ "type": "number", "minimum": -MAGNITUDE_MAX, "maximum": MAGNITUDE_MAX });
    Quantity::ALL
        .iter()
        .map(|quantity| {
            let schema = if *quantity == Quantity::RrIntervalS {
                json!({ "type": "array", "items": number, "maxItems": RR_INTERVALS_MAX })
            } else {
                number.clone()
            };
            (quantity.key().to_owned(), schema)
        })
        .collect()
}
