//! What a reconciliation holds against each other, as rows: heartbeats, streams, decided numbers, readings, quarantine.
//!
//! **Invariant:** reads alone. Over a [`crate::store::Store::snapshot`] all of it is of one moment.

use crate::store::sql::{self, Connection, Row};
use vitals::Timestamp;

use crate::people::{optional_time, time};
use crate::store::StoreError;

/// What a gateway last said of its outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    /// The last number it gave.
    pub last_seq: u64,
    /// How many have no receipt.
    pub unreceipted: u64,
    /// When that was heard.
    pub received_at: Timestamp,
}

/// One outbox: what is decided of it, and what its gateway says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outbox {
    /// Its number in the store; `None` where nothing of it was ever decided.
    pub stream: Option<i64>,
    /// Whose it is.
    pub gateway: String,
    /// Its name.
    pub outbox: String,
    /// Every number up to this one is decided.
    pub through: u64,
    /// The largest number decided.
    pub highest: u64,
    /// When it was last heard.
    pub heard_at: Timestamp,
    /// Since when its box is replaced by another.
    pub closed_at: Option<Timestamp>,
    /// What its gateway's last heartbeat says, where that is of this outbox.
    pub said: Option<Said>,
}

/// Every outbox that is known by a message or by a heartbeat, the canary's apart, in the order of gateways.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn outboxes(connection: &mut Connection) -> Result<Vec<Outbox>, StoreError> {
    sql::query(
        "SELECT stream.id AS id, stream.gateway AS gateway, stream.outbox AS outbox, through, highest, heard_at, closed_at,
            last_seq, unreceipted, heartbeat.received_at AS received_at
         FROM stream LEFT JOIN heartbeat ON heartbeat.gateway = stream.gateway AND heartbeat.outbox = stream.outbox
         WHERE stream.gateway <> $1
         UNION ALL
         SELECT NULL, heartbeat.gateway, heartbeat.outbox, 0, 0, 0, NULL, last_seq, unreceipted, heartbeat.received_at
         FROM heartbeat LEFT JOIN stream ON stream.gateway = heartbeat.gateway AND stream.outbox = heartbeat.outbox
         WHERE stream.id IS NULL
         ORDER BY 2, 3",
    )
    .bind(crate::canary::ID)
    .fetch_all(connection)
    .await?
    .iter()
    .map(outbox_of)
    .collect()
}

fn outbox_of(row: &Row) -> Result<Outbox, StoreError> {
    let said = match optional_time(row.try_get("received_at")?)? {
        None => None,
        Some(received_at) => Some(Said {
            last_seq: number(row.try_get("last_seq")?)?,
            unreceipted: number(row.try_get("unreceipted")?)?,
            received_at,
        }),
    };
    Ok(Outbox {
        stream: row.try_get("id")?,
        gateway: row.try_get("gateway")?,
        outbox: row.try_get("outbox")?,
        through: number(row.try_get("through")?)?,
        highest: number(row.try_get("highest")?)?,
        heard_at: time(row.try_get("heard_at")?)?,
        closed_at: optional_time(row.try_get("closed_at")?)?,
        said,
    })
}

/// At most `limit` decided numbers of `stream` after `after`, ascending, and what was decided.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn decided(
    connection: &mut Connection,
    stream: i64,
    after: u64,
    limit: i64,
) -> Result<Vec<(u64, String)>, StoreError> {
    // A number that a reading decides stands with that reading alone.
    sql::query(
        "SELECT seq, verdict FROM decided WHERE stream = $1 AND seq > $2
         UNION ALL SELECT seq, 'stored' FROM reading WHERE stream = $1 AND seq > $2 AND hash IS NOT NULL
            AND NOT EXISTS (SELECT 1 FROM decided WHERE decided.stream = reading.stream AND decided.seq = reading.seq)
         ORDER BY 1 LIMIT $3",
    )
    .bind(stream)
    .bind(i64::try_from(after).unwrap_or(i64::MAX))
    .bind(limit)
    .fetch_all(connection)
    .await?
    .iter()
    .map(|row| Ok((number(row.try_get(0)?)?, row.try_get(1)?)))
    .collect()
}

/// A reading's place in its gateway's sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The outbox.
    pub outbox: String,
    /// The number there.
    pub seq: u64,
    /// The place in the journal.
    pub arrival: i64,
    /// The reading.
    pub reading: String,
}

/// Every reading that `gateway` brought.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn brought(connection: &mut Connection, gateway: &str) -> Result<Vec<Placed>, StoreError> {
    sql::query(
        "SELECT outbox, seq, arrival, COALESCE(reading.id, name || '-' || seq) AS id
         FROM reading JOIN stream ON stream.id = reading.stream WHERE gateway = $1 ORDER BY arrival",
    )
    .bind(gateway)
    .fetch_all(connection)
    .await?
    .iter()
    .map(|row| {
        Ok(Placed {
            outbox: row.try_get("outbox")?,
            seq: number(row.try_get("seq")?)?,
            arrival: row.try_get("arrival")?,
            reading: row.try_get("id")?,
        })
    })
    .collect()
}

/// Gateways that readings name, also those that have no stream.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn gateways(connection: &mut Connection) -> Result<Vec<String>, StoreError> {
    Ok(sql::query_scalar(
        "SELECT DISTINCT gateway FROM stream WHERE id IN (SELECT stream FROM reading) ORDER BY gateway",
    )
    .fetch_all(connection)
    .await?)
}

/// An item of the quarantine that has a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutAside {
    /// The outbox.
    pub outbox: String,
    /// The number.
    pub seq: u64,
    /// Whether another envelope was decided under that number.
    pub is_conflict: bool,
    /// What became of it, if anything.
    pub act: Option<String>,
    /// The reading it became, if one.
    pub reading: Option<String>,
}

/// What `gateway` sent that was put aside under a number.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn put_aside(connection: &mut Connection, gateway: &str) -> Result<Vec<PutAside>, StoreError> {
    sql::query(
        "SELECT outbox, seq, quarantine.reason AS reason, act, quarantine_act.reading AS reading
         FROM quarantine LEFT JOIN quarantine_act ON quarantine_act.quarantine = quarantine.id
         WHERE gateway = $1 AND outbox IS NOT NULL AND seq IS NOT NULL ORDER BY quarantine.id",
    )
    .bind(gateway)
    .fetch_all(connection)
    .await?
    .iter()
    .map(|row| {
        Ok(PutAside {
            outbox: row.try_get("outbox")?,
            seq: number(row.try_get("seq")?)?,
            is_conflict: row.try_get::<&str, _>("reason")? == "conflict",
            act: row.try_get("act")?,
            reading: row.try_get("reading")?,
        })
    })
    .collect()
}

/// The first place in the journal after `after` that is taken; `None` after the last.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn next_arrival(connection: &mut Connection, after: i64) -> Result<Option<i64>, StoreError> {
    Ok(sql::query_scalar("SELECT MIN(arrival) FROM reading WHERE arrival > $1")
        .bind(after)
        .fetch_one(connection)
        .await?)
}

/// The counter `name` in this snapshot; 0 where it was never counted.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn counter(connection: &mut Connection, name: &str) -> Result<i64, StoreError> {
    let value: Option<i64> = sql::query_scalar("SELECT value FROM counter WHERE name = $1")
        .bind(name)
        .fetch_optional(connection)
        .await?;
    Ok(value.unwrap_or(0))
}

fn number(stored: i64) -> Result<u64, StoreError> {
    u64::try_from(stored).map_err(|error| StoreError::unreadable("a sequence number", error))
}
