//! The reminder: one automatic message to a patient who has fallen silent, before anybody of the staff has work of it.
//!
//! It belongs to no task. When silence begins, and when it is time to say so, is judged elsewhere.
//!
//! **Invariant:** at most one reminder for each silence, however often it is asked for.

use alerts::dialogue::REMINDER;
use vitals::{PatientId, Timestamp};

use super::{AuthorKind, NewMessage, insert};
use crate::live::Change;
use crate::people::PatientFacts;
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
    let found: Option<i64> = sqlx::query_scalar(
        "SELECT 1 FROM message WHERE patient = $1 AND author_kind = $2 AND author = $3 AND at > $4 LIMIT 1",
    )
    .bind(patient.as_str())
    .bind(AuthorKind::System.key())
    .bind(AUTHOR)
    .bind(since.as_millis())
    .fetch_optional(&mut **tx)
    .await?;
    Ok(found.is_some())
}
