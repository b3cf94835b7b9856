//! What charts are drawn from: points in time with their marks, a trend, a band; and how many become few.

use std::collections::BTreeMap;

use vitals::Timestamp;

use super::columns::Columns;
use super::marks::Mark;

/// One reading of one quantity.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Point {
    /// When it was measured.
    pub(crate) at: Timestamp,
    /// In the chart's unit; `None` when the device could not measure.
    pub(crate) value: Option<f64>,
    /// How it came to be.
    pub(crate) mark: Mark,
    /// Why it was not assessed, in a word or two.
    pub(crate) word: Option<String>,
}

/// One point of a line that was worked out, not measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sample {
    /// When.
    pub(crate) at: Timestamp,
    /// In the chart's unit.
    pub(crate) value: f64,
}

/// What is usual for this person.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Band {
    /// The middle.
    pub(crate) usual: f64,
    /// The lower edge.
    pub(crate) low: f64,
    /// The upper edge.
    pub(crate) high: f64,
}

/// Something that happened beside the measuring: a medicine changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Marker {
    /// When.
    pub(crate) at: Timestamp,
    /// What.
    pub(crate) words: String,
}

/// Something with a place on the sheet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed<'a, T> {
    pub(super) x: f64,
    pub(super) item: &'a T,
}

/// Where each of `items` stands: those of a day beside each other, in order of time; those outside the days nowhere.
pub(super) fn place<'a, T>(
    columns: Columns,
    items: impl IntoIterator<Item = &'a T>,
    at: impl Fn(&T) -> Timestamp,
) -> Vec<Placed<'a, T>> {
    let mut by_day: BTreeMap<u16, Vec<&T>> = BTreeMap::new();
    for item in items {
        if let Some(index) = columns.days.index(at(item)) {
            by_day.entry(index).or_default().push(item);
        }
    }
    let mut placed = Vec::new();
    for (index, mut of_day) in by_day {
        of_day.sort_by_key(|item| at(item));
        let count = of_day.len();
        placed.extend(
            of_day
                .into_iter()
                .enumerate()
                .map(|(nth, item)| Placed { x: columns.beside(index, nth, count), item }),
        );
    }
    placed
}

/// The few that tell what the many do: of the days that share a column, the lowest and the highest of each mark. An
/// extreme is never thinned away, nor is a mark that asks for a look.
pub(super) fn thinned<T>(
    columns: Columns,
    items: &[T],
    column_min: f64,
    key: impl Fn(&T) -> (Timestamp, Mark, f64),
) -> Vec<&T> {
    let sharing = columns.sharing(column_min);
    if sharing <= 1 {
        return items.iter().collect();
    }
    let mut kept: BTreeMap<(u16, Mark), (usize, usize)> = BTreeMap::new();
    let value = |index: usize| items.get(index).map_or(0.0, |item| key(item).2);
    for (index, item) in items.iter().enumerate() {
        let (at, mark, here) = key(item);
        let Some(day) = columns.days.index(at) else { continue };
        let (lowest, highest) = kept.entry((day / sharing, mark)).or_insert((index, index));
        if here < value(*lowest) {
            *lowest = index;
        }
        if here > value(*highest) {
            *highest = index;
        }
    }
    let chosen: std::collections::BTreeSet<usize> =
        kept.into_values().flat_map(|(lowest, highest)| [lowest, highest]).collect();
    chosen.into_iter().filter_map(|index| items.get(index)).collect()
}

/// A line in pieces: one sample a day, its last, and a new piece after every day without one.
pub(super) fn pieces(columns: Columns, samples: &[Sample]) -> Vec<Vec<(u16, f64)>> {
    let mut by_day: BTreeMap<u16, Sample> = BTreeMap::new();
    for sample in samples.iter().filter(|sample| sample.value.is_finite()) {
        if let Some(index) = columns.days.index(sample.at) {
            let latest = by_day.entry(index).or_insert(*sample);
            if sample.at >= latest.at {
                *latest = *sample;
            }
        }
    }
    let mut pieces: Vec<Vec<(u16, f64)>> = Vec::new();
    for (index, sample) in by_day {
        let follows = pieces.last().and_then(|piece| piece.last()).is_some_and(|(last, _)| last + 1 == index);
        if !follows {
            pieces.push(Vec::new());
        }
        if let Some(piece) = pieces.last_mut() {
            piece.push((index, sample.value));
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use jiff::civil::Date;

    use super::super::columns::Days;
    use super::*;

    fn columns(count: u16, right: f64) -> Columns {
        Columns { days: Days::ending(Date::constant(2026, 4, 22), count), left: 0.0, right }
    }

    fn noon(days_before: i64) -> Timestamp {
        "2026-04-22T10:00:00Z".parse::<Timestamp>().expect("a time").plus_days(-days_before)
    }

    #[test]
    fn a_day_without_a_sample_breaks_the_line() {
        let sample = |before: i64, value: f64| Sample { at: noon(before), value };
        // (days before the last, pieces as (first day's index, length)), ten days, worked by hand.
        type Row<'a> = (&'a [i64], Vec<(u16, usize)>);
        let rows: [Row<'_>; 5] = [
            (&[], vec![]),
            (&[0], vec![(9, 1)]),
            (&[3, 2, 1, 0], vec![(6, 4)]),
            (&[9, 8, 6, 5, 0], vec![(0, 2), (3, 2), (9, 1)]),
            (&[400, 12, 1], vec![(8, 1)]),
        ];
        for (days, expected) in rows {
            let samples: Vec<Sample> = days.iter().map(|before| sample(*before, 78.0)).collect();
            let found: Vec<(u16, usize)> =
                pieces(columns(10, 200.0), &samples).iter().map(|piece| (piece[0].0, piece.len())).collect();
            assert_eq!(found, expected, "{days:?}");
        }
        let twice = [sample(0, 1.0), Sample { at: noon(0).plus_millis(1), value: 2.0 }, sample(1, f64::NAN)];
        assert_eq!(
            pieces(columns(10, 200.0), &twice),
            [vec![(9, 2.0)]],
            "the last of a day; nothing from NaN"
        );
    }

    #[test]
    fn thinning_keeps_extremes_and_odd_marks() {
        let point = |before: i64, value: f64, mark: Mark| Point {
            at: noon(before),
            value: Some(value),
            mark,
            word: None,
        };
        let mut points: Vec<Point> = (0..365)
            .map(|day| {
                point(364 - day, 78.0 + f64::from(u8::try_from(day % 3).expect("small")), Mark::Measured)
            })
            .collect();
        points[100].value = Some(95.0);
        points[101].mark = Mark::Unassessed;
        let key = |point: &Point| (point.at, point.mark, point.value.unwrap_or(0.0));
        // 600 px for 365 days: three days share 4 px, so at most 122 columns of two.
        let kept = thinned(columns(365, 600.0), &points, 4.0, key);
        assert!(kept.len() <= 246 && kept.len() > 200, "{}", kept.len());
        assert!(kept.iter().any(|point| point.value == Some(95.0)));
        assert!(kept.iter().any(|point| point.mark == Mark::Unassessed));
        assert_eq!(thinned(columns(30, 600.0), &points, 4.0, key).len(), 365, "wide columns are left alone");
    }

    #[test]
    fn readings_of_a_day_stand_in_order_of_time() {
        let times = [noon(0).plus_millis(5), noon(0), noon(99)];
        let placed = place(columns(10, 200.0), &times, |at| *at);
        assert_eq!(placed.iter().map(|one| *one.item).collect::<Vec<_>>(), [noon(0), noon(0).plus_millis(5)]);
        assert!(placed[0].x < placed[1].x);
    }
}
