//! Answers against the person's own habit.
//!
//! Somebody who is always a little breathless says nothing new by saying so. The answers of the last days are kept day by
//! day, the worst of a day for each symptom; when they are as old as the policy's `habit_from_days` they join the habit,
//! which forgets with a time constant of half the policy's span from `habit_from_days` to `habit_until_days`. Habit is
//! begun from a few answers of the policy's usual grade, or of "none": `(n0 g0 + sum) / (n0 + n)`. What counts is how far the mean
//! of the recent days lies above it; for somebody whose answers swing more than the calmest, less, in proportion: the swing is
//! that of all symptoms together, each weighed by its points, shrunk to what is usual, so that of somebody new neither calm nor
//! unrest is assumed. A symptom swings no more than answers between none and severe with its mean can: whoever never had it
//! is heard at once.
//!
//! Where the policy asks for it, the difference is also weighed by how well it is known: two means of `m` and `n` answers
//! that swing alike differ by chance with a standard deviation of `sqrt(1/m + 1/n)` times the swing (the standard error of
//! a difference of means; the answers of "none" are counted among the `n`), here against that of the policy's usual `m` and
//! a habit long known. So one answer says less than two, and less beside a young habit. Until so many old answers are known
//! as the policy asks for, those before the recent days stand in for them.
//!
//! **Invariant:** a question that was not answered counts neither for nor against; days that have passed are only added to.

use vitals::Symptom;

use super::sample::Answers;
use super::tally::{Packed, Tally, Total, Worst};
use crate::policy::Decompensation;

/// The symptoms that are signs of worsening; the others are red flags and have no habit.
pub(crate) const SCORED: [Symptom; 8] = [
    Symptom::Breathlessness,
    Symptom::Orthopnoea,
    Symptom::Swelling,
    Symptom::Dizziness,
    Symptom::Fatigue,
    Symptom::WorseThanYesterday,
    Symptom::Cough,
    Symptom::Palpitations,
];

/// How many days of answers are kept one by one; the policy's lags are shorter.
pub(crate) const DAYS_KEPT: usize = 15;

/// How a habit forms.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct HabitShape {
    /// A day joins the habit when it is this old, days.
    pub(crate) lag_days: i32,
    /// What remains of the habit from one day to the next.
    pub(crate) kept_a_day: f32,
    /// What each of [`SCORED`] weighs in the swing of all.
    pub(crate) weights: [f32; SCORED.len()],
}

impl HabitShape {
    /// The recommended lag and span, for a policy that follows no symptoms over time.
    const PLAIN: (f64, f64) = (10.0, 90.0);

    #[allow(clippy::cast_possible_truncation)]
    pub(crate) fn of(rule: Option<&Decompensation>) -> Self {
        let (from, until) = rule.map_or(Self::PLAIN, |rule| (rule.habit_from_days, rule.habit_until_days));
        let lag_days = from.round().clamp(1.0, DAYS_KEPT as f64 - 1.0);
        let constant_days = ((until - from) / 2.0).max(5.0);
        let weights = SCORED.map(|symptom| rule.map_or(1.0, |rule| points_of(symptom, rule)) as f32);
        Self { lag_days: lag_days as i32, kept_a_day: (-1.0 / constant_days).exp() as f32, weights }
    }

    /// A day's answers together, each weighed by its points.
    fn weigh(&self, worst: Worst) -> f32 {
        let answers = self.weights.iter().enumerate();
        answers.map(|(place, weight)| weight * f32::from(worst.get(place).unwrap_or(0))).sum()
    }
}

/// Points at full; none for what the red flags judge.
pub(crate) const fn points_of(symptom: Symptom, rule: &Decompensation) -> f64 {
    match symptom {
        Symptom::Breathlessness => rule.breathlessness_points,
        Symptom::Orthopnoea => rule.orthopnoea_points,
        Symptom::Swelling => rule.swelling_points,
        Symptom::Dizziness => rule.dizziness_points,
        Symptom::Fatigue => rule.fatigue_points,
        Symptom::WorseThanYesterday => rule.worse_points,
        Symptom::Cough => rule.cough_points,
        Symptom::Palpitations => rule.palpitations_points,
        Symptom::ChestPain | Symptom::Fainting | Symptom::BreathlessAtRest => 0.0,
    }
}

/// See the module.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Habits {
    /// The worst answers of each day, the latest form's day first.
    days: [Packed; DAYS_KEPT],
    tallies: [Tally; SCORED.len()],
    total: Total,
    /// The latest form's day.
    day: i32,
}

/// What is known of a symptom at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Stand {
    /// The mean of the recent days' answers, grades.
    pub(crate) recent: f32,
    /// The latest of them.
    pub(crate) latest: u8,
    /// The person's habit, grades.
    pub(crate) habit: f32,
    /// The same of what the person said alone, begun from "none": what was only assumed speaks against nothing.
    pub(crate) said: f32,
    /// How much more than most the person's answers swing, and how much less than usual is known of them.
    pub(crate) scale: f32,
}

