//! Worsening heart failure: several mild signs, one sum, one case.
//!
//! Each sign gives points that grow from nothing to a maximum: weight ([`super::weight_sign`]), pulse and pressure
//! ([`super::vital_signs`]), each symptom ([`super::symptom_signs`]), unusual silence. A guideline's jump alone is barely
//! better than chance (Zhang 2009, Gyllensten 2016); weight with symptoms is not (HeartPredict, Larburu 2018), and
//! clinicians ask for trends, not jumps (EMPOWER).
//!
//! **Opens** when the sum reaches `alarm_points`. From then on only news joins: the sum fell below and rose again, rose by
//! another `step_points`, or became urgent. **Closes** by staff. A sum that stays high opens nothing new; it must fall
//! and rise again.
//!
//! **Invariant:** every sign that gave points is a finding of its own, so the reasons of a case add up.

use vitals::{Content, ReadingId, Symptom, Timestamp};

use super::symptom_signs::{SymptomSign, symptom_signs};
use super::vital_signs::{VitalSign, pulse_sign, systolic_sign};
use super::weight_sign::{WeightSign, days_above, shown_weighings, weight_sign};
use super::{Case, Seen, ramp};
use crate::calendar::local_date;
use crate::chart::Chart;
use crate::finding::{Priority, Problem};
use crate::policy::Decompensation;
use crate::words::{Bilingual, comma, number, plain, signed, weekday};

/// Silence is compared over the last week, and with up to eight weeks before.
const SILENT_WEEK: usize = 7;
const SILENT_BEFORE: usize = 56;
const SILENCE_KNOWN_DAYS_MIN: f64 = 28.0;

pub(super) fn see(case: &Case<'_>) -> Vec<Seen> {
    let Some(rule) = &case.rules.decompensation else { return Vec::new() };
    if !is_sign(&case.reading.content) {
        return Vec::new();
    }
    let chart = case.input.chart;
    let as_of = chart.latest_at().unwrap_or(case.reading.at).min(case.input.now);
    let Some(score) = score_that_may_alarm(chart, rule, as_of) else { return Vec::new() };
    let before = self::score(chart, rule, as_of, Some(&case.reading.id));
    let priority = score.priority(rule);
    let is_news = score.level(rule) > before.level(rule) || priority > before.priority(rule);
    if is_news { score.explain(case, rule, priority) } else { Vec::new() }
}

/// Whether a reading can move the sum.
fn is_sign(content: &Content) -> bool {
    use vitals::Kind;
    match content {
        Content::Symptoms(_) => true,
        Content::Vitals { kind, .. } => match kind {
            Kind::Weight | Kind::BodyComposition | Kind::BloodPressure | Kind::PulseOximetry => true,
            Kind::CuffPressure | Kind::Temperature | Kind::HeartRate | Kind::Clock => false,
        },
    }
}

/// The signs at one moment.
struct Score {
    weight: Option<WeightSign>,
    pulse: Option<VitalSign>,
    systolic: Option<VitalSign>,
    symptoms: Vec<SymptomSign>,
    silence: f64,
    silence_excess: f64,
}

fn score(chart: &Chart, rule: &Decompensation, as_of: Timestamp, without: Option<&ReadingId>) -> Score {
    let silence_excess = silence_excess(chart, as_of);
    Score {
        weight: weight_sign(chart, rule, as_of, without),
        pulse: pulse_sign(chart, rule, as_of, without),
        systolic: systolic_sign(chart, rule, as_of, without),
        symptoms: symptom_signs(chart, rule, as_of, without),
        silence: rule.silence_points * ramp(silence_excess, rule.silence_from, 1.0),
        silence_excess,
    }
}

/// The signs, or `None` when their sum lies below the alarm. Weight and symptoms are asked first: most days they leave too
/// little for the others to fill.
fn score_that_may_alarm(chart: &Chart, rule: &Decompensation, as_of: Timestamp) -> Option<Score> {
    let weight = weight_sign(chart, rule, as_of, None).map_or(0.0, |sign| sign.points);
    let symptoms: f64 = symptom_signs(chart, rule, as_of, None).iter().map(|sign| sign.points).sum();
    let others_at_most = rule.pulse_points + rule.systolic_points + rule.silence_points;
    if weight + symptoms + others_at_most < rule.alarm_points {
        return None;
    }
    let score = score(chart, rule, as_of, None);
    (score.sum() >= rule.alarm_points).then_some(score)
}

