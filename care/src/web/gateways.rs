//! `/gateways`: the home boxes, for technicians and administrators: who has a certificate that counts, when each was last heard,
//! a code for a new box, taking certificates back, and replacing a box.
//!
//! Knows no patient. A code is shown in the answer to the form that asked for it, and nowhere else. Works without scripts.
//!
//! **Invariant:** nothing is taken back without a word of confirmation that came with the form.

use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use vitals::{GatewayId, Timestamp};

use super::AppState;
use super::failure::Failure;
use super::format;
use super::frame::Frame;
use super::page::{draw, draw_as};
use super::text::Text;
use super::visit::{GatewayVisit, Visit};
use crate::enrolment::certificates::Ending;
use crate::enrolment::codes;
use crate::enrolment::staff::{self, FreshCode, HomeBox, StaffError, Standing};

/// A box as a line.
struct Line {
    id: String,
    heard: String,
    standing: String,
    needs_seeing_to: bool,
}

#[derive(Template)]
#[template(path = "gateways/list.html")]
struct ListPage {
    frame: Frame,
    lines: Vec<Line>,
}

#[derive(Template)]
#[template(path = "gateways/page.html")]
struct BoxPage {
    frame: Frame,
    id: String,
    facts: Vec<(String, String)>,
    unenforced: bool,
    code_until: Option<String>,
    has_certificate: bool,
    unconfirmed: bool,
}

#[derive(Template)]
#[template(path = "gateways/code.html")]
struct CodePage {
    frame: Frame,
    id: String,
    code: String,
    until: String,
    command: String,
}

/// The form of an act that takes something back.
#[derive(Deserialize)]
pub(crate) struct Confirmed {
    confirm: Option<String>,
}

impl From<StaffError> for Failure {
    fn from(error: StaffError) -> Self {
        match error {
            StaffError::NoGateway(_) => Self::Missing,
            StaffError::Store(error) => error.into(),
        }
    }
}

fn when(at: Option<Timestamp>, visit: &Visit) -> String {
    at.map_or_else(|| visit.text.t("gateway-never-heard"), |at| format::moment(at, visit.now, visit.text))
}

fn standing(standing: Standing, visit: &Visit) -> String {
    let text: Text = visit.text;
    let at = |key: &str, at: Timestamp| text.with(key, &[("at", format::moment(at, visit.now, text).into())]);
    match standing {
        Standing::Never => text.t("gateway-standing-never"),
        Standing::Live { until } => at("gateway-standing-live", until),
        Standing::Expired { at: ended } => at("gateway-standing-expired", ended),
        Standing::Ended { at: ended, why, .. } => match why {
            Ending::Revoked => at("gateway-standing-revoked", ended),
            Ending::Replaced => at("gateway-standing-replaced", ended),
            Ending::Superseded => at("gateway-standing-superseded", ended),
        },
    }
}

/// `GET /gateways`.
pub(crate) async fn list(
    State(state): State<AppState>,
    GatewayVisit(visit): GatewayVisit,
) -> Result<Response, Failure> {
    let boxes = staff::boxes(&mut *state.store.read().await?).await?;
    let line = |one: HomeBox| Line {
        heard: when(one.heartbeat_at, &visit),
        standing: standing(one.standing(visit.now), &visit),
        needs_seeing_to: one.is_unenforced(visit.now),
        id: one.gateway.to_string(),
    };
    let lines = boxes.into_iter().map(line).collect();
    draw(&ListPage { frame: Frame::of(&state, &visit, "gateways", visit.text.t("gateway-title")), lines })
}

fn gateway_id(id: &str) -> Result<GatewayId, Failure> {
    id.parse().map_err(|_| Failure::Missing)
}

/// `GET /gateways/{id}`.
pub(crate) async fn show(
    State(state): State<AppState>,
    GatewayVisit(visit): GatewayVisit,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    draw(&box_page(&state, &visit, &gateway_id(&id)?).await?)
}

