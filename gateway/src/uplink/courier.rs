//! The courier: what to do next on the way to the server.
//!
//! Sans-IO. Ask [`Courier::next_order`] until it has none, carry each out, tell it what happened, and wait for whatever
//! comes first: an event, a change of the outbox's depth, or [`Courier::next_deadline`].
//!
//! **When a number is given up.** The server's receipts never pass a gap, so only the lowest unreceipted number (the
//! *head*) can hold up the others, and only it can turn out to be refused. A sending of the head counts as refused when
//! the whole interval to the next one passed on a live connection, no receipt for it came, and the server did say
//! something meanwhile: a server that is silent is down or cut off and refuses nothing, however long. After
//! [`SENDINGS_MAX`] refused sendings the head is declared void. The intervals grow, so that takes at least half an hour.
//!
//! **How much goes into a message.** Up to [`BATCH_ROWS_MAX`] numbers, until one got no receipt or its connection broke. Then the next
//! message holds one number, and each after it twice as many as the one before: what keeps one envelope from arriving, be it its
//! size or something on the way that chokes on it, must not keep those that share a message with it.
//!
//! **Invariant:** on a connection, numbers are sent lowest first; after each new connection everything unreceipted is.

use std::time::{Duration, Instant};

use vitals::Seq;

use super::{AHEAD_MAX, BATCH_ROWS_MAX, WINDOW};
use crate::outbox::Depth;

/// How long to wait for a receipt after the first, second, ... sending of the head; the last goes on for ever.
pub const INTERVALS: [Duration; 5] = [
    Duration::from_secs(10),
    Duration::from_secs(30),
    Duration::from_secs(60),
    Duration::from_secs(120),
    Duration::from_secs(300),
];
/// After this many refused sendings a number is declared void (interface version 1).
pub const SENDINGS_MAX: u32 = 10;
/// How often a sign of life goes out; up to a tenth sooner or later, so that a region's gateways spread.
pub const HEARTBEAT_EVERY: Duration = Duration::from_secs(600);
/// The longest pause before the next attempt to connect; the first is a 64th of it, and each attempt doubles it.
pub const RECONNECT_MAX: Duration = Duration::from_secs(30);
/// A connection that lasted this long starts the pauses from the shortest again.
const STABLE_AFTER: Duration = Duration::from_secs(20);

/// Something to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Connect.
    Connect,
    /// Drop the connection, for this reason, and call [`Courier::lost`].
    HangUp(&'static str),
    /// Subscribe to the topic of receipts.
    Subscribe,
    /// Send a sign of life.
    Heartbeat,
    /// Send the unreceipted numbers after this one, as one message, and say so with [`Courier::sent`].
    Send {
        /// The number before the first.
        after: u64,
    },
    /// Declare this number void and say so with [`Courier::voided`].
    Void(Seq),
}

#[derive(Clone, Debug)]
enum State {
    Down { retry_at: Instant },
    Connecting,
    Up(Connection),
}

#[derive(Clone, Debug)]
struct Connection {
    since: Instant,
    subscribed: bool,
    heartbeat_at: Instant,
    /// The last number sent.
    cursor: u64,
    /// Messages without the broker's acknowledgement.
    in_flight: usize,
    /// Whether the broker acknowledged anything since the head was sent.
    broker_answered: bool,
}

/// What is known of the lowest unreceipted number.
#[derive(Clone, Debug, Default)]
struct Head {
    seq: Option<Seq>,
    refusals: u32,
    unanswered: u32,
    server_answered: bool,
    void: bool,
    resend_at: Option<Instant>,
}

/// Decides what to send and when. See the module.
pub struct Courier {
    state: State,
    head: Head,
    /// The most numbers in the next message.
    rows_max: usize,
    attempts: u32,
    jitter: Box<dyn FnMut() -> f64 + Send>,
}

impl std::fmt::Debug for Courier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Courier")
            .field("state", &self.state)
            .field("head", &self.head)
            .finish_non_exhaustive()
    }
}

