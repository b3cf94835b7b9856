//! One sentence for each chart, for whoever hears it instead of seeing it.
//!
//! **Invariant:** a sentence rests on assessed readings within the chart's days alone, and says so when there are none.

use vitals::Timestamp;

use super::columns::Days;
use super::pressure::Pressure;
use super::series::{Band, Point};
use super::symptoms::{Answer, day_words, in_words};
use crate::web::format::{day_of, decimal};
use crate::web::text::Text;

/// A change smaller than this is day-to-day noise in a home weight (healthy 0.5 kg, heart failure 0.8 kg SD), kg.
const CHANGE_MIN_KG: f64 = 1.0;
/// Weights are shown to this, kg.
const SHOWN_KG: f64 = 0.1;
const WEEK_DAYS: i64 = 7;

/// "Weight rose 2.4 kg in 6 days. …"
pub(super) fn weight(days: Days, points: &[Point], band: Option<Band>, text: Text) -> String {
    let values = assessed(days, points);
    let Some((_, last)) = values.last() else { return text.t("chart-empty") };
    let kilograms = |value: f64| decimal(value, 1, text.0);
    let first = match change(&values, band.map(|band| band.usual)) {
        Some((difference, over)) if difference >= CHANGE_MIN_KG => text.with(
            "summary-weight-up",
            &[("kg", kilograms(difference).into()), ("days", over.into()), ("last", kilograms(*last).into())],
        ),
        Some((difference, over)) if difference <= -CHANGE_MIN_KG => text.with(
            "summary-weight-down",
            &[
                ("kg", kilograms(-difference).into()),
                ("days", over.into()),
                ("last", kilograms(*last).into()),
            ],
        ),
        Some(_) | None => text.with("summary-weight-level", &[("last", kilograms(*last).into())]),
    };
    let usual = band.map(|band| text.with("summary-usual", &[("usual", kilograms(band.usual).into())]));
    let missing = missing(days, &values, text);
    [Some(first), usual, missing].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// How much the last value differs from where its move began, and how many days ago that was.
///
/// A rise above the usual weight began at the latest value of the week before that was still usual or lower; any other
/// rise at the week's latest lowest value. Falls the other way round.
fn change(values: &[(Timestamp, f64)], usual: Option<f64>) -> Option<(f64, i64)> {
    let (last_at, last) = *values.last()?;
    let ago = |at: Timestamp| i64::from((day_of(last_at) - day_of(at)).get_days());
    let week: Vec<(Timestamp, f64)> =
        values.iter().copied().filter(|(at, _)| (1..=WEEK_DAYS).contains(&ago(*at))).collect();
    let first = *week.first()?;
    let sign = if last >= first.1 { 1.0 } else { -1.0 };
    let left_usual = usual
        .filter(|usual| (last - usual) * sign > 0.0)
        .and_then(|usual| week.iter().rfind(|(_, value)| (value - usual) * sign <= SHOWN_KG / 2.0));
    let extreme =
        week.iter().fold(first, |origin, one| if (one.1 - origin.1) * sign <= 0.0 { *one } else { origin });
    let origin = left_usual.copied().unwrap_or(extreme);
    Some((last - origin.1, ago(origin.0)))
}

/// "Blood pressure last 118/76, …"
pub(super) fn pressure(days: Days, points: &[Pressure], text: Text) -> String {
    let shown = || points.iter().filter(|one| one.mark.is_assessed() && days.index(one.at).is_some());
    let Some(last) = shown().filter(|one| one.systolic.is_some()).max_by_key(|one| one.at) else {
        return text.t("chart-empty");
    };
    let (low, high) = range(shown().filter_map(|one| one.systolic));
    let values: [(&str, fluent::FluentValue<'_>); 4] = [
        ("last", last.figures().into()),
        ("low", format!("{low:.0}").into()),
        ("high", format!("{high:.0}").into()),
        ("days", i64::from(days.count()).into()),
    ];
    text.with("summary-pressure", &values)
}

/// "Pulse last 80, …"
pub(super) fn pulse(days: Days, points: &[Point], text: Text) -> String {
    let values = assessed(days, points);
    let Some((_, last)) = values.last() else { return text.t("chart-empty") };
    let (low, high) = range(values.iter().map(|(_, value)| *value));
    let values: [(&str, fluent::FluentValue<'_>); 4] = [
        ("last", format!("{last:.0}").into()),
        ("low", format!("{low:.0}").into()),
        ("high", format!("{high:.0}").into()),
        ("days", i64::from(days.count()).into()),
    ];
    text.with("summary-pulse", &values)
}

/// "Last answers 22 April: breathlessness 2."
pub(super) fn symptoms(days: Days, answers: &[Answer], text: Text) -> String {
    let last = answers.iter().filter(|one| days.index(one.at).is_some()).max_by_key(|one| one.at);
    last.map_or_else(
        || text.t("chart-empty-symptoms"),
        |one| {
            let words = in_words(&one.answers, text);
            text.with("summary-symptoms", &[("day", day_words(one, text).into()), ("words", words.into())])
        },
    )
}

fn missing(days: Days, values: &[(Timestamp, f64)], text: Text) -> Option<String> {
    let with: std::collections::BTreeSet<u16> = values.iter().filter_map(|(at, _)| days.index(*at)).collect();
    let without = usize::from(days.count()) - with.len();
    let count = i64::try_from(without).unwrap_or(i64::MAX);
    (without > 0).then(|| {
        text.with("summary-missing", &[("count", count.into()), ("days", i64::from(days.count()).into())])
    })
}

fn assessed(days: Days, points: &[Point]) -> Vec<(Timestamp, f64)> {
    let mut values: Vec<(Timestamp, f64)> = points
        .iter()
        .filter(|point| point.mark.is_assessed() && days.index(point.at).is_some())
        .filter_map(|point| Some((point.at, point.value.filter(|value| value.is_finite())?)))
        .collect();
    values.sort_by_key(|(at, _)| *at);
    values
}

fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) = values
        .filter(|value| value.is_finite())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    if low <= high { (low, high) } else { (0.0, 0.0) }
}
