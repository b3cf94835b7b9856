//! What a device says that it can do: the feature characteristics of scales, cuffs and oximeters.
//!
//! They tell a missing flag from a flag that is never set: a cuff that cannot notice an irregular pulse says nothing
//! about the heart by not flagging one. It refuses to judge a measurement by them.
//!
//! **Invariant:** every function returns for every input; reserved bits are passed over.

use serde::Serialize;

use crate::about::AboutError;
use crate::format::Uuid16;

/// Weight Scale Feature.
pub const WEIGHT_SCALE_FEATURE: Uuid16 = Uuid16(0x2A9E);
/// Body Composition Feature.
pub const BODY_COMPOSITION_FEATURE: Uuid16 = Uuid16(0x2A9B);
/// Blood Pressure Feature.
pub const BLOOD_PRESSURE_FEATURE: Uuid16 = Uuid16(0x2A49);
/// PLX Features.
pub const PLX_FEATURES: Uuid16 = Uuid16(0x2A60);

/// What a weight scale can do (2A9E, Weight Scale Service 1.0, 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct WeightScaleFeature {
    /// It says when it weighed.
    pub time_stamp: bool,
    /// It tells persons apart.
    pub multiple_users: bool,
    /// It works out the body mass index.
    pub body_mass_index: bool,
    /// How finely it weighs, kg; `None` where it does not say.
    pub weight_resolution_kg: Option<f64>,
    /// How finely it takes a height, m; `None` where it does not say.
    pub height_resolution_m: Option<f64>,
}

/// What a body composition scale can do (2A9B, Body Composition Service 1.0, 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct BodyCompositionFeature {
    /// It says when it measured.
    pub time_stamp: bool,
    /// It tells persons apart.
    pub multiple_users: bool,
    /// It works out the basal metabolism.
    pub basal_metabolism: bool,
    /// It gives the muscle as a part of the whole.
    pub muscle_percent: bool,
    /// It gives the muscle as a mass.
    pub muscle_mass: bool,
    /// It gives the mass that is not fat.
    pub fat_free_mass: bool,
    /// It gives the soft lean mass.
    pub soft_lean_mass: bool,
    /// It gives the mass of water.
    pub body_water_mass: bool,
    /// It gives the impedance it worked from.
    pub impedance: bool,
    /// It gives the weight.
    pub weight: bool,
    /// It gives the height.
    pub height: bool,
    /// How finely it weighs, kg; `None` where it does not say.
    pub mass_resolution_kg: Option<f64>,
    /// How finely it takes a height, m; `None` where it does not say.
    pub height_resolution_m: Option<f64>,
}

/// What a cuff can notice (2A49, Blood Pressure Service 1.0, 3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct BloodPressureFeature {
    /// That the person moved.
    pub body_movement: bool,
    /// That the cuff sat loosely.
    pub cuff_fit: bool,
    /// That the pulse was irregular.
    pub irregular_pulse: bool,
    /// That the pulse was out of range.
    pub pulse_range: bool,
    /// That the arm was held wrongly.
    pub measurement_position: bool,
    /// It keeps bonds with several hosts.
    pub multiple_bonds: bool,
}

/// What an oximeter can do (2A60, Pulse Oximeter Service 1.0.1, 3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct OximeterFeatures {
    /// It gives the status of a measurement.
    pub measurement_status: bool,
    /// It gives the status of device and sensor.
    pub sensor_status: bool,
    /// It stores spot checks; they are drained through record access (2A52).
    pub stores_spot_checks: bool,
    /// It says when a spot check was made.
    pub time_stamp: bool,
    /// It gives a fast average.
    pub fast: bool,
    /// It gives a slow average.
    pub slow: bool,
    /// It gives the pulse amplitude.
    pub pulse_amplitude: bool,
    /// It keeps bonds with several hosts.
    pub multiple_bonds: bool,
    /// Which bits of the measurement status it ever sets, where it says so.
    pub measurement_status_bits: Option<u16>,
    /// Which bits of the sensor status it ever sets, 24 of them, where it says so.
    pub sensor_status_bits: Option<u32>,
}