impl Courier {
    /// A courier that wants to connect at once. `jitter` gives fractions from 0 to 1.
    #[must_use]
    pub fn new(now: Instant, jitter: Box<dyn FnMut() -> f64 + Send>) -> Self {
        let state = State::Down { retry_at: now };
        Self { state, head: Head::default(), rows_max: BATCH_ROWS_MAX, attempts: 0, jitter }
    }

    /// What to do now, one thing at a time; `None` when there is nothing until something happens.
    pub fn next_order(&mut self, now: Instant, depth: Depth) -> Option<Order> {
        self.look_at(now, depth.head);
        match &mut self.state {
            State::Down { retry_at } if *retry_at <= now => {
                self.state = State::Connecting;
                return Some(Order::Connect);
            }
            State::Down { .. } | State::Connecting => return None,
            State::Up(connection) if !connection.subscribed => {
                connection.subscribed = true;
                return Some(Order::Subscribe);
            }
            State::Up(connection) if connection.heartbeat_at <= now => {
                let jitter = HEARTBEAT_EVERY.mul_f64(0.9 + 0.2 * (self.jitter)().clamp(0.0, 1.0));
                connection.heartbeat_at = now + jitter;
                return Some(Order::Heartbeat);
            }
            State::Up(_) => {}
        }
        if self.head.resend_at.is_some_and(|at| at <= now)
            && let Some(order) = self.no_receipt_came(now)
        {
            return Some(order);
        }
        let order = self.room(depth).map(|after| Order::Send { after });
        if order.is_none() && self.head.seq.is_some() {
            self.look_again_at_a_full_window(now);
        }
        order
    }

    /// The head may not be sent yet, because the window is full of messages whose numbers have their receipts: somebody must look whether
    /// the broker ever makes room.
    fn look_again_at_a_full_window(&mut self, now: Instant) {
        let State::Up(connection) = &mut self.state else { return };
        if connection.in_flight >= WINDOW && self.head.resend_at.is_none() {
            connection.broker_answered = false;
            self.head.resend_at = Some(now + self.head.interval());
        }
    }

