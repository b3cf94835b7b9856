//! Readings in words: what, how it ended, how far its time can be trusted, what the device said beside it.
//!
//! **Invariant:** every kind, quantity, outcome, clock class and flag has its words in both languages; a test asks for each.

use alerts::chart::Doubt;
use vitals::{AbsentReason, ClockClass, Content, Flag, Kind, Outcome, Quantity, Timestamp};

use crate::chart::{Mark, Svg, in_words, swatch};
use crate::patient_view::{Record, leading_quantity};
use crate::readings::Recorded;
use crate::web::format::{THIN, decimal, moment};
use crate::web::text::Text;

/// One line of the table of readings.
#[derive(Clone, Debug)]
pub(crate) struct ReadingRow {
    /// The reading.
    pub(crate) id: String,
    /// When it was measured.
    pub(crate) when: String,
    /// What.
    pub(crate) kind: String,
    /// Its values, the leading ones first.
    pub(crate) values: String,
    /// Its shape.
    pub(crate) shape: Svg,
    /// How it came to be or ended, where that is not the ordinary.
    pub(crate) notes: Vec<String>,
    /// How far its time can be trusted.
    pub(crate) clock: String,
    /// When it arrived, where that was late.
    pub(crate) late: Option<String>,
    /// The device's model or address, or who answered.
    pub(crate) from: String,
}

/// A reading of `record` as a line.
pub(crate) fn row(record: &Record, recorded: &Recorded, now: Timestamp, text: Text) -> ReadingRow {
    let reading = &recorded.reading;
    let quantity = match &reading.content {
        Content::Vitals { kind, .. } => leading_quantity(*kind),
        Content::Symptoms(_) => None,
    };
    let mark = match (&reading.content, quantity) {
        (Content::Symptoms(_), _) => Mark::Manual,
        (Content::Vitals { .. }, quantity) => record.mark(recorded, quantity.unwrap_or(Quantity::WeightKg)),
    };
    let doubt = quantity.and_then(|quantity| record.doubt(&reading.id, quantity));
    let mut notes = Vec::new();
    if let Content::Vitals { outcome, flags, .. } = &reading.content {
        notes.extend((*outcome != Outcome::Measured).then(|| outcome_word(*outcome, text)));
        notes.extend(doubt.map(|one| format!("{}: {}", text.t("mark-unassessed"), self::doubt(one, text))));
        notes.extend(flags.iter().map(|flag| flag_word(*flag, text)));
    }
    ReadingRow {
        id: reading.id.to_string(),
        when: moment(reading.at, now, text),
        kind: content_word(&reading.content, text),
        values: values(&reading.content, text),
        shape: swatch(mark),
        notes,
        clock: clock_of(recorded, text),
        late: (mark == Mark::Late).then(|| {
            text.with("reading-arrived", &[("when", moment(reading.received_at, now, text).into())])
        }),
        from: from(recorded, text),
    }
}

fn from(recorded: &Recorded, text: Text) -> String {
    match (&recorded.origin, &recorded.author) {
        (Some(origin), _) => origin.model.clone().unwrap_or_else(|| origin.device.clone()),
        (None, Some((kind, _))) => text.t(match kind.as_str() {
            "patient" => "by-patient",
            "proxy" => "by-proxy",
            _ => "by-staff",
        }),
        (None, None) => String::new(),
    }
}

fn clock_of(recorded: &Recorded, text: Text) -> String {
    match &recorded.reading.content {
        Content::Vitals { clock, .. } => {
            clock_word(*clock, recorded.origin.as_ref().and_then(|origin| origin.clock_offset_s), text)
        }
        Content::Symptoms(_) => String::new(),
    }
}

/// Kind or form, as a word.
pub(crate) fn content_word(content: &Content, text: Text) -> String {
    match content {
        Content::Vitals { kind, .. } => kind_word(*kind, text),
        Content::Symptoms(_) => text.t("kind-symptoms"),
    }
}

