//! The canary on this side of the broker: judged like a patient's reading, and committed as nobody's.
//!
//! It goes the way of every envelope, to the queue, into the judging and to the receipt. Judged it is in a rehearsal: a
//! transaction in which the canary has a patient, and that is never committed. In the batch it came with, its number is decided
//! and its walk noted. So a commit, a receipt and the rules are seen to work each minute, and nobody's record has a row of it.
//!
//! **Invariant:** nothing that a rehearsal wrote is committed, and a canary that fails stands in nobody's way.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use care::admission::streams::{self, Verdict};
use care::canary::{self, Walked};
use tokio::sync::Notify;
use tracing::Instrument;
use vitals::{Envelope, GatewayId, Timestamp};

use crate::admit::{self, Source};
use crate::commit::is_in_the_input;
use crate::judge::{Content, Item, Place, Reason};
use crate::queue::{Arrived, Topic};
use crate::sequences;
use crate::sitting::{Desk, Sitting, SittingError};

/// Rehearsals whose outcome is remembered until their walk is committed.
const REMEMBERED_MAX: usize = 64;

/// How far the canary was seen to come before the store has it. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Walk(Arc<Seen>);

#[derive(Debug, Default)]
struct Seen {
    arrived_at: AtomicI64,
    rehearsed: Mutex<BTreeMap<(String, u64), bool>>,
    nudged: Notify,
}

impl Walk {
    /// When a message of the canary's last came from the broker; `None` before the first.
    #[must_use]
    pub fn arrived_at(&self) -> Option<Timestamp> {
        match self.0.arrived_at.load(Ordering::SeqCst) {
            0 => None,
            millis => Timestamp::from_millis(millis).ok(),
        }
    }

    /// Lets whoever feeds a projection look now.
    pub fn nudge(&self) {
        self.0.nudged.notify_one();
    }

    /// Waits until somebody wants a projection to be fed.
    pub(crate) async fn nudged(&self) {
        self.0.nudged.notified().await;
    }

    /// A message came on `topic` at `now`.
    pub(crate) fn heard(&self, topic: &str, now: Timestamp) {
        if topic.strip_prefix("vagen/v1/").and_then(|rest| rest.strip_suffix("/up")) == Some(canary::ID) {
            self.0.arrived_at.store(now.as_millis(), Ordering::SeqCst);
        }
    }

    fn remember(&self, place: &Place, assessed: bool) {
        let mut rehearsed = self.0.rehearsed.lock().unwrap_or_else(PoisonError::into_inner);
        if rehearsed.len() >= REMEMBERED_MAX {
            rehearsed.pop_first();
        }
        rehearsed.insert((place.outbox.as_str().to_owned(), place.seq.get()), assessed);
    }

    fn take_rehearsed(&self, place: &Place) -> Option<bool> {
        let mut rehearsed = self.0.rehearsed.lock().unwrap_or_else(PoisonError::into_inner);
        rehearsed.remove(&(place.outbox.as_str().to_owned(), place.seq.get()))
    }
}

/// Whether `envelope` is one of the canary's own.
fn is_canary(envelope: &Envelope) -> bool {
    canary::is_gateway(&envelope.gateway) && envelope.device.id.as_str() == canary::DEVICE
}

fn from_canary(gateway: Option<&GatewayId>) -> bool {
    gateway.is_some_and(canary::is_gateway)
}

/// Rehearses every canary in `batch`, before the transaction that holds the batch begins.
///
/// # Errors
/// [`SittingError`] of a store that does not work.
pub(crate) async fn rehearse(desk: &Desk, batch: &[Arrived]) -> Result<(), SittingError> {
    for arrived in batch {
        let Topic::Up(gateway) = &arrived.topic else { continue };
        if !from_canary(gateway.as_ref()) {
            continue;
        }
        for item in arrived.items() {
            rehearse_one(desk, arrived.source(), item).await?;
        }
    }
    Ok(())
}

/// Rehearses `item`, where it is a canary.
///
/// # Errors
/// As [`rehearse`].
pub(crate) async fn rehearse_one(
    desk: &Desk,
    source: Source<'_>,
    item: &Item<'_>,
) -> Result<(), SittingError> {
    let (true, Some(place), Content::Candidate(envelope)) =
        (from_canary(source.gateway), &item.place, &item.content)
    else {
        return Ok(());
    };
    if !is_canary(envelope) {
        return Ok(());
    }
    let assessed = match performed(desk, source, item).instrument(tracing::debug_span!("rehearsal")).await {
        Ok(assessed) => assessed,
        Err(error) if is_in_the_input(&error) => {
            tracing::error!(%error, "the canary could not be judged");
            false
        }
        Err(error) => return Err(error),
    };
    desk.walk.remember(place, assessed);
    Ok(())
}

/// Whether the rules found in `item` what they must.
async fn performed(desk: &Desk, source: Source<'_>, item: &Item<'_>) -> Result<bool, SittingError> {
    let mut sitting = desk.sit().await?;
    canary::move_in(sitting.store().await?, source.received_at).await?;
    admit::decide(&mut sitting, source, item).await?;
    sequences::settle(&mut sitting).await?;
    // Dropped, the sitting leaves no trace.
    Ok(canary::found(sitting.store().await?).await? > 0)
}

/// Decides `item` where it is the canary's; says whether it was. Anything else on its topic is refused like everybody's.
///
/// # Errors
/// [`SittingError`]; the sitting must then be dropped.
pub(crate) async fn admit(
    sitting: &mut Sitting<'_>,
    source: Source<'_>,
    item: &Item<'_>,
) -> Result<bool, SittingError> {
    let (Some(gateway), Some(place)) = (source.gateway.filter(|id| canary::is_gateway(id)), &item.place)
    else {
        return Ok(false);
    };
    let (verdict, sealed_at) = match &item.content {
        Content::Candidate(envelope) if is_canary(envelope) => (Verdict::Stored, Some(envelope.sealed_at)),
        Content::Void(_) => (Verdict::Void, None),
        // This machine's clock was set back. The next canary is dated right.
        Content::Refused(refusal) if refusal.reason == Reason::FutureDated => (Verdict::Quarantined, None),
        Content::Candidate(_) | Content::Refused(_) => return Ok(false),
    };
    let met = sequences::meet(sitting, gateway, &place.outbox, source.received_at).await?;
    if streams::decided(sitting.store().await?, met.stream, place.seq).await?.is_some() {
        return Ok(true);
    }
    streams::decide(sitting.store().await?, met.stream, place.seq, item.hash.as_str(), verdict).await?;
    if let Some(sealed_at) = sealed_at {
        let walked = Walked {
            outbox: place.outbox.clone(),
            seq: place.seq,
            sealed_at,
            received_at: source.received_at,
            assessed: sitting.walk().take_rehearsed(place).unwrap_or(false),
        };
        canary::note(sitting.store().await?, met.stream, &walked).await?;
    }
    sitting.sequences.decide(met, place.seq);
    Ok(true)
}
