//! Readings in doubt: not this person's, impossible, doubted by the device itself, or of unknown time.
//!
//! The chart keeps them and trends leave them out. Nothing is deleted, and nobody else's name is put on them.
//!
//! **Opens** a `data_quality` case, routine, at a reading whose value is in doubt; the case's first message asks the patient.
//! Every further such reading joins. **Closes** by staff. The second of two weighings that agree is not in doubt, and the
//! first no longer is.
//!
//! **Invariant:** what a trend leaves out, a person is told.

use vitals::{Quantity, Reading};

use super::{Case, Seen};
use crate::chart::{Chart, Doubt, Point, Series};
use crate::finding::{Priority, Problem};
use crate::words::{Bilingual, number};

pub(super) fn see(case: &Case<'_>) -> Option<Seen> {
    let (quantity, point) = doubted(case.input.chart, case.reading)?;
    let doubt = point.doubt?;
    let limit = match doubt {
        Doubt::FarFromUsual { median_kg, .. } => Some(median_kg),
        Doubt::Impossible | Doubt::DeviceDoubts | Doubt::Time => None,
    };
    Some(Seen {
        problem: Problem::DataQuality,
        priority: Priority::Routine,
        rule: rule_name(&doubt),
        observed: Some(point.value),
        limit,
        unit: unit(quantity),
        text: text(quantity, point, &doubt),
        readings: vec![point.id.clone()],
    })
}

/// The first value of the reading that is in doubt.
fn doubted<'a>(chart: &'a Chart, reading: &Reading) -> Option<(Quantity, &'a Point)> {
    let followed: [(Quantity, &Series); 5] = [
        (Quantity::WeightKg, chart.weight()),
        (Quantity::SystolicMmhg, chart.systolic()),
        (Quantity::DiastolicMmhg, chart.diastolic()),
        (Quantity::PulsePerMin, chart.pulse()),
        (Quantity::Spo2Percent, chart.spo2()),
    ];
    followed
        .into_iter()
        .filter_map(|(quantity, series)| Some((quantity, series.of(reading)?)))
        .find(|(_, point)| point.doubt.is_some())
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

fn text(quantity: Quantity, point: &Point, doubt: &Doubt) -> Bilingual {
    let value = number(point.value, 1);
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
        Doubt::FarFromUsual { median_kg, other_unit_kg } => far_text(point.value, *median_kg, *other_unit_kg),
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
