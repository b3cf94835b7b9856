//! The committer: messages from the queue, as many as the [`Batching`] says in one transaction; then the acknowledgements in the order of
//! receipt; then one receipt for each sequence that moved or was asked about.
//!
//! A store that is down or full is tried again for ever, and nothing is acknowledged meanwhile. An item on which judging
//! itself fails is set apart from its neighbours and quarantined.
//!
//! **Invariant:** what is acknowledged and receipted was committed before.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use care::health::Part;
use care::language::Words;
use care::live::Change;
use care::store::{Store, StoreError, numbers};
use futures::FutureExt;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use vitals::{Downstream, GatewayId};

use crate::admit::{self, Source};
use crate::beat::{self, Belief};
use crate::canary;
use crate::fault::{self, Flaw, Step};
use crate::judge::Item;
use crate::link::{Gate, Outlet};
use crate::pace::Paced;
use crate::queue::{Arrived, Brings, Topic, down};
use crate::resend::{Ask, Asked};
use crate::sequences::{self, Receipted};
use crate::sitting::{Desk, Sitting, SittingError};
use crate::stop::Stop;

/// How much is taken into one transaction, and how long more is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batching {
    /// The most messages in one transaction.
    pub messages_max: usize,
    /// The most messages that wait for one.
    pub waiting_max: usize,
    /// How long more is waited for while messages flow; a message that comes alone waits for nothing.
    pub linger: Duration,
}

impl Batching {
    /// The embedded broker gives out at most a hundred messages before it wants an acknowledgement: there is no more to wait for.
    pub const EMBEDDED: Self = Self { messages_max: 100, waiting_max: 1_024, linger: Duration::ZERO };
    /// A broker of its own gives out as many as it is told to. What one commit costs is shared by all in it.
    pub const EXTERNAL: Self =
        Self { messages_max: 4_000, waiting_max: 16_384, linger: Duration::from_millis(15) };
}

/// From so many messages in a commit on, more are on their way.
const FLOWING: usize = 32;
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// A process that was taken for gone joins anew within a second.
const REJOIN: Duration = Duration::from_millis(250);
/// How often a store that answers may fail on an item before the item counts as the cause.
const TRIES: u32 = 3;

/// See the module.
pub(crate) struct Committer<O> {
    pub(crate) desk: Arc<Desk>,
    pub(crate) queue: mpsc::Receiver<Arrived>,
    pub(crate) gate: Arc<Gate<O>>,
    pub(crate) asked: Arc<Asked>,
    pub(crate) batching: Batching,
    pub(crate) paced: Paced,
    /// How many messages the last commit held.
    pub(crate) taken_before: usize,
    pub(crate) stop: Stop,
}

/// What follows from a committed batch.
#[derive(Debug, Default)]
struct Decided {
    receipts: Vec<Receipted>,
    asks: Vec<Ask>,
}

impl<O: Outlet> Committer<O> {
    /// Commits until the service stops or the queue ends.
    pub(crate) async fn run(mut self) {
        let stop = self.stop.clone();
        while self.turn(&stop).await {}
    }

    /// Commits and tells what waits, once something does. Says whether there will be another turn.
    pub(crate) async fn turn(&mut self, stop: &Stop) -> bool {
        let Batching { messages_max, linger, waiting_max: _ } = self.batching;
        let flows = self.taken_before.max(self.queue.len()) >= FLOWING;
        if flows && self.queue.len() < messages_max && !linger.is_zero() {
            self.wait(linger).await;
        }
        let mut batch = Vec::with_capacity(self.queue.len().clamp(1, messages_max));
        tokio::select! {
            taken = self.queue.recv_many(&mut batch, messages_max) => if taken == 0 { return false },
            () = held_until(self.paced.next()) => {
                self.send_held();
                return true;
            }
            () = stop.asked() => return false,
        }
        if fault::flawed(Flaw::AckBeforeCommit) {
            self.acknowledge(&batch).await;
        }
        let Some(decided) = self.decide(&batch).await else { return false };
        self.taken_before = batch.len();
        self.tell(&batch, decided).await;
        self.send_held();
        true
    }

    /// Acknowledges `batch` and sends what follows from it.
    async fn tell(&mut self, batch: &[Arrived], decided: Decided) {
        fault::reached(Step::BetweenCommitAndAck).await;
        if !fault::flawed(Flaw::AckBeforeCommit) {
            self.acknowledge(batch).await;
        }
        fault::reached(Step::BetweenAckAndReceipt).await;
        let now = Instant::now();
        for arrived in batch {
            if let Topic::Up(Some(gateway)) = &arrived.topic {
                self.paced.sent(gateway, arrived.length, now);
            }
        }
        for receipted in decided.receipts {
            if let Some(receipted) = self.paced.release(receipted, now) {
                self.send_receipt(receipted);
            }
        }
        for ask in &decided.asks {
            self.send(&ask.gateway, &ask.message());
        }
    }

