//! A word on each reading, in the moment it arrives. The value itself stands beside it on the page and is not said again.
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
    let repeats = asks_for_repeat(reading, chart, policy);
    let mut text = match kind {
        Kind::Weight | Kind::BodyComposition => weight(reading, chart, policy),
        // What is usual for somebody may still be too much: then it is not called usual.
        Kind::BloodPressure if !repeats => pressure(reading, chart, policy),
        Kind::BloodPressure
        | Kind::PulseOximetry
        | Kind::CuffPressure
        | Kind::Temperature
        | Kind::HeartRate
        | Kind::Clock => received(),
    };
    if repeats {
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
    let Some(band) = chart.usual_weight(policy) else { return received() };
    let over = number((kg - band.usual_kg).abs(), 1);
    let (sv, en) = if kg > band.high_kg {
        (format!("Det är {} kg mer än vanligt.", over.sv), format!("That is {} kg more than usual.", over.en))
    } else if kg < band.low_kg {
        (
            format!("Det är {} kg mindre än vanligt.", over.sv),
            format!("That is {} kg less than usual.", over.en),
        )
    } else {
        return as_usual();
    };
    Bilingual::of(format!("Tack! {sv}"), format!("Thank you! {en}"))
}

fn as_usual() -> Bilingual {
    Bilingual::of("Tack! Det är som vanligt för dig.", "Thank you! That is as usual for you.")
}

/// How far back a pressure's usual is looked for, days, and how many there must be.
const USUAL_DAYS: i64 = 42;
const USUAL_READINGS_MIN: usize = 5;

/// A systolic pressure no further from the median of those before than the policy's margin is as usual.
fn pressure(reading: &Reading, chart: &Chart, policy: &Policy) -> Bilingual {
    let systolic = reading.measured(Quantity::SystolicMmhg);
    let margin = policy.rules().blood_pressure.and_then(|rule| rule.usual_margin_mmhg);
    let (Some(systolic), Some(margin)) = (systolic, margin) else { return received() };
    let since = reading.at.plus_days(-USUAL_DAYS);
    let before = chart.systolic().trusted().filter(|point| point.at >= since && point.at < reading.at);
    let mut before: Vec<f64> = before.map(|point| point.value).collect();
    before.sort_by(f64::total_cmp);
    match before.get(before.len() / 2) {
        Some(usual) if before.len() >= USUAL_READINGS_MIN && (systolic - usual).abs() < margin => as_usual(),
        Some(_) | None => received(),
    }
}
