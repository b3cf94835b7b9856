//! Codes in the store: issued for a gateway, live for a day, spent once.
//!
//! **Invariant:** a gateway has at most one live code, and a code is spent in the transaction that signs for it.

use crate::store::sql::{self, Connection};
use vitals::{GatewayId, Timestamp};

use super::code::CodeHash;
use crate::people::time;
use crate::store::{StoreError, Tx, numbers};

/// How long a code can be used.
pub const LIVES_MS: i64 = 24 * Timestamp::HOUR_MS;

/// A code that can still be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveCode {
    /// Who issued it: a staff id.
    pub issued_by: String,
    /// Until when it can be used.
    pub expires_at: Timestamp,
}

/// Issues a code for `gateway`; one that was issued before it ends. Gives the time until which it can be used.
///
/// # Errors
/// [`StoreError`] of the database.
pub(super) async fn issue(
    tx: &mut Tx,
    gateway: &GatewayId,
    hash: &CodeHash,
    issued_by: &str,
    now: Timestamp,
) -> Result<Timestamp, StoreError> {
    end(tx, gateway, "another was issued", now).await?;
    let id = numbers::next(tx, "enrolment_code").await?;
    let expires_at = now.plus_millis(LIVES_MS);
    sql::query(
        "INSERT INTO enrolment_code (id, code_hash, gateway, issued_by, issued_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(id)
    .bind(&hash.0)
    .bind(gateway.as_str())
    .bind(issued_by)
    .bind(now.as_millis())
    .bind(expires_at.as_millis())
    .execute(tx)
    .await?;
    Ok(expires_at)
}

/// Ends the live code of `gateway`, where there is one.
///
/// # Errors
/// [`StoreError`] of the database.
pub(super) async fn end(
    tx: &mut Tx,
    gateway: &GatewayId,
    why: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    sql::query(
        "UPDATE enrolment_code SET ended_at = $2, ended_why = $3 WHERE gateway = $1 AND ended_at IS NULL",
    )
    .bind(gateway.as_str())
    .bind(now.as_millis())
    .bind(why)
    .execute(tx)
    .await?;
    Ok(())
}

/// Spends the live code with this `hash`: the gateway that it was issued for, and by whom; `None` when there is none. Every
/// live code is compared, each in the same time, so that how long it takes tells nothing.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub(super) async fn spend(
    tx: &mut Tx,
    hash: &CodeHash,
    now: Timestamp,
) -> Result<Option<(GatewayId, String)>, StoreError> {
    let rows = sql::query(
        "SELECT id, code_hash, gateway, issued_by FROM enrolment_code WHERE ended_at IS NULL AND expires_at > $1",
    )
    .bind(now.as_millis())
    .fetch_all(tx)
    .await?;
    let mut found = None;
    for row in &rows {
        if hash.is(row.try_get::<&str, _>("code_hash")?) {
            found = Some(row);
        }
    }
    let Some(row) = found else { return Ok(None) };
    sql::query("UPDATE enrolment_code SET ended_at = $2, ended_why = 'used' WHERE id = $1")
        .bind(row.try_get::<i64, _>("id")?)
        .bind(now.as_millis())
        .execute(tx)
        .await?;
    let gateway: &str = row.try_get("gateway")?;
    let gateway = gateway.parse().map_err(|error| StoreError::unreadable("a gateway id", error))?;
    Ok(Some((gateway, row.try_get("issued_by")?)))
}

/// The live code of `gateway`.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn live(
    connection: &mut Connection,
    gateway: &GatewayId,
    now: Timestamp,
) -> Result<Option<LiveCode>, StoreError> {
    sql::query(
        "SELECT issued_by, expires_at FROM enrolment_code
         WHERE gateway = $1 AND ended_at IS NULL AND expires_at > $2",
    )
    .bind(gateway.as_str())
    .bind(now.as_millis())
    .fetch_optional(connection)
    .await?
    .map(|row| {
        Ok(LiveCode { issued_by: row.try_get("issued_by")?, expires_at: time(row.try_get("expires_at")?)? })
    })
    .transpose()
}