    async fn acknowledge(&self, batch: &[Arrived]) {
        for arrived in batch {
            if let Some(token) = arrived.token {
                self.gate.ack(arrived.epoch, token).await;
            }
        }
    }

    /// Sends the receipts that were held and are due.
    fn send_held(&mut self) {
        for receipted in self.paced.due(Instant::now()) {
            self.send_receipt(receipted);
        }
    }

    fn send_receipt(&self, Receipted { gateway, receipt }: Receipted) {
        tracing::debug!(%gateway, outbox = %receipt.outbox, through = receipt.through, "receipted");
        self.send(&gateway, &Downstream { receipt: Some(receipt), ..Downstream::default() });
    }

    /// Sends without waiting. What finds no room is not sent: the gateway sends again what has no receipt.
    fn send(&self, gateway: &GatewayId, message: &Downstream) {
        send(self.gate.outlet(), gateway, message);
    }

    /// Commits `batch`, however long it takes; `None` when the service stops first, with nothing of it half-done.
    async fn decide(&self, batch: &[Arrived]) -> Option<Decided> {
        let mut pause = PAUSE_MIN;
        let mut failures = 0;
        loop {
            let error = match outlived(self.commit(batch)).await {
                Ok(decided) => {
                    self.store_works();
                    return Some(decided);
                }
                Err(SittingError::Removed) => {
                    self.wait(REJOIN).await?;
                    continue;
                }
                Err(error) => error,
            };
            failures += 1;
            tracing::error!(%error, failures, messages = batch.len(), "a batch was not committed");
            if is_in_the_input(&error) || (failures >= TRIES && self.store_answers(&error).await) {
                return self.decide_singly(batch).await;
            }
            self.store_fails();
            self.wait(pause).await?;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    async fn commit(&self, batch: &[Arrived]) -> Result<Decided, SittingError> {
        canary::rehearse(&self.desk, batch).await?;
        let judged: Vec<_> = batch.iter().map(|arrived| (arrived.source(), arrived.items())).collect();
        let mut sitting = self.desk.sit_as_member().await?;
        sitting.foresee(&judged).await?;
        let mut beliefs: Vec<Belief> = Vec::new();
        for (arrived, (source, items)) in batch.iter().zip(&judged) {
            for item in *items {
                admit::admit(&mut sitting, *source, item).await?;
            }
            if let Brings::Beat(payload) = &arrived.brings {
                let read = beat::take(&mut sitting, source.gateway, payload, arrived.received_at).await?;
                beliefs.extend(read);
            }
        }
        self.finish(sitting, beliefs).await
    }

    async fn finish(&self, mut sitting: Sitting<'_>, beliefs: Vec<Belief>) -> Result<Decided, SittingError> {
        let receipts = sequences::settle(&mut sitting).await?;
        let now = self.desk.clock.now();
        let mut asks = Vec::new();
        for belief in beliefs {
            asks.extend(self.asked.for_belief(&mut sitting, belief, now).await?);
        }
        if fault::flawed(Flaw::ReceiptBeforeCommit) {
            for Receipted { gateway, receipt } in &receipts {
                self.send(gateway, &Downstream { receipt: Some(receipt.clone()), ..Downstream::default() });
            }
        }
        fault::reached(Step::BeforeCommit).await;
        sitting.commit().await?;
        Ok(Decided { receipts, asks })
    }

    /// Commits every item of `batch` by itself, and quarantines those on which that fails though the store works.
    async fn decide_singly(&self, batch: &[Arrived]) -> Option<Decided> {
        let mut decided = Decided::default();
        for arrived in batch {
            for item in arrived.items() {
                for receipted in self.decide_one(arrived.source(), item).await? {
                    decided.receipts.retain(|earlier| !earlier.is_of_same_outbox(&receipted));
                    decided.receipts.push(receipted);
                }
            }
        }
        self.store_works();
        Some(decided)
    }

    async fn decide_one(&self, source: Source<'_>, item: &Item<'_>) -> Option<Vec<Receipted>> {
        let mut pause = PAUSE_MIN;
        let mut failures = 0;
        let mut give_up = false;
        loop {
            let error = match outlived(self.commit_one(source, item, give_up)).await {
                Ok(decided) => return Some(decided.receipts),
                Err(SittingError::Removed) => {
                    self.wait(REJOIN).await?;
                    continue;
                }
                Err(error) => error,
            };
            failures += 1;
            tracing::error!(%error, failures, give_up, "an item was not committed");
            give_up =
                give_up || is_in_the_input(&error) || (failures >= TRIES && self.store_answers(&error).await);
            if !is_in_the_input(&error) {
                self.store_fails();
                self.wait(pause).await?;
                pause = (pause * 2).min(PAUSE_MAX);
            } else if failures > TRIES {
                // Even to set it aside fails. That is no input's fault, and goes no faster by trying at once.
                self.wait(PAUSE_MAX).await?;
            }
        }
    }

    async fn commit_one(
        &self,
        source: Source<'_>,
        item: &Item<'_>,
        give_up: bool,
    ) -> Result<Decided, SittingError> {
        if !give_up {
            canary::rehearse_one(&self.desk, source, item).await?;
        }
        let mut sitting = self.desk.sit_as_member().await?;
        if give_up {
            admit::give_up(&mut sitting, source, item).await?;
        } else {
            admit::admit(&mut sitting, source, item).await?;
        }
        self.finish(sitting, Vec::new()).await
    }

    /// Whether the store takes a write right after it failed with `error`: then the store is not what fails.
    async fn store_answers(&self, error: &SittingError) -> bool {
        // A disk that is nearly full, or fails now and then, takes the small write of a probe and not the reading.
        if matches!(error, SittingError::Store(error) if error.is_of_the_store()) {
            return false;
        }
        probe(&self.desk.store).await.is_ok()
    }

    fn store_works(&self) {
        if self.desk.health.whole(Part::Store, self.desk.clock.now()) {
            self.desk.feed.announce(Change::Health);
        }
    }

    fn store_fails(&self) {
        if self.desk.health.broken(Part::Store, self.desk.clock.now(), nothing_is_stored()) {
            self.desk.feed.announce(Change::Health);
        }
    }

    /// Waits; `None` when the service stops meanwhile.
    async fn wait(&self, pause: Duration) -> Option<()> {
        tokio::select! {
            () = fault::pause(pause) => Some(()),
            () = self.stop.asked() => None,
        }
    }
}

/// Waits until the first receipt that is held may go; for ever while none is.
async fn held_until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// Writes a count of no meaning: whether the store takes anything at all.
///
/// # Errors
/// [`StoreError`] when it does not.
pub(crate) async fn probe(store: &Store) -> Result<(), StoreError> {
    let mut tx = store.write().await?;
    numbers::count(&mut tx, "ingest.probe", 1).await?;
    tx.commit().await
}

/// Runs a commit. A fault of ours that panics is an error here, so that the committer outlives it.
async fn outlived<T>(commit: impl Future<Output = Result<T, SittingError>>) -> Result<T, SittingError> {
    AssertUnwindSafe(commit)
        .catch_unwind()
        .await
        .unwrap_or_else(|_| Err(SittingError::Fault { what: "a commit panicked".to_owned() }))
}

/// Sends `message` to `gateway` without waiting.
pub(crate) fn send(outlet: &impl Outlet, gateway: &GatewayId, message: &Downstream) {
    let sent = serde_json::to_vec(message).map(|payload| outlet.try_publish(&down(gateway), payload));
    if !matches!(sent, Ok(Ok(()))) {
        metrics::counter!("vagen_ingest_unsent_total").increment(1);
    }
}

/// Whether `error` comes from what was judged, so that the same input fails again while the store works.
pub(crate) fn is_in_the_input(error: &SittingError) -> bool {
    match error {
        SittingError::Fault { .. } | SittingError::Store(StoreError::Unreadable { .. }) => true,
        SittingError::Store(StoreError::Database(error)) => error.as_database_error().is_some_and(|error| {
            error.is_unique_violation() || error.is_foreign_key_violation() || error.is_check_violation()
        }),
        SittingError::Removed
        | SittingError::Store(
            StoreError::Open { .. } | StoreError::Newer { .. } | StoreError::Schema { .. } | StoreError::Full,
        ) => false,
    }
}

/// What is not known while the store takes nothing.
pub(crate) fn nothing_is_stored() -> Words {
    Words::new(
        "Databasen tar inte emot värden. Inget kvitteras; värdena sparas i hemmen tills den gör det.",
        "The database takes no values. Nothing is acknowledged; values are kept at home until it does.",
    )
}
