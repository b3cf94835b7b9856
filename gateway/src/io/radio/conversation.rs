//! One device's end of the radio: carries out what its session asks for, one request at a time.
//!
//! **Invariant:** the notification stream is open before the first request is carried out, and stays open; no request
//! outlives the connection it was made for.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use btleplug::api::{
    Central as _, CharPropFlags, Characteristic, Peripheral as _, PeripheralProperties, ScanFilter, WriteType,
};
use btleplug::platform::{Adapter, Peripheral, PeripheralId};
use devices::Uuid16;
use devices::models::{self, Bonding};
use devices::session::{Action, Event};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use vitals::DeviceId;

use super::air::{Engaged, adapter_of, device_of, hides_address};
use super::patience::{Ending, Patience};
use super::reader::Reader;
use super::{Ear, Pairing, bonds, is_address};
use crate::links::DeviceState;

/// How long connecting and finding out what the device has may take; BlueZ itself gives up after half a minute.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(40);
/// How long a read, a write or a subscription may take; the pairing that one can set off is in it.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(35);
/// A connection that lasted so long was no refusal, whether or not the device had anything to say.
const LASTED: Duration = Duration::from_secs(10);

/// One adapter, and the right to connect with it: one device at a time, with scanning paused.
#[derive(Clone)]
pub(super) struct Airtime {
    name: Arc<str>,
    adapter: Adapter,
    connecting: Arc<tokio::sync::Mutex<()>>,
    scanning: Arc<AtomicBool>,
}

impl Airtime {
    /// Of an adapter that scans.
    pub(super) fn new(name: String, adapter: Adapter) -> Self {
        let scanning = Arc::new(AtomicBool::new(true));
        Self { name: name.into(), adapter, connecting: Arc::default(), scanning }
    }

    pub(super) fn adapter_name(&self) -> &str {
        &self.name
    }

    pub(super) async fn peripheral(&self, id: &PeripheralId) -> Result<Peripheral, btleplug::Error> {
        self.adapter.peripheral(id).await
    }

    /// Ready once bluetoothd has said how the adapter is.
    pub(super) async fn answers(&self) {
        match self.adapter.adapter_state().await {
            Ok(state) => tracing::trace!(adapter = &*self.name, ?state, "still there"),
            Err(error) => tracing::debug!(adapter = &*self.name, %error, "the adapter cannot be asked"),
        }
    }

    /// Starts scanning where that failed before, or anew; not while somebody connects.
    pub(super) async fn keep_scanning(&self, anew: bool) {
        let Ok(_turn) = self.connecting.try_lock() else { return };
        if anew {
            self.stop().await;
        }
        if !self.scanning.load(Ordering::Relaxed) {
            self.start().await;
        }
    }

    async fn stop(&self) {
        self.scanning.store(false, Ordering::Relaxed);
        if let Err(error) = self.adapter.stop_scan().await {
            tracing::debug!(adapter = &*self.name, %error, "scanning did not stop");
        }
    }

    async fn start(&self) {
        match scan(&self.adapter).await {
            Ok(()) => self.scanning.store(true, Ordering::Relaxed),
            Err(error) => {
                tracing::warn!(adapter = &*self.name, %error, "scanning did not start; trying again")
            }
        }
    }

    async fn quietly<T>(&self, work: impl Future<Output = T>) -> T {
        let _turn = self.connecting.lock().await;
        self.stop().await;
        let done = work.await;
        self.start().await;
        done
    }
}

/// Starts scanning, and takes back what was begun where it does not start: bluetoothd keeps a client that failed as one that
/// scans, and would refuse it for ever.
pub(super) async fn scan(adapter: &Adapter) -> Result<(), btleplug::Error> {
    let started = adapter.start_scan(ScanFilter::default()).await;
    if started.is_err()
        && let Err(error) = adapter.stop_scan().await
    {
        tracing::debug!(%error, "there was no scan to take back");
    }
    started
}

