//! Answers that people gave, admitted as readings: in the same kind of transaction as what devices measured, so that nobody else
//! writes the record.
//!
//! The dialogue's end is a finding beside those of the rules. The case that it opens or joins is the conversation in which
//! the answers stand.
//!
//! **Invariant:** a dialogue ends once; answers that arrive after its end change nothing.

use std::sync::Arc;

use alerts::dialogue;
use alerts::{Competence, Problem, TaskChange};
use care::admission::readings;
use care::conversations::{self, Answered};
use care::dialogues;
use care::intake::{IntakeError, Submission, Submitted, SymptomIntake};
use care::people::PatientFacts;
use care::store::StoreError;
use care::tasks;
use vitals::{Content, Reading, ReadingId, SymptomAnswers, Timestamp};

use crate::sitting::{Desk, Sitting, SittingError};

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Intake(pub(crate) Arc<Desk>);

impl SymptomIntake for Intake {
    fn submit(&self, submission: Submission) -> Submitted<'_> {
        Box::pin(async move {
            let now = self.0.clock.now();
            self.admit(submission, now).await.map_err(|error| match error {
                AdmitError::Ended => IntakeError::Ended,
                AdmitError::Sitting(SittingError::Store(error)) => IntakeError::Store(error),
                AdmitError::Sitting(SittingError::Removed) => IntakeError::Store(StoreError::Unreadable {
                    what: "the answers",
                    detail: SittingError::Removed.to_string(),
                }),
                AdmitError::Sitting(SittingError::Fault { what }) => {
                    tracing::error!(what, "answers were not admitted");
                    IntakeError::Store(StoreError::Unreadable { what: "the answers", detail: what })
                }
            })
        })
    }
}

/// Why answers were not admitted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AdmitError {
    /// Their dialogue has ended already.
    #[error("the dialogue has ended")]
    Ended,
    /// The transaction failed.
    #[error(transparent)]
    Sitting(#[from] SittingError),
}

impl From<StoreError> for AdmitError {
    fn from(error: StoreError) -> Self {
        Self::Sitting(error.into())
    }
}

fn fault(what: &str) -> AdmitError {
    AdmitError::Sitting(SittingError::Fault { what: what.to_owned() })
}

impl Intake {
    /// Admits `submission` at `now`: the reading, what the rules see in it, the dialogue's end, and the conversation.
    pub(crate) async fn admit(
        &self,
        submission: Submission,
        now: Timestamp,
    ) -> Result<Option<ReadingId>, AdmitError> {
        let Submission { patient, tree, answers, author, task, dialogue, how } = submission;
        let (answers, outcome) = tree.left_at(&answers);
        let mut sitting = self.0.sit().await?;
        let facts = sitting.facts(&patient, now).await?.ok_or_else(|| fault("there is no such patient"))?;
        if let Some(id) = &dialogue {
            let open = dialogues::get(sitting.store().await?, id).await?;
            match open.filter(|open| open.patient == patient) {
                Some(open) if open.ended.is_none() => {}
                Some(_) => return Err(AdmitError::Ended),
                None => return Err(fault("there is no such dialogue")),
            }
        }
        if let Some(task) = &task {
            let of = tasks::get(sitting.store().await?, task).await?.and_then(|task| task.patient);
            if of.as_ref() != Some(&patient) {
                return Err(fault("the task is not this patient's"));
            }
        }
        sitting.open_chart(&facts, now).await?;
        let reading = if tree.problem() == Problem::Symptoms {
            Some(record(&mut sitting, &facts, (tree.symptoms(&answers), &author, &task), now).await?)
        } else {
            None
        };
        let id = reading.as_ref().map(|(_, reading)| reading.id.clone());
        let version = sitting.standing(&facts, now).policy.version().to_owned();
        let found = dialogue::finding(tree, &answers, outcome, (id.as_ref(), &version, now));
        let problem = found.as_ref().map(|finding| finding.problem);
        sitting.follow_answers(&facts, reading, found, outcome.competence, now).await?;
        let task = problem.and_then(|problem| sitting.case_of(&patient, problem)).or(task);
        let answered = Answered {
            tree,
            answers: &answers,
            outcome,
            how,
            dialogue: dialogue.as_deref(),
            reading: id.as_ref(),
            author: &author,
            task: task.as_deref(),
        };
        let changes = conversations::answered(sitting.store().await?, &facts, answered, now).await?;
        sitting.announce(changes);
        sitting.commit().await?;
        Ok(id)
    }