impl Habits {
    /// Takes a form of local day `day` in; forms come in order of time.
    pub(crate) fn take(&mut self, day: i32, answers: Answers, shape: &HabitShape) {
        self.pass_to(day, shape);
        let today = Worst::of(answers);
        if let Some(first) = self.days.first_mut() {
            *first = Worst::from(*first).join(today).into();
        }
    }

    /// Moves the days on to `day`, and what is old enough into the habit.
    fn pass_to(&mut self, day: i32, shape: &HabitShape) {
        if self.is_empty() {
            self.day = day;
            return;
        }
        let passed = usize::try_from(day.saturating_sub(self.day)).unwrap_or(0);
        if passed == 0 {
            return;
        }
        let lag = usize::try_from(shape.lag_days).unwrap_or(1).min(DAYS_KEPT);
        self.forget(shape, passed);
        // Oldest first: those that come of age now.
        for slot in (lag.saturating_sub(passed)..lag).rev() {
            let worst = Worst::from(self.days.get(slot).copied().unwrap_or_default());
            if worst != Worst::default() {
                self.absorb(worst, shape);
            }
        }
        let kept = DAYS_KEPT.saturating_sub(passed);
        self.days.copy_within(..kept, passed.min(DAYS_KEPT));
        self.days.iter_mut().take(passed).for_each(|day| *day = Packed::default());
        self.day = day;
    }

    fn is_empty(&self) -> bool {
        self.days == [Packed::default(); DAYS_KEPT]
    }

    fn forget(&mut self, shape: &HabitShape, days: usize) {
        let share = shape.kept_a_day.powi(i32::try_from(days.min(1_000)).unwrap_or(0));
        self.tallies.iter_mut().for_each(|tally| tally.keep(share));
        self.total.keep(share);
    }

    fn absorb(&mut self, worst: Worst, shape: &HabitShape) {
        for (place, tally) in self.tallies.iter_mut().enumerate() {
            worst.get(place).into_iter().for_each(|grade| tally.add(grade));
        }
        self.total.add(shape.weigh(worst));
    }

    /// The habit of the symptom at `place` of [`SCORED`] on the latest form's day, begun from `prior_count` answers of "none";
    /// grades.
    pub(crate) fn habit(&self, place: usize, prior_count: f32, young: Young) -> f32 {
        self.known(place, prior_count, young).grade
    }

    /// The same, with how well it is known.
    pub(crate) fn known(&self, place: usize, prior_count: f32, young: Young) -> Known {
        let (old, sum) = self.old(place, self.day, young);
        let count = old + prior_count;
        Known { grade: if count > 0.0 { sum / count } else { 0.0 }, count, is_new: old <= 0.0 }
    }

    /// How many answers to the symptom at `place` are the habit on `day`, and their sum.
    fn old(&self, place: usize, day: i32, young: Young) -> (f32, f32) {
        let (mut count, mut sum) = self.tallies.get(place).copied().unwrap_or_default().parts();
        if count >= young.answers_min {
            return (count, sum);
        }
        let since =
            usize::try_from(self.day.saturating_sub(day).saturating_add(young.from_days)).unwrap_or(0);
        let until = usize::try_from(young.until_days).unwrap_or(0);
        let slots = self.days.iter().take(until).skip(since);
        for grade in slots.filter_map(|packed| Worst::from(*packed).get(place)) {
            count += 1.0;
            sum += f32::from(grade);
        }
        (count, sum)
    }

