//! How long each step of the ladder of silence waits for a person: by the policy's days, on the days of the week on which
//! they are asked to measure, and by the gaps that they leave by habit.
//!
//! A step that the policy sets at n days comes on the n-th day that was asked for and missed; for who by habit leaves
//! gaps, so many of their days later. Who is asked seldom is not waited for week after week: from the first day missed on,
//! no step comes more than the policy's `habit_days_max` days later than for somebody who is asked daily.
//!
//! **Invariants:** a later step comes on a later day, and every step comes; who is asked daily is judged by days alone.

use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use vitals::Timestamp;

use crate::calendar::{days_between, local_date, to_timestamp};
use crate::policy::Silence;
use crate::schedule::Weekdays;

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waiting<'a> {
    pub(crate) limits: &'a Silence,
    /// The days that are asked for.
    pub(crate) asked: Weekdays,
    /// How many of them every step waits longer.
    pub(crate) longer: i64,
}

/// What a person was asked for and has not sent, as a reminder is judged by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missed {
    /// The moment from which days of silence count.
    pub since: Timestamp,
    /// How many days were asked for since then, the present one among them, beyond those that the person leaves out by habit.
    pub days: i64,
    /// Whether the present day is asked for.
    pub is_asked_today: bool,
    /// Whether the policy's message to the patient has come.
    pub is_message_due: bool,
}

/// More days than a calendar has, and few enough for its arithmetic.
const DAYS_MAX: i64 = 4_000_000;

impl Waiting<'_> {
    /// On which day after `since` the step that the policy sets at `step_days` comes.
    pub(crate) fn day_of(&self, since: Date, step_days: f64) -> i64 {
        let needed = whole(step_days) + self.longer;
        if self.asked == Weekdays::ALL {
            return needed;
        }
        let most = self.limits.habit_days_max.map_or(0, whole).max(self.longer);
        let weekday = i64::from(since.weekday().to_monday_zero_offset());
        let (mut missed, mut latest) = (0, DAYS_MAX);
        for day in 1..DAYS_MAX {
            if self.asked.has_place(weekday + day) {
                if missed == 0 {
                    latest = day - 1 + whole(step_days) + most;
                }
                missed += 1;
            }
            if missed >= needed || day >= latest {
                return day;
            }
        }
        DAYS_MAX
    }

    /// What has been missed since `since`, the whole day of `now` included.
    pub(crate) fn missed(&self, since: Timestamp, now: Timestamp, zone: &TimeZone) -> Missed {
        let (first, today) = (local_date(since, zone), local_date(now, zone));
        let silent = i64::from(days_between(first, today));
        Missed {
            since,
            days: self.asked.count_between(first, today) - self.longer,
            is_asked_today: self.asked.has(today),
            is_message_due: silent >= self.day_of(first, self.limits.message_days),
        }
    }

    /// The first of `steps`, or of the weeks after the last of them, whose check falls after `after`.
    pub(crate) fn next_check(
        &self,
        steps: &[f64],
        since: Timestamp,
        after: Timestamp,
        zone: &TimeZone,
    ) -> Timestamp {
        let first = local_date(since, zone);
        let time = |days: i64| check_time(first, days, self.limits, zone);
        let mut last = 0;
        for step in steps {
            last = self.day_of(first, *step);
            if time(last) > after {
                return time(last);
            }
        }
        let passed = (after.millis_since(time(last)) / (7 * Timestamp::DAY_MS)).max(0);
        let near = time(last + 7 * passed);
        if near > after {
            return near;
        }
        let next = time(last + 7 * (passed + 1));
        if next > after { next } else { time(last + 7 * (passed + 2)) }
    }
}

/// When the `days`-th day after `first` counts as silent.
fn check_time(first: Date, days: i64, limits: &Silence, zone: &TimeZone) -> Timestamp {
    let day = first.saturating_add(days.clamp(0, DAYS_MAX).days());
    let hour = i8::try_from(whole(limits.check_hour)).unwrap_or(0).clamp(0, 23);
    to_timestamp(day.at(hour, 0, 0, 0), zone)
}

/// Whole silent local days from `since` to `now`; the present day counts from the hour of the check.
pub(crate) fn silent_days(since: Timestamp, now: Timestamp, limits: &Silence, zone: &TimeZone) -> u32 {
    let first = local_date(since, zone);
    let days = days_between(first, local_date(now, zone));
    if days > 0 && now < check_time(first, i64::from(days), limits, zone) { days - 1 } else { days }
}

/// A whole number of days or hours from a policy.
#[allow(clippy::cast_possible_truncation)]
pub(crate) fn whole(number: f64) -> i64 {
    number.round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;

    /// Days asked for, the last day heard of, days by habit, the days of the four steps, why.
    type Row<'a> = (&'a [u8], &'a str, i64, [i64; 4], &'a str);

    /// To add a case, add a row: the days asked for, the day heard of last, days more by habit, and on which days after it
    /// the recommended ladder (EMPOWER: 2, 3, 4 and 5 days) comes. By the calendar: 23 November 2026 is a Monday.
    #[test]
    fn steps_come_on_days_that_were_asked_for() {
        let daily: &[u8] = &[1, 2, 3, 4, 5, 6, 7];
        let rows: [Row<'_>; 8] = [
            (daily, "2026-11-23", 0, [2, 3, 4, 5], "daily: the ladder as it stands"),
            (daily, "2026-11-23", 3, [5, 6, 7, 8], "who leaves gaps of three days"),
            (
                &[1, 3, 5],
                "2026-11-23",
                0,
                [4, 7, 9, 10],
                "heard on Monday: missed Wednesday, Friday, Monday, Wednesday; the fifth, Friday, is past Wednesday + 8",
            ),
            (
                &[1, 3, 5],
                "2026-11-27",
                0,
                [5, 7, 10, 11],
                "heard on Friday: missed Monday, Wednesday, Friday, Monday; Monday + 8",
            ),
            (&[1, 3, 5], "2026-11-28", 0, [4, 6, 9, 10], "heard on a Saturday, which nobody asked for"),
            (&[1], "2026-11-23", 0, [12, 13, 14, 15], "weekly: Monday + 5 to 8 days"),
            (
                &[1, 4],
                "2026-11-23",
                1,
                [8, 9, 10, 11],
                "Thursday + 5 to 8: habit and plan together wait no longer",
            ),
            (&[1, 2, 3, 4, 5], "2026-11-27", 0, [4, 5, 6, 7], "no week-ends"),
        ];
        let limits = Policy::recommended().rules().silence.expect("the recommended policy has it");
        let steps = [
            limits.message_days,
            limits.call_patient_days,
            limits.call_next_of_kin_days,
            limits.clinician_days,
        ];
        for (days, since, longer, expected, why) in rows {
            let asked = Weekdays::of(days.iter().copied()).expect("days");
            let waiting = Waiting { limits: &limits, asked, longer };
            let since = since.parse().expect("a date");
            assert_eq!(steps.map(|step| waiting.day_of(since, step)), expected, "{why}");
        }
    }
}
