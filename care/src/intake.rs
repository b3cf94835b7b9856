//! The seams by which what people say reaches the record: answers become readings and tasks, a plan that changes is judged at once, and
//! what was put aside is settled. The web hands them over, the room that admits readings takes them: one writer, whoever
//! measured or decided.

use std::future::Future;
use std::pin::Pin;

use alerts::dialogue::{self, Answers, Questionnaire};
use vitals::{PatientId, ReadingId, SymptomAnswers};

use crate::access::Subject;
use crate::conversations::Author;
use crate::dialogues::EndedHow;
use crate::plans::{PlanChange, PlanError};
use crate::quarantine::{SettleError, Settled, Settling};
use crate::store::StoreError;

/// A dialogue that somebody answered about a patient.
#[derive(Clone, Debug)]
pub struct Submission {
    /// Whose symptoms.
    pub patient: PatientId,
    /// The tree.
    pub tree: &'static Questionnaire,
    /// The answers. What is still open on their way is unknown.
    pub answers: Answers,
    /// Who answered: the patient, next of kin, or staff beside them.
    pub author: Author,
    /// The task whose conversation asked, if one did.
    pub task: Option<String>,
    /// The dialogue, where it was answered question by question; `None` for one that comes whole.
    pub dialogue: Option<String>,
    /// Whether it was answered to its end, or left.
    pub how: EndedHow,
}

impl Submission {
    /// The short form, answered whole by somebody who feels `felt` and nothing else.
    #[must_use]
    pub fn form(patient: PatientId, felt: &SymptomAnswers, author: &Subject, task: Option<String>) -> Self {
        let tree = dialogue::symptom_form();
        let (answers, how) = (tree.felt(felt), EndedHow::Answered);
        Self { patient, tree, answers, author: author.into(), task, dialogue: None, how }
    }
}

/// Why answers were not taken. Nothing was written; they can be sent again.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// The dialogue has ended already.
    #[error("the dialogue has ended")]
    Ended,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The service is stopping or not running.
    #[error("readings are not being taken right now")]
    Stopped,
}

/// What [`SymptomIntake::submit`] gives: the reading, where the questions were about symptoms.
pub type Submitted<'a> = Pin<Box<dyn Future<Output = Result<Option<ReadingId>, IntakeError>> + Send + 'a>>;

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
