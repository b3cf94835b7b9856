//! Two lanes over the same days: the tasks under what stands above, those under what is tried below. A task that only one lane has
//! is filled, one that both have is hollow. The table beside it says the same in words.

use super::Paper;
use super::svg::{Drawing, Svg};

const PAPER: Paper =
    Paper { name: "timeline", width: 260.0, left: 4.0, right: 4.0, text: 11.0, stretch: 1.0 };
const HEIGHT: f64 = 34.0;
const UPPER: f64 = 9.0;
const LOWER: f64 = 25.0;

/// A task on a lane.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Tick {
    /// How far from the first day to the last, 0 to 1.
    pub(crate) at: f64,
    /// `urgent`, `soon` or `routine`.
    pub(crate) priority: &'static str,
    /// Whether the other lane has it too.
    pub(crate) both: bool,
}

/// Draws both lanes.
pub(crate) fn timeline(upper: &[Tick], lower: &[Tick]) -> Svg {
    let mut drawing = Drawing::default();
    let (left, right) = (PAPER.left, PAPER.width - PAPER.right);
    for (lane, ticks) in [(UPPER, upper), (LOWER, lower)] {
        drawing.line("timeline-lane", (left, lane), (right, lane));
        for tick in ticks {
            let x = left + tick.at.clamp(0.0, 1.0) * (right - left);
            let class = if tick.both { "both" } else { "alone" };
            drawing.rect(
                &format!("timeline-task timeline-{} timeline-{class}", tick.priority),
                (x - 3.0, lane - 6.0),
                (6.0, 12.0),
                1.5,
            );
        }
    }
    drawing.finish_unread("chart timeline", (PAPER.width, HEIGHT), PAPER.text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_stands_at_its_day_and_only_what_differs_is_filled() {
        let tick = |at, both| Tick { at, priority: "soon", both };
        let svg = timeline(&[tick(0.5, true)], &[tick(0.5, true), tick(2.0, false)]);
        let text = svg.as_str();
        // 4 + 0.5 x 252 - 3 = 127; past the end is at the end: 256 - 3 = 253.
        assert_eq!(text.matches(r#"x="127""#).count(), 2, "{text}");
        assert_eq!(text.matches("timeline-alone").count(), 1);
        assert!(text.contains(r#"x="253""#) && text.contains("aria-hidden"), "{text}");
    }
}
