//! What goes into a session and what comes out. Data only.
//!
//! Knows no order of events. **Invariant:** whatever holds a frame holds its bytes.

use std::collections::BTreeMap;

use vitals::Timestamp;

use crate::clock::Placed;
use crate::decode::{DecodeError, Decoded};
use crate::format::{Format, Uuid16};

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
        /// When the link itself came up, before the device was asked what it has and for a bond: its time windows count
        /// from there. `None` where the radio does not tell: from this event.
        link_up_at: Option<Timestamp>,
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
    /// Its model number (2A24).
    ModelNumber(String),
    /// Who made it (2A29).
    Manufacturer(String),
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
    /// The device refused the person's consent code (2A9F), or does not know them.
    #[error("the device refused the consent: result {result}")]
    ConsentRefused {
        /// The result it gave: 4 failed, 5 not authorised.
        result: u8,
    },
    /// The device says nothing without a person's consent, and nobody has told us one.
    #[error("the device asks for a person's consent code, and none is known")]
    NoConsent,
    /// The device did not give out its stored records (2A52).
    #[error("the device refused to send its records: result {result}")]
    RecordsRefused {
        /// The result it gave (Record Access Control Point, 3.102 of the GATT Specification Supplement).
        result: u8,
    },
    /// The device has no characteristic that carries a measurement we read; its records lie in its memory.
    #[error("the device offers no measurement that can be subscribed to")]
    NothingToHear,
    /// The device's clock was not set, because the gateway's own is not synchronised.
    #[error("the device's clock was not set: the gateway's own is not synchronised")]
    ClockNotWritten,
    /// The device's clock was not set, because the moments in which it takes the time had passed.
    #[error("the device's clock was not set: it takes the time only just after connecting")]
    ClockTooLate,
    /// The connection ended in the middle of the stored records of a device that deletes what it has sent: what was on its
    /// way then may be gone from both.
    #[error(
        "the connection ended before the device had sent all its records, and it deletes what it has sent"
    )]
    CutOff,
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
    /// Records wait for the device to say who it is.
    #[error("the device did not say who it is")]
    Identity,
    /// Records wait for those that may come with them.
    #[error("more records may come")]
    MoreRecords,
    /// Frames of an earlier session are still to be given out.
    #[error("frames of an earlier session are held")]
    Recalled,
    /// The connection was hung up on and does not end.
    #[error("the connection does not end")]
    HangUp,
    /// A weighing waits for its impedance.
    #[error("the scale measured no impedance")]
    Impedance,
    /// The connection is hung up on once it has been silent for long.
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

/// What a person agreed with a scale that asks before it speaks (Bluetooth User Data Service 1.0).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Consent {
    /// The scale's number for the person.
    pub user: u8,
    /// The code they agreed on.
    pub code: u16,
}
