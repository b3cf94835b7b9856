//! The way to the server: what to send, when to send it again, and what the server's answers mean.
//!
//! [`Courier`] decides, without a socket or a clock; [`message`] reads and writes; [`Link`] is all that is asked of an
//! MQTT client, so that every guard below can be tested without a broker. `io::carry` joins them to an outbox.
//!
//! **Invariant:** only a receipt settles a number. What a broker acknowledges frees a place in the send window and
//! nothing else.

pub mod courier;
pub mod message;

use std::future::Future;

pub use courier::{Courier, Order};

/// The most messages without the broker's acknowledgement. Smaller than the client's own window, so that the client
/// never holds back a message that we believe to be sent.
pub const WINDOW: usize = 8;
/// The most envelopes sent beyond the last receipt.
pub const AHEAD_MAX: u64 = 1_000;
/// The most envelopes in a message: half of what the interface allows, one commit of the embedded server.
pub const BATCH_ROWS_MAX: usize = 100;
/// Where a batch ends, bytes; one envelope alone may have the interface's 256 KiB.
pub const BATCH_BYTES_MAX: usize = 200 * 1024;

/// How surely a message must arrive at the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// QoS 0: a heartbeat; the next one comes anyway.
    Once,
    /// QoS 1.
    Acknowledged,
}

/// What happens on the link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkEvent {
    /// The broker took the connection. Nothing of an earlier connection is left.
    Up,
    /// There is no connection (any more), and why.
    Lost(String),
    /// The broker acknowledged one message.
    Acknowledged,
    /// A message came on the topic subscribed to.
    Message(Vec<u8>),
}

/// The link takes no more at the moment. With [`WINDOW`] kept this happens only on one that is stuck.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the link takes no more messages")]
pub struct LinkFull;

/// All that is asked of an MQTT client.
pub trait Link: Send {
    /// Begins a new connection with a clean session; [`LinkEvent::Up`] or [`LinkEvent::Lost`] follows.
    fn connect(&mut self);

    /// Drops the connection, politely where that needs no waiting. No event follows.
    fn hang_up(&mut self);

    /// Waits for the next event. Cancel-safe.
    fn next(&mut self) -> impl Future<Output = LinkEvent> + Send;

    /// Subscribes with QoS 1. A broker that refuses is a [`LinkEvent::Lost`].
    ///
    /// # Errors
    /// [`LinkFull`].
    fn subscribe(&mut self, topic: &str) -> Result<(), LinkFull>;

    /// Sends a message.
    ///
    /// # Errors
    /// [`LinkFull`]; the message was not taken.
    fn publish(&mut self, topic: &str, payload: Vec<u8>, delivery: Delivery) -> Result<(), LinkFull>;
}
