//! When the patient was heard of, when nobody should expect to hear, and what silence is unusual for this person.
//!
//! Everything a person does counts as a sign of them: a weighing that failed as well as one that succeeded. What a
//! device does by itself does not. The last 64 local days are one bit each.
//!
//! The ladder of silence begins from the person's own habit. Who measures daily is reminded by the policy's days; for who
//! by habit leaves gaps, every step waits as many days longer as the second longest gap of the last eight weeks lasted, at
//! most the policy's `habit_days_max`, and at least as the policy's `every_days` allows. The second longest, because one
//! long gap is no habit. Days on which the person's own schedule asks for nothing are no gap, and count in no share.
//!
//! **Invariant:** the order in which events arrive does not matter, only the times they name; and the ladder always ends
//! in a step: no habit makes silence go unseen.

use jiff::tz::TimeZone;
use vitals::Timestamp;

use super::days::LocalDays;
use super::waiting::{Waiting, whole};
use crate::policy::Silence;
use crate::schedule::{MeasuringDays, Weekdays};

/// A minute since 1970, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Minute(i32);

const NEVER: Minute = Minute(i32::MIN);

impl Minute {
    fn of(at: Timestamp) -> Self {
        let minutes = at.as_millis().div_euclid(Timestamp::MINUTE_MS);
        Self(i32::try_from(minutes).unwrap_or(i32::MAX))
    }

    fn get(self) -> Option<Timestamp> {
        let millis = i64::from(self.0) * Timestamp::MINUTE_MS;
        (self != NEVER).then(|| Timestamp::from_millis(millis).ok()).flatten()
    }

    /// When it is, if that is no later than `now`.
    fn by(self, now: Timestamp) -> Option<Timestamp> {
        self.get().filter(|at| *at <= now)
    }
}

/// Signs of life and excused absences.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Presence {
    /// Bit n: heard of n days before `heard_day`.
    heard: u64,
    heard_day: i32,
    first_day: i32,
    heard_at: Minute,
    weighed_at: Minute,
    admitted: Minute,
    discharged: Minute,
    /// Two pauses, from and until; a third joins the earlier two.
    pauses: [(Minute, Minute); 2],
    ended: Minute,
}

impl Default for Presence {
    fn default() -> Self {
        Self {
            heard: 0,
            heard_day: 0,
            first_day: 0,
            heard_at: NEVER,
            weighed_at: NEVER,
            admitted: NEVER,
            discharged: NEVER,
            pauses: [(NEVER, NEVER); 2],
            ended: NEVER,
        }
    }
}

const WEEK: i32 = 7;
const WEEKS_BEFORE: i32 = 56;
/// Share of silent days are compared once the person is known for this long, days.
const KNOWN_DAYS_MIN: i32 = 28;

impl Presence {
    /// Heard of at `at`, on local day `day`. Signs come in order of time.
    pub(crate) fn hear(&mut self, at: Timestamp, day: i32) {
        if self.heard == 0 {
            (self.first_day, self.heard_day) = (day, day);
        }
        let passed = u32::try_from(day.saturating_sub(self.heard_day)).unwrap_or(0);
        self.heard = self.heard.checked_shl(passed).unwrap_or(0) | 1;
        self.heard_day = self.heard_day.max(day);
        self.heard_at = self.heard_at.max(Minute::of(at));
    }

    /// Weighed at `at`.
    pub(crate) fn weigh(&mut self, at: Timestamp) {
        self.weighed_at = self.weighed_at.max(Minute::of(at));
    }

    pub(crate) fn admit(&mut self, at: Timestamp) {
        self.admitted = self.admitted.max(Minute::of(at));
    }

    pub(crate) fn discharge(&mut self, at: Timestamp) {
        self.discharged = self.discharged.max(Minute::of(at));
    }

    pub(crate) fn end(&mut self, at: Timestamp) {
        self.ended = self.ended.max(Minute::of(at));
    }

    pub(crate) fn pause(&mut self, at: Timestamp, until: Timestamp) {
        let new = (Minute::of(at), Minute::of(until));
        let [first, second] = self.pauses;
        // The same one first: what is folded again from a copy that knows of it already must not stand twice.
        let place = |begin: Minute| self.pauses.iter().position(|held| held.0 == begin);
        if let Some(place) = place(new.0).or_else(|| place(NEVER)) {
            let held = &mut self.pauses[place];
            *held = (new.0, held.1.max(new.1));
        } else {
            // The two that begin first become one that begins with the later of them: an excuse is never made longer.
            let mut all = [first, second, new];
            all.sort_unstable();
            let [one, two, three] = all;
            self.pauses = [(two.0, one.1.max(two.1)), three];
        }
        self.pauses.sort_unstable();
    }

    /// When the patient was last heard of, to the minute.
    pub(crate) fn last_heard(&self) -> Option<Timestamp> {
        self.heard_at.get()
    }

    /// When monitoring ended, if it did.
    pub(crate) fn ended(&self) -> Option<Timestamp> {
        self.ended.get()
    }

    /// The last discharge.
    pub(crate) fn last_discharge(&self) -> Option<Timestamp> {
        self.discharged.get()
    }

    /// The share of silent days among the `asked` ones of the last week, above that of up to eight weeks before, on the last
    /// day heard of; 0 while the person is new.
    pub(crate) fn silence_excess(&self, asked: Weekdays) -> f32 {
        let known = self.heard_day.saturating_sub(self.first_day);
        if known < KNOWN_DAYS_MIN {
            return 0.0;
        }
        let before = (known - WEEK).clamp(1, WEEKS_BEFORE);
        let asked = self.asked(asked);
        self.share_silent(asked, 0, WEEK) - self.share_silent(asked, WEEK, before)
    }

