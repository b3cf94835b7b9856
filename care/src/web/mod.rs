//! The web: pages for staff and for the person at home, drawn on the server.
//!
//! Knows how to ask `care` and how to show the answer; decides nothing about care itself and writes no SQL of its own.
//! Every page works without scripts. Small modules of ours add live updates: an event names what changed, never what it
//! says, and the page fetches the fragment again with the rights of whoever reads it.
//!
//! **Invariant:** a page that names a patient was opened through [`crate::access::open_patient`] or listed through the
//! access rules, and is never kept by a cache.

mod asset;
mod chain;
mod failure;
pub(crate) mod format;
mod frame;
mod guard;
pub mod patient;
mod state;
pub(crate) mod text;
mod visit;

use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;

pub use state::AppState;

/// Every page, behind every guard.
#[must_use]
pub fn router(state: AppState) -> Router {
    let pages = Router::new()
        .route("/chain", get(chain::show))
        .route("/static/{version}/{name}", get(asset::serve))
        .merge(patient::router())
        .fallback(failure::missing);
    guard::around(pages, &state).with_state(state)
}

/// Serves `router` on `listener` until `shutdown` resolves; requests under way are then finished.
///
/// # Errors
/// The listener's.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    axum::serve(listener, router).with_graceful_shutdown(shutdown).await
}