/// Reads what a weight scale can do.
///
/// # Errors
/// [`AboutError::TooShort`] below 4 bytes.
pub fn weight_scale(bytes: &[u8]) -> Result<WeightScaleFeature, AboutError> {
    let bits = u32::from_le_bytes(*head(WEIGHT_SCALE_FEATURE, bytes)?);
    Ok(WeightScaleFeature {
        time_stamp: has(bits, 0),
        multiple_users: has(bits, 1),
        body_mass_index: has(bits, 2),
        weight_resolution_kg: mass_resolution_kg(bits >> 3),
        height_resolution_m: height_resolution_m(bits >> 7),
    })
}

/// Reads what a body composition scale can do.
///
/// # Errors
/// [`AboutError::TooShort`] below 4 bytes.
pub fn body_composition(bytes: &[u8]) -> Result<BodyCompositionFeature, AboutError> {
    let bits = u32::from_le_bytes(*head(BODY_COMPOSITION_FEATURE, bytes)?);
    Ok(BodyCompositionFeature {
        time_stamp: has(bits, 0),
        multiple_users: has(bits, 1),
        basal_metabolism: has(bits, 2),
        muscle_percent: has(bits, 3),
        muscle_mass: has(bits, 4),
        fat_free_mass: has(bits, 5),
        soft_lean_mass: has(bits, 6),
        body_water_mass: has(bits, 7),
        impedance: has(bits, 8),
        weight: has(bits, 9),
        height: has(bits, 10),
        mass_resolution_kg: mass_resolution_kg(bits >> 11),
        height_resolution_m: height_resolution_m(bits >> 15),
    })
}

/// Reads what a cuff can notice.
///
/// # Errors
/// [`AboutError::TooShort`] below 2 bytes.
pub fn blood_pressure(bytes: &[u8]) -> Result<BloodPressureFeature, AboutError> {
    let bits = u32::from(u16::from_le_bytes(*head(BLOOD_PRESSURE_FEATURE, bytes)?));
    Ok(BloodPressureFeature {
        body_movement: has(bits, 0),
        cuff_fit: has(bits, 1),
        irregular_pulse: has(bits, 2),
        pulse_range: has(bits, 3),
        measurement_position: has(bits, 4),
        multiple_bonds: has(bits, 5),
    })
}

/// Reads what an oximeter can do. Status bits that are announced and cut off are left out.
///
/// # Errors
/// [`AboutError::TooShort`] below 2 bytes.
pub fn oximeter(bytes: &[u8]) -> Result<OximeterFeatures, AboutError> {
    let bits = u32::from(u16::from_le_bytes(*head(PLX_FEATURES, bytes)?));
    let (measurement_status, sensor_status) = (has(bits, 0), has(bits, 1));
    let rest = bytes.get(2..).unwrap_or_default();
    let (own, rest) = rest.split_at(if measurement_status { rest.len().min(2) } else { 0 });
    Ok(OximeterFeatures {
        measurement_status,
        sensor_status,
        stores_spot_checks: has(bits, 2),
        time_stamp: has(bits, 3),
        fast: has(bits, 4),
        slow: has(bits, 5),
        pulse_amplitude: has(bits, 6),
        multiple_bonds: has(bits, 7),
        measurement_status_bits: own.first_chunk().map(|own| u16::from_le_bytes(*own)),
        sensor_status_bits: rest
            .first_chunk::<3>()
            .filter(|_| sensor_status)
            .map(|[low, middle, high]| u32::from_le_bytes([*low, *middle, *high, 0])),
    })
}

fn head<const N: usize>(uuid: Uuid16, bytes: &[u8]) -> Result<&[u8; N], AboutError> {
    bytes.first_chunk().ok_or(AboutError::TooShort { uuid, has_bytes: bytes.len(), needs_bytes: N })
}

fn has(bits: u32, index: u32) -> bool {
    bits >> index & 1 == 1
}

/// Four bits: 0 is not specified, 8 and on are reserved. In the order of the specification's table.
fn mass_resolution_kg(bits: u32) -> Option<f64> {
    const KG: [f64; 7] = [0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005];
    step(&KG, bits & 0xF)
}

