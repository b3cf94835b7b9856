//! The words to the patient: the first message of a task, question trees that ask by the answers, where they end, and a
//! word on each reading.
//!
//! Written for somebody over 75: one thing at a time, no term that a leaflet would not use, no promise of a minute. It
//! knows symptoms and findings; it does not know names, units or when anybody works beyond public holidays.
//!
//! **Invariants:** every text to a patient who may be ill names 112 or 1177; unknown answers lead upward, never down; no
//! way through a tree with a red flag ends in self-care.

mod advice;
mod feedback;
mod felt;
mod fhir;
mod questionnaire;
mod trees;

use jiff::tz::TimeZone;
use vitals::{Symptom, Timestamp};

pub use crate::words::Bilingual;
pub use advice::{EMERGENCY_RULE, closed_days, closing, finding, is_answered};
pub use feedback::feedback;
pub use fhir::QuestionnaireError;
pub use questionnaire::{
    AnswerError, Answers, Asks, Choice, Outcome, OutcomeKind, Questionnaire, Step, UNKNOWN,
};
pub use trees::{follow_up, symptom_form, tree, trees, whose_reading};

use crate::finding::{Finding, Problem};

/// What a whole form has an answer to, in whichever version it was answered.
pub const FORM: [Symptom; 7] = [
    Symptom::Breathlessness,
    Symptom::Orthopnoea,
    Symptom::Swelling,
    Symptom::Dizziness,
    Symptom::Fatigue,
    Symptom::ChestPain,
    Symptom::WorseThanYesterday,
];

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

/// Ends the first message of a task about health.
const ANSWER: StaticText = StaticText {
    sv: "Svar senast nästa vardag. Blir du sämre: ring 112.",
    en: "You get an answer by the next working day. If you get worse: call 112.",
};

/// The first, automatic message of a task's conversation.
#[derive(Clone, Debug, PartialEq)]
pub struct Opening {
    /// What is said.
    pub text: Bilingual,
    /// What is asked; nothing where answers would not help.
    pub asks: Option<&'static Questionnaire>,
}

/// The automatic first message of a task's conversation, in plain words, as of `now`.
#[must_use]
pub fn opening(problem: Problem, findings: &[Finding], now: Timestamp, zone: &TimeZone) -> Opening {
    let said = what_was_seen(problem, findings);
    let asks = asked_about(problem, findings);
    let end = if problem.is_clinical() { ANSWER } else { STANDING_TEXT };
    let ask = match asks {
        None => StaticText { sv: "", en: "" },
        Some(_) if problem.is_clinical() => StaticText {
            sv: "Vi vill gärna veta hur du mår: svara på frågorna här.",
            en: "We would like to know how you are: please answer the questions here.",
        },
        Some(_) => {
            StaticText { sv: "Svara gärna på frågorna här.", en: "Please answer the questions here." }
        }
    };
    let parts = [said, ask, end].map(|text| Bilingual::of(text.sv, text.en));
    let closed = if problem.is_clinical() { closed_days(now, zone) } else { Bilingual::of("", "") };
    Opening { text: advice::joined(&[&parts[..], &[closed]].concat()), asks }
}

/// Whoever has just answered questions is not asked the same again.
fn asked_about(problem: Problem, findings: &[Finding]) -> Option<&'static Questionnaire> {
    if findings.iter().any(|finding| is_answered(&finding.reason.rule)) {
        return None;
    }
    match problem {
        Problem::Decompensation
        | Problem::BloodPressure
        | Problem::Pulse
        | Problem::Oxygen
        | Problem::Symptoms => Some(follow_up()),
        Problem::DataQuality => Some(whose_reading()),
        Problem::Silence
        | Problem::MissingMeasurement
        | Problem::Device
        | Problem::Gateway
        | Problem::Technical => None,
    }
}

