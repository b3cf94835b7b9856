//! A series in a few numbers: a fast and a slow average, and the person's own noise around them.
//!
//! The averages are exponential moving averages, `s += a (x - s)`. On daily values `a = 2 / (N + 1)`; over a gap of
//! `d` days it becomes `a = 2 d / (N - 1 + 2 d)`, which is the same for `d = 1` and tends to 1 for long gaps. While the
//! n-th value is young, `a` is at least `1 / n`, so that an average begins as a plain mean and not at one odd value.
//! Values within six hours are one sitting and count once, as their mean: a repeated weighing is no second day. After more
//! than four days without a value the fast average begins again from the slow one: what was high then says nothing of now.
//!
//! Noise is the standard deviation of the difference between one sitting and the next, no more than three days apart,
//! each difference cut at three times the prior, and shrunk to it: `sqrt((n0 prior² + sum d²) / (n0 + n))`. Sums forget
//! at one part in ninety a sitting, so that a new scale is known after a season.
//!
//! **Invariant:** one value costs a handful of operations whatever came before, and finite values give finite averages.

use vitals::Timestamp;

use super::Moment;
use crate::policy::Decompensation;

/// Values this close are one sitting, s.
pub(crate) const SITTING_S: i32 = 6 * 3600;
const DIFFERENCE_DAYS_MAX: f32 = 3.0;
const DIFFERENCE_CUT: f32 = 3.0;
const NOISE_KEPT: f32 = 1.0 - 1.0 / 90.0;
/// A value older than this says nothing about today, s.
pub(crate) const STALE_S: i32 = 4 * DAY_S;
pub(crate) const DAY_S: i32 = 24 * 3600;

/// How to smooth a series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Smoothing {
    pub(crate) fast_days: f32,
    pub(crate) slow_days: f32,
    pub(crate) noise_prior: f32,
    pub(crate) noise_prior_count: f32,
}

/// A smoothed series, at its end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Smoothed {
    pub(crate) fast: f32,
    pub(crate) slow: f32,
    pub(crate) noise: f32,
    /// How many sittings.
    pub(crate) count: u16,
    pub(crate) known_days: f32,
    pub(crate) last_s: i32,
    /// The last sitting's value.
    pub(crate) last: f32,
}

impl Smoothed {
    /// The fast average over the slow one, in the quantity's unit.
    pub(crate) const fn change(&self) -> f32 {
        self.fast - self.slow
    }

    /// Whether the last value still says something at `moment`.
    pub(crate) const fn is_fresh(&self, moment: Moment) -> bool {
        moment.at_s.saturating_sub(self.last_s) <= STALE_S
    }
}

/// See the module. Averages stand as they were before the sitting under way, which is kept as its sum.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Trend {
    fast: f32,
    slow: f32,
    before: f32,
    before_s: i32,
    squares: f32,
    differences: f32,
    first_s: i32,
    sitting_s: i32,
    sum: f32,
    in_sitting: u16,
    /// Sittings that have ended.
    ended: u16,
}

/// One sitting, and where it stands in its series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sitting {
    pub(crate) smoothed: Smoothed,
    /// Days from the sitting before; `None` for the first.
    pub(crate) gap_days: Option<f32>,
}

impl Trend {
    /// Takes a value in; the sitting that it ended, if it began a new one.
    pub(crate) fn take(&mut self, value: f32, at_s: i32, smoothing: &Smoothing) -> Option<Sitting> {
        if self.in_sitting > 0 && at_s.saturating_sub(self.sitting_s) < SITTING_S {
            self.add(value);
            return None;
        }
        let ended = self.end(at_s, smoothing);
        (self.sitting_s, self.sum, self.in_sitting) = (at_s, value, 1);
        if ended.is_none() {
            self.first_s = at_s;
        }
        ended
    }

    /// Adds a value to the sitting under way.
    pub(crate) fn add(&mut self, value: f32) {
        if self.in_sitting < u16::MAX {
            self.sum += value;
            self.in_sitting += 1;
        }
    }

    /// When the sitting under way began.
    pub(crate) const fn sitting_s(&self) -> i32 {
        self.sitting_s
    }

    /// Begins anew at the next value. The person's noise stays theirs.
    pub(crate) fn restart(&mut self) {
        *self = Self { squares: self.squares, differences: self.differences, ..Self::default() };
    }

    fn end(&mut self, next_s: i32, smoothing: &Smoothing) -> Option<Sitting> {
        let mut sitting = self.averages(smoothing)?;
        let (now, gap_days) = (&sitting.smoothed, sitting.gap_days);
        (self.squares, self.differences) = self.noise_sums(now.last, gap_days, smoothing);
        (self.fast, self.slow) = (now.fast, now.slow);
        if next_s.saturating_sub(self.sitting_s) > STALE_S {
            self.fast = self.slow;
        }
        (self.before, self.before_s) = (now.last, self.sitting_s);
        self.ended = self.ended.saturating_add(1);
        sitting.smoothed.noise = noise((self.squares, self.differences), smoothing);
        Some(sitting)
    }