    #[allow(clippy::cast_precision_loss)]
    fn share_silent(&self, asked: u64, from: i32, days: i32) -> f32 {
        let mask = (1u64 << days) - 1;
        let asked = (asked >> from) & mask;
        let heard = (self.heard >> from) & asked;
        // A week holds one, but a span shorter than that need not.
        if asked == 0 { 0.0 } else { 1.0 - heard.count_ones() as f32 / asked.count_ones() as f32 }
    }

    /// The days of `asked` as bits beside those heard of.
    fn asked(&self, asked: Weekdays) -> u64 {
        if asked == Weekdays::ALL {
            return u64::MAX;
        }
        let is_asked = |place: &i32| asked.has_day(self.heard_day.saturating_sub(*place));
        let week = (0..WEEK).filter(is_asked).fold(0, |week: u64, place| week | 1 << place);
        (0..u64::BITS).step_by(WEEK as usize).fold(0, |days, place| days | week << place)
    }

    /// How many days longer than the policy's every step waits for this person, of those that are `asked` for.
    pub(crate) fn usual_gap_days(&self, limits: &Silence, asked: Weekdays) -> i64 {
        // Days of the person's own say more than how seldom the policy asks.
        let by_policy = limits.every_days.filter(|_| asked == Weekdays::ALL);
        let planned = by_policy.map_or(0, |days| whole(days) - 1).max(0);
        let Some(most) = limits.habit_days_max.map(whole) else { return planned };
        let known = u32::try_from(self.heard_day.saturating_sub(self.first_day))
            .unwrap_or(0)
            .min(WEEKS_BEFORE as u32);
        let asked = self.asked(asked);
        let (mut longest, mut second) = (0, 0);
        let mut rest = self.heard & !1;
        let mut place = 0;
        while rest != 0 {
            let next = rest.trailing_zeros();
            if next > known {
                break;
            }
            let between = (asked & !self.heard & ((1u64 << next) - 1)) >> place;
            let gap = i64::from(between.count_ones());
            if gap > longest {
                (longest, second) = (gap, longest);
            } else {
                second = second.max(gap);
            }
            place = next;
            rest &= rest - 1;
        }
        planned.max(second.min(most))
    }

    /// The moment from which something is expected again, as known at `now`: `None` when nothing was ever expected.
    pub(crate) fn expected_since(&self, now: Timestamp, limits: &Silence) -> Option<Timestamp> {
        self.expected_after(self.last_heard(), now, limits)
    }

    /// Since when a weight is expected: only of a person who weighs themselves.
    pub(crate) fn weight_expected_since(&self, now: Timestamp, limits: &Silence) -> Option<Timestamp> {
        self.expected_after(Some(self.weighed_at.get()?), now, limits)
    }

    /// `last` itself, or the end of an absence that has begun.
    fn expected_after(&self, last: Option<Timestamp>, now: Timestamp, limits: &Silence) -> Option<Timestamp> {
        let discharged = self.discharged.by(now);
        let paused = self
            .pauses
            .iter()
            .filter(|(from, _)| from.by(now).is_some())
            .filter_map(|(_, until)| until.get())
            .max();
        let admitted = self.admitted.by(now).and_then(|at| {
            let is_over = discharged.is_some_and(|discharged| discharged >= at)
                || self.last_heard().is_some_and(|heard| heard > at.plus_days(1));
            (!is_over).then(|| at.plus_days(whole(limits.admission_days_max)))
        });
        [last, discharged, paused, admitted].into_iter().flatten().max()
    }

    /// How long the ladder waits for this person where these days are `asked` for.
    pub(crate) fn waiting<'a>(&self, limits: &'a Silence, asked: Weekdays) -> Waiting<'a> {
        Waiting { limits, asked, longer: self.usual_gap_days(limits, asked) }
    }

    /// Whether no step of the ladder can lie at or before local day `day`: a cheap answer for a day with readings.
    pub(crate) fn is_early(&self, day: i32, limits: &Silence, days: &LocalDays) -> bool {
        let (Some(_), steps) = (self.heard_at.get(), [limits.message_days, limits.missing_weight_days])
        else {
            return false;
        };
        let [first, weight] = steps.map(|step| i32::try_from(whole(step)).unwrap_or(0));
        let weighed = self.weighed_at.get().is_none_or(|at| day < days.day(at).saturating_add(weight));
        weighed && day < self.heard_day.saturating_add(first)
    }

    /// When the passing of time alone would next yield a finding, strictly after `after`; `None` when it never would.
    pub(crate) fn next_check(
        &self,
        limits: &Silence,
        measuring: MeasuringDays,
        zone: &TimeZone,
        after: Timestamp,
    ) -> Option<Timestamp> {
        let silence = self.expected_since(after, limits).map(|since| {
            let steps = [
                limits.message_days,
                limits.call_patient_days,
                limits.call_next_of_kin_days,
                limits.clinician_days,
            ];
            self.waiting(limits, measuring.any).next_check(&steps, since, after, zone)
        });
        let weight = self.weight_expected_since(after, limits).map(|since| {
            let steps = [limits.missing_weight_days];
            self.waiting(limits, measuring.weight).next_check(&steps, since, after, zone)
        });
        // At the end of the calendar a step can fall before the last one: then there is no next.
        let next = silence.into_iter().chain(weight).filter(|next| *next > after).min()?;
        self.ended().is_none_or(|ended| next <= ended).then_some(next)
    }
}
