//! Which weighings are this person's.
//!
//! A weight further than max(4 kg, 5 %) from the median of the last seven days is kept but not used: most often somebody
//! else stood on the scale, or it showed pounds. A second weighing that agrees with the odd one admits both. After
//! seven days without a usable weighing, distance alone says nothing, and only a wrong unit is looked for.
//! (Technique caused 54 % of false alerts in one telehealth sample; the wrong person on the scale is the most frequent
//! complaint of users of home scales.) A weight that fits a wrong unit is not admitted by a second like it: the scale, not
//! the person, says the same twice.
//!
//! **Invariant:** what is doubted depends on the weighings and their order in time, not on their order of arrival.

use std::collections::VecDeque;

use vitals::{ReadingId, Timestamp};

use super::series::{Doubt, Point};

/// How far back the median looks, and how long a gap silences the test of distance, days.
const MEDIAN_DAYS: i64 = 7;
const FAR_KG: f64 = 4.0;
const FAR_SHARE: f64 = 0.05;
/// Two odd weighings that lie this close speak for each other, kg.
const AGREE_KG: f64 = 1.5;
const POUNDS_IN_KG: f64 = 2.2046;
/// A weight that this share from the median after a change of unit counts as shown in that unit.
const UNIT_SHARE: f64 = 0.03;

/// Judges the points from `start` on; what lies before keeps its judgement.
pub(super) fn judge_from(points: &mut VecDeque<Point>, start: usize) {
    for place in start..points.len() {
        judge(points, place);
    }
}

/// Judges every point anew: needed when one arrived between others.
pub(super) fn judge_all(points: &mut VecDeque<Point>) {
    for point in points.iter_mut() {
        if matches!(point.doubt, Some(Doubt::FarFromUsual { .. })) {
            point.doubt = None;
        }
        point.admitted_by = None;
    }
    judge_from(points, 0);
}

fn judge(points: &mut VecDeque<Point>, place: usize) {
    let Some(point) = points.get(place) else { return };
    if point.doubt.is_some() {
        return;
    }
    let (at, kg) = (point.at, point.value);
    let doubt = far_from_usual(points, place);
    let odd = matches!(doubt, Some(Doubt::FarFromUsual { other_unit_kg: None, .. }));
    if odd {
        let id = point.id.clone();
        if confirm(points, place, &id, at, kg) {
            return;
        }
    }
    points[place].doubt = doubt;
}

fn far_from_usual(points: &VecDeque<Point>, place: usize) -> Option<Doubt> {
    let point = points.get(place)?;
    let week = point.at.plus_days(-MEDIAN_DAYS);
    let before = || points.range(..place).rev().filter(|earlier| earlier.doubt.is_none());
    let mut recent: Vec<f64> =
        before().take_while(|earlier| earlier.at >= week).map(|earlier| earlier.value).collect();
    if let Some(median_kg) = median(&mut recent) {
        let far = (point.value - median_kg).abs() > FAR_KG.max(FAR_SHARE * median_kg);
        return far
            .then(|| Doubt::FarFromUsual { median_kg, other_unit_kg: other_unit(point.value, median_kg) });
    }
    let last_kg = before().next()?.value;
    let other_unit_kg = Some(other_unit(point.value, last_kg)?);
    Some(Doubt::FarFromUsual { median_kg: last_kg, other_unit_kg })
}

fn other_unit(kg: f64, usual_kg: f64) -> Option<f64> {
    [kg / POUNDS_IN_KG, kg * POUNDS_IN_KG]
        .into_iter()
        .find(|candidate| (candidate - usual_kg).abs() <= UNIT_SHARE * usual_kg)
}

/// Whether an odd weighing of the last seven days agrees, or one that was admitted this way; then those are admitted.
fn confirm(points: &mut VecDeque<Point>, place: usize, id: &ReadingId, at: Timestamp, kg: f64) -> bool {
    let week = at.plus_days(-MEDIAN_DAYS);
    let mut agrees = false;
    for earlier in points.range_mut(..place).rev() {
        if earlier.at < week {
            break;
        }
        if earlier.at >= at || (earlier.value - kg).abs() > AGREE_KG {
            continue;
        }
        match earlier.doubt {
            None => agrees = true,
            Some(Doubt::FarFromUsual { other_unit_kg: None, .. }) => {
                earlier.doubt = None;
                earlier.admitted_by = Some(id.clone());
                agrees = true;
            }
            Some(
                Doubt::FarFromUsual { other_unit_kg: Some(_), .. }
                | Doubt::Impossible
                | Doubt::DeviceDoubts
                | Doubt::Time,
            ) => {}
        }
    }
    agrees
}

/// The middle value; `None` for none.
pub(super) fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    values.get(values.len() / 2 - 1).map(|lower| f64::midpoint(*lower, upper))
}
