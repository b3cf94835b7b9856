//! Conversations between a patient and care staff: what a task asks first, what people write, and what answers lead to.
//!
//! Automatic messages are written in the patient's language and signed by the system, never by a person.
//!
//! **Invariant:** a question is answered at most once; an answer that came is never asked for again.

mod remind;

use alerts::dialogue::{self, Question};
use alerts::{Finding, Problem};
use serde::{Deserialize, Serialize};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use vitals::{PatientId, ReadingId, Severity, Symptom, SymptomAnswers, Timestamp};

use crate::access::{self, Action, Decision, Subject};
use crate::answers;
use crate::audit::{self, Entry};
use crate::clock;
use crate::language::{Language, Words};
use crate::live::Change;
use crate::people::{self, PatientFacts};
use crate::store::{Store, StoreError, Tx, numbers};
use crate::tasks;

pub use remind::remind;

/// The most characters of a message.
pub const MESSAGE_CHARS_MAX: usize = 4000;

/// A question as it was put, in the patient's language.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// What it asks about.
    pub symptom: Symptom,
    /// The question.
    pub text: String,
    /// Each answer's grade, 0 to 3, and its words.
    pub options: Vec<(u8, String)>,
}

impl Asked {
    /// A question in `language`.
    #[must_use]
    pub fn of(question: &Question, language: Language) -> Self {
        let options = question.options.iter();
        Self {
            symptom: question.symptom,
            text: language.pick(&question.text.sv, &question.text.en).to_owned(),
            options: options
                .map(|(grade, words)| (grade.grade(), language.pick(&words.sv, &words.en).to_owned()))
                .collect(),
        }
    }
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

    fn from_key(key: &str) -> Option<Self> {
        [Self::System, Self::Patient, Self::Proxy, Self::Staff].into_iter().find(|kind| kind.key() == key)
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
    /// The questions it puts.
    pub questions: Vec<Asked>,
    /// When those were answered.
    pub answered_at: Option<Timestamp>,
    /// The reading that the answers became.
    pub reading: Option<String>,
}

/// Questions that wait for the patient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// The message that asks.
    pub message: i64,
    /// The task it belongs to.
    pub task: Option<String>,
    /// What it says.
    pub body: String,
    /// What it asks; at least one.
    pub questions: Vec<Asked>,
    /// When it asked.
    pub at: Timestamp,
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
    questions: &'a [Asked],
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
            questions: &[],
            reading: None,
        }
    }
}

async fn insert(tx: &mut Tx, message: &NewMessage<'_>) -> Result<i64, StoreError> {
    let id = numbers::next(tx, "message").await?;
    let questions = if message.questions.is_empty() {
        None
    } else {
        let text = serde_json::to_string(message.questions);
        Some(text.map_err(|error| StoreError::unreadable("questions", error))?)
    };
    sqlx::query(
        "INSERT INTO message (id, patient, task, at, author_kind, author, author_name, body, questions, reading)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(id)
    .bind(message.patient.as_str())
    .bind(message.task)
    .bind(message.at.as_millis())
    .bind(message.kind.key())
    .bind(message.author)
    .bind(message.author_name)
    .bind(message.body)
    .bind(questions)
    .bind(message.reading.map(ReadingId::as_str))
    .execute(&mut **tx)
    .await?;
    Ok(id)
}

/// Opens the conversation of a task: the automatic first message, and its questions.
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
    let opening = dialogue::opening(problem, findings);
    let body = facts.language.pick(&opening.text.sv, &opening.text.en);
    if body.is_empty() {
        return Ok(());
    }
    let questions: Vec<Asked> =
        opening.questions.iter().map(|question| Asked::of(question, facts.language)).collect();
    insert(
        tx,
        &NewMessage { questions: &questions, ..NewMessage::by_the_system(facts, Some(task), now, body) },
    )
    .await?;
    Ok(())
}

/// What the patient answered, with who wrote it down.
#[derive(Clone, Copy, Debug)]
pub struct Answered<'a> {
    /// The answers.
    pub answers: &'a SymptomAnswers,
    /// The reading they became.
    pub reading: &'a ReadingId,
    /// Who answered.
    pub author: &'a Subject,
    /// The task whose conversation they belong to.
    pub task: Option<&'a str>,
}

/// Puts answers into the conversation: in words, and then the next questions or the advice they lead to.
///
/// Which questions follow is decided by everything answered in this conversation, not by the last answers alone.
///
/// # Errors
/// [`StoreError`]; the caller's transaction must then be dropped.
pub async fn answered(
    tx: &mut Tx,
    facts: &PatientFacts,
    answered: Answered<'_>,
    now: Timestamp,
) -> Result<Vec<Change>, StoreError> {
    let Answered { answers: given, reading, author, task } = answered;
    let mut so_far = answers_in(tx, &facts.id, task, now).await?;
    for (symptom, severity) in given.iter() {
        so_far.set(symptom, severity);
    }
    settle(tx, &facts.id, task, now).await?;
    let body = answers::in_words(given, facts.language);
    insert(
        tx,
        &NewMessage {
            patient: &facts.id,
            task,
            at: now,
            kind: kind_of(author),
            author: &author.id,
            author_name: &author.name,
            body: &body,
            questions: &[],
            reading: Some(reading),
        },
    )
    .await?;
    respond(tx, facts, task, &so_far, now).await?;
    Ok(vec![Change::Message { task: task.map(str::to_owned), patient: facts.id.to_string() }])
}

