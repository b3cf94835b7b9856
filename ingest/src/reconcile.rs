//! The reconciliation: what gateways say they sent = what is decided = what is stored = what the rules were given = what is
//! projected. Every difference is either explained, and counted, or named.
//!
//! It reads and repairs nothing. The store is looked at as it is at one moment, so that what arrives meanwhile is no difference.
//! Knows no patient: it names gateways, numbers and readings.
//!
//! **Invariant:** a row that one place has and another has not, or has otherwise, is in [`Reconciled::differences`] or in
//! [`Reconciled::explained`].

mod judged;
mod numbers;
mod projected;

use std::collections::BTreeSet;

use care::reconcile::outboxes;
use care::store::{Store, StoreError};
use serde::Serialize;

use crate::questdb::{CheckError, Server};

/// Where a row is not as it must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// A gateway's outbox, by what its heartbeat and its messages say.
    Outbox,
    /// What was decided about each number.
    Decided,
    /// The readings.
    Readings,
    /// What the rules were given.
    Assessed,
    /// The table in QuestDB.
    Questdb,
}

/// What is wrong with it there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Wrong {
    /// It must be there and is not.
    Missing,
    /// It is there and must not be.
    Extra,
    /// It is there and says something else.
    Altered,
}

/// One difference that nothing explains.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Where.
    pub store: Place,
    /// What.
    pub difference: Wrong,
    /// The gateway, where one is concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway: Option<String>,
    /// Its outbox.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outbox: Option<String>,
    /// The number there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// The place in the journal, where a reading is concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arrival: Option<i64>,
    /// The reading's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reading: Option<String>,
    /// How that is seen, in words.
    pub why: String,
}

impl Difference {
    fn new(store: Place, difference: Wrong, why: impl Into<String>) -> Self {
        let why = why.into();
        Self { store, difference, gateway: None, outbox: None, seq: None, arrival: None, reading: None, why }
    }

    fn at(self, gateway: &str, outbox: &str, seq: u64) -> Self {
        Self { gateway: Some(gateway.to_owned()), outbox: Some(outbox.to_owned()), seq: Some(seq), ..self }
    }

    fn of(self, arrival: i64, reading: Option<&str>) -> Self {
        Self { arrival: Some(arrival), reading: reading.map(str::to_owned), ..self }
    }
}

/// What is not the same on both sides for a reason that is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Explained {
    /// Numbers that wait in outboxes for their receipts.
    pub waiting_in_outboxes: u64,
    /// Numbers decided as the same measurement under another number.
    pub duplicates: u64,
    /// Numbers put aside for a person.
    pub quarantined: u64,
    /// Numbers that will never carry anything.
    pub void: u64,
    /// Readings that came of the quarantine.
    pub readmitted: u64,
    /// Numbers missing of boxes that were replaced, of which people were told.
    pub of_replaced_boxes: u64,
    /// Readings that no gateway brought: answers.
    pub answers: u64,
    /// Readings from before it was noted what the rules were given.
    pub before_marks: u64,
    /// Readings that the projection has not taken yet.
    pub projection_lag: u64,
}

/// How much was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Looked {
    /// Outboxes.
    pub outboxes: u64,
    /// Decided numbers.
    pub decided: u64,
    /// Readings.
    pub readings: u64,
    /// Marks of what the rules were given.
    pub assessed: u64,
    /// Rows in QuestDB; `None` where there is none.
    pub questdb_rows: Option<u64>,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// How much was looked at.
    pub looked: Looked,
    /// What is known why.
    pub explained: Explained,
    /// What is not.
    pub differences: Vec<Difference>,
    /// Arrivals that are named as a difference of the readings: the same in the places behind it is no other one.
    named: BTreeSet<i64>,
}

/// Why a reconciliation came to no end.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// QuestDB could not be compared.
    #[error(transparent)]
    Questdb(#[from] CheckError),
}

/// Holds every place against the next. With `questdb`, the projection too.
///
/// # Errors
/// [`ReconcileError`].
pub async fn reconcile(store: &Store, questdb: Option<&Server>) -> Result<Reconciled, ReconcileError> {
    let mut found = Reconciled::default();
    {
        let mut snapshot = store.snapshot().await?;
        let known = outboxes(&mut snapshot).await?;
        numbers::compare(&mut snapshot, &known, &mut found).await?;
        judged::compare(&mut snapshot, &mut found).await?;
    }
    if let Some(server) = questdb {
        projected::compare(store, server, &mut found).await?;
    }
    Ok(found)
}
