//! The shared words of Vågen: quantities with units, identifiers, [`Measurement`], [`Envelope`], [`Reading`].
//!
//! Every room speaks these and nothing else to its neighbours. The types hold what was received and refuse what
//! cannot be: an identifier with a control character, a value that is not a finite number, a sequence number of
//! zero. They judge nothing clinical, and know neither clock, disk nor network.
//!
//! **Invariant:** a value of a type in this crate has passed its checks; nobody further in checks it again.

#![warn(clippy::wildcard_enum_match_arm)]

pub mod envelope;
pub mod hex;
pub mod ids;
pub mod measurement;
pub mod quantity;
pub mod reading;
#[cfg(feature = "schema")]
pub mod schema;
pub mod symptoms;
mod text;
pub mod time;

pub use envelope::{
    ClockClass, DeviceHealth, DeviceIdentity, Downstream, Envelope, Heartbeat, RawFrame, Receipt, Resend,
    TimedMeasurement, Void,
};
pub use ids::{DeviceId, GatewayId, IdError, OutboxId, PatientId, ReadingId, Seq};
pub use measurement::{Flag, Kind, Measurement, Outcome};
pub use quantity::{AbsentReason, Quantity, Values};
pub use reading::{Content, Reading};
pub use symptoms::{Severity, Symptom, SymptomAnswers};
pub use time::{DeviceTime, TimeError, Timestamp};
