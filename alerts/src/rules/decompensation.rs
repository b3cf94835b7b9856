//! Worsening heart failure: several mild signs, one sum, one case.
//!
//! Each sign gives points that grow from nothing to a maximum. Weight, pulse and pressure: a fast average less a slow one
//! (a moving-average convergence/divergence, MACD: Zhang 2009, TEN-HMS; on each person's own average as in HeartPhone,
//! Ledwidge 2013), divided by the person's own noise; for weight a guideline's jump supports it. Each symptom against the
//! person's own habit; an answer better than habit takes from the others what as much above it would give, for worsening is
//! felt in several ways at once, and answers that swing by themselves swing either way. Unusual silence. A guideline's jump alone is barely better than chance (Zhang 2009, Gyllensten
//! 2016); weight with symptoms is not (HeartPredict, Larburu 2018), and clinicians ask for trends, not jumps (EMPOWER).
//!
//! **Opens** when the sum reaches the alarm: `alarm_points`, changed for who is near it by habit (`state/score.rs`). From then on only news joins: the sum fell below and rose again, rose by another `step_points`, or
//! became urgent. **Closes** by staff. A sum that stays high opens nothing new; it must fall and rise again.
//!
//! **Invariant:** every sign that gave points is a finding of its own, so the reasons of a case add up to its sum at least; without a baseline
//! there is no trend, so the first days with a new scale open nothing.

use vitals::{Quantity, ReadingId, Symptom, Timestamp};

use super::weight::{jump_text, shown_weighings};
use super::{Case, Seen};
use crate::calendar::local_date;
use crate::finding::Problem;
use crate::policy::Decompensation;
use crate::state::{Glance, Moment, SCORED, Signs, Smoothed, Stand};
use crate::words::{Bilingual, comma, number, plain, signed, weekday};

pub(super) fn see(case: &Case<'_>) -> Vec<Seen> {
    let Some(signs) = case.input.tuning.signs.as_ref().filter(|_| case.set_off(Glance::DECOMPENSATION))
    else {
        return Vec::new();
    };
    let Some(moment) = case.input.state.latest_moment(case.input.days) else { return Vec::new() };
    let at = case.input.state.latest_at().unwrap_or(case.reading.at);
    let mut seen = Vec::new();
    seen.extend(weight(case, signs, moment, at));
    for place in 0..SCORED.len() {
        seen.extend(symptom(case, signs, place, moment));
    }
    seen.extend(pulse(case, signs, moment, at));
    seen.extend(systolic(case, signs, moment, at));
    seen.extend(silence(case, &signs.rule));
    let priority = case.input.state.height().priority;
    for one in &mut seen {
        one.priority = priority;
        if one.readings.last() != Some(&case.reading.id) {
            one.readings.retain(|id| id != &case.reading.id);
            one.readings.push(case.reading.id.clone());
        }
    }
    seen
}

fn sign(
    case: &Case<'_>,
    rule: &'static str,
    (observed, limit): (f64, f64),
    unit: &'static str,
    text: Bilingual,
    readings: Vec<ReadingId>,
) -> Seen {
    Seen {
        problem: Problem::Decompensation,
        priority: case.input.state.height().priority,
        rule,
        observed: Some(observed),
        limit: Some(limit),
        unit,
        text,
        readings,
    }
}

fn weight(case: &Case<'_>, signs: &Signs, moment: Moment, at: Timestamp) -> Vec<Seen> {
    let (state, tuning) = (case.input.state, case.input.tuning);
    let Some(smoothed) = state.fresh_weight(moment, tuning) else { return Vec::new() };
    let mut seen: Vec<Seen> = trend(case, &signs.rule, &smoothed, at).into_iter().collect();
    if let Some(jump) = state.weight_jump_sign(&signs.rule) {
        let text = jump_text(&jump, signs.rule.jump_gain_kg, signs.rule.jump_days);
        let numbers = (jump.gain_kg, signs.rule.jump_gain_kg);
        seen.push(sign(case, "weight_jump", numbers, "kg", text, shown_weighings(case)));
    }
    seen
}

fn trend(case: &Case<'_>, rule: &Decompensation, smoothed: &Smoothed, at: Timestamp) -> Option<Seen> {
    let gain_kg = f64::from(smoothed.change());
    let limit_kg = rule.weight_from * f64::from(smoothed.noise);
    if gain_kg <= limit_kg {
        return None;
    }
    let discharged = case.input.state.presence().last_discharge();
    let usual_kg =
        case.input.recent.usual_weight_kg(at, discharged).unwrap_or_else(|| f64::from(smoothed.slow));
    let over = signed(f64::from(smoothed.last) - usual_kg, 1);
    let usual = number(usual_kg, 1);
    let days = days_above(case, usual_kg);
    let (day_sv, day_en) = if days == 1 { ("dag", "day") } else { ("dagar", "days") };
    let text = Bilingual::of(
        format!("{} kg mot det vanliga ({}) på {days} {day_sv}", over.sv, usual.sv),
        format!("{} kg against the usual ({}) in {days} {day_en}", over.en, usual.en),
    );
    Some(sign(case, "weight_trend", (gain_kg, limit_kg), "kg", text, shown_weighings(case)))
}

