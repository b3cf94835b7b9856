//! Writing SVG: elements, numbers with one decimal, text escaped.
//!
//! **Invariant:** what comes out is well-formed whatever goes in: text is escaped and without control characters, and a
//! number that is not finite is written as 0.

use std::fmt::{self, Write as _};

use super::Paper;

/// A finished drawing. Its text is markup already, and is placed in a page as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Svg(String);

impl Svg {
    /// The markup.
    #[cfg(test)]
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Svg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a text stands against its point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

impl Anchor {
    const fn key(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Middle => "middle",
            Self::End => "end",
        }
    }
}

/// A drawing under way.
#[derive(Debug, Default)]
pub(super) struct Drawing {
    body: String,
}

/// A number as SVG holds it: one decimal, none where it is whole.
struct Number(f64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = if self.0.is_finite() { self.0.clamp(-1e6, 1e6) } else { 0.0 };
        let text = format!("{number:.1}");
        let text = text.strip_suffix(".0").unwrap_or(&text);
        f.write_str(if text == "-0" { "0" } else { text })
    }
}

struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().filter(|c| !c.is_control()).try_for_each(|c| match c {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&#39;"),
            // Not allowed in XML, though no control characters.
            '\u{fffe}' | '\u{ffff}' => Ok(()),
            other => f.write_char(other),
        })
    }
}

impl Drawing {
    fn put(&mut self, markup: fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = self.body.write_fmt(markup);
    }

    pub(super) fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        let (x1, y1, x2, y2) = (Number(from.0), Number(from.1), Number(to.0), Number(to.1));
        self.put(format_args!(r#"<line class="{class}" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>"#));
    }

    /// A vertical bar with round ends, `width` wide.
    pub(super) fn bar(&mut self, class: &str, x: f64, from: f64, to: f64, width: f64) {
        let (x, y1, y2, width) = (Number(x), Number(from), Number(to), Number(width));
        self.put(format_args!(
            r#"<line class="{class}" x1="{x}" y1="{y1}" x2="{x}" y2="{y2}" stroke-width="{width}"/>"#
        ));
    }

    pub(super) fn rect(&mut self, class: &str, corner: (f64, f64), size: (f64, f64), radius: f64) {
        let (x, y, w, h, rx) =
            (Number(corner.0), Number(corner.1), Number(size.0), Number(size.1), Number(radius));
        self.put(format_args!(
            r#"<rect class="{class}" x="{x}" y="{y}" width="{w}" height="{h}" rx="{rx}"/>"#
        ));
    }

    pub(super) fn circle(&mut self, class: &str, centre: (f64, f64), radius: f64) {
        let (x, y, r) = (Number(centre.0), Number(centre.1), Number(radius));
        self.put(format_args!(r#"<circle class="{class}" cx="{x}" cy="{y}" r="{r}"/>"#));
    }

    /// A line through points; nothing when there are none.
    pub(super) fn path(&mut self, class: &str, points: &[(f64, f64)]) {
        if points.is_empty() {
            return;
        }
        self.put(format_args!(r#"<path class="{class}" d=""#));
        for (index, (x, y)) in points.iter().enumerate() {
            let step = if index == 0 { 'M' } else { 'L' };
            self.put(format_args!("{step}{} {}", Number(*x), Number(*y)));
        }
        self.put(format_args!(r#""/>"#));
    }

    /// The left half of a disc.
    pub(super) fn half_disc(&mut self, class: &str, centre: (f64, f64), radius: f64) {
        let (x, top, bottom, r) =
            (Number(centre.0), Number(centre.1 - radius), Number(centre.1 + radius), Number(radius));
        self.put(format_args!(r#"<path class="{class}" d="M{x} {top}A{r} {r} 0 0 0 {x} {bottom}Z"/>"#));
    }

    pub(super) fn text(&mut self, class: &str, at: (f64, f64), anchor: Anchor, text: &str) {
        let (x, y, anchor, text) = (Number(at.0), Number(at.1), anchor.key(), Escaped(text));
        self.put(format_args!(
            r#"<text class="{class}" x="{x}" y="{y}" text-anchor="{anchor}">{text}</text>"#
        ));
    }

    /// Groups what `draw` draws under a tip that shows what it is.
    pub(super) fn tipped(&mut self, tip: &str, draw: impl FnOnce(&mut Self)) {
        self.put(format_args!("<g><title>{}</title>", Escaped(tip)));
        draw(self);
        self.put(format_args!("</g>"));
    }

    /// The chart `id`, as high as `height`, for a reader who sees it and one who hears it.
    pub(super) fn finish(self, paper: Paper, id: &str, height: f64, title: &str, summary: &str) -> Svg {
        let (name, width, text, height) =
            (paper.name, Number(paper.width), Number(paper.text), Number(height));
        let (title, summary, body) = (Escaped(title), Escaped(summary), self.body);
        Svg(format!(
            r#"<svg class="chart chart-{name}" role="img" aria-labelledby="{id}-{name}-title {id}-{name}-summary" viewBox="0 0 {width} {height}" font-size="{text}"><title id="{id}-{name}-title">{title}</title><desc id="{id}-{name}-summary">{summary}</desc>{body}</svg>"#
        ))
    }

    /// A drawing that says nothing which is not said in words beside it.
    pub(super) fn finish_unread(self, class: &str, size: (f64, f64), text: f64) -> Svg {
        let (width, height, text, body) = (Number(size.0), Number(size.1), Number(text), self.body);
        Svg(format!(
            r#"<svg class="{class}" aria-hidden="true" viewBox="0 0 {width} {height}" font-size="{text}">{body}</svg>"#
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_finite() {
        let rows = [
            (12.0, "12"),
            (12.34, "12.3"),
            (-0.01, "0"),
            (f64::NAN, "0"),
            (f64::INFINITY, "0"),
            (1e300, "1000000"),
        ];
        for (number, expected) in rows {
            assert_eq!(Number(number).to_string(), expected);
        }
    }

    #[test]
    fn text_cannot_leave_its_element() {
        // XML 1.0, 2.4: markup delimiters in text are escaped; 2.2: control characters are not allowed.
        let text = Escaped("</text><script>\u{0}\"'&\u{7}\u{ffff}").to_string();
        assert_eq!(text, "&lt;/text&gt;&lt;script&gt;&quot;&#39;&amp;");
    }
}
