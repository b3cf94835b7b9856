//! What each rule makes of the state at the moment a sample was folded: the decisions, without words.
//!
//! **Invariant:** every decision rests on the state and the tuning alone.

use vitals::Symptom;

use super::habit::Young;
use super::score::{Height, level, level_kept};
use super::trend::Smoothed;
use super::tuning::Signs;
use super::{Answers, Glance, Jump, Moment, SCORED, Stand, State, Tuning};
use crate::finding::Priority;
use crate::policy::{Decompensation, WeightSlope};

/// The person is not known before values span so many days.
const VITAL_DAYS_MIN: f32 = 7.0;
pub(crate) const RED_FLAGS: [Symptom; 3] = [Symptom::BreathlessAtRest, Symptom::ChestPain, Symptom::Fainting];

/// Whether a red flag was said.
pub(crate) fn has_red_flag(answers: Answers) -> bool {
    RED_FLAGS.iter().any(|symptom| answers.get(*symptom).is_some_and(|grade| grade > 0))
}

/// Points that grow from 0 at `from` to 1 at `full`.
pub(crate) fn ramp(value: f64, from: f64, full: f64) -> f64 {
    if full <= from {
        return if value > from { 1.0 } else { 0.0 };
    }
    ((value - from) / (full - from)).clamp(0.0, 1.0)
}

/// A sign's points, which are small numbers.
#[allow(clippy::cast_possible_truncation)]
const fn points(number: f64) -> f32 {
    number as f32
}

/// Signs and their points.
impl State {
    /// The smoothed weight where there is a baseline.
    pub(crate) fn weight_sign(&self, tuning: &Tuning) -> Option<Smoothed> {
        let rule = &tuning.signs.as_ref()?.rule;
        let smoothed = self.weight.now(&tuning.weight)?;
        let known = f64::from(smoothed.count) >= rule.weight_readings_min
            && f64::from(smoothed.known_days) >= rule.weight_days_min;
        let noise = self.swing.blend(smoothed.noise, rule);
        known.then_some(Smoothed { noise, ..smoothed })
    }

    /// The jump that supports a weight sign.
    pub(crate) fn weight_jump_sign(&self, rule: &Decompensation) -> Option<Jump> {
        self.weights.jump(rule.jump_days).filter(|jump| jump.gain_kg > rule.jump_gain_kg)
    }

    /// How far the smoothed weight has risen, in the person's own noise.
    pub(crate) fn weight_points(&self, tuning: &Tuning) -> f32 {
        let (Some(signs), Some(smoothed)) = (&tuning.signs, self.weight_sign(tuning)) else { return 0.0 };
        let rule = &signs.rule;
        let ratio = f64::from(smoothed.change() / smoothed.noise);
        let trend = rule.weight_points * ramp(ratio, rule.weight_from, rule.weight_full);
        let jump = if self.weight_jump_sign(rule).is_some() { rule.jump_points } else { 0.0 };
        points(trend + jump)
    }

    /// The smoothed pulse where there is a baseline.
    pub(crate) fn pulse_sign(&self, signs: &Signs) -> Option<Smoothed> {
        self.pulse.now(&signs.pulse).filter(|smoothed| is_known(smoothed, &signs.rule))
    }

    /// The smoothed systolic pressure where there is a baseline.
    pub(crate) fn systolic_sign(&self, signs: &Signs) -> Option<Smoothed> {
        self.systolic.now(&signs.systolic).filter(|smoothed| is_known(smoothed, &signs.rule))
    }

    /// A rising pulse counts.
    pub(crate) fn pulse_points(&self, signs: &Signs) -> f32 {
        let Some(smoothed) = self.pulse_sign(signs) else { return 0.0 };
        let rise = f64::from(smoothed.change() / smoothed.noise);
        points(signs.rule.pulse_points * ramp(rise, signs.rule.vital_from, signs.rule.vital_full))
    }

