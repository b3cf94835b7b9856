//! Taking one answer: checked, logged and durable before the next question is shown.
//!
//! **Invariant:** an answer that the tree does not offer is not taken; nor is one to a dialogue that has ended, or that is
//! somebody else's.

use crate::store::sql;
use alerts::dialogue::{AnswerError, Answers, OutcomeKind, Questionnaire, Step};
use vitals::{PatientId, Timestamp};

use super::{Asking, ask, get, write_answer};
use crate::access::{self, Action, Subject};
use crate::audit::{self, Entry};
use crate::conversations::Author;
use crate::language::{Language, Words};
use crate::live::Change;
use crate::people;
use crate::store::{Store, StoreError};
use crate::tasks::changes::{self, SYSTEM};

/// One answer as it was given.
#[derive(Clone, Debug)]
pub struct Given<'a> {
    /// About whom.
    pub patient: &'a PatientId,
    /// The dialogue; `None` for the first answer of one that the person begins.
    pub dialogue: Option<&'a str>,
    /// The tree, for one that is begun.
    pub tree: &'static Questionnaire,
    /// The question.
    pub question: &'a str,
    /// What was chosen.
    pub codes: &'a [String],
    /// The language it was put in.
    pub language: Language,
}

/// An answer that was taken.
#[derive(Clone, Debug)]
pub struct Taken {
    /// The dialogue.
    pub dialogue: String,
    /// The task that asked.
    pub task: Option<String>,
    /// Its tree.
    pub tree: &'static Questionnaire,
    /// Everything answered so far.
    pub answers: Answers,
    /// Whether nothing more is asked.
    pub complete: bool,
}

/// Why an answer was not taken. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum GivenError {
    /// There is no such patient or dialogue.
    #[error("there is no such dialogue")]
    NotFound,
    /// The person may not. It was logged.
    #[error("access denied: {}", why.en)]
    Denied {
        /// Why.
        why: Words,
    },
    /// The dialogue has ended, or its tree is gone.
    #[error("the dialogue has ended")]
    Ended,
    /// The question does not take it.
    #[error(transparent)]
    Answer(#[from] AnswerError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Takes one answer from `subject`.
///
/// # Errors
/// [`GivenError`]; then nothing was written but a refusal in the log.
pub async fn answer(
    store: &Store,
    subject: &Subject,
    given: Given<'_>,
    now: Timestamp,
) -> Result<Taken, GivenError> {
    let mut tx = store.write().await?;
    let facts = people::facts(&mut tx, given.patient).await?.ok_or(GivenError::NotFound)?;
    let decision = access::decide(subject, &facts, Action::Write, now);
    audit::append(&mut tx, &Entry::by(subject, "answer question", Some(given.patient), &decision), now)
        .await?;
    if !decision.allowed {
        tx.commit().await?;
        return Err(GivenError::Denied { why: decision.why });
    }
    let id = match given.dialogue {
        Some(id) => id.to_owned(),
        None => ask(&mut tx, given.patient, given.tree, Asking::default(), now).await?,
    };
    let dialogue = get(&mut tx, &id).await?.ok_or(GivenError::NotFound)?;
    if dialogue.patient != *given.patient {
        return Err(GivenError::NotFound);
    }
    let Some(tree) = dialogue.tree.filter(|_| dialogue.ended.is_none()) else {
        return Err(GivenError::Ended);
    };
    let mut answers = dialogue.answers;
    tree.answer(&mut answers, given.question, given.codes)?;
    write_answer(
        &mut tx,
        &id,
        (tree, &answers, given.question),
        (&Author::from(subject), given.language, now),
    )
    .await?;
    tx.commit().await?;
    let complete = matches!(tree.step(&answers), Step::End(_));
    Ok(Taken { dialogue: id, task: dialogue.task, tree, answers, complete })
}

/// Notes that the end of `dialogue` was shown to the person. That 112 was shown is an event of the task.
///
/// # Errors
/// [`StoreError`]; then it must not be said that it was shown.
pub async fn shown(store: &Store, dialogue: &str, now: Timestamp) -> Result<Option<Change>, StoreError> {
    let mut tx = store.write().await?;
    let first = sql::query(
        "UPDATE dialogue SET shown_at = $2 WHERE id = $1 AND shown_at IS NULL AND ended_at IS NOT NULL",
    )
    .bind(dialogue)
    .bind(now.as_millis())
    .execute(&mut tx)
    .await?;
    if first.rows_affected() == 0 {
        return Ok(None);
    }
    let Some(dialogue) = get(&mut tx, dialogue).await? else { return Ok(None) };
    let is_emergency = dialogue.ended.is_some_and(|ended| ended.kind == Some(OutcomeKind::Emergency));
    let change = match dialogue.task {
        Some(task) if is_emergency => {
            changes::event(&mut tx, &task, now, SYSTEM, "emergency_shown", "").await?;
            Some(Change::Task { task, patient: Some(dialogue.patient.to_string()) })
        }
        Some(_) | None => None,
    };
    tx.commit().await?;
    Ok(change)
}
