//! The questions, in words of our own and free of licence, and the order in which answers lead to the next.
//!
//! **Invariant:** a question is asked once; what may need an ambulance is asked first.

use vitals::{Severity, Symptom, SymptomAnswers};

use super::Question;
use crate::words::Bilingual;

/// What ends in 112, in the order in which it is asked.
pub(super) const RED_FLAGS: [Symptom; 3] = [Symptom::BreathlessAtRest, Symptom::ChestPain, Symptom::Fainting];

/// What says most about heart failure, in the order in which it is asked.
pub(super) const CORE: [Symptom; 5] = [
    Symptom::Breathlessness,
    Symptom::Orthopnoea,
    Symptom::Swelling,
    Symptom::Dizziness,
    Symptom::WorseThanYesterday,
];

const MORE: [Symptom; 3] = [Symptom::Fatigue, Symptom::Cough, Symptom::Palpitations];

/// The short form.
const FORM: [Symptom; 7] = [
    Symptom::Breathlessness,
    Symptom::Orthopnoea,
    Symptom::Swelling,
    Symptom::Dizziness,
    Symptom::Fatigue,
    Symptom::ChestPain,
    Symptom::WorseThanYesterday,
];

/// The standard symptom form: short enough for every second day, one question a screen.
#[must_use]
pub fn form() -> Vec<Question> {
    FORM.into_iter().map(question).collect()
}

/// The next questions by the answers so far; empty when no further answer would change the advice.
///
/// Red flags come first, and one that is answered with anything but "no" ends the questions: then it is time to
/// call, not to answer. A form whose answers are all "no" asks nothing more.
#[must_use]
pub fn follow_up(answers: &SymptomAnswers) -> Vec<Question> {
    let has = |symptom: &Symptom| answers.get(*symptom).is_some_and(|severity| severity > Severity::NONE);
    let unanswered = |symptoms: &[Symptom]| -> Vec<Question> {
        symptoms.iter().filter(|one| answers.get(**one).is_none()).map(|one| question(*one)).collect()
    };
    if RED_FLAGS.iter().any(has) {
        return Vec::new();
    }
    if is_clear_form(answers) {
        return Vec::new();
    }
    for stage in [&RED_FLAGS[..], &CORE[..], &MORE[..]] {
        let questions = unanswered(stage);
        if !questions.is_empty() {
            return questions;
        }
    }
    Vec::new()
}

/// Whether every question of the form was answered with "no", and nothing else with anything but "no". The form leaves out
/// what its questions rule out: who is not breathless moving about is not breathless at rest.
pub(super) fn is_clear_form(answers: &SymptomAnswers) -> bool {
    FORM.iter().all(|symptom| answers.get(*symptom) == Some(Severity::NONE))
        && answers.iter().all(|(_, severity)| severity == Severity::NONE)
}

/// The question about `symptom`.
#[must_use]
pub fn question(symptom: Symptom) -> Question {
    let (sv, en) = words(symptom);
    Question { symptom, text: Bilingual::of(sv, en), options: options(symptom) }
}

const fn words(symptom: Symptom) -> (&'static str, &'static str) {
    match symptom {
        Symptom::Breathlessness => {
            ("Blir du andfådd när du rör dig?", "Do you get short of breath when you move about?")
        }
        Symptom::Orthopnoea => (
            "Blir du andfådd när du ligger ned, eller behöver du fler kuddar än vanligt?",
            "Do you get short of breath lying down, or need more pillows than usual?",
        ),
        Symptom::Swelling => {
            ("Är du svullen om benen, fötterna eller magen?", "Are your legs, feet or belly swollen?")
        }
        Symptom::Dizziness => ("Är du yr?", "Are you dizzy?"),
        Symptom::Fatigue => ("Är du trött?", "Are you tired?"),
        Symptom::WorseThanYesterday => ("Mår du sämre än i går?", "Do you feel worse than yesterday?"),
        Symptom::ChestPain => ("Har du ont i bröstet?", "Do you have pain in your chest?"),
        Symptom::Fainting => ("Har du svimmat?", "Have you fainted?"),
        Symptom::BreathlessAtRest => (
            "Är det svårt att andas även när du sitter still?",
            "Is it hard to breathe even when you sit still?",
        ),
        Symptom::Cough => {
            ("Har du fått hosta som är ny eller värre?", "Do you have a cough that is new or worse?")
        }
        Symptom::Palpitations => {
            ("Har du hjärtklappning, eller slår hjärtat ojämnt?", "Does your heart race, or beat unevenly?")
        }
    }
}

fn options(symptom: Symptom) -> Vec<(Severity, Bilingual)> {
    let yes_no = [(Severity::NONE, "Nej", "No"), (Severity::MILD, "Ja", "Yes")];
    let graded = [
        (Severity::NONE, "Nej, inte mer än vanligt", "No, not more than usual"),
        (Severity::MILD, "Lite", "A little"),
        (Severity::MODERATE, "Ganska mycket", "Quite a lot"),
        (Severity::SEVERE, "Mycket", "Very much"),
    ];
    let rows: &[(Severity, &str, &str)] = match symptom {
        Symptom::WorseThanYesterday => &yes_no,
        // A red flag has two answers that matter; the grade says "yes" clearly.
        Symptom::Fainting => &[(Severity::NONE, "Nej", "No"), (Severity::SEVERE, "Ja", "Yes")],
        Symptom::Breathlessness
        | Symptom::Orthopnoea
        | Symptom::Swelling
        | Symptom::Dizziness
        | Symptom::Fatigue
        | Symptom::ChestPain
        | Symptom::BreathlessAtRest
        | Symptom::Cough
        | Symptom::Palpitations => &graded,
    };
    rows.iter().map(|(severity, sv, en)| (*severity, Bilingual::of(*sv, *en))).collect()
}
