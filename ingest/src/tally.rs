//! What was counted in one transaction, told to the metrics once it has committed.
//!
//! **Invariant:** no label holds an id; a transaction that failed counted nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::judge::Reason;

const COMMITS: &str = "vagen_ingest_commits_total";
const READINGS: &str = "vagen_ingest_readings_total";
const DUPLICATES: &str = "vagen_ingest_duplicates_total";
const VOIDS: &str = "vagen_ingest_voids_total";
const QUARANTINED: &str = "vagen_ingest_quarantined_total";

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

    /// Shows every count as 0 from the start: a series that is missing says nothing, one that is 0 says that nothing came.
    pub(crate) fn begin() {
        for name in [COMMITS, READINGS, DUPLICATES, VOIDS] {
            metrics::counter!(name).increment(0);
        }
        for reason in Reason::ALL {
            metrics::counter!(QUARANTINED, "reason" => reason.key()).increment(0);
        }
    }

    /// Tells the metrics, after a commit that took `took`.
    pub(crate) fn publish(&self, took: Duration) {
        metrics::counter!(COMMITS).increment(1);
        metrics::histogram!("vagen_ingest_commit_seconds").record(took.as_secs_f64());
        metrics::counter!(READINGS).increment(self.readings);
        metrics::counter!(DUPLICATES).increment(self.duplicates);
        metrics::counter!(VOIDS).increment(self.voids);
        for (reason, count) in &self.quarantined {
            metrics::counter!(QUARANTINED, "reason" => reason.key()).increment(*count);
        }
    }
}
