//! Symptoms as signs: each against the person's own habit.
//!
//! Somebody who is always a little breathless says nothing new by saying so. The habit of a symptom is the mean of
//! answers some weeks old, begun from a few answers of "none": `sum / (n0 + n)`. What counts is how far the mean of the
//! recent answers lies above it; for somebody whose answers swing more than most, less, in proportion to their swing.
//!
//! **Invariant:** a question that was not answered counts neither for nor against.

use vitals::{ReadingId, Symptom, Timestamp};

use super::ramp;
use crate::chart::Chart;
use crate::policy::Decompensation;

/// One symptom as a sign.
#[derive(Clone, Copy, Debug)]
pub(super) struct SymptomSign {
    pub(super) symptom: Symptom,
    pub(super) points: f64,
    /// The mean of the recent answers, grades.
    pub(super) recent: f64,
    /// The latest answer, grade.
    pub(super) latest: u8,
    /// The person's habit, grades.
    pub(super) habit: f64,
    /// How much more than most the person's answers swing; at least 1.
    pub(super) scale: f64,
    /// When the symptom last rose above habit.
    pub(super) since: Timestamp,
}

/// What is known of one symptom.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    old_sum: f64,
    old_squares: f64,
    old_count: f64,
    recent_sum: f64,
    recent_count: f64,
    latest: Option<u8>,
}

/// Age limits of a habit, days, and the answers of "none" it starts from.
#[derive(Clone, Copy, Debug)]
pub(super) struct HabitSpan {
    pub(super) from_days: f64,
    pub(super) until_days: f64,
    pub(super) prior_count: f64,
}

/// The habit of `symptom` at `as_of`, grades.
pub(super) fn habit_of(chart: &Chart, symptom: Symptom, as_of: Timestamp, span: HabitSpan) -> f64 {
    let mut tally = Tally::default();
    for form in chart.forms() {
        let age_days = as_of.days_since(form.at);
        if let Some(severity) = form.answers.get(symptom)
            && age_days >= span.from_days
            && age_days <= span.until_days
        {
            tally.old_sum += f64::from(severity.grade());
            tally.old_count += 1.0;
        }
    }
    tally.habit(span.prior_count)
}

impl Tally {
    fn habit(&self, prior_count: f64) -> f64 {
        let count = self.old_count + prior_count;
        if count > 0.0 { self.old_sum / count } else { 0.0 }
    }

    /// The standard deviation of the old answers, shrunk to `usual`, over it; at least 1.
    fn scale(&self, prior_count: f64, usual: f64) -> f64 {
        if self.old_count <= 0.0 {
            return 1.0;
        }
        let around_mean = self.old_squares - self.old_sum * self.old_sum / self.old_count;
        let variance = (prior_count * usual * usual + around_mean) / (prior_count + self.old_count);
        (variance.max(0.0).sqrt() / usual).max(1.0)
    }
}

/// Every symptom that gives points at `as_of`, as if reading `without` were not there.
pub(super) fn symptom_signs(
    chart: &Chart,
    rule: &Decompensation,
    as_of: Timestamp,
    without: Option<&ReadingId>,
) -> Vec<SymptomSign> {
    let tallies = tallies(chart, rule, as_of, without);
    let mut signs = Vec::new();
    for (symptom, tally) in Symptom::ALL.iter().zip(tallies) {
        let (Some(latest), Some(full_points)) = (tally.latest, points_of(*symptom, rule)) else { continue };
        let habit = tally.habit(rule.habit_prior_count);
        let recent = tally.recent_sum / tally.recent_count;
        let (from, full) = match symptom {
            // Asked as yes or no, so that one grade is all there is.
            Symptom::WorseThanYesterday => (rule.symptom_from / rule.symptom_full, 1.0),
            Symptom::Breathlessness
            | Symptom::Orthopnoea
            | Symptom::Swelling
            | Symptom::Dizziness
            | Symptom::Fatigue
            | Symptom::ChestPain
            | Symptom::Fainting
            | Symptom::BreathlessAtRest
            | Symptom::Cough
            | Symptom::Palpitations => (rule.symptom_from, rule.symptom_full),
        };
        let scale = tally.scale(rule.habit_prior_count, rule.symptom_noise_grade);
        let points = full_points * ramp((recent - habit) / scale, from, full);
        if points > 0.0 {
            let since = since(chart, *symptom, habit, as_of);
            signs.push(SymptomSign { symptom: *symptom, points, recent, latest, habit, scale, since });
        }
    }
    signs
}

fn tallies(
    chart: &Chart,
    rule: &Decompensation,
    as_of: Timestamp,
    without: Option<&ReadingId>,
) -> [Tally; Symptom::ALL.len()] {
    let mut tallies = [Tally::default(); Symptom::ALL.len()];
    for form in chart.forms().filter(|form| Some(&form.id) != without) {
        let age_days = as_of.days_since(form.at);
        let is_recent = age_days <= rule.symptom_recent_days;
        let is_old = age_days >= rule.habit_from_days && age_days <= rule.habit_until_days;
        if !is_recent && !is_old {
            continue;
        }
        for (symptom, severity) in form.answers.iter() {
            // `Symptom::ALL` lists the symptoms in their declared order.
            let Some(tally) = tallies.get_mut(symptom as usize) else { continue };
            let grade = f64::from(severity.grade());
            if is_recent {
                tally.recent_sum += grade;
                tally.recent_count += 1.0;
                tally.latest = Some(severity.grade());
            } else {
                tally.old_sum += grade;
                tally.old_squares += grade * grade;
                tally.old_count += 1.0;
            }
        }
    }
    tallies
}

/// When the unbroken run of answers above habit began.
fn since(chart: &Chart, symptom: Symptom, habit: f64, as_of: Timestamp) -> Timestamp {
    let mut began = as_of;
    for form in chart.forms().rev() {
        match form.answers.get(symptom) {
            Some(severity) if f64::from(severity.grade()) > habit => began = form.at,
            Some(_) => break,
            None => {}
        }
    }
    began
}

/// Points at full; `None` for what the red flags judge.
const fn points_of(symptom: Symptom, rule: &Decompensation) -> Option<f64> {
    match symptom {
        Symptom::Breathlessness => Some(rule.breathlessness_points),
        Symptom::Orthopnoea => Some(rule.orthopnoea_points),
        Symptom::Swelling => Some(rule.swelling_points),
        Symptom::Dizziness => Some(rule.dizziness_points),
        Symptom::Fatigue => Some(rule.fatigue_points),
        Symptom::WorseThanYesterday => Some(rule.worse_points),
        Symptom::Cough => Some(rule.cough_points),
        Symptom::Palpitations => Some(rule.palpitations_points),
        Symptom::ChestPain | Symptom::Fainting | Symptom::BreathlessAtRest => None,
    }
}
