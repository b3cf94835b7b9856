//! Blood pressure beyond its limits, which are narrower when symptoms go with it (BEAT-HF, table 1).
//!
//! **Opens** at the second reading in a row beyond the same side, or at once beyond an extreme limit, or below
//! the lower one with a clear symptom. Every further such reading joins; where the policy has a hysteresis, only an extreme
//! one, until the person's usual pressure has left the limit. **Closes** by staff; readings within limits join nothing.
//!
//! **Invariant:** the reading that lies beyond a limit is the last of its finding.

use vitals::{Quantity, ReadingId, Timestamp};

use super::{Case, Seen};
use crate::finding::{Priority, Problem};
use crate::state::{Beyond, Feeling, Glance, Sample, Side, State, Tuning};
use crate::words::{Bilingual, number};

pub(super) fn see(case: &Case<'_>) -> Option<Seen> {
    let [low, high, diastolic_high] = case.input.state.pressure_sides(case.input.tuning)?;
    let rows = [
        (Glance::SYSTOLIC_LOW, Quantity::SystolicMmhg, low, "systolic_low"),
        (Glance::SYSTOLIC_HIGH, Quantity::SystolicMmhg, high, "systolic_high"),
        (Glance::DIASTOLIC_HIGH, Quantity::DiastolicMmhg, diastolic_high, "diastolic_high"),
    ];
    rows.into_iter()
        .filter(|(what, ..)| case.set_off(*what))
        .filter_map(|(_, quantity, side, rule)| judge(case, quantity, &side, rule))
        .max_by_key(|seen| seen.priority)
}

fn judge(case: &Case<'_>, quantity: Quantity, side: &Side, name: &'static str) -> Option<Seen> {
    let rule = case.input.tuning.rules.blood_pressure?;
    let (name_sv, name_en) = match quantity == Quantity::DiastolicMmhg {
        true => ("undertryck", "diastolic"),
        false => ("övertryck", "systolic"),
    };
    let words = Words { problem: Problem::BloodPressure, rule: name, unit: "mmHg", name_sv, name_en };
    let hours = (rule.symptom_hours, rule.above_habit);
    beyond(case, quantity, side, &Within { hours, repeat_days: rule.repeat_days }, &words)
}

/// How a limit is told.
pub(super) struct Words {
    pub(super) problem: Problem,
    pub(super) rule: &'static str,
    pub(super) unit: &'static str,
    pub(super) name_sv: &'static str,
    pub(super) name_en: &'static str,
}

/// What is looked at beside a value: answers of so many hours, so far above habit; a value so many days before.
pub(super) struct Within {
    pub(super) hours: (f64, Option<f64>),
    pub(super) repeat_days: f64,
}

/// A value that lies beyond a limit.
struct Judged {
    value: f64,
    id: ReadingId,
    beyond: Beyond,
    feeling: Feeling,
    /// The one before it, where that lies beyond the limit too.
    earlier: Option<(f64, ReadingId)>,
}

impl Judged {
    const fn is_urgent(&self) -> bool {
        self.beyond.extreme || matches!(self.feeling, Feeling::Clear)
    }

    fn of(
        case: &Case<'_>,
        quantity: Quantity,
        side: &Side,
        within: &Within,
        (value, at, id): (f64, Timestamp, ReadingId),
    ) -> Option<Self> {
        let feeling = case.input.state.feeling(case.input.days.day(at), within.hours, case.input.tuning);
        // What arrived late was judged by how the person felt then, which the state may no longer know.
        let beyond = side.beyond(value, feeling).or_else(|| side.beyond(value, Feeling::Symptoms))?;
        let earlier = case.input.recent.before(quantity, at, &id, within.repeat_days);
        let earlier = earlier.filter(|(earlier, _)| side.beyond(*earlier, feeling).is_some());
        Some(Self { value, id, beyond, feeling, earlier })
    }
}

/// The value under judgement, where it lies beyond `side`, and the one before it where that does too. A late one may be no more
/// than what lets a value after it count: then it is that value which is told.
pub(super) fn beyond(
    case: &Case<'_>,
    quantity: Quantity,
    side: &Side,
    within: &Within,
    words: &Words,
) -> Option<Seen> {
    let (at, own) = (case.reading.at, case.sample.usable(quantity));
    let own = own.map(|value| (value, at, case.reading.id.clone()));
    let values = own.into_iter().chain(case.input.recent.after(quantity, at));
    let mut judged = values.filter_map(|value| Judged::of(case, quantity, side, within, value));
    let first = judged.next()?;
    let counts = |one: &Judged| one.is_urgent() || one.earlier.is_some();
    let told = if counts(&first) { first } else { judged.find(counts).unwrap_or(first) };
    let said = beyond_text(&told, words.unit);
    Some(Seen {
        problem: words.problem,
        priority: if told.is_urgent() { Priority::Urgent } else { Priority::Soon },
        rule: words.rule,
        observed: Some(told.value),
        limit: Some(told.beyond.limit),
        unit: words.unit,
        text: Bilingual::of(
            format!("{} {}", words.name_sv, said.sv),
            format!("{} {}", words.name_en, said.en),
        ),
        readings: readings(told.earlier.map(|(_, id)| id), &told.id),
    })
}

/// Whether either pressure of `sample` lies beyond a limit.
pub(super) fn is_beyond(sample: &Sample, state: &State, day: i32, tuning: &Tuning) -> bool {
    let (Some(rule), Some([low, high, diastolic_high])) =
        (&tuning.rules.blood_pressure, state.pressure_sides(tuning))
    else {
        return false;
    };
    let feeling = state.feeling(day, (rule.symptom_hours, rule.above_habit), tuning);
    let beyond = |quantity, side: Side| {
        sample.measured(quantity).is_some_and(|value| side.beyond(value, feeling).is_some())
    };
    beyond(Quantity::SystolicMmhg, low)
        || beyond(Quantity::SystolicMmhg, high)
        || beyond(Quantity::DiastolicMmhg, diastolic_high)
}

/// The reading before, if it counted, then the causing one.
pub(super) fn readings(earlier: Option<ReadingId>, id: &ReadingId) -> Vec<ReadingId> {
    earlier.into_iter().chain([id.clone()]).collect()
}

/// "172 mmHg, över gränsen 170; gången före 175; med besvär".
fn beyond_text(told: &Judged, unit: &str) -> Bilingual {
    let Judged { beyond, feeling, .. } = told;
    let (value, limit) = (number(told.value, 0), number(beyond.limit, 0));
    let (way_sv, way_en) = if beyond.low { ("under", "below") } else { ("över", "above") };
    let mut text = Bilingual::of(
        format!("{} {unit}, {way_sv} gränsen {}", value.sv, limit.sv),
        format!("{} {unit}, {way_en} the limit {}", value.en, limit.en),
    );
    if let Some((earlier, _)) = told.earlier {
        let earlier = number(earlier, 0);
        text.sv.push_str(&format!("; gången före {}", earlier.sv));
        text.en.push_str(&format!("; the time before {}", earlier.en));
    }
    if *feeling != Feeling::Well {
        text.sv.push_str("; med besvär");
        text.en.push_str("; with symptoms");
    }
    text
}
