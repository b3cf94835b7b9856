//! Dialogues with a person at home: a question tree that was put, the answers so far, and where it ended.
//!
//! Each answer is durable before the next question is shown. Whoever comes back goes on where they were, on another device
//! as well; the patient, next of kin and staff beside them answer the same one, and each answer says who gave it. What
//! follows from the end is [`crate::intake`]'s.
//!
//! **Invariants:** a patient has at most one open dialogue of each tree; one that has ended is never answered again; what
//! was answered can be read without the tree.

mod answer;
mod read;

use crate::store::sql;
use alerts::dialogue::{Answers, Outcome, OutcomeKind, Questionnaire};
use vitals::{PatientId, ReadingId, Timestamp};

use crate::conversations::Author;
use crate::language::Language;
use crate::people::PatientFacts;
use crate::store::{StoreError, Tx};
use crate::tasks;

pub use answer::{Given, GivenError, Taken, answer, shown};
pub use read::{Spoken, author, behind, get, left, pending, without_reading};

/// How a dialogue ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndedHow {
    /// Its last question was answered.
    Answered,
    /// It was left in the middle and judged as it stood.
    Left,
    /// It was asked in a version that the program has no more, or left with nothing reported; another takes its place.
    Replaced,
}

impl EndedHow {
    /// `answered`, `left` or `replaced`.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Left => "left",
            Self::Replaced => "replaced",
        }
    }
}

/// Where a dialogue ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// When.
    pub at: Timestamp,
    /// What kind of end; `None` for one that was replaced.
    pub kind: Option<OutcomeKind>,
    /// What was said.
    pub said: String,
    /// Who can help.
    pub competence: Option<alerts::Competence>,
    /// When the person saw it.
    pub shown_at: Option<Timestamp>,
}

/// One dialogue.
#[derive(Clone, Debug, PartialEq)]
pub struct Dialogue {
    /// Its id.
    pub id: String,
    /// Whose.
    pub patient: PatientId,
    /// The task that asked.
    pub task: Option<String>,
    /// The message that asked, in its words.
    pub asking: Option<String>,
    /// The tree; `None` when the program has that version no more.
    pub tree: Option<&'static Questionnaire>,
    /// The answers so far.
    pub answers: Answers,
    /// When it was put.
    pub asked_at: Timestamp,
    /// When it was last answered.
    pub changed_at: Option<Timestamp>,
    /// Where it ended.
    pub ended: Option<Ended>,
}

/// What a new dialogue belongs to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asking<'a> {
    /// The task that asks.
    pub task: Option<&'a str>,
    /// The message that asks.
    pub message: Option<i64>,
}

/// Puts `tree` to `patient`. Where the same waits already it is not put twice: then the answer is that one's id.
///
/// # Errors
/// [`StoreError`]; the caller's transaction must then be dropped.
pub async fn ask(
    tx: &mut Tx,
    patient: &PatientId,
    tree: &Questionnaire,
    asking: Asking<'_>,
    now: Timestamp,
) -> Result<String, StoreError> {
    if let Some(waiting) = read::waiting(tx, patient, tree).await? {
        return Ok(waiting);
    }
    let id = uuid::Uuid::new_v4().to_string();
    sql::query(
        "INSERT INTO dialogue (id, patient, task, message, questionnaire, version, asked_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(&id)
    .bind(patient.as_str())
    .bind(asking.task)
    .bind(asking.message)
    .bind(tree.url())
    .bind(tree.version())
    .bind(now.as_millis())
    .execute(tx)
    .await?;
    Ok(id)
}

/// How a dialogue ends: its end, what is said of it, and what came of it.
#[derive(Clone, Copy, Debug)]
pub struct End<'a> {
    /// The dialogue.
    pub dialogue: &'a str,
    /// How it ended.
    pub how: EndedHow,
    /// Where.
    pub outcome: &'a Outcome,
    /// What is said, in the patient's language.
    pub said: &'a str,
    /// The reading that the answers became.
    pub reading: Option<&'a ReadingId>,
    /// The task that its messages belong to.
    pub task: Option<&'a str>,
}

