//! One frame of bytes to one [`Measurement`].
//!
//! Each layout has a file of its own below; this one chooses between them and says what went wrong. Knows no clock and
//! no patient, and judges nothing clinical: a thermometer left on a table says 21 °C and gets 21 °C back.
//!
//! **Invariant:** [`decode`] returns for every input. A value that was not received is never a number: it is left out
//! of the values and named in `absent` with the device's reason.

mod blood_pressure;
mod body_composition;
mod cuff_pressure;
mod current_time;
mod cursor;
mod date_time;
mod draft;
mod heart_rate;
mod number;
mod omron_record;
mod oximetry_continuous;
mod oximetry_spot;
mod temperature;
mod transtek_8a21;
mod transtek_8a22;
mod weight;
mod xiaomi_181b;
mod xiaomi_181d;

use std::fmt;

use serde::{Serialize, Serializer};
use vitals::{Measurement, Quantity};

use crate::format::Format;
use crate::models::{self, Model};

/// What one frame says, and what we had to know about the device to read it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Decoded {
    /// What was measured.
    #[serde(flatten)]
    pub measurement: Measurement,
    /// How the frame differs from its specification, as far as that was applied.
    pub quirks: Vec<Quirk>,
}

/// A way in which a frame differs from its specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quirk {
    /// A model was named that the table does not know; the standard was applied.
    UnknownModel,
    /// Pulse and measurement status came with the high byte first.
    BigEndianPulseAndStatus,
    /// A user byte came although its flag is clear.
    UserByteWithoutFlag,
    /// A mean arterial pressure of 0 stood for "not measured".
    ZeroMeanArterialAbsent,
    /// The weight counts 0.05 kg instead of 0.005 kg.
    WeightFactor005,
    /// Seconds count from 2010-01-01.
    Epoch2010,
    /// Seconds count from 1970-01-01.
    Epoch1970,
    /// A record came with its bytes in the other order.
    BigEndianRecord,
    /// Bytes followed after the last field that the flags announce; they were not read.
    SurplusBytes,
}

impl Quirk {
    /// The key in JSON.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::UnknownModel => "unknown_model",
            Self::BigEndianPulseAndStatus => "big_endian_pulse_and_status",
            Self::UserByteWithoutFlag => "user_byte_without_flag",
            Self::ZeroMeanArterialAbsent => "zero_mean_arterial_absent",
            Self::WeightFactor005 => "weight_factor_0_05",
            Self::Epoch2010 => "epoch_2010",
            Self::Epoch1970 => "epoch_1970",
            Self::BigEndianRecord => "big_endian_record",
            Self::SurplusBytes => "surplus_bytes",
        }
    }
}

impl fmt::Display for Quirk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}

impl Serialize for Quirk {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.key())
    }
}

/// Why bytes cannot be the frame they are said to be. Its text is the one line that a technician sees.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum DecodeError {
    /// The frame ended inside a field.
    #[error(
        "{format} frame ends in field '{field}' at byte {offset}: has {has_bytes} bytes, needs {needs_bytes}"
    )]
    TooShort {
        /// The layout.
        format: Format,
        /// The field that is cut off.
        field: &'static str,
        /// Where it starts, counted from 0.
        offset: usize,
        /// How many bytes came.
        has_bytes: usize,
        /// How many it takes to hold this field.
        needs_bytes: usize,
    },
    /// A number so large that no measurement holds it.
    #[error(
        "{format} frame has no value in field '{field}' at byte {offset}: {quantity} would be {number:e}"
    )]
    OutOfRange {
        /// The layout.
        format: Format,
        /// The field.
        field: &'static str,
        /// Where it starts, counted from 0.
        offset: usize,
        /// What it would be.
        quantity: Quantity,
        /// How much.
        number: f64,
    },
}

/// Reads one frame as `model` sends it; `None` reads it by its specification.
///
/// # Errors
/// [`DecodeError`], naming field and offset, when the bytes end early or hold a number that nothing can hold.
pub fn decode(format: Format, bytes: &[u8], model: Option<&Model>) -> Result<Decoded, DecodeError> {
    match format {
        Format::Weight => weight::decode(bytes, model),
        Format::BodyComposition => body_composition::decode(bytes, model),
        Format::BloodPressure => blood_pressure::decode(bytes, model),
        Format::CuffPressure => cuff_pressure::decode(bytes, model),
        Format::OximetrySpot => oximetry_spot::decode(bytes),
        Format::OximetryContinuous => oximetry_continuous::decode(bytes),
        Format::Temperature => temperature::decode(bytes),
        Format::HeartRate => heart_rate::decode(bytes),
        Format::DateTime => date_time::decode(bytes),
        Format::CurrentTime => current_time::decode(bytes),
        Format::Xiaomi181d => xiaomi_181d::decode(bytes),
        Format::Xiaomi181b => xiaomi_181b::decode(bytes),
        Format::Transtek8a21 => transtek_8a21::decode(bytes, model),
        Format::Transtek8a22 => transtek_8a22::decode(bytes, model),
        Format::OmronRecord => omron_record::decode(bytes, model),
    }
}

/// Reads one frame as the model that `name` matches sends it. A name that matches none is read by the specification,
/// with [`Quirk::UnknownModel`].
///
/// # Errors
/// As [`decode`].
pub fn decode_named(format: Format, bytes: &[u8], name: Option<&str>) -> Result<Decoded, DecodeError> {
    let model = name.and_then(models::find);
    let mut decoded = decode(format, bytes, model)?;
    if name.is_some() && model.is_none() {
        decoded.quirks.insert(0, Quirk::UnknownModel);
    }
    Ok(decoded)
}

/// Whether bit `index` of a frame's flags is set.
fn bit(flags: u32, index: u32) -> bool {
    flags & (1 << index) != 0
}
