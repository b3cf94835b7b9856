//! Pulse: a dot for each measurement.

use super::columns::{Columns, Days};
use super::plot::Plot;
use super::scale::{Demand, Scale};
use super::series::{Point, place, thinned};
use super::svg::{Drawing, Svg};
use super::{Mark, Paper, summary};
use crate::web::format::{clock_time, day_month, day_of};
use crate::web::text::Text;

const BEATS: Demand = Demand { span_min: 30.0, always: &[60.0, 90.0], steps: &[15.0, 30.0, 60.0] };
const HEIGHT: f64 = 48.0;
const COLUMN_MIN: f64 = 4.0;
const RADIUS: f64 = 2.8;
const RADIUS_MIN: f64 = 1.7;

/// What a chart of pulse shows.
#[derive(Clone, Debug)]
pub(crate) struct PulseChart<'a> {
    /// The days.
    pub(crate) days: Days,
    /// The measurements, beats a minute.
    pub(crate) points: &'a [Point],
    /// Its title.
    pub(crate) title: String,
    /// Whether the days stand beneath it.
    pub(crate) with_days: bool,
}

impl PulseChart<'_> {
    /// Draws it on `paper`, in the words of `text`.
    pub(crate) fn draw(&self, paper: Paper, text: Text) -> Svg {
        let mut drawing = Drawing::default();
        let columns = Columns::on(paper, self.days);
        let shown = self.points.iter().filter(|point| self.days.index(point.at).is_some());
        let values = shown.filter(|point| point.mark.is_assessed()).filter_map(|point| point.value);
        let plot = Plot {
            paper,
            columns,
            scale: Scale::covering(values, BEATS),
            top: paper.title_baseline() + paper.text,
            height: HEIGHT * paper.stretch,
        };
        plot.draw_axis(&mut drawing, &self.title);
        let few = thinned(columns, self.points, COLUMN_MIN, |point| {
            (point.at, point.mark, point.value.unwrap_or(0.0))
        });
        let placed = place(columns, few, |point| point.at);
        if placed.is_empty() {
            plot.draw_empty(&mut drawing, &text.t("chart-empty"));
        }
        let radius = (columns.width() * 0.45).clamp(RADIUS_MIN, RADIUS);
        for one in &placed {
            let y = one.item.value.map_or(plot.bottom() - 6.0, |value| plot.y(value));
            drawing.tipped(&tip(one.item, text), |drawing| one.item.mark.draw(drawing, (one.x, y), radius));
        }
        let bottom = plot.bottom() + 8.0;
        let height = if self.with_days { columns.draw(&mut drawing, paper, bottom, text) } else { bottom };
        drawing.finish(paper, "pulse", height, &self.title, &summary::pulse(self.days, self.points, text))
    }
}

fn tip(point: &Point, text: Text) -> String {
    let when = format!("{} {}", day_month(day_of(point.at), text.0), clock_time(point.at));
    let value = point.value.map(|value| format!("{value:.0}"));
    let mark = (point.mark != Mark::Measured).then(|| text.t(point.mark.word_key()));
    [Some(when), value, mark].into_iter().flatten().collect::<Vec<_>>().join(", ")
}
