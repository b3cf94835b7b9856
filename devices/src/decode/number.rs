//! Numbers as devices write them, and how they become values in our units.
//!
//! A medical float is a mantissa and a decimal exponent, both two's complement, and the exponent is the stated
//! precision. A few mantissas are words, not numbers. Knows no quantity.
//!
//! **Invariant:** a word never becomes a number. A converted value keeps as many decimals as it takes for two
//! neighbouring values of the device to stay two values, and no more.

use vitals::AbsentReason;

/// One IEEE 11073-20601 SFLOAT or FLOAT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Number {
    /// mantissa x 10^exponent.
    Finite { mantissa: i32, exponent: i8 },
    /// A word where the number should be.
    Absent(AbsentReason),
}

/// What a number must be multiplied with, or turned into, to be in our unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Conversion {
    /// It already is.
    None,
    /// 1 kPa = 7.500617 mmHg (1 mmHg = 133.322 Pa).
    KilopascalToMmhg,
    /// °C = (°F - 32) x 5/9.
    FahrenheitToCelsius,
    /// 1 kcal = 4.184 kJ (thermochemical).
    KilocalorieToKilojoule,
}

const MMHG_PER_KILOPASCAL: f64 = 7.500_616_827;
const KILOJOULE_PER_KILOCALORIE: f64 = 4.184;
const KG_PER_POUND: f64 = 0.453_592_37;
const M_PER_INCH: f64 = 0.0254;

impl Number {
    /// Reads 4 bits of exponent above 12 bits of mantissa.
    pub(super) fn of_sfloat(word: u16) -> Self {
        let reason = match word {
            0x07FF => AbsentReason::Nan,
            0x0800 => AbsentReason::Nres,
            0x07FE => AbsentReason::PositiveInfinity,
            0x0802 => AbsentReason::NegativeInfinity,
            0x0801 => AbsentReason::Reserved,
            _ => {
                let mantissa = (word << 4).cast_signed() >> 4;
                let [_, high] = word.to_le_bytes();
                return Self::Finite { mantissa: mantissa.into(), exponent: high.cast_signed() >> 4 };
            }
        };
        Self::Absent(reason)
    }

    /// Reads 8 bits of exponent above 24 bits of mantissa.
    pub(super) fn of_float(word: u32) -> Self {
        let reason = match word {
            0x007F_FFFF => AbsentReason::Nan,
            0x0080_0000 => AbsentReason::Nres,
            0x007F_FFFE => AbsentReason::PositiveInfinity,
            0x0080_0002 => AbsentReason::NegativeInfinity,
            0x0080_0001 => AbsentReason::Reserved,
            _ => {
                let [.., exponent] = word.to_le_bytes();
                let mantissa = (word << 8).cast_signed() >> 8;
                return Self::Finite { mantissa, exponent: exponent.cast_signed() };
            }
        };
        Self::Absent(reason)
    }

    /// Whether it is the number 0, at any precision.
    pub(super) fn is_zero(self) -> bool {
        matches!(self, Self::Finite { mantissa: 0, .. })
    }

    /// The value in our unit.
    pub(super) fn convert(self, conversion: Conversion) -> Result<f64, AbsentReason> {
        let (mantissa, exponent) = match self {
            Self::Finite { mantissa, exponent } => (mantissa, exponent),
            Self::Absent(reason) => return Err(reason),
        };
        let value = scaled(mantissa, exponent);
        let step = scaled(1, exponent);
        Ok(match conversion {
            Conversion::None => value,
            Conversion::KilopascalToMmhg => {
                // A cuff that speaks kPa measures finer than the whole kPa: never less than a tenth of a mmHg.
                let decimals = decimals_of(step * MMHG_PER_KILOPASCAL).max(1);
                rounded(value * MMHG_PER_KILOPASCAL, decimals)
            }
            Conversion::FahrenheitToCelsius => {
                rounded((value - 32.0) * 5.0 / 9.0, decimals_of(step * 5.0 / 9.0))
            }
            Conversion::KilocalorieToKilojoule => {
                rounded(value * KILOJOULE_PER_KILOCALORIE, decimals_of(step * KILOJOULE_PER_KILOCALORIE))
            }
        })
    }
}

/// `count` steps of which `steps_per_unit` make a unit: one division, so that 16020 / 200 is 80.1 and prints so.
pub(super) fn steps(count: impl Into<f64>, steps_per_unit: u16) -> f64 {
    count.into() / f64::from(steps_per_unit)
}

/// `count` steps of which `steps_per_pound` make a pound, in kg.
pub(super) fn pounds_as_kg(count: u16, steps_per_pound: u16) -> f64 {
    let kg_per_step = KG_PER_POUND / f64::from(steps_per_pound);
    rounded(f64::from(count) * kg_per_step, decimals_of(kg_per_step))
}

/// `count` tenths of an inch, in m.
pub(super) fn inch_tenths_as_m(count: u16) -> f64 {
    rounded(f64::from(count) / 10.0 * M_PER_INCH, decimals_of(M_PER_INCH / 10.0))
}

