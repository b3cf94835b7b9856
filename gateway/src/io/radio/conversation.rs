//! One device's end of the radio: carries out what its session asks for, one request at a time.
//!
//! **Invariant:** the notification stream is open before the first request is carried out, and stays open; no request
//! outlives the connection it was made for.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use btleplug::api::{Central as _, CharPropFlags, Characteristic, Peripheral as _, ScanFilter, WriteType};
use btleplug::platform::{Adapter, Peripheral};
use devices::Uuid16;
use devices::models::{self, Bonding};
use devices::session::{Action, Event};
use futures::StreamExt as _;
use tokio::sync::{Mutex, Notify, mpsc};
use tokio::task::JoinHandle;
use vitals::DeviceId;

use super::{Ear, is_address};
use crate::io::agent;

/// How long connecting and finding out what the device has may take; BlueZ itself gives up after half a minute.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(40);
/// How long a read, a write or a subscription may take; the pairing that one can set off is in it.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(35);

/// The right to connect: one at a time, with scanning paused.
#[derive(Clone)]
pub(super) struct Airtime {
    adapter: Adapter,
    connecting: Arc<Mutex<()>>,
}

impl Airtime {
    pub(super) fn new(adapter: Adapter) -> Self {
        Self { adapter, connecting: Arc::new(Mutex::new(())) }
    }

    async fn quietly<T>(&self, work: impl Future<Output = T>) -> T {
        let _turn = self.connecting.lock().await;
        if let Err(error) = self.adapter.stop_scan().await {
            tracing::debug!(%error, "scanning did not stop");
        }
        let done = work.await;
        if let Err(error) = self.adapter.start_scan(ScanFilter::default()).await {
            tracing::warn!(%error, "scanning did not start again");
        }
        done
    }
}

/// A device that is, or was, spoken to.
pub(super) struct Conversation {
    requests: mpsc::UnboundedSender<Action>,
    gone: Arc<Notify>,
    tasks: [JoinHandle<()>; 2],
}

impl Conversation {
    /// Opens the device's notification stream and waits for requests.
    pub(super) async fn start(
        device: DeviceId,
        peripheral: Peripheral,
        ear: Ear,
        airtime: Airtime,
    ) -> Result<Self, btleplug::Error> {
        let mut notifications = peripheral.notifications().await?;
        let (to, listening) = (device.clone(), ear.clone());
        let reader = tokio::spawn(async move {
            while let Some(value) = notifications.next().await {
                match short(&value.uuid) {
                    Some(uuid) => listening.hear(&to, Event::Notified { uuid, bytes: value.value }).await,
                    None => tracing::debug!(device = %to, uuid = %value.uuid, "a maker's own characteristic"),
                }
            }
        });
        let gone = Arc::new(Notify::new());
        let (requests, asked) = mpsc::unbounded_channel();
        let speaker = Speaker { device, peripheral, ear, airtime, gone: Arc::clone(&gone) };
        let worker = tokio::spawn(speaker.work(asked));
        Ok(Self { requests, gone, tasks: [reader, worker] })
    }

    /// Asks for something. A session asks for a bounded number of things a connection.
    pub(super) fn ask(&self, action: Action) {
        if self.requests.send(action).is_err() {
            tracing::error!("a device's conversation has ended");
        }
    }

    /// The device hung up: whatever is under way has failed.
    pub(super) fn gone(&self) {
        self.gone.notify_one();
    }
}

impl Drop for Conversation {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

struct Speaker {
    device: DeviceId,
    peripheral: Peripheral,
    ear: Ear,
    airtime: Airtime,
    gone: Arc<Notify>,
}

impl Speaker {
    async fn work(self, mut requests: mpsc::UnboundedReceiver<Action>) {
        loop {
            let action = tokio::select! {
                biased;
                () = self.gone.notified() => {
                    drain(&mut requests);
                    continue;
                }
                action = requests.recv() => match action {
                    Some(action) => action,
                    None => return,
                },
            };
            let event = self.carry_out(action).await;
            // A first advertisement may come without the name; the model must be known before the first frame.
            let name = match event {
                Some(Event::Connected { .. }) => self.name().await,
                Some(_) | None => None,
            };
            if let Some(event) = event {
                self.ear.hear_from(&self.device, false, name, event).await;
            }
        }
    }

