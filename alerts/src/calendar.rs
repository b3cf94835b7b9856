//! When a Swedish office is open, and so when a task is due.
//!
//! Public holidays by lag (1989:253) om allmänna helgdagar; Midsummer, Christmas and New Year's eve are closed as well,
//! which semesterlagen (1977:480) 3 a § equates with Sundays. It does not know an office's own closing days.
//!
//! **Invariant:** every due time lies at or after the time it was asked for, and within office hours or at their end.

use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::TimeZone;
use jiff::{Span, ToSpan};
use vitals::Timestamp;

use crate::finding::Priority;
use crate::policy::Due;

/// Easter Sunday of a year in the Gregorian calendar (the anonymous algorithm, Nature 13, 487, 1876, as given by Meeus,
/// Astronomical Algorithms, chapter 8).
#[must_use]
pub fn easter(year: i16) -> Option<Date> {
    let y = i32::from(year);
    let golden = y.rem_euclid(19);
    let (century, of_century) = (y.div_euclid(100), y.rem_euclid(100));
    let skipped = (century + 8).div_euclid(25);
    let moon = (century - skipped + 1).div_euclid(3);
    let epact = (19 * golden + century - century.div_euclid(4) - moon + 15).rem_euclid(30);
    let weekday =
        (32 + 2 * century.rem_euclid(4) + 2 * (of_century / 4) - epact - of_century % 4).rem_euclid(7);
    let late = (golden + 11 * epact + 22 * weekday) / 451;
    let days = epact + weekday - 7 * late + 114;
    Date::new(year, i8::try_from(days / 31).ok()?, i8::try_from(days % 31 + 1).ok()?).ok()
}

/// Whether `date` is a public holiday on a fixed date, one that moves, or an eve on which offices are closed. Saturdays
/// and Sundays are not asked about.
#[must_use]
pub fn is_holiday(date: Date) -> bool {
    let fixed = matches!((date.month(), date.day()), (1, 1 | 6) | (5, 1) | (6, 6) | (12, 24 | 25 | 26 | 31));
    let midsummer_eve =
        date.month() == 6 && (19..=25).contains(&date.day()) && date.weekday() == Weekday::Friday;
    let moving = || {
        let sunday = easter(date.year())?;
        // Good Friday, Easter Sunday and Monday, Ascension Day, Whit Sunday.
        let days = sunday.until(date).ok()?.get_days();
        Some(matches!(days, -2 | 0 | 1 | 39 | 49))
    };
    fixed || midsummer_eve || moving().unwrap_or(false)
}

/// Whether the office is open at all that day. Midsummer Day and All Saints' Day are always Saturdays.
#[must_use]
pub fn is_office_day(date: Date) -> bool {
    !matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday) && !is_holiday(date)
}

/// Two weeks hold an office day even over Christmas; the bound keeps the search total at the end of time.
const SEARCH_DAYS_MAX: usize = 30;

/// The first office day on or after `date`.
#[must_use]
pub fn office_day_from(date: Date) -> Date {
    let mut day = date;
    for _ in 0..SEARCH_DAYS_MAX {
        if is_office_day(day) {
            return day;
        }
        day = tomorrow(day);
    }
    day
}

fn tomorrow(day: Date) -> Date {
    day.saturating_add(1.day())
}

/// When a task of this priority that opens at `now` is due.
///
/// Urgent: after `urgent_office_hours` of office time. Otherwise at closing time of the office day that many office
/// days after the first one on or after `now`'s date.
#[must_use]
pub fn due_at(due: &Due, priority: Priority, now: Timestamp, zone: &TimeZone) -> Timestamp {
    let local = zone.to_datetime(now.to_jiff());
    let moment = match priority {
        Priority::Urgent => after_office_time(due, local, due.urgent_office_hours),
        Priority::Soon | Priority::Routine => {
            let mut day = office_day_from(local.date());
            for _ in 0..due.office_days(priority) {
                day = office_day_from(tomorrow(day));
            }
            day.to_datetime(due.closes)
        }
    };
    to_timestamp(moment, zone).max(now)
}

/// When `hours` of office time have passed since `from`; `from` itself for none.
#[must_use]
pub fn office_hours_after(due: &Due, from: Timestamp, hours: f64, zone: &TimeZone) -> Timestamp {
    if hours <= 0.0 {
        return from;
    }
    to_timestamp(after_office_time(due, zone.to_datetime(from.to_jiff()), hours), zone).max(from)
}

#[allow(clippy::cast_possible_truncation)]
fn after_office_time(due: &Due, local: DateTime, hours: f64) -> DateTime {
    let mut left_minutes = (hours * 60.0).round() as i64;
    let mut day = local.date();
    for _ in 0..SEARCH_DAYS_MAX {
        day = office_day_from(day);
        let opens = day.to_datetime(due.opens).max(local);
        let open_minutes = minutes_between(opens, day.to_datetime(due.closes));
        if left_minutes <= open_minutes {
            return opens.saturating_add(Span::new().minutes(left_minutes));
        }
        left_minutes -= open_minutes.max(0);
        day = tomorrow(day);
    }
    local
}

