//! Who may read the report of a unit's patients, which names none of them.

use vitals::Timestamp;

use super::{AccessError, Decision, Role, Subject, SubjectKind};
use crate::audit::{self, Entry};
use crate::store::Store;

/// Decides whether `subject` may read the report of their own unit: nurses and physicians, who answer for its patients.
#[must_use]
pub fn decide_population(subject: &Subject) -> Decision {
    match &subject.kind {
        SubjectKind::Staff { role, .. } => match role {
            Role::HeartFailureNurse | Role::Physician | Role::MunicipalNurse => {
                Decision::allow("egen enhet", "own unit")
            }
            Role::HomeCare | Role::MeasuringSupport | Role::Technician | Role::Administrator => {
                Decision::deny(
                    "översikten är för sjuksköterskor och läkare",
                    "the overview is for nurses and physicians",
                )
            }
        },
        SubjectKind::Patient | SubjectKind::Proxy { .. } => Decision::deny("endast personal", "staff only"),
    }
}

/// Lets `subject` read the report of their own unit. Logged before it answers, allowed or denied.
///
/// # Errors
/// [`AccessError::Denied`], or the store's.
pub async fn open_population(store: &Store, subject: &Subject, now: Timestamp) -> Result<(), AccessError> {
    let decision = decide_population(subject);
    let mut tx = store.write().await?;
    audit::append(&mut tx, &Entry::by(subject, "read population", None, &decision), now).await?;
    tx.commit().await?;
    if decision.allowed { Ok(()) } else { Err(AccessError::Denied { why: decision.why }) }
}
