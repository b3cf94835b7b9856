//! A word on each reading, in the moment it arrives.
//!
//! **Invariant:** it never says that a value is good: only that it is as usual, or that it was received.

use vitals::{Content, Kind, Outcome, Quantity, Reading};

use crate::chart::{Chart, Doubt};
use crate::policy::Policy;
use crate::rules::asks_for_repeat;
use crate::words::{Bilingual, number};

/// Plain words for a reading that the chart already holds.
#[must_use]
pub fn feedback(reading: &Reading, chart: &Chart, policy: &Policy) -> Bilingual {
    let Content::Vitals { kind, outcome, .. } = &reading.content else {
        return Bilingual::of("Tack för dina svar.", "Thank you for your answers.");
    };
    match outcome {
        Outcome::Failed => Bilingual::of(
            "Mätningen lyckades inte. Vila en stund och försök igen.",
            "The measurement did not succeed. Rest for a while and try again.",
        ),
        Outcome::Unstable | Outcome::Stub => {
            Bilingual::of("Vågen har inte visat klart än.", "The measurement is not finished yet.")
        }
        Outcome::Measured => measured(reading, *kind, chart, policy),
    }
}

fn measured(reading: &Reading, kind: Kind, chart: &Chart, policy: &Policy) -> Bilingual {
    let mut text = match kind {
        Kind::Weight | Kind::BodyComposition => weight(reading, chart, policy),
        Kind::BloodPressure => pressure(reading),
        Kind::PulseOximetry => oxygen(reading),
        Kind::CuffPressure | Kind::Temperature | Kind::HeartRate | Kind::Clock => received(),
    };
    if asks_for_repeat(reading, chart, policy) {
        text.sv.push_str(" Vila fem minuter och mät gärna en gång till.");
        text.en.push_str(" Rest for five minutes and please measure once more.");
    }
    text
}

fn received() -> Bilingual {
    Bilingual::of("Tack! Värdet har kommit fram.", "Thank you! The value has arrived.")
}

fn weight(reading: &Reading, chart: &Chart, policy: &Policy) -> Bilingual {
    let Some(kg) = reading.measured(Quantity::WeightKg) else { return received() };
    let shown = number(kg, 1);
    let doubt = chart.weight().of(reading).and_then(|point| point.doubt);
    match doubt {
        Some(Doubt::FarFromUsual { .. } | Doubt::Impossible) => {
            return Bilingual::of(
                format!(
                    "Vågen visade {} kg, och det skiljer sig mycket från ditt vanliga. Var det du? Väg dig gärna en gång till inom tio minuter.",
                    shown.sv
                ),
                format!(
                    "The scale showed {} kg, which is far from your usual. Was it you? Please weigh yourself once more within ten minutes.",
                    shown.en
                ),
            );
        }
        Some(Doubt::DeviceDoubts | Doubt::Time) | None => {}
    }
    let thanks = Bilingual::of(format!("Tack! {} kg.", shown.sv), format!("Thank you! {} kg.", shown.en));
    let Some(band) = chart.usual_weight(policy) else { return thanks };
    let over = number((kg - band.usual_kg).abs(), 1);
    let (sv, en) = if kg > band.high_kg {
        (format!("Det är {} kg mer än vanligt.", over.sv), format!("That is {} kg more than usual.", over.en))
    } else if kg < band.low_kg {
        (
            format!("Det är {} kg mindre än vanligt.", over.sv),
            format!("That is {} kg less than usual.", over.en),
        )
    } else {
        ("Det är som vanligt för dig.".to_owned(), "That is as usual for you.".to_owned())
    };
    Bilingual::of(format!("{} {sv}", thanks.sv), format!("{} {en}", thanks.en))
}

fn pressure(reading: &Reading) -> Bilingual {
    let value = |quantity| reading.measured(quantity).map(|value| number(value, 0));
    let (Some(systolic), Some(diastolic)) = (value(Quantity::SystolicMmhg), value(Quantity::DiastolicMmhg))
    else {
        return received();
    };
    let mut text = Bilingual::of(
        format!("Tack! Blodtryck {} över {}", systolic.sv, diastolic.sv),
        format!("Thank you! Blood pressure {} over {}", systolic.en, diastolic.en),
    );
    if let Some(pulse) = value(Quantity::PulsePerMin) {
        text.sv.push_str(&format!(", puls {}", pulse.sv));
        text.en.push_str(&format!(", pulse {}", pulse.en));
    }
    Bilingual::of(format!("{}.", text.sv), format!("{}.", text.en))
}

fn oxygen(reading: &Reading) -> Bilingual {
    reading.measured(Quantity::Spo2Percent).map_or_else(received, |percent| {
        let shown = number(percent, 0);
        Bilingual::of(
            format!("Tack! Syremättnad {} procent.", shown.sv),
            format!("Thank you! Oxygen saturation {} percent.", shown.en),
        )
    })
}
