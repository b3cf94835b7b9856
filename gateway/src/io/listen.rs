//! Listens to a source and does the duties that follow: above all, sealing.
//!
//! A measurement that cannot be sealed (disk full, outbox full) is held and tried again, and nothing more is taken
//! from the source until it is: the log says so each time.
//!
//! **Invariant:** every duty is done before the next event is taken.

use std::collections::VecDeque;
use std::time::Duration;

use devices::Settings;
use futures::FutureExt as _;
use tokio::sync::watch;
use vitals::{DeviceHealth, Timestamp, hex};

use super::clock::{Clock, local_offset_s};
use crate::config::Config;
use crate::home::{Duty, Home};
use crate::outbox::{SealError, Sealed, Sealing, SharedOutbox, StoreError, Undecoded};
use crate::source::BleSource;

/// The first pause before a measurement that could not be sealed is tried again, and the longest.
const RETRY_FIRST: Duration = Duration::from_millis(500);
const RETRY_MAX: Duration = Duration::from_secs(30);
/// How long what was already heard may take to reach the disk once the gateway is told to stop.
const LAST_WORDS: Duration = Duration::from_millis(800);

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
        Ok(Self { source, home, outbox, clock, health, tally: Tally::default(), queue: VecDeque::new() })
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
        let timer = async {
            match self.home.next_deadline() {
                // A capture's clock stands still between its events; asking again every second costs nothing.
                Some(at) => tokio::time::sleep(until(at, now)).await,
                None => std::future::pending().await,
            }
        };
        let event = tokio::select! {
            event = self.source.next() => Some(event?),
            () = timer => None,
        };
        self.home.set_settings(settings(&self.clock));
        self.queue.extend(match event {
            Some(event) => self.home.handle(event),
            None => self.home.handle_timeout(self.clock.now()),
        });
        Some(())
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
        let mut pause = RETRY_FIRST;
        loop {
            let (attempt, now) = (sealing.clone(), self.clock.now());
            match self.outbox.with(move |outbox| outbox.seal(&attempt, now)).await {
                Ok(Sealed::New(seq)) => {
                    self.tally.sealed += 1;
                    tracing::info!(%device, %seq, kind = %sealing.measurement.kind, "sealed");
                    return;
                }
                Ok(Sealed::Known(seq)) => {
                    self.tally.known += 1;
                    tracing::debug!(%device, %seq, "heard before");
                    return;
                }
                Err(SealError::TooLarge { bytes, bytes_max }) => {
                    let reason = format!("{bytes} bytes, at most {bytes_max} can be carried");
                    return self.keep(kept(sealing, reason)).await;
                }
                Err(error @ (SealError::Full { .. } | SealError::Store(_))) => {
                    tracing::error!(%device, %error, "a reading waits for room; nothing more is taken until it is stored");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(RETRY_MAX);
                }
            }
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
