//! Answers about symptoms as a person would say them: what is felt in the question's own words, what is not in one line.
//!
//! It knows the questions and their answers; it does not know who answered, or when.
//!
//! **Invariant:** every answer is said; a question that was not put is never said to be answered.

use alerts::dialogue;
use vitals::{Severity, Symptom, SymptomAnswers};

use crate::language::Language;

/// What a "no" is a no to, in as few plain words as it can be said: `andfådd`, `ont i bröstet`.
pub(crate) const fn short(symptom: Symptom, language: Language) -> &'static str {
    let (sv, en) = match symptom {
        Symptom::Breathlessness => ("andfådd", "short of breath"),
        Symptom::Orthopnoea => ("andfådd liggande", "short of breath lying down"),
        Symptom::Swelling => ("svullen", "swollen"),
        Symptom::Dizziness => ("yr", "dizzy"),
        Symptom::Fatigue => ("trött", "tired"),
        Symptom::WorseThanYesterday => ("sämre än i går", "worse than yesterday"),
        Symptom::ChestPain => ("ont i bröstet", "pain in the chest"),
        Symptom::Fainting => ("svimmat", "fainted"),
        Symptom::BreathlessAtRest => ("svårt att andas i vila", "hard to breathe at rest"),
        Symptom::Cough => ("hosta", "cough"),
        Symptom::Palpitations => ("hjärtklappning", "racing heart"),
    };
    match language {
        Language::Sv => sv,
        Language::En => en,
    }
}

/// What was answered with "no", with commas between; empty when nothing was.
pub(crate) fn noes(answers: &SymptomAnswers, language: Language) -> String {
    let noes = answers.iter().filter(|(_, severity)| *severity == Severity::NONE);
    noes.map(|(symptom, _)| short(symptom, language)).collect::<Vec<_>>().join(", ")
}

/// The answers as lines: each that is not "no" by its question and the words that were chosen, then every "no" at once.
pub(crate) fn in_words(answers: &SymptomAnswers, language: Language) -> String {
    let mut lines: Vec<String> = answers
        .iter()
        .filter(|(_, severity)| *severity != Severity::NONE)
        .map(|(symptom, severity)| said(symptom, severity, language))
        .collect();
    let noes = noes(answers, language);
    if !noes.is_empty() {
        let begins = if lines.is_empty() && answers.iter().count() > 1 {
            language.pick("Nej på alla frågor", "No to every question")
        } else {
            language.pick("Nej", "No")
        };
        lines.push(format!("{begins}: {noes}."));
    }
    lines.join("\n")
}

fn said(symptom: Symptom, severity: Severity, language: Language) -> String {
    let question = dialogue::question(symptom);
    let option = question.options.iter().find(|(grade, _)| *grade == severity);
    let chosen = option.map(|(_, words)| language.pick(&words.sv, &words.en).to_owned());
    // A grade that no option of the question has came from another maker's form; its figure says what was sent.
    let chosen = chosen.unwrap_or_else(|| severity.grade().to_string());
    format!("{} {chosen}", language.pick(&question.text.sv, &question.text.en))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn answers(given: &[(Symptom, u8)]) -> SymptomAnswers {
        given.iter().map(|(symptom, grade)| (*symptom, Severity::new(*grade).expect("a grade"))).collect()
    }

    /// The words of each row are those of the questions as they are put; the order is that of the symptoms.
    #[test]
    fn what_is_felt_has_a_line_each_and_every_no_shares_one() {
        use Symptom::{Breathlessness, ChestPain, Dizziness, Fainting, Swelling};
        let rows = [
            (vec![], Language::Sv, ""),
            (vec![(Fainting, 0)], Language::Sv, "Nej: svimmat."),
            (
                vec![(Breathlessness, 2), (Swelling, 0), (Dizziness, 0)],
                Language::Sv,
                "Blir du andfådd när du rör dig? Ganska mycket\nNej: svullen, yr.",
            ),
            (
                vec![(Swelling, 0), (ChestPain, 0)],
                Language::Sv,
                "Nej på alla frågor: svullen, ont i bröstet.",
            ),
            (
                vec![(Swelling, 0), (ChestPain, 0)],
                Language::En,
                "No to every question: swollen, pain in the chest.",
            ),
            (vec![(Fainting, 3)], Language::En, "Have you fainted? Yes"),
            (vec![(Fainting, 1)], Language::En, "Have you fainted? 1"),
        ];
        for (given, language, expected) in rows {
            assert_eq!(in_words(&answers(&given), language), expected, "{given:?}");
        }
    }

    proptest! {
        /// Whatever is answered, each symptom is said once, and there is at most one line more than there are complaints.
        #[test]
        fn every_answer_is_said(grades in proptest::collection::btree_map(0..Symptom::ALL.len(), 0_u8..=3, 0..11)) {
            let given: Vec<(Symptom, u8)> = grades.iter().map(|(at, grade)| (Symptom::ALL[*at], *grade)).collect();
            for language in [Language::Sv, Language::En] {
                let words = in_words(&answers(&given), language);
                let felt = given.iter().filter(|(_, grade)| *grade > 0).count();
                prop_assert_eq!(words.lines().count(), felt + usize::from(felt < given.len()));
                for (symptom, grade) in &given {
                    let question = dialogue::question(*symptom).text;
                    let name = if *grade == 0 { short(*symptom, language) } else { language.pick(&question.sv, &question.en) };
                    prop_assert!(words.contains(name), "{} lacks {}", words, name);
                }
            }
        }
    }
}
