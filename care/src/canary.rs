//! The canary in the store: who it is, what it needs for its rehearsal, and its latest walks.
//!
//! The canary is a reading of nobody's that walks the whole chain. It is judged as a patient's would be, in a transaction that is
//! never committed; what is committed is its walk, in a table of its own. So no count, list, export or report can hold it.
//!
//! **Invariant:** nothing of [`move_in`] is ever committed, and the canary's rows do not grow in number.

use crate::store::sql::{self, Connection};
use vitals::{GatewayId, OutboxId, Seq, Timestamp};

use crate::people::time;
use crate::store::{StoreError, Tx};

/// The id of its gateway, its patient, their unit and their organisation. The register gives it to nobody else.
pub const ID: &str = "vagen-canary";
/// The id of its device: a locally administered address. The register gives it to nobody else.
pub const DEVICE: &str = "02ca0a000001";

/// Its folder in the data directory. No backup holds it: the server makes it anew.
pub const FOLDER: &str = "canary";

/// The walks that are kept of each outbox.
const KEPT: u64 = 20;

/// Whether `gateway` is the canary's.
#[must_use]
pub fn is_gateway(gateway: &GatewayId) -> bool {
    gateway.as_str() == ID
}

/// One walk, as far as the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Walked {
    /// Its outbox.
    pub outbox: OutboxId,
    /// Its number there.
    pub seq: Seq,
    /// When it was sealed.
    pub sealed_at: Timestamp,
    /// When it arrived.
    pub received_at: Timestamp,
    /// Whether the rules found in it what they must.
    pub assessed: bool,
}

/// Puts a patient, a gateway and a device of the canary's into the register of `tx`, which must never be committed.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn move_in(tx: &mut Tx, now: Timestamp) -> Result<(), StoreError> {
    let since = now.plus_days(-1).as_millis();
    for sql in [
        "INSERT INTO organisation (id, name, kind) VALUES ($1, $1, 'provider') ON CONFLICT (id) DO NOTHING",
        "INSERT INTO unit (id, organisation, name) VALUES ($1, $1, $1) ON CONFLICT (id) DO NOTHING",
        "INSERT INTO gateway (id) VALUES ($1) ON CONFLICT (id) DO NOTHING",
    ] {
        sql::query(sql).bind(ID).execute(tx).await?;
    }
    sql::query(
        "INSERT INTO patient (id, name, language, policy, enrolled_at) VALUES ($1, $1, 'sv', 'recommended', $2)
         ON CONFLICT (id) DO NOTHING",
    )
    .bind(ID)
    .bind(since)
    .execute(tx)
    .await?;
    sql::query(
        "INSERT INTO patient_unit (patient, unit, position) VALUES ($1, $1, 0) ON CONFLICT (patient, unit) DO NOTHING",
    )
    .bind(ID)
    .execute(tx)
    .await?;
    sql::query("INSERT INTO device (id, model) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING")
        .bind(DEVICE)
        .bind(ID)
        .execute(tx)
        .await?;
    sql::query("INSERT INTO worn_by (device, patient, slot, from_at) VALUES ($1, $2, -1, $3)")
        .bind(DEVICE)
        .bind(ID)
        .bind(since)
        .execute(tx)
        .await?;
    Ok(())
}

/// How many readings of the canary stand behind findings in open tasks of `tx`: what a rehearsal left.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn found(tx: &mut Tx) -> Result<i64, StoreError> {
    let found = sql::query_scalar::<i64>(
        "SELECT COUNT(DISTINCT finding_reading.reading) FROM task JOIN finding ON finding.task = task.id
         JOIN finding_reading ON finding_reading.finding = finding.id
         JOIN stream ON stream.gateway = $1
         JOIN reading ON reading.stream = stream.id AND finding_reading.reading = stream.name || '-' || reading.seq
         WHERE task.patient = $1 AND task.status = 'open' AND reading.patient = $1",
    )
    .bind(ID)
    .fetch_one(tx)
    .await?;
    Ok(found)
}

/// Notes `walked`, and lets go of all but the latest walks, and of what was decided about their numbers in `stream`. Those
/// numbers lie behind what has its receipt, and the same walk again changes nothing.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn note(tx: &mut Tx, stream: i64, walked: &Walked) -> Result<(), StoreError> {
    let seq = number(walked.seq.get());
    let before = number(walked.seq.get().saturating_sub(KEPT));
    sql::query(
        "INSERT INTO canary (outbox, seq, sealed_at, received_at, assessed) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (outbox, seq) DO NOTHING",
    )
    .bind(walked.outbox.as_str())
    .bind(seq)
    .bind(walked.sealed_at.as_millis())
    .bind(walked.received_at.as_millis())
    .bind(i64::from(walked.assessed))
    .execute(tx)
    .await?;
    let long_ago = walked.received_at.plus_days(-1).as_millis();
    sql::query("DELETE FROM canary WHERE (outbox = $1 AND seq <= $2) OR (outbox <> $1 AND received_at < $3)")
        .bind(walked.outbox.as_str())
        .bind(before)
        .bind(long_ago)
        .execute(tx)
        .await?;
    sql::query("DELETE FROM decided WHERE stream = $1 AND seq <= $2")
        .bind(stream)
        .bind(before)
        .execute(tx)
        .await?;
    Ok(())
}

/// The newest walk of `outbox`, or of all; `None` while there is none.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn newest(
    connection: &mut Connection,
    outbox: Option<&OutboxId>,
) -> Result<Option<Walked>, StoreError> {
    let row = match outbox {
        Some(outbox) => {
            sql::query(
                "SELECT outbox, seq, sealed_at, received_at, assessed FROM canary WHERE outbox = $1
                 ORDER BY seq DESC LIMIT 1",
            )
            .bind(outbox.as_str())
            .fetch_optional(connection)
            .await?
        }
        None => {
            sql::query(
                "SELECT outbox, seq, sealed_at, received_at, assessed FROM canary
                 ORDER BY received_at DESC, seq DESC LIMIT 1",
            )
            .fetch_optional(connection)
            .await?
        }
    };
    let Some(row) = row else { return Ok(None) };
    let outbox: &str = row.try_get("outbox")?;
    let seq = u64::try_from(row.try_get::<i64, _>("seq")?)
        .map_err(|error| StoreError::unreadable("a walk's number", error))?;
    Ok(Some(Walked {
        outbox: outbox.parse().map_err(|error| StoreError::unreadable("a walk's outbox", error))?,
        seq: Seq::new(seq).map_err(|error| StoreError::unreadable("a walk's number", error))?,
        sealed_at: time(row.try_get("sealed_at")?)?,
        received_at: time(row.try_get("received_at")?)?,
        assessed: row.try_get::<i64, _>("assessed")? != 0,
    }))
}

fn number(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}
