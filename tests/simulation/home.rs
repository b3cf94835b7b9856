//! A home: the shipped outbox on a disk that may fail, and the shipped carrier with the clock taken out of its hands.
//!
//! **Invariant:** nothing that a box does after its power was cut is heard by anybody.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use gateway::io::carry::Carrier;
use gateway::outbox::{Depth, Limits, Outbox, SealError, Sealed, Sealing, SharedOutbox};
use gateway::uplink::{Courier, Delivery, Link, LinkEvent, LinkFull};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use vitals::{GatewayId, Timestamp};

use crate::mount::Plugged;
use crate::random::Random;

/// The place held on the disk, bytes: small, so that it matters.
const RESERVE_BYTES: u64 = 64 * 1024;

/// What a box asks of its link.
#[derive(Debug)]
pub(crate) enum Act {
    Connect,
    HangUp,
    Subscribe,
    Publish { topic: String, payload: Vec<u8>, acknowledged: bool },
}

/// What was asked and not yet done.
#[derive(Clone, Debug, Default)]
pub(crate) struct Acts(Arc<Mutex<VecDeque<Act>>>);

impl Acts {
    fn push(&self, act: Act) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(act);
    }

    pub(crate) fn next(&self) -> Option<Act> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

/// The link, played.
pub(crate) struct PlayedLink(Acts);

impl Link for PlayedLink {
    fn connect(&mut self) {
        self.0.push(Act::Connect);
    }

    fn hang_up(&mut self) {
        self.0.push(Act::HangUp);
    }

    async fn next(&mut self) -> LinkEvent {
        std::future::pending().await
    }

    fn subscribe(&mut self, _: &str) -> Result<(), LinkFull> {
        self.0.push(Act::Subscribe);
        Ok(())
    }

    fn publish(&mut self, topic: &str, payload: Vec<u8>, delivery: Delivery) -> Result<(), LinkFull> {
        let acknowledged = delivery == Delivery::Acknowledged;
        self.0.push(Act::Publish { topic: topic.to_owned(), payload, acknowledged });
        Ok(())
    }
}

/// A box that is running.
pub(crate) struct Running {
    pub(crate) disk: Plugged,
    outbox: SharedOutbox,
    carrier: Carrier<PlayedLink>,
    pub(crate) acts: Acts,
    clock: Arc<AtomicI64>,
    /// How often its outbox was found broken when it was opened.
    pub(crate) found_broken: bool,
}

fn read(clock: &AtomicI64) -> Timestamp {
    Timestamp::from_millis(clock.load(Ordering::SeqCst)).expect("a time in range")
}

impl Running {
    /// Starts the box on `disk`. Gives the disk back where the outbox does not open.
    pub(crate) fn start(
        runtime: &Runtime,
        disk: Plugged,
        gateway: &GatewayId,
        clock: &Arc<AtomicI64>,
        now: Instant,
        mut random: Random,
    ) -> Result<Self, (Plugged, String)> {
        let path = disk.path().join("outbox.db");
        let limits = Limits { reserve_bytes: RESERVE_BYTES, ..Limits::default() };
        let opened = match Outbox::open(&path, gateway, limits, read(clock)) {
            Ok(opened) => opened,
            Err(error) => return Err((disk, error.to_string())),
        };
        let found_broken = opened.set_aside.is_some();
        let mut outbox = opened.outbox;
        // As the running box does before it asks a device for anything.
        let _ = outbox.lacks();
        let outbox = SharedOutbox::new(outbox);
        let acts = Acts::default();
        let jitter = move || f64::from(u32::try_from(random.below(1_000)).expect("small")) / 1_000.0;
        let shown = Arc::clone(clock);
        let carrier = runtime.block_on(Carrier::as_told_by(
            Courier::new(now, Box::new(jitter)),
            PlayedLink(acts.clone()),
            outbox.clone(),
            gateway::Clock::of(move || read(&shown)),
            watch::channel(Vec::new()).1,
        ));
        Ok(Self { disk, outbox, carrier, acts, clock: Arc::clone(clock), found_broken })
    }

    pub(crate) fn depth(&self) -> Depth {
        *self.outbox.watch().borrow()
    }

    pub(crate) fn id(&self, runtime: &Runtime) -> String {
        runtime.block_on(self.outbox.id()).to_string()
    }

    pub(crate) fn seal(&self, runtime: &Runtime, sealing: Sealing) -> Result<Sealed, SealError> {
        let now = read(&self.clock);
        runtime.block_on(self.outbox.with(move |outbox| outbox.seal(&sealing, now)))
    }

    pub(crate) fn happened(&mut self, runtime: &Runtime, event: LinkEvent, now: Instant) {
        runtime.block_on(self.carrier.happened(event, now));
    }

    pub(crate) fn work_off(&mut self, runtime: &Runtime, now: Instant) {
        runtime.block_on(self.carrier.work_off(|| now));
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.carrier.next_deadline()
    }

    /// Ends the process, in peace or because its power is gone, and gives its disk back.
    pub(crate) fn end(self) -> Plugged {
        self.disk
    }
}
