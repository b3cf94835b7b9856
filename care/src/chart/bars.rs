//! Bars side by side with their figures above: a share by week, a count by day. A bar that is held back is a gap with a mark.

use super::Paper;
use super::svg::{Anchor, Drawing, Svg};

const HEIGHT: f64 = 110.0;

/// One bar.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Bar {
    /// What stands beneath; empty for nothing.
    pub(crate) label: String,
    /// How high; `None` where it is not told.
    pub(crate) value: Option<f64>,
    /// What stands above; empty for nothing.
    pub(crate) figure: String,
}

/// What a chart of bars shows.
#[derive(Clone, Debug)]
pub(crate) struct BarChart<'a> {
    /// Tells it from others on the page.
    pub(crate) id: &'static str,
    /// The bars, from the left.
    pub(crate) bars: &'a [Bar],
    /// The value at its top, at least.
    pub(crate) top: f64,
    /// Its title.
    pub(crate) title: String,
    /// The same in a sentence.
    pub(crate) summary: String,
}

impl BarChart<'_> {
    /// Draws it on `paper`.
    pub(crate) fn draw(&self, paper: Paper) -> Svg {
        let mut drawing = Drawing::default();
        let (left, right) = (8.0, paper.right_edge());
        let top = paper.title_baseline() + paper.text * 1.8;
        let bottom = top + HEIGHT * paper.stretch;
        drawing.text("chart-title", (left, paper.title_baseline()), Anchor::Start, &self.title);
        drawing.line("chart-line", (left, bottom), (right, bottom));
        let values = self.bars.iter().filter_map(|bar| bar.value).filter(|value| value.is_finite());
        let highest = values.fold(self.top, f64::max).max(f64::MIN_POSITIVE);
        let count = f64::from(u16::try_from(self.bars.len().max(1)).unwrap_or(u16::MAX));
        let room = (right - left) / count;
        // Figures and labels that would run into each other are written for every second, third... bar, counted from the last.
        let widest = |of: fn(&Bar) -> &str| {
            let wide = self.bars.iter().map(|bar| paper.width_of(of(bar))).fold(0.0, f64::max);
            (1..=self.bars.len()).find(|step| step_of(*step) * room >= wide + 4.0).unwrap_or(1)
        };
        let (labels_every, figures_every) = (widest(|bar| &bar.label), widest(|bar| &bar.figure));
        for (index, bar) in self.bars.iter().enumerate() {
            let middle = left + (step_of(index) + 0.5) * room;
            let from_last = self.bars.len() - 1 - index;
            let share =
                bar.value.filter(|value| value.is_finite()).map_or(0.0, |value| (value / highest).max(0.0));
            let high = share * (bottom - top);
            let wide = (room * 0.62).clamp(1.5, 44.0);
            match bar.value {
                Some(_) => {
                    drawing.rect("chart-column", (middle - wide / 2.0, bottom - high), (wide, high), 2.0);
                }
                None => drawing.rect(
                    "chart-square chart-unanswered",
                    (middle - wide / 2.0, bottom - 14.0),
                    (wide, 14.0),
                    2.0,
                ),
            }
            if from_last.is_multiple_of(figures_every) {
                drawing.text("chart-label", (middle, bottom - high - 5.0), Anchor::Middle, &bar.figure);
            }
            if from_last.is_multiple_of(labels_every) {
                let half = paper.width_of(&bar.label) / 2.0;
                let x = middle.min(paper.width - half).max(half);
                drawing.text("chart-label", (x, bottom + 6.0 + paper.text), Anchor::Middle, &bar.label);
            }
        }
        drawing.finish(paper, self.id, bottom + 14.0 + paper.text, &self.title, &self.summary)
    }
}

fn step_of(index: usize) -> f64 {
    f64::from(u16::try_from(index).unwrap_or(u16::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_high_as_its_share_and_one_held_back_is_no_nought() {
        let bar = |value, figure: &str| Bar { label: String::new(), value, figure: figure.to_owned() };
        let bars = [bar(Some(0.5), "50"), bar(None, "–"), bar(Some(f64::NAN), "")];
        let chart =
            BarChart { id: "x", bars: &bars, top: 1.0, title: "T".to_owned(), summary: "S".to_owned() };
        let text = chart.draw(Paper::WIDE).as_str().to_owned();
        // Half of 110 px.
        assert!(text.contains(r#"height="55""#), "{text}");
        assert_eq!(text.matches("chart-unanswered").count(), 1);
        assert!(!text.contains("NaN"));
    }
}
