//! Fingerprints: whether two envelopes say the same, whether a weighing was seen before.
//!
//! All are SHA-256 over fields that are each preceded by their length, so that none can run into the next. An envelope
//! is hashed by what it says, not by how it was spelled: spaces, the order of keys and keys we do not know make no
//! difference.
//!
//! **Invariant:** the same input gives the same fingerprint in every version; the store holds them for years.

use serde_json::Value;
use sha2::{Digest, Sha256};
use vitals::{DeviceTime, Envelope, Void, hex};

/// Room for an ordinary envelope, so that it is written without being moved.
const ENVELOPE_BYTES_USUAL: usize = 1_024;

/// A SHA-256 in lower-case hex.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Hash(String);

impl Hash {
    /// What an envelope says.
    #[must_use]
    pub fn of_envelope(envelope: &Envelope) -> Self {
        // A typed envelope always serialises: its keys are strings and its numbers finite.
        let mut said = Vec::with_capacity(ENVELOPE_BYTES_USUAL);
        match serde_json::to_writer(&mut said, envelope) {
            Ok(()) => Self::of("envelope", &[&said]),
            Err(_) => Self::of("envelope", &[&[]]),
        }
    }

    /// What a void says.
    #[must_use]
    pub fn of_void(void: &Void) -> Self {
        Self::of("void", &[&serde_json::to_vec(void).unwrap_or_default()])
    }

    /// What a JSON text says that is no envelope; its bytes, where it is nested too deep to be read.
    #[must_use]
    pub fn of_json(text: &str) -> Self {
        match serde_json::from_str::<Value>(text) {
            Ok(value) => Self::of("json", &[canonical(&value).as_bytes()]),
            Err(_) => Self::of_bytes(text.as_bytes()),
        }
    }

    /// Bytes as they came.
    #[must_use]
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self::of("bytes", &[bytes])
    }

    /// A measurement by the device's own time and raw bytes; `None` without a device time, where only outbox and number
    /// tell two equal measurements apart.
    #[must_use]
    pub fn of_measurement(envelope: &Envelope) -> Option<Self> {
        let measurement = &envelope.measurement;
        let device_time: DeviceTime = measurement.device_time?;
        let slot = measurement.user_slot.map_or_else(String::new, |slot| slot.to_string());
        Some(Self::of(
            "measurement",
            &[
                envelope.device.id.as_str().as_bytes(),
                slot.as_bytes(),
                measurement.kind.key().as_bytes(),
                device_time.to_string().as_bytes(),
                envelope.raw.characteristic.as_bytes(),
                &envelope.raw.bytes,
            ],
        ))
    }

    /// A refusal: the same bytes refused for the same reason are one row in quarantine, however often they come.
    #[must_use]
    pub fn of_refusal(gateway: &str, reason: &str, item: &Self) -> Self {
        Self::of("refusal", &[gateway.as_bytes(), reason.as_bytes(), item.0.as_bytes()])
    }

    fn of(domain: &str, fields: &[&[u8]]) -> Self {
        let mut hasher = Sha256::new();
        for field in std::iter::once(domain.as_bytes()).chain(fields.iter().copied()) {
            hasher.update(u64::try_from(field.len()).unwrap_or(u64::MAX).to_be_bytes());
            hasher.update(field);
        }
        Self(hex::encode(&hasher.finalize()))
    }

    /// 64 hex digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// JSON with sorted keys and no spaces, whichever order the reader kept.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| key.as_str());
            let entries: Vec<_> = entries
                .into_iter()
                .map(|(key, value)| format!("{}:{}", Value::from(key.as_str()), canonical(value)))
                .collect();
            format!("{{{}}}", entries.join(","))
        }
        Value::Array(elements) => {
            let elements: Vec<_> = elements.iter().map(canonical).collect();
            format!("[{}]", elements.join(","))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SHA-256 of nothing and of `abc`, FIPS 180-4 examples, through the same hex.
    #[test]
    fn hex_is_lower_case_and_whole() {
        assert_eq!(
            hex::encode(&Sha256::digest(b"abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(hex::encode(&[0x00, 0x0F, 0xF0]), "000ff0");
    }

    #[test]
    fn spelling_makes_no_difference_and_content_does() {
        let rows = [
            (r#"{"a":1,"b":[1,2]}"#, r#" { "b" : [1, 2], "a" : 1 } "#, true),
            (r#"{"a":{"x":null,"y":true}}"#, r#"{"a":{"y":true,"x":null}}"#, true),
            (r#"{"a":"\u0041"}"#, r#"{"a":"A"}"#, true),
            (r#"{"a":1}"#, r#"{"a":2}"#, false),
            (r#"{"a":[1,2]}"#, r#"{"a":[2,1]}"#, false),
            (r#"{"a":"1"}"#, r#"{"a":1}"#, false),
        ];
        for (one, other, same) in rows {
            assert_eq!(Hash::of_json(one) == Hash::of_json(other), same, "{one} / {other}");
        }
    }

    #[test]
    fn fields_do_not_run_into_each_other() {
        assert_ne!(Hash::of("d", &[b"ab", b"c"]), Hash::of("d", &[b"a", b"bc"]));
        assert_ne!(Hash::of("d", &[b"a"]), Hash::of("e", &[b"a"]));
    }
}
