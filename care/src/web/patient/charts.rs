//! From a record to its charts and their tables.

use vitals::{Content, Kind, Outcome, Quantity};

use crate::chart::{
    Answer, Mark, Marker, Paper, Point, Pressure, PressureChart, PulseChart, Svg, SymptomChart, WeightChart,
    axis, in_words, swatch,
};
use crate::patient_view::{Change, Record, amount, medicine_changes};
use crate::people::Medication;
use crate::readings::Recorded;
use crate::web::format::{decimal, moment};
use crate::web::text::Text;
use vitals::Timestamp;

use super::long::Source;
use super::rows;

/// One chart, drawn for a wide and for a narrow page.
#[derive(Clone, Debug)]
pub(crate) struct Drawn {
    /// For a wide page and print.
    pub(crate) wide: Svg,
    /// For a phone.
    pub(crate) narrow: Svg,
}

/// One chart's values as a table.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    /// What it holds.
    pub(crate) caption: String,
    /// When, value, how it came to be.
    pub(crate) rows: Vec<[String; 3]>,
}

/// A mark and its word.
#[derive(Clone, Debug)]
pub(crate) struct LegendEntry {
    /// The shape.
    pub(crate) shape: Svg,
    /// The word.
    pub(crate) word: String,
}

/// What the card of charts shows.
#[derive(Clone, Debug)]
pub(crate) struct Charts {
    /// Weight, pressure, pulse, symptoms and the days, from above.
    pub(crate) drawn: Vec<Drawn>,
    /// The shapes that occur.
    pub(crate) legend: Vec<LegendEntry>,
    /// The same values as tables.
    pub(crate) tables: Vec<Table>,
    /// What stands over the last column of those.
    pub(crate) how: String,
    /// What a mark stands for, where that is not a reading.
    pub(crate) note: Option<String>,
    /// Where the values were read, over a long time.
    pub(crate) source: Option<Source>,
}

/// The series behind the charts.
pub(crate) struct SeriesOf {
    pub(crate) weights: Vec<Point>,
    pub(crate) pressures: Vec<Pressure>,
    pub(crate) pulses: Vec<Point>,
    pub(crate) answers: Vec<Answer>,
}

impl SeriesOf {
    /// The series of `record`, in the words of `text`.
    pub(crate) fn record(record: &Record, text: Text) -> Self {
        let mut series =
            Self { weights: Vec::new(), pressures: Vec::new(), pulses: Vec::new(), answers: Vec::new() };
        for recorded in &record.readings {
            series.take(record, recorded, text);
        }
        series
    }

    fn take(&mut self, record: &Record, recorded: &Recorded, text: Text) {
        let at = recorded.reading.at;
        match &recorded.reading.content {
            Content::Symptoms(answers) => self.answers.push(Answer { at, answers: answers.clone() }),
            Content::Vitals { outcome: Outcome::Unstable | Outcome::Stub, .. } => {}
            Content::Vitals { kind, outcome, .. } => match kind {
                Kind::Weight | Kind::BodyComposition => {
                    self.weights.extend(point(record, recorded, Quantity::WeightKg, *outcome, text));
                }
                Kind::BloodPressure => {
                    self.pressures.push(pressure(record, recorded));
                    self.pulses.extend(point(
                        record,
                        recorded,
                        Quantity::PulsePerMin,
                        Outcome::Measured,
                        text,
                    ));
                }
                Kind::PulseOximetry | Kind::HeartRate => {
                    self.pulses.extend(point(
                        record,
                        recorded,
                        Quantity::PulsePerMin,
                        Outcome::Measured,
                        text,
                    ));
                }
                Kind::CuffPressure | Kind::Temperature | Kind::Clock => {}
            },
        }
    }
}

/// The point of `quantity`; a failed attempt is a point without a value, a reading without the quantity none.
fn point(
    record: &Record,
    recorded: &Recorded,
    quantity: Quantity,
    outcome: Outcome,
    text: Text,
) -> Option<Point> {
    let value = recorded.reading.measured(quantity);
    if value.is_none() && outcome != Outcome::Failed {
        return None;
    }
    let word = record.doubt(&recorded.reading.id, quantity).map(|doubt| rows::doubt(doubt, text));
    Some(Point { at: recorded.reading.at, value, mark: record.mark(recorded, quantity), word })
}

fn pressure(record: &Record, recorded: &Recorded) -> Pressure {
    Pressure {
        at: recorded.reading.at,
        systolic: recorded.reading.measured(Quantity::SystolicMmhg),
        diastolic: recorded.reading.measured(Quantity::DiastolicMmhg),
        mark: record.mark(recorded, Quantity::SystolicMmhg),
    }
}

