//! Tasks about gateways: one that lost something, one that is silent, one that was heard again.
//!
//! Which due time and competence such a task has is the policy's to say; that there is at most one open for each gateway is
//! the store's.

use alerts::{Finding, Situation, TaskChange, Trigger, triage};
use care::admission::gateways;
use care::policies::Standing;
use care::tasks::{self, GatewayCase};
use vitals::{GatewayId, Timestamp};

use crate::sitting::{Sitting, SittingError};

/// Opens a task for `finding` about `gateway`, or adds to the one that is open. It belongs to the patient whose readings the
/// gateway brought last, where there is one.
///
/// # Errors
/// [`SittingError`]; the sitting must then be dropped.
pub(crate) async fn open_task(
    sitting: &mut Sitting<'_>,
    gateway: &GatewayId,
    mut finding: Finding,
    now: Timestamp,
) -> Result<(), SittingError> {
    let patient = gateways::last_patient(sitting.store().await?, gateway).await?;
    let facts = match &patient {
        Some(patient) => sitting.facts(patient, now).await?,
        None => None,
    };
    let standing = match &facts {
        Some(facts) => sitting.standing(facts, now),
        None => Standing::recommended(),
    };
    let policy = &*standing.policy;
    policy.version().clone_into(&mut finding.reason.policy_version);
    let situation = Situation {
        policy,
        open: &[],
        closed: &[],
        trigger: Trigger::Clock,
        now,
        zone: sitting.zone(),
        quiet_closes: false,
    };
    for change in triage(&situation, vec![finding.clone()]) {
        match change {
            TaskChange::Open { priority, due_at, competence, .. } => {
                let finding = Finding { priority, ..finding.clone() };
                let case = GatewayCase { gateway: gateway.clone(), finding, due_at, competence };
                let change =
                    tasks::open_gateway(sitting.store().await?, facts.as_deref(), &standing, &case).await?;
                sitting.announce([change]);
            }
            // Without open cases there is nothing to join or to close.
            TaskChange::Join { .. } | TaskChange::Close { .. } => {}
        }
    }
    if let Some(facts) = facts {
        sitting.forget_cases(&facts.id);
    }
    Ok(())
}
