//! What time does to an open task: how things stand now, whether a finding wakes one that rests, which step of the ladder
//! has come, and when a patient is reminded. Pure; whoever carries it out hands in `now`.
//!
//! **Invariants:** how things stand now is never worse than the worst there was; a step of the ladder comes once, in office
//! hours; a patient has one time of day for reminders, whatever else happens.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use vitals::{PatientId, Timestamp};

use crate::calendar::{office_hours_after, to_timestamp};
use crate::finding::Priority;
use crate::policy::{EscalateTo, FollowThrough, Policy};

/// What is known of a finding that joined a case.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sign<'a> {
    /// The rule.
    pub rule: &'a str,
    /// How soon by itself.
    pub priority: Priority,
    /// When.
    pub at: Timestamp,
    /// What was seen.
    pub observed: Option<f64>,
    /// The limit it passed.
    pub limit: Option<f64>,
}

impl Sign<'_> {
    /// How far beyond its limit, on whichever side; 0 where there is no number.
    fn beyond(&self) -> f64 {
        match (self.observed, self.limit) {
            (Some(observed), Some(limit)) => (observed - limit).abs(),
            (Some(_) | None, _) => 0.0,
        }
    }
}

/// How things stand at `now`: the most urgent of the latest words of each rule within the policy's `join_hours`; routine
/// when all is older. A case rises at once with what joins it and falls when its worst signs are past; its highest
/// priority stays on record.
#[must_use]
pub fn severity_now(signs: &[Sign<'_>], follow: &FollowThrough, now: Timestamp) -> Priority {
    let since = now.plus_millis(-follow.join_ms());
    let is_latest =
        |at: usize, sign: &Sign<'_>| !signs.iter().skip(at + 1).any(|later| later.rule == sign.rule);
    let current = signs.iter().enumerate().filter(|(at, sign)| sign.at > since && is_latest(*at, sign));
    current.map(|(_, sign)| sign.priority).max().unwrap_or(Priority::Routine)
}

/// Whether `new` is worse than everything `before` it, so that a case that rests at `level` must wake: more urgent, a rule
/// that had not spoken at that level, or further beyond its limit than ever.
#[must_use]
pub fn wakes(before: &[Sign<'_>], new: &Sign<'_>, level: Priority) -> bool {
    if new.priority > level {
        return true;
    }
    let known: Vec<&Sign<'_>> = before.iter().filter(|sign| sign.rule == new.rule).collect();
    if known.is_empty() {
        return new.priority == level;
    }
    new.beyond() > known.iter().map(|sign| sign.beyond()).fold(0.0, f64::max)
}

/// The steps of the ladder that have come by `now` for a task due at `due_at`, after the first `taken` of them.
#[must_use]
pub fn steps(
    policy: &Policy,
    due_at: Timestamp,
    taken: usize,
    now: Timestamp,
    zone: &TimeZone,
) -> Vec<(EscalateTo, Timestamp)> {
    let ladder = policy.follow_through().map_or(&[][..], |follow| &follow.escalation);
    ladder
        .iter()
        .skip(taken)
        .map(|step| (step.to, office_hours_after(policy.due(), due_at, step.office_hours, zone)))
        .take_while(|(_, at)| *at <= now)
        .collect()
}

/// When on `day` the patient would be reminded: from the policy's hour, each at a minute of their own.
#[must_use]
pub fn remind_at(follow: &FollowThrough, patient: &PatientId, day: Date, zone: &TimeZone) -> Timestamp {
    let spread_ms = crate::policy::millis(follow.remind_spread_minutes, Timestamp::MINUTE_MS).max(1);
    let from = to_timestamp(day.to_datetime(follow.remind_from), zone);
    from.plus_millis(i64::try_from(hash(patient.as_str()) % spread_ms.unsigned_abs()).unwrap_or(0))
}

/// FNV-1a, 64 bits: spreads ids evenly and is the same on every machine (Fowler, Noll, Vo; RFC 9923).
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone() -> TimeZone {
        TimeZone::get("Europe/Stockholm").expect("bundled")
    }

    fn at(text: &str) -> Timestamp {
        text.parse().expect(text)
    }

    fn follow() -> &'static FollowThrough {
        Policy::recommended().follow_through().expect("the recommended policy has it")
    }

    /// Rule, priority, hours ago.
    type Row = (&'static str, Priority, i64);

    fn sign(rule: &str, priority: Priority, at: Timestamp, observed: f64) -> Sign<'_> {
        Sign { rule, priority, at, observed: Some(observed), limit: Some(2.0) }
    }

    /// To add a case, add a row: findings (rule, priority, hours ago), how things stand. The window is 72 h (physIQ).
    #[test]
    fn severity_rises_and_falls() {
        use Priority::{Routine, Soon, Urgent};
        let now = at("2026-04-22T08:00:00Z");
        let rows: [(&[Row], Priority, &str); 6] = [
            (&[("a", Soon, 1)], Soon, "one sign"),
            (&[("a", Soon, 30), ("b", Urgent, 1)], Urgent, "rises with the second"),
            (&[("b", Urgent, 80), ("a", Soon, 1)], Soon, "falls when the worst is 72 h old"),
            (&[("a", Urgent, 30), ("a", Soon, 1)], Soon, "the rule's latest word counts"),
            (&[("a", Urgent, 71)], Urgent, "within 72 h"),
            (&[("a", Urgent, 73)], Routine, "all past"),
        ];
        for (signs, expected, why) in rows {
            let signs: Vec<Sign<'_>> = signs
                .iter()
                .map(|(rule, priority, hours)| {
                    sign(rule, *priority, now.plus_millis(-hours * Timestamp::HOUR_MS), 2.5)
                })
                .collect();
            assert_eq!(severity_now(&signs, follow(), now), expected, "{why}");
        }
    }

    /// To add a case, add a row: rule, priority and value of what joins a case that rests at `soon` with 2.4 against 2.0.
    #[test]
    fn only_what_is_worse_wakes() {
        let now = at("2026-04-22T08:00:00Z");
        let before = [sign("weight", Priority::Soon, now, 2.4)];
        let rows = [
            ("weight", Priority::Soon, 2.4, false),
            ("weight", Priority::Soon, 2.2, false),
            ("weight", Priority::Soon, 2.9, true),
            ("weight", Priority::Urgent, 2.2, true),
            ("pulse", Priority::Soon, 2.1, true),
            ("pulse", Priority::Routine, 9.0, false),
        ];
        for (rule, priority, value, expected) in rows {
            let new = sign(rule, priority, now, value);
            assert_eq!(wakes(&before, &new, Priority::Soon), expected, "{new:?}");
        }
    }

    /// To add a case, add a row: due, now, steps taken before, steps that have come. By hand: open 08:00-16:30, steps at
    /// 0, 4 and 8 office hours after the due time; 27 November 2026 is a Friday, and Stockholm is an hour before UTC.
    #[test]
    fn the_ladder_is_climbed_in_office_hours() {
        use EscalateTo::{AnsweringUnit, Physician, Unit};
        let rows: [(&str, &str, usize, &[EscalateTo]); 7] = [
            ("2026-11-27T11:00:00Z", "2026-11-27T10:59:00Z", 0, &[]),
            ("2026-11-27T11:00:00Z", "2026-11-27T11:00:00Z", 0, &[Unit]),
            ("2026-11-27T11:00:00Z", "2026-11-27T14:59:00Z", 1, &[]),
            ("2026-11-27T11:00:00Z", "2026-11-27T15:00:00Z", 1, &[AnsweringUnit]),
            ("2026-11-27T11:00:00Z", "2026-11-29T22:00:00Z", 2, &[]),
            ("2026-11-27T11:00:00Z", "2026-11-30T10:30:00Z", 2, &[Physician]),
            ("2026-11-27T11:00:00Z", "2026-12-01T10:30:00Z", 0, &[Unit, AnsweringUnit, Physician]),
        ];
        for (due, now, taken, expected) in rows {
            let come = steps(Policy::recommended(), at(due), taken, at(now), &zone());
            let told: Vec<EscalateTo> = come.iter().map(|(to, _)| *to).collect();
            assert_eq!(told, expected, "{due} {now}");
            assert!(come.iter().all(|(_, when)| *when >= at(due) && *when <= at(now)));
        }
    }

    /// The time is the person's own, and spread: of a thousand, no minute has more than a few.
    #[test]
    fn reminders_are_spread_over_the_policys_minutes() {
        let day = Date::new(2026, 11, 27).expect("a date");
        let mut minutes = std::collections::BTreeMap::new();
        for number in 0..1000 {
            let patient: PatientId = format!("p{number}").parse().expect("an id");
            let when = remind_at(follow(), &patient, day, &zone());
            assert_eq!(when, remind_at(follow(), &patient, day, &zone()), "always the same");
            assert!(when >= at("2026-11-27T13:00:00Z") && when < at("2026-11-27T14:00:00Z"), "{when}");
            *minutes.entry(when.as_millis() / Timestamp::MINUTE_MS).or_insert(0) += 1;
        }
        // Evenly: 16.7 a minute; four standard deviations above is 33.
        assert!(minutes.len() == 60 && minutes.values().all(|count| *count <= 33), "{minutes:?}");
    }
}
