//! When something was measured, and how far that can be trusted.
//!
//! A device's clock shows local time, runs wrong, and starts from a default when its battery was out. Read beside the
//! gateway's clock before anybody sets it, it is wrong by a known amount. Nothing here reads a clock.
//!
//! **Invariant:** `measured_at` is the device's time plus `clock_offset_s` whenever there is an offset, and the time of
//! reception whenever there is none.

use vitals::{ClockClass, DeviceTime, Timestamp};

use crate::models::Model;

/// The device's clock and the gateway's at one moment, before anybody set the former.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockPair {
    /// What the device's clock showed.
    pub device: DeviceTime,
    /// What the gateway's clock showed.
    pub gateway: Timestamp,
}

/// What is known of a device's clock in one session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClockReading {
    /// It was not read, or cannot be.
    #[default]
    NotRead,
    /// It was read and says that it was never set (year 0).
    Unset,
    /// It was read.
    Read(ClockPair),
}

/// A measurement's place in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// When it was measured, as well as we know.
    pub measured_at: Timestamp,
    /// How well that is.
    pub clock: ClockClass,
    /// What was added to the device's time, s.
    pub clock_offset_s: Option<i64>,
}

/// Places a record with the time `device_time`, heard at `heard_at` by a gateway's clock that has (`gateway_synced`) or
/// has not been synchronised since it started.
#[must_use]
pub fn place(
    _device_time: Option<DeviceTime>,
    _reading: ClockReading,
    heard_at: Timestamp,
    _gateway_synced: bool,
    _model: Option<&Model>,
) -> Placed {
    Placed { measured_at: heard_at, clock: ClockClass::None, clock_offset_s: None }
}
