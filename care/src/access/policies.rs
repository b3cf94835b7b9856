//! Who may read policies, take one in, try one on patients and switch it on. No record is opened here.

use vitals::Timestamp;

use super::{AccessError, Decision, Role, Subject, SubjectKind};
use crate::audit::{self, Entry};
use crate::policies::Scope;
use crate::store::Store;

/// Whether `role` answers for clinical limits: a heart-failure nurse or a physician.
#[must_use]
pub const fn is_clinician(role: Role) -> bool {
    match role {
        Role::HeartFailureNurse | Role::Physician => true,
        Role::MunicipalNurse
        | Role::HomeCare
        | Role::MeasuringSupport
        | Role::Technician
        | Role::Administrator => false,
    }
}

/// What somebody wants with the policies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicyWish<'a> {
    /// Read them, and what is switched on.
    Read,
    /// Take a file in. It judges nobody until it is switched on.
    Add,
    /// Try one on the patients of this scope, or switch it on for them.
    SwitchOn(&'a Scope),
}

impl PolicyWish<'_> {
    const fn key(&self) -> &'static str {
        match self {
            Self::Read => "read policies",
            Self::Add => "policy add",
            Self::SwitchOn(_) => "policy switch on",
        }
    }
}

/// Decides what `subject` may do with policies. Clinical limits are a clinician's decision: a heart-failure nurse or a physician,
/// for their own unit, for their own organisation's programme, or for a patient whose record that organisation answers for.
/// For a single patient, the care relation is asked about apart, by [`decide`].
#[must_use]
pub fn decide_policies(subject: &Subject, wish: &PolicyWish<'_>) -> Decision {
    let SubjectKind::Staff { role, unit, organisation, .. } = &subject.kind else {
        return Decision::deny("endast personal", "staff only");
    };
    let clinician = is_clinician(*role);
    let administrator = *role == Role::Administrator;
    match wish {
        PolicyWish::Read if role.reads_records() || administrator => Decision::allow("personal", "staff"),
        PolicyWish::Add if clinician || administrator => Decision::allow("rollen får", "the role may"),
        PolicyWish::SwitchOn(_) if !clinician => Decision::deny(
            "kräver hjärtsviktssköterska eller läkare",
            "takes a heart-failure nurse or a physician",
        ),
        PolicyWish::SwitchOn(scope) => match scope {
            Scope::Unit(id) if id == unit => Decision::allow("egen enhet", "own unit"),
            Scope::Programme(id) if id == organisation => {
                Decision::allow("egen organisation", "own organisation")
            }
            Scope::Patient(_) => Decision::allow("rollen får", "the role may"),
            Scope::Unit(_) | Scope::Programme(_) => {
                Decision::deny("inte din enhet eller organisation", "not your unit or organisation")
            }
        },
        PolicyWish::Read | PolicyWish::Add => Decision::deny("rollen får inte", "this role may not"),
    }
}

/// Lets `subject` do `wish` with the policies, which are no record. Logged before it answers, allowed or denied.
///
/// # Errors
/// [`AccessError::Denied`], or the store's.
pub async fn open_policies(
    store: &Store,
    subject: &Subject,
    wish: &PolicyWish<'_>,
    now: Timestamp,
) -> Result<(), AccessError> {
    let decision = decide_policies(subject, wish);
    let mut tx = store.write().await?;
    audit::append(&mut tx, &Entry::by(subject, wish.key(), None, &decision), now).await?;
    tx.commit().await?;
    if decision.allowed { Ok(()) } else { Err(AccessError::Denied { why: decision.why }) }
}