    /// The sitting under way; `None` without any.
    pub(crate) fn sitting(&self, smoothing: &Smoothing) -> Option<Sitting> {
        let mut sitting = self.averages(smoothing)?;
        let sums = self.noise_sums(sitting.smoothed.last, sitting.gap_days, smoothing);
        sitting.smoothed.noise = noise(sums, smoothing);
        Some(sitting)
    }

    /// Days from the sitting before to the one under way.
    fn gap_days(&self) -> Option<f32> {
        (self.ended > 0).then(|| days(self.sitting_s.saturating_sub(self.before_s)))
    }

    fn noise_sums(&self, mean: f32, gap: Option<f32>, smoothing: &Smoothing) -> (f32, f32) {
        match gap {
            Some(gap) if gap <= DIFFERENCE_DAYS_MAX => {
                let cut = DIFFERENCE_CUT * smoothing.noise_prior;
                let difference = (mean - self.before).clamp(-cut, cut);
                // Not fused: without the instruction for it that is a slow call.
                (NOISE_KEPT * self.squares + difference * difference, NOISE_KEPT * self.differences + 1.0)
            }
            Some(_) | None => (self.squares, self.differences),
        }
    }

    /// The averages with the sitting under way, and noise; `None` without any.
    pub(crate) fn now(&self, smoothing: &Smoothing) -> Option<Smoothed> {
        Some(self.sitting(smoothing)?.smoothed)
    }

    /// The averages with the sitting under way, without noise.
    fn averages(&self, smoothing: &Smoothing) -> Option<Sitting> {
        if self.in_sitting == 0 {
            return None;
        }
        let mean = self.sum / f32::from(self.in_sitting);
        let gap_days = self.gap_days();
        let count = self.ended.saturating_add(1);
        let (fast, slow) = match gap_days {
            None => (mean, mean),
            Some(gap) => {
                let least = 1.0 / f32::from(count);
                let share = |n_days: f32| (2.0 * gap / (n_days - 1.0 + 2.0 * gap)).max(least);
                (
                    self.fast + share(smoothing.fast_days) * (mean - self.fast),
                    self.slow + share(smoothing.slow_days) * (mean - self.slow),
                )
            }
        };
        let known_days = days(self.sitting_s.saturating_sub(self.first_s));
        let smoothed =
            Smoothed { fast, slow, noise: 0.0, count, known_days, last_s: self.sitting_s, last: mean };
        Some(Sitting { smoothed, gap_days })
    }
}

/// The noise that sums of squares and of differences make, shrunk to the prior.
fn noise((squares, differences): (f32, f32), smoothing: &Smoothing) -> f32 {
    let weight = smoothing.noise_prior_count;
    let prior = weight * smoothing.noise_prior * smoothing.noise_prior;
    ((prior + squares) / (weight + differences)).sqrt()
}

/// How far a person's averages differ from each other by habit: the root mean square of fast less slow, over some two months.
/// It is fed a week or two late, so that a worsening does not make itself usual.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Swing {
    squares: f32,
    count: f32,
    /// Sums and counts of the present week and the one before.
    young: [f32; 2],
    young_counts: [u8; 2],
    since_s: i32,
}

const SWING_KEPT: f32 = 1.0 - 1.0 / 60.0;
const WEEK_S: i32 = 7 * DAY_S;

impl Swing {
    /// Takes in how far the averages differed at a sitting.
    pub(crate) fn take(&mut self, change: f32, at_s: i32) {
        let mut weeks = 0;
        while weeks < 2 && at_s.saturating_sub(self.since_s) >= WEEK_S {
            self.age();
            self.since_s = self.since_s.saturating_add(WEEK_S);
            weeks += 1;
        }
        if at_s.saturating_sub(self.since_s) >= WEEK_S {
            self.since_s = at_s;
        }
        self.young[0] += change * change;
        self.young_counts[0] = self.young_counts[0].saturating_add(1);
    }

    fn age(&mut self) {
        let kept = SWING_KEPT.powi(i32::from(self.young_counts[1]));
        self.squares = kept * self.squares + self.young[1];
        self.count = kept * self.count + f32::from(self.young_counts[1]);
        self.young = [0.0, self.young[0]];
        self.young_counts = [0, self.young_counts[0]];
    }

    /// What was not yet counted never is: whoever comes home begins anew.
    pub(crate) const fn restart(&mut self) {
        (self.young, self.young_counts) = ([0.0; 2], [0; 2]);
    }

