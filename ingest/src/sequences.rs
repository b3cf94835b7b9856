//! The sequences that a transaction moves: each read once, moved as far as it goes, and noted before the commit.
//!
//! **Invariant:** a receipt says how far a sequence is in the same transaction that took it there.

use care::admission::streams::{self, Of, Stream};
use care::store::StoreError;
use foldhash::HashMap;
use vitals::{GatewayId, OutboxId, Receipt, Seq, Timestamp};

use crate::fault::{self, Flaw};
use crate::sequence::Sequence;
use crate::sitting::Sitting;

const FOLLOW_AT_ONCE: u32 = 1_000;

/// The sequences that a sitting moves, in the order it first met them.
#[derive(Debug, Default)]
pub(crate) struct Sequences {
    moved: Vec<Moved>,
    /// The places of those of each gateway.
    of: HashMap<GatewayId, Vec<usize>>,
    /// Every sequence in the store of the gateways that are here.
    foreseen: HashMap<GatewayId, Vec<Of>>,
}

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
    /// Takes at hand all the sequences of `gateways`, which are `known`.
    pub(crate) fn foresee(&mut self, gateways: &[&GatewayId], known: Vec<Of>) {
        self.foreseen.extend(gateways.iter().map(|gateway| ((*gateway).clone(), Vec::new())));
        for of in known {
            self.foreseen.entry(of.gateway.clone()).or_default().push(of);
        }
    }

    /// Whether `seq` is larger than every number that was ever decided in the sequence `met`.
    pub(crate) fn is_beyond(&self, met: Met, seq: Seq) -> bool {
        self.moved.get(met.index).is_some_and(|moved| seq.get() > moved.sequence.highest())
    }

    /// The sequence `met`, as it was when it was met.
    pub(crate) fn stream(&self, met: Met) -> Option<&Stream> {
        self.moved.get(met.index).map(|moved| &moved.stream)
    }

    /// Where the sequence of `outbox` of `gateway` is, if it was met.
    fn place(&self, gateway: &GatewayId, outbox: &OutboxId) -> Option<usize> {
        self.of.get(gateway)?.iter().copied().find(|place| self.moved[*place].outbox == *outbox)
    }

    /// Notes that `seq` of the sequence `met` is decided.
    pub(crate) fn decide(&mut self, met: Met, seq: Seq) {
        if let Some(moved) = self.moved.get_mut(met.index) {
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
    if let Some(index) = sitting.sequences.place(gateway, outbox) {
        let moved = &mut sitting.sequences.moved[index];
        moved.heard_at = moved.heard_at.max(now);
        return Ok(Met { index, stream: moved.stream.id, gateway_known: moved.gateway_known });
    }
    let gateway_known = sitting.knows_gateway(gateway).await?;
    let stream = stream_of(sitting, gateway, outbox).await?;
    let sequences = &mut sitting.sequences;
    let met = Met { index: sequences.moved.len(), stream: stream.id, gateway_known };
    sequences.of.entry(gateway.clone()).or_default().push(met.index);
    sequences.moved.push(Moved {
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

/// The stream of `outbox` of `gateway`, begun if nothing of it was ever decided.
///
/// # Errors
/// [`StoreError`]; the sitting must then be dropped.
pub(crate) async fn stream_of(
    sitting: &mut Sitting<'_>,
    gateway: &GatewayId,
    outbox: &OutboxId,
) -> Result<Stream, StoreError> {
    if let Some(place) = sitting.sequences.place(gateway, outbox) {
        return Ok(sitting.sequences.moved[place].stream.clone());
    }
    let found = match sitting.sequences.foreseen.get(gateway) {
        Some(all) => all.iter().find(|of| of.outbox == *outbox).map(|of| of.stream.clone()),
        None => streams::find(sitting.store().await?, gateway, outbox).await?,
    };
    match found {
        Some(stream) => Ok(stream),
        None => streams::begin(sitting.store().await?, gateway, outbox).await,
    }
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
    let mut noted = Vec::new();
    for mut moved in std::mem::take(&mut sitting.sequences).moved {
        while moved.follow {
            let through = moved.sequence.through();
            let ahead =
                streams::decided_beyond(sitting.store().await?, moved.stream.id, through, FOLLOW_AT_ONCE)
                    .await?;
            moved.sequence.follow(ahead);
            moved.follow = moved.sequence.has_gap() && moved.sequence.through() > through;
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
            through: moved.sequence.through(),
            highest: moved.sequence.highest(),
            gap_since,
            ..moved.stream
        };
        if fault::flawed(Flaw::ThroughInMemory) {
            fault::keep_in_memory(stream.id, moved.sequence);
        }
        noted.push((Of { gateway: moved.gateway, outbox: moved.outbox, stream }, moved.heard_at));
    }
    if !fault::flawed(Flaw::ThroughInMemory) {
        streams::note(sitting.store().await?, &noted).await?;
    }
    let receipt = |Of { gateway, outbox, stream }| Receipted {
        gateway,
        receipt: Receipt { outbox, through: stream.through },
    };
    Ok(noted.into_iter().map(|(of, _)| receipt(of)).collect())
}
