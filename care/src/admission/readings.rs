//! Readings into the record: each with the envelope it came in, or the person who gave the answers.

use crate::store::sql::{self, Query};
use vitals::{Content, Envelope, Reading};

use crate::conversations::Author;
use crate::store::{StoreError, Tx, numbers};

/// The counter of arrivals: 1 for the first reading committed, without an end.
pub const ARRIVALS: &str = "reading.arrival";

/// Whether a reading with this fingerprint of device time and raw bytes is in the record.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn was_measured(tx: &mut Tx, dedup_key: &str) -> Result<bool, StoreError> {
    Ok(sql::query_scalar::<i64>("SELECT 1 FROM reading WHERE dedup_key = $1")
        .bind(dedup_key)
        .fetch_optional(&mut **tx)
        .await?
        .is_some())
}

/// The place of the next reading in the order of commit.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn next_arrival(tx: &mut Tx) -> Result<i64, StoreError> {
    numbers::next(tx, ARRIVALS).await
}

/// Writes a reading that came from a device in `envelope`.
///
/// # Errors
/// [`StoreError`] of the database, also when its id or fingerprint is in the record already.
pub async fn measured(
    tx: &mut Tx,
    arrival: i64,
    reading: &Reading,
    envelope: &Envelope,
    dedup_key: Option<&str>,
) -> Result<(), StoreError> {
    let measurement = &envelope.measurement;
    base(arrival, reading)?
        .bind(measurement.clock_offset_s)
        .bind(envelope.device.id.as_str())
        .bind(envelope.device.model.as_deref())
        .bind(measurement.device_time.map(|time| time.to_string()))
        .bind(measurement.user_slot.map(i64::from))
        .bind(envelope.gateway.as_str())
        .bind(envelope.outbox.as_str())
        .bind(i64::try_from(envelope.seq.get()).unwrap_or(i64::MAX))
        .bind(envelope.sealed_at.as_millis())
        .bind(envelope.raw.characteristic.as_str())
        .bind(envelope.raw.hex())
        .bind(dedup_key)
        .bind(None::<&str>)
        .bind(None::<&str>)
        .bind(None::<&str>)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Writes answers that `author` gave, in the conversation of `task` if one asked.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn answered(
    tx: &mut Tx,
    arrival: i64,
    reading: &Reading,
    author: &Author,
    task: Option<&str>,
) -> Result<(), StoreError> {
    let absent = None::<&str>;
    base(arrival, reading)?
        .bind(None::<i64>)
        .bind(absent)
        .bind(absent)
        .bind(absent)
        .bind(None::<i64>)
        .bind(absent)
        .bind(absent)
        .bind(None::<i64>)
        .bind(None::<i64>)
        .bind(absent)
        .bind(absent)
        .bind(absent)
        .bind(author.kind.key())
        .bind(author.id.as_str())
        .bind(task)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// The statement with what every reading has: columns up to `clock`.
fn base(arrival: i64, reading: &Reading) -> Result<Query<'_>, StoreError> {
    let (outcome, vals, absent, flags, clock) = match &reading.content {
        Content::Vitals { kind: _, outcome, values, absent, flags, clock } => {
            (outcome.key(), json(values)?, json(absent)?, json(flags)?, Some(clock.key()))
        }
        Content::Symptoms(answers) => ("measured", json(answers)?, "{}".to_owned(), "[]".to_owned(), None),
    };
    Ok(sql::query(
        "INSERT INTO reading (arrival, id, patient, at, received_at, kind, outcome, vals, absent, flags, clock,
            clock_offset_s, device, model, device_time, user_slot, gateway, outbox, seq, sealed_at,
            raw_format, raw_hex, dedup_key, author_kind, author, task)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
            $21, $22, $23, $24, $25, $26)",
    )
    .bind(arrival)
    .bind(reading.id.as_str())
    .bind(reading.patient.as_str())
    .bind(reading.at.as_millis())
    .bind(reading.received_at.as_millis())
    .bind(reading.kind_key())
    .bind(outcome)
    .bind(vals)
    .bind(absent)
    .bind(flags)
    .bind(clock))
}

fn json(value: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::unreadable("a reading", error))
}
