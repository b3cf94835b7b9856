//! What a person sees when a page cannot be shown: what happened, that nothing was lost, and the next step.
//!
//! Handlers give a [`Failure`]; [`render`] turns it, and whatever a guard refused, into a page in the reader's language.
//!
//! **Invariant:** no page tells what the database, the file system or another person's record says.

use askama::Template;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};

use super::AppState;
use super::frame::Frame;
use super::text::Text;
use super::visit::language_of;
use crate::access::AccessError;
use crate::language::Words;
use crate::store::StoreError;

/// Why a page is not shown.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// Nobody is signed in.
    SignedOut {
        /// Where they wanted to go.
        next: String,
    },
    /// A new password must be chosen first.
    MustChange,
    /// The page is for staff.
    OnlyStaff,
    /// The page is for the patient.
    OnlyOwn,
    /// The access rules say no.
    Denied(Words),
    /// There is no such thing.
    Missing,
    /// The form or address cannot be read.
    Bad,
    /// The form came from elsewhere.
    CrossSite,
    /// Something failed on our side; it was logged.
    Broken,
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "a page could not be shown");
        Self::Broken
    }
}

impl From<AccessError> for Failure {
    fn from(error: AccessError) -> Self {
        match error {
            AccessError::NotFound => Self::Missing,
            AccessError::Denied { why } => Self::Denied(why),
            AccessError::Store(error) => error.into(),
        }
    }
}

impl From<askama::Error> for Failure {
    fn from(error: askama::Error) -> Self {
        tracing::error!(%error, "a page could not be drawn");
        Self::Broken
    }
}

impl Failure {
    const fn status(&self) -> StatusCode {
        match self {
            Self::SignedOut { .. } => StatusCode::UNAUTHORIZED,
            Self::MustChange | Self::OnlyStaff | Self::OnlyOwn | Self::Denied(_) | Self::CrossSite => {
                StatusCode::FORBIDDEN
            }
            Self::Missing => StatusCode::NOT_FOUND,
            Self::Bad => StatusCode::BAD_REQUEST,
            Self::Broken => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The stem of its texts.
    const fn stem(&self) -> &'static str {
        match self {
            Self::SignedOut { .. } => "signed-out",
            Self::MustChange | Self::OnlyStaff | Self::OnlyOwn | Self::Denied(_) => "denied",
            Self::CrossSite => "cross-site",
            Self::Missing => "missing",
            Self::Bad => "bad",
            Self::Broken => "broken",
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// The answer to an address that leads nowhere.
pub(crate) async fn missing() -> Failure {
    Failure::Missing
}

#[derive(Template)]
#[template(path = "error/page.html")]
struct ErrorPage {
    frame: Frame,
    what: String,
    why: Option<String>,
    next: String,
}

/// Draws the page for a response that failed; leaves every other as it is.
pub(crate) async fn render(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let headers = request.headers().clone();
    let response = next.run(request).await;
    let status = response.status();
    if status.is_success() || status.is_redirection() || status.is_informational() {
        return response;
    }
    let failure = response.extensions().get::<Failure>().cloned();
    if failure.is_none() && response.headers().contains_key(header::CACHE_CONTROL) {
        // A page of ours that chose its status itself, such as a form shown again.
        return response;
    }
    let text = Text(language_of(&headers, None));
    if wants_json(&headers) {
        let word = failure.as_ref().map_or("failed", |failure| failure.stem());
        return (status, axum::Json(serde_json::json!({ "error": word }))).into_response();
    }
    match failure {
        Some(Failure::SignedOut { next }) => to_login(&next).into_response(),
        Some(Failure::MustChange) => Redirect::to("/password").into_response(),
        failure => page(&state, text, status, failure.as_ref()),
    }
}

fn to_login(next: &str) -> Redirect {
    if next == "/" { Redirect::to("/login") } else { Redirect::to(&format!("/login?next={}", quoted(next))) }
}

/// Percent-encodes what may not stand in a query value.
fn quoted(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}

/// Whether the request asks for JSON rather than a page.
pub(crate) fn wants_json(headers: &HeaderMap) -> bool {
    headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("application/json") && !accept.contains("text/html"))
}

fn stem_of(status: StatusCode, failure: Option<&Failure>) -> &'static str {
    match (failure, status) {
        (Some(failure), _) => failure.stem(),
        (None, StatusCode::PAYLOAD_TOO_LARGE) => "large",
        (None, StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED) => "missing",
        (None, status) if status.is_client_error() => "bad",
        (None, _) => "broken",
    }
}

fn page(state: &AppState, text: Text, status: StatusCode, failure: Option<&Failure>) -> Response {
    let stem = stem_of(status, failure);
    let why = match failure {
        Some(Failure::Denied(why)) => {
            Some(text.with("error-denied-why", &[("why", why.get(text.0).to_owned().into())]))
        }
        Some(_) | None => None,
    };
    let page = ErrorPage {
        frame: Frame::alone(state, text, text.t(&format!("error-{stem}-title"))),
        what: text.t(&format!("error-{stem}-what")),
        why,
        next: text.t(&format!("error-{stem}-next")),
    };
    match page.render() {
        Ok(html) => (status, axum::response::Html(html)).into_response(),
        Err(_) => status.into_response(),
    }
}
