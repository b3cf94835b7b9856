//! What was counted in one transaction, told to the metrics once it has committed.
//!
//! **Invariant:** no label holds an id; a transaction that failed counted nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::judge::Reason;

/// Counts of one transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) readings: u64,
    pub(crate) duplicates: u64,
    pub(crate) voids: u64,
    pub(crate) quarantined: BTreeMap<Reason, u64>,
}

impl Tally {
    pub(crate) fn quarantine(&mut self, reason: Reason) {
        *self.quarantined.entry(reason).or_default() += 1;
    }

    /// Tells the metrics, after a commit that took `took`.
    pub(crate) fn publish(&self, took: Duration) {
        metrics::counter!("vagen_ingest_commits_total").increment(1);
        metrics::histogram!("vagen_ingest_commit_seconds").record(took.as_secs_f64());
        metrics::counter!("vagen_ingest_readings_total").increment(self.readings);
        metrics::counter!("vagen_ingest_duplicates_total").increment(self.duplicates);
        metrics::counter!("vagen_ingest_voids_total").increment(self.voids);
        for (reason, count) in &self.quarantined {
            metrics::counter!("vagen_ingest_quarantined_total", "reason" => reason.key()).increment(*count);
        }
    }
}
