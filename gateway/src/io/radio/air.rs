//! Every adapter of the box, as one: what any of them hears comes out, and a device is spoken to by the one that suits.
//!
//! A device that two adapters hear is two objects to bluetoothd. It is spoken to by the adapter that has its bond, else by the one
//! that hears it best, and by one at a time.
//!
//! **Invariant:** whatever ends takes its conversations with it, and each device that was spoken to is said to be gone.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use btleplug::api::{Central as _, CentralEvent, Manager as _, Peripheral as _};
use btleplug::platform::{Adapter, Manager, PeripheralId};
use devices::session::{Action, Event};
use futures::Stream;
use tokio::sync::mpsc;
use vitals::DeviceId;

use super::airtime::{Airtime, scan};
use super::conversation::{Conversation, Partner};
use super::hearing::{Happening, Hearing};
use super::identity::{Signals, adapter_of, advertisement, device_of, hides_address};
use super::sightings::Sightings;
use super::{EVENTS, Ear, Keys, Pairing, bonds, is_address};
use crate::io::bluez::{Bluez, News, RETRY_EVERY};
use crate::vigil::{Part, Trouble};

/// An adapter that heard nothing at all for so long may be stuck; its scanning is started anew.
const STUCK_AFTER: Duration = Duration::from_secs(300);

/// How long bluetoothd may take to say how an adapter is.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);

/// Which object of bluetoothd's speaks for a device.
pub(super) type Engaged = Arc<Mutex<BTreeMap<DeviceId, PeripheralId>>>;

/// Why something could not be done at the moment.
#[derive(Debug, thiserror::Error)]
pub(super) enum AirError {
    #[error("bluetoothd has no adapter {0}")]
    NoAdapter(String),
    #[error("Bluetooth: {0}")]
    Bluetooth(#[from] btleplug::Error),
}

struct OpenAdapter {
    airtime: Airtime,
    heard_at: Instant,
    _hearing: Hearing,
}

/// What of a device bluetoothd told.
enum Told {
    /// It is new to bluetoothd.
    Discovered,
    /// How strongly it is heard, or that it advertises.
    Heard(Option<i16>),
    /// What it says in its advertisement.
    Said(HashMap<uuid::Uuid, Vec<u8>>),
}

pub(super) struct Air {
    ear: Ear,
    pairing: Pairing,
    signals: Signals,
    manager: Option<Manager>,
    adapters: BTreeMap<String, OpenAdapter>,
    /// Adapters that are there and did not open.
    unopened: BTreeSet<String>,
    said_none: bool,
    asking_since: Option<Instant>,
    events: (mpsc::Sender<Happening>, mpsc::Receiver<Happening>),
    sightings: Sightings,
    conversations: BTreeMap<PeripheralId, Conversation>,
    engaged: Engaged,
}

impl Air {
    pub(super) fn new(ear: Ear, pairing: Pairing, signals: Signals) -> Self {
        Self {
            ear,
            pairing,
            signals,
            manager: None,
            adapters: BTreeMap::new(),
            unopened: BTreeSet::new(),
            said_none: false,
            asking_since: Some(Instant::now()),
            events: mpsc::channel(EVENTS),
            sightings: Sightings::default(),
            conversations: BTreeMap::new(),
            engaged: Engaged::default(),
        }
    }

    /// Listens, and does what is asked, for ever.
    pub(super) async fn listen(
        mut self,
        keys: Option<Keys>,
        mut requests: mpsc::Receiver<(DeviceId, Action)>,
    ) {
        let (_bluez, mut news) = Bluez::watch(keys);
        let mut tick = tokio::time::interval(RETRY_EVERY);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        tick.tick().await;
        loop {
            self.ear.vigil.moved(Part::Radio, Instant::now());
            tokio::select! {
                Some(news) = news.recv() => self.told(news).await,
                Some(happening) = self.events.1.recv() => self.happened(happening).await,
                Some((device, action)) = requests.recv() => self.asked(&device, action).await,
                _ = tick.tick() => self.look_after().await,
            }
        }
    }

    async fn told(&mut self, news: News) {
        match news {
            News::Came => {
                if self.manager.is_none() {
                    match Manager::new().await {
                        Ok(manager) => self.manager = Some(manager),
                        Err(error) => {
                            tracing::error!("Bluetooth: {error}; trying again with the next adapter")
                        }
                    }
                }
                self.said_none = false;
            }
            News::AdapterCame(name) => self.open(name).await,
            News::AdapterGone(name) => {
                self.unopened.remove(&name);
                if self.adapters.contains_key(&name) {
                    tracing::error!(
                        adapter = name,
                        "the adapter is gone; listening again as soon as it is back"
                    );
                    self.close(Some(&name)).await;
                }
            }
            News::Gone { reason, with_the_bus } => {
                tracing::error!("{reason}; trying again every {} s", RETRY_EVERY.as_secs());
                self.unopened.clear();
                self.close(None).await;
                self.trouble(reason);
                if with_the_bus {
                    self.manager = None;
                }
            }
        }
    }

