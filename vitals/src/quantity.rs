//! Quantities, each with its unit in its key, and the values a measurement holds.
//!
//! **Invariant:** every number in [`Values`] is finite and within ±10^9; a value that was not received is not there.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, IgnoredAny, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::text::Key;

macro_rules! keyed {
    ($(#[doc = $doc:literal])+ $name:ident { $($(#[doc = $vdoc:literal])+ $variant:ident = $key:literal,)+ }) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[doc = $vdoc])+ $variant,)+
        }

        impl $name {
            /// Every one, in the order they are written.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The key in JSON.
            #[must_use]
            pub const fn key(self) -> &'static str {
                match self {
                    $(Self::$variant => $key,)+
                }
            }

            /// The one with this key.
            #[must_use]
            pub fn from_key(key: &str) -> Option<Self> {
                match key {
                    $($key => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }

        impl crate::text::Keyed for $name {
            fn of_key(key: &str) -> Option<Self> {
                Self::from_key(key)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.key())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.key())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                crate::text::read(deserializer, |key| {
                    Self::from_key(key).ok_or_else(|| {
                        format!(
                            "{:?} is none of {}",
                            key.chars().take(40).collect::<String>(),
                            Self::ALL.iter().map(|one| one.key()).collect::<Vec<_>>().join(", ")
                        )
                    })
                })
            }
        }

        #[cfg(feature = "schema")]
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                $crate::schema::words(
                    &[$($doc,)+],
                    &[$(($key, &[$($vdoc,)+]),)+],
                )
            }
        }
    };
}
pub(crate) use keyed;

keyed! {
    /// What was measured, and in which unit. The key in JSON ends in the unit.
    Quantity {
        /// Body weight, kg. LOINC 29463-7.
        WeightKg = "weight_kg",
        /// Body mass index, kg/m².
        BmiKgPerM2 = "bmi_kg_per_m2",
        /// Body height, m.
        HeightM = "height_m",
        /// Body fat, %.
        FatPercent = "fat_percent",
        /// Muscle, %.
        MusclePercent = "muscle_percent",
        /// Muscle mass, kg.
        MuscleMassKg = "muscle_mass_kg",
        /// Fat-free mass, kg.
        LeanMassKg = "lean_mass_kg",
        /// Soft lean mass, kg.
        SoftLeanMassKg = "soft_lean_mass_kg",
        /// Body water, kg.
        WaterMassKg = "water_mass_kg",
        /// Body water, %.
        WaterPercent = "water_percent",
        /// Bone mass, kg.
        BoneKg = "bone_kg",
        /// Basal metabolism, kJ.
        BasalMetabolismKj = "basal_metabolism_kj",
        /// Body impedance, ohm.
        ImpedanceOhm = "impedance_ohm",
        /// Systolic blood pressure, mmHg. LOINC 8480-6.
        SystolicMmhg = "systolic_mmhg",
        /// Diastolic blood pressure, mmHg. LOINC 8462-4.
        DiastolicMmhg = "diastolic_mmhg",
        /// Mean arterial pressure, mmHg. LOINC 8478-0.
        MeanArterialMmhg = "mean_arterial_mmhg",
        /// Pulse, beats a minute. LOINC 8867-4.
        PulsePerMin = "pulse_per_min",
        /// Peripheral oxygen saturation, %. LOINC 59408-5.
        Spo2Percent = "spo2_percent",
        /// Perfusion (pulse amplitude index), %.
        PerfusionPercent = "perfusion_percent",
        /// Body temperature, °C. LOINC 8310-5.
        TemperatureCelsius = "temperature_celsius",
        /// Intervals between heart beats, s: the one quantity that is a list.
        RrIntervalS = "rr_interval_s",
    }
}

keyed! {
    /// Why a device sent no number where one belongs (IEEE 11073-20601 special values and device words).
    AbsentReason {
        /// Not a number.
        Nan = "nan",
        /// Not at this resolution.
        Nres = "nres",
        /// Beyond the largest number.
        PositiveInfinity = "positive_infinity",
        /// Beyond the smallest number.
        NegativeInfinity = "negative_infinity",
        /// Reserved for future use.
        Reserved = "reserved",
        /// The device tried and could not (0xFFFF of the weight and body composition services).
        Unsuccessful = "unsuccessful",
        /// The device did not try.
        NotMeasured = "not_measured",
    }
}

/// The values of one measurement: a number for each [`Quantity`], and the list of beat intervals.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Values {
    numbers: BTreeMap<Quantity, f64>,
    rr_interval_s: Vec<f64>,
}

/// A number that no measurement can hold.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("{quantity} is {number}, which is no value: it must be finite and within ±1e9")]
pub struct ValueError {
    /// Where it stood.
    pub quantity: Quantity,
    /// What it was.
    pub number: f64,
}

/// The most beat intervals one measurement may hold: a 512-byte frame carries at most 255.
pub const RR_INTERVALS_MAX: usize = 255;
/// The largest number a value may be, either way.
pub const MAGNITUDE_MAX: f64 = 1e9;