async fn box_page(state: &AppState, visit: &Visit, gateway: &GatewayId) -> Result<BoxPage, Failure> {
    let mut reader = state.store.read().await?;
    let one = staff::home_box(&mut reader, gateway).await?.ok_or(Failure::Missing)?;
    let code = codes::live(&mut reader, gateway, visit.now).await?;
    let text = visit.text;
    let mut facts = vec![
        (text.t("gateway-certificate"), standing(one.standing(visit.now), visit)),
        (text.t("gateway-heard"), when(one.heartbeat_at, visit)),
    ];
    if let Some(unreceipted) = one.unreceipted {
        facts.push((text.t("gateway-unreceipted"), unreceipted.to_string()));
    }
    if let Some(version) = &one.version {
        facts.push((text.t("gateway-version"), version.clone()));
    }
    Ok(BoxPage {
        frame: Frame::of(
            state,
            visit,
            "gateways",
            text.with("gateway-one", &[("id", gateway.to_string().into())]),
        ),
        id: gateway.to_string(),
        facts,
        unenforced: one.is_unenforced(visit.now),
        code_until: code.map(|code| format::moment(code.expires_at, visit.now, text)),
        has_certificate: one.certificates.iter().any(|one| one.is_live(visit.now)),
        unconfirmed: false,
    })
}

fn code_page(
    state: &AppState,
    visit: &Visit,
    headers: &HeaderMap,
    gateway: &GatewayId,
    fresh: &FreshCode,
) -> Result<Response, Failure> {
    let text = visit.text;
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("SERVER");
    let scheme = if state.https { "https" } else { "http" };
    let code = fresh.code.to_string();
    draw(&CodePage {
        frame: Frame::of(
            state,
            visit,
            "gateways",
            text.with("gateway-code-for", &[("id", gateway.to_string().into())]),
        ),
        id: gateway.to_string(),
        command: format!("sudo vagen-gateway enrol --server {scheme}://{host} --code {code}"),
        until: format::moment(fresh.expires_at, visit.now, text),
        code,
    })
}

/// `POST /gateways/{id}/code`.
pub(crate) async fn issue(
    State(state): State<AppState>,
    GatewayVisit(visit): GatewayVisit,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let gateway = gateway_id(&id)?;
    let fresh =
        staff::issue_code(&state.store, &state.enrolment, &visit.subject, &gateway, visit.now).await?;
    code_page(&state, &visit, &headers, &gateway, &fresh)
}

async fn unconfirmed(state: &AppState, visit: &Visit, gateway: &GatewayId) -> Result<Response, Failure> {
    let page = BoxPage { unconfirmed: true, ..box_page(state, visit, gateway).await? };
    draw_as(StatusCode::UNPROCESSABLE_ENTITY, &page)
}

/// `POST /gateways/{id}/revoke`.
pub(crate) async fn revoke(
    State(state): State<AppState>,
    GatewayVisit(visit): GatewayVisit,
    Path(id): Path<String>,
    Form(form): Form<Confirmed>,
) -> Result<Response, Failure> {
    let gateway = gateway_id(&id)?;
    if form.confirm.is_none() {
        return unconfirmed(&state, &visit, &gateway).await;
    }
    staff::revoke(&state.store, &visit.subject, &gateway, visit.now).await?;
    Ok(Redirect::to(&format!("/gateways/{gateway}")).into_response())
}

/// `POST /gateways/{id}/replace`.
pub(crate) async fn replace(
    State(state): State<AppState>,
    GatewayVisit(visit): GatewayVisit,
    Path(id): Path<String>,
    headers: HeaderMap,
    Form(form): Form<Confirmed>,
) -> Result<Response, Failure> {
    let gateway = gateway_id(&id)?;
    if form.confirm.is_none() {
        return unconfirmed(&state, &visit, &gateway).await;
    }
    let fresh = staff::replace(&state.store, &state.enrolment, &visit.subject, &gateway, visit.now).await?;
    code_page(&state, &visit, &headers, &gateway, &fresh)
}
