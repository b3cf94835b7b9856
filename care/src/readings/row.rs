//! A row of the record, read.
//!
//! **Invariant:** what cannot be read is an error that names it, never a value that stands in for it.

use vitals::{ClockClass, Content, Kind, Outcome, Reading, ReadingId};

use super::{Origin, Recorded};
use crate::people;
use crate::store::StoreError;
use crate::store::sql::Row;

pub(super) fn row_of(row: &Row) -> Result<Recorded, StoreError> {
    let author_kind: Option<String> = row.try_get("author_kind")?;
    let author: Option<String> = row.try_get("author")?;
    Ok(Recorded {
        reading: reading_of(row)?,
        arrival: row.try_get("arrival")?,
        origin: origin_of(row)?,
        author: author_kind.zip(author),
        task: row.try_get("task")?,
    })
}

pub(super) fn reading_of(row: &Row) -> Result<Reading, StoreError> {
    let content = Said {
        kind: row.try_get("kind")?,
        outcome: row.try_get("outcome")?,
        vals: row.try_get("vals")?,
        absent: row.try_get("absent")?,
        flags: row.try_get("flags")?,
        clock: row.try_get("clock")?,
    };
    Ok(Reading {
        id: reading_id(row.try_get("id")?)?,
        patient: people::patient_id(row.try_get("patient")?)?,
        at: people::time(row.try_get("at")?)?,
        received_at: people::time(row.try_get("received_at")?)?,
        content: content.content()?,
    })
}

pub(super) fn reading_id(id: &str) -> Result<ReadingId, StoreError> {
    id.parse().map_err(|error| StoreError::unreadable("a reading id", error))
}

/// What a reading says, as its columns have it.
pub(super) struct Said<'r> {
    pub(super) kind: &'r str,
    pub(super) outcome: &'r str,
    pub(super) vals: &'r str,
    pub(super) absent: Option<&'r str>,
    pub(super) flags: Option<&'r str>,
    pub(super) clock: Option<&'r str>,
}

impl Said<'_> {
    pub(super) fn content(&self) -> Result<Content, StoreError> {
        let Self { kind, outcome, vals, absent, flags, clock } = *self;
        if kind == "symptoms" {
            return Ok(Content::Symptoms(json("symptom answers", vals)?));
        }
        Ok(Content::Vitals {
            kind: Kind::from_key(kind).ok_or_else(|| StoreError::unreadable("a kind", kind))?,
            outcome: Outcome::from_key(outcome)
                .ok_or_else(|| StoreError::unreadable("an outcome", outcome))?,
            values: json("values", vals)?,
            absent: some("absent values", absent)?,
            flags: some("flags", flags)?,
            clock: clock.and_then(ClockClass::from_key).unwrap_or(ClockClass::None),
        })
    }
}

fn origin_of(row: &Row) -> Result<Option<Origin>, StoreError> {
    let device: Option<String> = row.try_get("device")?;
    let Some(device) = device else { return Ok(None) };
    let device_time: Option<String> = row.try_get("device_time")?;
    let user_slot: Option<i64> = row.try_get("user_slot")?;
    let seq: i64 = row.try_get("seq")?;
    Ok(Some(Origin {
        device,
        model: row.try_get("model")?,
        device_time: device_time
            .map(|text| text.parse().map_err(|error| StoreError::unreadable("a device's time", error)))
            .transpose()?,
        clock_offset_s: row.try_get("clock_offset_s")?,
        user_slot: user_slot.and_then(|slot| u8::try_from(slot).ok()),
        gateway: row.try_get("gateway")?,
        outbox: row.try_get("outbox")?,
        seq: u64::try_from(seq).map_err(|error| StoreError::unreadable("a sequence number", error))?,
        sealed_at: people::time(row.try_get("sealed_at")?)?,
        raw_format: row.try_get("raw_format")?,
        raw_hex: row.try_get("raw_hex")?,
    }))
}

/// What is kept only where there is something.
fn some<T: serde::de::DeserializeOwned + Default>(
    what: &'static str,
    text: Option<&str>,
) -> Result<T, StoreError> {
    text.map_or_else(|| Ok(T::default()), |text| json(what, text))
}

fn json<T: serde::de::DeserializeOwned>(what: &'static str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::unreadable(what, error))
}