    async fn open(&mut self, name: String) {
        self.unopened.remove(&name);
        if self.adapters.contains_key(&name) {
            return;
        }
        // From the first question to the bus, so that it tells what bluetoothd and its adapter took of a start.
        let asked_at = self.asking_since.take().unwrap_or_else(Instant::now);
        match self.opened(&name).await {
            Ok((adapter, events)) => {
                let (clock, to) = (self.ear.clock.clone(), self.events.0.clone());
                let hearing = Hearing::start(name.clone(), events, clock, to);
                let adapter_ms = u64::try_from(asked_at.elapsed().as_millis()).unwrap_or(u64::MAX);
                tracing::info!(adapter = name, adapter_ms, "listening for devices");
                let airtime = Airtime::new(name.clone(), adapter);
                let open = OpenAdapter { airtime, heard_at: Instant::now(), _hearing: hearing };
                self.adapters.insert(name.clone(), open);
                self.ear.links.send_modify(|links| links.adapters.push(name));
                self.all_is_well();
            }
            Err(error) => {
                tracing::warn!(adapter = name, "{error}; trying again every {} s", RETRY_EVERY.as_secs());
                self.unopened.insert(name);
            }
        }
    }

    async fn opened(
        &mut self,
        name: &str,
    ) -> Result<(Adapter, Pin<Box<dyn Stream<Item = CentralEvent> + Send>>), AirError> {
        if self.manager.is_none() {
            self.manager = Some(Manager::new().await?);
        }
        let missing = || AirError::NoAdapter(name.to_owned());
        for adapter in self.manager.as_ref().ok_or_else(missing)?.adapters().await? {
            // "hci0 (usb:v1D6Bp0246d0542)"
            if adapter.adapter_info().await?.split(' ').next() == Some(name) {
                let events = adapter.events().await?;
                scan(&adapter).await?;
                return Ok((adapter, events));
            }
        }
        Err(missing())
    }

    /// Ends everything of one adapter, or of all.
    async fn close(&mut self, name: Option<&str>) {
        let is_of = |id: &PeripheralId| name.is_none_or(|name| adapter_of(id) == name);
        self.adapters.retain(|adapter, _| name.is_some_and(|name| name != adapter));
        self.sightings.forget(is_of);
        let ended: Vec<PeripheralId> = self.conversations.keys().filter(|id| is_of(id)).cloned().collect();
        for id in ended {
            if let Some(conversation) = self.conversations.remove(&id) {
                conversation.end().await;
            }
        }
        self.engaged.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, id| !is_of(id));
        let at = self.ear.clock.now();
        self.ear.links.send_modify(|links| links.adapter_gone(name, at));
    }

    /// There is no Bluetooth, for this reason.
    fn trouble(&self, reason: String) {
        self.ear.vigil.trouble(Trouble::RadioGone, true);
        self.ear.links.send_modify(|links| links.trouble = Some(reason));
    }

    fn all_is_well(&self) {
        self.ear.vigil.trouble(Trouble::RadioGone, false);
        self.ear.links.send_if_modified(|links| links.trouble.take().is_some());
    }

    async fn look_after(&mut self) {
        for name in std::mem::take(&mut self.unopened) {
            self.open(name).await;
        }
        if self.manager.is_some() && self.adapters.is_empty() && !self.said_none {
            self.said_none = true;
            let reason = "this box has no Bluetooth adapter";
            tracing::error!("{reason}; listening as soon as there is one");
            self.trouble(reason.to_owned());
        }
        let mut silent = false;
        for open in self.adapters.values_mut() {
            let stuck = open.heard_at.elapsed() > STUCK_AFTER;
            if stuck {
                tracing::info!(
                    adapter = open.airtime.adapter_name(),
                    "nothing heard for long; scanning anew"
                );
                open.heard_at = Instant::now();
            }
            // A bluetoothd that hangs sends no events, and no end of them: it has to answer now and then.
            if tokio::time::timeout(ANSWERS_WITHIN, open.airtime.answers()).await.is_err() {
                silent = true;
                continue;
            }
            open.airtime.keep_scanning(stuck).await;
        }
        if silent {
            tracing::error!("bluetoothd does not answer");
            self.trouble("bluetoothd does not answer".to_owned());
        } else if !self.adapters.is_empty() {
            self.all_is_well();
        }
    }

