//! Answers against the person's own habit.
//!
//! Somebody who is always a little breathless says nothing new by saying so. The answers of the last days are kept day by
//! day, the worst of a day for each symptom; when they are as old as the policy's `habit_from_days` they join the habit,
//! which forgets with a time constant of half the policy's span from `habit_from_days` to `habit_until_days`. Habit is
//! begun from a few answers of "none": `sum / (n0 + n)`. What counts is how far the mean of the recent days lies above it;
//! for somebody whose answers swing more than most, less, in proportion: the swing is that of all symptoms together, each
//! weighed by its points.
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

/// The old answers to one symptom: how many, and their sum, both in hundredths so that they are small. Habits forget, so
/// that neither comes near its end.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Tally {
    count: u16,
    sum: u16,
}

const UNIT: f32 = 100.0;

impl Tally {
    fn parts(self) -> (f32, f32) {
        (f32::from(self.count) / UNIT, f32::from(self.sum) / UNIT)
    }

    fn keep(&mut self, share: f32) {
        let (count, sum) = self.parts();
        *self = Self { count: fixed(count * share), sum: fixed(sum * share) };
    }

    fn add(&mut self, grade: u8) {
        let (count, sum) = self.parts();
        *self = Self { count: fixed(count + 1.0), sum: fixed(sum + f32::from(grade)) };
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn fixed(number: f32) -> u16 {
    // Numbers are not negative; a cast cuts, and holds at the ends.
    (number * UNIT + 0.5) as u16
}

/// The old answers to all symptoms together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Total {
    count: f32,
    sum: f32,
    squares: f32,
}

impl Total {
    fn keep(&mut self, share: f32) {
        *self = Self { count: self.count * share, sum: self.sum * share, squares: self.squares * share };
    }

    fn add(&mut self, total: f32) {
        self.count += 1.0;
        self.sum += total;
        self.squares += total * total;
    }
}

/// A day's worst answers: three bits for each of [`SCORED`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Worst(u32);

/// The same in the three bytes that they fill.
type Packed = [u8; 3];

impl From<Packed> for Worst {
    fn from([low, middle, high]: Packed) -> Self {
        Self(u32::from_le_bytes([low, middle, high, 0]))
    }
}

impl From<Worst> for Packed {
    fn from(worst: Worst) -> Self {
        let [low, middle, high, _] = worst.0.to_le_bytes();
        [low, middle, high]
    }
}

impl Worst {
    const ANSWERED: u32 = 0b100;

    fn of(answers: Answers) -> Self {
        SCORED.iter().enumerate().fold(Self::default(), |day, (place, symptom)| match answers.get(*symptom) {
            Some(grade) => Self(day.0 | ((Self::ANSWERED | u32::from(grade)) << (3 * place))),
            None => day,
        })
    }

    const fn get(self, place: usize) -> Option<u8> {
        let bits = self.0 >> (3 * place);
        // Two bits hold a grade.
        #[allow(clippy::cast_possible_truncation)]
        if bits & Self::ANSWERED == 0 { None } else { Some((bits & 0b11) as u8) }
    }

    /// The worse of the two, symptom by symptom.
    fn join(self, other: Self) -> Self {
        (0..SCORED.len()).fold(Self::default(), |joined, place| {
            let shift = 3 * place;
            // With the bit that says "answered" on top, the larger is the worse, and any answer beats none.
            let (one, two) = ((self.0 >> shift) & 0b111, (other.0 >> shift) & 0b111);
            Self(joined.0 | (one.max(two) << shift))
        })
    }

    /// Whether nothing was answered but "none".
    const fn all_none(self) -> bool {
        const GRADES: u32 = 0o33_333_333;
        self.0 & GRADES == 0
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
        let mut total = 0.0;
        for (place, (tally, weight)) in self.tallies.iter_mut().zip(&shape.weights).enumerate() {
            if let Some(grade) = worst.get(place) {
                tally.add(grade);
                total += weight * f32::from(grade);
            }
        }
        self.total.add(total);
    }

    /// The habit of the symptom at `place` of [`SCORED`] on the latest form's day, begun from `prior_count` answers of "none";
    /// grades.
    pub(crate) fn habit(&self, place: usize, prior_count: f32, young: Young) -> f32 {
        let (count, sum) = self.old(place, self.day, young);
        if count + prior_count > 0.0 { sum / (count + prior_count) } else { 0.0 }
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

    /// How the symptom at `place` of [`SCORED`] stands on `day`; `None` when it was not answered of late, or no worse than by
    /// habit: most symptoms on most days, so that is asked first.
    pub(crate) fn stand(&self, place: usize, day: i32, scale: f32, rule: &SymptomRule) -> Option<Stand> {
        let (mut sum, mut count, mut latest) = (0.0, 0.0, None);
        for grade in self.recent(day, rule.recent_days).filter_map(|worst| worst.get(place)) {
            sum += f32::from(grade);
            count += 1.0;
            latest = latest.or(Some(grade));
        }
        if sum <= 0.0 {
            return None;
        }
        let (old_count, old_sum) = self.old(place, day, rule.young);
        let all = old_count + rule.prior_count;
        let habit = if all > 0.0 { old_sum / all } else { 0.0 };
        if sum <= habit * count {
            return None;
        }
        let known = rule
            .answers_usual
            .map_or(1.0, |usual| (usual * (1.0 / count + 1.0 / all.max(ALMOST_NONE))).sqrt());
        Some(Stand { recent: sum / count, latest: latest?, habit, scale: scale * known })
    }

    /// How much more than most this person's answers swing: the standard deviation of all old answers together, shrunk to the
    /// usual one, over it; at least 1.
    pub(crate) fn scale(&self, rule: &SymptomRule) -> f32 {
        let Total { count, sum, squares } = self.total;
        if count <= 0.0 || rule.usual_swing <= 0.0 {
            return 1.0;
        }
        let around_mean = squares - sum * sum / count;
        let usual = rule.usual_swing * rule.usual_swing;
        let variance = (rule.swing_prior_count * usual + around_mean) / (rule.swing_prior_count + count);
        (variance.max(0.0) / usual).sqrt().max(1.0)
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
    pub(crate) young: Young,
    /// How many recent answers are usual, where the policy weighs answers by how many there are.
    pub(crate) answers_usual: Option<f32>,
    /// The usual standard deviation of all answers together, each weighed by its points.
    pub(crate) usual_swing: f32,
    pub(crate) swing_prior_count: f32,
}
