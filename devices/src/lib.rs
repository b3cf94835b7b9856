//! What a health device says, as measurements: decoders, the table of models and their quirks, the device's clock,
//! and the conversation with a device as a state machine.
//!
//! | module | duty |
//! |---|---|
//! | [`decode`](mod@decode) | one frame of bytes to one [`vitals::Measurement`] |
//! | [`models`] | which device does what differently, as a table |
//! | [`clock`] | when something was measured, and how far that can be trusted |
//! | [`session`] | what to ask of one device, and what its answers mean |
//! | [`memory`] | what is worth knowing of a device from one day to the next |
//! | [`about`], [`features`] | what a device says of itself: who it is, its battery, what it can do |
//!
//! Pure: no radio, no clock, no disk, no patient. Whoever holds the radio feeds events in and carries actions out.
//!
//! **Invariant:** every function here returns for every input; no bytes, model or order of events can panic it.

pub mod about;
pub mod clock;
pub mod decode;
pub mod features;
pub mod format;
pub mod memory;
pub mod models;
pub mod session;

pub use clock::{ClockPair, ClockReading, KnownClock, Placed, place};
pub use decode::{DecodeError, Decoded, Quirk, decode, decode_named};
pub use format::{Format, Uuid16};
pub use memory::{DeviceMemory, HeldFrame, KnownWeighing};
pub use models::Model;
pub use session::{Action, Consent, Event, Heard, Learned, Session, Settings, Trouble, Why};
