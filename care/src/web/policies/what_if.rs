//! `/policies/tried/{id}`: a policy tried on one's own patients, while it runs and when it is done; and switching it on.
//!
//! **Invariant:** a policy is switched on for exactly the patients it was tried on, by the person who saw what it would have done.

use askama::Template;
use axum::Form;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::super::AppState;
use super::super::failure::Failure;
use super::super::frame::Frame;
use super::super::page::{draw, draw_as};
use super::super::plan::form::as_time;
use super::super::visit::{StaffVisit, Visit};
use super::tried::{self, Result as Tried};
use crate::access::{self, PolicyWish};
use crate::people;
use crate::policies::Scope;
use crate::policies::switching::{self, Switch};
use crate::policies::what_if::{Asked, Job, Progress, StartError};

/// For whom a policy is to be tried.
#[derive(Deserialize)]
pub(crate) struct Wanted {
    scope: String,
}

/// `POST /policies/{name}/{version}`: begins to try the policy.
pub(crate) async fn start(
    State(state): State<AppState>,
    StaffVisit(visit): StaffVisit,
    Path((name, version)): Path<(String, String)>,
    Form(wanted): Form<Wanted>,
) -> Result<Response, Failure> {
    let scope = wanted.scope.split_once(':').and_then(|(key, target)| Scope::of(key, target));
    let scope = scope.ok_or(Failure::Bad)?;
    access::open_policies(&state.store, &visit.subject, &PolicyWish::SwitchOn(&scope), visit.now).await?;
    let back = format!("/policies/{name}/{version}?busy=1");
    let asked = Asked { policy: (name, version), scope, now: visit.now };
    match state.what_ifs.start(&state.store, &visit.subject, asked).await {
        Ok(id) => Ok(Redirect::to(&format!("/policies/tried/{id}")).into_response()),
        Err(StartError::Busy) => Ok(Redirect::to(&back).into_response()),
        Err(StartError::NoSuchPolicy) => Err(Failure::Missing),
        Err(StartError::Store(error)) => Err(error.into()),
    }
}

#[derive(Template)]
#[template(path = "policies/tried.html")]
struct Page {
    frame: Frame,
    id: String,
    name: String,
    version: String,
    whom: String,
    running: Option<(usize, usize)>,
    result: Option<Tried>,
    ended: Option<String>,
    wrong: Option<String>,
    reason: String,
}

#[derive(Template)]
#[template(path = "policies/tried_parts.html")]
struct Parts {
    frame: Frame,
    id: String,
    running: Option<(usize, usize)>,
    result: Option<Tried>,
    ended: Option<String>,
    reason: String,
}

/// Which part of the page is wanted.
#[derive(Deserialize)]
pub(crate) struct Part {
    fragment: Option<String>,
}

fn job(state: &AppState, visit: &Visit, id: &str) -> Result<Job, Failure> {
    state.what_ifs.get(&visit.subject, id).ok_or(Failure::Missing)
}

/// `GET /policies/tried/{id}`.
pub(crate) async fn show(
    State(state): State<AppState>,
    StaffVisit(visit): StaffVisit,
    Path(id): Path<String>,
    Query(part): Query<Part>,
) -> Result<Response, Failure> {
    let page = page(&state, &visit, &job(&state, &visit, &id)?).await?;
    if part.fragment.is_some() {
        let Page { frame, id, running, result, ended, reason, .. } = page;
        return draw(&Parts { frame, id, running, result, ended, reason });
    }
    draw(&page)
}

async fn page(state: &AppState, visit: &Visit, job: &Job) -> Result<Page, Failure> {
    let text = visit.text;
    let (name, version) = job.asked.policy.clone();
    let whom = whom(state, visit, &job.asked.scope).await?;
    let (mut running, mut result, mut ended) = (None, None, None);
    match job.progress() {
        Progress::Running { done, total } => running = Some((done, total)),
        Progress::Finished(outcome) => result = Some(tried::result(&outcome, visit)),
        Progress::Cancelled => ended = Some(text.t("tried-cancelled")),
        Progress::Failed => ended = Some(text.t("tried-failed")),
    }
    let title = text.with("tried-title", &[("policy", format!("{name} {version}").into())]);
    Ok(Page {
        frame: Frame::of(state, visit, "policies", title),
        id: job.id.clone(),
        name,
        version,
        whom,
        running,
        result,
        ended,
        wrong: None,
        reason: String::new(),
    })
}

/// For whom it is tried, in words.
async fn whom(state: &AppState, visit: &Visit, scope: &Scope) -> Result<String, Failure> {
    let name = match scope {
        Scope::Patient(id) => {
            people::facts(&mut *state.store.read().await?, id).await?.map(|facts| facts.name)
        }
        Scope::Unit(_) | Scope::Programme(_) => None,
    };
    Ok(super::whom(scope, visit, &|_| name.clone()).unwrap_or_default())
}

/// `POST /policies/tried/{id}/cancel`.
pub(crate) async fn cancel(
    State(state): State<AppState>,
    StaffVisit(visit): StaffVisit,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    job(&state, &visit, &id)?.cancel();
    Ok(Redirect::to(&format!("/policies/tried/{id}")).into_response())
}

/// Why, and from when.
#[derive(Deserialize)]
pub(crate) struct Decided {
    #[serde(default)]
    reason: String,
    #[serde(default)]
    from: String,
}

/// `POST /policies/tried/{id}/switch-on`.
pub(crate) async fn switch_on(
    State(state): State<AppState>,
    StaffVisit(visit): StaffVisit,
    Path(id): Path<String>,
    Form(decided): Form<Decided>,
) -> Result<Response, Failure> {
    let job = job(&state, &visit, &id)?;
    let Progress::Finished(_) = job.progress() else { return Err(Failure::Bad) };
    let (scope, policy) = (job.asked.scope.clone(), Some(job.asked.policy.clone()));
    let switch = Switch { scope, policy, from: as_time(&decided.from), reason: decided.reason.clone() };
    match switching::switch_on(&state.store, &visit.subject, &switch, visit.now).await {
        Ok(_) => Ok(Redirect::to("/policies?done=switched").into_response()),
        Err(error) => {
            let wrong = Some(super::refused(error, visit.text)?);
            let page = Page { wrong, reason: decided.reason, ..page(&state, &visit, &job).await? };
            draw_as(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
    }
}
