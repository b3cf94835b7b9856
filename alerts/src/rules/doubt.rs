//! Readings in doubt: not this person's, impossible, doubted by the device itself, or of unknown time.
//!
//! The chart keeps them and trends leave them out. Nothing is deleted, and nobody else's name is put on them.
//!
//! **Opens** a `data_quality` case, routine, at a reading whose value is in doubt; the case's first message asks the patient.
//! Every further such reading joins. **Closes** by staff. The second of two weighings that agree is not in doubt, and the
//! first no longer is.
//!
//! **Invariant:** what a trend leaves out, a person is told.

use vitals::Quantity;

use super::{Case, Seen};
use crate::chart::Doubt;
use crate::finding::{Priority, Problem};
use crate::state::{FOLLOWED, Glance, SampleDoubt, Source, Verdict, Weights, seconds_between, utc_day};
use crate::words::{Bilingual, number};

pub(super) fn see(case: &Case<'_>) -> Option<Seen> {
    if !case.set_off(Glance::DOUBT) {
        return None;
    }
    let (quantity, value, doubt) = doubted(case)?;
    let limit = match doubt {
        Doubt::FarFromUsual { median_kg, .. } => Some(median_kg),
        Doubt::Impossible | Doubt::DeviceDoubts | Doubt::Time => None,
    };
    Some(Seen {
        problem: Problem::DataQuality,
        priority: Priority::Routine,
        rule: rule_name(&doubt),
        observed: Some(value),
        limit,
        unit: unit(quantity),
        text: text(quantity, value, &doubt),
        readings: vec![case.reading.id.clone()],
    })
}

/// The first value of the reading that is in doubt.
fn doubted(case: &Case<'_>) -> Option<(Quantity, f64, Doubt)> {
    let sample = &case.sample;
    FOLLOWED.iter().find_map(|quantity| {
        let value = sample.measured(*quantity)?;
        let doubt = if sample.is_impossible(*quantity, value) {
            Doubt::Impossible
        } else {
            match sample.doubt {
                Some(SampleDoubt::Device) => Doubt::DeviceDoubts,
                Some(SampleDoubt::Time) => Doubt::Time,
                None if *quantity == Quantity::WeightKg => far(case)?,
                None => return None,
            }
        };
        Some((*quantity, value, doubt))
    })
}

/// What the weighings up to this one say of it.
fn far(case: &Case<'_>) -> Option<Doubt> {
    let mut weights = Weights::default();
    let mut latest = None;
    let start = case.input.recent.iter().next()?.sample.at;
    for entry in case.input.recent.iter().take_while(|entry| entry.sample.at <= case.reading.at) {
        if entry.sample.source == Source::Discharge {
            weights = Weights::default();
        }
        if let Some(kg) = entry.sample.usable(Quantity::WeightKg) {
            let verdict =
                weights.take(seconds_between(start, entry.sample.at), utc_day(entry.sample.at), kg, |_| ());
            if entry.name.to_id().as_ref() == Some(&case.reading.id) {
                latest = Some(verdict);
            }
        }
    }
    match latest? {
        Verdict::Usable => None,
        Verdict::Far { median_kg, other_unit_kg } => Some(Doubt::FarFromUsual { median_kg, other_unit_kg }),
    }
}

const fn rule_name(doubt: &Doubt) -> &'static str {
    match doubt {
        Doubt::Impossible => "impossible_value",
        Doubt::DeviceDoubts => "device_doubts_value",
        Doubt::Time => "time_unknown",
        Doubt::FarFromUsual { other_unit_kg: None, .. } => "weight_far_from_usual",
        Doubt::FarFromUsual { other_unit_kg: Some(_), .. } => "weight_in_other_unit",
    }
}

fn text(quantity: Quantity, observed: f64, doubt: &Doubt) -> Bilingual {
    let value = number(observed, 1);
    let unit = unit(quantity);
    match doubt {
        Doubt::Impossible => Bilingual::of(
            format!("{} {unit} är inget möjligt värde; används inte", value.sv),
            format!("{} {unit} is no possible value; not used", value.en),
        ),
        Doubt::DeviceDoubts => Bilingual::of(
            format!("apparaten tvivlar själv på {} {unit}; används inte", value.sv),
            format!("the device itself doubts {} {unit}; not used", value.en),
        ),
        Doubt::Time => Bilingual::of(
            format!("{} {unit}: när det mättes är osäkert, används inte i trender", value.sv),
            format!("{} {unit}: when it was measured is uncertain, not used in trends", value.en),
        ),
        Doubt::FarFromUsual { median_kg, other_unit_kg } => far_text(observed, *median_kg, *other_unit_kg),
    }
}

fn far_text(kg: f64, median_kg: f64, other_unit_kg: Option<f64>) -> Bilingual {
    let (kg_text, median) = (number(kg, 1), number(median_kg, 1));
    let mut text = Bilingual::of(
        format!("{} kg mot {} kg senaste veckan; var det du som vägde dig?", kg_text.sv, median.sv),
        format!("{} kg against {} kg of late; was it you on the scale?", kg_text.en, median.en),
    );
    if let Some(other_kg) = other_unit_kg {
        let other = number(other_kg, 1);
        let (sv, en) = if kg > median_kg { ("pund", "pounds") } else { ("fel enhet", "the wrong unit") };
        text.sv.push_str(&format!(" Vågen kan visa {sv}: det vore {} kg.", other.sv));
        text.en.push_str(&format!(" The scale may show {en}: that would be {} kg.", other.en));
    }
    text
}

const fn unit(quantity: Quantity) -> &'static str {
    match quantity {
        Quantity::WeightKg
        | Quantity::MuscleMassKg
        | Quantity::LeanMassKg
        | Quantity::SoftLeanMassKg
        | Quantity::WaterMassKg
        | Quantity::BoneKg => "kg",
        Quantity::SystolicMmhg | Quantity::DiastolicMmhg | Quantity::MeanArterialMmhg => "mmHg",
        Quantity::PulsePerMin => "/min",
        Quantity::Spo2Percent
        | Quantity::FatPercent
        | Quantity::MusclePercent
        | Quantity::WaterPercent
        | Quantity::PerfusionPercent => "%",
        Quantity::BmiKgPerM2 => "kg/m2",
        Quantity::HeightM => "m",
        Quantity::BasalMetabolismKj => "kJ",
        Quantity::ImpedanceOhm => "ohm",
        Quantity::TemperatureCelsius => "Cel",
        Quantity::RrIntervalS => "s",
    }
}