/// The values that a reader looks for, with their units.
pub(crate) fn values(content: &Content, text: Text) -> String {
    match content {
        Content::Symptoms(answers) => in_words(answers, text),
        Content::Vitals { kind, values, .. } => {
            let pressure = (values.get(Quantity::SystolicMmhg), values.get(Quantity::DiastolicMmhg));
            let mut words = Vec::new();
            if let (Some(systolic), Some(diastolic)) = pressure {
                words.push(format!("{systolic:.0}/{diastolic:.0}{THIN}mmHg"));
            }
            let told = |quantity: &Quantity| {
                !matches!(
                    (quantity, pressure),
                    (Quantity::SystolicMmhg | Quantity::DiastolicMmhg, (Some(_), Some(_)))
                )
            };
            let short = leading_quantity(*kind).is_some();
            let kept = |quantity: &Quantity| told(quantity) && (!short || is_leading(*quantity));
            words.extend(
                values
                    .iter()
                    .filter(|(quantity, _)| kept(quantity))
                    .map(|(quantity, value)| with_unit(quantity, value, text)),
            );
            words.join(", ")
        }
    }
}

/// Whether a quantity belongs in a line; the others stand on the reading's own page.
const fn is_leading(quantity: Quantity) -> bool {
    matches!(
        quantity,
        Quantity::WeightKg
            | Quantity::SystolicMmhg
            | Quantity::DiastolicMmhg
            | Quantity::PulsePerMin
            | Quantity::Spo2Percent
            | Quantity::TemperatureCelsius
    )
}

/// `80,6 kg`, `puls 71 slag/min`.
pub(crate) fn with_unit(quantity: Quantity, value: f64, text: Text) -> String {
    let (decimals, unit) = unit_of(quantity);
    let number = decimal(value, decimals, text.0);
    let unit = if quantity == Quantity::PulsePerMin { text.t("unit-beats") } else { unit.to_owned() };
    let space = if unit.is_empty() { String::new() } else { format!("{THIN}{unit}") };
    match quantity {
        Quantity::PulsePerMin => format!("{} {number}{space}", text.t("word-pulse")),
        Quantity::WeightKg
        | Quantity::BmiKgPerM2
        | Quantity::HeightM
        | Quantity::FatPercent
        | Quantity::MusclePercent
        | Quantity::MuscleMassKg
        | Quantity::LeanMassKg
        | Quantity::SoftLeanMassKg
        | Quantity::WaterMassKg
        | Quantity::WaterPercent
        | Quantity::BoneKg
        | Quantity::BasalMetabolismKj
        | Quantity::ImpedanceOhm
        | Quantity::SystolicMmhg
        | Quantity::DiastolicMmhg
        | Quantity::MeanArterialMmhg
        | Quantity::Spo2Percent
        | Quantity::PerfusionPercent
        | Quantity::TemperatureCelsius
        | Quantity::RrIntervalS => format!("{number}{space}"),
    }
}

/// Decimals that devices resolve, and the unit's sign.
const fn unit_of(quantity: Quantity) -> (usize, &'static str) {
    match quantity {
        Quantity::WeightKg
        | Quantity::MuscleMassKg
        | Quantity::LeanMassKg
        | Quantity::SoftLeanMassKg
        | Quantity::WaterMassKg
        | Quantity::BoneKg => (1, "kg"),
        Quantity::BmiKgPerM2 => (1, "kg/m²"),
        Quantity::HeightM => (2, "m"),
        Quantity::FatPercent
        | Quantity::MusclePercent
        | Quantity::WaterPercent
        | Quantity::PerfusionPercent => (1, "%"),
        Quantity::Spo2Percent => (0, "%"),
        Quantity::BasalMetabolismKj => (0, "kJ"),
        Quantity::ImpedanceOhm => (0, "Ω"),
        Quantity::SystolicMmhg | Quantity::DiastolicMmhg | Quantity::MeanArterialMmhg => (0, "mmHg"),
        Quantity::PulsePerMin => (0, ""),
        Quantity::TemperatureCelsius => (1, "°C"),
        Quantity::RrIntervalS => (3, "s"),
    }
}

