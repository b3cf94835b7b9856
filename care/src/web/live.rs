//! `GET /live`: what changed, as server-sent events with ids only, to whoever may know of it.
//!
//! A page says by `kinds` what it shows, such as `task,message`, and by `patient` whom alone; nothing else is looked up for it. A
//! region's readings come by the hundred a second, and a worklist shows none of them.
//!
//! A reader that fell behind hears `again` and fetches everything it shows. A stream ends after ten minutes and the browser
//! opens the next, so that a session that ended or a care relation that was lost stops being heard.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::{Stream, StreamExt};
use serde::Deserialize;
use serde_json::json;
use tokio_stream::wrappers::BroadcastStream;
use vitals::PatientId;

use super::AppState;
use super::visit::Visit;
use crate::access::{self, Action, Subject};
use crate::live::Change;
use crate::people;

const STREAM_S_MAX: u64 = 600;
const KEEP_ALIVE_S: u64 = 15;
/// The event after which a page fetches everything that it shows.
const AGAIN: &str = "again";

/// What a page wants to hear of; everything where it does not say.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Wanted {
    kinds: Option<String>,
    patient: Option<String>,
}

impl Wanted {
    fn wants(&self, change: &Change) -> bool {
        let (kind, of) = match change {
            Change::Task { patient, .. } => ("task", patient.as_deref()),
            Change::Message { patient, .. } => ("message", Some(patient.as_str())),
            Change::Reading { patient } => ("reading", Some(patient.as_str())),
            // About the whole of it.
            Change::Health | Change::Much => return true,
        };
        let is_shown = self.kinds.as_ref().is_none_or(|kinds| kinds.split(',').any(|wanted| wanted == kind));
        is_shown && self.patient.as_deref().zip(of).is_none_or(|(wanted, of)| wanted == of)
    }
}

/// `GET /live`.
pub(crate) async fn listen(
    State(state): State<AppState>,
    visit: Visit,
    Query(wanted): Query<Wanted>,
) -> impl IntoResponse {
    let heard = BroadcastStream::new(state.feed.listen());
    let end = tokio::time::sleep(Duration::from_secs(STREAM_S_MAX));
    // The first word goes out at once, so that the browser knows that it is heard.
    let hello = futures::stream::once(async { Ok(Event::default().comment("listening").retry(RETRY)) });
    let events = hello.chain(changes(heard, state, visit.subject, wanted)).take_until(end);
    Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(KEEP_ALIVE_S)))
}

const RETRY: Duration = Duration::from_millis(1500);

fn changes(
    heard: BroadcastStream<Change>,
    state: AppState,
    subject: Subject,
    wanted: Wanted,
) -> impl Stream<Item = Result<Event, Infallible>> {
    heard.filter_map(move |change| {
        let change = change.map(|change| Some(change).filter(|change| wanted.wants(change)));
        let (state, subject) = (state.clone(), subject.clone());
        async move {
            match change {
                Ok(Some(change)) if may_hear(&state, &subject, &change).await => Some(Ok(event_of(&change))),
                Ok(_) => None,
                Err(_fell_behind) => Some(Ok(Event::default().event(AGAIN).data("{}"))),
            }
        }
    })
}

fn event_of(change: &Change) -> Event {
    let (name, data) = match change {
        Change::Task { task, patient } => ("task", json!({ "task": task, "patient": patient })),
        Change::Message { task, patient } => ("message", json!({ "task": task, "patient": patient })),
        Change::Reading { patient } => ("reading", json!({ "patient": patient })),
        Change::Health => ("health", json!({})),
        Change::Much => (AGAIN, json!({})),
    };
    Event::default().event(name).data(data.to_string())
}

/// Whether `subject` may know that `change` happened. Nothing of the record is read or shown, so nothing is logged.
async fn may_hear(state: &AppState, subject: &Subject, change: &Change) -> bool {
    let patient = match change {
        Change::Task { patient: Some(patient), .. }
        | Change::Message { patient, .. }
        | Change::Reading { patient } => patient,
        Change::Task { patient: None, .. } | Change::Health => return subject.unit().is_some(),
        Change::Much => return true,
    };
    let Ok(patient) = patient.parse::<PatientId>() else { return false };
    if let Some(own) = subject.own_patient() {
        return own == patient;
    }
    let Ok(mut reader) = state.store.read().await else { return false };
    match people::facts(&mut reader, &patient).await {
        Ok(Some(facts)) => access::decide(subject, &facts, Action::List, state.clock.now()).allowed,
        Ok(None) | Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// To add a case, add a row: what the page asks for, what happened, and whether it is one of the two.
    #[test]
    fn a_page_hears_of_what_it_shows_and_of_the_whole() {
        let reading = Change::Reading { patient: "p1".to_owned() };
        let task = Change::Task { task: "t1".to_owned(), patient: Some("p1".to_owned()) };
        let nobodys = Change::Task { task: "t2".to_owned(), patient: None };
        let rows = [
            (None, None, &reading, true),
            (Some("task,message"), None, &reading, false),
            (Some("task,message"), None, &task, true),
            (Some("reading"), Some("p1"), &reading, true),
            (Some("reading"), Some("p2"), &reading, false),
            (Some("task"), Some("p2"), &nobodys, true),
            (Some("none"), None, &task, false),
            (Some("none"), Some("p2"), &Change::Health, true),
            (Some(""), None, &Change::Much, true),
        ];
        for (kinds, patient, change, expected) in rows {
            let own = |text: Option<&str>| text.map(str::to_owned);
            let wanted = Wanted { kinds: own(kinds), patient: own(patient) };
            assert_eq!(wanted.wants(change), expected, "{wanted:?} {change:?}");
        }
    }
}
