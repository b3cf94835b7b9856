//! A question tree and the way through it: from the answers so far to the next question, or to the end.
//!
//! A tree is a list that is walked from its top, as a FHIR Questionnaire lays it out: what is not enabled by the answers
//! before it is passed over; the first question without an answer is asked; the first enabled outcome ends the walk. What
//! was answered off the way counts for nothing. It knows no texts of its own, no clock and nobody's name.
//!
//! **Invariants:** a walk looks at an item once, so it always ends; the last item of a tree is an outcome that nothing
//! disables, so every walk ends in one; a question that was not answered is the answer "unknown", never "no".

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use vitals::{Severity, Symptom, SymptomAnswers};

use super::StaticText;
use crate::finding::{Competence, Priority, Problem, keyed};
use crate::words::Bilingual;

/// The code by which every question takes "I do not know, or do not want to answer".
pub const UNKNOWN: &str = "unknown";

/// The codes chosen for each question, by its link id. A question that was put and not answered has [`UNKNOWN`].
pub type Answers = BTreeMap<String, Vec<String>>;

/// A question tree, read and checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Questionnaire {
    pub(super) url: String,
    pub(super) version: String,
    pub(super) title: Bilingual,
    pub(super) problem: Problem,
    pub(super) items: Vec<Item>,
}

/// One place of a tree.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Item {
    pub(super) conditions: Vec<Condition>,
    pub(super) all: bool,
    pub(super) content: Content,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Content {
    Asks(Asks),
    Ends(Outcome),
}

/// A question and what may be answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Asks {
    /// Its link id, unique in the tree.
    pub id: String,
    /// The question.
    pub text: Bilingual,
    /// Whether several answers may be chosen.
    pub several: bool,
    /// What may be chosen; [`UNKNOWN`] is always among them.
    pub choices: Vec<Choice>,
}

/// One answer that may be chosen.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// Its code, unique in the question.
    pub code: String,
    /// Its words.
    pub text: Bilingual,
    /// Whether it stands alone among several.
    pub exclusive: bool,
    pub(super) ordinal: Option<f64>,
    pub(super) symptoms: Vec<(Symptom, Severity)>,
    pub(super) unticked: Option<Symptom>,
    pub(super) signs: Vec<String>,
}

/// When an item is enabled: one line of FHIR's `enableWhen`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Condition {
    pub(super) question: String,
    pub(super) operator: Operator,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Operator {
    Exists(bool),
    Equals(String),
    NotEquals(String),
    /// Above this place in the question's own order (the standard's `ordinalValue`).
    Above(f64),
}

keyed! {
    /// What kind of end a dialogue has, the mildest first.
    OutcomeKind {
        /// Nobody need do anything; what one can do oneself.
        SelfCare = "self-care",
        /// A nurse reads the answers.
        Message = "message",
        /// A nurse looks as soon as the office is open.
        Urgent = "urgent",
        /// 112, now.
        Emergency = "emergency",
    }
}

/// Where a tree ends.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Its link id.
    pub id: String,
    /// What kind of end it is.
    pub kind: OutcomeKind,
    /// How soon a person must look.
    pub priority: Priority,
    /// Who can help.
    pub competence: Competence,
    /// What is said.
    pub text: Bilingual,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Step<'a> {
    /// This question.
    Ask(&'a Asks),
    /// Nothing: the dialogue ends so.
    End(&'a Outcome),
}

/// Why answers are not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// The tree has no such question.
    #[error("there is no question {question:?}")]
    NoQuestion {
        /// What was named.
        question: String,
    },
    /// The question takes no such answer, or not so many.
    #[error("question {question:?} does not take {codes:?}")]
    NotOffered {
        /// The question.
        question: String,
        /// What was chosen.
        codes: Vec<String>,
    },
}

impl Questionnaire {
    /// Its canonical address.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its version; what was answered names it.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Its title.
    #[must_use]
    pub const fn title(&self) -> &Bilingual {
        &self.title
    }

    /// What a task that follows from it is about.
    #[must_use]
    pub const fn problem(&self) -> Problem {
        self.problem
    }

