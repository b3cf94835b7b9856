//! Blood pressure: a bar from diastolic to systolic for each measurement. Bars that were not assessed are hollow.

use vitals::Timestamp;

use super::columns::{Columns, Days};
use super::plot::Plot;
use super::scale::{Demand, Scale};
use super::series::{place, thinned};
use super::svg::{Drawing, Svg};
use super::{Mark, Paper, summary};
use crate::web::format::{THIN, clock_time, day_month, day_of};
use crate::web::text::Text;

const MILLIMETRES: Demand = Demand { span_min: 90.0, always: &[60.0, 150.0], steps: &[30.0, 60.0] };
const HEIGHT: f64 = 72.0;
const COLUMN_MIN: f64 = 5.0;

/// One measurement of blood pressure.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pressure {
    /// When.
    pub(crate) at: Timestamp,
    /// The upper pressure, mmHg; `None` when the device could not measure.
    pub(crate) systolic: Option<f64>,
    /// The lower pressure, mmHg.
    pub(crate) diastolic: Option<f64>,
    /// How it came to be.
    pub(crate) mark: Mark,
}

impl Pressure {
    /// `118/76`, `118` without the lower, an empty text without either.
    pub(crate) fn figures(&self) -> String {
        let whole = |value: f64| format!("{value:.0}");
        [self.systolic, self.diastolic].into_iter().flatten().map(whole).collect::<Vec<_>>().join("/")
    }
}

/// What a chart of blood pressure shows.
#[derive(Clone, Debug)]
pub(crate) struct PressureChart<'a> {
    /// The days.
    pub(crate) days: Days,
    /// The measurements.
    pub(crate) points: &'a [Pressure],
    /// Its title.
    pub(crate) title: String,
    /// Whether the days stand beneath it.
    pub(crate) with_days: bool,
}

impl PressureChart<'_> {
    /// Draws it on `paper`, in the words of `text`.
    pub(crate) fn draw(&self, paper: Paper, text: Text) -> Svg {
        let mut drawing = Drawing::default();
        let columns = Columns::on(paper, self.days);
        let shown = self.points.iter().filter(|point| self.days.index(point.at).is_some());
        let values = shown
            .filter(|point| point.mark.is_assessed())
            .flat_map(|point| [point.systolic, point.diastolic])
            .flatten();
        let plot = Plot {
            paper,
            columns,
            scale: Scale::covering(values, MILLIMETRES),
            top: paper.title_baseline() + paper.text,
            height: HEIGHT * paper.stretch,
        };
        plot.draw_axis(&mut drawing, &self.title);
        let few = thinned(columns, self.points, COLUMN_MIN, |point| {
            (point.at, point.mark, point.systolic.unwrap_or(0.0))
        });
        let placed = place(columns, few, |point| point.at);
        if placed.is_empty() {
            plot.draw_empty(&mut drawing, &text.t("chart-empty"));
        }
        let width = (columns.width() * 0.22).clamp(1.6, 4.6);
        for one in &placed {
            drawing.tipped(&tip(one.item, text), |drawing| draw_bar(drawing, plot, one.x, width, one.item));
        }
        let bottom = plot.bottom() + 8.0;
        let height = if self.with_days { columns.draw(&mut drawing, paper, bottom, text) } else { bottom };
        drawing.finish(
            paper,
            "pressure",
            height,
            &self.title,
            &summary::pressure(self.days, self.points, text),
        )
    }
}

fn draw_bar(drawing: &mut Drawing, plot: Plot, x: f64, width: f64, point: &Pressure) {
    let Some(systolic) = point.systolic.filter(|_| point.mark != Mark::Failed) else {
        return Mark::Failed.draw(drawing, (x, plot.bottom() - 7.0), 3.2);
    };
    let top = plot.y(systolic);
    let bottom = plot.y(point.diastolic.unwrap_or(systolic));
    match point.mark {
        Mark::Measured => drawing.bar("chart-bar", x, bottom, top, width),
        Mark::Manual | Mark::Unassessed => {
            let class = if point.mark == Mark::Manual { "chart-hollow" } else { "chart-hollow chart-aside" };
            let radius = if point.mark == Mark::Manual { width } else { 0.0 };
            drawing.rect(class, (x - width, top), (width * 2.0, (bottom - top).max(1.0)), radius);
        }
        Mark::Late => {
            drawing.rect("chart-hollow", (x - width, top), (width * 2.0, (bottom - top).max(1.0)), width);
            drawing.bar("chart-bar", x - width / 2.0, bottom, top, width);
        }
        Mark::Failed => {}
    }
}

fn tip(point: &Pressure, text: Text) -> String {
    let when = format!("{} {}", day_month(day_of(point.at), text.0), clock_time(point.at));
    let figures = point.figures();
    let value = (!figures.is_empty()).then(|| format!("{figures}{THIN}mmHg"));
    let mark = (point.mark != Mark::Measured).then(|| text.t(point.mark.word_key()));
    [Some(when), value, mark].into_iter().flatten().collect::<Vec<_>>().join(", ")
}