/// What the task rests on, in words that need no explaining.
fn what_was_seen(problem: Problem, findings: &[Finding]) -> StaticText {
    match problem {
        Problem::Decompensation => decompensation(findings),
        Problem::BloodPressure => StaticText {
            sv: "Ditt blodtryck ligger utanför det som är bestämt för dig.",
            en: "Your blood pressure is outside what was agreed for you.",
        },
        Problem::Pulse => StaticText {
            sv: "Din puls ligger utanför det som är bestämt för dig.",
            en: "Your pulse is outside what was agreed for you.",
        },
        Problem::Oxygen => StaticText {
            sv: "Syret i ditt blod mättes lågt. Värm händerna och mät gärna en gång till.",
            en: "The oxygen in your blood was measured low. Warm your hands and please measure once more.",
        },
        Problem::Symptoms => StaticText {
            sv: "Du har svarat att du mår sämre.",
            en: "You have answered that you feel worse.",
        },
        Problem::Silence => StaticText {
            sv: "Vi har inte fått några mätvärden från dig på några dagar. Hur är det med dig? Mät när du kan, eller skriv till oss här.",
            en: "We have not received any values from you for some days. How are you? Measure when you can, or write to us here.",
        },
        Problem::MissingMeasurement => StaticText {
            sv: "Vi har inte fått någon vikt från dig på några dagar. Väg dig gärna i morgon bitti. Behöver du hjälp med vågen? Skriv till oss här.",
            en: "We have not received a weight from you for some days. Please weigh yourself tomorrow morning. Do you need help with the scale? Write to us here.",
        },
        Problem::DataQuality => StaticText {
            sv: "Ett mätvärde ser inte ut som dina andra. Var det du som mätte? Mät gärna en gång till.",
            en: "A value does not look like your others. Was it you who measured? Please measure once more.",
        },
        Problem::Device => StaticText {
            sv: "Mätningen har misslyckats några gånger. Vi hjälper dig att få den att fungera.",
            en: "The measurement has failed a few times. We will help you to get it working.",
        },
        Problem::Gateway | Problem::Technical => StaticText {
            sv: "Det är något fel med tekniken. Dina värden kan komma fram sent. Du behöver inte göra något nu.",
            en: "Something is wrong with the equipment. Your values may reach us late. There is nothing you need to do now.",
        },
    }
}

/// The reminder of the first step of silence, before any task.
pub const REMINDER: StaticText = StaticText {
    sv: "Vi saknar mätvärden från dig. Mät gärna i dag. Dina värden övervakas inte dygnet runt. Ring 1177 för råd, 112 om det är akut.",
    en: "We are missing values from you. Please measure today. Your values are not watched around the clock. Call 1177 for advice, 112 in an emergency.",
};

/// The word of the first day on which nothing came. It says nothing of health, so that anybody may see it.
pub const NOTICE: StaticText = StaticText {
    sv: "En påminnelse från Vågen: dagens mätning har inte kommit fram än.",
    en: "A reminder from Vågen: today's measurement has not arrived yet.",
};

/// The word of the first day on which the short form is due and was not answered, to somebody who measures. It says nothing of
/// health either.
pub const FORM_NOTICE: StaticText = StaticText {
    sv: "En påminnelse från Vågen: dagens frågor är inte besvarade än.",
    en: "A reminder from Vågen: today's questions have not been answered yet.",
};

/// What a person is asked who may have been the one to measure. No value is shown: it may be somebody else's.
pub const WAS_IT_YOU: StaticText = StaticText {
    sv: "En mätning har kommit från en apparat som du använder, och vi vet inte vem som mätte. Den räknas inte förrän någon har tittat på den.",
    en: "A measurement has come from a device that you use, and we do not know who measured. It does not count until somebody has looked at it.",
};

fn decompensation(findings: &[Finding]) -> StaticText {
    let has = |part: &str| findings.iter().any(|finding| finding.reason.rule.starts_with(part));
    match (has("weight"), has("symptom")) {
        (true, true) => StaticText {
            sv: "Din vikt har gått upp mer än vanligt, och du har svarat att du mår sämre.",
            en: "Your weight has gone up more than usual, and you have answered that you feel worse.",
        },
        (true, false) => StaticText {
            sv: "Din vikt har gått upp mer än vanligt de senaste dagarna.",
            en: "Your weight has gone up more than usual in the last few days.",
        },
        (false, true) => StaticText {
            sv: "Du har svarat att du mår sämre än du brukar.",
            en: "You have answered that you feel worse than you usually do.",
        },
        (false, false) => StaticText {
            sv: "Dina värden har ändrat sig de senaste dagarna.",
            en: "Your values have changed in the last few days.",
        },
    }
}

#[cfg(test)]
mod tests;
