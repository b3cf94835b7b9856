//! Where a conversation stands, and how long it may stand there.
//!
//! **Invariant:** every state that waits for the device has a time when it stops waiting.

use vitals::Timestamp;

use crate::format::Uuid16;

pub(super) const CONNECT_WITHIN_MS: i64 = 30 * Timestamp::SECOND_MS;
/// Leaves time to set the clock within the five seconds that A&D's devices give.
pub(super) const CLOCK_READ_WITHIN_MS: i64 = 3 * Timestamp::SECOND_MS;
/// What of a device's window stays for writing its clock, however late the read is answered; and the least that a read gets.
pub(super) const CLOCK_WRITE_TAKES_MS: i64 = Timestamp::SECOND_MS;
pub(super) const CLOCK_READ_TAKES_MS: i64 = Timestamp::SECOND_MS / 2;
/// Somebody else who leads the conversation may read the clock later than we would.
pub(super) const WAIT_FOR_ANSWERS_MS: i64 = 10 * Timestamp::SECOND_MS;
pub(super) const SILENCE_MS: i64 = 2 * Timestamp::MINUTE_MS;
/// Silence after a device said that it has sent all its records: long enough for one that is being measured.
pub(super) const DRAINED_SILENCE_MS: i64 = 10 * Timestamp::SECOND_MS;
/// Records whose clock nobody can read come in a burst. This long after one no other comes, and no burst is longer than that.
pub(super) const QUIET_MS: i64 = 3 * Timestamp::SECOND_MS;
pub(super) const BATCH_WITHIN_MS: i64 = 30 * Timestamp::SECOND_MS;
pub(super) const HANG_UP_WITHIN_MS: i64 = 10 * Timestamp::SECOND_MS;
/// A device that had nothing to say is left alone for a while, for its battery's sake.
pub(super) const REST_MS: i64 = Timestamp::MINUTE_MS;
pub(super) const UNREADABLE_REST_MS: i64 = Timestamp::HOUR_MS;

/// How the connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    Idle,
    Connecting {
        until: Timestamp,
    },
    /// Told of at `since`; the link itself stands since `link_up_at`.
    Connected {
        since: Timestamp,
        link_up_at: Timestamp,
    },
    Closing {
        until: Timestamp,
    },
}

/// What a connection still has to ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nothing.
    Done,
    /// The clock was asked for; setting it waits for the answer.
    ReadingClock { channel: Uuid16, until: Timestamp },
    /// The device asks for a moment before subscriptions.
    Pausing { until: Timestamp },
}
