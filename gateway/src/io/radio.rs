//! The radio: btleplug over BlueZ as a [`BleSource`].
//!
//! What BlueZ does to a client that is not careful decides the shape of these files (each seen with a real bluetoothd, and
//! held by the laboratory in `tests/ble`):
//!
//! - a device that sends and hangs up at once is lost to whoever opens the notification stream after connecting, so the stream
//!   is opened **before the first connection and never closed**, on the one peripheral object that is kept for the device;
//! - `connect` and service discovery can hang half a minute when the device hangs up, so everything asked of it races against
//!   its disconnection;
//! - scanning disturbs connecting, so it pauses meanwhile;
//! - streams stay open and deaf when bluetoothd restarts or an adapter goes, so both are watched on the bus itself;
//! - a connection to the bus is never given back, so there is one for as long as the bus lasts.
//!
//! It decides nothing about readings: what to connect to, read, write and subscribe is the session's.
//!
//! **Invariant:** a box without Bluetooth keeps running and says so once; every request ends in an event.

mod air;
mod airtime;
mod bonds;
mod conversation;
mod hearing;
mod identity;
mod patience;
mod reader;
mod sightings;
mod speaker;

use std::sync::Arc;

use devices::session::{Action, Event};
use tokio::sync::{mpsc, watch};
use vitals::DeviceId;

pub use super::agent::{Keys, PASSKEY_MAX, PasskeyAsked};
use super::clock::Clock;
use crate::links::{DeviceLink, DeviceState, Links};
use crate::source::{BleSource, RadioEvent};
use crate::vigil::Vigil;
use air::Air;
use identity::Signals;

/// Events heard and not yet taken. A device is held up, not cut off, when the disk is slow.
const EVENTS: usize = 1_024;

/// Which devices are asked for a bond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pairing {
    /// Those whose model asks for one, and those that refuse to speak without.
    AsNeeded,
    /// Every device that is connected to.
    Always,
}

/// A radio that looks after itself.
#[derive(Debug)]
pub struct Radio {
    events: mpsc::Receiver<RadioEvent>,
    requests: mpsc::Sender<(DeviceId, Action)>,
    links: watch::Receiver<Links>,
    signals: Signals,
    working: tokio::task::JoinHandle<()>,
}

impl Radio {
    /// Starts listening, as soon and as long as the box has Bluetooth. `clock` dates what is heard.
    #[must_use]
    pub fn start(clock: Clock) -> Self {
        Self::start_with(clock, Vigil::default(), Pairing::AsNeeded, None)
    }

    /// The same, telling `vigil` how it gets on and whether there is Bluetooth.
    #[must_use]
    pub fn start_watched(clock: Clock, vigil: Vigil) -> Self {
        Self::start_with(clock, vigil, Pairing::AsNeeded, None)
    }

    /// The same, asking every device that it connects to for a bond: a person stands by and wants it so. Passkeys that a device
    /// shows are asked for at `keys`, where the person can type.
    #[must_use]
    pub fn start_pairing(clock: Clock, keys: Option<Keys>) -> Self {
        Self::start_with(clock, Vigil::default(), Pairing::Always, keys)
    }

    fn start_with(clock: Clock, vigil: Vigil, pairing: Pairing, keys: Option<Keys>) -> Self {
        let (heard, events) = mpsc::channel(EVENTS);
        let (requests, asked) = mpsc::channel(EVENTS);
        let (tell, links) = watch::channel(Links::default());
        let signals = Signals::default();
        let ear = Ear { heard, clock, vigil, links: Arc::new(tell) };
        let air = Air::new(ear, pairing, signals.clone());
        let working = tokio::spawn(air.listen(keys, asked));
        Self { events, requests, links, signals, working }
    }

    /// How its links stand, now and whenever that changes.
    #[must_use]
    pub fn links(&self) -> watch::Receiver<Links> {
        self.links.clone()
    }

    /// How strongly a device was heard last, dBm.
    #[must_use]
    pub fn signal_dbm(&self, device: &DeviceId) -> Option<i16> {
        self.signals.of(device)
    }
}

impl BleSource for Radio {
    async fn next(&mut self) -> Option<RadioEvent> {
        self.events.recv().await
    }

    async fn act(&mut self, device: &DeviceId, action: Action) {
        if self.requests.try_send((device.clone(), action)).is_err() {
            tracing::warn!(%device, "the radio is too busy for another request");
        }
    }
}

impl Drop for Radio {
    fn drop(&mut self) {
        self.working.abort();
    }
}

/// Where what is heard goes, and what is known of the links.
#[derive(Clone, Debug)]
struct Ear {
    heard: mpsc::Sender<RadioEvent>,
    clock: Clock,
    vigil: Vigil,
    links: Arc<watch::Sender<Links>>,
}

impl Ear {
    async fn hear(&self, device: &DeviceId, event: Event) {
        self.hear_from(device, false, None, event).await;
    }

    async fn hear_from(&self, device: &DeviceId, hides_address: bool, name: Option<String>, event: Event) {
        let at = self.clock.now();
        let heard = RadioEvent { at, device: device.clone(), hides_address, name, event };
        // Closed only when the gateway stops.
        let _ = self.heard.send(heard).await;
    }

    fn state(&self, device: &DeviceId, adapter: &str, state: DeviceState) {
        let at = self.clock.now();
        self.links.send_modify(|links| links.device(device, adapter, at, state));
    }

    fn note(&self, device: &DeviceId, change: impl FnOnce(&mut DeviceLink)) {
        self.links.send_modify(|links| links.of(device, change));
    }
}

/// BlueZ gives the address with dashes for a name until it has heard one.
fn is_address(name: &str) -> bool {
    name.len() == 17 && DeviceId::from_address(name).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_no_name() {
        assert!(is_address("54-6C-0E-00-00-01"));
        assert!(!is_address("A&D_UC-352BLE_000001"));
    }
}
