//! Quarantined items as rows, and what became of each, once.
//!
//! **Invariant:** an item is settled at most once, however many try; what was put aside stays as it came.

use crate::store::sql::{self, Connection, Row};
use vitals::{Envelope, PatientId, ReadingId, Timestamp};

use crate::actor::Actor;
use crate::people;
use crate::store::{StoreError, Tx};

/// What became of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// A person said whose it is.
    Assigned,
    /// The register was corrected and names somebody now.
    Readmitted,
    /// A second weighing that agrees spoke for it.
    Confirmed,
    /// The same measurement was in the record already.
    Duplicate,
    /// A person set it aside for good.
    Discarded,
}

impl Act {
    /// Every act.
    pub const ALL: [Self; 5] =
        [Self::Assigned, Self::Readmitted, Self::Confirmed, Self::Duplicate, Self::Discarded];

    /// The key in the store and in exports.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Assigned => "assigned",
            Self::Readmitted => "readmitted",
            Self::Confirmed => "confirmed",
            Self::Duplicate => "duplicate",
            Self::Discarded => "discarded",
        }
    }

    fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|act| act.key() == key)
    }
}

/// How an item was settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct How {
    /// What became of it.
    pub act: Act,
    /// Whose reading it became, if one.
    pub patient: Option<PatientId>,
    /// The reading, if one.
    pub reading: Option<String>,
    /// When.
    pub at: Timestamp,
    /// By whom, by name.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// One item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Counts from 1.
    pub id: i64,
    /// The gateway that sent it; `?` where its topic named none.
    pub gateway: String,
    /// Its outbox, where that could be read.
    pub outbox: Option<String>,
    /// Its number, where that could be read.
    pub seq: Option<i64>,
    /// Why it was put aside, as a key.
    pub reason: String,
    /// The same in words, with what it was about.
    pub detail: String,
    /// When it arrived.
    pub received_at: Timestamp,
    /// Its bytes.
    pub raw: String,
    /// Tells it from others.
    pub fingerprint: String,
    /// How it was settled, if it was.
    pub how: Option<How>,
}

impl Item {
    /// The envelope it is, where it is one.
    #[must_use]
    pub fn envelope(&self) -> Option<Envelope> {
        serde_json::from_str(&self.raw).ok()
    }

    /// Whether it is in order by itself, so that it can become a reading once it is known whose it is.
    #[must_use]
    pub fn can_be_admitted(&self) -> bool {
        matches!(self.reason.as_str(), "ambiguous_wearer" | "not_worn" | "unknown_gateway" | "unprocessable")
            && self.envelope().is_some()
    }
}

const SELECT: &str = "SELECT quarantine.id AS id, gateway, outbox, seq, quarantine.reason AS reason, detail, received_at, raw, fingerprint,
 act, quarantine_act.patient AS patient, quarantine_act.reading AS reading, quarantine_act.at AS at, quarantine_act.name AS name,
 quarantine_act.reason AS why
 FROM quarantine LEFT JOIN quarantine_act ON quarantine_act.quarantine = quarantine.id ";

fn sql(rest: &str) -> sqlx::AssertSqlSafe<String> {
    // Both halves are literals of this module; values are bound.
    sqlx::AssertSqlSafe(format!("{SELECT}{rest}"))
}

fn item_of(row: &Row) -> Result<Item, StoreError> {
    let act: Option<String> = row.try_get("act")?;
    let how = match act {
        None => None,
        Some(act) => Some(How {
            act: Act::from_key(&act).ok_or_else(|| StoreError::unreadable("an act", &act))?,
            patient: row
                .try_get::<Option<String>, _>("patient")?
                .map(|id| people::patient_id(&id))
                .transpose()?,
            reading: row.try_get("reading")?,
            at: people::time(row.try_get("at")?)?,
            by: row.try_get("name")?,
            reason: row.try_get("why")?,
        }),
    };
    Ok(Item {
        id: row.try_get("id")?,
        gateway: row.try_get("gateway")?,
        outbox: row.try_get("outbox")?,
        seq: row.try_get("seq")?,
        reason: row.try_get("reason")?,
        detail: row.try_get("detail")?,
        received_at: people::time(row.try_get("received_at")?)?,
        raw: row.try_get("raw")?,
        fingerprint: row.try_get("fingerprint")?,
        how,
    })
}

/// The item `id`.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn one(connection: &mut Connection, id: i64) -> Result<Option<Item>, StoreError> {
    let row = sql::query(sql("WHERE quarantine.id = $1")).bind(id).fetch_optional(connection).await?;
    row.as_ref().map(item_of).transpose()
}

/// Items that wait, the latest first, at most `limit`.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn waiting(connection: &mut Connection, limit: i64) -> Result<Vec<Item>, StoreError> {
    listed(connection, "WHERE act IS NULL ORDER BY quarantine.id DESC LIMIT $1", limit).await
}

/// Items that were settled, the latest first, at most `limit`.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn settled(connection: &mut Connection, limit: i64) -> Result<Vec<Item>, StoreError> {
    let rest = "WHERE act IS NOT NULL ORDER BY quarantine_act.at DESC, quarantine.id DESC LIMIT $1";
    listed(connection, rest, limit).await
}

async fn listed(
    connection: &mut Connection,
    rest: &'static str,
    limit: i64,
) -> Result<Vec<Item>, StoreError> {
    sql::query(sql(rest)).bind(limit).fetch_all(connection).await?.iter().map(item_of).collect()
}

/// Items that wait because nobody could tell whose they are, of `device`, measured from `from` until `until`, oldest first.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn unattributed(
    connection: &mut Connection,
    device: &str,
    from: Timestamp,
    until: Timestamp,
) -> Result<Vec<Item>, StoreError> {
    let rest =
        "WHERE act IS NULL AND quarantine.reason = 'ambiguous_wearer' AND device = $1 AND measured_at >= $2
                AND measured_at <= $3 ORDER BY quarantine.id";
    sql::query(sql(rest))
        .bind(device)
        .bind(from.as_millis())
        .bind(until.as_millis())
        .fetch_all(connection)
        .await?
        .iter()
        .map(item_of)
        .collect()
}

/// Notes what became of the item `id`. Says whether this is what became of it: one that is settled stays as it was.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn settle(
    tx: &mut Tx,
    id: i64,
    act: Act,
    became: Option<(&PatientId, &ReadingId)>,
    actor: Actor<'_>,
    reason: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let done = sql::query(
        "INSERT INTO quarantine_act (quarantine, act, patient, reading, at, actor_kind, actor, name, reason)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (quarantine) DO NOTHING",
    )
    .bind(id)
    .bind(act.key())
    .bind(became.map(|(patient, _)| patient.as_str()))
    .bind(became.map(|(_, reading)| reading.as_str()))
    .bind(now.as_millis())
    .bind(actor.kind())
    .bind(actor.id())
    .bind(actor.name())
    .bind(reason)
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}
