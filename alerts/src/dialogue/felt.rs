//! Answers to a tree as somebody would give them who feels just this: for the demo's people and for stories in tests.
//!
//! **Invariant:** the way ends, and what is felt is what [`Questionnaire::symptoms`] reads back, as near as the answers
//! that are offered allow.

use vitals::{Symptom, SymptomAnswers};

use super::questionnaire::{Answers, Asks, Choice, Questionnaire, Step, UNKNOWN};

impl Questionnaire {
    /// The answers of somebody who feels `felt` and nothing else.
    #[must_use]
    pub fn felt(&self, felt: &SymptomAnswers) -> Answers {
        let mut answers = Answers::new();
        while let Step::Ask(asks) = self.step(&answers) {
            let codes = if asks.several { ticked(asks, felt) } else { closest(asks, felt) };
            answers.insert(asks.id.clone(), codes);
        }
        answers
    }
}

fn grade(felt: &SymptomAnswers, symptom: Symptom) -> u8 {
    felt.get(symptom).map_or(0, vitals::Severity::grade)
}

fn ticked(asks: &Asks, felt: &SymptomAnswers) -> Vec<String> {
    let is_felt = |choice: &&Choice| choice.unticked.is_some_and(|symptom| grade(felt, symptom) > 0);
    let codes: Vec<String> = asks.choices.iter().filter(is_felt).map(|choice| choice.code.clone()).collect();
    if codes.is_empty() { first(asks.choices.iter().filter(|choice| choice.exclusive)) } else { codes }
}

fn closest(asks: &Asks, felt: &SymptomAnswers) -> Vec<String> {
    let mut asked: Vec<Symptom> =
        asks.choices.iter().flat_map(|choice| &choice.symptoms).map(|(symptom, _)| *symptom).collect();
    asked.sort_unstable();
    asked.dedup();
    let distance = |choice: &&Choice| -> u32 {
        let says = |symptom: Symptom| {
            choice
                .symptoms
                .iter()
                .find(|(named, _)| *named == symptom)
                .map_or(0, |(_, severity)| severity.grade())
        };
        asked.iter().map(|symptom| u32::from(says(*symptom).abs_diff(grade(felt, *symptom)))).sum()
    };
    let fitting = asks.choices.iter().filter(|choice| asked.is_empty() || !choice.symptoms.is_empty());
    first(fitting.min_by_key(distance).into_iter())
}

fn first<'a>(mut choices: impl Iterator<Item = &'a Choice>) -> Vec<String> {
    vec![choices.next().map_or_else(|| UNKNOWN.to_owned(), |choice| choice.code.clone())]
}