/// Ends a dialogue. Says whether it was open until now.
///
/// # Errors
/// [`StoreError`]; the caller's transaction must then be dropped.
pub async fn end(tx: &mut Tx, end: End<'_>, now: Timestamp) -> Result<bool, StoreError> {
    let ended = sql::query(
        "UPDATE dialogue SET ended_at = $2, ended_how = $3, outcome = $4, outcome_kind = $5, competence = $6, said = $7,
                reading = $8, task = COALESCE($9, task), changed_at = COALESCE(changed_at, $2)
         WHERE id = $1 AND ended_at IS NULL",
    )
    .bind(end.dialogue)
    .bind(now.as_millis())
    .bind(end.how.key())
    .bind(&end.outcome.id)
    .bind(end.outcome.kind.key())
    .bind(end.outcome.competence.key())
    .bind(end.said)
    .bind(end.reading.map(ReadingId::as_str))
    .bind(end.task)
    .execute(tx)
    .await?;
    Ok(ended.rows_affected() > 0)
}

/// Sets aside a dialogue that was left with nothing reported, or whose tree is gone. One that a task or a message asked is
/// put again, from its first question.
///
/// # Errors
/// [`StoreError`]; the caller's transaction must then be dropped.
pub async fn set_aside(tx: &mut Tx, dialogue: &Dialogue, now: Timestamp) -> Result<(), StoreError> {
    sql::query("UPDATE dialogue SET ended_at = $2, ended_how = $3 WHERE id = $1 AND ended_at IS NULL")
        .bind(&dialogue.id)
        .bind(now.as_millis())
        .bind(EndedHow::Replaced.key())
        .execute(tx)
        .await?;
    sql::query(
        "INSERT INTO dialogue (id, patient, task, message, questionnaire, version, asked_at)
         SELECT $2, patient, task, message, questionnaire, $3, $4 FROM dialogue
         WHERE id = $1 AND message IS NOT NULL",
    )
    .bind(&dialogue.id)
    .bind(uuid::Uuid::new_v4().to_string())
    .bind(dialogue.tree.map_or("1", Questionnaire::version))
    .bind(now.as_millis())
    .execute(tx)
    .await?;
    Ok(())
}

/// The name under which `competence` reaches the patient in `facts`: a unit of theirs by the policy, or the one that
/// answers for the record.
#[must_use]
pub fn helping_unit<'a>(
    facts: &'a PatientFacts,
    policy: &alerts::Policy,
    competence: alerts::Competence,
) -> Option<&'a str> {
    tasks::changes::unit_for(facts, policy, competence).map(|unit| unit.name.as_str())
}

/// Writes the answer to one question as it was put, in the place of an earlier one.
pub(crate) async fn write_answer(
    tx: &mut Tx,
    dialogue: &str,
    (tree, answers, question): (&Questionnaire, &Answers, &str),
    (by, language, now): (&Author, Language, Timestamp),
) -> Result<(), StoreError> {
    let (Some(asks), Some(codes)) = (tree.question(question), answers.get(question)) else { return Ok(()) };
    let words = codes.iter().filter_map(|code| asks.choice(code));
    let words: Vec<&str> = words.map(|choice| language.pick(&choice.text.sv, &choice.text.en)).collect();
    let codes = serde_json::to_string(codes).map_err(|error| StoreError::unreadable("answers", error))?;
    sql::query(
        "INSERT INTO dialogue_answer (dialogue, question, codes, asked, answered, at, author_kind, author, author_name)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (dialogue, question) DO UPDATE SET codes = excluded.codes, asked = excluded.asked,
           answered = excluded.answered, at = excluded.at, author_kind = excluded.author_kind, author = excluded.author,
           author_name = excluded.author_name",
    )
    .bind(dialogue)
    .bind(question)
    .bind(codes)
    .bind(language.pick(&asks.text.sv, &asks.text.en))
    .bind(words.join("; "))
    .bind(now.as_millis())
    .bind(by.kind.key())
    .bind(&by.id)
    .bind(&by.name)
    .execute(tx)
    .await?;
    sql::query("UPDATE dialogue SET changed_at = $2 WHERE id = $1")
        .bind(dialogue)
        .bind(now.as_millis())
        .execute(tx)
        .await?;
    Ok(())
}
