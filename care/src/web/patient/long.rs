//! Charts over months and years, from a day's or a week's extremes, and where they were read.

use vitals::{PatientId, Quantity, Timestamp};

use super::charts::{Charts, Drawn, Table, both, legend_of, markers};
use super::rows;
use crate::chart::{
    Answer, Mark, Point, Pressure, PressureChart, PulseChart, SymptomChart, WeightChart, axis, in_words,
};
use crate::patient_view::{self, LongRecord, Reach, extremes, worst};
use crate::people::Medication;
use crate::series::{Behind, Day, From, StoreReason, Summary};
use crate::store::StoreError;
use crate::web::AppState;
use crate::web::format::{day_month, decimal};
use crate::web::text::Text;
use crate::web::visit::Visit;

/// Where a chart was read, in words, and whether that is worth a look.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// The words.
    pub(crate) words: String,
    /// Whether something does not work as it should.
    pub(crate) wrong: bool,
}

impl Source {
    /// In words.
    pub(crate) fn of(from: From, text: Text) -> Self {
        let (words, wrong) = match from {
            From::Copy(Behind { readings: 0 }) => (text.t("long-copy-whole"), false),
            From::Copy(Behind { readings }) => (text.count("long-copy-behind", readings), false),
            From::Store(StoreReason::NoCopy) => (text.t("long-store"), false),
            From::Store(StoreReason::Silent) => (text.t("long-store-silent"), true),
            From::Store(StoreReason::Differs) => (text.t("long-store-differs"), true),
        };
        Self { words, wrong }
    }
}

/// The charts of `patient` as far as `reach`, when the last value was measured, and over how many days; nothing without a reach.
///
/// # Errors
/// [`StoreError`] of the database.
pub(super) async fn drawn(
    state: &AppState,
    visit: &Visit,
    patient: &PatientId,
    reach: Option<Reach>,
    medicines: &[Medication],
) -> Result<Option<(Charts, Option<Timestamp>, u16)>, StoreError> {
    let Some(reach) = reach else { return Ok(None) };
    let long = patient_view::long_record(&state.store, &state.series, patient, reach, visit.now).await?;
    Ok(Some((charts(&long, medicines, visit.text), long.last_at, long.days.count())))
}

/// The charts of `record` and their tables.
fn charts(record: &LongRecord, medicines: &[Medication], text: Text) -> Charts {
    let (days, with_days) = (record.days, false);
    let weights: Vec<Point> = record
        .weights
        .iter()
        .map(|one| Point {
            at: one.at,
            value: Some(one.value),
            mark: if one.doubt.is_some() { Mark::Unassessed } else { Mark::Measured },
            // Over a long time the shape says it, the table says why.
            word: None,
        })
        .collect();
    let pressures: Vec<Pressure> = record.buckets.iter().filter_map(pressure).collect();
    let pulses: Vec<Point> = record.buckets.iter().flat_map(pulse).collect();
    let answers: Vec<Answer> = record.buckets.iter().filter_map(worst).collect();
    let markers = markers(medicines, text);
    let weight = WeightChart {
        days,
        points: &weights,
        trend: &record.trend,
        band: record.band,
        markers: &markers,
        title: text.t("chart-weight"),
        with_days,
    };
    let pressure_chart =
        PressureChart { days, points: &pressures, title: text.t("chart-pressure"), with_days };
    let pulse_chart = PulseChart { days, points: &pulses, title: text.t("chart-pulse"), with_days };
    let symptoms = SymptomChart { days, answers: &answers, title: text.t("chart-symptoms"), with_days };
    let drawn: Vec<Drawn> = vec![
        both(&|paper| weight.draw(paper, text)),
        both(&|paper| pressure_chart.draw(paper, text)),
        both(&|paper| pulse_chart.draw(paper, text)),
        both(&|paper| symptoms.draw(paper, text)),
        both(&|paper| axis(days, paper, text)),
    ];
    let marks = weights.iter().map(|point| point.mark).collect();
    Charts {
        drawn,
        legend: legend_of(&marks, text),
        tables: tables(record, text),
        how: text.t("long-column-count"),
        note: Some(text.t(if record.weekly { "long-weeks" } else { "long-days" })),
        source: Some(Source::of(record.from, text)),
    }
}

/// From the lowest diastolic to the highest systolic.
fn pressure(bucket: &Day) -> Option<Pressure> {
    let (systolic, diastolic) = (bucket.get(Quantity::SystolicMmhg)?, bucket.get(Quantity::DiastolicMmhg));
    Some(Pressure {
        at: systolic.last_at,
        systolic: Some(systolic.max),
        diastolic: diastolic.map(|one| one.min),
        mark: Mark::Measured,
    })
}

fn pulse(bucket: &Day) -> Vec<Point> {
    let points = bucket.get(Quantity::PulsePerMin).into_iter().flat_map(extremes);
    points.map(|(at, value)| Point { at, value: Some(value), mark: Mark::Measured, word: None }).collect()
}

fn tables(record: &LongRecord, text: Text) -> Vec<Table> {
    let when = |bucket: &Day| {
        let day = format!("{} {}", day_month(bucket.date, text.0), bucket.date.year());
        if record.weekly { text.with("long-week-of", &[("day", day.into())]) } else { day }
    };
    let row = |bucket: &Day, quantity: Quantity, decimals: usize| {
        let one = bucket.get(quantity)?;
        let doubt = record.weights.iter().filter(|_| quantity == Quantity::WeightKg).find_map(|standing| {
            let within = one.first_at <= standing.at && standing.at <= one.last_at;
            standing.doubt.filter(|_| within)
        });
        let mut how = text.count("long-count", i64::from(one.count));
        if let Some(doubt) = doubt {
            how = format!("{how}. {}: {}", text.t(Mark::Unassessed.word_key()), rows::doubt(doubt, text));
        }
        Some([when(bucket), range(one, decimals, text), how])
    };
    let pressure = |bucket: &Day| {
        let (systolic, diastolic) =
            (bucket.get(Quantity::SystolicMmhg)?, bucket.get(Quantity::DiastolicMmhg));
        let lower = diastolic.map_or_else(String::new, |one| format!(" / {}", range(one, 0, text)));
        let count = text.count("long-count", i64::from(systolic.count));
        Some([when(bucket), format!("{}{lower}", range(systolic, 0, text)), count])
    };
    let symptoms =
        |bucket: &Day| Some([when(bucket), in_words(&worst(bucket)?.answers, text), String::new()]);
    let newest = || record.buckets.iter().rev();
    let table = |key: &str, rows: Vec<[String; 3]>| Table { caption: text.t(key), rows };
    vec![
        table("chart-weight", newest().filter_map(|day| row(day, Quantity::WeightKg, 1)).collect()),
        table("chart-pressure", newest().filter_map(pressure).collect()),
        table("chart-pulse", newest().filter_map(|day| row(day, Quantity::PulsePerMin, 0)).collect()),
        table("chart-symptoms", newest().filter_map(symptoms).collect()),
    ]
}

/// `79,6`, or `79,6–80,4 (medel 80,0)`.
fn range(one: Summary, decimals: usize, text: Text) -> String {
    let number = |value: f64| decimal(value, decimals, text.0);
    if number(one.min) == number(one.max) {
        return number(one.mean);
    }
    let values: [(&str, fluent::FluentValue<'_>); 3] = [
        ("low", number(one.min).into()),
        ("high", number(one.max).into()),
        ("mean", number(one.mean).into()),
    ];
    text.with("long-range", &values)
}
