//! `/policies`: which rules stand for whom, each policy with its numbers and what they rest on, what one would have done, and
//! switching it on.
//!
//! A policy is switched on from the page that shows what it would have done to one's own patients ([`what_if`]), never from
//! anywhere else. Who may is [`crate::access`]'s to say.

mod read;
mod tried;
mod what_if;

use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Form, Router};
use serde::Deserialize;
use vitals::PatientId;

use super::AppState;
use super::failure::Failure;
use super::format::{day_of, day_word, moment};
use super::frame::Frame;
use super::page::{draw, draw_as};
use super::visit::{StaffVisit, Visit};
use crate::access::{self, Action, PolicyWish, SubjectKind};
use crate::actor::Actor;
use crate::people;
use crate::policies::shelf::{self, AddError};
use crate::policies::switching::{self, Switch, SwitchError};
use crate::policies::{Activation, Book, Scope};
use crate::store::StoreError;

/// The pages under `/policies`.
pub(crate) fn router() -> Router<AppState> {
    Router::new()
        .route("/policies", get(show).post(add))
        .route("/policies/switch-off", post(switch_off))
        .route("/policies/tried/{id}", get(what_if::show))
        .route("/policies/tried/{id}/cancel", post(what_if::cancel))
        .route("/policies/tried/{id}/switch-on", post(what_if::switch_on))
        .route("/policies/{name}/{version}", get(read::show).post(what_if::start))
}

struct PolicyRow {
    name: String,
    version: String,
    author: String,
    valid: String,
    shipped: bool,
}

struct StandingRow {
    scope: &'static str,
    target: String,
    whom: String,
    policy: String,
    by: String,
    why: String,
    may_end: bool,
}

#[derive(Template)]
#[template(path = "policies/page.html")]
struct Page {
    frame: Frame,
    notice: Option<String>,
    wrong: Option<String>,
    kept: String,
    may_add: bool,
    standing: Vec<StandingRow>,
    policies: Vec<PolicyRow>,
    unreadable: Vec<String>,
    history: Vec<String>,
}

/// What the address says was done.
#[derive(Default, Deserialize)]
pub(crate) struct Asked {
    done: Option<String>,
}

/// `GET /policies`.
pub(crate) async fn show(
    State(state): State<AppState>,
    StaffVisit(visit): StaffVisit,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    access::open_policies(&state.store, &visit.subject, &PolicyWish::Read, visit.now).await?;
    let notice = asked.done.map(|done| match done.as_str() {
        "added" => visit.text.t("policies-done-added"),
        "same" => visit.text.t("policies-done-same"),
        _ => visit.text.t("policies-done-switched"),
    });
    draw(&Page { notice, ..page(&state, &visit).await? })
}

async fn page(state: &AppState, visit: &Visit) -> Result<Page, StoreError> {
    let text = visit.text;
    let mut reader = state.store.read().await?;
    let book = Book::load(&mut reader).await?;
    let patients = match visit.subject.unit() {
        Some(unit) => people::of_unit(&mut reader, unit).await?,
        None => Vec::new(),
    };
    let known = |id: &PatientId| {
        let facts = patients.iter().find(|facts| facts.id == *id)?;
        access::decide(&visit.subject, facts, Action::List, visit.now).allowed.then(|| facts.name.clone())
    };
    let mut scopes = own_scopes(visit);
    scopes.extend(patients.iter().map(|facts| Scope::Patient(facts.id.clone())));
    let standing = scopes.iter().filter_map(|scope| standing_row(&book, scope, visit, &known)).collect();
    let shown = |one: &&Activation| scopes.contains(&one.scope);
    let history = book.activations().iter().rev().filter(shown).filter_map(|one| {
        let whom = whom(&one.scope, visit, &known)?;
        Some(format!("{}: {}, {}", moment(one.at, visit.now, text), said(one, &whom, visit), one.reason))
    });
    Ok(Page {
        frame: Frame::of(state, visit, "policies", text.t("policies-title")),
        notice: None,
        wrong: None,
        kept: String::new(),
        may_add: access::decide_policies(&visit.subject, &PolicyWish::Add).allowed,
        standing,
        policies: book.policies().map(|policy| policy_row(policy, visit)).collect(),
        unreadable: book.unreadable().iter().map(|(name, version)| format!("{name} {version}")).collect(),
        history: history.collect(),
    })
}

/// The visitor's unit and its organisation.
fn own_scopes(visit: &Visit) -> Vec<Scope> {
    match &visit.subject.kind {
        SubjectKind::Staff { unit, organisation, .. } => {
            vec![Scope::Unit(unit.clone()), Scope::Programme(organisation.clone())]
        }
        SubjectKind::Patient | SubjectKind::Proxy { .. } => Vec::new(),
    }
}

/// For whom, in words; `None` for a patient the visitor may not know of.
fn whom(scope: &Scope, visit: &Visit, known: &dyn Fn(&PatientId) -> Option<String>) -> Option<String> {
    let text = visit.text;
    match scope {
        Scope::Programme(_) => Some(text.t("policies-programme")),
        Scope::Unit(_) => {
            let unit = match &visit.subject.kind {
                SubjectKind::Staff { unit_name, .. } => unit_name.clone(),
                SubjectKind::Patient | SubjectKind::Proxy { .. } => String::new(),
            };
            Some(text.with("policies-unit", &[("unit", unit.into())]))
        }
        Scope::Patient(id) => known(id),
    }
}