/// The share of silent days in the last week above that of the weeks before.
fn silence_excess(chart: &Chart, as_of: Timestamp) -> f64 {
    let week_ago = as_of.plus_days(-7);
    if chart.days_known(as_of) < SILENCE_KNOWN_DAYS_MIN {
        return 0.0;
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let days_before = (chart.days_known(week_ago) as usize).clamp(1, SILENT_BEFORE);
    chart.share_silent(as_of, SILENT_WEEK) - chart.share_silent(week_ago, days_before)
}

impl Score {
    fn sum(&self) -> f64 {
        let vital = |sign: &Option<VitalSign>| sign.map_or(0.0, |sign| sign.points);
        self.weight.map_or(0.0, |sign| sign.points)
            + vital(&self.pulse)
            + vital(&self.systolic)
            + self.symptoms.iter().map(|sign| sign.points).sum::<f64>()
            + self.silence
    }

    /// 0 below the alarm, then one more for each step.
    fn level(&self, rule: &Decompensation) -> i64 {
        let over = self.sum() - rule.alarm_points;
        if over < 0.0 { 0 } else { 1 + super::whole_days(over / rule.step_points - 0.5) }
    }

    fn priority(&self, rule: &Decompensation) -> Priority {
        if self.sum() < rule.alarm_points {
            return Priority::Routine;
        }
        let weight = self.weight.filter(|sign| sign.points > 0.0);
        let breathless = self.symptoms.iter().any(|sign| {
            matches!(sign.symptom, Symptom::Breathlessness | Symptom::Orthopnoea)
                && f64::from(sign.latest) >= rule.urgent_symptom_grade
        });
        let large = weight.is_some_and(|sign| sign.gain_kg() >= rule.urgent_gain_kg);
        if self.sum() >= rule.urgent_points || large || (weight.is_some() && breathless) {
            Priority::Urgent
        } else {
            Priority::Soon
        }
    }

    fn explain(&self, case: &Case<'_>, rule: &Decompensation, priority: Priority) -> Vec<Seen> {
        let mut seen = Vec::new();
        seen.extend(self.weight.and_then(|sign| explain_weight(case, rule, &sign)));
        seen.extend(self.weight.and_then(|sign| explain_jump(case, rule, &sign)));
        for sign in &self.symptoms {
            seen.push(explain_symptom(case, rule, sign));
        }
        seen.extend(self.pulse.filter(|sign| sign.points > 0.0).map(|sign| explain_pulse(case, &sign)));
        seen.extend(self.systolic.filter(|sign| sign.points > 0.0).map(|sign| explain_systolic(case, &sign)));
        if self.silence > 0.0 {
            seen.push(explain_silence(self.silence_excess, rule));
        }
        for one in &mut seen {
            one.priority = priority;
            if one.readings.last() != Some(&case.reading.id) {
                one.readings.retain(|id| id != &case.reading.id);
                one.readings.push(case.reading.id.clone());
            }
        }
        seen
    }
}

const fn sign(
    rule: &'static str,
    observed: f64,
    limit: f64,
    unit: &'static str,
    text: Bilingual,
    readings: Vec<ReadingId>,
) -> Seen {
    Seen {
        problem: Problem::Decompensation,
        priority: Priority::Soon,
        rule,
        observed: Some(observed),
        limit: Some(limit),
        unit,
        text,
        readings,
    }
}

fn explain_weight(case: &Case<'_>, rule: &Decompensation, weight: &WeightSign) -> Option<Seen> {
    let chart = case.input.chart;
    let smoothed = &weight.smoothed;
    let limit_kg = rule.weight_from * smoothed.noise;
    if weight.gain_kg() <= limit_kg {
        return None;
    }
    let usual_kg = chart.usual_weight_kg(smoothed.last_at).unwrap_or(smoothed.slow);
    let over = signed(smoothed.last - usual_kg, 1);
    let usual = number(usual_kg, 1);
    let days = days_above(chart, usual_kg);
    let days_en = if days == 1 { "1 day".to_owned() } else { format!("{days} days") };
    let days_sv = if days == 1 { "1 dag".to_owned() } else { format!("{days} dagar") };
    let text = Bilingual::of(
        format!("{} kg mot det vanliga ({}) på {days_sv}", over.sv, usual.sv),
        format!("{} kg against the usual ({}) in {days_en}", over.en, usual.en),
    );
    Some(sign("weight_trend", weight.gain_kg(), limit_kg, "kg", text, shown_weighings(chart)))
}

fn explain_jump(case: &Case<'_>, rule: &Decompensation, weight: &WeightSign) -> Option<Seen> {
    let jump = weight.jump?;
    let text = super::weight_jump::text(&jump, rule.jump_gain_kg, rule.jump_days);
    Some(sign("weight_jump", jump.gain_kg, rule.jump_gain_kg, "kg", text, shown_weighings(case.input.chart)))
}

fn explain_pulse(case: &Case<'_>, pulse: &VitalSign) -> Seen {
    let text = Bilingual::of(
        format!("puls upp {} mot det vanliga ({})", comma(pulse.change(), 0), comma(pulse.smoothed.slow, 0)),
        format!(
            "pulse up {} against the usual ({})",
            plain(pulse.change(), 0),
            plain(pulse.smoothed.slow, 0)
        ),
    );
    let readings = latest_readings(case.input.chart.pulse());
    sign("pulse_trend", pulse.change(), pulse.limit, "/min", text, readings)
}

fn explain_systolic(case: &Case<'_>, systolic: &VitalSign) -> Seen {
    let change = systolic.change();
    let (way_sv, way_en) = if change > 0.0 { ("upp", "up") } else { ("ned", "down") };
    let text = Bilingual::of(
        format!(
            "övertryck {way_sv} {} mot det vanliga ({})",
            comma(change.abs(), 0),
            comma(systolic.smoothed.slow, 0)
        ),
        format!(
            "systolic {way_en} {} against the usual ({})",
            plain(change.abs(), 0),
            plain(systolic.smoothed.slow, 0)
        ),
    );
    let limit = if change > 0.0 { systolic.limit } else { -systolic.limit };
    let readings = latest_readings(case.input.chart.systolic());
    sign("systolic_trend", change, limit, "mmHg", text, readings)
}

fn explain_symptom(case: &Case<'_>, rule: &Decompensation, symptom: &SymptomSign) -> Seen {
    let date = local_date(symptom.since, case.input.zone);
    let (day_sv, day_en) = weekday(date.weekday());
    let (name_sv, name_en) = super::symptoms::names(symptom.symptom);
    let text = Bilingual::of(
        format!("mer {name_sv} sedan {day_sv} {}", date_short(date)),
        format!("more {name_en} since {day_en} {}", date_short(date)),
    );
    let recent_from = symptom.since.plus_millis(-1);
    let readings = case
        .input
        .chart
        .forms()
        .filter(|form| form.at >= recent_from && form.answers.get(symptom.symptom).is_some())
        .map(|form| form.id.clone())
        .collect();
    let limit = symptom.habit + rule.symptom_from * symptom.scale;
    sign(super::symptoms::rule_name(symptom.symptom), symptom.recent, limit, "", text, readings)
}

fn explain_silence(excess: f64, rule: &Decompensation) -> Seen {
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
    sign("fewer_readings", excess, rule.silence_from, "", text, Vec::new())
}

/// `3/1`.
fn date_short(date: jiff::civil::Date) -> String {
    format!("{}/{}", date.day(), date.month())
}

/// The readings of the last two days of a series, the latest last.
fn latest_readings(series: &crate::chart::Series) -> Vec<ReadingId> {
    let Some(latest) = series.trusted().next_back() else { return Vec::new() };
    let from = latest.at.plus_days(-2);
    series.trusted().filter(|point| point.at >= from).map(|point| point.id.clone()).collect()
}
