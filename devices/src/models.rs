//! The table of device models: how each is recognised, and what it does differently from the specification.
//!
//! A row is data and nothing else; what a decoder or a session does with it stands there. Knows no device in a home.
//!
//! **Invariant:** every row has a frame with a source in `tests/frames.json`.

mod table;

use serde::Serialize;

use crate::format::{Format, Uuid16};

/// One model of device, or one family that behaves alike.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Model {
    /// Its name in envelopes and in the register.
    pub name: &'static str,
    /// Who makes it.
    pub maker: &'static str,
    /// What its name, or the model number it tells (2A24), is matched against, in any case: `*` stands for anything.
    pub patterns: &'static [&'static str],
    /// What the manufacturer name it tells (2A29) is matched against, in any case, where its name told nothing.
    pub makers: &'static [&'static str],
    /// What it sends.
    pub formats: &'static [Format],
    /// How its frames differ.
    pub frames: FrameQuirks,
    /// How it behaves while connected.
    pub behaviour: Behaviour,
    /// Where its clock starts when it was never set, `YYYY-MM-DD`.
    pub default_clocks: &'static [&'static str],
    /// Who says so.
    pub source: &'static str,
}

/// How a model's frames differ from the specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct FrameQuirks {
    /// Pulse and measurement status come with the high byte first (2A35).
    pub big_endian_pulse_and_status: bool,
    /// A user byte comes although its flag is clear (2A35).
    pub user_byte_without_flag: bool,
    /// A mean arterial pressure of 0 is not a value (2A35).
    pub zero_mean_arterial_absent: bool,
    /// How many steps of the weight field make a kilogram (2A9D): 200 by the specification.
    pub weight_steps_per_kg: u16,
    /// Its records come with the high byte first and diastolic before systolic (Omron).
    pub big_endian_record: bool,
    /// Where its seconds count from (Transtek).
    pub epoch: Epoch,
}

/// Where a count of seconds starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Epoch {
    /// 1970-01-01T00:00:00.
    #[serde(rename = "1970")]
    Year1970,
    /// 2010-01-01T00:00:00.
    #[serde(rename = "2010")]
    Year2010,
}

impl Epoch {
    /// Its start, in seconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn unix_s(self) -> i64 {
        match self {
            Self::Year1970 => 0,
            Self::Year2010 => 1_262_304_000,
        }
    }
}

/// How a model behaves while connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Behaviour {
    /// Sends everything in advertisements and is never connected to.
    pub advertisement_only: bool,
    /// What it asks for before it speaks.
    pub bonding: Bonding,
    /// Where its clock is read and written.
    pub clock_channel: Option<ClockChannel>,
    /// How soon after the link came up its clock must be set, ms.
    pub set_clock_within_ms: Option<i64>,
    /// How long to wait before subscribing, ms.
    pub subscribe_after_ms: i64,
    /// Omits the time of a record that it measured with an unset clock.
    pub omits_time_when_unset: bool,
    /// Says nothing until it has been told the time (Transtek).
    pub speaks_once_told_the_time: bool,
    /// Gives out its stored records when asked for them (2A52), oldest first.
    pub record_access: bool,
    /// Deletes its records once they are transferred: what was read of it cannot be read again. The connection ends only after
    /// everything that came, and one that ends in the middle is told.
    pub deletes_after_transfer: bool,
}

/// What a device asks for before it speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bonding {
    /// Nothing.
    No,
    /// A bond.
    Required,
    /// A bond, and a consent code for the person (2A9F).
    RequiredWithConsent,
}

/// Where a device's clock is read and written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum ClockChannel {
    /// Date Time, 2A08.
    #[serde(rename = "2a08")]
    DateTime,
    /// Current Time, 2A2B.
    #[serde(rename = "2a2b")]
    CurrentTime,
}

impl ClockChannel {
    /// Its characteristic.
    #[must_use]
    pub const fn uuid(self) -> Uuid16 {
        match self {
            Self::DateTime => Uuid16(0x2A08),
            Self::CurrentTime => Uuid16(0x2A2B),
        }
    }
}

/// Every model, in the order in which names are matched.
#[must_use]
pub fn all() -> &'static [Model] {
    table::MODELS
}

/// The first model with a pattern that `name` matches: a name we gave it, or the name it advertises.
#[must_use]
pub fn find(name: &str) -> Option<&'static Model> {
    all().iter().find(|model| model.is_called(name))
}

/// The first model with a pattern that the model `number` a device tells matches, by the `maker` that it names, where it
/// names one.
#[must_use]
pub fn identify(maker: Option<&str>, number: &str) -> Option<&'static Model> {
    all().iter().find(|model| model.is_called(number) && maker.is_none_or(|maker| model.is_made_by(maker)))
}

