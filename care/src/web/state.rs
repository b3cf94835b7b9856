//! What every page needs to do its work.

use std::sync::Arc;

use metrics_exporter_prometheus::PrometheusHandle;

use crate::clock::Clock;
use crate::enrolment::Enrolment;
use crate::health::Health;
use crate::intake::{RecordDesk, SymptomIntake};
use crate::live::Feed;
use crate::policies::what_if::Jobs;
use crate::series::Series;
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
    /// Where what staff decide about a record goes.
    pub desk: Arc<dyn RecordDesk>,
    /// Policies being tried.
    pub what_ifs: Jobs,
    /// Where long series are read.
    pub series: Series,
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
