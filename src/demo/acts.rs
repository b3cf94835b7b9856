//! What the demo's people do in Vågen itself: patients answer, Anna and Maria work through what has come in.
//!
//! All of it by the same functions that the pages call, as the person who acts. Knows no device.
//!
//! **Invariant:** nobody here does anything that they could not do signed in.

use alerts::Problem;
use anyhow::Context as _;
use care::conversations::{self, Pending};
use care::intake::{Submission, SymptomIntake};
use care::live::Feed;
use care::store::Store;
use care::tasks::{self, Outcome, Task, acts::Closing};
use vitals::{Severity, SymptomAnswers, Timestamp};

use crate::demo::people::{Who, anna, maria};
use crate::demo::plan;

/// How many rounds of questions somebody answers in one go.
const ROUNDS_MAX: usize = 4;

/// Answers the symptom form as `who`.
///
/// # Errors
/// When the answers are not taken.
pub(crate) async fn says(
    intake: &dyn SymptomIntake,
    who: Who,
    answers: SymptomAnswers,
    task: Option<String>,
) -> anyhow::Result<()> {
    let submission = Submission { patient: who.patient()?, answers, author: who.subject(), task };
    intake.submit(submission).await.with_context(|| format!("the answers of {}", who.id()))?;
    Ok(())
}

/// Answers what waits for `who`, as they feel on `day`; at most `rounds` rounds of questions.
///
/// # Errors
/// When the store fails or the answers are not taken.
pub(crate) async fn answers_what_waits(
    store: &Store,
    intake: &dyn SymptomIntake,
    who: Who,
    day: i64,
    rounds: usize,
) -> anyhow::Result<()> {
    let mut answered_until = 0;
    for _ in 0..rounds.min(ROUNDS_MAX) {
        let pending = conversations::pending(&mut *store.read().await?, &who.patient()?).await?;
        let Some(pending) = pending.filter(|pending| pending.message > answered_until) else { break };
        answered_until = pending.message;
        says(intake, who, felt(who, day, &pending), pending.task).await?;
    }
    Ok(())
}

/// What `who` feels on `day` of what is asked; what the form does not say is not felt.
fn felt(who: Who, day: i64, pending: &Pending) -> SymptomAnswers {
    let form = plan::form(who, day);
    let questions = pending.questions.iter();
    questions
        .map(|asked| {
            let grade = form.get(asked.symptom).unwrap_or(Severity::NONE).grade();
            let offered = asked.options.iter().map(|(grade, _)| *grade);
            let closest = offered.min_by_key(|offered| offered.abs_diff(grade)).and_then(Severity::new);
            (asked.symptom, closest.unwrap_or(Severity::NONE))
        })
        .collect()
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