impl Model {
    /// Whether what it measured can be got from it over the air: not where all of it lies in its memory, which only its maker's own
    /// conversation reads out. Its records are read where somebody has them.
    #[must_use]
    pub fn is_fetched(&self) -> bool {
        self.formats.iter().any(|format| format.uuid().is_some())
    }

    /// Whether `maker` is a name that this model's maker goes by, in any case.
    #[must_use]
    pub fn is_made_by(&self, maker: &str) -> bool {
        let maker = maker.trim().to_lowercase();
        self.makers.iter().any(|pattern| matches(pattern.to_lowercase().as_str(), &maker))
    }

    /// Whether `name` is this model's name or matches one of its patterns, in any case.
    #[must_use]
    pub fn is_called(&self, name: &str) -> bool {
        let name = name.trim().to_lowercase();
        self.name.to_lowercase() == name
            || self.patterns.iter().any(|pattern| matches(pattern.to_lowercase().as_str(), &name))
    }
}

/// Whether `text` is `pattern`, in which `*` stands for anything, nothing included.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut left) = text.strip_prefix(head) else {
        return false;
    };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let tail = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(at) = left.find(part) else {
            return false;
        };
        left = &left[at + part.len()..];
    }
    left.ends_with(tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// To add a spelling, add a row: names as the devices advertise them or as people write them.
    #[test]
    fn a_model_is_found_by_its_names() {
        let rows = [
            ("A&D UA-651BLE", Some("A&D UA-651BLE")),
            ("a&d_ua-651ble_000001", Some("A&D UA-651BLE")),
            ("A&D_UC-352BLE_000001", Some("A&D UC-352BLE")),
            ("UC-352BLE", Some("A&D UC-352BLE")),
            ("BM85", Some("Beurer BM85")),
            ("beurer bm85", Some("Beurer BM85")),
            ("Beurer BF720", Some("Beurer BF720")),
            ("Elite 900", Some("Elite 900")),
            ("Xiaomi Mi Scale 1", Some("Xiaomi Mi Scale 1")),
            ("MI_SCALE", Some("Xiaomi Mi Scale 1")),
            ("MI SCALE2", Some("Xiaomi Mi Scale 2")),
            ("MIBCS", Some("Xiaomi Mi Scale 2")),
            ("Medisana BS444", Some("Medisana BS444")),
            ("Medisana BS440", Some("Medisana BS440")),
            ("Medisana BS4xx", Some("Medisana BS444")),
            ("01257B5D1A3C", Some("Trisa Body Analyze")),
            ("Omron HEM-7xxx", Some("Omron HEM-7xxx")),
            ("HEM-7142T2", Some("Omron HEM-7xxx")),
            ("HEM-7600T-E", Some("Omron HEM-7600T")),
            ("FORA IR20", Some("FORA IR20")),
            ("ChoiceMMed", Some("ChoiceMMed")),
            ("Renpho ES-WBE28", Some("Renpho ES-WBE28")),
            (" BM85 ", Some("Beurer BM85")),
            ("Nobody 1", None),
            ("", None),
        ];
        for (name, expected) in rows {
            assert_eq!(find(name).map(|model| model.name), expected, "{name}");
        }
    }

    /// To add a spelling, add a row: manufacturer name and model number as the devices tell them (2A29, 2A24).
    #[test]
    fn a_model_is_identified_by_its_number_and_maker() {
        let rows = [
            (Some("A&D Medical"), "UA-651BLE", Some("A&D UA-651BLE")),
            (Some("A&D Company, Limited"), "UC-352BLE", Some("A&D UC-352BLE")),
            (None, "UC-352BLE", Some("A&D UC-352BLE")),
            (Some("Somebody else"), "UC-352BLE", None),
            (Some("OMRON HEALTHCARE"), "HEM-9200T", Some("Omron HEM-9xxx")),
            (Some("Beurer GmbH"), "BF720", Some("Beurer BF720")),
            (Some("Beurer GmbH"), "1", None),
        ];
        for (maker, number, expected) in rows {
            assert_eq!(identify(maker, number).map(|model| model.name), expected, "{maker:?} {number}");
        }
    }

    #[test]
    fn every_model_names_its_maker() {
        for model in all() {
            assert!(model.is_made_by(model.maker), "{}", model.name);
        }
    }

    #[test]
    fn every_model_is_found_by_its_own_name() {
        for model in all() {
            assert_eq!(find(model.name), Some(model));
        }
    }

    #[test]
    fn default_clocks_are_dates() {
        for model in all() {
            for date in model.default_clocks {
                assert!(date.parse::<jiff::civil::Date>().is_ok(), "{}: {date}", model.name);
            }
        }
    }

    #[test]
    fn a_star_stands_for_anything() {
        let rows = [
            ("a*c", "abc", true),
            ("a*c", "ac", true),
            ("a*c", "abd", false),
            ("*", "", true),
            ("a", "ab", false),
            ("ab*ba", "aba", false),
            ("*b*", "abc", true),
        ];
        for (pattern, text, expected) in rows {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
