//! The sequences that a transaction moves: each read once, moved as far as it goes, and noted before the commit.
//!
//! **Invariant:** a receipt says how far a sequence is in the same transaction that took it there.

use care::admission::streams::{self, Stream};
use care::admission::wearers;
use care::store::StoreError;
use vitals::{GatewayId, OutboxId, Receipt, Seq, Timestamp};

use crate::fault::{self, Flaw};
use crate::sequence::Sequence;
use crate::sitting::Sitting;

const FOLLOW_AT_ONCE: u32 = 1_000;

/// The sequences that a sitting moves, in the order it first met them.
#[derive(Debug, Default)]
pub(crate) struct Sequences(Vec<Moved>);

#[derive(Debug)]
struct Moved {
    gateway: GatewayId,
    outbox: OutboxId,
    stream: Stream,
    sequence: Sequence,
    follow: bool,
    gateway_known: bool,
    heard_at: Timestamp,
}

/// A sequence that the sitting has at hand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Met {
    index: usize,
    /// Its number in the store.
    pub(crate) stream: i64,
    /// Whether its gateway is in the register.
    pub(crate) gateway_known: bool,
}

impl Sequences {
    /// Notes that `seq` of the sequence `met` is decided.
    pub(crate) fn decide(&mut self, met: Met, seq: Seq) {
        if let Some(moved) = self.0.get_mut(met.index) {
            moved.follow |= moved.sequence.decide(seq);
        }
    }
}

/// Takes the sequence of `outbox` of `gateway`, heard at `now`, at hand.
///
/// # Errors
/// [`StoreError`]; the sitting must then be dropped.
pub(crate) async fn meet(
    sitting: &mut Sitting<'_>,
    gateway: &GatewayId,
    outbox: &OutboxId,
    now: Timestamp,
) -> Result<Met, StoreError> {
    let same = |moved: &Moved| moved.gateway == *gateway && moved.outbox == *outbox;
    if let Some(index) = sitting.sequences.0.iter().position(same) {
        let moved = &mut sitting.sequences.0[index];
        moved.heard_at = moved.heard_at.max(now);
        return Ok(Met { index, stream: moved.stream.id, gateway_known: moved.gateway_known });
    }
    let gateway_known = match sitting.sequences.0.iter().find(|moved| moved.gateway == *gateway) {
        Some(moved) => moved.gateway_known,
        None => wearers::gateway_known(&mut sitting.tx, gateway).await?,
    };
    let stream = match streams::find(&mut sitting.tx, gateway, outbox).await? {
        Some(stream) => stream,
        None => streams::begin(&mut sitting.tx, gateway, outbox).await?,
    };
    let met = Met { index: sitting.sequences.0.len(), stream: stream.id, gateway_known };
    sitting.sequences.0.push(Moved {
        gateway: gateway.clone(),
        outbox: outbox.clone(),
        sequence: fault::kept_in_memory(stream.id)
            .unwrap_or_else(|| Sequence::new(stream.through, stream.highest)),
        stream,
        follow: false,
        gateway_known,
        heard_at: now,
    });
    Ok(met)
}

/// A receipt and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Receipted {
    pub(crate) gateway: GatewayId,
    pub(crate) receipt: Receipt,
}

impl Receipted {
    pub(crate) fn is_of_same_outbox(&self, other: &Self) -> bool {
        self.gateway == other.gateway && self.receipt.outbox == other.receipt.outbox
    }
}

/// Moves every sequence that this sitting met as far as it goes, notes it, and says what to receipt once it is durable.
///
/// # Errors
/// [`StoreError`]; the sitting must then be dropped.
pub(crate) async fn settle(sitting: &mut Sitting<'_>) -> Result<Vec<Receipted>, StoreError> {
    let mut receipts = Vec::new();
    for mut moved in std::mem::take(&mut sitting.sequences).0 {
        while moved.follow {
            let ahead = streams::decided_beyond(
                &mut sitting.tx,
                moved.stream.id,
                moved.sequence.through(),
                FOLLOW_AT_ONCE,
            )
            .await?;
            let before = moved.sequence.through();
            moved.sequence.follow(ahead);
            moved.follow = moved.sequence.has_gap() && moved.sequence.through() > before;
        }
        if fault::flawed(Flaw::ReceiptOverGap) {
            moved.sequence = Sequence::new(moved.sequence.highest(), moved.sequence.highest());
        }
        let stands = moved.sequence.through() == moved.stream.through;
        let gap_since = match moved.stream.gap_since {
            _ if !moved.sequence.has_gap() => None,
            Some(since) if stands => Some(since),
            Some(_) | None => Some(moved.heard_at),
        };
        let stream = Stream {
            id: moved.stream.id,
            through: moved.sequence.through(),
            highest: moved.sequence.highest(),
            gap_since,
        };
        if fault::flawed(Flaw::ThroughInMemory) {
            fault::keep_in_memory(stream.id, moved.sequence);
        } else {
            streams::note(&mut sitting.tx, &stream, moved.heard_at).await?;
        }
        let receipt = Receipt { outbox: moved.outbox, through: stream.through };
        receipts.push(Receipted { gateway: moved.gateway, receipt });
    }
    Ok(receipts)
}
