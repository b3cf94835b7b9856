//! The combined detector's sum: points of each sign as they stand, how high the sum has been, and how high it must be for
//! this person.
//!
//! The alarm is the policy's; where it asks for it, higher for a person whose sum has often been high without consequence:
//! `personal_points` for each doubling of the share of high days over the usual share, `personal_points_max` at most. Days
//! count when they are two weeks old and no stay in hospital followed; they are forgotten with a time constant of four
//! months.
//!
//! **Invariant:** a reading that carries no points of its own never raises the level.

use super::trend::STALE_S;
use crate::finding::Priority;
use crate::policy::Decompensation;

/// Points of each sign when it was last measured.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Points {
    pub(crate) weight: f32,
    pub(crate) pulse: f32,
    pub(crate) systolic: f32,
    pub(crate) symptoms: f32,
    pub(crate) silence: f32,
}

/// When weight, pulse and pressure were last measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Measured {
    pub(crate) weight_s: i32,
    pub(crate) pulse_s: i32,
    pub(crate) systolic_s: i32,
}

impl Points {
    /// The sum at `at_s`: what was measured more than four days ago says nothing of now.
    pub(crate) fn sum(&self, at_s: i32, measured: &Measured) -> f32 {
        self.symptoms
            + self.silence
            + while_fresh(self.weight, measured.weight_s, at_s)
            + while_fresh(self.pulse, measured.pulse_s, at_s)
            + while_fresh(self.systolic, measured.systolic_s, at_s)
    }
}

const fn while_fresh(points: f32, since_s: i32, at_s: i32) -> f32 {
    if at_s.saturating_sub(since_s) > STALE_S { 0.0 } else { points }
}

/// How bad the sum is: 0 below the alarm, then one more for each step, and how soon somebody must look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Height {
    pub(crate) level: u8,
    pub(crate) priority: Priority,
}

impl Height {
    pub(crate) const LOW: Self = Self { level: 0, priority: Priority::Routine };
}

impl Default for Height {
    fn default() -> Self {
        Self::LOW
    }
}

/// The level of `sum` where the alarm is `alarm`.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
pub(crate) fn level(sum: f64, alarm: f64, step: f64) -> u8 {
    let over = sum - alarm;
    if over < 0.0 { 0 } else { 1 + (over / step).floor().min(200.0) as u8 }
}

/// The level that stays when the sum is `sum` after having been at `held`: left only when the sum falls by `rearm`.
pub(crate) fn level_kept(held: u8, sum: f64, alarm: f64, rule: &Decompensation) -> u8 {
    let now = level(sum, alarm, rule.step_points);
    if now >= held {
        return now;
    }
    let rearm = rule.rearm_points.unwrap_or(0.0);
    level(sum + rearm, alarm, rule.step_points).min(held).max(now)
}

/// How old a day must be before it counts as without consequence.
const LAG_DAYS: u32 = 14;
const KEPT_A_DAY: f32 = 1.0 - 1.0 / 120.0;

/// How often this person's sum has been high without consequence.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Own {
    /// Bit n: the sum was high n days before `day`; the same for days with readings.
    high: u16,
    seen: u16,
    day: i32,
    high_days: f32,
    days: f32,
    /// How much higher than the policy's the alarm lies.
    pub(crate) extra: f32,
}

impl Own {
    /// Takes down the sum of a day.
    pub(crate) fn note(&mut self, day: i32, sum: f64, rule: &Decompensation) {
        let Some(share) = rule.personal_high_share else { return };
        if day != self.day {
            self.pass_to(day, rule);
        }
        self.seen |= 1;
        if sum >= share * rule.alarm_points {
            self.high |= 1;
        }
    }

    fn pass_to(&mut self, day: i32, rule: &Decompensation) {
        if self.seen == 0 {
            self.day = day;
        }
        let passed = u32::try_from(day.saturating_sub(self.day)).unwrap_or(0).min(31);
        let young = (1u64 << LAG_DAYS) - 1;
        let (high, seen) = (u64::from(self.high) << passed, u64::from(self.seen) << passed);
        let kept = KEPT_A_DAY.powi(i32::try_from(passed).unwrap_or(0));
        #[allow(clippy::cast_precision_loss)]
        let come_of_age = |mask: u64| (mask & !young).count_ones() as f32;
        self.high_days = kept.mul_add(self.high_days, come_of_age(high));
        self.days = kept.mul_add(self.days, come_of_age(seen));
        #[allow(clippy::cast_possible_truncation)]
        let narrow = |mask: u64| (mask & young) as u16;
        (self.high, self.seen) = (narrow(high), narrow(seen));
        self.day = self.day.max(day);
        self.extra = self.extra(rule);
    }

    /// What came before an admission had a consequence: it counts for nothing.
    pub(crate) const fn admitted(&mut self) {
        (self.high, self.seen) = (0, 0);
    }

    #[allow(clippy::cast_possible_truncation)]
    fn extra(&self, rule: &Decompensation) -> f32 {
        let (Some(usual), Some(points)) = (rule.personal_usual_share, rule.personal_points) else { return 0.0 };
        let prior = rule.personal_prior_days.unwrap_or(0.0);
        let share = (f64::from(self.high_days) + prior * usual) / (f64::from(self.days) + prior).max(1.0);
        let doublings = (share / usual).max(1.0).log2();
        let most = rule.personal_points_max.unwrap_or(f64::MAX);
        (points * doublings).min(most) as f32
    }
}
