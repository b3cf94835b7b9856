//! What stands around every page: size and time limits, the browser's own protections, refusal of forms from other
//! sites, and a page instead of a torn connection when a handler panics.
//!
//! Headers follow OWASP ASVS 5.0, 3.4. Forms from other sites are told by `Sec-Fetch-Site` and `Origin`; a request with
//! neither is no browser's, carries no cookie by accident, and passes.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};
use axum::middleware;
use axum::response::IntoResponse;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate};
use tower_http::csrf::{CsrfLayer, ProtectionError};
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::set_header::SetResponseHeaderLayer;

use super::AppState;
use super::failure::{self, Failure};

/// The largest form taken. A long message is a few thousand characters.
const BODY_BYTES_MAX: usize = 64 * 1024;

const POLICY: &str =
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'";

const HEADERS: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
];

/// Puts every guard around `pages`.
pub(crate) fn around(pages: Router<AppState>, state: &AppState) -> Router<AppState> {
    let csrf =
        CsrfLayer::new().with_rejection_response(|_: ProtectionError| Failure::CrossSite.into_response());
    let mut guarded =
        pages
            .layer(csrf)
            .layer(RequestBodyLimitLayer::new(BODY_BYTES_MAX))
            .layer(CatchPanicLayer::custom(after_panic))
            .layer(middleware::from_fn_with_state(state.clone(), failure::render))
            .layer(SetResponseHeaderLayer::if_not_present(
                header::CACHE_CONTROL,
                HeaderValue::from_static("no-store"),
            ))
            .layer(CompressionLayer::new().compress_when(
                DefaultPredicate::new().and(NotForContentType::const_new("text/event-stream")),
            ));
    for (name, value) in HEADERS {
        guarded = guarded.layer(SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value)));
    }
    if state.https {
        let year = HeaderValue::from_static("max-age=31536000; includeSubDomains");
        guarded = guarded.layer(SetResponseHeaderLayer::overriding(header::STRICT_TRANSPORT_SECURITY, year));
    }
    guarded
}

fn after_panic(_panic: Box<dyn std::any::Any + Send>) -> Response<Body> {
    tracing::error!("a page panicked");
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}