    async fn happened(&mut self, Happening { adapter, at, event }: Happening) {
        if let Some(open) = self.adapters.get_mut(&adapter) {
            open.heard_at = Instant::now();
        }
        let done = match event {
            CentralEvent::DeviceDiscovered(id) => self.advertised(id, Told::Discovered).await,
            CentralEvent::RssiUpdate { id, rssi } => self.advertised(id, Told::Heard(Some(rssi))).await,
            CentralEvent::ManufacturerDataAdvertisement { id, .. } => {
                self.advertised(id, Told::Heard(None)).await
            }
            CentralEvent::ServiceDataAdvertisement { id, service_data } => {
                self.advertised(id, Told::Said(service_data)).await
            }
            CentralEvent::DeviceDisconnected(id) => {
                if let Some(conversation) = self.conversations.get(&id) {
                    conversation.gone();
                }
                Ok(())
            }
            CentralEvent::StateUpdate(state) => {
                tracing::info!(adapter, ?state, "the adapter changed");
                Ok(())
            }
            CentralEvent::DeviceConnected(id) => {
                if let Some(conversation) = self.conversations.get(&id) {
                    conversation.is_up(at);
                }
                Ok(())
            }
            CentralEvent::DeviceUpdated(_)
            | CentralEvent::DeviceServicesModified(_)
            | CentralEvent::ServicesAdvertisement { .. } => Ok(()),
        };
        if let Err(error) = done {
            // One device's trouble (it vanished between two calls) is not the adapter's.
            tracing::debug!(adapter, %error, "a device could not be asked");
        }
    }

    async fn advertised(&mut self, id: PeripheralId, told: Told) -> Result<(), AirError> {
        let now = Instant::now();
        let rssi = if let Told::Heard(rssi) = told { rssi } else { None };
        let is_soon = self.sightings.is_too_soon(&id, rssi, now);
        if matches!(told, Told::Heard(_)) && is_soon {
            return Ok(());
        }
        let Some(open) = self.adapters.get(&adapter_of(&id)) else { return Ok(()) };
        let Some(properties) = open.airtime.peripheral(&id).await?.properties().await? else { return Ok(()) };
        // A new process is told of devices that bluetoothd remembers and that are not there. One that has a signal strength was
        // heard, and what it said in its first advertisement, which may be its only one, is told in no other way. One to connect to
        // advertises again, by when every adapter has heard it.
        let is_there = properties.rssi.is_some() && !properties.service_data.is_empty();
        if matches!(told, Told::Discovered) && !is_there {
            return Ok(());
        }
        let device = device_of(&properties)?;
        let rssi = rssi.or(properties.rssi);
        if let Some(dbm) = rssi {
            self.signals.heard(&device, dbm);
        }
        self.sightings.saw(id.clone(), device.clone(), rssi, now);
        // What it said is taken as it came: by now bluetoothd may hold what it said next.
        let said = if let Told::Said(data) = &told { Some(data) } else { None };
        let rests = self.conversations.get(&id).is_some_and(|conversation| conversation.rests(now));
        if said.is_none() && rests {
            return Ok(());
        }
        let hides = hides_address(properties.address_type, &device);
        let event = advertisement(&properties, said);
        let name = properties.advertisement_name.or(properties.local_name).filter(|name| !is_address(name));
        self.ear.hear_from(&device, hides, name, event).await;
        Ok(())
    }

    async fn asked(&mut self, device: &DeviceId, action: Action) {
        let reason = match self.conversation_for(device, &action).await {
            Ok(Some(conversation)) => return conversation.ask(action),
            Ok(None) => "the device is not in the air any more".to_owned(),
            Err(error) => error.to_string(),
        };
        self.ear.hear(device, Event::Failed { uuid: None, reason }).await;
    }

    async fn conversation_for(
        &mut self,
        device: &DeviceId,
        action: &Action,
    ) -> Result<Option<&Conversation>, AirError> {
        let engaged = self.engaged.lock().unwrap_or_else(PoisonError::into_inner).get(device).cloned();
        let id =
            if matches!(action, Action::Connect) { self.best(device).await.or(engaged) } else { engaged };
        let Some(id) = id else { return Ok(None) };
        if !self.conversations.contains_key(&id) {
            let adapter = adapter_of(&id);
            let open = self.adapters.get(&adapter).ok_or(AirError::NoAdapter(adapter))?;
            let partner = Partner {
                device: device.clone(),
                peripheral: open.airtime.peripheral(&id).await?,
                airtime: open.airtime.clone(),
                pairing: self.pairing,
                engaged: Arc::clone(&self.engaged),
            };
            let conversation = Conversation::start(partner, self.ear.clone()).await?;
            self.conversations.insert(id.clone(), conversation);
        }
        self.engaged.lock().unwrap_or_else(PoisonError::into_inner).insert(device.clone(), id.clone());
        Ok(self.conversations.get(&id))
    }

    /// The object by which a device is best spoken to.
    async fn best(&mut self, device: &DeviceId) -> Option<PeripheralId> {
        let heard = self.sightings.of(device, Instant::now());
        if heard.len() > 1 {
            for id in &heard {
                if bonds::is_bonded(id).await.unwrap_or(false) {
                    return Some(id.clone());
                }
            }
        }
        heard.into_iter().next()
    }
}
