//! When the patient was heard of, and when nobody should expect to hear.
//!
//! Everything a person does counts as a sign of them: a weighing that failed as well as one that succeeded. What a
//! device does by itself does not.
//!
//! **Invariant:** the order in which events arrive does not matter, only the times they name.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::ToSpan;
use jiff::tz::TimeZone;
use vitals::Timestamp;

use crate::calendar::{days_between, local_date, to_timestamp};
use crate::policy::Silence;

/// Signs of life and excused absences, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Presence {
    heard: VecDeque<Timestamp>,
    admissions: BTreeSet<Timestamp>,
    discharges: BTreeSet<Timestamp>,
    pauses: BTreeMap<Timestamp, Timestamp>,
    pub(super) ended: Option<Timestamp>,
}

impl Presence {
    pub(super) fn hear(&mut self, at: Timestamp) {
        let place = self.heard.partition_point(|held| *held < at);
        if self.heard.get(place) != Some(&at) {
            self.heard.insert(place, at);
        }
    }

    pub(super) fn admit(&mut self, at: Timestamp) -> bool {
        self.admissions.insert(at)
    }

    pub(super) fn discharge(&mut self, at: Timestamp) -> bool {
        self.discharges.insert(at)
    }

    pub(super) fn pause(&mut self, at: Timestamp, until: Timestamp) -> bool {
        let held = self.pauses.get(&at).copied();
        self.pauses.insert(at, held.map_or(until, |held| held.max(until)));
        held.is_none_or(|held| held < until)
    }

    pub(super) fn forget_before(&mut self, oldest: Timestamp) {
        // The last sign is kept however old: without it a long silence would look like a patient never seen.
        while self.heard.len() > 1 && self.heard.front().is_some_and(|at| *at < oldest) {
            self.heard.pop_front();
        }
        let keep_last = |set: &mut BTreeSet<Timestamp>| {
            while set.len() > 1 && set.first().is_some_and(|at| *at < oldest) {
                set.pop_first();
            }
        };
        keep_last(&mut self.admissions);
        keep_last(&mut self.discharges);
        while self.pauses.first_key_value().is_some_and(|(at, until)| *at < oldest && *until < oldest) {
            self.pauses.pop_first();
        }
    }

    pub(super) fn last_heard(&self) -> Option<Timestamp> {
        self.heard.back().copied()
    }

    pub(super) fn last_discharge(&self) -> Option<Timestamp> {
        self.discharges.last().copied()
    }

    /// How many of the `days` 24-hour days before `until` had no sign, as a share.
    pub(super) fn share_silent(&self, until: Timestamp, days: usize) -> f64 {
        let days = days.min(64);
        let mut seen: u64 = 0;
        for at in self.heard.iter().rev() {
            let back_ms = until.millis_since(*at);
            let day = usize::try_from(back_ms / Timestamp::DAY_MS).unwrap_or(0);
            if day >= days {
                break;
            }
            seen |= 1 << day;
        }
        #[allow(clippy::cast_precision_loss)]
        let share = 1.0 - f64::from(seen.count_ones()) / days.max(1) as f64;
        share
    }

    /// How many days the signs span up to `until`.
    pub(super) fn days_known(&self, until: Timestamp) -> f64 {
        self.heard.front().map_or(0.0, |first| until.days_since(*first))
    }

    /// The moment from which something is expected again after `last`, as known at `now`: `last` itself, or the end of
    /// an absence that has begun. `None` when nothing was ever expected.
    pub(super) fn expected_since(
        &self,
        last: Option<Timestamp>,
        now: Timestamp,
        limits: &Silence,
    ) -> Option<Timestamp> {
        let discharged = self.discharges.range(..=now).next_back().copied();
        let paused = self.pauses.range(..=now).map(|(_, until)| *until).max();
        let admitted = self.admissions.range(..=now).next_back().copied().and_then(|at| {
            let is_over = self.discharges.range(at..=now).next().is_some()
                || self.last_heard().is_some_and(|heard| heard > at.plus_days(1));
            (!is_over).then(|| at.plus_days(whole(limits.admission_days_max)))
        });
        [last, discharged, paused, admitted].into_iter().flatten().max()
    }
}

/// More days than the calendar has, and few enough for its arithmetic.
const DAYS_MAX: i64 = 4_000_000;

/// When the `days`-th day after `since` counts as silent.
pub(super) fn check_time(since: Timestamp, days: i64, limits: &Silence, zone: &TimeZone) -> Timestamp {
    let day = local_date(since, zone).saturating_add(days.clamp(0, DAYS_MAX).days());
    let hour = i8::try_from(whole(limits.check_hour)).unwrap_or(0).clamp(0, 23);
    to_timestamp(day.at(hour, 0, 0, 0), zone)
}

/// Whole silent local days from `since` to `now`; the present day counts from the hour of the check.
pub(super) fn silent_days(since: Timestamp, now: Timestamp, limits: &Silence, zone: &TimeZone) -> u32 {
    let days = days_between(local_date(since, zone), local_date(now, zone));
    if days > 0 && now < check_time(since, i64::from(days), limits, zone) { days - 1 } else { days }
}

/// A whole number of days or hours from a policy.
#[allow(clippy::cast_possible_truncation)]
pub(crate) fn whole(number: f64) -> i64 {
    number.round() as i64
}