    /// Its questions, in order.
    pub fn questions(&self) -> impl Iterator<Item = &Asks> {
        self.items.iter().filter_map(|item| match &item.content {
            Content::Asks(asks) => Some(asks),
            Content::Ends(_) => None,
        })
    }

    /// Its ends, in order.
    pub fn outcomes(&self) -> impl Iterator<Item = &Outcome> {
        self.items.iter().filter_map(|item| match &item.content {
            Content::Ends(outcome) => Some(outcome),
            Content::Asks(_) => None,
        })
    }

    /// The question `id`.
    #[must_use]
    pub fn question(&self, id: &str) -> Option<&Asks> {
        self.questions().find(|asks| asks.id == id)
    }

    /// What comes after `answers`.
    #[must_use]
    pub fn step(&self, answers: &Answers) -> Step<'_> {
        self.walk(answers).1
    }

    /// The questions on the way that `answers` take, with what was answered, in order.
    #[must_use]
    pub fn way<'t, 'a>(&'t self, answers: &'a Answers) -> Vec<(&'t Asks, &'a [String])> {
        self.walk(answers).0
    }

    /// Where `answers` end when nothing more is answered: each question that would still be put is unknown.
    #[must_use]
    pub fn left_at(&self, answers: &Answers) -> (Answers, &Outcome) {
        let mut answers = answers.clone();
        loop {
            match self.step(&answers) {
                Step::End(outcome) => return (answers, outcome),
                Step::Ask(asks) => drop(answers.insert(asks.id.clone(), vec![UNKNOWN.to_owned()])),
            }
        }
    }

    /// How many questions come after `answers` if each is answered with its first choice, which is the mildest.
    #[must_use]
    pub fn rest(&self, answers: &Answers) -> usize {
        let mut answers = answers.clone();
        let mut rest = 0;
        while let Step::Ask(asks) = self.step(&answers) {
            let first = asks.choices.first().map_or(UNKNOWN, |choice| &choice.code);
            answers.insert(asks.id.clone(), vec![first.to_owned()]);
            rest += 1;
        }
        rest
    }

    fn walk<'t, 'a>(&'t self, answers: &'a Answers) -> (Vec<(&'t Asks, &'a [String])>, Step<'t>) {
        let mut way: Vec<(&Asks, &[String])> = Vec::new();
        for item in &self.items {
            if !item.is_enabled(&way) {
                continue;
            }
            match &item.content {
                Content::Ends(outcome) => return (way, Step::End(outcome)),
                Content::Asks(asks) => match answers.get(&asks.id) {
                    Some(codes) => way.push((asks, codes)),
                    None => return (way, Step::Ask(asks)),
                },
            }
        }
        unreachable!(
            "the last item of a tree is an outcome that nothing disables: Questionnaire::parse refuses others"
        )
    }

    /// Puts `codes` among `answers` as the answer to `question`, in the question's own order. What stands alone gives way
    /// to what does not: "none of it" beside a tick is that tick.
    ///
    /// # Errors
    /// [`AnswerError`] for a question or an answer that the tree does not offer, none, or several where one is asked for.
    pub fn answer(&self, answers: &mut Answers, question: &str, codes: &[String]) -> Result<(), AnswerError> {
        let asks = self
            .question(question)
            .ok_or_else(|| AnswerError::NoQuestion { question: question.to_owned() })?;
        if codes.is_empty()
            || (!asks.several && codes.len() > 1)
            || codes.iter().any(|code| asks.choice(code).is_none())
        {
            let codes = codes.to_vec();
            return Err(AnswerError::NotOffered { question: question.to_owned(), codes });
        }
        let chosen = || asks.choices.iter().filter(|choice| codes.contains(&choice.code));
        let alone = chosen().all(|choice| choice.exclusive);
        let kept = chosen().filter(|choice| alone || !choice.exclusive).map(|choice| choice.code.clone());
        answers.insert(question.to_owned(), kept.collect());
        Ok(())
    }

    /// What `answers` say of each symptom. What was not asked, or is not known, is not there.
    #[must_use]
    pub fn symptoms(&self, answers: &Answers) -> SymptomAnswers {
        let mut symptoms = SymptomAnswers::new();
        for (asks, codes) in self.way(answers) {
            let is_known = !codes.iter().any(|code| code == UNKNOWN);
            for choice in &asks.choices {
                if codes.contains(&choice.code) {
                    for (symptom, severity) in &choice.symptoms {
                        symptoms.set(*symptom, *severity);
                    }
                } else if is_known && let Some(symptom) = choice.unticked {
                    symptoms.set(symptom, Severity::NONE);
                }
            }
        }
        symptoms
    }

    /// The choices on the way that say something is there, in order; and the questions whose answer is not known.
    #[must_use]
    pub fn reported(&self, answers: &Answers) -> (Vec<&Choice>, Vec<&Asks>) {
        let (mut reported, mut unknown) = (Vec::new(), Vec::new());
        for (asks, codes) in self.way(answers) {
            reported.extend(
                asks.choices
                    .iter()
                    .filter(|choice| codes.contains(&choice.code) && choice.reports_something()),
            );
            if codes.iter().any(|code| code == UNKNOWN) {
                unknown.push(asks);
            }
        }
        (reported, unknown)
    }
}

