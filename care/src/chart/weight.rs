//! Weight: a dot for each weighing, the trend as a line, the person's own usual range as a band, changes of medicine as
//! dashed lines with their words, and the last value written out. The axis spans 6 kg at least and never starts at zero,
//! so that 2 kg look like what they are (guideline limit: 2 kg in 3 days, ESC 2021).
//!
//! A weighing that was set aside does not stretch the axis: beyond it, it stands at the edge with its value in words.

use super::columns::{Columns, Days};
use super::plot::Plot;
use super::scale::{Demand, Scale};
use super::series::{Band, Marker, Placed, Point, Sample, pieces, place, thinned};
use super::svg::{Anchor, Drawing, Svg};
use super::{Mark, Paper, summary};
use crate::web::format::{THIN, clock_time, day_month, day_of, decimal};
use crate::web::text::Text;

const KILOGRAMS: Demand = Demand { span_min: 6.0, always: &[], steps: &[2.0, 5.0, 10.0, 20.0, 50.0] };
const HEIGHT: f64 = 132.0;
/// Columns narrower than this are shared, px.
const COLUMN_MIN: f64 = 4.0;
const RADIUS: f64 = 3.2;
const RADIUS_MIN: f64 = 1.9;

/// What a chart of weight shows.
#[derive(Clone, Debug)]
pub(crate) struct WeightChart<'a> {
    /// The days.
    pub(crate) days: Days,
    /// The weighings, kg.
    pub(crate) points: &'a [Point],
    /// The smoothed weight, kg.
    pub(crate) trend: &'a [Sample],
    /// The usual weight, kg.
    pub(crate) band: Option<Band>,
    /// Changes of medicine.
    pub(crate) markers: &'a [Marker],
    /// Its title.
    pub(crate) title: String,
    /// Whether the days stand beneath it.
    pub(crate) with_days: bool,
}

impl WeightChart<'_> {
    /// Draws it on `paper`, in the words of `text`.
    pub(crate) fn draw(&self, paper: Paper, text: Text) -> Svg {
        let mut drawing = Drawing::default();
        let columns = Columns::on(paper, self.days);
        let labels = self.marker_labels(columns, paper);
        let rows = labels.iter().map(|label| label.row + 1).max().unwrap_or(0);
        let plot = self.plot(columns, paper, rows);
        self.draw_band(&mut drawing, plot);
        plot.draw_axis(&mut drawing, &self.title);
        for label in &labels {
            label.draw(&mut drawing, plot);
        }
        draw_trend(&mut drawing, plot, &pieces(columns, self.trend));
        let few = thinned(columns, self.points, COLUMN_MIN, |point| {
            (point.at, point.mark, point.value.unwrap_or(0.0))
        });
        let placed = place(columns, few, |point| point.at);
        if placed.is_empty() {
            plot.draw_empty(&mut drawing, &text.t("chart-empty"));
        } else if self.band.is_some() {
            draw_band_word(&mut drawing, plot, self.band, &placed, &text.t("chart-usual"));
        }
        for one in &placed {
            draw_point(&mut drawing, plot, one, text);
        }
        draw_last(&mut drawing, plot, &placed, text);
        let bottom = plot.bottom() + 8.0;
        let height = if self.with_days { columns.draw(&mut drawing, paper, bottom, text) } else { bottom };
        drawing.finish(
            paper,
            "weight",
            height,
            &self.title,
            &summary::weight(self.days, self.points, self.band, text),
        )
    }

    fn plot(&self, columns: Columns, paper: Paper, rows: usize) -> Plot {
        let shown = self.points.iter().filter(|point| columns.days.index(point.at).is_some());
        let assessed = shown.filter(|point| point.mark.is_assessed()).filter_map(|point| point.value);
        let edges = self.band.into_iter().flat_map(|band| [band.low, band.high]);
        let mut values: Vec<f64> = assessed.chain(edges).collect();
        if values.is_empty() {
            values.extend(self.points.iter().filter_map(|point| point.value));
        }
        let rows = f64::from(u8::try_from(rows).unwrap_or(u8::MAX));
        Plot {
            paper,
            columns,
            scale: Scale::covering(values, KILOGRAMS),
            top: paper.title_baseline() + paper.text * (1.6 + rows * 1.35),
            height: HEIGHT * paper.stretch,
        }
    }

    fn draw_band(&self, drawing: &mut Drawing, plot: Plot) {
        if let Some(band) = self.band {
            let (top, bottom) = (plot.y(band.high), plot.y(band.low));
            let (left, right) = (plot.columns.left, plot.columns.right);
            drawing.rect("chart-band", (left, top), (right - left, (bottom - top).max(0.0)), 0.0);
        }
    }

    /// Each change's words on the first line where they have room, beside their dashed line; at most three lines.
    fn marker_labels(&self, columns: Columns, paper: Paper) -> Vec<MarkerLabel> {
        let mut ends = [f64::NEG_INFINITY; MARKER_ROWS];
        let mut sorted: Vec<(u16, &Marker)> =
            self.markers.iter().filter_map(|marker| Some((columns.days.index(marker.at)?, marker))).collect();
        sorted.sort_by_key(|(index, marker)| (*index, marker.at));
        sorted
            .into_iter()
            .map(|(index, marker)| {
                let x = columns.middle(index);
                let room = ((paper.right_edge()) / (paper.text * 0.56)).floor();
                let words = clipped(&marker.words, room);
                let wide = paper.width_of(&words);
                let beside = if x + 6.0 + wide > paper.right_edge() { x - 6.0 - wide } else { x + 6.0 };
                let start = beside.max(0.0);
                let row = ends.iter().position(|end| *end < start).unwrap_or(MARKER_ROWS - 1);
                ends[row] = start + wide + 10.0;
                MarkerLabel { x, start, row, words }
            })
            .collect()
    }
}

