//! What answers lead to: they stand in the conversation in words, and then the next questions or the advice follow.

use alerts::dialogue;
use vitals::{PatientId, ReadingId, SymptomAnswers, Timestamp};

use super::{Asked, NewMessage, insert, kind_of};
use crate::access::Subject;
use crate::live::Change;
use crate::people::PatientFacts;
use crate::store::{StoreError, Tx};
use crate::{answers, clock};

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