    /// When to ask again though nothing happened.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Down { retry_at } => Some(*retry_at),
            State::Connecting => None,
            State::Up(connection) => Some(
                self.head.resend_at.map_or(connection.heartbeat_at, |at| at.min(connection.heartbeat_at)),
            ),
        }
    }

    /// The broker took the connection.
    pub fn connected(&mut self, now: Instant) {
        self.head.resend_at = None;
        self.state = State::Up(Connection {
            since: now,
            subscribed: false,
            heartbeat_at: now,
            cursor: 0,
            in_flight: 0,
            broker_answered: false,
        });
    }

    /// There is no connection (any more). Returns how long until the next attempt.
    pub fn lost(&mut self, now: Instant) -> Duration {
        if matches!(&self.state, State::Up(connection) if now.duration_since(connection.since) >= STABLE_AFTER)
        {
            self.attempts = 0;
        }
        let pause = (RECONNECT_MAX / 64 * 2_u32.pow(self.attempts.min(6))).min(RECONNECT_MAX);
        let pause = pause.mul_f64(0.5 + 0.5 * (self.jitter)().clamp(0.0, 1.0));
        self.attempts = self.attempts.saturating_add(1);
        self.head.resend_at = None;
        self.rows_max = 1;
        self.state = State::Down { retry_at: now + pause };
        pause
    }

    /// The most numbers that the next message is to hold.
    #[must_use]
    pub const fn rows_max(&self) -> usize {
        self.rows_max
    }

    /// Numbers up to `through` went out in one message.
    pub fn sent(&mut self, now: Instant, through: Seq) {
        let State::Up(connection) = &mut self.state else { return };
        connection.in_flight += 1;
        connection.cursor = through.get();
        self.rows_max = (self.rows_max * 2).min(BATCH_ROWS_MAX);
        if self.head.resend_at.is_none() {
            connection.broker_answered = false;
            self.head.server_answered = false;
            self.head.resend_at = Some(now + self.head.interval());
        }
    }

    /// One more message went out that is none of this outbox's numbers.
    pub fn sent_aside(&mut self) {
        if let State::Up(connection) = &mut self.state {
            connection.in_flight += 1;
        }
    }

    /// Whether there is a place in the window for such a message.
    #[must_use]
    pub fn may_send_aside(&self) -> bool {
        matches!(&self.state, State::Up(connection) if connection.in_flight < WINDOW)
    }

    /// There was nothing left to send up to `through`.
    pub fn nothing_to_send(&mut self, through: u64) {
        if let State::Up(connection) = &mut self.state {
            connection.cursor = through;
        }
    }

    /// The broker acknowledged one message.
    pub fn acknowledged(&mut self) {
        if let State::Up(connection) = &mut self.state {
            connection.in_flight = connection.in_flight.saturating_sub(1);
            connection.broker_answered = true;
        }
    }

    /// The server said something to this outbox: it is alive.
    pub fn heard(&mut self, now: Instant) {
        self.head.server_answered = true;
        if self.head.unanswered > 0 {
            self.head.unanswered = 0;
            let sooner = now + self.head.interval();
            self.head.resend_at = self.head.resend_at.map(|at| at.min(sooner));
        }
    }

    /// The server wants the numbers from `from` again, or the outbox counts anew.
    pub fn rewind(&mut self, from: Seq) {
        if let State::Up(connection) = &mut self.state {
            connection.cursor = connection.cursor.min(from.get() - 1);
        }
    }

    /// The head is void now; its void is sent like any message, and never given up.
    pub fn voided(&mut self) {
        self.head = Head { seq: self.head.seq, void: true, ..Head::default() };
        self.start_over();
    }

    fn look_at(&mut self, now: Instant, head: Option<Seq>) {
        if self.head.seq == head {
            return;
        }
        self.head = Head { seq: head, ..Head::default() };
        let (State::Up(connection), Some(head)) = (&mut self.state, head) else { return };
        if connection.cursor >= head.get() {
            // It went out together with numbers that have their receipt now.
            connection.broker_answered = false;
            self.head.resend_at = Some(now + self.head.interval());
        }
    }

    /// The interval after the head's last sending is over.
    fn no_receipt_came(&mut self, now: Instant) -> Option<Order> {
        self.head.resend_at = None;
        let State::Up(connection) = &mut self.state else { return None };
        if connection.in_flight >= WINDOW {
            if !connection.broker_answered {
                return Some(Order::HangUp("the broker has stopped acknowledging"));
            }
            // It acknowledges, and there is no place yet to send anything again. Should it stop now, somebody must still look.
            connection.broker_answered = false;
            self.head.resend_at = Some(now + self.head.interval());
            return None;
        }
        if self.head.server_answered {
            self.head.refusals = self.head.refusals.saturating_add(1);
        } else {
            self.head.unanswered = self.head.unanswered.saturating_add(1);
        }
        match self.head.seq {
            Some(seq) if self.head.refusals >= SENDINGS_MAX && !self.head.void => Some(Order::Void(seq)),
            Some(_) | None => {
                self.start_over();
                None
            }
        }
    }

    fn start_over(&mut self) {
        if let (State::Up(connection), Some(head)) = (&mut self.state, self.head.seq) {
            connection.cursor = head.get() - 1;
            self.rows_max = 1;
        }
    }

    fn room(&self, depth: Depth) -> Option<u64> {
        let State::Up(connection) = &self.state else { return None };
        let before_head = depth.head?.get() - 1;
        let after = connection.cursor.max(before_head);
        let room = connection.in_flight < WINDOW && after - before_head < AHEAD_MAX;
        (room && after < depth.last_seq).then_some(after)
    }
}

impl Head {
    fn interval(&self) -> Duration {
        let sendings = (self.refusals + self.unanswered) as usize;
        INTERVALS[sendings.min(INTERVALS.len() - 1)]
    }
}

#[cfg(test)]
mod tests;
