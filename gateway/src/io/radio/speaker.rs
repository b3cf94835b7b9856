//! One device's voice: carries out what its session asks for, one request at a time, and bonds where that is wanted.
//!
//! **Invariant:** no request outlives the connection it was made for.

use std::future::Future;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use btleplug::api::{CharPropFlags, Characteristic, Peripheral as _, PeripheralProperties, WriteType};
use devices::Uuid16;
use devices::models::{self, Bonding};
use devices::session::{Action, Event};
use tokio::sync::{mpsc, watch};
use vitals::DeviceId;

use super::conversation::{Ask, Connection, Partner, Shared, short};
use super::identity::{device_of, hides_address};
use super::patience::Ending;
use super::{Ear, Pairing, bonds, is_address};
use crate::links::DeviceState;

/// How long connecting and finding out what the device has may take; BlueZ itself gives up after half a minute.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(40);
/// How long a read, a write or a subscription may take; the pairing that one can set off is in it.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(35);

pub(super) struct Speaker {
    pub(super) partner: Partner,
    pub(super) shared: Shared,
    pub(super) ear: Ear,
    /// Counts the device's disconnections.
    pub(super) ends: watch::Receiver<u64>,
    /// How many there were when the present connection was asked for.
    pub(super) connection: u64,
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
    pub(super) async fn work(mut self, mut asks: mpsc::UnboundedReceiver<Ask>) {
        while let Some(ask) = asks.recv().await {
            match ask {
                Ask::Forget => self.forget().await,
                Ask::Do(action) if *action == Action::Connect => self.connect().await,
                // What was asked of a connection that is over is not asked of the next one.
                Ask::Do(_) if self.is_over() => {}
                Ask::Do(action) => self.carry_out(*action).await,
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
            let connection = Connection::asked(Instant::now());
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
            paired = bonds::pair(&id, self.partner.pairing) => paired.map_err(|error| error.to_string()),
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
            link_up_at: self.shared.link_up_at(),
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
