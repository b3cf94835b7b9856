//! A plot: a value axis and its lines, on the columns of a sheet.

use super::Paper;
use super::columns::Columns;
use super::scale::Scale;
use super::svg::{Anchor, Drawing};

/// Where values and days meet on a sheet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plot {
    pub(super) paper: Paper,
    pub(super) columns: Columns,
    pub(super) scale: Scale,
    pub(super) top: f64,
    pub(super) height: f64,
}

impl Plot {
    pub(super) fn bottom(self) -> f64 {
        self.top + self.height
    }

    /// The height of `value`; at an edge when it lies beyond the axis.
    pub(super) fn y(self, value: f64) -> f64 {
        self.bottom() - self.scale.share(value) * self.height
    }

    /// The title above, and a line with its figure for each step of the axis.
    pub(super) fn draw_axis(self, drawing: &mut Drawing, title: &str) {
        let (left, right) = (self.columns.left, self.columns.right);
        let title_left = left.min((self.paper.right_edge() - self.paper.width_of(title)).max(0.0));
        drawing.text("chart-title", (title_left, self.paper.title_baseline()), Anchor::Start, title);
        for line in self.scale.lines() {
            let y = self.y(line);
            drawing.line("chart-line", (left, y), (right, y));
            let at = (left - 8.0, y + self.paper.text * 0.35);
            drawing.text("chart-label", at, Anchor::End, &format!("{line:.0}"));
        }
    }

    /// In place of a plot that has nothing to show.
    pub(super) fn draw_empty(self, drawing: &mut Drawing, words: &str) {
        let middle = (self.columns.left + self.columns.right) / 2.0;
        drawing.text(
            "chart-empty",
            (middle, self.top + self.height / 2.0 + self.paper.text * 0.35),
            Anchor::Middle,
            words,
        );
    }
}