/// Whom a conversation is with, and by what.
pub(super) struct Partner {
    pub(super) device: DeviceId,
    pub(super) peripheral: Peripheral,
    pub(super) airtime: Airtime,
    pub(super) pairing: Pairing,
    pub(super) engaged: Engaged,
}

/// What the two ends of a conversation both know.
#[derive(Clone)]
pub(super) struct Shared(Arc<Inner>);

struct Inner {
    adapter: String,
    state: Mutex<State>,
    asks: mpsc::UnboundedSender<Ask>,
}

struct State {
    device: DeviceId,
    patience: Patience,
    bonded: bool,
    /// The connection that is asked for, or stands.
    connection: Option<Connection>,
}

/// How far a connection came.
#[derive(Clone, Copy)]
pub(super) struct Connection {
    since: Instant,
    is_up: bool,
    spoke: bool,
}

impl Connection {
    /// How it ended, now that it has.
    pub(super) fn ending(self) -> Ending {
        let lasted = self.since.elapsed() > LASTED;
        match (self.is_up, self.spoke || lasted) {
            (false, _) => Ending::NotReached,
            (true, false) => Ending::WithoutAWord,
            (true, true) => Ending::Spoke,
        }
    }
}

/// What is asked of the speaker.
enum Ask {
    Do(Action),
    /// The bond is dead.
    Forget,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn device(&self) -> DeviceId {
        self.state().device.clone()
    }

    pub(super) fn adapter(&self) -> &str {
        &self.0.adapter
    }

    /// The device said something.
    pub(super) fn spoke(&self) {
        if let Some(connection) = &mut self.state().connection {
            (connection.is_up, connection.spoke) = (true, true);
        }
    }

    pub(super) fn take_connection(&self) -> Option<Connection> {
        self.state().connection.take()
    }

    /// Notes how a connection ended, and has a dead bond removed.
    pub(super) fn connection_ended(&self, ear: &Ear, now: Instant, ending: Ending) {
        let (device, failures, dead) = {
            let mut state = self.state();
            let bonded = state.bonded;
            let dead = state.patience.ended(now, ending, bonded);
            (state.device.clone(), state.patience.failures(), dead)
        };
        ear.note(&device, |link| {
            link.failures = failures;
            if failures == 0 {
                link.trouble = None;
            }
        });
        if dead {
            self.ask(Ask::Forget);
        }
    }

    fn ask(&self, ask: Ask) {
        if self.0.asks.send(ask).is_err() {
            tracing::error!("a device's conversation has ended");
        }
    }
}

/// A device that is, or was, spoken to.
pub(super) struct Conversation {
    shared: Shared,
    ear: Ear,
    ends: watch::Sender<u64>,
    tasks: [JoinHandle<()>; 2],
}

impl Conversation {
    /// Opens the device's notification stream and waits for requests.
    pub(super) async fn start(partner: Partner, ear: Ear) -> Result<Self, btleplug::Error> {
        let notifications = partner.peripheral.notifications().await?;
        let (asks, asked) = mpsc::unbounded_channel();
        let (ends, ended) = watch::channel(0);
        let state = State {
            device: partner.device.clone(),
            patience: Patience::default(),
            bonded: false,
            connection: None,
        };
        let adapter = adapter_of(&partner.peripheral.id());
        let shared = Shared(Arc::new(Inner { adapter, state: Mutex::new(state), asks }));
        let reader = Reader {
            shared: shared.clone(),
            ear: ear.clone(),
            peripheral: partner.peripheral.clone(),
            notifications,
            ends: ended.clone(),
        };
        let speaker =
            Speaker { partner, shared: shared.clone(), ear: ear.clone(), ends: ended, connection: 0 };
        let tasks = [tokio::spawn(reader.work()), tokio::spawn(speaker.work(asked))];
        Ok(Self { shared, ear, ends, tasks })
    }

    /// Asks for something. A session asks for a bounded number of things a connection.
    pub(super) fn ask(&self, action: Action) {
        self.shared.ask(Ask::Do(action));
    }

