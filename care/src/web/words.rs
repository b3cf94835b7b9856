//! Clinical enums and people in the words of a page.
//!
//! **Invariant:** every variant has its words in both languages; a test asks for each.

use alerts::{Priority, Problem};
use vitals::Timestamp;

use super::format;
use super::text::Text;
use crate::language::Words;
use crate::people::PatientFacts;

/// How urgent, as key for shape and colour, and as word: never one without the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Urgency {
    priority: Priority,
    text: Text,
}

impl Urgency {
    /// The urgency of `priority` in the words of `text`.
    pub(crate) const fn of(priority: Priority, text: Text) -> Self {
        Self { priority, text }
    }

    /// `urgent`, `soon` or `routine`.
    pub(crate) const fn key(&self) -> &'static str {
        self.priority.key()
    }

    /// The word.
    pub(crate) fn word(&self) -> String {
        self.text.t(match self.priority {
            Priority::Urgent => "priority-urgent",
            Priority::Soon => "priority-soon",
            Priority::Routine => "priority-routine",
        })
    }
}

/// What a case is about, as a heading.
pub(crate) fn problem(problem: Problem, text: Text) -> String {
    text.t(match problem {
        Problem::Decompensation => "problem-decompensation",
        Problem::BloodPressure => "problem-blood-pressure",
        Problem::Pulse => "problem-pulse",
        Problem::Oxygen => "problem-oxygen",
        Problem::Symptoms => "problem-symptoms",
        Problem::Silence => "problem-silence",
        Problem::MissingMeasurement => "problem-missing-measurement",
        Problem::DataQuality => "problem-data-quality",
        Problem::Device => "problem-device",
        Problem::Gateway => "problem-gateway",
        Problem::Technical => "problem-technical",
    })
}

/// `89 år`, where the date of birth is known.
pub(crate) fn age(facts: &PatientFacts, now: Timestamp, text: Text) -> Option<String> {
    facts.age_years(now).map(|years| text.count("age-years", i64::from(years)))
}

/// Age and the units beside `own`: `89 år · Hemtjänst Centrum`.
pub(crate) fn age_and_units(facts: &PatientFacts, own: Option<&str>, now: Timestamp, text: Text) -> String {
    let others =
        facts.units.iter().filter(|unit| Some(unit.id.as_str()) != own).map(|unit| unit.name.clone());
    age(facts, now, text).into_iter().chain(others).collect::<Vec<_>>().join(" · ")
}

/// Why the reader sees this, with its day as people write it.
pub(crate) fn why_seen(why: &Words, now: Timestamp, text: Text) -> String {
    let why = why.get(text.0);
    let day = why.rsplit_once(' ').and_then(|(before, day)| Some((before, day.parse().ok()?)));
    match day {
        Some((before, day)) => format!("{before} {}", format::day_word(day, format::day_of(now), text)),
        None => why.to_owned(),
    }
}

/// When something is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    /// `kl 10:30`, `i morgon 16:00`, `27 april 16:00`.
    pub(crate) when: String,
    /// `12 min kvar`, `40 min över tiden`, or nothing where a day says enough.
    pub(crate) left: Option<String>,
    /// Whether it has passed.
    pub(crate) passed: bool,
}

/// When `due_at` is, seen from `now`.
pub(crate) fn due(due_at: Timestamp, now: Timestamp, text: Text) -> Due {
    let left_ms = due_at.millis_since(now);
    let (day, today) = (format::day_of(due_at), format::day_of(now));
    let passed = left_ms < 0;
    let left = if passed {
        Some(text.with("due-passed", &[("time", span(-left_ms, text).into())]))
    } else if day == today {
        Some(text.with("due-left", &[("time", span(left_ms, text).into())]))
    } else {
        None
    };
    let when = if day == today {
        text.with("due-clock", &[("time", format::clock_time(due_at).into())])
    } else {
        let word = format::day_word(day, today, text);
        format!("{word} {}", format::clock_time(due_at))
    };
    Due { when, left, passed }
}

impl Due {
    /// As [`Due::when`], to begin a line with.
    pub(crate) fn begins(&self) -> String {
        format::capital(&self.when)
    }
}

/// A length of time in its largest fitting unit: `12 min`, `3 h`, `2 dagar`.
fn span(millis: i64, text: Text) -> String {
    let minutes = millis / Timestamp::MINUTE_MS;
    if minutes < 120 {
        text.count("span-minutes", minutes)
    } else if minutes < 48 * 60 {
        text.count("span-hours", minutes / 60)
    } else {
        text.count("span-days", minutes / (24 * 60))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::Language;

    #[test]
    fn every_problem_and_priority_has_words() {
        for text in [Text(Language::Sv), Text(Language::En)] {
            for one in Problem::ALL {
                assert!(!problem(*one, text).starts_with('['), "{one:?}");
            }
            for one in Priority::ALL {
                assert!(!Urgency::of(*one, text).word().starts_with('['), "{one:?}");
            }
        }
    }

    /// Rows worked by hand; Stockholm is two hours ahead of UTC on these days.
    #[test]
    fn a_due_time_reads_as_a_nurse_would_say_it() {
        let at = |text: &str| text.parse::<Timestamp>().expect("a time");
        let now = at("2026-04-22T08:18:00Z");
        let rows = [
            ("2026-04-22T08:30:00Z", "kl 10:30", Some("12\u{202f}min kvar"), false),
            ("2026-04-22T14:30:00Z", "kl 16:30", Some("6\u{202f}h kvar"), false),
            ("2026-04-22T07:38:00Z", "kl 09:38", Some("40\u{202f}min över tiden"), true),
            ("2026-04-23T14:00:00Z", "i morgon 16:00", None, false),
            ("2026-04-27T14:00:00Z", "27 april 16:00", None, false),
        ];
        for (time, when, left, passed) in rows {
            let due = due(at(time), now, Text(Language::Sv));
            assert_eq!((due.when.as_str(), due.left.as_deref(), due.passed), (when, left, passed), "{time}");
        }
    }
}