fn dashed(key: &str) -> String {
    key.replace('_', "-")
}

/// A kind, as a word.
pub(crate) fn kind_word(kind: Kind, text: Text) -> String {
    text.t(&format!("kind-{}", dashed(kind.key())))
}

/// A quantity, as a word.
pub(crate) fn quantity_word(quantity: Quantity, text: Text) -> String {
    text.t(&format!("quantity-{}", dashed(quantity.key())))
}

/// How a measurement ended, in words.
pub(crate) fn outcome_word(outcome: Outcome, text: Text) -> String {
    text.t(&format!("outcome-{}", outcome.key()))
}

/// What a device said, in words.
pub(crate) fn flag_word(flag: Flag, text: Text) -> String {
    text.t(&format!("flag-{}", dashed(flag.key())))
}

/// Why a value is missing, in words.
pub(crate) fn absent_word(absent: AbsentReason, text: Text) -> String {
    text.t(&format!("absent-{}", dashed(absent.key())))
}

/// How far the time can be trusted, in words.
pub(crate) fn clock_word(clock: ClockClass, offset_s: Option<i64>, text: Text) -> String {
    let words = text.t(&format!("clock-{}", dashed(clock.key())));
    match offset_s {
        Some(offset) if clock == ClockClass::OffsetCorrected => format!("{words} ({})", span(offset)),
        Some(_) | None => words,
    }
}

/// `+1 h 0 min 5 s`, as short as it can be said.
pub(crate) fn span(seconds: i64) -> String {
    let sign = if seconds < 0 { '\u{2212}' } else { '+' };
    let all = seconds.unsigned_abs();
    let parts = [(all / 86_400, "d"), (all / 3_600 % 24, "h"), (all / 60 % 60, "min"), (all % 60, "s")];
    let words: Vec<String> = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| format!("{count}{THIN}{unit}"))
        .collect();
    if words.is_empty() { format!("0{THIN}s") } else { format!("{sign}{}", words.join(" ")) }
}

/// Why a reading was set aside, in a word or two.
pub(crate) fn doubt(doubt: Doubt, text: Text) -> String {
    text.t(match doubt {
        Doubt::Impossible => "doubt-impossible",
        Doubt::DeviceDoubts => "doubt-device",
        Doubt::Time => "doubt-time",
        Doubt::FarFromUsual { other_unit_kg: Some(_), .. } => "doubt-unit",
        Doubt::FarFromUsual { other_unit_kg: None, .. } => "doubt-who",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::Language;

    #[test]
    fn everything_a_device_can_say_has_words() {
        for text in [Text(Language::Sv), Text(Language::En)] {
            let mut words: Vec<String> = Vec::new();
            words.extend(Kind::ALL.iter().map(|one| kind_word(*one, text)));
            words.extend(Quantity::ALL.iter().map(|one| quantity_word(*one, text)));
            words.extend(Outcome::ALL.iter().map(|one| outcome_word(*one, text)));
            words.extend(Flag::ALL.iter().map(|one| flag_word(*one, text)));
            words.extend(AbsentReason::ALL.iter().map(|one| absent_word(*one, text)));
            words.extend(ClockClass::ALL.iter().map(|one| clock_word(*one, None, text)));
            let missing: Vec<&String> = words.iter().filter(|word| word.starts_with('[')).collect();
            assert!(missing.is_empty(), "{missing:?}");
        }
    }

    #[test]
    fn spans_are_as_worked_by_hand() {
        let rows = [
            (0, "0\u{202f}s"),
            (-3600, "\u{2212}1\u{202f}h"),
            (90_061, "+1\u{202f}d 1\u{202f}h 1\u{202f}min 1\u{202f}s"),
            (i64::MIN, "\u{2212}106751991167300\u{202f}d 15\u{202f}h 30\u{202f}min 8\u{202f}s"),
        ];
        for (seconds, words) in rows {
            assert_eq!(span(seconds), words);
        }
    }
}
