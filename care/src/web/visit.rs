//! Who is asking, in which language, and when: taken from the request before any page sees it.

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};
use std::convert::Infallible;
use vitals::{PatientId, Timestamp};

use super::AppState;
use super::failure::Failure;
use super::page::wants_fragment;
use super::text::Text;
use crate::access::{self, Subject};
use crate::accounts::{self, SessionToken};
use crate::language::Language;

/// The cookie of a session.
pub(crate) const SESSION_COOKIE: &str = "vagen_session";
/// The cookie of a chosen language.
pub(crate) const LANGUAGE_COOKIE: &str = "vagen_language";

/// A request by somebody who is signed in.
#[derive(Clone, Debug)]
pub(crate) struct Visit {
    /// Who.
    pub(crate) subject: Subject,
    /// Their session.
    pub(crate) token: SessionToken,
    /// The words of their language.
    pub(crate) text: Text,
    /// When the request came.
    pub(crate) now: Timestamp,
    /// The path and query, for coming back to.
    pub(crate) path: String,
}

/// A visit by a member of staff.
#[derive(Clone, Debug)]
pub(crate) struct StaffVisit(pub(crate) Visit);

/// A visit by an administrator to the register, logged.
#[derive(Clone, Debug)]
pub(crate) struct AdministratorVisit(pub(crate) Visit);

/// A visit by somebody who looks after home boxes, logged.
#[derive(Clone, Debug)]
pub(crate) struct GatewayVisit(pub(crate) Visit);

/// A visit by a patient or next of kin to the patient's own pages.
#[derive(Clone, Debug)]
pub(crate) struct OwnVisit {
    /// The visit.
    pub(crate) visit: Visit,
    /// Whose pages.
    pub(crate) patient: PatientId,
}

/// The language of a request: the chosen one, else the person's, else Swedish.
pub(crate) fn language_of(headers: &HeaderMap, subject: Option<&Subject>) -> Language {
    let chosen = CookieJar::from_headers(headers)
        .get(LANGUAGE_COOKIE)
        .and_then(|cookie| Language::from_key(cookie.value()));
    chosen.or_else(|| subject.map(|subject| subject.language)).unwrap_or_default()
}

/// A cookie with the flags every cookie of ours carries.
pub(crate) fn cookie(name: &'static str, value: String, https: bool) -> Cookie<'static> {
    Cookie::build((name, value)).path("/").http_only(true).same_site(SameSite::Strict).secure(https).build()
}

fn path_of(parts: &Parts) -> String {
    match parts.method {
        Method::GET | Method::HEAD => parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
        _ => "/".to_owned(),
    }
}

/// Whether a page asks by itself, to stay true, and not because somebody used it.
fn is_unattended(parts: &Parts) -> bool {
    let fragment = |query: &str| query.split('&').any(|pair| pair.starts_with("fragment="));
    wants_fragment(&parts.headers)
        || matches!(parts.uri.path(), "/live" | "/chain")
        || parts.uri.query().is_some_and(fragment)
}

async fn visit_of(parts: &Parts, state: &AppState) -> Result<Option<Visit>, Failure> {
    let jar = CookieJar::from_headers(&parts.headers);
    let Some(cookie) = jar.get(SESSION_COOKIE) else { return Ok(None) };
    let token = SessionToken::from_cookie(cookie.value());
    let now = state.clock.now();
    let who = if is_unattended(parts) {
        accounts::who_unattended(&state.store, &token, now).await?
    } else {
        accounts::who(&state.store, &token, now).await?
    };
    let Some(subject) = who else { return Ok(None) };
    let text = Text(language_of(&parts.headers, Some(&subject)));
    Ok(Some(Visit { subject, token, text, now, path: path_of(parts) }))
}

impl FromRequestParts<AppState> for Visit {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Failure> {
        let visit =
            visit_of(parts, state).await?.ok_or_else(|| Failure::SignedOut { next: path_of(parts) })?;
        let may_stay = matches!(parts.uri.path(), "/password" | "/logout" | "/language");
        if visit.subject.must_change && !may_stay { Err(Failure::MustChange) } else { Ok(visit) }
    }
}

impl OptionalFromRequestParts<AppState> for Visit {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Option<Self>, Failure> {
        visit_of(parts, state).await
    }
}

impl FromRequestParts<AppState> for StaffVisit {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Failure> {
        let visit = <Visit as FromRequestParts<AppState>>::from_request_parts(parts, state).await?;
        if visit.subject.unit().is_some() { Ok(Self(visit)) } else { Err(Failure::OnlyStaff) }
    }
}

impl FromRequestParts<AppState> for AdministratorVisit {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Failure> {
        let visit = <Visit as FromRequestParts<AppState>>::from_request_parts(parts, state).await?;
        access::open_register(&state.store, &visit.subject, visit.now).await?;
        Ok(Self(visit))
    }
}

impl FromRequestParts<AppState> for GatewayVisit {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Failure> {
        let visit = <Visit as FromRequestParts<AppState>>::from_request_parts(parts, state).await?;
        access::open_gateways(&state.store, &visit.subject, visit.now).await?;
        Ok(Self(visit))
    }
}

impl FromRequestParts<AppState> for OwnVisit {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Failure> {
        let visit = <Visit as FromRequestParts<AppState>>::from_request_parts(parts, state).await?;
        let patient = visit.subject.own_patient().ok_or(Failure::OnlyOwn)?;
        Ok(Self { visit, patient })
    }
}

/// The words for whoever asks, signed in or not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader(pub(crate) Text);

impl FromRequestParts<AppState> for Reader {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &AppState) -> Result<Self, Infallible> {
        Ok(Self(Text(language_of(&parts.headers, None))))
    }
}
