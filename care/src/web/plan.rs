//! `/patients/{id}/plan`: what staff say about a patient's monitoring, and everything that was said before.
//!
//! Limits stand beside the policy's own; each form says who, when and why once it is taken. What may be said is
//! [`crate::plans`]' to decide; what was refused is shown again as it was written.

pub(crate) mod form;
pub(crate) mod limits;
mod said;

use std::collections::BTreeMap;

use askama::Template;
use axum::Form;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use vitals::PatientId;

use super::AppState;
use super::failure::Failure;
use super::format::{moment, number};
use super::frame::Frame;
use super::page::{draw, draw_as};
use super::patient::in_path;
use super::visit::{StaffVisit, Visit};
use crate::access::{self, Action, Opened};
use crate::plans::{self, Absence, Measured, Plan, PlanChange, PlanError, PlanEvent};
use crate::policies::{Book, Standing};
use limits::Section;

pub(crate) use said::schedule_lines;

/// What was written in a form, by field.
pub(crate) type Written = BTreeMap<String, String>;

/// A pause or a stay that is on or to come.
struct AbsenceRow {
    id: i64,
    when: String,
}

struct DayBox {
    name: String,
    word: String,
    checked: bool,
}

struct ScheduleRow {
    word: String,
    days: Vec<DayBox>,
}

struct HistoryRow {
    when: String,
    by: String,
    what: String,
    why: String,
}

#[derive(Template)]
#[template(path = "plan/page.html")]
struct Page {
    frame: Frame,
    patient: PatientId,
    name: String,
    notice: Option<String>,
    wrong: Option<String>,
    clinician: bool,
    policy: String,
    policy_link: String,
    admitted: Option<String>,
    pauses: Vec<AbsenceRow>,
    now: String,
    target: String,
    schedule: Vec<ScheduleRow>,
    diuretic: String,
    words: String,
    sections: Vec<Section>,
    history: Vec<HistoryRow>,
    reason: String,
}

/// What the address says was done.
#[derive(Default, Deserialize)]
pub(crate) struct Asked {
    done: Option<String>,
}

/// `GET /patients/{id}/plan`.
pub(crate) async fn show(
    State(state): State<AppState>,
    StaffVisit(visit): StaffVisit,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let opened = open(&state, &visit, &id, Action::Read).await?;
    let notice = asked.done.map(|_| visit.text.t("monitoring-done"));
    draw(&Page { notice, ..page(&state, &visit, opened, &Written::new()).await? })
}

async fn open(state: &AppState, visit: &Visit, id: &str, action: Action) -> Result<Opened, Failure> {
    let patient: PatientId = id.parse().map_err(|_| Failure::Missing)?;
    Ok(access::open_patient(&state.store, &visit.subject, &patient, action, visit.now).await?)
}

/// `POST /patients/{id}/plan/{what}`.
pub(crate) async fn change(
    State(state): State<AppState>,
    StaffVisit(visit): StaffVisit,
    Path((id, what)): Path<(String, String)>,
    Form(written): Form<Written>,
) -> Result<Response, Failure> {
    let opened = open(&state, &visit, &id, Action::Read).await?;
    let patient = opened.facts.id.clone();
    let wrong = match form::read(&what, &written) {
        None => return Err(Failure::Missing),
        Some(Err(wrong)) => form::unreadable(&wrong, visit.text),
        Some(Ok(said)) => {
            let reason = written.get("reason").cloned().unwrap_or_default();
            let change = PlanChange { patient: patient.clone(), said, author: visit.subject.clone(), reason };
            match state.desk.change_plan(change).await {
                Ok(()) => {
                    let address = format!("/patients/{}/plan?done={what}", in_path(patient.as_str()));
                    return Ok(Redirect::to(&address).into_response());
                }
                Err(PlanError::NotFound) => return Err(Failure::Missing),
                Err(PlanError::Denied { why }) => return Err(Failure::Denied(why)),
                Err(PlanError::Store(error)) => return Err(error.into()),
                Err(refused) => form::refused(&refused, visit.text),
            }
        }
    };
    let page = Page { wrong: Some(wrong), ..page(&state, &visit, opened, &written).await? };
    draw_as(StatusCode::UNPROCESSABLE_ENTITY, &page)
}

