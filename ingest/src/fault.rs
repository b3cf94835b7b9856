//! Points between the steps of a commit where a test can hold, to cut the power there.
//!
//! Without the feature `fault-points` nothing of this is compiled but empty functions and a wait that waits. With it, a test from
//! outside holds the process for ever ([`held`]: `VAGEN_HOLD=step:n:file` names a step, the how-manieth time it is reached, and a
//! file to write when it is), or one from inside that has the clock in its hand takes over at every step and every wait ([`played`]).
//!
//! **Invariant:** in a release nothing is broken, nothing holds and a wait waits.

#[cfg(feature = "fault-points")]
mod held;
#[cfg(feature = "fault-points")]
pub mod played;

use std::time::Duration;

#[cfg(not(feature = "fault-points"))]
use crate::sequence::Sequence;

/// A step of the way from message to receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Everything is written in the transaction, nothing is durable.
    BeforeCommit,
    /// Everything is durable, nothing is acknowledged.
    BetweenCommitAndAck,
    /// The broker has its acknowledgements, the gateway no receipt.
    BetweenAckAndReceipt,
}

/// A way to build this room wrong. A simulation that lets one pass proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Messages are acknowledged before what they said is committed.
    AckBeforeCommit,
    /// Receipts go out before the commit that they speak of.
    ReceiptBeforeCommit,
    /// A receipt speaks of the highest number decided, over a gap.
    ReceiptOverGap,
    /// How far a sequence is, is not written down.
    ThroughInMemory,
    /// The same measurement by way of two gateways counts twice.
    NoDeduplication,
    /// What was measured before the newest reading is passed over, as by a cursor on the time of measuring.
    CursorOnMeasuringTime,
    /// An acknowledgement goes out on whatever connection there is.
    NoEpoch,
    /// A number declared void is noted, and nobody is told.
    SilentVoid,
}

/// Whether this build is to be wrong in this way: never without the feature, and with it only where a test says so.
#[cfg(not(feature = "fault-points"))]
pub(crate) const fn flawed(flaw: Flaw) -> bool {
    match flaw {
        Flaw::AckBeforeCommit
        | Flaw::ReceiptBeforeCommit
        | Flaw::ReceiptOverGap
        | Flaw::ThroughInMemory
        | Flaw::NoDeduplication
        | Flaw::CursorOnMeasuringTime
        | Flaw::NoEpoch
        | Flaw::SilentVoid => false,
    }
}

#[cfg(feature = "fault-points")]
pub(crate) use played::{flawed, keep_in_memory, kept_in_memory};

/// Where a build that is wrong in the way of [`Flaw::ThroughInMemory`] believes that the sequence `stream` is.
#[cfg(not(feature = "fault-points"))]
pub(crate) const fn kept_in_memory(_stream: i64) -> Option<Sequence> {
    None
}

/// Keeps where the sequence `stream` is, for such a build.
#[cfg(not(feature = "fault-points"))]
pub(crate) const fn keep_in_memory(_stream: i64, _sequence: Sequence) {}

/// Says that `step` is reached. Goes on at once, unless a test asked to hold here.
#[cfg(not(feature = "fault-points"))]
pub(crate) async fn reached(step: Step) {
    match step {
        Step::BeforeCommit | Step::BetweenCommitAndAck | Step::BetweenAckAndReceipt => {}
    }
}

/// Says that `step` is reached. Goes on at once, unless a test asked to hold here.
#[cfg(feature = "fault-points")]
pub(crate) async fn reached(step: Step) {
    held::here(step);
    played::halt(played::Halt::At(step)).await;
}

/// Waits for `pause`.
#[cfg(not(feature = "fault-points"))]
pub(crate) async fn pause(pause: Duration) {
    tokio::time::sleep(pause).await;
}

/// Waits for `pause`, as long as that is on the clock of whoever has it in hand.
#[cfg(feature = "fault-points")]
pub(crate) async fn pause(pause: Duration) {
    if played::is_played() {
        played::halt(played::Halt::For(pause)).await;
    } else {
        tokio::time::sleep(pause).await;
    }
}
