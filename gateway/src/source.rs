//! The seam between a radio and everything that decides: what was heard comes in, what to do goes out.
//!
//! A real radio, a capture and a simulated home implement [`BleSource`] alike; nothing beyond it can tell them apart.
//!
//! **Invariant:** an event carries the gateway's time at which it was heard; nobody further in reads a clock for it.

use std::future::Future;

use devices::session::{Action, Event};
use vitals::{DeviceId, Timestamp};

/// One thing heard on the radio.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RadioEvent {
    /// When, by the gateway's clock.
    pub at: Timestamp,
    /// The device's address.
    pub device: DeviceId,
    /// Whether that address is one the device changes to hide itself. Its System ID then says who it is.
    pub hides_address: bool,
    /// The name it advertises, where it was heard with this event.
    pub name: Option<String>,
    /// What happened.
    pub event: Event,
}

/// Something that hears devices and speaks to them.
pub trait BleSource: Send {
    /// Waits for the next event; `None` when there will be no more (a capture's end).
    ///
    /// Must be cancel-safe: dropping the future before it is ready loses no event.
    fn next(&mut self) -> impl Future<Output = Option<RadioEvent>> + Send;

    /// Carries out what a session asks for: [`Action::Connect`], [`Action::Read`], [`Action::Write`],
    /// [`Action::Subscribe`] and [`Action::Disconnect`]; it is given no others. Returns without waiting for the
    /// device: how it went comes back as an event. A source that plays something back ignores it.
    fn act(&mut self, device: &DeviceId, action: Action) -> impl Future<Output = ()> + Send;
}
