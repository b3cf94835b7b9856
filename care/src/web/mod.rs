//! The web: pages for staff and for the person at home, drawn on the server.
//!
//! Knows how to ask `care` and how to show the answer; decides nothing about care itself and writes no SQL of its own.
//! Every page works without scripts. Small modules of ours add live updates: an event names what changed, never what it
//! says, and the page fetches the fragment again with the rights of whoever reads it.
//!
//! **Invariant:** a page that names a patient was opened through [`crate::access::open_patient`] or listed through the
//! access rules, and is never kept by a cache.

mod admin;
mod asset;
mod chain;
mod enrol;
mod failure;
pub(crate) mod format;
mod frame;
mod gateways;
mod guard;
mod live;
mod login;
mod me;
mod page;
pub mod patient;
mod plan;
mod policies;
mod population;
mod probes;
mod quarantine;
mod questions;
mod state;
mod task;
pub(crate) mod text;
mod visit;
mod words;
mod worklist;

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

pub use state::AppState;

/// Every page, behind every guard.
pub fn router(state: AppState) -> Router {
    let pages = Router::new()
        .route("/", get(login::home))
        .route("/login", get(login::show).post(login::log_in))
        .route("/logout", post(login::log_out))
        .route("/password", get(login::show_password).post(login::change_password))
        .route("/language", post(login::choose_language))
        .route("/population", get(population::show))
        .route("/worklist", get(worklist::show))
        .route("/patients", get(worklist::patients))
        .route("/patients/{id}/message", post(task::acts::message_to_patient))
        .route("/tasks/{id}", get(task::show))
        .route("/tasks/{id}/message", post(task::acts::message))
        .route("/tasks/{id}/{act}", post(task::acts::act))
        .route("/me", get(me::today::show))
        .route("/me/questions", get(questions::own))
        .route("/me/form", get(questions::own))
        .route("/me/answers", post(questions::own_answer))
        .route("/patients/{id}/questions", get(questions::beside).post(questions::beside_answer))
        .route("/me/values", get(me::values::show))
        .route("/me/conversation", get(me::talk::show).post(me::talk::write))
        .route("/me/plan", get(me::plan::show))
        .route("/admin", get(admin::show))
        .route("/admin/register", post(admin::paste))
        .route("/admin/{table}", get(admin::show_table).post(admin::write))
        .route("/patients/{id}/plan", get(plan::show))
        .route("/patients/{id}/plan/{what}", post(plan::change))
        .route("/quarantine", get(quarantine::show))
        .route("/quarantine/readmit", post(quarantine::readmit))
        .route("/quarantine/{id}/{act}", post(quarantine::settle))
        .route("/gateways", get(gateways::list))
        .route("/gateways/{id}", get(gateways::show))
        .route("/gateways/{id}/code", post(gateways::issue))
        .route("/gateways/{id}/revoke", post(gateways::revoke))
        .route("/gateways/{id}/replace", post(gateways::replace))
        .route("/enrol", post(enrol::enrol))
        .route("/enrol/renew", post(enrol::renew))
        .route("/live", get(live::listen))
        .route("/chain", get(chain::show))
        .route("/livez", get(probes::live))
        .route("/readyz", get(probes::ready))
        .route("/watchdog", get(probes::watchdog))
        .route("/metrics", get(probes::metrics))
        .route("/static/{version}/{name}", get(asset::serve))
        .merge(patient::router())
        .merge(policies::router())
        .fallback(failure::missing);
    guard::around(pages, &state).with_state(state)
}

/// How long requests under way may take once the service stops. Open streams of live updates never end by themselves.
const LAST_REQUESTS: Duration = Duration::from_secs(1);

/// Serves `router` on `listener` until `shutdown` resolves; requests under way are then finished, for at most a second.
///
/// # Errors
/// The listener's.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let (stop, stopped) = oneshot::channel();
    let stopping = async move {
        shutdown.await;
        // Nobody waits only when the server itself has already ended.
        let _ = stop.send(());
    };
    let patience = async {
        match stopped.await {
            Ok(()) => tokio::time::sleep(LAST_REQUESTS).await,
            Err(_) => std::future::pending().await,
        }
    };
    let router = router.into_make_service_with_connect_info::<SocketAddr>();
    let server = axum::serve(listener, router).with_graceful_shutdown(stopping).into_future();
    tokio::select! {
        ended = server => ended,
        () = patience => Ok(()),
    }
}
