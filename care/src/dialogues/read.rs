//! Dialogues, read.

use crate::store::sql::{self, Connection, Row};
use alerts::dialogue::{self, Answers, OutcomeKind, Questionnaire};
use serde_json::{Value, json};
use vitals::{PatientId, ReadingId, Timestamp};

use super::{Dialogue, Ended};
use crate::conversations::{Author, AuthorKind};
use crate::people;
use crate::store::StoreError;

const SELECT: &str = "SELECT dialogue.id AS id, dialogue.patient AS patient, dialogue.task AS task, message.body AS asking,
 questionnaire, version, asked_at, changed_at, ended_at, outcome_kind, dialogue.competence AS competence, said, shown_at
 FROM dialogue LEFT JOIN message ON message.id = dialogue.message LEFT JOIN task ON task.id = dialogue.task ";

fn sql(rest: &str) -> sqlx::AssertSqlSafe<String> {
    // Both halves are literals of this crate; values are bound.
    sqlx::AssertSqlSafe(format!("{SELECT}{rest}"))
}

/// The dialogue `id`.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn get(connection: &mut Connection, id: &str) -> Result<Option<Dialogue>, StoreError> {
    let row = sql::query(sql("WHERE dialogue.id = $1")).bind(id).fetch_optional(&mut *connection).await?;
    match row {
        Some(row) => Ok(Some(whole(connection, &row).await?)),
        None => Ok(None),
    }
}

/// What waits for the patient's answers, the newest; what a closed task asked waits no more.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn pending(
    connection: &mut Connection,
    patient: &PatientId,
) -> Result<Option<Dialogue>, StoreError> {
    let rows = sql::query(sql("WHERE dialogue.patient = $1 AND ended_at IS NULL
         AND (task.id IS NULL OR task.status = 'open') ORDER BY asked_at DESC, dialogue.id"))
    .bind(patient.as_str())
    .fetch_all(&mut *connection)
    .await?;
    for row in &rows {
        let dialogue = whole(connection, row).await?;
        if dialogue.tree.is_some() {
            return Ok(Some(dialogue));
        }
    }
    Ok(None)
}

/// The dialogues that were begun and not touched since `before`, and those of trees that are gone.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn left(connection: &mut Connection, before: Timestamp) -> Result<Vec<Dialogue>, StoreError> {
    let rows = sql::query(sql(
        "WHERE ended_at IS NULL AND changed_at IS NOT NULL AND changed_at <= $1 ORDER BY changed_at, dialogue.id",
    ))
    .bind(before.as_millis())
    .fetch_all(&mut *connection)
    .await?;
    let mut left = Vec::new();
    for row in &rows {
        left.push(whole(connection, row).await?);
    }
    Ok(left)
}

/// The open dialogue of `tree` with `patient`, unless a closed task asked it.
pub(super) async fn waiting(
    connection: &mut Connection,
    patient: &PatientId,
    tree: &Questionnaire,
) -> Result<Option<String>, StoreError> {
    Ok(sql::query_scalar(
        "SELECT dialogue.id FROM dialogue LEFT JOIN task ON task.id = dialogue.task
         WHERE dialogue.patient = $1 AND questionnaire = $2 AND version = $3 AND ended_at IS NULL
         AND (task.id IS NULL OR task.status = 'open') ORDER BY asked_at DESC LIMIT 1",
    )
    .bind(patient.as_str())
    .bind(tree.url())
    .bind(tree.version())
    .fetch_optional(connection)
    .await?)
}

async fn whole(connection: &mut Connection, row: &Row) -> Result<Dialogue, StoreError> {
    let text = |column: &str| row.try_get::<String, _>(column);
    let id = text("id")?;
    let answers = answers(connection, &id).await?;
    let kind: Option<String> = row.try_get("outcome_kind")?;
    let competence: Option<String> = row.try_get("competence")?;
    let said: Option<String> = row.try_get("said")?;
    let ended = match people::optional_time(row.try_get("ended_at")?)? {
        Some(at) => Some(Ended {
            at,
            kind: kind.as_deref().and_then(OutcomeKind::from_key),
            said: said.unwrap_or_default(),
            competence: competence.as_deref().and_then(alerts::Competence::from_key),
            shown_at: people::optional_time(row.try_get("shown_at")?)?,
        }),
        None => None,
    };
    Ok(Dialogue {
        id,
        patient: people::patient_id(&text("patient")?)?,
        task: row.try_get("task")?,
        asking: row.try_get("asking")?,
        tree: dialogue::tree(&text("questionnaire")?, &text("version")?),
        answers,
        asked_at: people::time(row.try_get("asked_at")?)?,
        changed_at: people::optional_time(row.try_get("changed_at")?)?,
        ended,
    })
}

/// The dialogue that the reading came of, as an export prints it: the tree, its version, where it ended, and the code of
/// each answer.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn behind(connection: &mut Connection, reading: &ReadingId) -> Result<Option<Value>, StoreError> {
    let row = sql::query("SELECT id, questionnaire, version, outcome FROM dialogue WHERE reading = $1")
        .bind(reading.as_str())
        .fetch_optional(&mut *connection)
        .await?;
    match row {
        Some(row) => Ok(Some(printed(connection, &row).await?)),
        None => Ok(None),
    }
}