const MARKER_ROWS: usize = 3;

struct MarkerLabel {
    x: f64,
    start: f64,
    row: usize,
    words: String,
}

impl MarkerLabel {
    fn draw(&self, drawing: &mut Drawing, plot: Plot) {
        let row = f64::from(u8::try_from(self.row).unwrap_or(u8::MAX));
        let baseline = plot.paper.title_baseline() + plot.paper.text * (1.7 + row * 1.35);
        drawing.line("chart-change", (self.x, baseline - plot.paper.text * 0.9), (self.x, plot.bottom()));
        drawing.text("chart-change-word", (self.start, baseline), Anchor::Start, &self.words);
    }
}

fn clipped(words: &str, characters: f64) -> String {
    let room = (1..=200_u8).take_while(|count| f64::from(*count) <= characters).count();
    if words.chars().count() <= room {
        return words.to_owned();
    }
    words.chars().take(room.saturating_sub(1)).chain(std::iter::once('…')).collect()
}

fn draw_trend(drawing: &mut Drawing, plot: Plot, pieces: &[Vec<(u16, f64)>]) {
    for piece in pieces {
        let line: Vec<(f64, f64)> = match piece.as_slice() {
            // A day that stands alone: a stroke as wide as half the day, so that its trend is seen too.
            [(index, value)] => {
                let (x, quarter) = (plot.columns.middle(*index), plot.columns.width() / 4.0);
                vec![(x - quarter, plot.y(*value)), (x + quarter, plot.y(*value))]
            }
            days => days.iter().map(|(index, value)| (plot.columns.middle(*index), plot.y(*value))).collect(),
        };
        drawing.path("chart-trend", &line);
    }
}

