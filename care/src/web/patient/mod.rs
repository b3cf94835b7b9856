//! The patient page for staff, and where each reading came from.
//!
//! Everything here opens its patient through [`crate::access::open_patient`], a reading's page too, so each look is logged
//! with its reason.

pub(crate) mod charts;
pub(crate) mod long;
pub(crate) mod page;
mod provenance;
mod readers;
mod rows;

use axum::Router;
use axum::routing::get;

pub(super) use page::in_path;
pub(super) use rows::values as values_in_words;

use super::AppState;

/// The pages under `/patients/{id}` and `/readings/{id}`.
pub(crate) fn router() -> Router<AppState> {
    Router::new()
        .route("/patients/{id}", get(page::show))
        .route("/patients/{id}/talk", get(page::talk))
        .route("/patients/{id}/readers", get(readers::show))
        .route("/readings/{id}", get(provenance::show))
}
