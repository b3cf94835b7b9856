//! The seams by which what people say reaches the record: answers become readings, a plan that changes is judged at once, and
//! what was put aside is settled. The web hands them over, the room that admits readings takes them: one writer, whoever
//! measured or decided.

use std::future::Future;
use std::pin::Pin;

use vitals::{PatientId, ReadingId, SymptomAnswers};

use crate::access::Subject;
use crate::plans::{PlanChange, PlanError};
use crate::quarantine::{SettleError, Settled, Settling};
use crate::store::StoreError;

/// Answers that somebody gave about a patient.
#[derive(Clone, Debug)]
pub struct Submission {
    /// Whose symptoms.
    pub patient: PatientId,
    /// The answers; at least one.
    pub answers: SymptomAnswers,
    /// Who answered: the patient, next of kin, or staff beside them.
    pub author: Subject,
    /// The task whose conversation asked, if one did.
    pub task: Option<String>,
}

/// Why answers were not taken. Nothing was written; they can be sent again.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// No question was answered.
    #[error("no question was answered")]
    Empty,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The service is stopping or not running.
    #[error("readings are not being taken right now")]
    Stopped,
}

/// What [`SymptomIntake::submit`] gives.
pub type Submitted<'a> = Pin<Box<dyn Future<Output = Result<ReadingId, IntakeError>> + Send + 'a>>;

/// Takes answers and makes them a reading, with the findings and task changes that follow, in one transaction.
pub trait SymptomIntake: Send + Sync {
    /// Admits `submission`; when it returns, it is durable.
    fn submit(&self, submission: Submission) -> Submitted<'_>;
}

/// What [`RecordDesk::change_plan`] gives.
pub type Changed<'a> = Pin<Box<dyn Future<Output = Result<(), PlanError>> + Send + 'a>>;
/// What [`RecordDesk::settle`] gives.
pub type Settlement<'a> = Pin<Box<dyn Future<Output = Result<Settled, SettleError>> + Send + 'a>>;

/// Takes what staff decide about a record, with the findings and task changes that follow, each in one transaction.
pub trait RecordDesk: Send + Sync {
    /// Writes `change` and judges the patient by it; when it returns, it is durable.
    fn change_plan(&self, change: PlanChange) -> Changed<'_>;

    /// Settles one quarantined item, at most once; when it returns, it is durable.
    fn settle(&self, settling: Settling) -> Settlement<'_>;
}
