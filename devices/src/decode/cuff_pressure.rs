//! Intermediate Cuff Pressure, 0x2A36 (Bluetooth Blood Pressure Service 1.1).
//!
//! The layout of a blood pressure, with the cuff's pressure where the systolic would be and "not a number" in the other
//! two. A pressure on the way up is no blood pressure: the kind says so. **Invariant:** never of kind `blood_pressure`.

use vitals::Kind;

use super::{DecodeError, Decoded, blood_pressure};
use crate::format::Format;
use crate::models::Model;

pub(super) fn decode(bytes: &[u8], model: Option<&Model>) -> Result<Decoded, DecodeError> {
    blood_pressure::read(Format::CuffPressure, Kind::CuffPressure, bytes, model)
}
