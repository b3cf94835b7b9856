//! The connection to the broker behind two thin traits, so that everything that can go wrong with it can be played.
//!
//! [`Link`] is what one task polls; [`Outlet`] is what others send through, without ever waiting. Between them stands the
//! [`Gate`], which keeps an acknowledgement from ever leaving on another connection than its message came by.
//!
//! **Invariant:** nothing here knows what a message says.

mod address;
mod connection;
mod gate;
mod mqtt;
mod outbound;
mod pump;

use std::future::Future;

pub use address::{Address, AddressError};
pub use gate::{Epoch, Gate};
pub use mqtt::{Mqtt, Session};
pub use outbound::MqttOutlet;
pub(crate) use pump::{Pump, no_broker};

/// What an acknowledgement needs to name its message: the packet id of this connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token(pub u16);

/// One message as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publish {
    /// Its topic.
    pub topic: String,
    /// Its bytes.
    pub payload: Vec<u8>,
    /// What to acknowledge it by; `None` at QoS 0, where nothing is.
    pub token: Option<Token>,
}

/// What a link tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Connected, with or without the session of before.
    Connected {
        /// Whether the broker kept it: then the subscriptions stand and unacknowledged messages come again.
        session_present: bool,
    },
    /// A message came.
    Publish(Publish),
    /// The broker answered a subscription.
    Subscribed {
        /// Whether it granted every filter.
        granted: bool,
    },
}

/// Why a link broke.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// A message larger than this end reads. The broker would send it again on every resumed session.
    #[error("a message over {max_bytes} bytes came")]
    TooLarge {
        /// The most that is read.
        max_bytes: usize,
    },
    /// Anything else: the connection is gone or was refused.
    #[error("{0}")]
    Broken(String),
}

/// The receiving end, owned by one task.
pub trait Link: Send {
    /// The next event; connects first where there is no connection.
    ///
    /// # Errors
    /// [`LinkError`] when the connection broke or could not be made.
    fn poll(&mut self) -> impl Future<Output = Result<Event, LinkError>> + Send;

    /// The messages that were read from the connection and not yet told. They belong to the connection that broke.
    fn drain(&mut self) -> Vec<Publish>;

    /// Forgets the connection that broke, and every acknowledgement not yet sent on it.
    fn clean(&mut self);

    /// Asks for a new session at the next connection, whatever the broker kept, once.
    fn begin_anew(&mut self);
}

/// There is no room to send right now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no room to send right now")]
pub struct Busy;

/// The sending end, shared. Nothing here waits.
pub trait Outlet: Send + Sync + 'static {
    /// Acknowledges the message `token`.
    ///
    /// # Errors
    /// [`Busy`]; nothing was sent.
    fn try_ack(&self, token: Token) -> Result<(), Busy>;

    /// Publishes at QoS 1.
    ///
    /// # Errors
    /// [`Busy`]; nothing was sent.
    fn try_publish(&self, topic: &str, payload: Vec<u8>) -> Result<(), Busy>;

    /// Subscribes at QoS 1.
    ///
    /// # Errors
    /// [`Busy`]; nothing was sent.
    fn try_subscribe(&self, filters: &[&str]) -> Result<(), Busy>;

    /// Ends subscriptions.
    ///
    /// # Errors
    /// [`Busy`]; nothing was sent.
    fn try_unsubscribe(&self, filter: &str) -> Result<(), Busy>;

    /// Says goodbye to the broker.
    fn disconnect(&self);
}
