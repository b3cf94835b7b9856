//! `POST /enrol` and `POST /enrol/renew`: what a box asks and is told, as JSON.
//!
//! Whoever asks has no session: a code or a proof says who they are, and [`crate::enrolment`] judges it. Here is only how the
//! question comes in and the answer goes out.
//!
//! **Invariant:** an answer tells what to do next, and never whether a code or a certificate was ever there.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{ConnectInfo, FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::AppState;
use crate::enrolment::attempts::Source;
use crate::enrolment::enrol::{self, EnrolError};
use crate::enrolment::{Granted, renew};

/// Where a request came from: its peer, or, where that is a proxy on this machine, whom the proxy names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(Source);

impl FromRequestParts<AppState> for Peer {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &AppState) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
        let named = || {
            let named = parts.headers.get_all("x-forwarded-for").iter().next_back()?.to_str().ok()?;
            named.rsplit(',').next()?.trim().parse::<IpAddr>().ok()
        };
        let is_here = peer.is_some_and(|peer| peer.to_canonical().is_loopback());
        let address = if is_here { named().or(peer) } else { peer };
        Ok(Self(Source::of(address)))
    }
}

/// `POST /enrol`.
pub(crate) async fn enrol(
    State(state): State<AppState>,
    Peer(source): Peer,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let Ok(body) = body else { return unread() };
    answer(enrol::enrol(&state.store, &state.enrolment, &body, source, state.clock.now()).await)
}

/// `POST /enrol/renew`.
pub(crate) async fn renew(
    State(state): State<AppState>,
    Peer(source): Peer,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let Ok(body) = body else { return unread() };
    answer(renew::renew(&state.store, &state.enrolment, &body, source, state.clock.now()).await)
}

fn unread() -> Response {
    refused(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large or did not arrive whole")
}

fn refused(status: StatusCode, what: &str) -> Response {
    (status, [(header::CACHE_CONTROL, "no-store")], Json(json!({ "error": what }))).into_response()
}

fn answer(done: Result<Granted, EnrolError>) -> Response {
    let error = match done {
        Ok(granted) => return ([(header::CACHE_CONTROL, "no-store")], Json(granted)).into_response(),
        Err(error) => error,
    };
    let said = error.to_string();
    match error {
        EnrolError::Body { .. } | EnrolError::Request(_) | EnrolError::Clock { .. } => {
            refused(StatusCode::BAD_REQUEST, &said)
        }
        EnrolError::Code | EnrolError::Certificate => refused(StatusCode::FORBIDDEN, &said),
        EnrolError::TooMany { seconds } => {
            let mut response = refused(StatusCode::TOO_MANY_REQUESTS, &said);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            response
        }
        EnrolError::Store(_) | EnrolError::Authority(_) => {
            tracing::error!(error = said, "a box could not be enrolled");
            refused(
                StatusCode::SERVICE_UNAVAILABLE,
                "the server failed; nothing was spent, try again in a minute",
            )
        }
    }
}
