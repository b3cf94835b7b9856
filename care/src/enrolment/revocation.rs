//! The revocation list, and what the broker was seen to make of it.
//!
//! A broker reads the list when it is told to and says nothing about it. So each list also names a certificate made for that list
//! alone: while the broker lets *that* one in, it has not read this list, and nobody may believe that what staff revoked is over.
//!
//! It refuses to know how one asks a broker; it says what to write and keeps what was seen.
//!
//! **Invariant:** of two lists the later one has the higher number and the later time.

use vitals::{GatewayId, Timestamp};

use super::authority::{CLOCK_BEHIND_MS, Identity, Purpose, Revoked};
use super::{Authority, AuthorityError, certificates};
use crate::store::{Reader, Store, StoreError, numbers};

const NUMBER: &str = "revocation_list";
const TIME: &str = "revocation_list_at_s";

/// Why there is no list.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The authority failed.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
}

/// A list, ready to be read by a broker.
#[derive(Clone, Debug)]
pub struct List {
    /// The list, PEM.
    pub pem: String,
    /// What a broker that has read it refuses.
    pub telltale: Identity,
}

/// A certificate that has ended and was not yet seen to be refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unenforced {
    /// Its serial number, hex.
    pub serial: String,
    /// Whose.
    pub gateway: GatewayId,
    /// Since when it does not count.
    pub since: Timestamp,
    /// Whether a session under it must be ended.
    pub ends_session: bool,
}

/// Makes the list of `now`.
///
/// # Errors
/// [`ListError`]; the list before it still counts.
pub async fn list(store: &Store, authority: &Authority, now: Timestamp) -> Result<List, ListError> {
    let telltale = authority.make(&Purpose::Telltale, now)?;
    let mut tx = store.write().await?;
    let mut revoked = certificates::ended(&mut tx, now).await?;
    revoked.push(Revoked { serial: telltale.issued.serial.clone(), at: now, superseded: false });
    let number = numbers::next(&mut tx, NUMBER).await?;
    // Two lists within a second, or a clock that went back: the later one must say so. And a broker whose clock is behind
    // takes a list from its future for none at all, and lets nobody in.
    let before_s = numbers::count(&mut tx, TIME, 0).await?;
    let at_s = (now.plus_millis(-CLOCK_BEHIND_MS).as_millis() / Timestamp::SECOND_MS).max(before_s + 1);
    numbers::set(&mut tx, TIME, at_s).await?;
    let at = crate::people::time(at_s * Timestamp::SECOND_MS)?;
    let pem = authority.revocation_list(number.unsigned_abs(), at, &revoked)?;
    tx.commit().await?;
    Ok(List { pem, telltale })
}

/// What has ended by `now` and was not yet seen to be refused.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn unenforced(reader: &mut Reader, now: Timestamp) -> Result<Vec<Unenforced>, StoreError> {
    let ended = certificates::unenforced(reader, now).await?;
    let unenforced = |one: certificates::Certificate| {
        let (since, why) = one.ended?;
        Some(Unenforced {
            serial: one.serial,
            gateway: one.gateway,
            since,
            ends_session: why.ends_sessions(),
        })
    };
    Ok(ended.into_iter().filter_map(unenforced).collect())
}

/// Notes at `now` that the broker refuses `certificates`, and that no session under one that must end is left.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn enforced(store: &Store, certificates: &[Unenforced], now: Timestamp) -> Result<(), StoreError> {
    let mut tx = store.write().await?;
    for one in certificates {
        certificates::enforced(&mut tx, &one.serial, now).await?;
    }
    tx.commit().await
}