async fn respond(
    tx: &mut Tx,
    facts: &PatientFacts,
    task: Option<&str>,
    so_far: &SymptomAnswers,
    now: Timestamp,
) -> Result<(), StoreError> {
    let next: Vec<Asked> =
        dialogue::follow_up(so_far).iter().map(|question| Asked::of(question, facts.language)).collect();
    if next.is_empty() {
        let advice = dialogue::closing(so_far, now, &clock::zone());
        let body = facts.language.pick(&advice.text.sv, &advice.text.en);
        insert(tx, &NewMessage::by_the_system(facts, task, now, body)).await?;
    } else {
        let body = facts.language.pick("Tack. Några frågor till:", "Thank you. A few more questions:");
        insert(tx, &NewMessage { questions: &next, ..NewMessage::by_the_system(facts, task, now, body) })
            .await?;
    }
    Ok(())
}

/// Marks what waited in this conversation as answered.
async fn settle(
    tx: &mut Tx,
    patient: &PatientId,
    task: Option<&str>,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE message SET answered_at = $3 WHERE patient = $1 AND questions IS NOT NULL AND answered_at IS NULL
         AND (task = $2 OR ($2 IS NULL AND task IS NULL))",
    )
    .bind(patient.as_str())
    .bind(task)
    .bind(now.as_millis())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

const SAME_TALK_MS: i64 = 12 * Timestamp::HOUR_MS;

/// Everything answered in this conversation over the last 12 hours; later answers win.
async fn answers_in(
    tx: &mut Tx,
    patient: &PatientId,
    task: Option<&str>,
    now: Timestamp,
) -> Result<SymptomAnswers, StoreError> {
    let rows = sqlx::query_scalar::<_, String>(
        "SELECT reading.vals FROM message JOIN reading ON reading.id = message.reading
         WHERE message.patient = $1 AND (message.task = $2 OR ($2 IS NULL AND message.task IS NULL)) AND message.at >= $3
         AND reading.kind = 'symptoms' ORDER BY message.id",
    )
    .bind(patient.as_str())
    .bind(task)
    .bind(now.plus_millis(-SAME_TALK_MS).as_millis())
    .fetch_all(&mut **tx)
    .await?;
    let mut all = SymptomAnswers::new();
    for text in rows {
        let answers: SymptomAnswers =
            serde_json::from_str(&text).map_err(|error| StoreError::unreadable("symptom answers", error))?;
        for (symptom, severity) in answers.iter() {
            all.set(symptom, severity);
        }
    }
    Ok(all)
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
        questions: &[],
        reading: None,
    };
    insert(&mut tx, &message).await?;
    tx.commit().await?;
    Ok(Change::Message { task: task.map(str::to_owned), patient: patient.to_string() })
}

const SELECT_MESSAGE: &str =
    "SELECT id, task, at, author_kind, author_name, body, questions, answered_at, reading FROM message ";

/// The conversation of a task, oldest first.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn of_task(
    connection: &mut sqlx::SqliteConnection,
    task: &str,
) -> Result<Vec<Message>, StoreError> {
    sqlx::query(sqlx::AssertSqlSafe(format!("{SELECT_MESSAGE} WHERE task = $1 ORDER BY id")))
        .bind(task)
        .fetch_all(connection)
        .await?
        .iter()
        .map(message_of)
        .collect()
}

/// Everything said with a patient, oldest first, at most the latest 500 messages.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn of_patient(
    connection: &mut sqlx::SqliteConnection,
    patient: &PatientId,
) -> Result<Vec<Message>, StoreError> {
    let mut messages = sqlx::query(sqlx::AssertSqlSafe(format!(
        "{SELECT_MESSAGE} WHERE patient = $1 ORDER BY id DESC LIMIT 500"
    )))
    .bind(patient.as_str())
    .fetch_all(connection)
    .await?
    .iter()
    .map(message_of)
    .collect::<Result<Vec<_>, _>>()?;
    messages.reverse();
    Ok(messages)
}

/// The questions that wait for the patient, the newest; those of closed tasks wait no more.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn pending(
    connection: &mut sqlx::SqliteConnection,
    patient: &PatientId,
) -> Result<Option<Pending>, StoreError> {
    let row = sqlx::query(
        "SELECT message.id AS id, message.task AS task, message.at AS at, author_kind, author_name, body, questions,
                answered_at, reading
         FROM message LEFT JOIN task ON task.id = message.task
         WHERE message.patient = $1 AND questions IS NOT NULL AND answered_at IS NULL
         AND (task.id IS NULL OR task.status = 'open') ORDER BY message.id DESC LIMIT 1",
    )
    .bind(patient.as_str())
    .fetch_optional(connection)
    .await?;
    let message = row.as_ref().map(message_of).transpose()?;
    Ok(message.map(|message| Pending {
        message: message.id,
        task: message.task,
        body: message.body,
        questions: message.questions,
        at: message.at,
    }))
}

fn message_of(row: &SqliteRow) -> Result<Message, StoreError> {
    let kind: String = row.try_get("author_kind")?;
    let questions: Option<String> = row.try_get("questions")?;
    let questions = questions.map(|text| serde_json::from_str::<Vec<Asked>>(&text)).transpose();
    Ok(Message {
        id: row.try_get("id")?,
        task: row.try_get("task")?,
        at: people::time(row.try_get("at")?)?,
        author_kind: AuthorKind::from_key(&kind)
            .ok_or_else(|| StoreError::unreadable("an author's kind", &kind))?,
        author_name: row.try_get("author_name")?,
        body: row.try_get("body")?,
        questions: questions.map_err(|error| StoreError::unreadable("questions", error))?.unwrap_or_default(),
        answered_at: people::optional_time(row.try_get("answered_at")?)?,
        reading: row.try_get("reading")?,
    })
}

/// Reads a grade that a form sent.
#[must_use]
pub fn grade(text: &str) -> Option<Severity> {
    text.parse().ok().and_then(Severity::new)
}
