//! Blood pressure beyond its limits, which are narrower when symptoms go with it (BEAT-HF, table 1).
//!
//! **Opens** at the second reading in a row beyond the same side, or at once beyond an extreme limit, or below
//! the lower one with a clear symptom. Every further such reading joins. **Closes** by staff; readings within limits join nothing.
//!
//! **Invariant:** the reading that caused a finding is its last.

use vitals::{Quantity, Reading, ReadingId};

use super::limits::{Beyond, Feeling, Side, before, feeling};
use super::{Case, Seen};
use crate::chart::{Chart, Point, Series};
use crate::finding::{Priority, Problem};
use crate::policy::{BloodPressure, Rules};
use crate::words::{Bilingual, number};

pub(super) fn see(case: &Case<'_>) -> Option<Seen> {
    let rule = case.rules.blood_pressure?;
    case.reading.measured(Quantity::SystolicMmhg)?;
    let chart = case.input.chart;
    let feeling = feeling(chart, case.reading.at, rule.symptom_hours);
    let (systolic_low, systolic_high, diastolic_high) = sides(&rule);
    let rows = [
        (chart.systolic(), systolic_low, "systolic_low"),
        (chart.systolic(), systolic_high, "systolic_high"),
        (chart.diastolic(), diastolic_high, "diastolic_high"),
    ];
    rows.into_iter()
        .filter_map(|(series, side, name)| judge(case, &rule, series, &side, feeling, name))
        .max_by_key(|seen| seen.priority)
}

/// Whether either pressure of `reading` lies beyond a limit.
pub(super) fn is_beyond(rules: &Rules, chart: &Chart, reading: &Reading) -> bool {
    let Some(rule) = rules.blood_pressure else { return false };
    let feeling = feeling(chart, reading.at, rule.symptom_hours);
    let (systolic_low, systolic_high, diastolic_high) = sides(&rule);
    let beyond = |quantity, side: Side| {
        reading.measured(quantity).is_some_and(|value| side.beyond(value, feeling).is_some())
    };
    beyond(Quantity::SystolicMmhg, systolic_low)
        || beyond(Quantity::SystolicMmhg, systolic_high)
        || beyond(Quantity::DiastolicMmhg, diastolic_high)
}

const fn sides(rule: &BloodPressure) -> (Side, Side, Side) {
    (
        Side {
            low: true,
            limit: rule.systolic_low_mmhg,
            limit_with_symptoms: rule.systolic_low_symptoms_mmhg,
            extreme: rule.systolic_low_extreme_mmhg,
        },
        Side {
            low: false,
            limit: rule.systolic_high_mmhg,
            limit_with_symptoms: rule.systolic_high_symptoms_mmhg,
            extreme: rule.systolic_high_extreme_mmhg,
        },
        Side {
            low: false,
            limit: rule.diastolic_high_mmhg,
            limit_with_symptoms: rule.diastolic_high_mmhg,
            extreme: rule.diastolic_high_extreme_mmhg,
        },
    )
}

fn judge(
    case: &Case<'_>,
    rule: &BloodPressure,
    series: &Series,
    side: &Side,
    feeling: Feeling,
    name: &'static str,
) -> Option<Seen> {
    let point = series.of(case.reading).filter(|point| point.doubt.is_none())?;
    let beyond = side.beyond(point.value, feeling)?;
    let earlier = before(series, &point.id, point.at, rule.repeat_days)
        .filter(|earlier| side.beyond(earlier.value, feeling).is_some());
    if earlier.is_none() && !beyond.stands_alone(feeling) {
        return None;
    }
    let urgent = beyond.extreme || feeling == Feeling::Clear;
    Some(Seen {
        problem: Problem::BloodPressure,
        priority: if urgent { Priority::Urgent } else { Priority::Soon },
        rule: name,
        observed: Some(point.value),
        limit: Some(beyond.limit),
        unit: "mmHg",
        text: text(point, earlier, beyond, feeling, name == "diastolic_high"),
        readings: readings(earlier, &point.id),
    })
}

/// The reading before, if it counted, then the causing one.
pub(super) fn readings(earlier: Option<&Point>, id: &ReadingId) -> Vec<ReadingId> {
    earlier.map(|earlier| earlier.id.clone()).into_iter().chain([id.clone()]).collect()
}

fn text(
    point: &Point,
    earlier: Option<&Point>,
    beyond: Beyond,
    feeling: Feeling,
    diastolic: bool,
) -> Bilingual {
    let (name_sv, name_en) = if diastolic { ("undertryck", "diastolic") } else { ("övertryck", "systolic") };
    let said = beyond_text(point.value, earlier.map(|earlier| earlier.value), beyond, feeling, "mmHg");
    Bilingual::of(format!("{name_sv} {}", said.sv), format!("{name_en} {}", said.en))
}

/// "172 mmHg (gräns 170), även förra gången 175; med besvär".
pub(super) fn beyond_text(
    value: f64,
    earlier: Option<f64>,
    beyond: Beyond,
    feeling: Feeling,
    unit: &str,
) -> Bilingual {
    let (value, limit) = (number(value, 0), number(beyond.limit, 0));
    let (way_sv, way_en) = if beyond.low { ("under", "below") } else { ("över", "above") };
    let mut text = Bilingual::of(
        format!("{} {unit}, {way_sv} gränsen {}", value.sv, limit.sv),
        format!("{} {unit}, {way_en} the limit {}", value.en, limit.en),
    );
    if let Some(earlier) = earlier {
        let earlier = number(earlier, 0);
        text.sv.push_str(&format!("; gången före {}", earlier.sv));
        text.en.push_str(&format!("; the time before {}", earlier.en));
    }
    if feeling != Feeling::Well {
        text.sv.push_str("; med besvär");
        text.en.push_str("; with symptoms");
    }
    text
}
