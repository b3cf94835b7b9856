//! What is said when a dialogue ends, and what staff read of it.
//!
//! **Invariant:** a text that leaves somebody waiting says, on the eve of days on which nobody is there, what to do on
//! those days.

use jiff::tz::TimeZone;
use jiff::{ToSpan, civil};
use vitals::{ReadingId, Timestamp};

use super::questionnaire::{Answers, Choice, Outcome, OutcomeKind, Questionnaire};
use crate::calendar::{is_office_day, office_day_from};
use crate::finding::{Finding, Reason};
use crate::rules::names;
use crate::words::{Bilingual, weekday};

/// The rule of a finding that somebody was told to call 112.
pub const EMERGENCY_RULE: &str = "dialogue_emergency";

/// The rules by which findings of dialogues are known, each with what its end was.
const RULES: [(OutcomeKind, &str); 3] = [
    (OutcomeKind::Message, "dialogue_message"),
    (OutcomeKind::Urgent, "dialogue_urgent"),
    (OutcomeKind::Emergency, EMERGENCY_RULE),
];

/// Whether a finding of `rule` is what somebody answered, and not what a rule saw: it is always news.
#[must_use]
pub fn is_answered(rule: &str) -> bool {
    RULES.iter().any(|(_, name)| *name == rule)
}

/// What is said at the end. On the eve of days on which nobody is there, the text says what to do on those days; who is
/// told to call 112 now is told nothing else.
#[must_use]
pub fn closing(outcome: &Outcome, now: Timestamp, zone: &TimeZone) -> Bilingual {
    match outcome.kind {
        OutcomeKind::Emergency => outcome.text.clone(),
        OutcomeKind::SelfCare | OutcomeKind::Message | OutcomeKind::Urgent => {
            joined(&[outcome.text.clone(), closed_days(now, zone)])
        }
    }
}

/// What the staff read of a dialogue that ended so; `None` where it asks nothing of them.
#[must_use]
pub fn finding(
    tree: &Questionnaire,
    answers: &Answers,
    outcome: &Outcome,
    (reading, policy_version, now): (Option<&ReadingId>, &str, Timestamp),
) -> Option<Finding> {
    let (_, rule) = RULES.into_iter().find(|(kind, _)| *kind == outcome.kind)?;
    let said = outcome.kind.said();
    let (reported, unknown) = tree.reported(answers);
    let words = |said: &str, of: fn(&Bilingual) -> &str, left_open: String| {
        let parts = reported.iter().map(|choice| uncapital(of(&choice.by_itself())));
        let parts: Vec<String> = parts.chain((!unknown.is_empty()).then_some(left_open)).collect();
        if parts.is_empty() { said.to_owned() } else { format!("{said}: {}", parts.join("; ")) }
    };
    let open = unknown.len();
    Some(Finding {
        problem: tree.problem(),
        priority: outcome.priority,
        at: now,
        late: false,
        reason: Reason {
            rule: rule.to_owned(),
            policy_version: policy_version.to_owned(),
            observed: None,
            limit: None,
            unit: String::new(),
            text_sv: words(said.sv, |text| &text.sv, format!("vet inte på {open} av frågorna")),
            text_en: words(said.en, |text| &text.en, format!("does not know on {open} of the questions")),
        },
        readings: reading.into_iter().cloned().collect(),
    })
}

impl Choice {
    /// Its words as they are read away from their question: a grade with the symptom that it is a grade of.
    #[must_use]
    pub fn by_itself(&self) -> Bilingual {
        let ([(symptom, _)], Some(_)) = (&self.symptoms[..], self.ordinal) else { return self.text.clone() };
        let (sv, en) = names(*symptom);
        Bilingual::of(
            format!("{sv}: {}", uncapital(&self.text.sv)),
            format!("{en}: {}", uncapital(&self.text.en)),
        )
    }
}

/// `text` as it stands within a sentence; "I" stays "I".
fn uncapital(text: &str) -> String {
    let mut characters = text.chars();
    match (characters.next(), text.starts_with("I ")) {
        (Some(first), false) => first.to_lowercase().chain(characters).collect(),
        (Some(_) | None, _) => text.to_owned(),
    }
}

/// What to do on the days until the office opens, when that is not tomorrow; empty otherwise.
#[must_use]
pub fn closed_days(now: Timestamp, zone: &TimeZone) -> Bilingual {
    let local = zone.to_datetime(now.to_jiff());
    let tomorrow = local.date().saturating_add(1.day());
    let opens = office_day_from(tomorrow);
    if opens == tomorrow {
        return Bilingual::of("", "");
    }
    let (opens_sv, opens_en) = weekday(opens.weekday());
    let (first_sv, first_en) = first_closed_day(local.date(), tomorrow);
    Bilingual::of(
        format!(
            "Mottagningen är stängd {first_sv} och öppnar igen på {opens_sv}. Blir du sämre innan dess: ring 1177 för råd, 112 om det är akut."
        ),
        format!(
            "The clinic is closed {first_en} and opens again on {opens_en}. If you get worse before then: call 1177 for advice, 112 in an emergency."
        ),
    )
}

fn first_closed_day(today: civil::Date, tomorrow: civil::Date) -> (String, String) {
    if is_office_day(today) {
        let (sv, en) = weekday(tomorrow.weekday());
        (format!("från {sv}"), format!("from {en}"))
    } else {
        let (sv, en) = weekday(today.weekday());
        (format!("i dag {sv}"), format!("today {en}"))
    }
}

pub(super) fn joined(parts: &[Bilingual]) -> Bilingual {
    let join = |of: fn(&Bilingual) -> &str| {
        parts.iter().map(of).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
    };
    Bilingual::of(join(|part| &part.sv), join(|part| &part.en))
}
