//! Curves as SVG, drawn for light and dark pages, readable without colour: each line has its own dashes and a name.
//!
//! **Invariant:** what lies outside the axes is left out, never bent to the edge.

use std::fmt::Write as _;

/// A line of a chart, from left to right, with a point that stands out.
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, f64)>,
    pub(crate) marked: Option<(f64, f64)>,
}

/// What a chart says beside its lines.
pub(crate) struct Words<'a> {
    pub(crate) title: &'a str,
    pub(crate) description: &'a str,
    pub(crate) across: &'a str,
    pub(crate) up: &'a str,
}

const LEFT: f64 = 64.0;
const TOP: f64 = 48.0;
const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 400.0;
const LEGEND: f64 = 230.0;
const STYLES: usize = 8;

/// Sensitivity (0 to 1) over false tasks a patient-year (0 to `most`).
pub(crate) fn curves(words: &Words<'_>, most: f64, lines: &[Line]) -> String {
    let x = |value: f64| LEFT + WIDTH * value / most;
    let y = |value: f64| TOP + HEIGHT * (1.0 - value);
    let mut svg = head(words);
    axes(&mut svg, words, most, &x, &y);
    for (place, line) in lines.iter().enumerate() {
        let style = place % STYLES;
        let within = line.points.iter().filter(|point| (0.0..=most).contains(&point.0));
        let path: Vec<String> =
            within.map(|(across, up)| format!("{:.1},{:.1}", x(*across), y(*up))).collect();
        if path.len() > 1 {
            let _ = writeln!(svg, r#"<polyline class="l s{style}" points="{}"/>"#, path.join(" "));
        }
        if let Some((across, up)) = line.marked.filter(|point| point.0 <= most) {
            let _ = writeln!(
                svg,
                r#"<circle class="m f{style}" cx="{:.1}" cy="{:.1}" r="5"/>"#,
                x(across),
                y(up)
            );
        }
        let row = TOP + 10.0 + 24.0 * place as f64;
        let start = LEFT + WIDTH + 16.0;
        let _ = writeln!(
            svg,
            r#"<path class="l s{style}" d="M{start:.0} {row:.0}h30"/><text x="{:.0}" y="{:.0}">{}</text>"#,
            start + 38.0,
            row + 4.0,
            escaped(&line.name)
        );
    }
    svg.push_str("</svg>\n");
    svg
}

/// Named points with the range they probably lie in, one row each, on a scale from 0 to `most`.
pub(crate) fn ranges(words: &Words<'_>, most: f64, aim: f64, rows: &[(String, f64, (f64, f64))]) -> String {
    const NAMES: f64 = 330.0;
    const ACROSS: f64 = 420.0;
    let height = 92.0 + 22.0 * rows.len() as f64;
    let x = |value: f64| NAMES + ACROSS * (value / most).min(1.0);
    let mut svg = opening(words, NAMES + ACROSS + 40.0, height);
    let bottom = height - 44.0;
    for step in 0..=5 {
        let value = most * f64::from(step) / 5.0;
        let at = x(value);
        let _ = writeln!(
            svg,
            r#"<path class="g" d="M{at:.1} 40V{bottom:.0}"/><text class="t" x="{at:.1}" y="{:.0}" text-anchor="middle">{value:.1}</text>"#,
            bottom + 18.0
        );
    }
    let _ = writeln!(svg, r#"<path class="a" d="M{:.1} 40V{bottom:.0}"/>"#, x(aim));
    let _ = writeln!(
        svg,
        r#"<text x="{:.0}" y="{:.0}" text-anchor="middle">{}</text>"#,
        NAMES + ACROSS / 2.0,
        height - 8.0,
        escaped(words.across)
    );
    for (place, (name, value, (low, high))) in rows.iter().enumerate() {
        let row = 58.0 + 22.0 * place as f64;
        let _ = writeln!(
            svg,
            r#"<text x="{:.0}" y="{:.0}" text-anchor="end">{}</text><path class="l s0" d="M{:.1} {row:.0}H{:.1}"/><circle class="m f0" cx="{:.1}" cy="{row:.0}" r="4"/>"#,
            NAMES - 12.0,
            row + 4.0,
            escaped(name),
            x(*low),
            x(*high),
            x(*value)
        );
    }
    svg.push_str("</svg>\n");
    svg
}

fn head(words: &Words<'_>) -> String {
    opening(words, LEFT + WIDTH + LEGEND, TOP + HEIGHT + 60.0)
}

fn opening(words: &Words<'_>, width: f64, height: f64) -> String {
    let mut svg = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0} {height:.0}" role="img" aria-labelledby="title description">
<title id="title">{}</title>
<desc id="description">{}</desc>
<style>
svg {{ background: #fff; font: 13px system-ui, sans-serif; }}
text {{ fill: #1d2a33; }} .t {{ font-size: 12px; }} .h {{ font-size: 15px; font-weight: 600; }}
.g {{ stroke: #dcdfdc; }} .a {{ stroke: #7d8a91; stroke-dasharray: 3 3; }}
.l {{ fill: none; stroke-width: 2; }} .m {{ stroke: #fff; stroke-width: 1.5; }}
"#,
        escaped(words.title),
        escaped(words.description)
    );
    let light = ["#0b5563", "#a3201d", "#8a5300", "#2f5d8a", "#2c6e49", "#6b3fa0", "#56656f", "#1d2a33"];
    let dark = ["#74c7d4", "#f19c98", "#e8b45f", "#8fbbe8", "#86cfa5", "#c3a5ee", "#a6b3ba", "#e7ecee"];
    let dashes = ["none", "7 3", "2 3", "9 3 2 3", "4 4", "12 4", "1 4", "6 2 1 2"];
    for style in 0..STYLES {
        let _ = writeln!(
            svg,
            ".s{style} {{ stroke: {}; stroke-dasharray: {}; }} .f{style} {{ fill: {}; }}",
            light[style], dashes[style], light[style]
        );
    }
    svg.push_str("@media (prefers-color-scheme: dark) {\nsvg { background: #11171a; } text { fill: #e7ecee; } .g { stroke: #303b41; } .m { stroke: #11171a; }\n");
    for (style, colour) in dark.iter().enumerate() {
        let _ = writeln!(svg, ".s{style} {{ stroke: {colour}; }} .f{style} {{ fill: {colour}; }}");
    }
    let _ =
        write!(svg, "}}\n</style>\n<text class=\"h\" x=\"16\" y=\"26\">{}</text>\n", escaped(words.title));
    svg
}

fn axes(svg: &mut String, words: &Words<'_>, most: f64, x: &dyn Fn(f64) -> f64, y: &dyn Fn(f64) -> f64) {
    let bottom = TOP + HEIGHT;
    for step in 0..=5 {
        let (across, up) = (most * f64::from(step) / 5.0, f64::from(step) / 5.0);
        let (column, row) = (x(across), y(up));
        let _ = writeln!(
            svg,
            r#"<path class="g" d="M{column:.1} {TOP}V{bottom}M{LEFT} {row:.1}h{WIDTH}"/><text class="t" x="{column:.1}" y="{:.0}" text-anchor="middle">{across:.1}</text><text class="t" x="{:.0}" y="{:.1}" text-anchor="end">{up:.1}</text>"#,
            bottom + 18.0,
            LEFT - 8.0,
            row + 4.0
        );
    }
    let middle = TOP + HEIGHT / 2.0;
    let _ = writeln!(
        svg,
        r#"<text x="{:.0}" y="{:.0}" text-anchor="middle">{}</text><text transform="translate(18 {middle:.0}) rotate(-90)" text-anchor="middle">{}</text>"#,
        LEFT + WIDTH / 2.0,
        bottom + 42.0,
        escaped(words.across),
        escaped(words.up)
    );
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
