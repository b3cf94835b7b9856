//! What the demo's people do in Vågen itself: patients answer, Anna and Maria work through what has come in.
//!
//! All of it by the same functions that the pages call, as the person who acts. Knows no device.
//!
//! **Invariant:** nobody here does anything that they could not do signed in.

use alerts::Problem;
use anyhow::Context as _;
use care::conversations::{self, Author};
use care::dialogues::{self, EndedHow};
use care::intake::{Submission, SymptomIntake};
use care::live::Feed;
use care::store::Store;
use care::tasks::{self, Outcome, Task, acts::Closing};
use vitals::{SymptomAnswers, Timestamp};

use crate::demo::people::{Who, anna, maria};
use crate::demo::plan;

/// Answers the symptom form as `who`, who feels `felt`.
///
/// # Errors
/// When the answers are not taken.
pub(crate) async fn says(
    intake: &dyn SymptomIntake,
    who: Who,
    felt: &SymptomAnswers,
    task: Option<String>,
) -> anyhow::Result<()> {
    let submission = Submission::form(who.patient()?, felt, &who.subject(), task);
    intake.submit(submission).await.with_context(|| format!("the answers of {}", who.id()))?;
    Ok(())
}

/// Answers what waits for `who`, as they feel on `day`.
///
/// # Errors
/// When the store fails or the answers are not taken.
pub(crate) async fn answers_what_waits(
    store: &Store,
    intake: &dyn SymptomIntake,
    who: Who,
    day: i64,
) -> anyhow::Result<()> {
    let pending = dialogues::pending(&mut *store.read().await?, &who.patient()?).await?;
    let Some(pending) = pending else { return Ok(()) };
    let Some(tree) = pending.tree else { return Ok(()) };
    let submission = Submission {
        patient: who.patient()?,
        tree,
        answers: tree.felt(&plan::form(who, day)),
        author: Author::from(&who.subject()),
        task: pending.task,
        dialogue: Some(pending.id),
        how: EndedHow::Answered,
    };
    intake.submit(submission).await.with_context(|| format!("the answers of {}", who.id()))?;
    Ok(())
}

/// How Anna ended such tasks in the weeks before: the outcome, her note, and what she wrote to the patient.
fn ended(problem: Problem) -> (Outcome, &'static str, Option<&'static str>) {
    match problem {
        Problem::BloodPressure | Problem::Pulse | Problem::Oxygen => (
            Outcome::AdviceWritten,
            "Mätt om, normalt.",
            Some("Tack för att du mätte igen. Värdet är som vanligt nu. Vila fem minuter innan du mäter."),
        ),
        Problem::Decompensation | Problem::Symptoms => (
            Outcome::Phoned,
            "Svullna ben efter flygresa, går tillbaka. Vikten oförändrad.",
            Some("Som vi sa i telefon: ha benen högt på kvällen och väg dig i morgon bitti."),
        ),
        Problem::Silence | Problem::MissingMeasurement => (Outcome::Phoned, "Var bortrest, mår bra.", None),
        Problem::DataQuality => (Outcome::FalseAlert, "Besökare provade vågen.", None),
        Problem::Device => (Outcome::Phoned, "Bytte batterier tillsammans i telefon.", None),
        Problem::Gateway | Problem::Technical => (Outcome::NoAction, "Hörs igen.", None),
    }
}

/// Anna's hour at the desk: closes what was opened before `before`.
///
/// # Errors
/// When the store fails or an act is refused.
pub(crate) async fn anna_works(
    store: &Store,
    feed: &Feed,
    before: Timestamp,
    now: Timestamp,
) -> anyhow::Result<()> {
    let waiting = tasks::open(&mut *store.read().await?).await?;
    for task in waiting.into_iter().filter(|task| task.opened_at < before) {
        let (outcome, note, message) = ended(task.problem);
        let anna = anna();
        tasks::take(store, &anna, &task.id, now).await.context("take")?;
        if let (Some(text), Some(patient)) = (message, &task.patient) {
            conversations::write(store, &anna, patient, Some(&task.id), text, now).await.context("write")?;
        }
        let closing = Closing { outcome, note: note.to_owned(), follow_up: None };
        let done = now.plus_millis(4 * Timestamp::MINUTE_MS);
        feed.announce(tasks::close(store, &anna, &task.id, &closing, done).await.context("close")?);
    }
    Ok(())
}

/// Maria takes on that Ingrid is not heard of, and Svea writes about her nights.
///
/// # Errors
/// When the store fails or an act is refused.
pub(crate) async fn the_last_days(store: &Store, feed: &Feed, now: Timestamp) -> anyhow::Result<()> {
    if let Some(task) = open_task(store, Who::Ingrid, Problem::Silence).await?
        && task.owner.is_none()
    {
        let maria = maria();
        tasks::take(store, &maria, &task.id, now).await.context("take")?;
        let note = "Ringde, inget svar. Hemtjänsten har nyckel.";
        feed.announce(tasks::note(store, &maria, &task.id, note, now).await.context("note")?);
    }
    if let Some(task) = open_task(store, Who::Svea, Problem::Decompensation).await? {
        let text = "Jag fick sova i fåtöljen i natt, det går inte att ligga platt. Strumporna stramar också.";
        let said = conversations::of_task(&mut *store.read().await?, &task.id).await?;
        if said.iter().all(|message| message.body != text) {
            let (svea, patient) = (Who::Svea.subject(), Who::Svea.patient()?);
            let written = conversations::write(store, &svea, &patient, Some(&task.id), text, now);
            feed.announce(written.await.context("write")?);
        }
    }
    Ok(())
}

async fn open_task(store: &Store, who: Who, problem: Problem) -> anyhow::Result<Option<Task>> {
    let open = tasks::open(&mut *store.read().await?).await?;
    let theirs = |task: &Task| task.patient.as_ref().and_then(Who::of) == Some(who);
    Ok(open.into_iter().find(|task| theirs(task) && task.problem == problem))
}
