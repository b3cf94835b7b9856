//! What the system says of itself, before anybody of the staff has work of it: a reminder to somebody who has fallen silent,
//! a word on the first day on which nothing came or the short form was not answered, and the question whose a reading is.
//!
//! None belongs to a task. When it is time for it is judged elsewhere.
//!
//! **Invariants:** at most one reminder for each silence and one notice a day, however often they are asked for; a notice
//! says nothing of health.

use crate::store::sql::{self, Connection};
use alerts::dialogue::{self, REMINDER, StaticText, WAS_IT_YOU};
use vitals::{PatientId, Timestamp};

use super::{AuthorKind, NewMessage, insert, put};
use crate::live::Change;
use crate::people::{self, PatientFacts};
use crate::store::{StoreError, Tx};

/// The author by which a reminder is known from what else the system writes.
const AUTHOR: &str = "reminder";

/// Reminds the patient in `facts`, silent since `since`, in their language. `None` when that silence has its reminder.
///
/// # Errors
/// [`StoreError`]; the caller's transaction must then be dropped.
pub async fn remind(
    tx: &mut Tx,
    facts: &PatientFacts,
    since: Timestamp,
    now: Timestamp,
) -> Result<Option<Change>, StoreError> {
    if was_reminded(tx, &facts.id, since).await? {
        return Ok(None);
    }
    let body = facts.language.pick(REMINDER.sv, REMINDER.en);
    let message = NewMessage { author: AUTHOR, ..NewMessage::by_the_system(facts, None, now, body) };
    insert(tx, &message).await?;
    Ok(Some(Change::Message { task: None, patient: facts.id.to_string() }))
}

async fn was_reminded(tx: &mut Tx, patient: &PatientId, since: Timestamp) -> Result<bool, StoreError> {
    let found: Option<i64> = sql::query_scalar(
        "SELECT 1 FROM message WHERE patient = $1 AND author_kind = $2 AND author = $3 AND at > $4 LIMIT 1",
    )
    .bind(patient.as_str())
    .bind(AuthorKind::System.key())
    .bind(AUTHOR)
    .bind(since.as_millis())
    .fetch_optional(tx)
    .await?;
    Ok(found.is_some())
}

/// A word of one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// When it went out.
    pub at: Timestamp,
    /// What it says.
    pub body: String,
}

/// Tells the patient in `facts` on `day` that something has not come, in the words of `text`. `None` when that day has its word.
///
/// # Errors
/// [`StoreError`]; the caller's transaction must then be dropped.
pub async fn notice(
    tx: &mut Tx,
    facts: &PatientFacts,
    text: StaticText,
    day: jiff::civil::Date,
    now: Timestamp,
) -> Result<Option<Change>, StoreError> {
    let new = sql::query(
        "INSERT INTO notice (patient, day, at, body) VALUES ($1, $2, $3, $4) ON CONFLICT (patient, day) DO NOTHING",
    )
    .bind(facts.id.as_str())
    .bind(day.to_string())
    .bind(now.as_millis())
    .bind(facts.language.pick(text.sv, text.en))
    .execute(tx)
    .await?;
    let change = Change::Message { task: None, patient: facts.id.to_string() };
    Ok((new.rows_affected() > 0).then_some(change))
}

/// The words since `since`, oldest first.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn notices(
    connection: &mut Connection,
    patient: &PatientId,
    since: Timestamp,
) -> Result<Vec<Notice>, StoreError> {
    sql::query("SELECT at, body FROM notice WHERE patient = $1 AND at >= $2 ORDER BY at")
        .bind(patient.as_str())
        .bind(since.as_millis())
        .fetch_all(connection)
        .await?
        .iter()
        .map(|row| Ok(Notice { at: people::time(row.try_get("at")?)?, body: row.try_get("body")? }))
        .collect()
}

/// Asks the patient in `facts` whether it was they who measured, when a reading came from a device of theirs and nobody can
/// say whose it is. The value is not shown: it may be another's. Asked once while an answer waits.
///
/// # Errors
/// [`StoreError`]; the caller's transaction must then be dropped.
pub async fn ask_whose(
    tx: &mut Tx,
    facts: &PatientFacts,
    measured_at: Timestamp,
    now: Timestamp,
) -> Result<Option<Change>, StoreError> {
    let tree = dialogue::whose_reading();
    let waits: Option<i64> = sql::query_scalar(
        "SELECT 1 FROM dialogue WHERE patient = $1 AND questionnaire = $2 AND ended_at IS NULL LIMIT 1",
    )
    .bind(facts.id.as_str())
    .bind(tree.url())
    .fetch_optional(tx)
    .await?;
    if waits.is_some() {
        return Ok(None);
    }
    let local = measured_at.to_jiff().to_zoned(crate::clock::zone());
    let when = format!("{} {:02}:{:02}", local.date(), local.hour(), local.minute());
    let body = format!("{} ({when})", facts.language.pick(WAS_IT_YOU.sv, WAS_IT_YOU.en));
    let message = insert(tx, &NewMessage::by_the_system(facts, None, now, &body)).await?;
    put(tx, facts, tree, None, message, now).await?;
    Ok(Some(Change::Message { task: None, patient: facts.id.to_string() }))
}