/// The band's name in the first place in, beneath or over the band where no point and no other word stands.
fn draw_band_word(
    drawing: &mut Drawing,
    plot: Plot,
    band: Option<Band>,
    placed: &[Placed<'_, Point>],
    word: &str,
) {
    let Some(band) = band else { return };
    let size = (plot.paper.width_of(word) + 8.0, plot.paper.text * 1.1);
    let (left, right) = (plot.columns.left + 4.0, plot.columns.right - 4.0);
    let (inside, above) = (plot.y(band.low) - 4.0, plot.y(band.high) + plot.paper.text);
    let beneath = plot.y(band.low) + plot.paper.text + 1.0;
    let over = plot.y(band.high) - 5.0;
    let free = |anchor: Anchor, baseline: f64| {
        let from = if anchor == Anchor::End { right - size.0 } else { left };
        !placed.iter().any(|one| {
            if !one.item.mark.is_assessed() {
                // Its words stand beside it or above it, to either side.
                let y = one.item.value.map_or(plot.bottom(), |value| plot.y(value));
                return (y - baseline).abs() < plot.paper.text * 2.0;
            }
            let y = one.item.value.map_or(plot.bottom(), |value| plot.y(value));
            (from - 4.0..=from + size.0 + 4.0).contains(&one.x)
                && (baseline - size.1..=baseline + 5.0).contains(&y)
        })
    };
    let corners = [
        (Anchor::End, inside),
        (Anchor::Start, inside),
        (Anchor::End, above),
        (Anchor::Start, above),
        (Anchor::End, beneath),
        (Anchor::Start, over),
        (Anchor::End, over),
    ];
    let (anchor, baseline) = corners
        .into_iter()
        .find(|(anchor, baseline)| free(*anchor, *baseline))
        .unwrap_or((Anchor::Start, over));
    let x = if anchor == Anchor::End { right } else { left };
    drawing.text("chart-band-word", (x, baseline), anchor, word);
}

fn draw_point(drawing: &mut Drawing, plot: Plot, placed: &Placed<'_, Point>, text: Text) {
    let point = placed.item;
    let y = point.value.map_or(plot.bottom() - 7.0, |value| plot.y(value));
    let beyond = point.value.is_some_and(|value| !plot.scale.holds(value));
    drawing.tipped(&tip(point, text), |drawing| {
        point.mark.draw(drawing, (placed.x, y), (plot.columns.width() * 0.5).clamp(RADIUS_MIN, RADIUS));
        if point.mark.is_assessed() {
            return;
        }
        let value = point.value.filter(|_| beyond).map(|value| kilograms(value, text));
        let words: Vec<String> = value.into_iter().chain(point.word.clone()).collect();
        let words = words.join(", ");
        draw_aside(drawing, plot, (placed.x, y), &words);
    });
}

/// The words of a reading that was set aside: beside it where there is room, else above it.
fn draw_aside(drawing: &mut Drawing, plot: Plot, (x, y): (f64, f64), words: &str) {
    let wide = plot.paper.width_of(words);
    let (left, right, middle) = (plot.columns.left, plot.paper.right_edge(), y + plot.paper.text * 0.35);
    let (at, anchor) = if x + 9.0 + wide <= right {
        ((x + 9.0, middle), Anchor::Start)
    } else if x - 9.0 - wide >= left {
        ((x - 9.0, middle), Anchor::End)
    } else {
        ((x.min(right - wide / 2.0).max(left), y - 8.0), Anchor::Middle)
    };
    drawing.text("chart-aside-word", at, anchor, words);
}

/// The last value that counts, written out above its dot.
fn draw_last(drawing: &mut Drawing, plot: Plot, placed: &[Placed<'_, Point>], text: Text) {
    let last = placed.iter().rev().find(|one| one.item.mark.is_assessed() && one.item.value.is_some());
    let Some((one, value)) = last.and_then(|one| Some((one, one.item.value?))) else { return };
    let words = kilograms(value, text);
    let wide = plot.paper.width_of(&words) * 1.1;
    let y = plot.y(value) - 9.0;
    let x = (one.x + wide / 2.0).min(plot.paper.width - 2.0);
    drawing.text("chart-last", (x, y), Anchor::End, &words);
}

fn kilograms(value: f64, text: Text) -> String {
    format!("{}{THIN}kg", decimal(value, 1, text.0))
}

fn tip(point: &Point, text: Text) -> String {
    let when = format!("{} {}", day_month(day_of(point.at), text.0), clock_time(point.at));
    let value = point.value.map(|value| kilograms(value, text));
    let mark = (point.mark != Mark::Measured).then(|| text.t(point.mark.word_key()));
    [Some(when), value, mark, point.word.clone()].into_iter().flatten().collect::<Vec<_>>().join(", ")
}
