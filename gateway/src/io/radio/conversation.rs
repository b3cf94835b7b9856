//! One device's end of the radio: an ear ([`Reader`]), a voice ([`Speaker`]), and what the two both know.
//!
//! **Invariant:** the notification stream is open before the first request is carried out, and stays open.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use btleplug::api::Peripheral as _;
use btleplug::platform::Peripheral;
use devices::Uuid16;
use devices::session::{Action, Event};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use vitals::{DeviceId, Timestamp};

use super::air::Engaged;
use super::airtime::Airtime;
use super::identity::adapter_of;
use super::patience::{Ending, Patience};
use super::reader::Reader;
use super::speaker::Speaker;
use super::{Ear, Pairing};

/// A connection that lasted so long was no refusal, whether or not the device had anything to say.
const LASTED: Duration = Duration::from_secs(10);

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

pub(super) struct State {
    pub(super) device: DeviceId,
    patience: Patience,
    pub(super) bonded: bool,
    /// The connection that is asked for, or stands.
    pub(super) connection: Option<Connection>,
}

/// How far a connection came.
#[derive(Clone, Copy)]
pub(super) struct Connection {
    since: Instant,
    /// When the link came up, by the gateway's clock, as far as bluetoothd has said so.
    link_up_at: Option<Timestamp>,
    is_up: bool,
    spoke: bool,
}

impl Connection {
    /// One that is asked for at `now`.
    pub(super) fn asked(now: Instant) -> Self {
        Self { since: now, link_up_at: None, is_up: false, spoke: false }
    }

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
pub(super) enum Ask {
    Do(Box<Action>),
    /// The bond is dead.
    Forget,
}

impl Shared {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
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

    pub(super) fn link_up_at(&self) -> Option<Timestamp> {
        self.state().connection.and_then(|connection| connection.link_up_at)
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
        self.shared.ask(Ask::Do(Box::new(action)));
    }

    /// The connection stands since `at`, as far as the radio is concerned; what the device has is still to be found out.
    pub(super) fn is_up(&self, at: Timestamp) {
        if let Some(connection) = &mut self.shared.state().connection {
            connection.is_up = true;
            connection.link_up_at.get_or_insert(at);
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

pub(super) fn short(uuid: &uuid::Uuid) -> Option<Uuid16> {
    uuid.to_string().parse().ok()
}
