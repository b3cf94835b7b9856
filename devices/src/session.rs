//! The conversation with one device, as a state machine: events in, actions out.
//!
//! Whoever holds the radio tells it what happened and does what it says. It also understands a conversation that
//! somebody else led: a capture played back, where no action is carried out and every answer simply arrives.
//! Knows no radio, no clock (`now` is the gateway's, from the caller) and no patient.
//!
//! **Invariant:** every frame that arrives leaves again, as [`Action::Measured`], [`Action::Trouble`] with its bytes or
//! [`Action::Ignored`] with a reason, at the latest on [`Session::finish`].

use std::collections::BTreeMap;

use vitals::Timestamp;

use crate::clock::Placed;
use crate::decode::{DecodeError, Decoded};
use crate::format::{Format, Uuid16};
use crate::models::Model;

/// What happened on the radio.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The device advertised.
    Advertised {
        /// The services it offers.
        service_uuids: Vec<Uuid16>,
        /// Data it advertises, by service.
        service_data: BTreeMap<Uuid16, Vec<u8>>,
    },
    /// A connection stands.
    Connected {
        /// The characteristics it has; empty where they are not known (a capture).
        characteristics: Vec<Uuid16>,
    },
    /// A characteristic was read.
    Read {
        /// Which.
        uuid: Uuid16,
        /// What it holds.
        bytes: Vec<u8>,
    },
    /// The device took what was written.
    Written {
        /// To which characteristic.
        uuid: Uuid16,
    },
    /// The device will notify or indicate.
    Subscribed {
        /// On which characteristic.
        uuid: Uuid16,
    },
    /// The device notified or indicated.
    Notified {
        /// On which characteristic.
        uuid: Uuid16,
        /// What.
        bytes: Vec<u8>,
    },
    /// A record was read out of the device's memory by its maker's protocol.
    Record {
        /// Its layout.
        format: Format,
        /// Its bytes.
        bytes: Vec<u8>,
    },
    /// What an action asked for did not come about.
    Failed {
        /// On which characteristic; `None` for the connection itself.
        uuid: Option<Uuid16>,
        /// Why, in the radio's words.
        reason: String,
    },
    /// The connection ended.
    Disconnected,
}

/// What to do, or what to pass on.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Connect to the device.
    Connect,
    /// Read a characteristic.
    Read(Uuid16),
    /// Write a characteristic.
    Write {
        /// Which.
        uuid: Uuid16,
        /// What.
        bytes: Vec<u8>,
    },
    /// Subscribe to notifications or indications.
    Subscribe(Uuid16),
    /// Hang up.
    Disconnect,
    /// A measurement for the outbox.
    Measured(Heard),
    /// Something about the device itself.
    Learned(Learned),
    /// Something a technician should see.
    Trouble(Trouble),
    /// A frame that is no measurement, and why.
    Ignored {
        /// Its layout.
        format: Format,
        /// Its bytes.
        bytes: Vec<u8>,
        /// Why.
        reason: &'static str,
    },
}

/// A measurement heard from the device.
#[derive(Clone, Debug, PartialEq)]
pub struct Heard {
    /// What it says.
    pub decoded: Decoded,
    /// What it came on: a 16-bit characteristic in hex, or a vendor format's name.
    pub characteristic: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// When it arrived.
    pub heard_at: Timestamp,
    /// When it was measured.
    pub placed: Placed,
}

/// What a device says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Learned {
    /// Its serial number (2A25).
    Serial(String),
    /// Its System ID (2A23), 16 hex digits, the most significant byte first.
    SystemId(String),
    /// Its battery (2A19), %.
    BatteryPercent(u8),
    /// How wrong its clock is: what must be added to it, s.
    ClockOffsetS(i64),
}

/// What a technician should see.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Trouble {
    /// Bytes that cannot be the frame they are said to be. Kept.
    #[error("{error}")]
    Undecodable {
        /// What they were said to be.
        format: Format,
        /// The bytes.
        bytes: Vec<u8>,
        /// Why not.
        error: DecodeError,
    },
    /// A notification that no decoder reads. Kept.
    #[error("nothing reads characteristic {uuid}: {} bytes", bytes.len())]
    Unknown {
        /// The characteristic.
        uuid: Uuid16,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// What an action asked for did not come about.
    #[error("{} failed: {reason}", uuid.map_or_else(|| "the connection".to_owned(), |uuid| uuid.to_string()))]
    Failed {
        /// On which characteristic.
        uuid: Option<Uuid16>,
        /// Why.
        reason: String,
    },
    /// The device's clock was not set in time, because the gateway's own is not synchronised.
    #[error("the device's clock was not set: the gateway's own is not synchronised")]
    ClockNotWritten,
    /// The device did not answer in time.
    #[error("{0}")]
    TimedOut(Why),
}

/// What a deadline is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// The connection was asked for and does not come.
    #[error("the device did not take the connection")]
    Connecting,
    /// The device asks for a moment before subscriptions.
    #[error("the device asks for a moment before subscriptions")]
    SubscribePause,
    /// Measurements wait for the device's clock to be read.
    #[error("the device's clock was not read in time")]
    ClockRead,
    /// A weighing waits for its impedance.
    #[error("the scale measured no impedance")]
    Impedance,
    /// The connection has been silent for long.
    #[error("the device fell silent")]
    Silence,
}

/// What the gateway knows that the device does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Whether the gateway's clock has been synchronised since it started.
    pub gateway_synced: bool,
    /// What to add to UTC for the time that a device in this home should show, s.
    pub local_offset_s: i64,
}

/// The conversation with one device.
#[derive(Clone, Debug)]
pub struct Session {
    model: Option<&'static Model>,
    settings: Settings,
}

impl Session {
    /// A session with a device that has not been heard yet.
    #[must_use]
    pub fn new(model: Option<&'static Model>, settings: Settings) -> Self {
        Self { model, settings }
    }

    /// Which model it talks to.
    #[must_use]
    pub fn model(&self) -> Option<&'static Model> {
        self.model
    }

    /// Tells the session what the gateway knows by now.
    pub fn set_settings(&mut self, settings: Settings) {
        self.settings = settings;
    }

    /// What to do about `event`, in order.
    pub fn handle_event(&mut self, _now: Timestamp, _event: Event) -> Vec<Action> {
        Vec::new()
    }

    /// What to do now that time has passed. Harmless when nothing is due.
    pub fn handle_timeout(&mut self, _now: Timestamp) -> Vec<Action> {
        Vec::new()
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called next, and why.
    #[must_use]
    pub fn next_deadline(&self) -> Option<(Timestamp, Why)> {
        None
    }

    /// Gives out whatever still waits: the capture ends, or the gateway stops.
    pub fn finish(&mut self, _now: Timestamp) -> Vec<Action> {
        Vec::new()
    }
}
