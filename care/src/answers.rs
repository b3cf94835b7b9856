//! Answers as a person would say them: what is reported in the question's own words, what is not in one line.
//!
//! It knows the questions and their answers; it does not know who answered, or when.
//!
//! **Invariant:** every answer is said; a question that was not put is never said to be answered.

use alerts::dialogue::{Answers, Questionnaire, UNKNOWN};
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

/// The answers as lines: each question to which something was reported, or not known, with the words that were chosen; then
/// every symptom that was answered with "no" at once.
pub(crate) fn in_words(tree: &Questionnaire, answers: &Answers, language: Language) -> String {
    let mut lines = Vec::new();
    let symptoms = tree.symptoms(answers);
    for (asks, codes) in tree.way(answers) {
        let chosen: Vec<_> = codes.iter().filter_map(|code| asks.choice(code)).collect();
        let is_symptom = asks.choices.iter().any(|choice| choice.says_a_symptom());
        let says_no = chosen.iter().all(|choice| !choice.reports_something() && choice.code != UNKNOWN);
        // A "no" about symptoms stands with the others in the last line.
        if says_no && is_symptom {
            continue;
        }
        let words: Vec<&str> =
            chosen.iter().map(|choice| language.pick(&choice.text.sv, &choice.text.en)).collect();
        lines.push(format!("{} {}", language.pick(&asks.text.sv, &asks.text.en), words.join("; ")));
    }
    let noes = noes(&symptoms, language);
    if !noes.is_empty() {
        let begins = if lines.is_empty() {
            language.pick("Nej på alla frågor", "No to every question")
        } else {
            language.pick("Nej", "No")
        };
        lines.push(format!("{begins}: {noes}."));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use alerts::dialogue::{self, Step};
    use proptest::prelude::*;

    use super::*;

    fn answers(tree: &Questionnaire, text: &str) -> Answers {
        let mut answers = Answers::new();
        for (question, codes) in text.split_whitespace().filter_map(|pair| pair.split_once('=')) {
            let codes: Vec<String> = codes.split(',').map(str::to_owned).collect();
            tree.answer(&mut answers, question, &codes).expect(text);
        }
        answers
    }

    /// The words of each row are those of the questions as they are put; the order is that of the tree.
    #[test]
    fn what_is_felt_has_a_line_each_and_every_no_shares_one() {
        let (form, whose) = (dialogue::symptom_form(), dialogue::whose_reading());
        let all = "andfådd, andfådd liggande, svullen, yr, trött, sämre än i går, ont i bröstet, svimmat, svårt att andas i vila, hosta, hjärtklappning";
        let rows = [
            (form, "", Language::Sv, String::new()),
            (form, "red-flags=none change=same more=none", Language::Sv, format!("Nej på alla frågor: {all}.")),
            (
                form,
                "red-flags=fainted",
                Language::Sv,
                "Har du något av det här i dag? Jag har svimmat".to_owned(),
            ),
            (
                form,
                "red-flags=unknown change=same more=dizzy,worried,unknown dizzy-how=quite",
                Language::En,
                "Do you have any of this today? I do not know, or do not want to answer\n\
                 Do you have any of this, more than you usually do? Tick all that is true. Dizzy; Worried about how I am; I do not know, or do not want to answer\n\
                 How dizzy are you? Quite a lot\n\
                 No: worse than yesterday."
                    .to_owned(),
            ),
            (
                whose,
                "whose=me how=none",
                Language::Sv,
                "Var det du som mätte? Ja, det var jag\nVar något annorlunda än det brukar? Nej, allt var som vanligt"
                    .to_owned(),
            ),
        ];
        for (tree, given, language, expected) in rows {
            assert_eq!(in_words(tree, &answers(tree, given), language), expected, "{given}");
        }
    }

    proptest! {
        /// Whatever is answered, each report and each "no" is said.
        #[test]
        fn every_answer_is_said(picks in proptest::collection::vec(0_usize..512, 9)) {
            let form = dialogue::symptom_form();
            let mut given = Answers::new();
            let mut picks = picks.into_iter().cycle();
            while let Step::Ask(asks) = form.step(&given) {
                let pick = picks.next().unwrap_or(0);
                let codes: Vec<String> = if asks.several {
                    asks.choices.iter().enumerate().filter(|(at, _)| pick & (1 << at) != 0).map(|(_, choice)| choice.code.clone()).collect()
                } else {
                    vec![asks.choices[pick % asks.choices.len()].code.clone()]
                };
                let codes = if codes.is_empty() { vec![UNKNOWN.to_owned()] } else { codes };
                form.answer(&mut given, &asks.id, &codes).expect("an answer");
            }
            let words = in_words(form, &given, Language::Sv);
            for choice in form.reported(&given).0 {
                prop_assert!(words.contains(&choice.text.sv), "{} lacks {}", words, choice.text.sv);
            }
            for (symptom, severity) in form.symptoms(&given).iter().filter(|(_, severity)| *severity == Severity::NONE) {
                prop_assert!(words.contains(short(symptom, Language::Sv)), "{} lacks {} {:?}", words, symptom, severity);
            }
        }
    }
}