    /// The answers of `days` local days up to `day`, latest first.
    fn recent(&self, day: i32, days: i32) -> impl Iterator<Item = Worst> + '_ {
        // Slot n is the day n before the latest form's.
        let slot =
            |back: i32| usize::try_from(self.day.saturating_sub(day).saturating_add(back)).unwrap_or(0);
        let (first, end) = (slot(0), slot(days.saturating_add(1)).min(DAYS_KEPT));
        self.days
            .get(first..end.max(first))
            .unwrap_or(&[])
            .iter()
            .map(|packed| Worst::from(*packed))
            .filter(|worst| *worst != Worst::default())
    }

    /// Whether every recent answer is "none": most days, for most people.
    pub(crate) fn is_calm(&self, day: i32, days: i32) -> bool {
        self.recent(day, days).all(Worst::all_none)
    }

    /// The worst answers to a symptom over `days` local days up to `day`; `None` when it was not answered.
    pub(crate) fn worst(&self, place: usize, day: i32, days: i32) -> Option<u8> {
        self.recent(day, days).filter_map(|worst| worst.get(place)).max()
    }

    /// How the symptom at `place` of [`SCORED`] stands on `day`; `None` when it was not answered of late or, unless the rule
    /// sees what is below habit, when it is no worse: most symptoms on most days, so that is asked first.
    pub(crate) fn stand(&self, place: usize, day: i32, scale: f32, rule: &SymptomRule) -> Option<Stand> {
        let (mut sum, mut count, mut latest) = (0.0, 0.0, None);
        for grade in self.recent(day, rule.recent_days).filter_map(|worst| worst.get(place)) {
            sum += f32::from(grade);
            count += 1.0;
            latest = latest.or(Some(grade));
        }
        if count <= 0.0 || (sum <= 0.0 && !rule.sees_below) {
            return None;
        }
        let (old_count, old_sum) = self.old(place, day, rule.young);
        let all = old_count + rule.prior_count;
        let over_all = |sum: f32| if all > 0.0 { sum / all } else { 0.0 };
        let (said, habit) = (over_all(old_sum), over_all(old_sum + rule.prior_count * rule.prior_grade));
        if sum <= habit * count && !rule.sees_below {
            return None;
        }
        let known = rule
            .answers_usual
            .map_or(1.0, |usual| (usual * (1.0 / count + 1.0 / all.max(ALMOST_NONE))).sqrt());
        Some(Stand { recent: sum / count, latest: latest?, habit, said, scale: scale * known })
    }

    /// The days that tell how answers swing: the old ones, and while those are few, the ones before the recent days.
    fn old_total(&self, rule: &SymptomRule, shape: &HabitShape) -> Total {
        let mut total = self.total;
        if total.count < rule.swing_days_min {
            let ends = [rule.young.from_days, rule.young.until_days];
            let [from, until] = ends.map(|day| usize::try_from(day).unwrap_or(0));
            let days = self.days.iter().take(until).skip(from).map(|packed| Worst::from(*packed));
            days.filter(|worst| *worst != Worst::default()).for_each(|worst| total.add(shape.weigh(worst)));
        }
        total
    }

    /// The scale of one symptom with a habit of `grade`: answers between none and severe with that mean have a variance of at most
    /// `grade (3 - grade)` (Bhatia and Davis 2000). So whoever never says so is heard at once, however other answers swing.
    pub(crate) fn scale_of(&self, grade: f32, rule: &SymptomRule, shape: &HabitShape) -> f32 {
        let most = (grade * (WORST - grade)).max(0.0).sqrt() / rule.usual_grade;
        self.scale(rule, shape).min(most.max(1.0))
    }

    /// How much more than most this person's answers swing: the standard deviation of all old answers together, shrunk to
    /// what is usual, over the least that is reckoned with; at least 1.
    pub(crate) fn scale(&self, rule: &SymptomRule, shape: &HabitShape) -> f32 {
        let Total { count, sum, squares } = self.old_total(rule, shape);
        if rule.usual_swing <= 0.0 {
            return 1.0;
        }
        let around_mean = if count > 0.0 { squares - sum * sum / count } else { 0.0 };
        let all = rule.swing_prior_count + count;
        if all <= 0.0 {
            return 1.0;
        }
        let prior = rule.prior_swing * rule.prior_swing;
        let variance = (rule.swing_prior_count * prior + around_mean) / all;
        (variance.max(0.0).sqrt() / rule.usual_swing).max(1.0)
    }
}

/// The worst grade there is.
const WORST: f32 = 3.0;

/// A habit with how many answers it rests on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Known {
    /// Grades.
    pub(crate) grade: f32,
    /// Those it was begun from among them.
    count: f32,
    /// Whether nothing but what it was begun from is known.
    is_new: bool,
}

impl Known {
    /// By how much more one answer differs from a habit of so few than from one long known: the standard error of a
    /// prediction, `sqrt(1 + 1/n)`, with the policy's share for 1. Of somebody new nothing is known to differ from.
    pub(crate) fn unknown(&self, share: f32) -> f32 {
        if self.is_new || self.count <= 0.0 { 1.0 } else { (1.0 + share / self.count).sqrt() }
    }
}

/// So few answers that next to nothing is above their mean.
const ALMOST_NONE: f32 = 0.01;

/// Which answers stand in for a habit while there are fewer than `answers_min` old ones: those of so many days before the
/// present one, up to where days join the habit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Young {
    pub(crate) answers_min: f32,
    pub(crate) from_days: i32,
    pub(crate) until_days: i32,
}

impl Young {
    /// None do.
    pub(crate) const OLD_ONLY: Self = Self { answers_min: 0.0, from_days: 0, until_days: 0 };
}

/// What a policy says of recent answers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct SymptomRule {
    pub(crate) recent_days: i32,
    pub(crate) prior_count: f32,
    /// The grade of those.
    pub(crate) prior_grade: f32,
    /// Whether answers below habit are asked about as well.
    pub(crate) sees_below: bool,
    pub(crate) young: Young,
    /// How many recent answers are usual, where the policy weighs answers by how many there are.
    pub(crate) answers_usual: Option<f32>,
    /// The usual standard deviation of one symptom's answers, grades.
    pub(crate) usual_grade: f32,
    /// Until so many days are old, younger ones tell how answers swing as well.
    pub(crate) swing_days_min: f32,
    /// The standard deviation of all answers together, each weighed by its points, where the person's own is not known.
    pub(crate) prior_swing: f32,
    /// The least that is reckoned with.
    pub(crate) usual_swing: f32,
    pub(crate) swing_prior_count: f32,
}
