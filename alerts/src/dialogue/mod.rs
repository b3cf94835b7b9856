//! The words to the patient. A stub that grows.

use jiff::tz::TimeZone;
use vitals::{Reading, Severity, Symptom, SymptomAnswers, Timestamp};

use crate::chart::Chart;
use crate::finding::{Competence, Finding, Priority, Problem};
use crate::policy::Policy;
pub use crate::words::Bilingual;

/// A text in both languages that is known when the program is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StaticText {
    /// Swedish.
    pub sv: &'static str,
    /// English.
    pub en: &'static str,
}

/// Stands on every page and every paper the patient sees.
pub const STANDING_TEXT: StaticText = StaticText {
    sv: "Dina värden övervakas inte dygnet runt. Ring 1177 för råd, 112 om det är akut.",
    en: "Your values are not watched around the clock. Call 1177 for advice, 112 in an emergency.",
};

/// One question with its answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// What it asks about.
    pub symptom: Symptom,
    /// The question.
    pub text: Bilingual,
    /// What may be answered, mildest first.
    pub options: Vec<(Severity, Bilingual)>,
}

/// The first, automatic message of a task's conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// What is said.
    pub text: Bilingual,
    /// What is asked.
    pub questions: Vec<Question>,
}

/// Where a dialogue ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advice {
    /// What is said.
    pub text: Bilingual,
    /// How soon a person must look.
    pub priority: Priority,
    /// Who can help.
    pub competence: Competence,
}

/// The automatic first message of a task's conversation.
#[must_use]
pub fn opening(_problem: Problem, _findings: &[Finding]) -> Opening {
    Opening { text: Bilingual::of("", ""), questions: Vec::new() }
}

/// The next questions, red flags first; empty when done.
#[must_use]
pub fn follow_up(_answers: &SymptomAnswers) -> Vec<Question> {
    Vec::new()
}

/// What is said when the questions are done.
#[must_use]
pub fn closing(_answers: &SymptomAnswers, _now: Timestamp, _zone: &TimeZone) -> Advice {
    Advice {
        text: Bilingual::of("", ""),
        priority: Priority::Soon,
        competence: Competence::HeartFailureNurse,
    }
}

/// The standard symptom form.
#[must_use]
pub fn form() -> Vec<Question> {
    Vec::new()
}

/// Plain words for a reading that needs nobody.
#[must_use]
pub fn feedback(_reading: &Reading, _chart: &Chart, _policy: &Policy) -> Bilingual {
    Bilingual::of("", "")
}
