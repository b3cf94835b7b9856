//! Answers that people gave, admitted as readings: in the same kind of transaction as what devices measured, so that nobody else
//! writes the record.

use std::sync::Arc;

use care::admission::readings;
use care::conversations::{self, Answered};
use care::intake::{IntakeError, Submission, Submitted, SymptomIntake};
use care::store::StoreError;
use care::tasks;
use vitals::{Content, Reading, ReadingId};

use crate::fingerprint::Hash;
use crate::sitting::{Desk, SittingError};

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Intake(pub(crate) Arc<Desk>);

impl SymptomIntake for Intake {
    fn submit(&self, submission: Submission) -> Submitted<'_> {
        Box::pin(async move {
            if submission.answers.is_empty() {
                return Err(IntakeError::Empty);
            }
            self.admit(submission).await.map_err(|error| match error {
                SittingError::Store(error) => IntakeError::Store(error),
                SittingError::Fault { what } => {
                    tracing::error!(what, "answers were not admitted");
                    IntakeError::Store(StoreError::Unreadable { what: "the answers", detail: what })
                }
            })
        })
    }
}

impl Intake {
    async fn admit(&self, submission: Submission) -> Result<ReadingId, SittingError> {
        let Submission { patient, answers, author, task } = submission;
        let now = self.0.clock.now();
        let mut sitting = self.0.sit().await?;
        let Some(facts) = sitting.facts(&patient, now).await? else {
            return Err(SittingError::Fault { what: "there is no such patient".to_owned() });
        };
        if let Some(task) = &task {
            let of = tasks::get(&mut sitting.tx, task).await?.and_then(|task| task.patient);
            if of.as_ref() != Some(&patient) {
                return Err(SittingError::Fault { what: "the task is not this patient's".to_owned() });
            }
        }
        sitting.open_chart(&facts, now).await?;
        let arrival = readings::next_arrival(&mut sitting.tx).await?;
        let id: ReadingId = Hash::of_answers(&patient, now, arrival)
            .short()
            .parse()
            .map_err(|error: vitals::IdError| SittingError::Fault { what: error.to_string() })?;
        let content = Content::Symptoms(answers.clone());
        let reading = Reading { id: id.clone(), patient, at: now, received_at: now, content };
        readings::answered(&mut sitting.tx, arrival, &reading, &author, task.as_deref()).await?;
        sitting.tally.readings += 1;
        let answered = Answered { answers: &answers, reading: &id, author: &author, task: task.as_deref() };
        let changes = conversations::answered(&mut sitting.tx, &facts, answered, now).await?;
        sitting.announce(changes);
        sitting.follow(&facts, reading).await?;
        sitting.commit().await?;
        Ok(id)
    }
}