    /// The connection stands, as far as the radio is concerned.
    pub(super) fn is_up(&self) {
        if let Some(connection) = &mut self.shared.state().connection {
            connection.is_up = true;
        }
    }

    /// The device hung up: whatever is under way has failed.
    pub(super) fn gone(&self) {
        self.ends.send_modify(|ends| *ends += 1);
    }

    /// Whether the device is to be left alone after failures.
    pub(super) fn rests(&self, now: Instant) -> bool {
        self.shared.state().patience.rests(now)
    }

    /// Ends the conversation because its adapter is gone; the session hears that the device is.
    pub(super) async fn end(self) {
        if self.shared.take_connection().is_some() {
            self.ear.hear(&self.shared.device(), Event::Disconnected).await;
        }
    }
}

impl Drop for Conversation {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

struct Speaker {
    partner: Partner,
    shared: Shared,
    ear: Ear,
    ends: watch::Receiver<u64>,
    /// How many disconnections there were when the present connection was asked for.
    connection: u64,
}

/// Why something asked of a device did not come about.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("the device hung up")]
    HungUp,
    #[error("no answer within {} s", .0.as_secs())]
    TimedOut(Duration),
    #[error("the device has no such characteristic")]
    Missing,
    #[error("{0}")]
    Bluetooth(#[from] btleplug::Error),
}

impl Failed {
    /// Whether the stack says that the device wants, or does not know, a key.
    fn speaks_of_keys(&self) -> bool {
        let text = self.to_string().to_lowercase();
        ["not paired", "authentication", "insufficient", "encryption", "not authorized"]
            .iter()
            .any(|word| text.contains(word))
    }
}

impl Speaker {
    async fn work(mut self, mut asks: mpsc::UnboundedReceiver<Ask>) {
        while let Some(ask) = asks.recv().await {
            match ask {
                Ask::Forget => self.forget().await,
                Ask::Do(Action::Connect) => self.connect().await,
                // What was asked of a connection that is over is not asked of the next one.
                Ask::Do(_) if self.is_over() => {}
                Ask::Do(action) => self.carry_out(action).await,
            }
        }
    }

    async fn carry_out(&self, action: Action) {
        let (uuid, done) = match action {
            Action::Read(uuid) => (uuid, self.read(uuid).await),
            Action::Write { uuid, bytes } => (uuid, self.write(uuid, &bytes).await),
            Action::Subscribe(uuid) => (uuid, self.subscribe(uuid).await),
            Action::Disconnect => {
                // Its end is heard as the device's disconnection. We hang up: it is no failure of the device's.
                self.shared.spoke();
                if let Err(error) = self.partner.peripheral.disconnect().await {
                    tracing::debug!(device = %self.shared.device(), %error, "hanging up");
                }
                return;
            }
            Action::Connect
            | Action::Measured(_)
            | Action::Learned(_)
            | Action::Trouble(_)
            | Action::Ignored { .. } => return,
        };
        let event =
            done.unwrap_or_else(|error| Event::Failed { uuid: Some(uuid), reason: error.to_string() });
        self.ear.hear(&self.shared.device(), event).await;
    }

    async fn connect(&mut self) {
        self.connection = *self.ends.borrow_and_update();
        let device = self.shared.device();
        let bonded = bonds::is_bonded(&self.partner.peripheral.id()).await.unwrap_or(false);
        {
            let mut state = self.shared.state();
            let connection = Connection { since: Instant::now(), is_up: false, spoke: false };
            (state.bonded, state.connection) = (bonded, Some(connection));
        }
        self.ear.state(&device, self.shared.adapter(), DeviceState::Connecting);
        self.ear.note(&device, |link| link.bonded = Some(bonded));
        match self.reach().await {
            Ok(()) => {
                self.bond(bonded).await;
                self.connected().await;
            }
            Err(error) => self.not_reached(&error).await,
        }
    }

