//! Conversations between a patient and care staff: what a task asks first, what people write, and what answers lead to.
//!
//! Automatic messages are written in the patient's language and signed by the system, never by a person.
//!
//! **Invariant:** a question is answered at most once; an answer that came is never asked for again.

mod answers;
mod read;
mod remind;

use crate::store::sql;
use alerts::dialogue::{self, Questionnaire};
use alerts::{Finding, Problem};
use serde::Deserialize;
use vitals::{PatientId, ReadingId, Timestamp};

use crate::access::{self, Action, Decision, Subject};
use crate::audit::{self, Entry};
use crate::dialogues::{self, Asking};
use crate::language::Words;
use crate::live::Change;
use crate::people::{self, PatientFacts};
use crate::store::{Store, StoreError, Tx, numbers};
use crate::{clock, tasks};

pub use answers::{Answered, answered};
pub use read::{of_patient, of_task};
pub use remind::{Notice, ask_whose, notice, notices, remind};

/// The most characters of a message.
pub const MESSAGE_CHARS_MAX: usize = 4000;

/// A question as messages held them before there were trees; kept so that they can be read.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Asked {
    text: String,
}

/// Who wrote a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthorKind {
    /// Vågen itself.
    System,
    /// The patient.
    Patient,
    /// Next of kin.
    Proxy,
    /// Care staff.
    Staff,
}

impl AuthorKind {
    /// `system`, `patient`, `proxy` or `staff`.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Patient => "patient",
            Self::Proxy => "proxy",
            Self::Staff => "staff",
        }
    }

    pub(crate) fn from_key(key: &str) -> Option<Self> {
        [Self::System, Self::Patient, Self::Proxy, Self::Staff].into_iter().find(|kind| kind.key() == key)
    }
}

/// Somebody who wrote or answered, as they are named there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    /// What kind of person.
    pub kind: AuthorKind,
    /// Their id.
    pub id: String,
    /// Their name.
    pub name: String,
}

impl From<&Subject> for Author {
    fn from(subject: &Subject) -> Self {
        Self { kind: kind_of(subject), id: subject.id.clone(), name: subject.name.clone() }
    }
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Counts up in order of writing.
    pub id: i64,
    /// The task whose conversation it belongs to; `None` when the patient wrote without one.
    pub task: Option<String>,
    /// When.
    pub at: Timestamp,
    /// What kind of person wrote it.
    pub author_kind: AuthorKind,
    /// Their name.
    pub author_name: String,
    /// The text.
    pub body: String,
    /// The questions it puts in so many words, where it is older than question trees.
    pub questions: Vec<String>,
    /// Whether it asked and waits for the answers.
    pub waits: bool,
    /// The reading that the answers became.
    pub reading: Option<String>,
}

/// Why a message was not written. Nothing was.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// There is no such patient, or the task is not theirs.
    #[error("there is no such conversation")]
    NotFound,
    /// The person may not. It was logged.
    #[error("access denied: {}", why.en)]
    Denied {
        /// Why.
        why: Words,
    },
    /// Nothing was written.
    #[error("the message is empty")]
    Empty,
    /// Too much was written.
    #[error("a message may have at most {MESSAGE_CHARS_MAX} characters, this one has {chars}")]
    TooLong {
        /// How many.
        chars: usize,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

struct NewMessage<'a> {
    patient: &'a PatientId,
    task: Option<&'a str>,
    at: Timestamp,
    kind: AuthorKind,
    author: &'a str,
    author_name: &'a str,
    body: &'a str,
    reading: Option<&'a ReadingId>,
}

impl<'a> NewMessage<'a> {
    fn by_the_system(facts: &'a PatientFacts, task: Option<&'a str>, at: Timestamp, body: &'a str) -> Self {
        Self {
            patient: &facts.id,
            task,
            at,
            kind: AuthorKind::System,
            author: "",
            author_name: tasks::changes::SYSTEM,
            body,
            reading: None,
        }
    }
}

