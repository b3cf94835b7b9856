//! The patient page for staff, and where each reading came from.

use axum::Router;

use super::AppState;

/// The pages under `/patients/{id}` and `/readings/{id}`.
pub(crate) fn router() -> Router<AppState> {
    Router::new()
}