/// Beat intervals count 1/1024 s.
pub(super) fn beat_interval_s(count: u16) -> f64 {
    rounded(f64::from(count) / 1024.0, decimals_of(1.0 / 1024.0))
}

/// One division or one multiplication by a power of ten that a double holds exactly, so that 2 x 10^-1 is 0.2.
fn scaled(mantissa: i32, exponent: i8) -> f64 {
    let power = 10f64.powi(i32::from(exponent).abs());
    if exponent < 0 { f64::from(mantissa) / power } else { f64::from(mantissa) * power }
}

/// How many decimals tell two values apart that differ by `step`.
fn decimals_of(step: f64) -> i32 {
    (0..DECIMALS_MAX).find(|decimals| 10f64.powi(-decimals) <= step).unwrap_or(DECIMALS_MAX)
}

const DECIMALS_MAX: i32 = 6;

fn rounded(value: f64, decimals: i32) -> f64 {
    let power = 10f64.powi(decimals);
    let scaled = (value * power).round();
    if scaled.is_finite() { scaled / power } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finite(mantissa: i32, exponent: i8) -> Number {
        Number::Finite { mantissa, exponent }
    }

    /// Words and values by IEEE 11073-20601, annex F.8 and the Bluetooth Personal Health Devices Transcoding White
    /// Paper, 2.2: worked by hand.
    #[test]
    fn sfloats_are_two_twos_complements() {
        let rows = [
            (0x0002, finite(2, 0)),
            (0xF014, finite(20, -1)),
            (0xE0C8, finite(200, -2)),
            (0x1002, finite(2, 1)),
            (0x0B2E, finite(-1234, 0)),
            (0x07FD, finite(2045, 0)),
            (0x0803, finite(-2045, 0)),
            (0x7001, finite(1, 7)),
            (0x8001, finite(1, -8)),
            (0xFFFF, finite(-1, -1)),
            // A reserved mantissa is a word at exponent 0 only: here it is 2047 tenths.
            (0xF7FF, finite(2047, -1)),
            (0x07FF, Number::Absent(AbsentReason::Nan)),
            (0x0800, Number::Absent(AbsentReason::Nres)),
            (0x07FE, Number::Absent(AbsentReason::PositiveInfinity)),
            (0x0802, Number::Absent(AbsentReason::NegativeInfinity)),
            (0x0801, Number::Absent(AbsentReason::Reserved)),
        ];
        for (word, expected) in rows {
            assert_eq!(Number::of_sfloat(word), expected, "{word:04X}");
        }
    }

    /// As above.
    #[test]
    fn floats_are_two_twos_complements() {
        let rows = [
            (0xFF00_0014, finite(20, -1)),
            (0x00FF_FB2E, finite(-1234, 0)),
            (0xFF00_0168, finite(360, -1)),
            (0x007F_FFFD, finite(8_388_605, 0)),
            (0x0080_0003, finite(-8_388_605, 0)),
            (0x8000_0001, finite(1, -128)),
            (0x7F00_0001, finite(1, 127)),
            (0x007F_FFFF, Number::Absent(AbsentReason::Nan)),
            (0x0080_0000, Number::Absent(AbsentReason::Nres)),
            (0x007F_FFFE, Number::Absent(AbsentReason::PositiveInfinity)),
            (0x0080_0002, Number::Absent(AbsentReason::NegativeInfinity)),
            (0x0080_0001, Number::Absent(AbsentReason::Reserved)),
        ];
        for (word, expected) in rows {
            assert_eq!(Number::of_float(word), expected, "{word:08X}");
        }
    }

    /// To add a conversion, add a row: worked by hand with the factors above, and written as JSON would.
    #[test]
    fn values_print_clean() {
        let of = |mantissa, exponent, conversion| {
            finite(mantissa, exponent).convert(conversion).map(|value| value.to_string())
        };
        let rows = [
            (of(2, -1, Conversion::None), "0.2"),
            (of(9270, -2, Conversion::None), "92.7"),
            (of(2, 1, Conversion::None), "20"),
            (of(160, -1, Conversion::KilopascalToMmhg), "120"),
            (of(167, -1, Conversion::KilopascalToMmhg), "125.3"),
            (of(13, 0, Conversion::KilopascalToMmhg), "97.5"),
            (of(1667, -2, Conversion::KilopascalToMmhg), "125.04"),
            (of(986, -1, Conversion::FahrenheitToCelsius), "37"),
            (of(978, -1, Conversion::FahrenheitToCelsius), "36.56"),
            (of(1936, 0, Conversion::KilocalorieToKilojoule), "8100"),
            (Ok(steps(16020_u16, 200).to_string()), "80.1"),
            (Ok(pounds_as_kg(17660, 100).to_string()), "80.104"),
            (Ok(inch_tenths_as_m(720).to_string()), "1.829"),
            (Ok(beat_interval_s(1024).to_string()), "1"),
            (Ok(beat_interval_s(820).to_string()), "0.8008"),
        ];
        for (got, expected) in rows {
            assert_eq!(got.as_deref(), Ok(expected));
        }
    }
}