    async fn carry_out(&self, action: Action) -> Option<Event> {
        let (uuid, done) = match action {
            Action::Connect => (None, self.connect().await),
            Action::Read(uuid) => (Some(uuid), self.read(uuid).await),
            Action::Write { uuid, bytes } => (Some(uuid), self.write(uuid, &bytes).await),
            Action::Subscribe(uuid) => (Some(uuid), self.subscribe(uuid).await),
            Action::Disconnect => {
                // Its end is heard as the device's disconnection.
                if let Err(error) = self.peripheral.disconnect().await {
                    tracing::debug!(device = %self.device, %error, "hanging up");
                }
                return None;
            }
            Action::Measured(_) | Action::Learned(_) | Action::Trouble(_) | Action::Ignored { .. } => {
                return None;
            }
        };
        Some(done.unwrap_or_else(|reason| Event::Failed { uuid, reason }))
    }

    async fn connect(&self) -> Result<Event, String> {
        let connecting = async {
            self.peripheral.connect().await?;
            self.peripheral.discover_services().await?;
            self.bond().await
        };
        self.airtime.quietly(self.within(CONNECT_TIMEOUT, connecting)).await?;
        let characteristics = self.peripheral.characteristics();
        Ok(Event::Connected {
            characteristics: characteristics.iter().filter_map(|it| short(&it.uuid)).collect(),
        })
    }

    /// Pairs where the model is known to ask for it. A model that nobody knows pairs when bluetoothd sees the need.
    async fn bond(&self) -> Result<(), btleplug::Error> {
        let name = self.name().await;
        let bonding = name.as_deref().and_then(models::find).map(|model| model.behaviour.bonding);
        if matches!(bonding, None | Some(Bonding::No)) {
            return Ok(());
        }
        let path = self.peripheral.id().to_string();
        match tokio::task::spawn_blocking(move || agent::pair(&path)).await {
            Ok(Ok(())) => {}
            // It may still speak: some ask only sometimes.
            Ok(Err(error)) => tracing::warn!(device = %self.device, %error, "the device did not pair"),
            Err(error) => tracing::error!(device = %self.device, %error, "pairing ended"),
        }
        Ok(())
    }

    async fn name(&self) -> Option<String> {
        let properties = self.peripheral.properties().await.ok().flatten()?;
        properties.advertisement_name.or(properties.local_name).filter(|name| !is_address(name))
    }

    async fn read(&self, uuid: Uuid16) -> Result<Event, String> {
        let characteristic = self.characteristic(uuid)?;
        let bytes = self.within(REQUEST_TIMEOUT, self.peripheral.read(&characteristic)).await?;
        Ok(Event::Read { uuid, bytes })
    }

    async fn write(&self, uuid: Uuid16, bytes: &[u8]) -> Result<Event, String> {
        let characteristic = self.characteristic(uuid)?;
        let kind = if characteristic.properties.contains(CharPropFlags::WRITE) {
            WriteType::WithResponse
        } else {
            WriteType::WithoutResponse
        };
        self.within(REQUEST_TIMEOUT, self.peripheral.write(&characteristic, bytes, kind)).await?;
        Ok(Event::Written { uuid })
    }

    async fn subscribe(&self, uuid: Uuid16) -> Result<Event, String> {
        let characteristic = self.characteristic(uuid)?;
        self.within(REQUEST_TIMEOUT, self.peripheral.subscribe(&characteristic)).await?;
        Ok(Event::Subscribed { uuid })
    }

    fn characteristic(&self, uuid: Uuid16) -> Result<Characteristic, String> {
        self.peripheral
            .characteristics()
            .into_iter()
            .find(|it| short(&it.uuid) == Some(uuid))
            .ok_or_else(|| "the device has no such characteristic".to_owned())
    }

    async fn within<T>(
        &self,
        timeout: Duration,
        work: impl Future<Output = Result<T, btleplug::Error>>,
    ) -> Result<T, String> {
        tokio::select! {
            done = tokio::time::timeout(timeout, work) => match done {
                Ok(Ok(done)) => Ok(done),
                Ok(Err(error)) => Err(error.to_string()),
                Err(_) => Err(format!("no answer within {} s", timeout.as_secs())),
            },
            () = self.gone.notified() => {
                // Whoever drains the queue next must hear of it as well.
                self.gone.notify_one();
                Err("the device hung up".to_owned())
            }
        }
    }
}

/// What was asked of a connection that is over is not asked of the next one.
fn drain(requests: &mut mpsc::UnboundedReceiver<Action>) {
    while requests.try_recv().is_ok() {}
}

fn short(uuid: &uuid::Uuid) -> Option<Uuid16> {
    uuid.to_string().parse().ok()
}