/// A dialogue that ended without a reading: about whom, when, and as an export prints it.
#[derive(Clone, Debug, PartialEq)]
pub struct Spoken {
    /// Its id.
    pub id: String,
    /// About whom.
    pub patient: PatientId,
    /// When it ended.
    pub ended_at: Timestamp,
    /// As [`behind`] prints it.
    pub printed: Value,
}

/// The dialogues that came to an end and are no reading: of one patient, or all; ended since; the first to end first.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn without_reading(
    connection: &mut Connection,
    patient: Option<&PatientId>,
    since: Option<Timestamp>,
) -> Result<Vec<Spoken>, StoreError> {
    let rows = sql::query(
        "SELECT id, patient, questionnaire, version, outcome, ended_at FROM dialogue
         WHERE reading IS NULL AND outcome IS NOT NULL AND ($1 IS NULL OR patient = $1)
         AND ($2 IS NULL OR ended_at >= $2) ORDER BY ended_at, id",
    )
    .bind(patient.map(PatientId::as_str))
    .bind(since.map(Timestamp::as_millis))
    .fetch_all(&mut *connection)
    .await?;
    let mut spoken = Vec::new();
    for row in &rows {
        let id: String = row.try_get("id")?;
        let patient: String = row.try_get("patient")?;
        let printed = printed(connection, row).await?;
        let (patient, ended_at) = (people::patient_id(&patient)?, people::time(row.try_get("ended_at")?)?);
        spoken.push(Spoken { id, patient, ended_at, printed });
    }
    Ok(spoken)
}

async fn printed(connection: &mut Connection, row: &Row) -> Result<Value, StoreError> {
    let text = |column: &str| row.try_get::<String, _>(column);
    let answers = answers(connection, &text("id")?).await?;
    Ok(json!({
        "questionnaire": text("questionnaire")?,
        "version": text("version")?,
        "outcome": text("outcome")?,
        "answers": answers,
    }))
}

/// Who answered last, as the person to whom the answers are put down when the dialogue is judged as it stands.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn author(connection: &mut Connection, dialogue: &Dialogue) -> Result<Option<Author>, StoreError> {
    let row = sql::query(
        "SELECT author_kind, author, author_name FROM dialogue_answer WHERE dialogue = $1 ORDER BY at DESC, question LIMIT 1",
    )
    .bind(&dialogue.id)
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let kind: String = row.try_get("author_kind")?;
    let kind =
        AuthorKind::from_key(&kind).ok_or_else(|| StoreError::unreadable("an author's kind", &kind))?;
    Ok(Some(Author { kind, id: row.try_get("author")?, name: row.try_get("author_name")? }))
}

async fn answers(connection: &mut Connection, id: &str) -> Result<Answers, StoreError> {
    let rows = sql::query("SELECT question, codes FROM dialogue_answer WHERE dialogue = $1")
        .bind(id)
        .fetch_all(connection)
        .await?;
    rows.iter()
        .map(|row| {
            let codes: String = row.try_get("codes")?;
            let codes =
                serde_json::from_str(&codes).map_err(|error| StoreError::unreadable("answers", error))?;
            Ok((row.try_get("question")?, codes))
        })
        .collect()
}