/// What was switched on for whom by whom, in words.
fn said(one: &Activation, whom: &str, visit: &Visit) -> String {
    let values = [("whom", whom.to_owned().into()), ("name", one.by_name.clone().into())];
    match &one.policy {
        Some((name, version)) => {
            let mut values = values.to_vec();
            values.push(("policy", format!("{name} {version}").into()));
            visit.text.with("policies-said-on", &values)
        }
        None => visit.text.with("policies-said-off", &values),
    }
}

fn standing_row(
    book: &Book,
    scope: &Scope,
    visit: &Visit,
    known: &dyn Fn(&PatientId) -> Option<String>,
) -> Option<StandingRow> {
    let text = visit.text;
    let one = book.switched_on(scope, visit.now);
    let whom = whom(scope, visit, known)?;
    let Some(one) = one else {
        // A patient without rules of their own has no row; a unit and a programme say that nothing is switched on.
        let wide = !matches!(scope, Scope::Patient(_));
        return wide.then(|| StandingRow {
            scope: scope.key(),
            target: scope.target().to_owned(),
            whom,
            policy: text.t("policies-nothing"),
            by: String::new(),
            why: String::new(),
            may_end: false,
        });
    };
    let (name, version) = one.policy.clone().unwrap_or_default();
    let when = moment(one.at, visit.now, text);
    Some(StandingRow {
        scope: scope.key(),
        target: scope.target().to_owned(),
        whom,
        policy: format!("{name} {version}"),
        by: text.with("policies-by", &[("name", one.by_name.clone().into()), ("when", when.into())]),
        why: one.reason.clone(),
        may_end: access::decide_policies(&visit.subject, &PolicyWish::SwitchOn(scope)).allowed,
    })
}

fn policy_row(policy: &alerts::Policy, visit: &Visit) -> PolicyRow {
    let shipped = alerts::Policy::shipped();
    PolicyRow {
        shipped: shipped.iter().any(|one| one.name() == policy.name() && one.version() == policy.version()),
        name: policy.name().to_owned(),
        version: policy.version().to_owned(),
        author: policy.author().to_owned(),
        valid: validity(policy, visit),
    }
}

/// `gäller från 1 januari`, and until when.
fn validity(policy: &alerts::Policy, visit: &Visit) -> String {
    let (text, today) = (visit.text, day_of(visit.now));
    let from = day_word(policy.valid_from(), today, text);
    match policy.valid_until() {
        Some(until) if until < today => {
            text.with("policies-expired", &[("until", day_word(until, today, text).into())])
        }
        Some(until) => {
            let until = day_word(until, today, text);
            text.with("policies-valid-until", &[("from", from.into()), ("until", until.into())])
        }
        None => text.with("policies-valid", &[("from", from.into())]),
    }
}

/// A policy that was pasted.
#[derive(Deserialize)]
pub(crate) struct Pasted {
    policy: String,
}

/// `POST /policies`: a policy file is taken in.
pub(crate) async fn add(
    State(state): State<AppState>,
    StaffVisit(visit): StaffVisit,
    Form(pasted): Form<Pasted>,
) -> Result<Response, Failure> {
    access::open_policies(&state.store, &visit.subject, &PolicyWish::Add, visit.now).await?;
    let text = pasted.policy.replace("\r\n", "\n");
    match shelf::add(&state.store, &text, Actor::Person(&visit.subject), visit.now).await {
        Ok(added) => {
            let done = if added.new { "added" } else { "same" };
            Ok(Redirect::to(&format!("/policies?done={done}")).into_response())
        }
        Err(AddError::Store(error)) => Err(error.into()),
        Err(error) => {
            let wrong = error.to_string().chars().take(600).collect();
            let page = Page { wrong: Some(wrong), kept: pasted.policy, ..page(&state, &visit).await? };
            draw_as(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
    }
}

/// What is to be ended.
#[derive(Deserialize)]
pub(crate) struct Ended {
    scope: String,
    target: String,
    #[serde(default)]
    reason: String,
}

/// `POST /policies/switch-off`: what is switched on more widely stands again.
pub(crate) async fn switch_off(
    State(state): State<AppState>,
    StaffVisit(visit): StaffVisit,
    Form(ended): Form<Ended>,
) -> Result<Response, Failure> {
    let scope = Scope::of(&ended.scope, &ended.target).ok_or(Failure::Bad)?;
    let switch = Switch { scope, policy: None, from: None, reason: ended.reason };
    match switching::switch_on(&state.store, &visit.subject, &switch, visit.now).await {
        Ok(_) => Ok(Redirect::to("/policies?done=switched").into_response()),
        Err(error) => {
            let wrong = Some(refused(error, visit.text)?);
            draw_as(StatusCode::UNPROCESSABLE_ENTITY, &Page { wrong, ..page(&state, &visit).await? })
        }
    }
}

/// What to say about a policy that was not switched on.
fn refused(error: SwitchError, text: super::text::Text) -> Result<String, Failure> {
    Ok(match error {
        SwitchError::Denied { why } => return Err(Failure::Denied(why)),
        SwitchError::NotFound => return Err(Failure::Missing),
        SwitchError::Store(error) => return Err(error.into()),
        SwitchError::Reason => text.t("monitoring-wrong-reason"),
        SwitchError::NotValid { .. } => text.t("policies-wrong-valid"),
        SwitchError::From => text.t("policies-wrong-from"),
        SwitchError::Stands => text.t("policies-wrong-stands"),
    })
}