    /// A change of pressure either way counts, for it rises with congestion and falls with a weak heart.
    pub(crate) fn systolic_points(&self, signs: &Signs) -> f32 {
        let Some(smoothed) = self.systolic_sign(signs) else { return 0.0 };
        let change = f64::from(smoothed.change().abs() / smoothed.noise);
        points(signs.rule.systolic_points * ramp(change, signs.rule.vital_from, signs.rule.vital_full))
    }

    /// The points of all symptoms on `day`.
    pub(crate) fn symptom_points(&self, day: i32, tuning: &Tuning) -> f32 {
        let Some(signs) = &tuning.signs else { return 0.0 };
        if self.habits.is_calm(day, signs.symptoms.recent_days) {
            return 0.0;
        }
        let scale = self.habits.scale(&signs.symptoms, &tuning.habit);
        let above: f32 = (0..SCORED.len())
            .filter_map(|place| self.symptom_sign_at(place, day, scale, signs))
            .map(|(_, points)| points)
            .sum();
        match signs.rule.symptom_below_share {
            Some(share) if above > 0.0 => (above - self.points_below(day, scale, signs, share)).max(0.0),
            Some(_) | None => above,
        }
    }

    /// What answers below habit take from the others' points: worsening heart failure is felt in several ways at once, and
    /// answers that swing by themselves swing either way.
    fn points_below(&self, day: i32, scale: f32, signs: &Signs, share: f64) -> f32 {
        let rule = &signs.rule;
        let given = |(place, at_full): (usize, &f64)| {
            let stand = self.habits.stand(place, day, scale, &signs.symptoms)?;
            let under = f64::from((stand.said - stand.recent) / stand.scale);
            Some(share * at_full * ramp(under, 0.0, rule.symptom_full))
        };
        points(signs.symptom_points.iter().enumerate().filter_map(given).sum())
    }

    /// How the symptom at `place` of [`SCORED`] stands on `day`, and the points it gives, if any.
    pub(crate) fn symptom_sign(&self, place: usize, day: i32, tuning: &Tuning) -> Option<(Stand, f32)> {
        let signs = tuning.signs.as_ref()?;
        self.symptom_sign_at(place, day, self.habits.scale(&signs.symptoms, &tuning.habit), signs)
    }

