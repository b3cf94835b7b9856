//! Quarantine: what was refused, why, and its bytes, for a person to see and to replay.

use crate::store::sql;
use vitals::{GatewayId, Timestamp};

use crate::export::DUPLICATES;
use crate::store::{StoreError, Tx, numbers};

/// One refused item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row<'a> {
    /// The topic's gateway; `None` where the topic named none that can exist.
    pub gateway: Option<&'a GatewayId>,
    /// The outbox and number, where they could be read.
    pub place: Option<(&'a str, u64)>,
    /// The reason's key.
    pub reason: &'a str,
    /// What was wrong where, in words.
    pub detail: &'a str,
    /// When it arrived.
    pub received_at: Timestamp,
    /// Its bytes.
    pub raw: &'a str,
    /// The same for the same bytes refused for the same reason.
    pub fingerprint: &'a str,
    /// The device it came from and when that measured, where it is an envelope.
    pub measured: Option<(&'a str, Timestamp)>,
}

/// Puts `row` in quarantine. Says whether it is new: the same bytes refused again are not counted twice.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn put(tx: &mut Tx, row: &Row<'_>) -> Result<bool, StoreError> {
    if is_known(tx, row.fingerprint).await? {
        return Ok(false);
    }
    let id = numbers::next(tx, "quarantine").await?;
    sql::query(
        "INSERT INTO quarantine (id, gateway, outbox, seq, reason, detail, received_at, raw, fingerprint, device, measured_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(id)
    .bind(row.gateway.map_or("?", GatewayId::as_str))
    .bind(row.place.map(|(outbox, _)| outbox))
    .bind(row.place.map(|(_, seq)| i64::try_from(seq).unwrap_or(i64::MAX)))
    .bind(row.reason)
    .bind(row.detail)
    .bind(row.received_at.as_millis())
    .bind(row.raw)
    .bind(row.fingerprint)
    .bind(row.measured.map(|(device, _)| device))
    .bind(row.measured.map(|(_, at)| at.as_millis()))
    .execute(tx)
    .await?;
    Ok(true)
}

async fn is_known(tx: &mut Tx, fingerprint: &str) -> Result<bool, StoreError> {
    Ok(sql::query_scalar::<i64>("SELECT 1 FROM quarantine WHERE fingerprint = $1")
        .bind(fingerprint)
        .fetch_optional(tx)
        .await?
        .is_some())
}

/// Counts `by` envelopes more that came again.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn count_duplicates(tx: &mut Tx, by: i64) -> Result<(), StoreError> {
    numbers::count(tx, DUPLICATES, by).await?;
    Ok(())
}
