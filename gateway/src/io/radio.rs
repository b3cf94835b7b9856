//! The radio: btleplug over BlueZ as a [`BleSource`].
//!
//! What BlueZ does to a client that is not careful decides the shape of this file (each seen with a real bluetoothd):
//! a device that sends and hangs up at once is lost to whoever opens the notification stream after connecting, so the
//! stream is opened **before the first connection and never closed**, on the one peripheral object that is kept for
//! the device; `connect` and service discovery can hang half a minute when the device hangs up, so everything asked of
//! it races against its disconnection; scanning disturbs connecting, so it pauses meanwhile; and the event stream ends
//! when bluetoothd restarts, so the manager is rebuilt.
//!
//! It decides nothing about devices: what to connect to, read, write and subscribe is the session's.
//!
//! **Invariant:** a box without Bluetooth keeps running and says so once; every request ends in an event.

mod conversation;

use std::collections::BTreeMap;
use std::pin::Pin;
use std::time::{Duration, Instant};

use btleplug::api::{AddressType, Central as _, CentralEvent, Manager as _, Peripheral as _, ScanFilter};
use btleplug::platform::{Adapter, Manager, PeripheralId};
use devices::Uuid16;
use devices::session::{Action, Event};
use futures::{Stream, StreamExt as _};
use tokio::sync::mpsc;
use vitals::DeviceId;

use super::agent::Agent;
use super::clock::Clock;
use crate::source::{BleSource, RadioEvent};
use crate::vigil::{Part, TURN_EVERY, Trouble, Vigil};
use conversation::{Airtime, Conversation};

/// How long to wait before Bluetooth is tried again.
const RETRY_EVERY: Duration = Duration::from_secs(10);
/// A device's advertisement is passed on at most this often, unless it carries data.
const ADVERTISEMENT_EVERY: Duration = Duration::from_secs(1);
/// Events heard and not yet taken. A device is held up, not cut off, when the disk is slow.
const EVENTS: usize = 1_024;

/// A radio that looks after itself.
#[derive(Debug)]
pub struct Radio {
    events: mpsc::Receiver<RadioEvent>,
    requests: mpsc::Sender<(DeviceId, Action)>,
    working: tokio::task::JoinHandle<()>,
}

impl Radio {
    /// Starts listening, as soon and as long as the box has Bluetooth. `clock` dates what is heard.
    #[must_use]
    pub fn start(clock: Clock) -> Self {
        Self::start_watched(clock, Vigil::default())
    }

