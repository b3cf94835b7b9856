//! `/tasks/{id}`: one case, from the reasons down to the readings, the conversation, and everything one can do about it.
//!
//! [`card`] and [`talk`] hold the parts that the patient's page shows too; [`acts`] takes the forms.

use askama::Template;
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use vitals::PatientId;

use super::AppState;
use super::failure::{Failure, wants_json};
use super::format;
use super::frame::Frame;
use super::page::{draw, draw_as};
use super::patient::charts::{self, Drawn};
use super::visit::{StaffVisit, Visit};
use super::words;
use crate::access::{Action, Opened};
use crate::export;
use crate::patient_view;
use crate::people::{self, Medication};
use crate::tasks::{self, Task};
use card::TaskCard;
use talk::Talk;

pub(crate) mod acts;
pub(crate) mod card;
pub(crate) mod talk;

/// How far back the weight beside a task goes, days.
const CHART_DAYS: u16 = 30;

/// Which part of the page is wanted.
#[derive(Deserialize)]
pub(crate) struct Part {
    fragment: Option<String>,
    talk: Option<String>,
}

/// What a person wrote in a form that could not be taken, so that nothing of it is lost.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kept {
    /// The note.
    pub(crate) note: String,
    /// The date to follow up.
    pub(crate) follow_up: String,
    /// The message.
    pub(crate) message: String,
    /// Why the task should rest.
    pub(crate) rest_why: String,
}

struct MedicineRow {
    name: String,
    dose: String,
    when: String,
    recent: bool,
}

#[derive(Template)]
#[template(path = "task/page.html")]
struct Page {
    frame: Frame,
    patient: Option<PatientId>,
    name: String,
    about: String,
    why_seen: Option<String>,
    notice: Option<String>,
    card: TaskCard,
    talk: Option<Talk>,
    chart: Option<Drawn>,
    medicines: Vec<MedicineRow>,
}

#[derive(Template)]
#[template(path = "task/card.html")]
struct CardPart {
    frame: Frame,
    card: TaskCard,
}

#[derive(Template)]
#[template(path = "task/messages.html")]
struct TalkPart {
    frame: Frame,
    talk: Talk,
}

/// A task that `visit` may see, and its patient.
pub(crate) struct Seen {
    /// The task.
    pub(crate) task: Task,
    /// The patient, opened and logged.
    pub(crate) opened: Option<Opened>,
}

/// Opens the task `id` for `visit`: its patient through the access rules, and logged.
pub(crate) async fn open(state: &AppState, visit: &Visit, id: &str, action: Action) -> Result<Seen, Failure> {
    let task = tasks::get(&mut *state.store.read().await?, id).await?.ok_or(Failure::Missing)?;
    let opened = match &task.patient {
        Some(patient) => Some(visit.opened(state, patient, action).await?),
        None => None,
    };
    Ok(Seen { task, opened })
}

/// `GET /tasks/{id}`.
pub(crate) async fn show(
    State(state): State<AppState>,
    StaffVisit(visit): StaffVisit,
    Path(id): Path<String>,
    Query(part): Query<Part>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let seen = open(&state, &visit, &id, Action::Read).await?;
    if wants_json(&headers) {
        let line = export::task_line(&mut *state.store.read().await?, seen.task).await?;
        return Ok(Json(line).into_response());
    }
    let page = page(&state, &visit, seen, Again { all: part.talk.is_some(), ..Again::default() }).await?;
    match (part.fragment.as_deref(), page.talk) {
        (Some("card"), _) => draw(&CardPart { frame: page.frame, card: page.card }),
        (Some("talk"), Some(talk)) => draw(&TalkPart { frame: page.frame, talk }),
        (Some(_), _) => Err(Failure::Missing),
        (None, talk) => draw(&Page { talk, ..page }),
    }
}

/// The page again after an act that was not done, with what was written and why.
pub(crate) async fn show_again(
    state: &AppState,
    visit: &Visit,
    id: &str,
    kept: Kept,
    notice: String,
    status: StatusCode,
) -> Result<Response, Failure> {
    let seen = open(state, visit, id, Action::Read).await?;
    draw_as(status, &page(state, visit, seen, Again { kept, notice: Some(notice), all: false }).await?)
}

/// How the page differs from one that is opened for the first time.
#[derive(Default)]
struct Again {
    /// What was written in a form that was not taken.
    kept: Kept,
    /// Why it was not.
    notice: Option<String>,
    /// Whether the whole conversation is asked for.
    all: bool,
}

async fn page(state: &AppState, visit: &Visit, seen: Seen, again: Again) -> Result<Page, Failure> {
    let (text, now) = (visit.text, visit.now);
    let Again { kept, notice, all } = again;
    let Seen { task, opened } = seen;
    let facts = opened.as_ref().map(|opened| &opened.facts);
    let mut reader = state.store.read().await?;
    let home = format!("/tasks/{}", task.id);
    let card = card::of(&mut reader, &task, facts, visit, &home, &kept).await?;
    let talk = match facts {
        Some(facts) => Some(talk::of_task(&mut reader, &task, facts, visit, &home, &kept, all).await?),
        None => None,
    };
    let medicines = match facts {
        Some(facts) => people::medications(&mut reader, &facts.id).await?,
        None => Vec::new(),
    };
    let chart = match facts {
        Some(facts) => {
            let record = patient_view::record(&mut reader, &facts.id, CHART_DAYS, now).await?;
            Some(charts::weight_alone(&record, &medicines, text))
        }
        None => None,
    };
    let name = match (facts, &task.gateway) {
        (Some(facts), _) => facts.name.clone(),
        (None, Some(gateway)) => text.with("gateway-name", &[("gateway", gateway.clone().into())]),
        (None, None) => text.t("system-name"),
    };
    Ok(Page {
        frame: Frame::of(state, visit, "worklist", format!("{name}: {}", words::problem(task.problem, text))),
        patient: facts.map(|facts| facts.id.clone()),
        about: facts.map(|facts| words::age_and_units(facts, None, now, text)).unwrap_or_default(),
        why_seen: opened.as_ref().map(|opened| words::why_seen(&opened.why, now, text)),
        medicines: medicines.iter().map(|medicine| medicine_row(medicine, visit)).collect(),
        chart,
        name,
        notice,
        card,
        talk,
    })
}

/// Days for which a changed medicine counts as recent.
const RECENT_DAYS: i64 = 30;

fn medicine_row(medicine: &Medication, visit: &Visit) -> MedicineRow {
    let (text, now) = (visit.text, visit.now);
    let (key, at) = match medicine.until {
        Some(until) if until <= now => ("medicine-ended", until),
        Some(_) | None => ("medicine-since", medicine.from),
    };
    let day = format::day_word(format::day_of(at), format::day_of(now), text);
    MedicineRow {
        name: medicine.name.clone(),
        dose: medicine.dose.clone(),
        when: text.with(key, &[("day", day.into()), ("by", medicine.changed_by.clone().into())]),
        recent: at >= now.plus_days(-RECENT_DAYS),
    }
}