fn minutes_between(from: DateTime, to: DateTime) -> i64 {
    from.duration_until(to).as_mins()
}

/// The local moment `moment` in `zone`; in the hour a spring night skips, the moment after it.
pub(crate) fn to_timestamp(moment: DateTime, zone: &TimeZone) -> Timestamp {
    zone.to_timestamp(moment).map_or_else(
        |_| Timestamp::from_jiff(jiff::tz::Offset::UTC.to_timestamp(moment).unwrap_or(jiff::Timestamp::MAX)),
        Timestamp::from_jiff,
    )
}

/// The date at `time` in `zone`.
pub(crate) fn local_date(time: Timestamp, zone: &TimeZone) -> Date {
    zone.to_datetime(time.to_jiff()).date()
}

/// Whole calendar days from `earlier` to `later`; 0 when `later` lies before.
pub(crate) fn days_between(earlier: Date, later: Date) -> u32 {
    earlier.until(later).ok().and_then(|span| u32::try_from(span.get_days()).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;

    /// Easter Sundays from the Astronomical Applications department's published table (US Naval Observatory).
    #[test]
    fn easter_falls_where_the_tables_say() {
        for (year, month, day) in
            [(2024, 3, 31), (2025, 4, 20), (2026, 4, 5), (2027, 3, 28), (2038, 4, 25), (2285, 3, 22)]
        {
            assert_eq!(easter(year), Date::new(year, month, day).ok());
        }
    }

    /// Every red weekday of 2026 and the eves, worked by hand from lag 1989:253; and neighbours that are not.
    #[test]
    fn swedish_offices_close_on_these_weekdays_of_2026() {
        let closed = [(1, 1), (1, 6), (4, 3), (4, 6), (5, 1), (5, 14), (6, 19), (12, 24), (12, 25), (12, 31)];
        let mut day = Date::new(2026, 1, 1).expect("a date");
        let mut found = Vec::new();
        while day.year() == 2026 {
            if !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday) && !is_office_day(day) {
                found.push((day.month(), day.day()));
            }
            day = tomorrow(day);
        }
        assert_eq!(found, closed);
        for (month, day, why) in
            [(5, 24, "pingstdagen"), (6, 6, "nationaldagen"), (4, 5, "påskdagen"), (12, 26, "annandag jul")]
        {
            assert!(is_holiday(Date::new(2026, month, day).expect("a date")), "{why}");
        }
    }

    /// To add a case, add a row: priority, when it opens (UTC), when it is due (UTC). By hand from the recommended
    /// policy: open 08:00-16:30; urgent after 2 office hours, soon the next office day, routine the fifth.
    #[test]
    fn tasks_are_due_in_office_hours() {
        let zone = TimeZone::get("Europe/Stockholm").expect("bundled");
        let rows = [
            (Priority::Urgent, "2026-11-23T09:00:00Z", "2026-11-23T11:00:00Z", "Monday 10:00, by 12:00"),
            (
                Priority::Urgent,
                "2026-11-23T14:30:00Z",
                "2026-11-24T08:00:00Z",
                "15:30: one hour today, one tomorrow",
            ),
            (Priority::Urgent, "2026-11-23T03:00:00Z", "2026-11-23T09:00:00Z", "at night: from opening"),
            (Priority::Urgent, "2026-11-27T19:00:00Z", "2026-11-30T09:00:00Z", "Friday evening: Monday"),
            (
                Priority::Urgent,
                "2026-04-02T18:00:00Z",
                "2026-04-07T08:00:00Z",
                "Maundy Thursday evening: Tuesday after Easter",
            ),
            (Priority::Soon, "2026-11-23T09:00:00Z", "2026-11-24T15:30:00Z", "Monday: Tuesday closing"),
            (
                Priority::Soon,
                "2026-11-28T09:00:00Z",
                "2026-12-01T15:30:00Z",
                "Saturday: seen Monday at the latest Tuesday",
            ),
            (Priority::Soon, "2026-12-23T09:00:00Z", "2026-12-28T15:30:00Z", "over Christmas"),
            (Priority::Soon, "2026-03-27T09:00:00Z", "2026-03-30T14:30:00Z", "summer time begins between"),
            (Priority::Routine, "2026-11-23T09:00:00Z", "2026-11-30T15:30:00Z", "five office days"),
        ];
        for (priority, opens, expected, why) in rows {
            let due = due_at(Policy::recommended().due(), priority, opens.parse().expect(opens), &zone);
            assert_eq!(due, expected.parse().expect(expected), "{why}: {due}");
        }
    }
}