impl Asks {
    /// The choice with this code.
    #[must_use]
    pub fn choice(&self, code: &str) -> Option<&Choice> {
        self.choices.iter().find(|choice| choice.code == code)
    }

    /// The signs of the triage list that this question asks about.
    pub fn signs(&self) -> impl Iterator<Item = &str> {
        self.choices.iter().flat_map(|choice| choice.signs.iter().map(String::as_str))
    }
}

impl Choice {
    /// The signs that whoever chooses it has.
    #[must_use]
    pub fn signs(&self) -> &[String] {
        &self.signs
    }

    /// Whether choosing it, or leaving it out, says anything about a symptom or a sign.
    #[must_use]
    pub fn says_a_symptom(&self) -> bool {
        !self.symptoms.is_empty() || self.unticked.is_some()
    }

    /// Whether choosing it says that something is there.
    #[must_use]
    pub fn reports_something(&self) -> bool {
        !self.signs.is_empty() || self.symptoms.iter().any(|(_, severity)| *severity > Severity::NONE)
    }
}

impl Item {
    pub(super) fn id(&self) -> &str {
        match &self.content {
            Content::Asks(asks) => &asks.id,
            Content::Ends(outcome) => &outcome.id,
        }
    }

    fn is_enabled(&self, way: &[(&Asks, &[String])]) -> bool {
        let mut conditions = self.conditions.iter().map(|condition| condition.holds(way));
        if self.conditions.is_empty() || self.all {
            conditions.all(|holds| holds)
        } else {
            conditions.any(|holds| holds)
        }
    }
}

impl Condition {
    fn holds(&self, way: &[(&Asks, &[String])]) -> bool {
        let answered = way.iter().find(|(asks, _)| asks.id == self.question);
        let codes = answered.map_or(&[][..], |(_, codes)| codes);
        match &self.operator {
            Operator::Exists(wanted) => answered.is_some() == *wanted,
            Operator::Equals(code) => codes.contains(code),
            Operator::NotEquals(code) => !codes.contains(code),
            Operator::Above(limit) => answered.is_some_and(|(asks, codes)| {
                codes.iter().filter_map(|code| asks.choice(code)?.ordinal).any(|ordinal| ordinal > *limit)
            }),
        }
    }
}

impl OutcomeKind {
    /// How a task's reason begins.
    pub(super) const fn said(self) -> StaticText {
        match self {
            Self::SelfCare => StaticText { sv: "egenvård", en: "self-care" },
            Self::Message => StaticText { sv: "svarade på frågor", en: "answered questions" },
            Self::Urgent => StaticText { sv: "svaren är brådskande", en: "the answers are urgent" },
            Self::Emergency => StaticText { sv: "svaren leder till 112", en: "the answers lead to 112" },
        }
    }
}