    fn symptom_sign_at(&self, place: usize, day: i32, scale: f32, signs: &Signs) -> Option<(Stand, f32)> {
        let stand = self
            .habits
            .stand(place, day, scale, &signs.symptoms)
            .filter(|stand| stand.recent > stand.habit)?;
        let rule = &signs.rule;
        let (from, full) = match SCORED.get(place)? {
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
        let over = f64::from((stand.recent - stand.habit) / stand.scale);
        let given = signs.symptom_points.get(place)? * ramp(over, from, full);
        (given > 0.0).then_some((stand, points(given)))
    }

    /// How much more than most the person's answers to a symptom with this habit swing, where the policy weighs answers by what is known of them.
    pub(crate) fn swing_of_answers(&self, habit: f32, tuning: &Tuning) -> f32 {
        let weighs = |signs: &&Signs| signs.symptoms.answers_usual.is_some();
        let signs = tuning.signs.as_ref().filter(weighs);
        signs.map_or(1.0, |signs| self.habits.scale_of(habit, &signs.symptoms, &tuning.habit))
    }

    /// The share of silent days in the last week above that of the weeks before.
    pub(crate) fn silence_excess(&self, tuning: &Tuning) -> f64 {
        f64::from(self.presence.silence_excess(tuning.measuring.any))
    }

    pub(crate) fn silence_points(&self, rule: &Decompensation, tuning: &Tuning) -> f32 {
        points(rule.silence_points * ramp(self.silence_excess(tuning), rule.silence_from, 1.0))
    }

    /// The sum of all signs at `moment`.
    pub(crate) fn sum(&self, moment: Moment) -> f64 {
        f64::from(self.points.sum(moment.at_s, &self.measured()))
    }

    /// The sum at which this person's case opens.
    pub(crate) fn alarm(&self, rule: &Decompensation) -> f64 {
        rule.alarm_points + f64::from(self.own.extra)
    }

    pub(super) fn sense_sum(&mut self, moment: Moment, tuning: &Tuning, own_points: f32) -> Glance {
        let Some(signs) = &tuning.signs else { return Glance::QUIET };
        let sum = self.sum(moment);
        self.own.note(sum, &signs.rule);
        let alarm = self.alarm(&signs.rule);
        if sum < alarm && self.height == Height::LOW {
            return Glance::QUIET;
        }
        let held = self.height;
        let kept = level_kept(held.level, sum, alarm, &signs.rule);
        let priority = self.priority(sum, alarm, moment, tuning, signs);
        let is_news = level(sum, alarm, signs.rule.step_points) > held.level || priority > held.priority;
        if is_news && own_points <= 0.0 {
            return Glance::QUIET;
        }
        let priority = match kept {
            0 => Priority::Routine,
            // Below the alarm but not yet left: what was told still stands.
            _ if sum < alarm => held.priority,
            _ => priority,
        };
        self.height = Height { level: kept, priority };
        Glance::DECOMPENSATION.when(is_news)
    }

    fn priority(&self, sum: f64, alarm: f64, moment: Moment, tuning: &Tuning, signs: &Signs) -> Priority {
        let rule = &signs.rule;
        if sum < alarm {
            return Priority::Routine;
        }
        let weight = self.fresh_weight(moment, tuning).filter(|_| self.points.weight > 0.0);
        let large = weight.is_some_and(|smoothed| f64::from(smoothed.change()) >= rule.urgent_gain_kg);
        let breathless = || {
            [0, 1].into_iter().any(|place| {
                self.symptom_sign(place, moment.day, tuning)
                    .is_some_and(|(stand, _)| f64::from(stand.latest) >= rule.urgent_symptom_grade)
            })
        };
        let urgent_points = rule.urgent_points + f64::from(self.own.extra);
        if sum >= urgent_points || large || (weight.is_some() && breathless()) {
            Priority::Urgent
        } else {
            Priority::Soon
        }
    }

    /// The weight sign, unless it is too old to say anything at `moment`.
    pub(crate) fn fresh_weight(&self, moment: Moment, tuning: &Tuning) -> Option<Smoothed> {
        self.weight_sign(tuning).filter(|smoothed| smoothed.is_fresh(moment))
    }

    /// How high the sum stands.
    pub(crate) const fn height(&self) -> Height {
        self.height
    }
}

/// What stands in for a habit while it is young.
pub(crate) fn young(tuning: &Tuning) -> Young {
    tuning.signs.as_ref().map_or(Young::OLD_ONLY, |signs| signs.symptoms.young)
}

fn is_known(smoothed: &Smoothed, rule: &Decompensation) -> bool {
    f64::from(smoothed.count) >= rule.vital_readings_min && smoothed.known_days >= VITAL_DAYS_MIN
}

/// Rules that stand alone.
impl State {
    pub(super) fn sense_weight(&self, _moment: Moment, tuning: &Tuning) -> Glance {
        let rules = &tuning.rules;
        let mut glance = Glance::QUIET;
        if rules.weight_jump.is_some() {
            glance = glance.and(Glance::JUMP.when(self.jump(tuning).is_some()));
        }
        if rules.weight_macd.is_some() || rules.weight_cusum.is_some() {
            glance = glance
                .and(Glance::MACD.when(self.macd_kg(tuning).is_some()))
                .and(Glance::CUSUM.when(self.cusum(tuning).is_some()));
        }
        if let Some(rule) = &rules.weight_slope {
            glance = glance.and(Glance::SLOPE.when(self.slope(rule).is_some()));
        }
        glance
    }