async fn page(state: &AppState, visit: &Visit, opened: Opened, written: &Written) -> Result<Page, Failure> {
    let (text, now, facts) = (visit.text, visit.now, opened.facts);
    let mut reader = state.store.read().await?;
    let history = plans::history(&mut reader, &facts.id).await?;
    let plan = Plan::of(&history, now);
    let standing = Book::load(&mut reader).await?.standing(&facts, now);
    let kept = |name: &str, or: String| written.get(name).cloned().unwrap_or(or);
    Ok(Page {
        frame: Frame::of(
            state,
            visit,
            "patients",
            text.with("monitoring-title", &[("name", facts.name.clone().into())]),
        ),
        name: facts.name.clone(),
        notice: None,
        wrong: None,
        clinician: visit.subject.role().is_some_and(access::is_clinician),
        policy: policy_line(&standing, visit),
        policy_link: format!(
            "/policies/{}/{}?patient={}",
            standing.policy.name(),
            standing.policy.version(),
            in_path(facts.id.as_str())
        ),
        admitted: plan.admitted.map(|stay| moment(stay.from, now, text)),
        pauses: plan.pauses.iter().map(|pause| absence(pause, visit)).collect(),
        now: form::as_written(now),
        target: kept("target_kg", plan.target_kg.map_or_else(String::new, |kg| number(kg, text.0))),
        schedule: schedule(&plan, visit),
        diuretic: kept("diuretic", plan.diuretic.clone().unwrap_or_default()),
        words: kept("words", facts.plan_text.clone().unwrap_or_default()),
        sections: limits::sections(&standing.policy, &plan.limits, written, text),
        history: history.iter().rev().map(|event| history_row(event, visit)).collect(),
        reason: kept("reason", String::new()),
        patient: facts.id,
    })
}

/// `recommended 1, påslagen av Anna Test 22 april 10:18`.
pub(crate) fn policy_line(standing: &Standing, visit: &Visit) -> String {
    let text = visit.text;
    let policy = format!("{} {}", standing.policy.name(), standing.policy.version());
    match &standing.activation {
        Some(one) => text.with(
            "policy-switched-on",
            &[
                ("policy", policy.into()),
                ("name", one.by_name.clone().into()),
                ("when", moment(one.at, visit.now, text).into()),
            ],
        ),
        None => text.with("policy-by-register", &[("policy", policy.into())]),
    }
}

fn absence(pause: &Absence, visit: &Visit) -> AbsenceRow {
    let word = |at| moment(at, visit.now, visit.text);
    let until = pause.until.map_or_else(String::new, word);
    AbsenceRow {
        id: pause.id,
        when: visit
            .text
            .with("monitoring-from-until", &[("from", word(pause.from).into()), ("until", until.into())]),
    }
}

fn schedule(plan: &Plan, visit: &Visit) -> Vec<ScheduleRow> {
    let day_box = |measured: Measured, day: u8| DayBox {
        name: format!("{}-{day}", measured.key()),
        word: visit.text.t(&format!("weekday-{day}")),
        checked: plan.schedule.days(measured).is_some_and(|days| days.contains(&day)),
    };
    Measured::ALL
        .into_iter()
        .map(|measured| ScheduleRow {
            word: said::measured_word(measured, visit.text),
            days: (1..=7).map(|day| day_box(measured, day)).collect(),
        })
        .collect()
}

fn history_row(event: &PlanEvent, visit: &Visit) -> HistoryRow {
    HistoryRow {
        when: moment(event.recorded_at, visit.now, visit.text),
        by: if event.by.is_empty() { visit.text.t("monitoring-by-register") } else { event.by.clone() },
        what: said::in_words(event, visit.now, visit.text),
        why: event.reason.clone(),
    }
}
