//! The forms on a task: each act is one POST that works without scripts and leaves a trace.
//!
//! **Invariant:** an act that was not done shows the page again, says why, and keeps what was written.

use axum::Form;
use axum::extract::rejection::FormRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use vitals::{PatientId, Timestamp};

use super::Kept;
use crate::clock;
use crate::conversations::{self, MESSAGE_CHARS_MAX, WriteError};
use crate::live::Change;
use crate::policies::Book;
use crate::tasks::acts::{Closing, NOTE_CHARS_MAX};
use crate::tasks::{self, ActError, Outcome};
use crate::web::AppState;
use crate::web::failure::Failure;
use crate::web::format;
use crate::web::page::onward;
use crate::web::text::Text;
use crate::web::visit::{StaffVisit, Visit};

/// Every field a form on a task may send.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct ActForm {
    #[serde(default)]
    note: String,
    #[serde(default)]
    unit: String,
    #[serde(default)]
    outcome: String,
    #[serde(default)]
    follow_up: String,
    #[serde(default)]
    why: String,
    #[serde(default)]
    until: String,
    next: Option<String>,
}

/// The form of a message.
#[derive(Debug, Deserialize)]
pub(crate) struct MessageForm {
    /// What was written.
    pub(crate) text: String,
    /// The page to come back to.
    pub(crate) next: Option<String>,
}

/// `POST /tasks/{id}/{act}`.
pub(crate) async fn act(
    State(state): State<AppState>,
    StaffVisit(visit): StaffVisit,
    Path((id, act)): Path<(String, String)>,
    form: Result<Form<ActForm>, FormRejection>,
) -> Result<Response, Failure> {
    let form = match form {
        Ok(Form(form)) => form,
        // A script that sends nothing at all says as much as an empty form.
        Err(FormRejection::InvalidFormContentType(_)) => ActForm::default(),
        Err(_) => return Err(Failure::Bad),
    };
    match carry_out(&state, &visit, &id, &act, &form).await? {
        Ok(change) => {
            state.feed.announce(change);
            Ok(onward(form.next.as_deref(), &format!("/tasks/{id}")).into_response())
        }
        Err(error) => {
            let status = status_of(&error);
            let notice = notice(error, &form, visit.text, visit.now)?;
            let kept = Kept {
                note: form.note,
                follow_up: form.follow_up,
                message: String::new(),
                rest_why: form.why,
            };
            super::show_again(&state, &visit, &id, kept, notice, status).await
        }
    }
}

async fn carry_out(
    state: &AppState,
    visit: &Visit,
    id: &str,
    act: &str,
    form: &ActForm,
) -> Result<Result<Change, ActError>, Failure> {
    let (store, subject, now) = (&state.store, &visit.subject, visit.now);
    Ok(match act {
        "take" => tasks::take(store, subject, id, now).await,
        "release" => tasks::release(store, subject, id, now).await,
        "hand-over" => tasks::hand_over(store, subject, id, &form.unit, &form.note, now).await,
        "snooze" => snooze(state, visit, id, form).await?,
        "wake" => tasks::rest::wake(store, subject, id, now).await,
        "note" => tasks::note(store, subject, id, &form.note, now).await,
        "close" => {
            let outcome = Outcome::from_key(&form.outcome).ok_or(Failure::Bad)?;
            let follow_up = Some(form.follow_up.clone());
            let closing = Closing { outcome, note: form.note.clone(), follow_up };
            tasks::close(store, subject, id, &closing, now).await
        }
        _ => return Err(Failure::Missing),
    })
}

/// Lets the task rest until the morning of the day that was chosen.
async fn snooze(
    state: &AppState,
    visit: &Visit,
    id: &str,
    form: &ActForm,
) -> Result<Result<Change, ActError>, Failure> {
    let mut reader = state.store.read().await?;
    let task = tasks::get(&mut reader, id).await?.ok_or(Failure::Missing)?;
    let policy = Book::load(&mut reader).await?.or_recommended(&task.policy, &task.policy_version);
    drop(reader);
    let Some(follow) = policy.follow_through() else { return Err(Failure::Missing) };
    let Ok(day) = form.until.trim().parse::<jiff::civil::Date>() else {
        return Ok(Err(ActError::FollowUp { text: form.until.chars().take(40).collect() }));
    };
    let morning = day.to_datetime(policy.due().opens).to_zoned(clock::zone());
    let until = morning.map(|morning| Timestamp::from_jiff(morning.timestamp())).map_err(|_| Failure::Bad)?;
    Ok(tasks::rest::snooze(&state.store, &visit.subject, id, (until, &form.why), follow, visit.now).await)
}

