//! The guideline's jump as a rule of its own: more than so many kilograms within so many days (ESC 2021; WISH).
//!
//! **Opens** a decompensation case at the weighing that passes the limit; every further one above it joins.
//! **Closes** by staff. It needs no baseline, and finds little more than chance would (Zhang 2009): a policy that
//! follows trends leaves it out and counts the jump among its signs.
//!
//! **Invariant:** only usable weighings count; an odd one neither starts nor ends a gain.

use vitals::{Kind, Quantity};

use super::weight_sign::{Jump, jump, shown_weighings};
use super::{Case, Seen};
use crate::finding::{Priority, Problem};
use crate::words::{Bilingual, number, signed};

pub(super) fn see(case: &Case<'_>) -> Option<Seen> {
    let rule = case.rules.weight_jump?;
    case.reading.measured(Quantity::WeightKg)?;
    if !matches!(case.reading.kind_key(), key if key == Kind::Weight.key() || key == Kind::BodyComposition.key())
    {
        return None;
    }
    let jump = jump(case.input.chart, rule.days, None).filter(|jump| jump.gain_kg > rule.gain_kg)?;
    let priority = if jump.gain_kg >= rule.urgent_gain_kg { Priority::Urgent } else { Priority::Soon };
    Some(Seen {
        problem: Problem::Decompensation,
        priority,
        rule: "weight_jump",
        observed: Some(jump.gain_kg),
        limit: Some(rule.gain_kg),
        unit: "kg",
        text: text(&jump, rule.gain_kg, rule.days),
        readings: shown_weighings(case.input.chart),
    })
}

pub(super) fn text(jump: &Jump, limit_kg: f64, limit_days: f64) -> Bilingual {
    let days = super::whole_days(jump.days).max(1);
    let (gain, limit, within) = (signed(jump.gain_kg, 1), number(limit_kg, 1), number(limit_days, 0));
    let (from, to) = (number(jump.lowest_kg, 1), number(jump.latest_kg, 1));
    Bilingual::of(
        format!(
            "{} kg på {days} {} ({} till {}); gräns {} kg på {} dagar",
            gain.sv,
            if days == 1 { "dag" } else { "dagar" },
            from.sv,
            to.sv,
            limit.sv,
            within.sv
        ),
        format!(
            "{} kg in {days} {} ({} to {}); limit {} kg in {} days",
            gain.en,
            if days == 1 { "day" } else { "days" },
            from.en,
            to.en,
            limit.en,
            within.en
        ),
    )
}
