//! What every page needs to do its work.

use std::sync::Arc;

use metrics_exporter_prometheus::PrometheusHandle;

use crate::clock::Clock;
use crate::enrolment::Enrolment;
use crate::health::Health;
use crate::intake::SymptomIntake;
use crate::live::Feed;
use crate::store::Store;

/// The parts behind the pages. Clones share them.
#[derive(Clone)]
pub struct AppState {
    /// The record.
    pub store: Store,
    /// What just changed.
    pub feed: Feed,
    /// How the chain is.
    pub health: Health,
    /// The time.
    pub clock: Clock,
    /// Where answers go.
    pub intake: Arc<dyn SymptomIntake>,
    /// What `/metrics` prints; `None` where nobody counts.
    pub metrics: Option<PrometheusHandle>,
    /// The names of the policies a patient may have.
    pub policies: Vec<String>,
    /// Who signs for home boxes.
    pub enrolment: Enrolment,
    /// Whether browsers reach this over HTTPS, so that cookies may be sent over nothing else.
    pub https: bool,
}

impl std::fmt::Debug for AppState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AppState").field("https", &self.https).finish_non_exhaustive()
    }
}