    /// The same, telling `vigil` how it gets on and whether there is Bluetooth.
    #[must_use]
    pub fn start_watched(clock: Clock, vigil: Vigil) -> Self {
        let (heard, events) = mpsc::channel(EVENTS);
        let (requests, asked) = mpsc::channel(EVENTS);
        let working = tokio::spawn(work(Ear { heard, clock, vigil }, asked));
        Self { events, requests, working }
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

/// Where what is heard goes.
#[derive(Clone, Debug)]
struct Ear {
    heard: mpsc::Sender<RadioEvent>,
    clock: Clock,
    vigil: Vigil,
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
}

/// Why Bluetooth is not available at the moment.
#[derive(Debug, thiserror::Error)]
enum RadioError {
    #[error("this box has no Bluetooth adapter")]
    NoAdapter,
    #[error("bluetoothd stopped or the adapter was unplugged")]
    StreamEnded,
    #[error("Bluetooth: {0}")]
    Bluetooth(#[from] btleplug::Error),
}

async fn work(ear: Ear, mut requests: mpsc::Receiver<(DeviceId, Action)>) {
    let mut said = String::new();
    loop {
        let asked_at = Instant::now();
        ear.vigil.moved(Part::Radio, asked_at);
        let error = match Air::open(&ear).await {
            Ok(mut air) => {
                let adapter_ms = u64::try_from(asked_at.elapsed().as_millis()).unwrap_or(u64::MAX);
                tracing::info!(adapter_ms, "listening for devices");
                ear.vigil.trouble(Trouble::RadioGone, false);
                said.clear();
                air.listen(&mut requests).await
            }
            Err(error) => error,
        };
        ear.vigil.trouble(Trouble::RadioGone, true);
        let text = error.to_string();
        if text == said {
            tracing::debug!(text, "still no Bluetooth");
        } else {
            tracing::error!("{text}; trying again every {} s", RETRY_EVERY.as_secs());
            said = text;
        }
        // What was asked of the old adapter cannot be done any more; the sessions time out.
        while requests.try_recv().is_ok() {}
        tokio::time::sleep(RETRY_EVERY).await;
    }
}

/// One adapter, while it lasts.
struct Air<'a> {
    ear: &'a Ear,
    adapter: Adapter,
    events: Pin<Box<dyn Stream<Item = CentralEvent> + Send>>,
    airtime: Airtime,
    conversations: BTreeMap<DeviceId, Conversation>,
    last_passed_on: BTreeMap<DeviceId, Instant>,
    _agent: Agent,
}

impl<'a> Air<'a> {
    async fn open(ear: &'a Ear) -> Result<Self, RadioError> {
        let manager = Manager::new().await?;
        let adapter = manager.adapters().await?.into_iter().next().ok_or(RadioError::NoAdapter)?;
        let events = adapter.events().await?;
        adapter.start_scan(ScanFilter::default()).await?;
        let airtime = Airtime::new(adapter.clone());
        Ok(Self {
            ear,
            adapter,
            events,
            airtime,
            conversations: BTreeMap::new(),
            last_passed_on: BTreeMap::new(),
            _agent: Agent::start(),
        })
    }

    async fn listen(&mut self, requests: &mut mpsc::Receiver<(DeviceId, Action)>) -> RadioError {
        loop {
            self.ear.vigil.moved(Part::Radio, Instant::now());
            let done = tokio::select! {
                // A bluetoothd that hangs sends no events, and no end of them: now and then it has to answer.
                () = tokio::time::sleep(TURN_EVERY) => match self.adapter.adapter_state().await {
                    Ok(_) => Ok(()),
                    Err(error) => return error.into(),
                },
                event = self.events.next() => match event {
                    Some(event) => self.happened(event).await,
                    None => return RadioError::StreamEnded,
                },
                request = requests.recv() => match request {
                    Some((device, action)) => self.asked(&device, action).await,
                    // The gateway stops; its end of everything is gone.
                    None => std::future::pending().await,
                },
            };
            if let Err(error) = done {
                // One device's trouble (it vanished between two calls) is not the adapter's.
                tracing::debug!(%error, "a device could not be asked");
            }
        }
    }

    async fn happened(&mut self, event: CentralEvent) -> Result<(), RadioError> {
        match event {
            // A new process is told of devices that bluetoothd remembers and that are not there; a signal strength
            // or data come from the air.
            CentralEvent::RssiUpdate { id, .. } | CentralEvent::ManufacturerDataAdvertisement { id, .. } => {
                self.advertised(&id, false).await
            }
            CentralEvent::ServiceDataAdvertisement { id, .. } => self.advertised(&id, true).await,
            CentralEvent::DeviceDisconnected(id) => {
                let device = device_of(&self.adapter, &id).await?;
                if let Some(conversation) = self.conversations.get(&device) {
                    conversation.gone();
                }
                self.ear.hear(&device, Event::Disconnected).await;
                Ok(())
            }
            CentralEvent::StateUpdate(state) => {
                tracing::info!(?state, "the adapter changed");
                Ok(())
            }
            CentralEvent::DeviceDiscovered(_)
            | CentralEvent::DeviceUpdated(_)
            | CentralEvent::DeviceConnected(_)
            | CentralEvent::DeviceServicesModified(_)
            | CentralEvent::ServicesAdvertisement { .. } => Ok(()),
        }
    }

    async fn advertised(&mut self, id: &PeripheralId, carries_data: bool) -> Result<(), RadioError> {
        let device = device_of(&self.adapter, id).await?;
        let now = Instant::now();
        let recent = |at: &Instant| now.duration_since(*at) < ADVERTISEMENT_EVERY;
        if !carries_data && self.last_passed_on.get(&device).is_some_and(recent) {
            return Ok(());
        }
        let Some(properties) = self.adapter.peripheral(id).await?.properties().await? else { return Ok(()) };
        // Devices that changed their address would fill the memory of a box that runs for years.
        if self.last_passed_on.len() > EVENTS {
            self.last_passed_on.retain(|_, at| recent(at));
        }
        self.last_passed_on.insert(device.clone(), now);
        let short = |uuid: &uuid::Uuid| uuid.to_string().parse::<Uuid16>().ok();
        let event = Event::Advertised {
            service_uuids: properties.services.iter().filter_map(short).collect(),
            service_data: properties
                .service_data
                .iter()
                .filter_map(|(uuid, bytes)| Some((short(uuid)?, bytes.clone())))
                .collect(),
        };
        let hides = hides_address(properties.address_type, &device);
        let name = properties.advertisement_name.or(properties.local_name).filter(|name| !is_address(name));
        self.ear.hear_from(&device, hides, name, event).await;
        Ok(())
    }

    async fn asked(&mut self, device: &DeviceId, action: Action) -> Result<(), RadioError> {
        if !self.conversations.contains_key(device) {
            let mut found = None;
            for peripheral in self.adapter.peripherals().await? {
                if DeviceId::from_address(&peripheral.address().to_string()).as_ref() == Ok(device) {
                    found = Some(peripheral);
                }
            }
            let Some(peripheral) = found else {
                let reason = "the device is not in the air any more".to_owned();
                self.ear.hear(device, Event::Failed { uuid: None, reason }).await;
                return Ok(());
            };
            let (ear, airtime) = (self.ear.clone(), self.airtime.clone());
            let conversation = Conversation::start(device.clone(), peripheral, ear, airtime).await?;
            self.conversations.insert(device.clone(), conversation);
        }
        if let Some(conversation) = self.conversations.get(device) {
            conversation.ask(action);
        }
        Ok(())
    }
}

async fn device_of(adapter: &Adapter, id: &PeripheralId) -> Result<DeviceId, RadioError> {
    let address = adapter.peripheral(id).await?.address().to_string();
    DeviceId::from_address(&address).map_err(|error| btleplug::Error::Other(Box::new(error)).into())
}

/// Whether the address is one that its device changes (Bluetooth Core, Vol 6, Part B, 1.3: a random address whose two
/// highest bits are not both set).
fn hides_address(kind: Option<AddressType>, device: &DeviceId) -> bool {
    let is_static = device.as_str().as_bytes().first().is_some_and(|digit| b"cdef".contains(digit));
    matches!(kind, Some(AddressType::Random)) && !is_static
}

/// BlueZ gives the address with dashes for a name until it has heard one.
fn is_address(name: &str) -> bool {
    name.len() == 17 && DeviceId::from_address(name).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows by the Core specification's table of random addresses.
    #[test]
    fn only_an_address_that_changes_is_hidden() {
        let rows = [
            ("546c0e000001", Some(AddressType::Public), false),
            ("546c0e000001", Some(AddressType::Random), true),
            ("146c0e000001", Some(AddressType::Random), true),
            ("c46c0e000001", Some(AddressType::Random), false),
            ("f46c0e000001", Some(AddressType::Random), false),
            ("546c0e000001", None, false),
        ];
        for (address, kind, expected) in rows {
            assert_eq!(
                hides_address(kind, &address.parse().expect("an address")),
                expected,
                "{address} {kind:?}"
            );
        }
    }

    #[test]
    fn an_address_is_no_name() {
        assert!(is_address("54-6C-0E-00-00-01"));
        assert!(!is_address("A&D_UC-352BLE_000001"));
    }
}
