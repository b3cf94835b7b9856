//! Listens to a source and does the duties that follow: above all, sealing.
//!
//! Where there is no room, devices that ask to be heard are not answered: they keep what they measured and ask again.
//! A measurement that was already heard and cannot be sealed is held and tried again, its device is told to go, and
//! nothing more is taken from the source until it is stored: the log says so each time.
//!
//! **Invariant:** every duty is done before the next event is taken.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use devices::Settings;
use devices::session::{Action, Event};
use futures::FutureExt as _;
use tokio::sync::watch;
use vitals::{DeviceHealth, Timestamp, hex};

use super::clock::{Clock, local_offset_s};
use crate::config::Config;
use crate::home::{Duty, Home};
use crate::outbox::{Depth, Limit, SealError, Sealed, Sealing, SharedOutbox, StoreError, Undecoded};
use crate::source::BleSource;
use crate::vigil::{Part, TURN_EVERY, Trouble, Vigil};

/// The first pause before a measurement that could not be sealed is tried again, and the longest.
const RETRY_FIRST: Duration = Duration::from_millis(500);
const RETRY_MAX: Duration = Duration::from_secs(30);
/// How long what was already heard may take to reach the disk once the gateway is told to stop.
const LAST_WORDS: Duration = Duration::from_millis(800);
/// How long an answer to whether there is room holds.
const ROOM_ASKED_EVERY: Duration = Duration::from_secs(10);

/// What listening came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Measurements that got a new number.
    pub sealed: u64,
    /// Measurements that had one: a device replaying its memory.
    pub known: u64,
    /// Frames that gave no measurement, kept.
    pub undecoded: u64,
}

/// Listens for one gateway.
pub struct Listener<S> {
    source: S,
    home: Home,
    outbox: SharedOutbox,
    clock: Clock,
    health: watch::Sender<Vec<DeviceHealth>>,
    tally: Tally,
    /// What is still to be done. A duty leaves only when it is done, so that a stop in the middle forgets none.
    queue: VecDeque<Duty>,
    vigil: Vigil,
    depth: watch::Receiver<Depth>,
    room: Room,
}

/// Whether devices are answered.
#[derive(Debug, Default)]
struct Room {
    asked_at: Option<Instant>,
    lacking: Option<Limit>,
}

impl<S: BleSource> Listener<S> {
    /// A listener to `source` that seals into `outbox` and tells `health` of its devices.
    ///
    /// # Errors
    /// [`StoreError`] when the devices known from before cannot be read.
    pub async fn new(
        config: &Config,
        source: S,
        outbox: SharedOutbox,
        clock: Clock,
        health: watch::Sender<Vec<DeviceHealth>>,
    ) -> Result<Self, StoreError> {
        let known = outbox.with(|outbox| outbox.devices()).await?;
        let memories = outbox.with(|outbox| outbox.memories()).await?;
        let home = Home::new(config.home.clone(), settings(&clock), known).recalling(memories);
        health.send_replace(home.health());
        let depth = outbox.watch();
        Ok(Self {
            source,
            home,
            outbox,
            clock,
            health,
            tally: Tally::default(),
            queue: VecDeque::new(),
            vigil: Vigil::default(),
            depth,
            room: Room::default(),
        })
    }

    /// The same, telling `vigil` how it gets on.
    #[must_use]
    pub fn watched_by(self, vigil: Vigil) -> Self {
        Self { vigil, ..self }
    }

    /// Listens until the source ends.
    pub async fn run(&mut self) {
        while self.turn().await.is_some() {
            self.carry_out().await;
        }
        self.queue.extend(self.home.finish(self.clock.now()));
        self.carry_out().await;
    }

    /// Takes what was already heard and gives out what still waits, within [`LAST_WORDS`].
    pub async fn stop(&mut self) {
        let rest = async {
            self.carry_out().await;
            while let Some(Some(event)) = self.source.next().now_or_never() {
                self.queue.extend(self.home.handle(event));
                self.carry_out().await;
            }
            self.queue.extend(self.home.finish(self.clock.now()));
            self.carry_out().await;
        };
        if tokio::time::timeout(LAST_WORDS, rest).await.is_err() {
            let readings = self.queue.iter().filter(|duty| matches!(duty, Duty::Seal(_))).count();
            tracing::error!(readings, "stopped before everything that was heard had reached the disk");
        }
    }

    /// What has come of it so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// Queues the next event's duties, or a deadline's; `None` at the source's end.
    async fn turn(&mut self) -> Option<()> {
        let now = self.clock.now();
        self.vigil.moved(Part::Listener, Instant::now());
        // A capture's clock stands still between its events; asking again every second costs nothing.
        let pause = self.home.next_deadline().map_or(TURN_EVERY, |at| until(at, now).min(TURN_EVERY));
        let event = tokio::select! {
            event = self.source.next() => Some(event?),
            () = tokio::time::sleep(pause) => None,
        };
        self.home.set_settings(settings(&self.clock));
        let event = match event {
            Some(heard) if asks_to_be_heard(&heard.event) && !self.has_room().await => None,
            event => event,
        };
        self.queue.extend(match event {
            Some(event) => self.home.handle(event),
            None => self.home.handle_timeout(self.clock.now()),
        });
        Some(())
    }

