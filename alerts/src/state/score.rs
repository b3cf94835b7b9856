//! The combined detector's sum: points of each sign as they stand, how high the sum has been, and how high it must be for
//! this person.
//!
//! The alarm is the policy's; where it asks for it, changed for a person whose sum is by habit higher or lower than most:
//! `alarm (1 + c (m - m0))`, where m is the person's own mean of a day's highest sum over the alarm, cut at 1.5 and raised
//! to the policy's power (squared, one high day is worth several middling ones), over some two months, shrunk to m0. Days count when they are two weeks old and no stay in hospital followed, so that the
//! worsening before an admission does not make itself usual.
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
const LAG_DAYS: usize = 14;
const KEPT_A_DAY: f32 = 1.0 - 1.0 / 65.0;
const CUT: f64 = 1.5;

/// A power of the policy is a whole number.
#[allow(clippy::cast_possible_truncation)]
fn power_of(rule: &Decompensation) -> i32 {
    rule.personal_power.map_or(1, |power| power.round() as i32)
}

/// How high this person's sum has been without consequence.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Own {
    /// The highest sum of each young day over the alarm, in hundredths, and one more: 0 for a day without a sum. The latest
    /// day first.
    young: [u8; LAG_DAYS + 1],
    sum: f32,
    count: f32,
    /// By how much the alarm differs from the policy's.
    pub(crate) extra: f32,
}

impl Own {
    /// Takes down the sum on the present day.
    pub(crate) fn note(&mut self, sum: f64, rule: &Decompensation) {
        if rule.personal_share.is_none() {
            return;
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let hundredths = ((sum / rule.alarm_points).clamp(0.0, CUT) * 100.0) as u8 + 1;
        let [today, ..] = &mut self.young;
        *today = hundredths.max(*today);
    }

    /// Moves on by `passed` days.
    pub(crate) fn pass(&mut self, passed: usize, rule: &Decompensation) {
        if rule.personal_share.is_none() || passed == 0 {
            return;
        }
        let kept = self.young.len().saturating_sub(passed);
        let power = power_of(rule);
        for aged in self.young.iter().skip(kept).rev().filter(|aged| **aged > 0) {
            self.sum = KEPT_A_DAY * self.sum + (f32::from(aged - 1) / 100.0).powi(power);
            self.count = KEPT_A_DAY * self.count + 1.0;
        }
        self.young.copy_within(..kept, passed.min(LAG_DAYS + 1));
        self.young.iter_mut().take(passed).for_each(|day| *day = 0);
        self.extra = self.extra(rule);
    }

    /// What came before an admission had a consequence: it counts for nothing.
    pub(crate) const fn admitted(&mut self) {
        self.young = [0; LAG_DAYS + 1];
    }

    #[allow(clippy::cast_possible_truncation)]
    fn extra(&self, rule: &Decompensation) -> f32 {
        let (Some(share), Some(usual)) = (rule.personal_share, rule.personal_usual) else { return 0.0 };
        let prior = rule.personal_prior_count.unwrap_or(1.0);
        let mean = (f64::from(self.sum) + prior * usual) / (f64::from(self.count) + prior);
        (rule.alarm_points * share * (mean - usual)) as f32
    }
}
