//! Answers against the person's own habit.
//!
//! Somebody who is always a little breathless says nothing new by saying so. The answers of the last days are kept day by
//! day, the worst of a day for each symptom; when they are as old as the policy's `habit_from_days` they join the habit,
//! which forgets with a time constant of half the policy's span from `habit_from_days` to `habit_until_days`. Habit is
//! begun from a few answers of "none": `sum / (n0 + n)`. What counts is how far the mean of the recent days lies above it;
//! for somebody whose answers swing more than most, less, in proportion to their swing.
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
}

impl HabitShape {
    /// The recommended lag and span, for a policy that follows no symptoms over time.
    const PLAIN: (f64, f64) = (10.0, 90.0);

    #[allow(clippy::cast_possible_truncation)]
    pub(crate) fn of(rule: Option<&Decompensation>) -> Self {
        let (from, until) =
            rule.map_or(Self::PLAIN, |rule| (rule.habit_from_days, rule.habit_until_days));
        let lag_days = from.round().clamp(1.0, DAYS_KEPT as f64 - 1.0);
        let constant_days = ((until - from) / 2.0).max(5.0);
        Self { lag_days: lag_days as i32, kept_a_day: (-1.0 / constant_days).exp() as f32 }
    }
}

/// What is known of one symptom, as whole numbers so that it is small: sums in 1/1000.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Tally {
    count: u16,
    sum: u16,
    squares: u16,
}

/// Count, sum and sum of squares at most: habits forget before they come here, and grades are at most 3.
const UNIT: f32 = 100.0;

impl Tally {
    fn parts(self) -> (f32, f32, f32) {
        (f32::from(self.count) / UNIT, f32::from(self.sum) / UNIT, f32::from(self.squares) / UNIT)
    }

    fn keep(&mut self, share: f32) {
        let kept = |number: u16| fixed(f32::from(number) / UNIT * share);
        *self = Self { count: kept(self.count), sum: kept(self.sum), squares: kept(self.squares) };
    }

    fn add(&mut self, grade: u8) {
        let (count, sum, squares) = self.parts();
        let grade = f32::from(grade);
        *self = Self {
            count: fixed(count + 1.0),
            sum: fixed(sum + grade),
            squares: fixed(squares + grade * grade),
        };
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn fixed(number: f32) -> u16 {
    (number * UNIT).round().clamp(0.0, f32::from(u16::MAX)) as u16
}

/// A day's worst answers: three bits for each of [`SCORED`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Worst(u32);

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
    days: [Worst; DAYS_KEPT],
    tallies: [Tally; SCORED.len()],
    /// The latest form's day.
    day: i32,
    /// The day up to which the habit has forgotten.
    kept_until_day: i32,
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
    /// How much more than most the person's answers swing; at least 1.
    pub(crate) scale: f32,
}

impl Habits {
    /// Takes a form of local day `day` in; forms come in order of time.
    pub(crate) fn take(&mut self, day: i32, answers: Answers, shape: &HabitShape) {
        self.pass_to(day, shape);
        let today = Worst::of(answers);
        if let Some(first) = self.days.first_mut() {
            *first = first.join(today);
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
        let lag = usize::try_from(shape.lag_days).unwrap_or(1);
        // Oldest first: those that come of age now, at slot lag - passed and beyond.
        for slot in (lag.saturating_sub(passed)..lag.min(DAYS_KEPT)).rev() {
            let worst = self.days.get(slot).copied().unwrap_or_default();
            if worst != Worst::default() {
                let its_day = self.day.saturating_sub(i32::try_from(slot).unwrap_or(0));
                self.absorb(its_day, worst, shape);
            }
        }
        if passed < DAYS_KEPT {
            self.days.copy_within(..DAYS_KEPT - passed, passed);
        }
        for slot in self.days.iter_mut().take(passed) {
            *slot = Worst::default();
        }
        self.day = day;
    }

    fn is_empty(&self) -> bool {
        self.days == [Worst::default(); DAYS_KEPT]
    }

    fn absorb(&mut self, day: i32, worst: Worst, shape: &HabitShape) {
        let passed = day.saturating_sub(self.kept_until_day).clamp(0, 1_000);
        let share = shape.kept_a_day.powi(passed);
        for (place, tally) in self.tallies.iter_mut().enumerate() {
            tally.keep(share);
            if let Some(grade) = worst.get(place) {
                tally.add(grade);
            }
        }
        self.kept_until_day = day;
    }

    /// The habit of the symptom at `place` of [`SCORED`], begun from `prior_count` answers of "none"; grades.
    pub(crate) fn habit(&self, place: usize, prior_count: f32) -> f32 {
        let (count, sum, _) = self.tallies.get(place).copied().unwrap_or_default().parts();
        if count + prior_count > 0.0 { sum / (count + prior_count) } else { 0.0 }
    }

    /// The answers of `days` local days up to `day`, latest first.
    fn recent(&self, day: i32, days: i32) -> impl Iterator<Item = Worst> + '_ {
        // Slot n is the day n before the latest form's.
        let slot = |back: i32| usize::try_from(self.day.saturating_sub(day).saturating_add(back)).unwrap_or(0);
        let (first, end) = (slot(0), slot(days.saturating_add(1)).min(DAYS_KEPT));
        self.days.get(first..end.max(first)).unwrap_or(&[]).iter().copied().filter(|worst| *worst != Worst::default())
    }

    /// Whether every recent answer is "none": most days, for most people.
    pub(crate) fn is_calm(&self, day: i32, days: i32) -> bool {
        self.recent(day, days).all(Worst::all_none)
    }

    /// The worst answers to a symptom over `days` local days up to `day`; `None` when it was not answered.
    pub(crate) fn worst(&self, place: usize, day: i32, days: i32) -> Option<u8> {
        self.recent(day, days).filter_map(|worst| worst.get(place)).max()
    }

    /// How the symptom at `place` of [`SCORED`] stands on `day`; `None` when it was not answered of late.
    pub(crate) fn stand(&self, place: usize, day: i32, rule: &SymptomRule) -> Option<Stand> {
        let (mut sum, mut count, mut latest) = (0.0, 0.0, None);
        for grade in self.recent(day, rule.recent_days).filter_map(|worst| worst.get(place)) {
            sum += f32::from(grade);
            count += 1.0;
            latest = latest.or(Some(grade));
        }
        let scale = self.scale(place, rule.prior_count, rule.usual_noise);
        let habit = self.habit(place, rule.prior_count);
        Some(Stand { recent: sum / count, latest: latest?, habit, scale })
    }

    /// The standard deviation of the old answers, shrunk to the usual one, over it; at least 1.
    fn scale(&self, place: usize, prior_count: f32, usual: f32) -> f32 {
        let (count, sum, squares) = self.tallies.get(place).copied().unwrap_or_default().parts();
        if count <= 0.0 {
            return 1.0;
        }
        let around_mean = squares - sum * sum / count;
        let variance = (prior_count * usual * usual + around_mean) / (prior_count + count);
        (variance.max(0.0).sqrt() / usual).max(1.0)
    }
}

/// What a policy says of recent answers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct SymptomRule {
    pub(crate) recent_days: i32,
    pub(crate) prior_count: f32,
    pub(crate) usual_noise: f32,
}
