//! What staff do about boxes: issue a code, take certificates back, replace a box; and what they see of each.
//!
//! Who may, is [`access::open_gateways`](crate::access::open_gateways)'s to say, before any of this is called.
//!
//! **Invariant:** each act is one transaction with its own entry in the log.

use crate::store::sql::{self, Connection};
use vitals::{GatewayId, Timestamp};

use super::certificates::{self, Certificate, Ending};
use super::code::Code;
use super::{Enrolment, codes};
use crate::access::{Decision, Subject};
use crate::admission::replaced;
use crate::audit::{self, Entry};
use crate::language::Words;
use crate::people::optional_time;
use crate::store::{Store, StoreError, Tx};

/// Why an act was not done.
#[derive(Debug, thiserror::Error)]
pub enum StaffError {
    /// The register has no such gateway.
    #[error("there is no gateway {0} in the register")]
    NoGateway(GatewayId),
    /// The store failed. Nothing was done.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A code that was just issued. It can be shown this once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FreshCode {
    /// The code.
    pub code: Code,
    /// Until when it can be used.
    pub expires_at: Timestamp,
}

/// A home box as the register and the broker know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HomeBox {
    /// Which gateway it is.
    pub gateway: GatewayId,
    /// When its last heartbeat came.
    pub heartbeat_at: Option<Timestamp>,
    /// How many readings it said had no receipt then.
    pub unreceipted: Option<u64>,
    /// Which version of the program it said it ran.
    pub version: Option<String>,
    /// Its certificates, the newest first.
    pub certificates: Vec<Certificate>,
}

/// How a gateway stands with its certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It never had one.
    Never,
    /// It has one that counts.
    Live {
        /// Until when.
        until: Timestamp,
    },
    /// Its last one expired.
    Expired {
        /// When.
        at: Timestamp,
    },
    /// Its last one was ended.
    Ended {
        /// When.
        at: Timestamp,
        /// Why.
        why: Ending,
        /// When the broker was seen to refuse it.
        enforced_at: Option<Timestamp>,
    },
}

impl HomeBox {
    /// How it stands at `now`.
    #[must_use]
    pub fn standing(&self, now: Timestamp) -> Standing {
        if let Some(live) = self.certificates.iter().find(|one| one.is_live(now)) {
            return Standing::Live {
                until: live.ended.map_or(live.not_after, |(at, _)| at.min(live.not_after)),
            };
        }
        match self.certificates.first() {
            None => Standing::Never,
            Some(Certificate { ended: Some((at, why)), enforced_at, .. }) => {
                Standing::Ended { at: *at, why: *why, enforced_at: *enforced_at }
            }
            Some(Certificate { ended: None, not_after, .. }) => Standing::Expired { at: *not_after },
        }
    }

    /// Whether something of it was ended and the broker was not yet seen to refuse it at `now`.
    #[must_use]
    pub fn is_unenforced(&self, now: Timestamp) -> bool {
        let open = |one: &Certificate| {
            one.enforced_at.is_none()
                && one.not_after > now
                && one.ended.is_some_and(|(at, why)| at <= now && why.ends_sessions())
        };
        self.certificates.iter().any(open)
    }
}

/// Every gateway of the register.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn boxes(connection: &mut Connection) -> Result<Vec<HomeBox>, StoreError> {
    let ids: Vec<String> =
        sql::query_scalar("SELECT id FROM gateway ORDER BY id").fetch_all(&mut *connection).await?;
    let mut boxes = Vec::with_capacity(ids.len());
    for id in ids {
        let gateway = id.parse().map_err(|error| StoreError::unreadable("a gateway id", error))?;
        boxes.extend(home_box(connection, &gateway).await?);
    }
    Ok(boxes)
}

