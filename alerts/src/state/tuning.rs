//! A policy's rules for one patient, ready to be folded by: the person's own limits laid over them, the days on which they
//! are asked to measure, and what depends on these alone worked out once.
//!
//! **Invariant:** the same policy, limits and days give the same tuning.

use super::habit::{HabitShape, SCORED, SymptomRule, Young, points_of};
use super::limit::Side;
use super::trend::Smoothing;
use crate::policy::{Decompensation, Overrides, Policy, Rules};
use crate::schedule::MeasuringDays;

/// See the module.
#[derive(Clone, Debug, PartialEq)]
pub struct Tuning {
    pub(crate) rules: Rules,
    pub(crate) unused: Vec<String>,
    pub(crate) habit: HabitShape,
    /// How weight is smoothed for the detector; for a policy without one, as the rule that needs noise says.
    pub(crate) weight: Smoothing,
    pub(crate) signs: Option<Signs>,
    pub(crate) pressure: Option<[Side; 3]>,
    pub(crate) pulse: Option<[Side; 2]>,
    pub(crate) oxygen: Option<Side>,
    /// Between these lies what no limit asks about: systolic, diastolic, pulse.
    pub(crate) inside: [(f64, f64); 3],
    pub(crate) measuring: MeasuringDays,
}

/// Where there are no limits, everything lies inside.
const ANY: (f64, f64) = (f64::MIN, f64::MAX);

/// What the combined detector needs at every reading.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Signs {
    pub(crate) rule: Decompensation,
    pub(crate) pulse: Smoothing,
    pub(crate) systolic: Smoothing,
    pub(crate) symptoms: SymptomRule,
    /// Points at full of each of [`SCORED`].
    pub(crate) symptom_points: [f64; SCORED.len()],
}

impl Tuning {
    /// The rules of `policy` for a patient with limits of their own.
    #[must_use]
    pub fn of(policy: &Policy, overrides: &Overrides) -> Self {
        let (rules, unused) = policy.rules_for(overrides);
        let rules = rules.into_owned();
        let pressure = rules.blood_pressure.map(|rule| rule.sides());
        let pulse = rules.pulse.map(|rule| rule.sides());
        let inside = [
            pressure.map_or(ANY, |[low, high, _]| (low.inner(), high.inner())),
            pressure.map_or(ANY, |[_, _, high]| (f64::MIN, high.inner())),
            pulse.map_or(ANY, |[low, high]| (low.inner(), high.inner())),
        ];
        Self {
            inside,
            habit: HabitShape::of(rules.decompensation.as_ref()),
            weight: weight_smoothing(&rules),
            signs: rules.decompensation.map(Signs::of),
            pressure,
            pulse,
            oxygen: rules.oxygen.map(|rule| rule.side()),
            unused,
            rules,
            measuring: MeasuringDays::default(),
        }
    }

    /// The same for a patient who is asked to measure on these days only.
    #[must_use]
    pub fn measuring_on(self, measuring: MeasuringDays) -> Self {
        Self { measuring, ..self }
    }

    /// The keys of the patient's own limits that fit nowhere.
    #[must_use]
    pub fn unusable_limits(&self) -> &[String] {
        &self.unused
    }
}

#[allow(clippy::cast_possible_truncation)]
fn weight_smoothing(rules: &Rules) -> Smoothing {
    match (&rules.decompensation, &rules.weight_cusum) {
        (Some(rule), _) => rule.weight_smoothing(),
        (None, Some(cusum)) => Smoothing {
            fast_days: 1.0,
            slow_days: cusum.usual_days as f32,
            noise_prior: cusum.noise_prior_kg as f32,
            noise_prior_count: cusum.noise_prior_count as f32,
        },
        // No rule asks for averages or noise then.
        (None, None) => {
            Smoothing { fast_days: 1.0, slow_days: 30.0, noise_prior: 1.0, noise_prior_count: 1.0 }
        }
    }
}

impl Signs {
    fn of(rule: Decompensation) -> Self {
        Self {
            rule,
            pulse: rule.pulse_smoothing(),
            systolic: rule.systolic_smoothing(),
            symptoms: symptom_rule(&rule),
            symptom_points: SCORED.map(|symptom| points_of(symptom, &rule)),
        }
    }
}

#[allow(clippy::cast_possible_truncation)]
fn symptom_rule(rule: &Decompensation) -> SymptomRule {
    // Independent answers of equal noise: their weighed sum has the root of the sum of squares.
    let squares: f64 = SCORED.iter().map(|symptom| points_of(*symptom, rule).powi(2)).sum();
    let recent_days = rule.symptom_recent_days.round() as i32;
    let young = Young {
        answers_min: rule.habit_answers_min.unwrap_or(0.0) as f32,
        from_days: recent_days.saturating_add(1),
        until_days: HabitShape::of(Some(rule)).lag_days,
    };
    SymptomRule {
        recent_days,
        young,
        answers_usual: rule.symptom_answers_usual.map(|usual| usual as f32),
        prior_count: rule.habit_prior_count as f32,
        sees_below: rule.symptom_below_share.is_some(),
        prior_grade: rule.habit_prior_grade.unwrap_or(0.0) as f32,
        usual_grade: rule.symptom_noise_grade as f32,
        swing_days_min: rule.swing_answers_min.unwrap_or(0.0) as f32,
        prior_swing: (rule.symptom_noise_prior_grade.unwrap_or(rule.symptom_noise_grade) * squares.sqrt())
            as f32,
        usual_swing: (rule.symptom_noise_grade * squares.sqrt()) as f32,
        swing_prior_count: rule.symptom_noise_prior_count.unwrap_or(rule.habit_prior_count) as f32,
    }
}
