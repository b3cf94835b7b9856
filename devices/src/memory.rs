//! What is worth knowing of a device from one day to the next: its clock, its last weighings, and frames held back.
//!
//! A session takes it in and gives it out; who keeps it between, and on what disk, is not known here. A gateway that writes
//! it down before it takes the next event loses no frame to a power cut and counts no weighing twice after one.
//!
//! **Invariant:** everything in it is safe to have lost: without it the same frames come out, placed or told apart less well.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use vitals::{DeviceTime, Timestamp, hex};

use crate::clock::KnownClock;
use crate::format::Format;

/// What a session knows of its device from before.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeviceMemory {
    /// How its clock stood when that was last known.
    pub clock: Option<KnownClock>,
    /// The last weighings it told in advertisements, oldest first.
    pub weighings: Vec<KnownWeighing>,
    /// Frames that were heard and have not left the session yet, in the order they came.
    pub held: Vec<HeldFrame>,
}

/// A weighing told in advertisements: what tells it from the next.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct KnownWeighing {
    /// When, by the scale's clock.
    pub device_time: Option<DeviceTime>,
    /// Counts what was put on the scale, for a scale without a clock.
    pub round: u64,
    /// How much it weighed, kg.
    pub weight_kg: f64,
    /// When it was heard first.
    pub heard_at: Timestamp,
}

/// A frame on its way out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldFrame {
    /// Its layout.
    pub format: Format,
    /// Its bytes.
    #[serde(rename = "hex", serialize_with = "write_hex", deserialize_with = "read_hex")]
    pub bytes: Vec<u8>,
    /// When it arrived, by the gateway's clock.
    pub heard_at: Timestamp,
    /// Whether that clock could be believed.
    pub gateway_synced: bool,
}

impl DeviceMemory {
    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.clock.is_none() && self.weighings.is_empty() && self.held.is_empty()
    }
}

fn write_hex<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&hex::encode(bytes))
}

fn read_hex<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    hex::decode(&text).ok_or_else(|| serde::de::Error::custom("bytes are pairs of hex digits"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written by one version, read by the next: the keys are a file format. The bytes are worked by hand.
    #[test]
    fn it_reads_as_it_was_written() {
        let memory = DeviceMemory {
            clock: Some(KnownClock {
                device: "2026-01-01T08:04:01".parse().expect("a device time"),
                gateway: "2026-01-01T07:04:01.300Z".parse().expect("a time"),
                moved: true,
            }),
            weighings: vec![KnownWeighing {
                device_time: None,
                round: 3,
                weight_kg: 80.1,
                heard_at: "2026-01-01T07:04:02.000Z".parse().expect("a time"),
            }],
            held: vec![HeldFrame {
                format: Format::Weight,
                bytes: vec![0x00, 0x94, 0x3E],
                heard_at: "2026-01-01T07:04:03.000Z".parse().expect("a time"),
                gateway_synced: true,
            }],
        };
        let text = concat!(
            r#"{"clock":{"device":"2026-01-01T08:04:01","gateway":"2026-01-01T07:04:01.300Z","moved":true},"#,
            r#""weighings":[{"device_time":null,"round":3,"weight_kg":80.1,"heard_at":"2026-01-01T07:04:02.000Z"}],"#,
            r#""held":[{"format":"2a9d","hex":"00943e","heard_at":"2026-01-01T07:04:03.000Z","gateway_synced":true}]}"#
        );
        assert_eq!(serde_json::to_string(&memory).expect("serialises"), text);
        assert_eq!(serde_json::from_str::<DeviceMemory>(text).expect("reads"), memory);
        let older: DeviceMemory = serde_json::from_str(r#"{"unheard_of":1}"#).expect("keys may come and go");
        assert!(older.is_empty() && !memory.is_empty());
    }
}
