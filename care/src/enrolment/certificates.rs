//! Certificates of gateways in the store: what was signed, until when it counts, and whether the broker knows.
//!
//! **Invariant:** a certificate that has ended never counts again.

use crate::store::sql::{self, Connection, Row};
use vitals::{GatewayId, Timestamp};

use super::authority::{Issued, Revoked};
use crate::people::{optional_time, time};
use crate::store::{StoreError, Tx};

/// Why a certificate ends before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Staff took it back.
    Revoked,
    /// The box was replaced.
    Replaced,
    /// The same gateway has a newer one.
    Superseded,
}

impl Ending {
    /// The word in the store.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Revoked => "revoked",
            Self::Replaced => "replaced",
            Self::Superseded => "superseded",
        }
    }

    fn from_key(key: &str) -> Option<Self> {
        [Self::Revoked, Self::Replaced, Self::Superseded].into_iter().find(|ending| ending.key() == key)
    }

    /// Whether a session under it must end now, not when it next connects.
    #[must_use]
    pub const fn ends_sessions(self) -> bool {
        match self {
            Self::Revoked | Self::Replaced => true,
            Self::Superseded => false,
        }
    }
}

/// A gateway's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Its serial number, hex.
    pub serial: String,
    /// Whose.
    pub gateway: GatewayId,
    /// The SHA-256 of its public key, hex.
    pub key_hash: String,
    /// The certificate itself.
    pub pem: String,
    /// When it was signed.
    pub issued_at: Timestamp,
    /// Until when it counts by itself.
    pub not_after: Timestamp,
    /// From when on it does not count, and why.
    pub ended: Option<(Timestamp, Ending)>,
    /// When the broker was seen to refuse what has ended by then.
    pub enforced_at: Option<Timestamp>,
}

impl Certificate {
    /// Whether it counts at `now`.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.not_after > now && self.ended.is_none_or(|(at, _)| at > now)
    }
}

/// How a box came by a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    Enrolled,
    Renewed,
}

impl How {
    const fn key(self) -> &'static str {
        match self {
            Self::Enrolled => "enrolled",
            Self::Renewed => "renewed",
        }
    }
}

/// Keeps what was signed for `gateway`.
///
/// # Errors
/// [`StoreError`] of the database.
pub(super) async fn keep(
    tx: &mut Tx,
    gateway: &GatewayId,
    key_hash: &str,
    issued: &Issued,
    how: How,
    now: Timestamp,
) -> Result<(), StoreError> {
    sql::query(
        "INSERT INTO certificate (serial, gateway, key_hash, pem, how, issued_at, not_after)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(&issued.serial)
    .bind(gateway.as_str())
    .bind(key_hash)
    .bind(&issued.pem)
    .bind(how.key())
    .bind(now.as_millis())
    .bind(issued.not_after.as_millis())
    .execute(tx)
    .await?;
    Ok(())
}

const COLUMNS: &str = "serial, gateway, key_hash, pem, issued_at, not_after, ends_at, ended_why, enforced_at";

fn certificate(row: &Row) -> Result<Certificate, StoreError> {
    let gateway: &str = row.try_get("gateway")?;
    let ends_at = optional_time(row.try_get("ends_at")?)?;
    let ended = match (ends_at, row.try_get::<Option<&str>, _>("ended_why")?) {
        (Some(at), Some(why)) => Some((
            at,
            Ending::from_key(why).ok_or_else(|| StoreError::unreadable("why a certificate ended", why))?,
        )),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => {
            return Err(StoreError::unreadable("a certificate", "its end and the reason do not go together"));
        }
    };
    Ok(Certificate {
        serial: row.try_get("serial")?,
        gateway: gateway.parse().map_err(|error| StoreError::unreadable("a gateway id", error))?,
        key_hash: row.try_get("key_hash")?,
        pem: row.try_get("pem")?,
        issued_at: time(row.try_get("issued_at")?)?,
        not_after: time(row.try_get("not_after")?)?,
        ended,
        enforced_at: optional_time(row.try_get("enforced_at")?)?,
    })
}

/// The certificate with this serial number.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub(super) async fn by_serial(
    connection: &mut Connection,
    serial: &str,
) -> Result<Option<Certificate>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM certificate WHERE serial = $1");
    let row = sql::query(sqlx::AssertSqlSafe(sql)).bind(serial).fetch_optional(connection).await?;
    row.as_ref().map(certificate).transpose()
}

/// Every certificate of `gateway`, the newest first.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn of(connection: &mut Connection, gateway: &GatewayId) -> Result<Vec<Certificate>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM certificate WHERE gateway = $1 ORDER BY issued_at DESC, serial");
    let rows = sql::query(sqlx::AssertSqlSafe(sql)).bind(gateway.as_str()).fetch_all(connection).await?;
    rows.iter().map(certificate).collect()
}

/// Ends every certificate of `gateway` at `at`, unless it ends sooner by itself or by an earlier word. How many that were.
///
/// # Errors
/// [`StoreError`] of the database.
pub(super) async fn end(
    tx: &mut Tx,
    gateway: &GatewayId,
    at: Timestamp,
    why: Ending,
    by: &str,
) -> Result<u64, StoreError> {
    let done = sql::query(
        "UPDATE certificate SET ends_at = $2, ended_why = $3, ended_by = $4, enforced_at = NULL
         WHERE gateway = $1 AND not_after > $2 AND (ends_at IS NULL OR ends_at > $2)",
    )
    .bind(gateway.as_str())
    .bind(at.as_millis())
    .bind(why.key())
    .bind(by)
    .execute(tx)
    .await?;
    Ok(done.rows_affected())
}

/// What has ended by `now` and would otherwise still count: the revocation list.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub(super) async fn ended(connection: &mut Connection, now: Timestamp) -> Result<Vec<Revoked>, StoreError> {
    sql::query(
        "SELECT serial, ends_at, ended_why FROM certificate WHERE ends_at <= $1 AND not_after > $2 ORDER BY serial",
    )
    .bind(now.as_millis())
    // A day longer than it counts, for a broker whose clock is behind.
    .bind(now.plus_days(-1).as_millis())
    .fetch_all(connection)
    .await?
    .iter()
    .map(|row| {
        Ok(Revoked {
            serial: row.try_get("serial")?,
            at: time(row.try_get("ends_at")?)?,
            superseded: row.try_get::<&str, _>("ended_why")? == Ending::Superseded.key(),
        })
    })
    .collect()
}

/// What has ended by `now` and was not yet seen to be refused.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub(super) async fn unenforced(
    connection: &mut Connection,
    now: Timestamp,
) -> Result<Vec<Certificate>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM certificate
         WHERE ends_at <= $1 AND not_after > $1 AND enforced_at IS NULL ORDER BY ends_at, serial"
    );
    let rows = sql::query(sqlx::AssertSqlSafe(sql)).bind(now.as_millis()).fetch_all(connection).await?;
    rows.iter().map(certificate).collect()
}

/// Notes that the broker was seen to refuse the certificate `serial` at `now`.
///
/// # Errors
/// [`StoreError`] of the database.
pub(super) async fn enforced(tx: &mut Tx, serial: &str, now: Timestamp) -> Result<(), StoreError> {
    sql::query("UPDATE certificate SET enforced_at = $2 WHERE serial = $1")
        .bind(serial)
        .bind(now.as_millis())
        .execute(tx)
        .await?;
    Ok(())
}