    /// The noise of a series whose sittings differ by `noise`: the geometric mean of that and the swing, where the policy
    /// asks for it.
    #[allow(clippy::cast_possible_truncation)]
    pub(crate) fn blend(&self, noise: f32, rule: &Decompensation) -> f32 {
        let (Some(factor), Some(prior)) = (rule.weight_swing_factor, rule.weight_swing_prior_kg) else {
            return noise;
        };
        let prior_count = rule.weight_swing_prior_count.unwrap_or(1.0);
        let squares = f64::from(self.squares) + prior_count * prior * prior;
        let swing = factor * (squares / (f64::from(self.count) + prior_count)).sqrt();
        (f64::from(noise) * swing).sqrt() as f32
    }
}

/// Seconds from `epoch` to `at`.
pub(crate) fn seconds_between(epoch: Timestamp, at: Timestamp) -> i32 {
    let seconds = at.millis_since(epoch).div_euclid(Timestamp::SECOND_MS);
    i32::try_from(seconds).unwrap_or(if seconds < 0 { i32::MIN } else { i32::MAX })
}

/// Days from 1970 in UTC: which weighings are of one day must not depend on who asks.
pub(crate) fn utc_day(at: Timestamp) -> i32 {
    i32::try_from(at.as_millis().div_euclid(Timestamp::DAY_MS)).unwrap_or(i32::MAX)
}

/// Seconds as days.
#[allow(clippy::cast_precision_loss)]
pub(crate) fn days(seconds: i32) -> f32 {
    seconds as f32 / DAY_S as f32
}

#[allow(clippy::cast_possible_truncation)]
impl Decompensation {
    /// How weight is smoothed.
    pub(crate) const fn weight_smoothing(&self) -> Smoothing {
        Smoothing {
            fast_days: self.weight_fast_days as f32,
            slow_days: self.weight_slow_days as f32,
            noise_prior: self.weight_noise_prior_kg as f32,
            noise_prior_count: self.weight_noise_prior_count as f32,
        }
    }

    /// How pulse is smoothed.
    pub(crate) const fn pulse_smoothing(&self) -> Smoothing {
        self.vital_smoothing(self.pulse_noise_prior_per_min)
    }

    /// How systolic pressure is smoothed.
    pub(crate) const fn systolic_smoothing(&self) -> Smoothing {
        self.vital_smoothing(self.systolic_noise_prior_mmhg)
    }

    const fn vital_smoothing(&self, noise_prior: f64) -> Smoothing {
        Smoothing {
            fast_days: self.vital_fast_days as f32,
            slow_days: self.vital_slow_days as f32,
            noise_prior: noise_prior as f32,
            noise_prior_count: self.vital_noise_prior_count as f32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMOOTHING: Smoothing =
        Smoothing { fast_days: 3.0, slow_days: 5.0, noise_prior: 1.0, noise_prior_count: 4.0 };

    fn after(values: &[(i32, f32)]) -> Smoothed {
        let mut trend = Trend::default();
        for (at_s, value) in values {
            trend.take(*value, *at_s, &SMOOTHING);
        }
        trend.now(&SMOOTHING).expect("a value")
    }

    /// The averages worked by hand on 80, 80, 80, 82 a day apart, with N = 3 and N = 5: the fourth value has the shares
    /// max(2/4, 1/4) and max(2/6, 1/4). Noise: the sums are 0, 0, 4 and 3 differences less a ninetieth at each step.
    #[test]
    fn averages_follow_their_formula() {
        let end = after(&[(0, 80.0), (DAY_S, 80.0), (2 * DAY_S, 80.0), (3 * DAY_S, 82.0)]);
        assert!((end.fast - 81.0).abs() < 1e-4, "{}", end.fast);
        assert!((end.slow - (80.0 + 2.0 / 3.0)).abs() < 1e-4, "{}", end.slow);
        let kept = 89.0f32 / 90.0;
        let differences = 1.0 + kept + kept * kept;
        assert!((end.noise - (8.0 / (4.0 + differences)).sqrt()).abs() < 1e-4, "{}", end.noise);
    }

    #[test]
    fn values_within_one_sitting_count_once() {
        let end = after(&[(0, 80.0), (DAY_S, 82.0), (DAY_S + 300, 81.0)]);
        assert_eq!(end.count, 2);
        assert!((end.last - 81.5).abs() < 1e-5);
    }

    /// Five days of nothing: the fast average begins at the slow one, so it takes its share of the new value alone.
    /// By hand with N = 3: a = 2*5 / (3 - 1 + 2*5) = 10/12, from the slow average 80 + 0.5.
    #[test]
    fn after_four_days_of_nothing_what_was_high_is_forgotten() {
        let end = after(&[(0, 80.0), (DAY_S, 81.0), (6 * DAY_S, 80.5)]);
        assert!((end.fast - 80.5).abs() < 1e-4, "{}", end.fast);
    }
}
