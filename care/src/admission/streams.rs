//! The sequences of gateways: one stream an outbox, and what was decided about each of its numbers.

use crate::store::sql::{self, Connection, Holds, Into, IntoValue, List, Row};
use sha2::{Digest, Sha256};
use vitals::{GatewayId, OutboxId, Seq, Timestamp};

use crate::people::optional_time;
use crate::store::{StoreError, Tx, numbers};

/// One outbox of one gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// Its number in the store.
    pub id: i64,
    /// What the ids of its readings call it, as [`name_of`] makes it.
    pub name: String,
    /// Every number up to this one is decided.
    pub through: u64,
    /// The largest number decided.
    pub highest: u64,
    /// Since when a number between them is missing.
    pub gap_since: Option<Timestamp>,
}

/// What was decided about a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Admitted as a reading.
    Stored,
    /// Recognised as a reading that was admitted under another number.
    Duplicate,
    /// In quarantine, with its reason.
    Quarantined,
    /// It will never carry an envelope.
    Void,
}

impl Verdict {
    /// The word in the store.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Duplicate => "duplicate",
            Self::Quarantined => "quarantined",
            Self::Void => "void",
        }
    }
}

/// How many digits of a fingerprint of what an envelope says are kept.
pub const HASH_DIGITS: usize = 32;

/// What the ids of readings call `outbox` of `gateway`: the first 64 bits of a SHA-256, in every store the same.
#[must_use]
pub fn name_of(gateway: &GatewayId, outbox: &OutboxId) -> String {
    let mut hash = Sha256::new();
    for part in ["outbox", gateway.as_str(), outbox.as_str()] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    vitals::hex::encode(&hash.finalize()[..8])
}

const SELECT: &str = "SELECT id, gateway, outbox, through, highest, gap_since FROM stream ";

/// One outbox of one gateway, and how far it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Of {
    /// Whose.
    pub gateway: GatewayId,
    /// Which outbox.
    pub outbox: OutboxId,
    /// How far it is.
    pub stream: Stream,
}

fn of_row(row: &Row) -> Result<Of, StoreError> {
    let unreadable = |error| StoreError::unreadable("a stream", error);
    let gateway = row.try_get::<&str, _>("gateway")?.parse().map_err(unreadable)?;
    let outbox = row.try_get::<&str, _>("outbox")?.parse().map_err(unreadable)?;
    let stream = Stream {
        id: row.try_get("id")?,
        name: name_of(&gateway, &outbox),
        through: number(row.try_get("through")?)?,
        highest: number(row.try_get("highest")?)?,
        gap_since: optional_time(row.try_get("gap_since")?)?,
    };
    Ok(Of { gateway, outbox, stream })
}

/// The stream of `gateway`'s `outbox`; `None` when nothing of it was ever decided.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn find(
    connection: &mut Connection,
    gateway: &GatewayId,
    outbox: &OutboxId,
) -> Result<Option<Stream>, StoreError> {
    let sql = format!("{SELECT} WHERE gateway = $1 AND outbox = $2");
    sql::query(sqlx::AssertSqlSafe(sql))
        .bind(gateway.as_str())
        .bind(outbox.as_str())
        .fetch_optional(connection)
        .await?
        .map(|row| Ok(of_row(&row)?.stream))
        .transpose()
}

/// Every stream of `gateways`.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn of_gateways(
    connection: &mut Connection,
    gateways: &[&GatewayId],
) -> Result<Vec<Of>, StoreError> {
    let each = sql::each(connection.dialect(), 1);
    let sql = format!("{SELECT} WHERE gateway IN (SELECT value FROM {each})");
    sql::query(sqlx::AssertSqlSafe(sql))
        .bind_list(List::of_texts(gateways.iter().map(|id| id.as_str())))
        .fetch_all(connection)
        .await?
        .iter()
        .map(of_row)
        .collect()
}

/// Begins the stream of `gateway`'s `outbox`, with nothing decided.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn begin(tx: &mut Tx, gateway: &GatewayId, outbox: &OutboxId) -> Result<Stream, StoreError> {
    let id = numbers::next(tx, "stream").await?;
    let name = name_of(gateway, outbox);
    sql::query(
        "INSERT INTO stream (id, name, gateway, outbox, through, highest, heard_at) VALUES ($1, $2, $3, $4, 0, 0, 0)",
    )
    .bind(id)
    .bind(name.as_str())
    .bind(gateway.as_str())
    .bind(outbox.as_str())
    .execute(tx)
    .await?;
    Ok(Stream { id, name, through: 0, highest: 0, gap_since: None })
}

