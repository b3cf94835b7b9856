//! How a reading came to be, as a shape that survives print and colour blindness.

use super::svg::{Drawing, Svg};

/// How a reading came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Mark {
    /// A device measured it and it was assessed: a dot.
    Measured,
    /// A person wrote it down: a hollow dot.
    Manual,
    /// It arrived long after it was measured: half filled.
    Late,
    /// It was set aside by a rule and rests in no trend: a hollow square.
    Unassessed,
    /// The device could not measure: a cross.
    Failed,
}

impl Mark {
    /// Every mark, in the order of a legend.
    pub(crate) const ALL: [Self; 5] =
        [Self::Measured, Self::Manual, Self::Late, Self::Unassessed, Self::Failed];

    /// The key of its word.
    pub(crate) const fn word_key(self) -> &'static str {
        match self {
            Self::Measured => "mark-measured",
            Self::Manual => "mark-manual",
            Self::Late => "mark-late",
            Self::Unassessed => "mark-unassessed",
            Self::Failed => "mark-failed",
        }
    }

    /// Whether the values behind it count: for the axis, the summary and the last value written out.
    pub(crate) const fn is_assessed(self) -> bool {
        match self {
            Self::Measured | Self::Manual | Self::Late => true,
            Self::Unassessed | Self::Failed => false,
        }
    }

    pub(super) fn draw(self, drawing: &mut Drawing, at: (f64, f64), radius: f64) {
        let side = radius * 2.0 + 1.0;
        match self {
            Self::Measured => drawing.circle("chart-dot", at, radius),
            Self::Manual => drawing.circle("chart-hollow", at, radius),
            Self::Late => {
                drawing.circle("chart-hollow", at, radius);
                drawing.half_disc("chart-dot", at, radius);
            }
            Self::Unassessed => {
                let corner = (at.0 - side / 2.0, at.1 - side / 2.0);
                drawing.rect("chart-hollow chart-aside", corner, (side, side), 0.0);
            }
            Self::Failed => {
                let (x, y) = at;
                drawing.line("chart-cross", (x - radius, y - radius), (x + radius, y + radius));
                drawing.line("chart-cross", (x - radius, y + radius), (x + radius, y - radius));
            }
        }
    }
}

/// A mark by itself, for a legend or a table.
pub(crate) fn swatch(mark: Mark) -> Svg {
    let mut drawing = Drawing::default();
    mark.draw(&mut drawing, (7.0, 7.0), 3.6);
    drawing.finish_unread("swatch", (14.0, 14.0), 12.0)
}
