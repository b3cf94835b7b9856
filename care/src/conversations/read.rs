//! Conversations, read: of a task, of a patient, and what waits for an answer.

use crate::store::sql::{self, Connection, Row};
use vitals::PatientId;

use super::{Asked, AuthorKind, Message};
use crate::people;
use crate::store::StoreError;

const SELECT_MESSAGE: &str =
    "SELECT id, task, at, author_kind, author_name, body, questions, reading, EXISTS (SELECT 1 FROM dialogue
       LEFT JOIN task AS asking ON asking.id = dialogue.task WHERE dialogue.message = message.id
       AND dialogue.ended_at IS NULL AND (asking.id IS NULL OR asking.status = 'open')) AS waits FROM message ";

/// The conversation of a task, oldest first.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn of_task(connection: &mut Connection, task: &str) -> Result<Vec<Message>, StoreError> {
    sql::query(sqlx::AssertSqlSafe(format!("{SELECT_MESSAGE} WHERE task = $1 ORDER BY id")))
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
    connection: &mut Connection,
    patient: &PatientId,
) -> Result<Vec<Message>, StoreError> {
    let mut messages = sql::query(sqlx::AssertSqlSafe(format!(
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

fn message_of(row: &Row) -> Result<Message, StoreError> {
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
        questions: questions
            .map_err(|error| StoreError::unreadable("questions", error))?
            .unwrap_or_default()
            .into_iter()
            .map(|asked| asked.text)
            .collect(),
        waits: row.try_get::<i64, _>("waits")? != 0,
        reading: row.try_get("reading")?,
    })
}
