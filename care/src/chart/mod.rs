//! Charts as SVG, drawn on the server: the same picture on screen, on paper and for a screen reader.
//!
//! Plain data in, text out. Knows no patient, no store and no clock; a day is a day in Stockholm. Looks come from the
//! style sheet through classes, so that one drawing serves light, dark and print under a policy without inline styles.
//!
//! How a reading came to be is told by the shape of its mark ([`Mark`]), never by colour alone. A day is a column; every
//! chart on the same [`Paper`] has its columns in the same places.
//!
//! **Invariant:** no input can panic a chart or put a number in it that is not finite; a day without a reading stays empty,
//! in the line too.

mod bars;
mod columns;
mod marks;
mod plot;
mod pressure;
mod pulse;
mod scale;
mod series;
mod spark;
mod summary;
mod svg;
mod symptoms;
mod timeline;
mod weight;

pub(crate) use bars::{Bar, BarChart};
pub(crate) use columns::{Days, axis};
pub(crate) use marks::{Mark, swatch};
pub(crate) use pressure::{Pressure, PressureChart};
pub(crate) use pulse::PulseChart;
pub(crate) use series::{Band, Marker, Point, Sample};
pub(crate) use spark::spark;
pub(crate) use svg::Svg;
pub(crate) use symptoms::{Answer, SymptomChart, in_words};
pub(crate) use timeline::{Tick, timeline};
pub(crate) use weight::WeightChart;

/// The sheet a chart is drawn on. Its units are CSS pixels at full size, so its text keeps its size there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Paper {
    /// Tells two drawings of the same chart apart on one page.
    name: &'static str,
    /// From edge to edge.
    width: f64,
    /// Left of the first column: figures and labels stand here.
    left: f64,
    /// Right of the last column.
    right: f64,
    /// The size of its text.
    text: f64,
    /// How tall the plots are against the staff's on a wide screen.
    stretch: f64,
}

impl Paper {
    /// The staff's, on a wide screen and in print.
    pub(crate) const WIDE: Self =
        Self { name: "wide", width: 764.0, left: 104.0, right: 16.0, text: 12.5, stretch: 1.0 };
    /// The staff's, on a phone.
    pub(crate) const NARROW: Self =
        Self { name: "narrow", width: 340.0, left: 84.0, right: 10.0, text: 12.5, stretch: 1.0 };
    /// The person's own, on a wide screen: larger type.
    pub(crate) const OWN_WIDE: Self =
        Self { name: "own-wide", width: 620.0, left: 56.0, right: 16.0, text: 17.0, stretch: 1.4 };
    /// The person's own, on a phone.
    pub(crate) const OWN_NARROW: Self =
        Self { name: "own-narrow", width: 340.0, left: 48.0, right: 10.0, text: 16.0, stretch: 1.2 };

    fn right_edge(self) -> f64 {
        self.width - self.right
    }

    /// Where the first line of text stands: the chart's title.
    fn title_baseline(self) -> f64 {
        self.text * 1.25
    }

    /// A guess at how wide `text` will be, on the wide side.
    fn width_of(self, text: &str) -> f64 {
        text.chars().map(|_| self.text * 0.56).sum()
    }
}

#[cfg(test)]
mod tests;
