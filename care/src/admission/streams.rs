//! The sequences of gateways: one stream an outbox, and what was decided about each of its numbers.

use crate::store::sql::{self, Connection};
use vitals::{GatewayId, OutboxId, Seq, Timestamp};

use crate::people::optional_time;
use crate::store::{StoreError, Tx, numbers};

/// One outbox of one gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// Its number in the store.
    pub id: i64,
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

/// The stream of `gateway`'s `outbox`; `None` when nothing of it was ever decided.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn find(
    connection: &mut Connection,
    gateway: &GatewayId,
    outbox: &OutboxId,
) -> Result<Option<Stream>, StoreError> {
    sql::query("SELECT id, through, highest, gap_since FROM stream WHERE gateway = $1 AND outbox = $2")
        .bind(gateway.as_str())
        .bind(outbox.as_str())
        .fetch_optional(connection)
        .await?
        .map(|row| {
            Ok(Stream {
                id: row.try_get("id")?,
                through: number(row.try_get("through")?)?,
                highest: number(row.try_get("highest")?)?,
                gap_since: optional_time(row.try_get("gap_since")?)?,
            })
        })
        .transpose()
}

/// Begins the stream of `gateway`'s `outbox`, with nothing decided.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn begin(tx: &mut Tx, gateway: &GatewayId, outbox: &OutboxId) -> Result<Stream, StoreError> {
    let id = numbers::next(tx, "stream").await?;
    sql::query(
        "INSERT INTO stream (id, gateway, outbox, through, highest, heard_at) VALUES ($1, $2, $3, 0, 0, 0)",
    )
    .bind(id)
    .bind(gateway.as_str())
    .bind(outbox.as_str())
    .execute(&mut **tx)
    .await?;
    Ok(Stream { id, through: 0, highest: 0, gap_since: None })
}

/// Notes how far `stream` is, and that it was heard at `heard_at`.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn note(tx: &mut Tx, stream: &Stream, heard_at: Timestamp) -> Result<(), StoreError> {
    // An outbox that was closed and speaks again, longer after than a message can be on its way, is open again.
    sql::query(
        "UPDATE stream SET through = $2, highest = $3, gap_since = $4, heard_at = $5,
            closed_at = CASE WHEN closed_at + 300000 < $5 THEN NULL ELSE closed_at END WHERE id = $1",
    )
    .bind(stream.id)
    .bind(signed(stream.through))
    .bind(signed(stream.highest))
    .bind(stream.gap_since.map(Timestamp::as_millis))
    .bind(heard_at.as_millis())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// The fingerprint of what was decided about `seq`; `None` while it is undecided.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn decided(tx: &mut Tx, stream: i64, seq: Seq) -> Result<Option<String>, StoreError> {
    Ok(sql::query_scalar("SELECT hash FROM decided WHERE stream = $1 AND seq = $2")
        .bind(stream)
        .bind(signed(seq.get()))
        .fetch_optional(&mut **tx)
        .await?)
}

/// Decides `seq`, which was undecided.
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
        .execute(&mut **tx)
        .await?;
    Ok(())
}

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
    let numbers: Vec<i64> =
        sql::query_scalar("SELECT seq FROM decided WHERE stream = $1 AND seq > $2 ORDER BY seq LIMIT $3")
            .bind(stream)
            .bind(signed(through))
            .bind(i64::from(limit))
            .fetch_all(connection)
            .await?;
    numbers.into_iter().map(number).collect()
}

/// A stream in which a number is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gapped {
    /// Whose.
    pub gateway: GatewayId,
    /// Which outbox.
    pub outbox: OutboxId,
    /// How far it is.
    pub stream: Stream,
}

/// Every stream that has missed a number since `before` or longer, those of replaced boxes apart: nobody is left to ask.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn gapped(connection: &mut Connection, before: Timestamp) -> Result<Vec<Gapped>, StoreError> {
    sql::query("SELECT id, gateway, outbox, through, highest, gap_since FROM stream WHERE gap_since <= $1 AND closed_at IS NULL ORDER BY id")
        .bind(before.as_millis())
        .fetch_all(connection)
        .await?
        .iter()
        .map(|row| {
            let unreadable = |error| StoreError::unreadable("a stream", error);
            Ok(Gapped {
                gateway: row.try_get::<&str, _>("gateway")?.parse().map_err(unreadable)?,
                outbox: row.try_get::<&str, _>("outbox")?.parse().map_err(unreadable)?,
                stream: Stream {
                    id: row.try_get("id")?,
                    through: number(row.try_get("through")?)?,
                    highest: number(row.try_get("highest")?)?,
                    gap_since: optional_time(row.try_get("gap_since")?)?,
                },
            })
        })
        .collect()
}

fn number(stored: i64) -> Result<u64, StoreError> {
    u64::try_from(stored).map_err(|error| StoreError::unreadable("a sequence number", error))
}

/// A sequence number as the store keeps it: at most 2^53, so it always fits.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
