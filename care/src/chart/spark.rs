//! A small chart for a row of a list: dots, the usual band, the last dot larger. The row says the same in words.

use super::Paper;
use super::columns::{Columns, Days};
use super::plot::Plot;
use super::scale::{Demand, Scale};
use super::series::{Band, Point, place};
use super::svg::{Drawing, Svg};

const PAPER: Paper = Paper { name: "spark", width: 160.0, left: 2.0, right: 4.0, text: 12.0, stretch: 1.0 };
const HEIGHT: f64 = 36.0;
const KILOGRAMS: Demand = Demand { span_min: 6.0, always: &[], steps: &[2.0, 5.0, 10.0, 20.0, 50.0] };

/// Draws `points` (kg) of `days` against the usual `band`.
pub(crate) fn spark(days: Days, points: &[Point], band: Option<Band>) -> Svg {
    let mut drawing = Drawing::default();
    let columns = Columns::on(PAPER, days);
    let shown = points.iter().filter(|point| days.index(point.at).is_some() && point.mark.is_assessed());
    let values =
        shown.filter_map(|point| point.value).chain(band.into_iter().flat_map(|band| [band.low, band.high]));
    let scale = Scale::covering(values, KILOGRAMS);
    let plot = Plot { paper: PAPER, columns, scale, top: 4.0, height: HEIGHT - 8.0 };
    if let Some(band) = band {
        let (top, bottom) = (plot.y(band.high), plot.y(band.low));
        drawing.rect("chart-band", (0.0, top), (PAPER.width, (bottom - top).max(0.0)), 0.0);
    }
    let placed = place(columns, points, |point| point.at);
    let last = placed.iter().rposition(|one| one.item.mark.is_assessed() && one.item.value.is_some());
    for (index, one) in placed.iter().enumerate() {
        if let Some(value) = one.item.value {
            let radius = if Some(index) == last { 3.6 } else { 2.0 };
            one.item.mark.draw(&mut drawing, (one.x, plot.y(value)), radius);
        }
    }
    drawing.finish_unread("chart spark", (PAPER.width, HEIGHT), PAPER.text)
}
