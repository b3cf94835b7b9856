//! What machines ask: whether the process lives, whether it can do its work, and how much it has done.
//!
//! **Invariant:** no answer here names a person or a device.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::AppState;
use super::failure::Failure;
use crate::health::{Chain, State as PartState};

/// `GET /livez`: the process answers.
pub(crate) async fn live() -> Json<serde_json::Value> {
    Json(json!({ "status": "alive" }))
}

/// `GET /readyz`: 200 when every part that is needed to take in, judge and show readings works, else 503; which part, either
/// way.
pub(crate) async fn ready(State(state): State<AppState>) -> Response {
    let now = state.clock.now();
    let store_answers = state.store.read().await.is_ok();
    let parts: BTreeMap<&str, serde_json::Value> = state
        .health
        .parts()
        .into_iter()
        .map(|(part, state)| {
            let value = match state {
                PartState::Whole { checked_at } => json!({ "state": "whole", "checked_at": checked_at }),
                PartState::Broken { since, what } => {
                    json!({ "state": "broken", "since": since, "what": what.en })
                }
                PartState::Unknown => json!({ "state": "unknown" }),
            };
            (part.key(), value)
        })
        .collect();
    let ready = store_answers && state.health.is_ready(now);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = json!({ "ready": ready, "at": now, "store_answers": store_answers, "parts": parts });
    (status, [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

/// `GET /watchdog`: 200 when every part works, the ones that can be missed for a while too, else 503. For somebody outside who
/// asks each minute, and alarms on anything but 200, no answer included.
pub(crate) async fn watchdog(State(state): State<AppState>) -> Response {
    let (status, word) = match state.health.chain(state.clock.now()) {
        Chain::Whole { .. } => (StatusCode::OK, "whole"),
        Chain::Broken { .. } => (StatusCode::SERVICE_UNAVAILABLE, "broken"),
    };
    (status, [(header::CACHE_CONTROL, "no-store")], word).into_response()
}

/// `GET /metrics`, in the Prometheus text format.
pub(crate) async fn metrics(State(state): State<AppState>) -> Result<Response, Failure> {
    let handle = state.metrics.ok_or(Failure::Missing)?;
    for (part, state) in state.health.parts() {
        let whole = matches!(state, PartState::Whole { .. });
        metrics::gauge!("vagen_part_whole", "part" => part.key()).set(f64::from(u8::from(whole)));
    }
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    Ok((kind, handle.render()).into_response())
}
