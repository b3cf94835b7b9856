//! Who may into the rooms that hold no record: the register, and the home boxes.
//!
//! **Invariant:** the audit entry is written, allowed or denied, before anything is given back.

use vitals::Timestamp;

use super::{AccessError, Decision, Role, Subject};
use crate::audit::{self, Entry};
use crate::store::Store;

/// Lets an administrator into the register, which is no record. Logged before it answers, allowed or denied.
///
/// # Errors
/// [`AccessError::Denied`] for everybody else, or the store's.
pub async fn open_register(store: &Store, subject: &Subject, now: Timestamp) -> Result<(), AccessError> {
    let decision = match subject.role() {
        Some(Role::Administrator) => Decision::allow("administratör", "administrator"),
        Some(_) | None => {
            Decision::deny("registret är för administratörer", "the register is for administrators")
        }
    };
    open(store, subject, "open register", decision, now).await
}

/// Lets whoever looks after home boxes see to them: technicians and administrators. No record is in it. Logged before it
/// answers, allowed or denied.
///
/// # Errors
/// [`AccessError::Denied`] for everybody else, or the store's.
pub async fn open_gateways(store: &Store, subject: &Subject, now: Timestamp) -> Result<(), AccessError> {
    let decision = if subject.role().is_some_and(Role::keeps_gateways) {
        Decision::allow("sköter hemboxar", "looks after home boxes")
    } else {
        Decision::deny(
            "hemboxarna är för tekniker och administratörer",
            "home boxes are for technicians and administrators",
        )
    };
    open(store, subject, "open gateways", decision, now).await
}

async fn open(
    store: &Store,
    subject: &Subject,
    action: &str,
    decision: Decision,
    now: Timestamp,
) -> Result<(), AccessError> {
    let mut tx = store.write().await?;
    audit::append(&mut tx, &Entry::by(subject, action, None, &decision), now).await?;
    tx.commit().await?;
    if decision.allowed { Ok(()) } else { Err(AccessError::Denied { why: decision.why }) }
}