const fn status_of(error: &ActError) -> StatusCode {
    match error {
        ActError::Closed | ActError::Taken { .. } => StatusCode::CONFLICT,
        ActError::NotFound
        | ActError::Denied { .. }
        | ActError::NotTheirUnit { .. }
        | ActError::Note { .. }
        | ActError::FollowUp { .. }
        | ActError::Rest { .. }
        | ActError::Store(_) => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

/// What to tell; a failure where the page may not be shown again.
fn notice(error: ActError, form: &ActForm, text: Text, now: Timestamp) -> Result<String, Failure> {
    Ok(match error {
        ActError::NotFound => return Err(Failure::Missing),
        ActError::Denied { why } => return Err(Failure::Denied(why)),
        ActError::Store(error) => return Err(error.into()),
        ActError::Closed => text.t("act-closed"),
        ActError::Taken { by } => text.with("act-taken", &[("name", by.into())]),
        ActError::NotTheirUnit { .. } => text.t("act-unit"),
        ActError::Rest { latest } => {
            let day = format::day_word(format::day_of(latest), format::day_of(now), text);
            text.with("act-rest", &[("day", day.into())])
        }
        ActError::Note { .. } if !form.until.is_empty() && form.why.trim().is_empty() => {
            text.t("act-rest-why")
        }
        ActError::Note { .. } if form.note.trim().is_empty() => {
            text.t(if form.outcome.is_empty() { "act-note-empty" } else { "act-note-cause" })
        }
        ActError::Note { .. } => {
            text.count("act-note-long", i64::try_from(NOTE_CHARS_MAX).unwrap_or(i64::MAX))
        }
        ActError::FollowUp { .. } => text.t("act-follow-up"),
    })
}

/// `POST /tasks/{id}/message`.
pub(crate) async fn message(
    State(state): State<AppState>,
    StaffVisit(visit): StaffVisit,
    Path(id): Path<String>,
    Form(form): Form<MessageForm>,
) -> Result<Response, Failure> {
    let task = tasks::get(&mut *state.store.read().await?, &id).await?.ok_or(Failure::Missing)?;
    let patient = task.patient.ok_or(Failure::Missing)?;
    let written =
        conversations::write(&state.store, &visit.subject, &patient, Some(&id), &form.text, visit.now).await;
    match written {
        Ok(change) => {
            state.feed.announce(change);
            let home = format!("/tasks/{id}");
            Ok(onward(form.next.as_deref(), &home).into_response())
        }
        Err(error) => {
            let notice = not_written(error, visit.text)?;
            let kept = Kept { message: form.text, ..Kept::default() };
            super::show_again(&state, &visit, &id, kept, notice, StatusCode::UNPROCESSABLE_ENTITY).await
        }
    }
}

/// `POST /patients/{id}/message`: to a patient, without a task.
pub(crate) async fn message_to_patient(
    State(state): State<AppState>,
    StaffVisit(visit): StaffVisit,
    Path(patient): Path<PatientId>,
    Form(form): Form<MessageForm>,
) -> Result<Response, Failure> {
    let written =
        conversations::write(&state.store, &visit.subject, &patient, None, &form.text, visit.now).await;
    match written {
        Ok(change) => {
            state.feed.announce(change);
            Ok(onward(form.next.as_deref(), "/patients").into_response())
        }
        Err(error) => {
            not_written(error, visit.text)?;
            Err(Failure::Bad)
        }
    }
}

/// Why a message was not written, in words; a failure where the page may not be shown again.
pub(crate) fn not_written(error: WriteError, text: Text) -> Result<String, Failure> {
    Ok(match error {
        WriteError::NotFound => return Err(Failure::Missing),
        WriteError::Denied { why } => return Err(Failure::Denied(why)),
        WriteError::Store(error) => return Err(error.into()),
        WriteError::Empty => text.t("message-empty"),
        WriteError::TooLong { .. } => {
            text.count("message-long", i64::try_from(MESSAGE_CHARS_MAX).unwrap_or(i64::MAX))
        }
    })
}
