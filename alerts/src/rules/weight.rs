//! Rules on weight alone, as textbooks and guidelines have them. Each finds little more than chance would (Zhang 2009,
//! Gyllensten 2016), so a policy that follows the combined signs leaves them out; they are here for who wants them, and to
//! compare with.
//!
//! *Jump*: the latest weighing above the lowest of the days before it, on one span or two (ESC 2021: more than 2 kg in 3
//! days; EMPOWER: 1.4 kg in a day or 2.3 kg in three; US hospitals: 2-3 lb in a day or 5 lb in a week). *MACD*: the fast
//! average less the slow one (Zhang 2009). *CUSUM*: `S = max(0, S + z - k)` of residuals standardised by the person's own
//! noise (Page 1954). *Slope*: a least-squares line that rises beyond chance by Student's t.
//!
//! **Opens** a decompensation case at the weighing that passes the limit; every further one beyond it joins, for CUSUM the next
//! time the sum passes. **Closes** by staff.
//!
//! **Invariant:** only usable weighings count; an odd one neither starts nor ends a gain.

use vitals::ReadingId;

use super::{Case, Seen};
use crate::finding::{Priority, Problem};
use crate::state::{Glance, Jump};
use crate::words::{Bilingual, number, signed};

/// The weighings that a gain is shown to rest on, days.
const SHOWN_DAYS: i64 = 7;

pub(super) fn see(case: &Case<'_>) -> Vec<Seen> {
    let rules = [
        (Glance::JUMP, jump as fn(&Case<'_>) -> Option<Seen>),
        (Glance::MACD, macd),
        (Glance::CUSUM, cusum),
        (Glance::SLOPE, slope),
    ];
    rules.into_iter().filter(|(what, _)| case.set_off(*what)).filter_map(|(_, rule)| rule(case)).collect()
}

fn jump(case: &Case<'_>) -> Option<Seen> {
    let rule = case.input.tuning.rules.weight_jump?;
    let (jump, limit_kg, limit_days) = case.input.state.jump(case.input.tuning)?;
    let priority = if jump.gain_kg >= rule.urgent_gain_kg { Priority::Urgent } else { Priority::Soon };
    let text = jump_text(&jump, limit_kg, limit_days);
    Some(Seen { priority, ..gain(case, "weight_jump", (jump.gain_kg, limit_kg), "kg", text) })
}

fn macd(case: &Case<'_>) -> Option<Seen> {
    let rule = case.input.tuning.rules.weight_macd?;
    let gain_kg = case.input.state.macd_kg(case.input.tuning)?;
    let (over, limit) = (signed(gain_kg, 1), number(rule.gain_kg, 1));
    let (fast, slow) = (number(rule.fast_days, 0), number(rule.slow_days, 0));
    let text = Bilingual::of(
        format!("{} kg: {} dagars medel mot {} dagars; gräns {} kg", over.sv, fast.sv, slow.sv, limit.sv),
        format!(
            "{} kg: average of {} days against {} days; limit {} kg",
            over.en, fast.en, slow.en, limit.en
        ),
    );
    Some(gain(case, "weight_macd", (gain_kg, rule.gain_kg), "kg", text))
}

fn cusum(case: &Case<'_>) -> Option<Seen> {
    let rule = case.input.tuning.rules.weight_cusum?;
    let (sum, usual_kg) = case.input.state.cusum(case.input.tuning)?;
    let (usual, shown, limit) = (number(usual_kg, 1), number(sum, 1), number(rule.limit, 1));
    let text = Bilingual::of(
        format!("vikten har samlat avvikelser över {} kg: summa {}, gräns {}", usual.sv, shown.sv, limit.sv),
        format!("weight has kept above {} kg: cumulative sum {}, limit {}", usual.en, shown.en, limit.en),
    );
    Some(gain(case, "weight_cusum", (sum, rule.limit), "", text))
}

fn slope(case: &Case<'_>) -> Option<Seen> {
    let rule = case.input.tuning.rules.weight_slope?;
    let line = case.input.state.slope(&rule)?;
    let (rise, days, limit) = (signed(line.gain_kg, 1), number(rule.days, 0), number(rule.gain_kg, 1));
    let chance = number(line.probability * 100.0, 1);
    let text = Bilingual::of(
        format!(
            "vikten stiger {} kg på {} dagar (gräns {}); {} % risk att det är slump",
            rise.sv, days.sv, limit.sv, chance.sv
        ),
        format!(
            "weight rises {} kg in {} days (limit {}); {} % probability by chance",
            rise.en, days.en, limit.en, chance.en
        ),
    );
    Some(gain(case, "weight_slope", (line.gain_kg, rule.gain_kg), "kg", text))
}

fn gain(
    case: &Case<'_>,
    rule: &'static str,
    (observed, limit): (f64, f64),
    unit: &'static str,
    text: Bilingual,
) -> Seen {
    Seen {
        problem: Problem::Decompensation,
        priority: Priority::Soon,
        rule,
        observed: Some(observed),
        limit: Some(limit),
        unit,
        text,
        readings: shown_weighings(case),
    }
}

/// The usable weighings of the last week, the latest last.
pub(super) fn shown_weighings(case: &Case<'_>) -> Vec<ReadingId> {
    let state = case.input.state;
    let mut usable = state.weights().usable().filter_map(|weighing| state.time_of(weighing));
    let Some(latest) = usable.next() else { return Vec::new() };
    let from = latest.plus_days(-SHOWN_DAYS);
    let times: Vec<_> = usable.take_while(|at| *at >= from).chain([latest]).collect();
    // The state counts whole seconds.
    let is_used =
        |at: vitals::Timestamp| times.iter().any(|used| (0..1000).contains(&at.millis_since(*used)));
    case.input
        .recent
        .iter()
        .rev()
        .take_while(|entry| entry.sample.at >= from)
        .filter(|entry| entry.sample.usable(vitals::Quantity::WeightKg).is_some() && is_used(entry.sample.at))
        .filter_map(|entry| entry.name.to_id())
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
        .collect()
}

pub(super) fn jump_text(jump: &Jump, limit_kg: f64, limit_days: f64) -> Bilingual {
    let days = super::whole_days(jump.days).max(1);
    let (gain, limit, within) = (signed(jump.gain_kg, 1), number(limit_kg, 1), number(limit_days, 0));
    let (from, to) = (number(jump.lowest_kg, 1), number(jump.latest_kg, 1));
    let (day_sv, day_en) = if days == 1 { ("dag", "day") } else { ("dagar", "days") };
    Bilingual::of(
        format!(
            "{} kg på {days} {day_sv} ({} till {}); gräns {} kg på {} dagar",
            gain.sv, from.sv, to.sv, limit.sv, within.sv
        ),
        format!(
            "{} kg in {days} {day_en} ({} to {}); limit {} kg in {} days",
            gain.en, from.en, to.en, limit.en, within.en
        ),
    )
}
