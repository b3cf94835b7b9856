//! `/me/conversation`: everything said with care, and a place to write.

use alerts::dialogue;
use askama::Template;
use axum::Form;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::{open, open_case, whose};
use crate::access::Action;
use crate::clock;
use crate::conversations::{self, MESSAGE_CHARS_MAX};
use crate::dialogues;
use crate::web::AppState;
use crate::web::failure::Failure;
use crate::web::frame::Frame;
use crate::web::page::{draw, draw_as, wants_fragment};
use crate::web::task::acts::{MessageForm, not_written};
use crate::web::task::talk::{MessageRow, message_row, newest};
use crate::web::visit::OwnVisit;

/// What the address asks for.
#[derive(Default, Deserialize)]
pub(crate) struct Asked {
    /// What was just sent, to say thank you for.
    sent: Option<String>,
    /// The whole conversation.
    all: Option<String>,
}

/// The messages alone.
struct Messages {
    messages: Vec<MessageRow>,
    older: usize,
    whole: &'static str,
}

#[derive(Template)]
#[template(path = "me/conversation.html")]
struct Page {
    frame: Frame,
    whose: Option<String>,
    talk: Messages,
    source: &'static str,
    patient: String,
    asks: bool,
    thanks: Option<String>,
    wrong: Option<String>,
    closed: String,
    kept: String,
    chars_max: usize,
}

#[derive(Template)]
#[template(path = "me/messages.html")]
struct Part {
    frame: Frame,
    talk: Messages,
    asks: bool,
}

/// `GET /me/conversation`.
pub(crate) async fn show(
    State(state): State<AppState>,
    own: OwnVisit,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let page = page(&state, &own, &asked).await?;
    if wants_fragment(&headers) {
        return draw(&Part { frame: page.frame, talk: page.talk, asks: page.asks });
    }
    draw(&page)
}

async fn page(state: &AppState, own: &OwnVisit, asked: &Asked) -> Result<Page, Failure> {
    let facts = open(state, own, Action::Read).await?;
    let visit = &own.visit;
    let mut reader = state.store.read().await?;
    let messages = conversations::of_patient(&mut reader, &own.patient).await?;
    let asks = dialogues::pending(&mut reader, &own.patient).await?.is_some();
    let (messages, older) = newest(&messages, asked.all.is_some(), visit.now);
    let messages = messages.iter().map(|message| message_row(message, visit)).collect();
    let closed = dialogue::closed_days(visit.now, &clock::zone());
    let closed = visit.text.0.pick(&closed.sv, &closed.en).to_owned();
    let thanks = asked.sent.as_deref().map(|_| visit.text.t("talk-thanks-message"));
    Ok(Page {
        frame: Frame::of(state, visit, "conversation", visit.text.t("nav-conversation")),
        whose: whose(visit, &facts),
        talk: Messages { messages, older, whole: "/me/conversation?all=1" },
        source: if asked.all.is_some() { "/me/conversation?all=1" } else { "/me/conversation" },
        patient: own.patient.to_string(),
        asks,
        thanks,
        wrong: None,
        closed,
        kept: String::new(),
        chars_max: MESSAGE_CHARS_MAX,
    })
}

/// `POST /me/conversation`.
pub(crate) async fn write(
    State(state): State<AppState>,
    own: OwnVisit,
    Form(form): Form<MessageForm>,
) -> Result<Response, Failure> {
    let visit = &own.visit;
    let task = open_case(&mut *state.store.read().await?, &own.patient).await?;
    let written = conversations::write(
        &state.store,
        &visit.subject,
        &own.patient,
        task.as_deref(),
        &form.text,
        visit.now,
    )
    .await;
    match written {
        Ok(change) => {
            state.feed.announce(change);
            Ok(Redirect::to("/me/conversation?sent=message").into_response())
        }
        Err(error) => {
            let wrong = Some(not_written(error, visit.text)?);
            let page = Page { wrong, kept: form.text, ..page(&state, &own, &Asked::default()).await? };
            draw_as(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
    }
}