    /// The jump beyond a limit of its own rule, with that limit and its days.
    pub(crate) fn jump(&self, tuning: &Tuning) -> Option<(Jump, f64, f64)> {
        let rule = tuning.rules.weight_jump.as_ref()?;
        let long = self.weights.jump(rule.days).map(|jump| (jump, rule.gain_kg, rule.days));
        let short = || {
            let (gain_kg, days) = (rule.short_gain_kg?, rule.short_days?);
            Some((self.weights.jump(days)?, gain_kg, days))
        };
        long.filter(|(jump, gain_kg, _)| jump.gain_kg > *gain_kg)
            .or_else(|| short().filter(|(jump, gain_kg, _)| jump.gain_kg > *gain_kg))
    }

    /// The difference of the averages where it is beyond its limit, kg.
    pub(crate) fn macd_kg(&self, tuning: &Tuning) -> Option<f64> {
        let rule = tuning.rules.weight_macd.as_ref()?;
        let sitting = self.weight.sitting(&tuning.weight)?;
        let now = self.textbook.after(&sitting, &tuning.rules);
        now.macd_kg(&sitting.smoothed, rule).filter(|gain_kg| *gain_kg > rule.gain_kg)
    }

    /// The cumulative sum where it is beyond its limit, and the usual weight that it is taken from, kg.
    pub(crate) fn cusum(&self, tuning: &Tuning) -> Option<(f64, f64)> {
        let rule = tuning.rules.weight_cusum.as_ref()?;
        let sitting = self.weight.sitting(&tuning.weight)?;
        let sum = self.textbook.after(&sitting, &tuning.rules).cusum(&sitting.smoothed, rule)?;
        (sum > rule.limit).then(|| (sum, f64::from(self.textbook.usual_kg())))
    }

    /// The rise of a straight line through the last weighings where it is beyond its limit and beyond chance.
    pub(crate) fn slope(&self, rule: &WeightSlope) -> Option<super::slope::Line> {
        super::slope::line(&self.weights, rule)
            .filter(|line| line.gain_kg > rule.gain_kg && line.probability <= rule.probability_max)
    }

    pub(super) fn sense_answers(&self, answers: Answers, tuning: &Tuning) -> Glance {
        let told = !answers.all_none() && self.flagged(answers, tuning).next().is_some();
        Glance::SYMPTOMS.when(told)
    }

    /// The answers that need no other sign, with the grade from which each counts.
    pub(crate) fn flagged<'a>(
        &'a self,
        answers: Answers,
        tuning: &'a Tuning,
    ) -> impl Iterator<Item = (Symptom, u8, f64)> + 'a {
        let rule = tuning.rules.symptoms;
        let flags = rule.map_or(4.0, |rule| rule.red_flag_grade);
        let red = RED_FLAGS.into_iter().map(move |symptom| (symptom, flags, None));
        let habitual = rule.into_iter().flat_map(|rule| {
            [
                (Symptom::Orthopnoea, rule.orthopnoea_grade, Some(1)),
                (Symptom::Breathlessness, rule.breathlessness_grade, Some(0)),
            ]
        });
        red.chain(habitual).filter_map(move |(symptom, from, place)| {
            let grade = answers.get(symptom).filter(|grade| f64::from(*grade) >= from)?;
            let usual = place.zip(rule).is_some_and(|(place, rule)| {
                let habit = self.habits.known(place, points(rule.habit_prior_count), young(tuning));
                let scale = tuning
                    .signs
                    .as_ref()
                    .map_or(1.0, |signs| self.habits.scale_of(habit.grade, &signs.symptoms, &tuning.habit));
                let unknown = rule.unknown_share.map_or(1.0, |share| habit.unknown(points(share)));
                f64::from((f32::from(grade) - habit.grade) / (scale * unknown)) < rule.above_habit
            });
            (!usual).then_some((symptom, grade, from))
        })
    }
}
