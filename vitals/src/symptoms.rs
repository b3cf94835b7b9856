//! How a person says they feel: graded answers to plain questions, in our own words and free of licence.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::quantity::keyed;
use crate::text::Key;

keyed! {
    /// One question of the symptom form.
    Symptom {
        /// Breathless more than usual.
        Breathlessness = "breathlessness",
        /// Breathless lying flat: more pillows, an armchair, woke up breathless.
        Orthopnoea = "orthopnoea",
        /// Swollen legs, ankles or belly.
        Swelling = "swelling",
        /// Dizzy.
        Dizziness = "dizziness",
        /// Tired.
        Fatigue = "fatigue",
        /// Worse than yesterday: 0 or 1.
        WorseThanYesterday = "worse_than_yesterday",
        /// Chest pain. A red flag.
        ChestPain = "chest_pain",
        /// Fainted. A red flag.
        Fainting = "fainting",
        /// Breathless at rest, and it does not ease. A red flag.
        BreathlessAtRest = "breathless_at_rest",
        /// A new or worse cough.
        Cough = "cough",
        /// Palpitations: the heart races or stumbles.
        Palpitations = "palpitations",
    }
}

/// How much: 0 none, 1 mild, 2 moderate, 3 severe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Severity(u8);

impl Severity {
    /// Not at all.
    pub const NONE: Self = Self(0);
    /// A little.
    pub const MILD: Self = Self(1);
    /// Clearly.
    pub const MODERATE: Self = Self(2);
    /// Very much.
    pub const SEVERE: Self = Self(3);

    /// The grade `grade`; `None` above 3.
    #[must_use]
    pub const fn new(grade: u8) -> Option<Self> {
        if grade <= 3 { Some(Self(grade)) } else { None }
    }

    /// 0 to 3.
    #[must_use]
    pub const fn grade(self) -> u8 {
        self.0
    }
}

/// Answers to the symptom form. A question that was not answered is not there; it never reads as "none".
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct SymptomAnswers(BTreeMap<Symptom, Severity>);

impl SymptomAnswers {
    /// No answers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The answer for `symptom`; `None` when it was not answered.
    #[must_use]
    pub fn get(&self, symptom: Symptom) -> Option<Severity> {
        self.0.get(&symptom).copied()
    }

    /// Sets an answer.
    pub fn set(&mut self, symptom: Symptom, severity: Severity) {
        self.0.insert(symptom, severity);
    }

    /// Every answer, in the order of [`Symptom`].
    pub fn iter(&self) -> impl Iterator<Item = (Symptom, Severity)> + '_ {
        self.0.iter().map(|(symptom, severity)| (*symptom, *severity))
    }

    /// Whether nothing was answered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(Symptom, Severity)> for SymptomAnswers {
    fn from_iter<I: IntoIterator<Item = (Symptom, Severity)>>(answers: I) -> Self {
        Self(answers.into_iter().collect())
    }
}

impl<'de> Deserialize<'de> for SymptomAnswers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(AnswersVisitor)
    }
}

struct AnswersVisitor;

impl<'de> Visitor<'de> for AnswersVisitor {
    type Value = SymptomAnswers;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of symptoms, each graded 0 to 3")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SymptomAnswers, A::Error> {
        let mut answers = SymptomAnswers::new();
        while let Some(Key(symptom)) = map.next_key::<Key<Symptom>>()? {
            let Some(symptom) = symptom else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let grade: f64 = map.next_value()?;
            answers.set(
                symptom,
                whole_grade(grade).ok_or_else(|| {
                    de::Error::custom(format_args!("{symptom} is {grade}, must be 0, 1, 2 or 3"))
                })?,
            );
        }
        Ok(answers)
    }
}

fn whole_grade(grade: f64) -> Option<Severity> {
    (0..=3u8).find(|whole| (f64::from(*whole) - grade).abs() < f64::EPSILON).and_then(Severity::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grades_are_whole_from_0_to_3() {
        let answers: SymptomAnswers =
            serde_json::from_str(r#"{"breathlessness":1,"orthopnoea":2.0,"appetite":9}"#).expect("answers");
        assert_eq!(answers.get(Symptom::Orthopnoea), Some(Severity::MODERATE));
        assert_eq!(answers.get(Symptom::Swelling), None, "unanswered is not none");
        for bad in
            [r#"{"cough":4}"#, r#"{"cough":-1}"#, r#"{"cough":1.5}"#, r#"{"cough":"1"}"#, r#"{"cough":null}"#]
        {
            assert!(serde_json::from_str::<SymptomAnswers>(bad).is_err(), "{bad}");
        }
    }
}
