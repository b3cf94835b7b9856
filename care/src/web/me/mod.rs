//! The patient's own pages, read by the patient or next of kin: today, the values, the conversation, the plan.
//!
//! One thing at a time, plain words, no alarming colour for a value by itself. What the standing text says holds on each.
//!
//! **Invariant:** only [`OwnVisit::patient`] is ever read here.

use crate::store::sql::Connection;
use vitals::PatientId;

use super::AppState;
use super::failure::Failure;
use super::visit::{OwnVisit, Visit};
use crate::access::{Action, SubjectKind};
use crate::people::PatientFacts;

pub(crate) mod plan;
pub(crate) mod talk;
pub(crate) mod today;
pub(crate) mod values;

/// Opens the visitor's own record, logged like every other reading of it.
async fn open(state: &AppState, own: &OwnVisit, action: Action) -> Result<PatientFacts, Failure> {
    Ok(own.visit.opened(state, &own.patient, action).await?.facts)
}

/// Whose pages these are, for next of kin; nothing for the patient, who knows.
fn whose(visit: &Visit, facts: &PatientFacts) -> Option<String> {
    match visit.subject.kind {
        SubjectKind::Proxy { .. } => {
            Some(visit.text.with("me-proxy", &[("name", facts.name.clone().into())]))
        }
        SubjectKind::Patient | SubjectKind::Staff { .. } => None,
    }
}

/// The task that what the patient says now belongs to: the newest clinical case that is open.
async fn open_case(connection: &mut Connection, patient: &PatientId) -> Result<Option<String>, Failure> {
    let tasks = crate::tasks::list(connection, Some(patient), None).await?;
    Ok(tasks
        .into_iter()
        .rev()
        .find(|task| task.status == crate::tasks::Status::Open && task.problem.is_clinical())
        .map(|task| task.id))
}
