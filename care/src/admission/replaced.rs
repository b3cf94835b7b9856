//! Outboxes whose box was replaced: closed, and what of them never came.
//!
//! **Invariant:** nothing is decided about a number that did not come. Should the old disk turn up, its readings are taken.

use crate::store::sql::{self, Connection};
use vitals::{GatewayId, OutboxId, Timestamp};

use super::streams;
use crate::people::time;
use crate::store::{StoreError, Tx};

/// A closed outbox that nobody was told about yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// Whose.
    pub gateway: GatewayId,
    /// Which outbox.
    pub outbox: OutboxId,
    /// Its number in the store.
    pub stream: i64,
    /// When it was closed.
    pub at: Timestamp,
    /// Every number up to this one came.
    pub through: u64,
    /// The highest number that it was known to hold.
    pub last: u64,
    /// How many of the numbers between them did not come.
    pub missing: u64,
}

/// Closes every outbox of `gateway` at `now`. What each was known to hold is what it sent, and what it said in its last
/// heartbeat.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn close(tx: &mut Tx, gateway: &GatewayId, now: Timestamp) -> Result<(), StoreError> {
    let said = sql::query("SELECT outbox, last_seq FROM heartbeat WHERE gateway = $1 AND last_seq > 0")
        .bind(gateway.as_str())
        .fetch_optional(tx)
        .await?;
    let mut said_last = None;
    if let Some(row) = said {
        let outbox: String = row.try_get("outbox")?;
        let outbox: OutboxId =
            outbox.parse().map_err(|error| StoreError::unreadable("an outbox's name", error))?;
        // A box may have beaten and died before anything of it came.
        let stream = match streams::find(tx, gateway, &outbox).await? {
            Some(stream) => stream,
            None => streams::begin(tx, gateway, &outbox).await?,
        };
        said_last = Some((stream.id, row.try_get::<i64, _>("last_seq")?));
    }
    sql::query(
        "UPDATE stream SET closed_at = $2, closed_last = highest, closed_told_at = NULL
         WHERE gateway = $1 AND closed_at IS NULL",
    )
    .bind(gateway.as_str())
    .bind(now.as_millis())
    .execute(tx)
    .await?;
    if let Some((stream, last)) = said_last {
        sql::query(
            "UPDATE stream SET closed_last = $2 WHERE id = $1 AND closed_at = $3 AND closed_last < $2",
        )
        .bind(stream)
        .bind(last)
        .bind(now.as_millis())
        .execute(tx)
        .await?;
    }
    Ok(())
}

/// Every closed outbox that nobody was told about.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn untold(connection: &mut Connection) -> Result<Vec<Closed>, StoreError> {
    let unreadable = |error: &dyn std::fmt::Display| StoreError::unreadable("a closed outbox", error);
    sql::query(
        "SELECT id, gateway, outbox, through, closed_at, closed_last,
            (SELECT COUNT(*) FROM (
                SELECT seq FROM decided WHERE decided.stream = stream.id AND seq > through AND seq <= closed_last
                UNION SELECT seq FROM reading WHERE reading.stream = stream.id AND seq > through AND seq <= closed_last
            ) AS either) AS came
         FROM stream WHERE closed_at IS NOT NULL AND closed_told_at IS NULL ORDER BY id",
    )
    .fetch_all(connection)
    .await?
    .iter()
    .map(|row| {
        let number = |column: &str| {
            u64::try_from(row.try_get::<i64, _>(column)?).map_err(|error| unreadable(&error))
        };
        let (through, last) = (number("through")?, number("closed_last")?);
        Ok(Closed {
            gateway: row.try_get::<&str, _>("gateway")?.parse().map_err(|error| unreadable(&error))?,
            outbox: row.try_get::<&str, _>("outbox")?.parse().map_err(|error| unreadable(&error))?,
            stream: row.try_get("id")?,
            at: time(row.try_get("closed_at")?)?,
            through,
            last,
            missing: last.saturating_sub(through).saturating_sub(number("came")?),
        })
    })
    .collect()
}

/// Notes at `now` that people were told about the closed outbox `stream`.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn told(tx: &mut Tx, stream: i64, now: Timestamp) -> Result<(), StoreError> {
    sql::query("UPDATE stream SET closed_told_at = $2 WHERE id = $1")
        .bind(stream)
        .bind(now.as_millis())
        .execute(tx)
        .await?;
    Ok(())
}