async fn insert(tx: &mut Tx, message: &NewMessage<'_>) -> Result<i64, StoreError> {
    let id = numbers::next(tx, "message").await?;
    sql::query(
        "INSERT INTO message (id, patient, task, at, author_kind, author, author_name, body, reading)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(id)
    .bind(message.patient.as_str())
    .bind(message.task)
    .bind(message.at.as_millis())
    .bind(message.kind.key())
    .bind(message.author)
    .bind(message.author_name)
    .bind(message.body)
    .bind(message.reading.map(ReadingId::as_str))
    .execute(tx)
    .await?;
    Ok(id)
}

/// Opens the conversation of a task: the automatic first message, and the questions it asks. A task that rests on what the
/// person just answered begins with those answers instead.
///
/// # Errors
/// [`StoreError`]; the caller's transaction must then be dropped.
pub async fn open(
    tx: &mut Tx,
    facts: &PatientFacts,
    task: &str,
    problem: Problem,
    findings: &[Finding],
    now: Timestamp,
) -> Result<(), StoreError> {
    if findings.iter().any(|finding| dialogue::is_answered(&finding.reason.rule)) {
        return Ok(());
    }
    let opening = dialogue::opening(problem, findings, now, &clock::zone());
    let body = facts.language.pick(&opening.text.sv, &opening.text.en);
    let message = insert(tx, &NewMessage::by_the_system(facts, Some(task), now, body)).await?;
    match opening.asks {
        Some(tree) => put(tx, facts, tree, Some(task), message, now).await,
        None => Ok(()),
    }
}

/// Puts `tree` with the message that asks.
async fn put(
    tx: &mut Tx,
    facts: &PatientFacts,
    tree: &Questionnaire,
    task: Option<&str>,
    message: i64,
    now: Timestamp,
) -> Result<(), StoreError> {
    let asking = Asking { task, message: Some(message) };
    dialogues::ask(tx, &facts.id, tree, asking, now).await.map(drop)
}

const fn kind_of(author: &Subject) -> AuthorKind {
    match author.kind {
        access::SubjectKind::Patient => AuthorKind::Patient,
        access::SubjectKind::Proxy { .. } => AuthorKind::Proxy,
        access::SubjectKind::Staff { .. } => AuthorKind::Staff,
    }
}

/// Writes a message from a person.
///
/// # Errors
/// [`WriteError`]; then nothing was written.
pub async fn write(
    store: &Store,
    subject: &Subject,
    patient: &PatientId,
    task: Option<&str>,
    text: &str,
    now: Timestamp,
) -> Result<Change, WriteError> {
    let body = text.trim();
    let chars = body.chars().count();
    if body.is_empty() {
        return Err(WriteError::Empty);
    }
    if chars > MESSAGE_CHARS_MAX {
        return Err(WriteError::TooLong { chars });
    }
    let mut tx = store.write().await?;
    let facts = people::facts(&mut tx, patient).await?.ok_or(WriteError::NotFound)?;
    let decision = access::decide(subject, &facts, Action::Write, now);
    audit::append(&mut tx, &Entry::by(subject, "write message", Some(patient), &decision), now).await?;
    let Decision { allowed: true, .. } = decision else {
        tx.commit().await?;
        return Err(WriteError::Denied { why: decision.why });
    };
    if let Some(id) = task {
        let theirs =
            tasks::get(&mut tx, id).await?.is_some_and(|task| task.patient.as_ref() == Some(patient));
        if !theirs {
            return Err(WriteError::NotFound);
        }
    }
    let message = NewMessage {
        patient,
        task,
        at: now,
        kind: kind_of(subject),
        author: &subject.id,
        author_name: &subject.name,
        body,
        reading: None,
    };
    insert(&mut tx, &message).await?;
    tx.commit().await?;
    Ok(Change::Message { task: task.map(str::to_owned), patient: patient.to_string() })
}