    /// Whether a device may be answered: asked of the outbox now and then, and said when it changes.
    async fn has_room(&mut self) -> bool {
        let now = Instant::now();
        // A receipt makes room; without one, only others can have made some on the disk.
        let may_have_changed = self.room.lacking.is_some() && self.depth.has_changed().unwrap_or(false);
        let is_old = |at: Instant| now.saturating_duration_since(at) >= ROOM_ASKED_EVERY;
        if may_have_changed || self.room.asked_at.is_none_or(is_old) {
            self.depth.mark_unchanged();
            let lacking = match self.outbox.with(|outbox| outbox.lacks()).await {
                Ok(lacking) => lacking,
                // What fails is found, said and tried again where a reading is sealed.
                Err(error) => {
                    tracing::warn!(%error, "whether there is room is not known");
                    None
                }
            };
            match (self.room.lacking, lacking) {
                (None, Some(limit)) => {
                    tracing::error!(%limit, "no room: devices are not answered and keep what they measure");
                }
                (Some(_), None) => tracing::info!("there is room again: devices are answered"),
                (None, None) | (Some(_), Some(_)) => {}
            }
            self.vigil.trouble(Trouble::NoRoom, lacking.is_some());
            self.room = Room { asked_at: Some(now), lacking };
        }
        self.room.lacking.is_none()
    }

    async fn carry_out(&mut self) {
        while let Some(duty) = self.queue.front().cloned() {
            match duty {
                Duty::Seal(sealing) => self.seal(*sealing).await,
                Duty::Keep(frame) => self.keep(frame).await,
                Duty::Act(device, action) => self.source.act(&device, action).await,
                Duty::Memorise(device, memory) => {
                    let memorised = self.outbox.with(move |outbox| outbox.memorise(&device, &memory)).await;
                    if let Err(error) = memorised {
                        // What waits is in memory all the same; a power cut now would lose it.
                        tracing::warn!(%error, "what a session remembers of its device was not written");
                    }
                }
                Duty::Remember(device) => {
                    let remembered = self.outbox.with(move |outbox| outbox.remember_device(&device)).await;
                    if let Err(error) = remembered {
                        // It is in memory and comes again with the next change.
                        tracing::warn!(%error, "what is known of a device was not written");
                    }
                }
            }
            self.queue.pop_front();
        }
        self.health.send_replace(self.home.health());
    }

    async fn seal(&mut self, sealing: Sealing) {
        let device = sealing.device.id.clone();
        let (mut pause, mut troubled) = (RETRY_FIRST, None);
        loop {
            let (attempt, now) = (sealing.clone(), self.clock.now());
            match self.outbox.with(move |outbox| outbox.seal(&attempt, now)).await {
                Ok(Sealed::New(seq)) => {
                    self.tally.sealed += 1;
                    self.stored(&troubled);
                    self.vigil.sealed();
                    tracing::info!(%device, %seq, kind = %sealing.measurement.kind, "sealed");
                    return;
                }
                Ok(Sealed::Known(seq)) => {
                    self.tally.known += 1;
                    self.stored(&troubled);
                    tracing::debug!(%device, %seq, "heard before");
                    return;
                }
                Err(SealError::TooLarge { bytes, bytes_max }) => {
                    let reason = format!("{bytes} bytes, at most {bytes_max} can be carried");
                    return self.keep(kept(sealing, reason)).await;
                }
                Err(error @ (SealError::Full(_) | SealError::Store(_))) => {
                    tracing::error!(%device, %error, "a reading waits for room; nothing more is taken until it is stored");
                    if troubled.is_none() {
                        // What the device has not sent yet stays in it.
                        self.source.act(&sealing.device.id, Action::Disconnect).await;
                    }
                    troubled = Some(trouble_of(&error));
                    self.vigil.trouble(trouble_of(&error), true);
                    self.vigil.moved(Part::Listener, Instant::now());
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(RETRY_MAX);
                }
            }
        }
    }

    /// A reading is on disk: what kept it from there is over, and room is asked for anew.
    fn stored(&mut self, troubled: &Option<Trouble>) {
        if let Some(trouble) = troubled {
            self.vigil.trouble(*trouble, false);
            self.room.asked_at = None;
        }
    }

    async fn keep(&mut self, frame: Undecoded) {
        self.tally.undecoded += 1;
        let said = frame.clone();
        if let Err(error) = self.outbox.with(move |outbox| outbox.keep_undecoded(&frame)).await {
            // The log is the only place left for the bytes.
            tracing::error!(%error, device = said.device, characteristic = said.characteristic, hex = said.hex,
                "a frame that could not be decoded was not stored either");
        }
    }
}

/// Whether answering this event makes a device send, and then forget, what it has. An advertisement that carries data
/// has sent it already.
fn asks_to_be_heard(event: &Event) -> bool {
    matches!(event, Event::Advertised { service_data, .. } if service_data.is_empty())
}

fn trouble_of(error: &SealError) -> Trouble {
    match error {
        SealError::Full(_) | SealError::Store(StoreError::DiskFull) => Trouble::NoRoom,
        SealError::TooLarge { .. } | SealError::Store(StoreError::Failed(_)) => Trouble::OutboxFails,
    }
}

fn kept(sealing: Sealing, reason: String) -> Undecoded {
    Undecoded {
        at: sealing.heard_at,
        device: sealing.device.id.to_string(),
        characteristic: sealing.raw.characteristic,
        hex: hex::encode(&sealing.raw.bytes),
        reason,
    }
}

fn settings(clock: &Clock) -> Settings {
    Settings { gateway_synced: clock.synced(), local_offset_s: local_offset_s(clock.now()) }
}

fn until(at: Timestamp, now: Timestamp) -> Duration {
    let millis = at.millis_since(now).clamp(1, Timestamp::MINUTE_MS);
    Duration::from_millis(u64::try_from(millis).unwrap_or(1))
}