    async fn reach(&self) -> Result<(), Failed> {
        let peripheral = &self.partner.peripheral;
        let connecting = async {
            peripheral.connect().await?;
            peripheral.discover_services().await
        };
        self.partner.airtime.quietly(self.within(CONNECT_TIMEOUT, connecting)).await
    }

    async fn not_reached(&self, error: &Failed) {
        let device = self.shared.device();
        let reason = error.to_string();
        self.ear.note(&device, |link| link.trouble = Some(reason.clone()));
        if !matches!(error, Failed::HungUp) {
            // What it hung up on, the reader notes, and tells as the disconnection that it is.
            if let Some(connection) = self.shared.take_connection() {
                let ending = if error.speaks_of_keys() { Ending::Refused } else { connection.ending() };
                self.shared.connection_ended(&self.ear, Instant::now(), ending);
            }
            self.ear.state(&device, self.shared.adapter(), DeviceState::Away);
            // bluetoothd may still be trying, and would answer the next attempt with "In Progress".
            if let Err(error) = self.partner.peripheral.disconnect().await {
                tracing::debug!(%device, %error, "giving up on a connection");
            }
            self.ear.hear(&device, Event::Failed { uuid: None, reason }).await;
        }
    }

    /// Pairs where the model is known to ask for it. One that nobody knows pairs when it refuses to speak without.
    async fn bond(&self, bonded: bool) {
        let name = self.name().await;
        let model = name.as_deref().and_then(models::find).map(|model| model.behaviour.bonding);
        let wanted = match (self.partner.pairing, model) {
            (Pairing::Always, _) | (_, Some(Bonding::Required | Bonding::RequiredWithConsent)) => true,
            (Pairing::AsNeeded, None | Some(Bonding::No)) => false,
        };
        if wanted && !bonded {
            self.pair().await;
        }
    }

    async fn pair(&self) -> bool {
        let (device, id) = (self.shared.device(), self.partner.peripheral.id());
        self.ear.state(&device, self.shared.adapter(), DeviceState::Pairing);
        let paired = tokio::select! {
            paired = bonds::pair(&id) => paired.map_err(|error| error.to_string()),
            () = self.ended() => Err(Failed::HungUp.to_string()),
        };
        match &paired {
            Ok(()) => {
                tracing::info!(%device, "paired");
                self.shared.state().bonded = true;
                self.ear.note(&device, |link| (link.bonded, link.trouble) = (Some(true), None));
            }
            // It may still speak: some ask only sometimes.
            Err(reason) => {
                tracing::warn!(%device, reason, "the device did not pair; is it in pairing mode?");
                self.ear.note(&device, |link| link.trouble = Some(format!("did not pair: {reason}")));
            }
        }
        paired.is_ok()
    }

    /// Tells the session of the connection: as whom, since a device that hides its address shows its own once it has a bond.
    async fn connected(&self) {
        let before = self.shared.device();
        let properties = self.partner.peripheral.properties().await.ok().flatten();
        let hides = |id: &DeviceId| hides_address(properties.as_ref().and_then(|it| it.address_type), id);
        if let Some(device) = properties.as_ref().and_then(|it| device_of(it).ok()).filter(|it| *it != before)
        {
            tracing::info!(%before, %device, "the device showed its own address");
            self.ear.hear_from(&before, true, None, Event::Disconnected).await;
            {
                let mut engaged = self.partner.engaged.lock().unwrap_or_else(PoisonError::into_inner);
                engaged.remove(&before);
                engaged.insert(device.clone(), self.partner.peripheral.id());
            }
            self.ear.links.send_modify(|links| drop(links.devices.remove(&before)));
            self.shared.state().device = device;
        }
        if self.is_over() {
            // It spoke and hung up while it was being asked what it has; the reader has told both.
            return;
        }
        let device = self.shared.device();
        self.ear.state(&device, self.shared.adapter(), DeviceState::Connected);
        let bonded = self.shared.state().bonded;
        self.ear.note(&device, |link| link.bonded = Some(bonded));
        let characteristics = self.partner.peripheral.characteristics();
        let event = Event::Connected {
            characteristics: characteristics.iter().filter_map(|it| short(&it.uuid)).collect(),
        };
        // A first advertisement may come without the name; the model must be known before the first frame.
        let name = properties.as_ref().and_then(name_in);
        self.ear.hear_from(&device, hides(&device), name, event).await;
        if self.is_over() {
            // The reader may have told of the end before this beginning.
            self.ear.state(&device, self.shared.adapter(), DeviceState::Away);
            self.ear.hear(&device, Event::Disconnected).await;
        }
    }