impl Values {
    /// No values.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The number for `quantity`, in its unit.
    #[must_use]
    pub fn get(&self, quantity: Quantity) -> Option<f64> {
        self.numbers.get(&quantity).copied()
    }

    /// Sets `quantity` to `number`, in its unit.
    ///
    /// # Errors
    /// [`ValueError`] when the number is not finite or beyond ±10^9.
    pub fn set(&mut self, quantity: Quantity, number: f64) -> Result<(), ValueError> {
        if !number.is_finite() || number.abs() > MAGNITUDE_MAX {
            return Err(ValueError { quantity, number });
        }
        self.numbers.insert(quantity, number);
        Ok(())
    }

    /// Adds an interval between beats, in seconds; silently full at [`RR_INTERVALS_MAX`], which no frame exceeds.
    ///
    /// # Errors
    /// [`ValueError`] when the number is not finite or beyond ±10^9.
    pub fn push_rr_interval_s(&mut self, seconds: f64) -> Result<(), ValueError> {
        if !seconds.is_finite() || seconds.abs() > MAGNITUDE_MAX {
            return Err(ValueError { quantity: Quantity::RrIntervalS, number: seconds });
        }
        if self.rr_interval_s.len() < RR_INTERVALS_MAX {
            self.rr_interval_s.push(seconds);
        }
        Ok(())
    }

    /// The intervals between beats, s.
    #[must_use]
    pub fn rr_interval_s(&self) -> &[f64] {
        &self.rr_interval_s
    }

    /// Every number with its quantity, in the order of [`Quantity`].
    pub fn iter(&self) -> impl Iterator<Item = (Quantity, f64)> + '_ {
        self.numbers.iter().map(|(quantity, number)| (*quantity, *number))
    }

    /// Whether nothing was measured.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty() && self.rr_interval_s.is_empty()
    }
}

impl FromIterator<(Quantity, f64)> for Values {
    /// Collects known-good numbers; one that is no value is left out.
    fn from_iter<I: IntoIterator<Item = (Quantity, f64)>>(numbers: I) -> Self {
        let mut values = Self::new();
        for (quantity, number) in numbers {
            let _ = values.set(quantity, number);
        }
        values
    }
}

impl Serialize for Values {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (quantity, number) in &self.numbers {
            map.serialize_entry(quantity.key(), number)?;
        }
        if !self.rr_interval_s.is_empty() {
            map.serialize_entry(Quantity::RrIntervalS.key(), &self.rr_interval_s)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ValuesVisitor)
    }
}

struct ValuesVisitor;

impl<'de> Visitor<'de> for ValuesVisitor {
    type Value = Values;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of values such as {\"weight_kg\":80.1}")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Values, A::Error> {
        let mut values = Values::new();
        while let Some(Key(quantity)) = map.next_key()? {
            match quantity {
                Some(Quantity::RrIntervalS) => {
                    for seconds in map.next_value::<Vec<f64>>()? {
                        values.push_rr_interval_s(seconds).map_err(de::Error::custom)?;
                    }
                }
                Some(quantity) => values.set(quantity, map.next_value()?).map_err(de::Error::custom)?,
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(values)
    }
}

/// Reads which values are missing and why. A quantity that only a later version knows is passed over, as in [`Values`].
pub(crate) fn absent_reasons<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<Quantity, AbsentReason>, D::Error> {
    deserializer.deserialize_map(AbsentVisitor)
}

struct AbsentVisitor;

impl<'de> Visitor<'de> for AbsentVisitor {
    type Value = BTreeMap<Quantity, AbsentReason>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of reasons such as {\"pulse_per_min\":\"nan\"}")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut absent = BTreeMap::new();
        while let Some(Key(quantity)) = map.next_key()? {
            match quantity {
                Some(quantity) => {
                    absent.insert(quantity, map.next_value()?);
                }
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(absent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_known_keys_and_ignore_others() {
        let text = r#"{"pulse_per_min":64,"mood":"good","systolic_mmhg":125.0,"rr_interval_s":[0.8]}"#;
        let values: Values = serde_json::from_str(text).expect("an object");
        assert_eq!(
            serde_json::to_string(&values).ok().as_deref(),
            Some(r#"{"systolic_mmhg":125.0,"pulse_per_min":64.0,"rr_interval_s":[0.8]}"#)
        );
    }

    #[test]
    fn a_value_must_be_a_number() {
        for bad in [
            r#"{"weight_kg":"80"}"#,
            r#"{"weight_kg":null}"#,
            r#"{"weight_kg":1e300}"#,
            r#"{"weight_kg":NaN}"#,
        ] {
            assert!(serde_json::from_str::<Values>(bad).is_err(), "{bad}");
        }
        assert!(Values::new().set(Quantity::WeightKg, f64::NAN).is_err());
    }
}