/// Three bits: 0 is not specified, 4 and on are reserved.
fn height_resolution_m(bits: u32) -> Option<f64> {
    const M: [f64; 3] = [0.01, 0.005, 0.001];
    step(&M, bits & 0x7)
}

fn step(steps: &[f64], code: u32) -> Option<f64> {
    let index = usize::try_from(code).ok()?.checked_sub(1)?;
    steps.get(index).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Worked by hand from the services' tables: 7 << 3 is 0.005 kg, 3 << 7 is 0.001 m.
    #[test]
    fn scales_say_what_they_can() {
        let whole = weight_scale(&(0b111 | 7_u32 << 3 | 3 << 7).to_le_bytes()).expect("four bytes");
        assert!(whole.time_stamp && whole.multiple_users && whole.body_mass_index);
        assert_eq!((whole.weight_resolution_kg, whole.height_resolution_m), (Some(0.005), Some(0.001)));
        let rows =
            [(0_u32, None, None), (1 << 3 | 1 << 7, Some(0.5), Some(0.01)), (8 << 3 | 4 << 7, None, None)];
        for (bits, kg, m) in rows {
            let got = weight_scale(&bits.to_le_bytes()).expect("four bytes");
            assert_eq!((got.weight_resolution_kg, got.height_resolution_m), (kg, m), "{bits:b}");
            assert!(!got.time_stamp && !got.multiple_users && !got.body_mass_index);
        }
        let composed = body_composition(&(1_u32 << 0 | 1 << 8 | 6 << 11 | 2 << 15).to_le_bytes());
        let composed = composed.expect("four bytes");
        assert!(composed.time_stamp && composed.impedance && !composed.weight && !composed.multiple_users);
        assert_eq!((composed.mass_resolution_kg, composed.height_resolution_m), (Some(0.01), Some(0.005)));
    }

    /// 0x0025: movement, irregular pulse and several bonds.
    #[test]
    fn a_cuff_says_what_it_notices() {
        let got = blood_pressure(&[0x25, 0x00]).expect("two bytes");
        assert!(got.body_movement && got.irregular_pulse && got.multiple_bonds);
        assert!(!got.cuff_fit && !got.pulse_range && !got.measurement_position);
    }

    /// Fields in the order of their bits: features, then measurement status, then sensor status.
    #[test]
    fn an_oximeter_says_what_it_can() {
        let rows: [(&[u8], Option<u16>, Option<u32>); 5] = [
            (&[0x03, 0x00, 0xE0, 0x01, 0x11, 0x22, 0x33], Some(0x01E0), Some(0x0033_2211)),
            (&[0x02, 0x00, 0x11, 0x22, 0x33], None, Some(0x0033_2211)),
            (&[0x01, 0x00, 0xE0, 0x01, 0x11, 0x22, 0x33], Some(0x01E0), None),
            (&[0x03, 0x00, 0xE0], None, None),
            (&[0x0C, 0x00], None, None),
        ];
        for (bytes, own, sensor) in rows {
            let got = oximeter(bytes).expect("two bytes");
            assert_eq!((got.measurement_status_bits, got.sensor_status_bits), (own, sensor), "{bytes:02x?}");
            assert_eq!(got.stores_spot_checks, bytes[0] & 4 != 0);
        }
    }

    #[test]
    fn what_is_too_short_is_refused_by_name() {
        let errors = [
            (weight_scale(&[0; 3]).map(|_| ()), WEIGHT_SCALE_FEATURE, 3, 4),
            (body_composition(&[]).map(|_| ()), BODY_COMPOSITION_FEATURE, 0, 4),
            (blood_pressure(&[1]).map(|_| ()), BLOOD_PRESSURE_FEATURE, 1, 2),
            (oximeter(&[1]).map(|_| ()), PLX_FEATURES, 1, 2),
        ];
        for (got, uuid, has_bytes, needs_bytes) in errors {
            assert_eq!(got, Err(AboutError::TooShort { uuid, has_bytes, needs_bytes }));
        }
    }
}