/// The box of `gateway`; `None` when it is not in the register.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn home_box(
    connection: &mut Connection,
    gateway: &GatewayId,
) -> Result<Option<HomeBox>, StoreError> {
    if !is_registered(connection, gateway).await? {
        return Ok(None);
    }
    let beat = sql::query("SELECT received_at, unreceipted, version FROM heartbeat WHERE gateway = $1")
        .bind(gateway.as_str())
        .fetch_optional(&mut *connection)
        .await?;
    let (heartbeat_at, unreceipted, version) = match beat {
        Some(row) => (
            optional_time(row.try_get("received_at")?)?,
            Some(row.try_get::<i64, _>("unreceipted")?.unsigned_abs()),
            row.try_get("version")?,
        ),
        None => (None, None, None),
    };
    let certificates = certificates::of(connection, gateway).await?;
    Ok(Some(HomeBox { gateway: gateway.clone(), heartbeat_at, unreceipted, version, certificates }))
}

async fn is_registered(connection: &mut Connection, gateway: &GatewayId) -> Result<bool, StoreError> {
    let found = sql::query("SELECT 1 FROM gateway WHERE id = $1")
        .bind(gateway.as_str())
        .fetch_optional(connection)
        .await?;
    Ok(found.is_some())
}

/// Begins an act on a gateway that is in the register.
async fn begin(store: &Store, gateway: &GatewayId) -> Result<Tx, StaffError> {
    let mut tx = store.write().await?;
    if is_registered(&mut tx, gateway).await? { Ok(tx) } else { Err(StaffError::NoGateway(gateway.clone())) }
}

async fn log(
    tx: &mut Tx,
    by: &Subject,
    action: &str,
    what: String,
    now: Timestamp,
) -> Result<(), StoreError> {
    let decision = Decision { allowed: true, why: Words::new(what.clone(), what) };
    audit::append(tx, &Entry::by(by, action, None, &decision), now).await
}

async fn fresh(
    tx: &mut Tx,
    enrolment: &Enrolment,
    gateway: &GatewayId,
    by: &Subject,
    now: Timestamp,
) -> Result<FreshCode, StoreError> {
    let code = Code::fresh();
    let hash = code.hash(enrolment.authority.code_secret());
    let expires_at = codes::issue(tx, gateway, &hash, &by.id, now).await?;
    Ok(FreshCode { code, expires_at })
}

/// Issues a code with which one box can enrol as `gateway`.
///
/// # Errors
/// [`StaffError`]; then no code was issued, and one from before still counts.
pub async fn issue_code(
    store: &Store,
    enrolment: &Enrolment,
    by: &Subject,
    gateway: &GatewayId,
    now: Timestamp,
) -> Result<FreshCode, StaffError> {
    let mut tx = begin(store, gateway).await?;
    let fresh = fresh(&mut tx, enrolment, gateway, by, now).await?;
    log(&mut tx, by, "issue enrolment code", format!("gateway {gateway}"), now).await?;
    tx.commit().await?;
    Ok(fresh)
}

/// Takes back every certificate and code of `gateway`. How many certificates that were.
///
/// # Errors
/// [`StaffError`]; then nothing was taken back.
pub async fn revoke(
    store: &Store,
    by: &Subject,
    gateway: &GatewayId,
    now: Timestamp,
) -> Result<u64, StaffError> {
    let mut tx = begin(store, gateway).await?;
    codes::end(&mut tx, gateway, "revoked", now).await?;
    let count = certificates::end(&mut tx, gateway, now, Ending::Revoked, &by.id).await?;
    log(&mut tx, by, "revoke gateway", format!("gateway {gateway}, {count} certificates"), now).await?;
    tx.commit().await?;
    Ok(count)
}

/// Replaces the box of `gateway`, in one act: takes back what the old one has, closes its outboxes, and issues a code for the
/// new one. What the old one still held becomes a task.
///
/// # Errors
/// [`StaffError`]; then everything is as it was.
pub async fn replace(
    store: &Store,
    enrolment: &Enrolment,
    by: &Subject,
    gateway: &GatewayId,
    now: Timestamp,
) -> Result<FreshCode, StaffError> {
    let mut tx = begin(store, gateway).await?;
    let count = certificates::end(&mut tx, gateway, now, Ending::Replaced, &by.id).await?;
    replaced::close(&mut tx, gateway, now).await?;
    let fresh = fresh(&mut tx, enrolment, gateway, by, now).await?;
    log(&mut tx, by, "replace gateway", format!("gateway {gateway}, {count} certificates"), now).await?;
    tx.commit().await?;
    Ok(fresh)
}