    /// Judges as they stand the dialogues that were begun and then left before `now`, by the policy's time. One in which
    /// nothing was reported is set aside instead: it will be asked again, and nobody is alarmed by a telephone that rang.
    pub(crate) async fn judge_left(&self, now: Timestamp) -> Result<(), SittingError> {
        let begun = dialogues::left(&mut *self.0.store.read().await?, now).await?;
        for left in begun {
            let mut sitting = self.0.sit().await?;
            let Some(facts) = sitting.facts(&left.patient, now).await? else { continue };
            let policy = sitting.standing(&facts, now).policy;
            let waits_ms =
                policy.follow_through().map_or(Timestamp::HOUR_MS, alerts::FollowThrough::left_after_ms);
            let touched = left.changed_at.unwrap_or(left.asked_at);
            if now.millis_since(touched) < waits_ms {
                continue;
            }
            let reports = left.tree.is_some_and(|tree| {
                let (reported, unknown) = tree.reported(&left.answers);
                let is_whole = matches!(tree.step(&left.answers), dialogue::Step::End(_));
                is_whole || !reported.is_empty() || !unknown.is_empty()
            });
            let author = dialogues::author(sitting.store().await?, &left).await?;
            match (left.tree, author) {
                (Some(tree), Some(author)) if reports => {
                    drop(sitting);
                    let submission = Submission {
                        patient: left.patient,
                        tree,
                        answers: left.answers,
                        author,
                        task: left.task,
                        dialogue: Some(left.id),
                        how: dialogues::EndedHow::Left,
                    };
                    match self.admit(submission, now).await {
                        Ok(_) | Err(AdmitError::Ended) => {}
                        Err(AdmitError::Sitting(error)) => return Err(error),
                    }
                }
                (Some(_) | None, _) => {
                    dialogues::set_aside(sitting.store().await?, &left, now).await?;
                    sitting.commit().await?;
                }
            }
        }
        Ok(())
    }
}

/// Writes the reading that `answers` are, and gives its place in the journal with it. Answers that know of no symptom are one as well: the person was heard of.
async fn record(
    sitting: &mut Sitting<'_>,
    facts: &PatientFacts,
    (answers, author, task): (SymptomAnswers, &conversations::Author, &Option<String>),
    now: Timestamp,
) -> Result<(i64, Reading), AdmitError> {
    let arrival = sitting.next_arrival();
    let id = readings::id_of_answers(arrival, now)?;
    let content = Content::Symptoms(answers);
    let reading = Reading { id, patient: facts.id.clone(), at: now, received_at: now, content };
    readings::answered(sitting.store().await?, arrival, &reading, author, task.as_deref()).await?;
    sitting.tally.readings += 1;
    Ok((arrival, reading))
}

/// The problems whose open case holds a finding about `problem`, the first choice first: as triage joins them.
pub(crate) const fn cases_for(problem: Problem) -> [Problem; 2] {
    match problem {
        Problem::Symptoms => [Problem::Decompensation, Problem::Symptoms],
        Problem::Decompensation
        | Problem::BloodPressure
        | Problem::Pulse
        | Problem::Oxygen
        | Problem::Silence
        | Problem::MissingMeasurement
        | Problem::DataQuality
        | Problem::Device
        | Problem::Gateway
        | Problem::Technical => [problem, problem],
    }
}

/// `changes` with the competence that a dialogue's end names, on the task that it opens.
pub(crate) fn helped_by(mut changes: Vec<TaskChange>, named: Option<Competence>) -> Vec<TaskChange> {
    for change in &mut changes {
        if let (TaskChange::Open { competence, findings, .. }, Some(named)) = (change, named)
            && findings.iter().any(|finding| dialogue::is_answered(&finding.reason.rule))
        {
            *competence = named;
        }
    }
    changes
}