const NOTED: [Into; 8] = [
    Into { name: "id", holds: Holds::Integer },
    Into { name: "name", holds: Holds::Text },
    Into { name: "gateway", holds: Holds::Text },
    Into { name: "outbox", holds: Holds::Text },
    Into { name: "through", holds: Holds::Integer },
    Into { name: "highest", holds: Holds::Integer },
    Into { name: "gap_since", holds: Holds::Integer },
    Into { name: "heard_at", holds: Holds::Integer },
];

/// An outbox that was closed and speaks again, longer after than a message can be on its way, is open again.
const NOTE: &str = "ON CONFLICT (id) DO UPDATE SET name = excluded.name, through = excluded.through, highest = excluded.highest,
    gap_since = excluded.gap_since, heard_at = excluded.heard_at,
    closed_at = CASE WHEN stream.closed_at + 300000 < excluded.heard_at THEN NULL ELSE stream.closed_at END";

/// Notes how far each of `streams` is, and when it was heard.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn note(tx: &mut Tx, streams: &[(Of, Timestamp)]) -> Result<(), StoreError> {
    let values = streams.iter().flat_map(|(Of { gateway, outbox, stream }, heard_at)| {
        [
            stream.id.into_value(),
            stream.name.as_str().into_value(),
            gateway.as_str().into_value(),
            outbox.as_str().into_value(),
            signed(stream.through).into_value(),
            signed(stream.highest).into_value(),
            stream.gap_since.map(Timestamp::as_millis).into_value(),
            heard_at.as_millis().into_value(),
        ]
    });
    Ok(sql::insert(tx, "stream", &NOTED, values.collect(), NOTE).await?)
}

/// The fingerprint of what was decided about `seq`, its first digits or all; `None` while it is undecided.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn decided(tx: &mut Tx, stream: i64, seq: Seq) -> Result<Option<String>, StoreError> {
    Ok(sql::query_scalar(
        "SELECT hash FROM decided WHERE stream = $1 AND seq = $2
         UNION ALL SELECT hash FROM reading WHERE stream = $1 AND seq = $2 AND hash IS NOT NULL",
    )
    .bind(stream)
    .bind(signed(seq.get()))
    .fetch_optional(tx)
    .await?)
}

/// Decides `seq`, which was undecided, other than by a reading: that decides its own number.
///
/// # Errors
/// [`StoreError`] of the database, also when it was decided already.
pub async fn decide(
    tx: &mut Tx,
    stream: i64,
    seq: Seq,
    hash: &str,
    verdict: Verdict,
) -> Result<(), StoreError> {
    sql::query("INSERT INTO decided (stream, seq, hash, verdict) VALUES ($1, $2, $3, $4)")
        .bind(stream)
        .bind(signed(seq.get()))
        .bind(hash)
        .bind(verdict.key())
        .execute(tx)
        .await?;
    Ok(())
}

const BEYOND: &str =
    "SELECT seq FROM (SELECT seq FROM decided WHERE stream = $1 AND seq > $2 ORDER BY seq LIMIT $3) AS otherwise
     UNION SELECT seq FROM (SELECT seq FROM reading WHERE stream = $1 AND seq > $2 ORDER BY seq LIMIT $3) AS stored
     ORDER BY seq LIMIT $3";

/// The first `limit` decided numbers beyond `through`, ascending.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn decided_beyond(
    connection: &mut Connection,
    stream: i64,
    through: u64,
    limit: u32,
) -> Result<Vec<u64>, StoreError> {
    let numbers: Vec<i64> = sql::query_scalar(BEYOND)
        .bind(stream)
        .bind(signed(through))
        .bind(i64::from(limit))
        .fetch_all(connection)
        .await?;
    numbers.into_iter().map(number).collect()
}

/// Every stream that has missed a number since `before` or longer, those of replaced boxes apart: nobody is left to ask.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn gapped(connection: &mut Connection, before: Timestamp) -> Result<Vec<Of>, StoreError> {
    let sql = format!("{SELECT} WHERE gap_since <= $1 AND closed_at IS NULL ORDER BY id");
    sql::query(sqlx::AssertSqlSafe(sql))
        .bind(before.as_millis())
        .fetch_all(connection)
        .await?
        .iter()
        .map(of_row)
        .collect()
}

fn number(stored: i64) -> Result<u64, StoreError> {
    u64::try_from(stored).map_err(|error| StoreError::unreadable("a sequence number", error))
}

/// A sequence number as the store keeps it: at most 2^53, so it always fits.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