/// For how many days weighings have lain above `usual_kg` without a break, to the latest; at least one.
fn days_above(case: &Case<'_>, usual_kg: f64) -> i64 {
    let kilograms =
        |entry: &crate::state::Entry| Some((entry.sample.at, entry.sample.usable(Quantity::WeightKg)?));
    let mut weighings = case.input.recent.iter().rev().filter_map(kilograms);
    let Some((latest, _)) = weighings.next() else { return 1 };
    let since = weighings.find(|(_, kg)| *kg <= usual_kg).map_or(latest, |(at, _)| at);
    super::whole_days(latest.days_since(since)).max(1)
}

fn pulse(case: &Case<'_>, signs: &Signs, moment: Moment, at: Timestamp) -> Option<Seen> {
    let smoothed = case.input.state.pulse_sign(signs).filter(|smoothed| smoothed.is_fresh(moment))?;
    let (change, limit) = change_and_limit(&smoothed, &signs.rule);
    let usual = f64::from(smoothed.slow);
    let text = Bilingual::of(
        format!("puls upp {} mot det vanliga ({})", comma(change, 0), comma(usual, 0)),
        format!("pulse up {} against the usual ({})", plain(change, 0), plain(usual, 0)),
    );
    let readings = case.input.recent.ids_of(Quantity::PulsePerMin, at, 2);
    let seen = sign(case, "pulse_trend", (change, limit), "/min", text, readings);
    (change > limit && signs.rule.pulse_points > 0.0).then_some(seen)
}

fn systolic(case: &Case<'_>, signs: &Signs, moment: Moment, at: Timestamp) -> Option<Seen> {
    let smoothed = case.input.state.systolic_sign(signs).filter(|smoothed| smoothed.is_fresh(moment))?;
    let (change, limit) = change_and_limit(&smoothed, &signs.rule);
    if change.abs() <= limit || signs.rule.systolic_points <= 0.0 {
        return None;
    }
    let (way_sv, way_en) = if change > 0.0 { ("upp", "up") } else { ("ned", "down") };
    let usual = f64::from(smoothed.slow);
    let text = Bilingual::of(
        format!("övertryck {way_sv} {} mot det vanliga ({})", comma(change.abs(), 0), comma(usual, 0)),
        format!("systolic {way_en} {} against the usual ({})", plain(change.abs(), 0), plain(usual, 0)),
    );
    let readings = case.input.recent.ids_of(Quantity::SystolicMmhg, at, 2);
    Some(sign(case, "systolic_trend", (change, limit.copysign(change)), "mmHg", text, readings))
}

/// The change of the fast average against the slow one, and the change at which points begin.
fn change_and_limit(smoothed: &Smoothed, rule: &Decompensation) -> (f64, f64) {
    (f64::from(smoothed.change()), rule.vital_from * f64::from(smoothed.noise))
}

fn symptom(case: &Case<'_>, signs: &Signs, place: usize, moment: Moment) -> Option<Seen> {
    let (stand, _) = case.input.state.symptom_sign(place, moment.day, case.input.tuning)?;
    let symptom = SCORED.get(place)?;
    let (since, readings) = since(case, *symptom, &stand);
    let date = local_date(since, case.input.days.zone());
    let (day_sv, day_en) = weekday(date.weekday());
    let (name_sv, name_en) = super::symptoms::names(*symptom);
    // It compares by itself; "more" before it would compare twice.
    let (more_sv, more_en) = match symptom {
        Symptom::WorseThanYesterday => ("", ""),
        Symptom::Breathlessness
        | Symptom::Orthopnoea
        | Symptom::Swelling
        | Symptom::Dizziness
        | Symptom::Fatigue
        | Symptom::ChestPain
        | Symptom::Fainting
        | Symptom::BreathlessAtRest
        | Symptom::Cough
        | Symptom::Palpitations => ("mer ", "more "),
    };
    let text = Bilingual::of(
        format!("{more_sv}{name_sv} sedan {day_sv} {}", date_short(date)),
        format!("{more_en}{name_en} since {day_en} {}", date_short(date)),
    );
    let limit = f64::from(stand.habit) + signs.rule.symptom_from * f64::from(stand.scale);
    let numbers = (f64::from(stand.recent), limit);
    Some(sign(case, super::symptoms::rule_name(*symptom), numbers, "", text, readings))
}

/// When the unbroken run of answers above habit began, and its forms.
fn since(case: &Case<'_>, symptom: Symptom, stand: &Stand) -> (Timestamp, Vec<ReadingId>) {
    let (mut began, mut readings) = (case.reading.at, Vec::new());
    let forms = case.input.recent.iter().rev();
    for (entry, answers) in forms.filter_map(|entry| Some((entry, entry.sample.answers()?))) {
        match answers.get(symptom) {
            Some(grade) if f32::from(grade) > stand.habit => {
                began = entry.sample.at;
                readings.extend(entry.name.to_id());
            }
            Some(_) => break,
            None => {}
        }
    }
    readings.reverse();
    (began, readings)
}

fn silence(case: &Case<'_>, rule: &Decompensation) -> Option<Seen> {
    let excess = case.input.state.silence_excess(case.input.tuning);
    if case.input.state.silence_points(rule, case.input.tuning) <= 0.0 {
        return None;
    }
    let percent = number(excess * 100.0, 0);
    let text = Bilingual::of(
        format!(
            "mäter mer sällan än vanligt: {} procentenheter fler dagar utan värden senaste veckan",
            percent.sv
        ),
        format!(
            "measures less than usual: {} percentage points more days without values this week",
            percent.en
        ),
    );
    Some(sign(case, "fewer_readings", (excess, rule.silence_from), "", text, Vec::new()))
}

/// `3/1`.
fn date_short(date: jiff::civil::Date) -> String {
    format!("{}/{}", date.day(), date.month())
}