/// The charts of `record` and their tables.
pub(crate) fn charts(record: &Record, medicines: &[Medication], now: Timestamp, text: Text) -> Charts {
    let series = SeriesOf::record(record, text);
    let markers = markers(medicines, text);
    let weight = WeightChart {
        days: record.days,
        points: &series.weights,
        trend: &record.trend,
        band: record.band,
        markers: &markers,
        title: text.t("chart-weight"),
        with_days: false,
    };
    let (days, with_days) = (record.days, false);
    let pressure =
        PressureChart { days, points: &series.pressures, title: text.t("chart-pressure"), with_days };
    let pulse = PulseChart { days, points: &series.pulses, title: text.t("chart-pulse"), with_days };
    let symptoms =
        SymptomChart { days, answers: &series.answers, title: text.t("chart-symptoms"), with_days };
    Charts {
        drawn: vec![
            both(&|paper| weight.draw(paper, text)),
            both(&|paper| pressure.draw(paper, text)),
            both(&|paper| pulse.draw(paper, text)),
            both(&|paper| symptoms.draw(paper, text)),
            both(&|paper| axis(days, paper, text)),
        ],
        legend: legend(&series, text),
        tables: tables(&series, now, text),
        how: text.t("column-how"),
        note: None,
        source: None,
    }
}

/// One chart for both widths of a staff page.
pub(crate) fn both(draw: &dyn Fn(Paper) -> Svg) -> Drawn {
    Drawn { wide: draw(Paper::WIDE), narrow: draw(Paper::NARROW) }
}

/// The weight chart alone, for a page about one task.
pub(crate) fn weight_alone(record: &Record, medicines: &[Medication], text: Text) -> Drawn {
    let series = SeriesOf::record(record, text);
    let markers = markers(medicines, text);
    let chart = WeightChart {
        days: record.days,
        points: &series.weights,
        trend: &record.trend,
        band: record.band,
        markers: &markers,
        title: text.t("chart-weight"),
        with_days: true,
    };
    Drawn { wide: chart.draw(Paper::WIDE, text), narrow: chart.draw(Paper::NARROW, text) }
}

/// The person's own charts, larger and in plain words: weight, pressure, pulse. Without the trend line, which asks to be
/// explained, and without other people's notes.
pub(crate) fn own_charts(record: &Record, text: Text) -> Vec<Drawn> {
    let series = SeriesOf::record(record, text);
    let (days, with_days) = (record.days, true);
    let weight = WeightChart {
        days,
        points: &series.weights,
        trend: &[],
        band: record.band,
        markers: &[],
        title: text.t("own-chart-weight"),
        with_days,
    };
    let pressure =
        PressureChart { days, points: &series.pressures, title: text.t("own-chart-pressure"), with_days };
    let pulse = PulseChart { days, points: &series.pulses, title: text.t("own-chart-pulse"), with_days };
    let both =
        |draw: &dyn Fn(Paper) -> Svg| Drawn { wide: draw(Paper::OWN_WIDE), narrow: draw(Paper::OWN_NARROW) };
    vec![
        both(&|paper| weight.draw(paper, text)),
        both(&|paper| pressure.draw(paper, text)),
        both(&|paper| pulse.draw(paper, text)),
    ]
}

pub(super) fn markers(medicines: &[Medication], text: Text) -> Vec<Marker> {
    medicine_changes(medicines)
        .into_iter()
        .map(|(at, name, change)| Marker { at, words: change_words(&name, &change, text) })
        .collect()
}

/// `furosemid 40 → 20 mg`.
fn change_words(name: &str, change: &Change, text: Text) -> String {
    let name = name.to_lowercase();
    match change {
        Change::Dose { words } => format!("{name} {words}"),
        Change::Begun { dose } => {
            text.with("medicine-begun", &[("name", format!("{name} {}", amount(dose)).into())])
        }
        Change::Ended => text.with("medicine-stopped", &[("name", name.into())]),
    }
}

fn legend(series: &SeriesOf, text: Text) -> Vec<LegendEntry> {
    let points = series.weights.iter().chain(&series.pulses).map(|point| point.mark);
    let present: std::collections::BTreeSet<Mark> =
        points.chain(series.pressures.iter().map(|point| point.mark)).collect();
    legend_of(&present, text)
}

/// The shapes among `present`, in the order of a legend.
pub(super) fn legend_of(present: &std::collections::BTreeSet<Mark>, text: Text) -> Vec<LegendEntry> {
    Mark::ALL
        .into_iter()
        .filter(|mark| present.contains(mark))
        .map(|mark| LegendEntry { shape: swatch(mark), word: text.t(mark.word_key()) })
        .collect()
}

fn tables(series: &SeriesOf, now: Timestamp, text: Text) -> Vec<Table> {
    let when = |at: Timestamp| moment(at, now, text);
    let how = |mark: Mark, word: Option<&String>| match word {
        Some(word) => format!("{}: {word}", text.t(mark.word_key())),
        None => text.t(mark.word_key()),
    };
    let number = |point: &Point, decimals: usize| {
        [
            when(point.at),
            point.value.map_or_else(String::new, |value| decimal(value, decimals, text.0)),
            how(point.mark, point.word.as_ref()),
        ]
    };
    let pressures = series.pressures.iter().map(|one| [when(one.at), one.figures(), how(one.mark, None)]);
    let answers =
        series.answers.iter().map(|one| [when(one.at), in_words(&one.answers, text), String::new()]);
    let table = |key: &str, mut rows: Vec<[String; 3]>| {
        rows.reverse();
        Table { caption: text.t(key), rows }
    };
    vec![
        table("chart-weight", series.weights.iter().map(|point| number(point, 1)).collect()),
        table("chart-pressure", pressures.collect()),
        table("chart-pulse", series.pulses.iter().map(|point| number(point, 0)).collect()),
        table("chart-symptoms", answers.collect()),
    ]
}
