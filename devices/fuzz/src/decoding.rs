//! Every format as every model: what comes out holds together.

use devices::{DecodeError, Quirk, decode as read};
use vitals::{Kind, Outcome};

use super::supply::Supply;

/// One byte chooses the format, one the model, the rest is the frame.
///
/// # Panics
/// When a decoder panics, answers the same bytes differently, or answers something that contradicts itself.
pub fn decode(data: &[u8]) {
    let mut supply = Supply::new(data);
    let (format, model) = (supply.format(), supply.model());
    let frame = supply.rest();
    let answer = read(format, frame, model);
    assert_eq!(answer, read(format, frame, model), "the same bytes, another answer");
    match answer {
        Ok(decoded) => {
            let measurement = &decoded.measurement;
            assert_eq!(measurement.kind == Kind::Clock, format.is_clock());
            for (quantity, value) in measurement.values.iter() {
                assert!(value.is_finite(), "{quantity:?} {value}");
                assert!(!measurement.absent.contains_key(&quantity), "{quantity:?} is there and is not");
            }
            assert!(measurement.values.rr_interval_s().iter().all(|seconds| seconds.is_finite()));
            match measurement.outcome {
                Outcome::Stub => assert!(measurement.values.is_empty(), "an empty slot holds a value"),
                Outcome::Failed | Outcome::Measured | Outcome::Unstable => {}
            }
            if model.is_none() {
                let of_models = [Quirk::WeightFactor005, Quirk::UserByteWithoutFlag, Quirk::BigEndianRecord];
                assert!(
                    !decoded.quirks.iter().any(|quirk| of_models.contains(quirk)),
                    "a stranger has quirks"
                );
            }
        }
        Err(error) => {
            assert!(error.to_string().starts_with(format.name()), "{error}");
            match error {
                DecodeError::TooShort { offset, has_bytes, needs_bytes, .. } => {
                    assert_eq!(has_bytes, frame.len());
                    assert!(offset <= has_bytes && has_bytes < needs_bytes, "{error}");
                }
                DecodeError::OutOfRange { offset, .. } => assert!(offset < frame.len(), "{error}"),
            }
        }
    }
}