    async fn forget(&self) {
        let device = self.shared.device();
        let said = match bonds::forget(&self.partner.peripheral.id()).await {
            Ok(()) => {
                "the device has lost its bond; ours was removed, and it pairs anew when it is heard again"
            }
            Err(error) => {
                tracing::error!(%device, %error, "the bond that the device has lost could not be removed");
                "the device has lost its bond, and ours could not be removed"
            }
        };
        tracing::warn!(%device, "{said}");
        self.shared.state().bonded = false;
        self.ear.note(&device, |link| (link.bonded, link.trouble) = (Some(false), Some(said.to_owned())));
    }

    async fn name(&self) -> Option<String> {
        self.partner.peripheral.properties().await.ok().flatten().as_ref().and_then(name_in)
    }

    async fn read(&self, uuid: Uuid16) -> Result<Event, Failed> {
        let characteristic = self.characteristic(uuid)?;
        let bytes = self.within(REQUEST_TIMEOUT, self.partner.peripheral.read(&characteristic)).await?;
        Ok(Event::Read { uuid, bytes })
    }

    async fn write(&self, uuid: Uuid16, bytes: &[u8]) -> Result<Event, Failed> {
        let characteristic = self.characteristic(uuid)?;
        let kind = if characteristic.properties.contains(CharPropFlags::WRITE) {
            WriteType::WithResponse
        } else {
            WriteType::WithoutResponse
        };
        let writing = self.partner.peripheral.write(&characteristic, bytes, kind);
        self.within(REQUEST_TIMEOUT, writing).await?;
        Ok(Event::Written { uuid })
    }

    async fn subscribe(&self, uuid: Uuid16) -> Result<Event, Failed> {
        let characteristic = self.characteristic(uuid)?;
        let subscribing = || self.within(REQUEST_TIMEOUT, self.partner.peripheral.subscribe(&characteristic));
        match subscribing().await {
            Err(error) if error.speaks_of_keys() && self.pair().await => subscribing().await?,
            done => done?,
        }
        Ok(Event::Subscribed { uuid })
    }

    fn characteristic(&self, uuid: Uuid16) -> Result<Characteristic, Failed> {
        let mut all = self.partner.peripheral.characteristics().into_iter();
        all.find(|it| short(&it.uuid) == Some(uuid)).ok_or(Failed::Missing)
    }

    async fn within<T>(
        &self,
        timeout: Duration,
        work: impl Future<Output = Result<T, btleplug::Error>>,
    ) -> Result<T, Failed> {
        tokio::select! {
            done = tokio::time::timeout(timeout, work) => match done {
                Ok(done) => Ok(done?),
                Err(_) => Err(Failed::TimedOut(timeout)),
            },
            () = self.ended() => Err(Failed::HungUp),
        }
    }

    fn is_over(&self) -> bool {
        *self.ends.borrow() != self.connection
    }

    /// Ready once the present connection is over.
    async fn ended(&self) {
        let mut ends = self.ends.clone();
        // Closed only with the conversation.
        let _ = ends.wait_for(|ends| *ends != self.connection).await;
    }
}

fn name_in(properties: &PeripheralProperties) -> Option<String> {
    let names = [&properties.advertisement_name, &properties.local_name];
    names.into_iter().flatten().find(|name| !is_address(name)).cloned()
}

pub(super) fn short(uuid: &uuid::Uuid) -> Option<Uuid16> {
    uuid.to_string().parse().ok()
}
