//! The task that polls the link: messages into the queue, breaks tidied up, subscriptions made, connections made again.
//!
//! It never waits for anything that waits for it: it sends nothing but without waiting, and what it waits for, room in the
//! queue, comes from a committer that never waits for the link to be polled.
//!
//! **Invariant:** every message that the link gave goes into the queue, with the epoch of the connection it came by.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use care::clock::Clock;
use care::health::{Health, Part};
use care::language::Words;
use care::live::{Change, Feed};
use tokio::time::sleep;

use super::{Event, Gate, Link, LinkError, Outlet};
use crate::canary::Walk;
use crate::queue::Filler;
use crate::stop::Stop;
use crate::subscriptions::Subscriptions;

const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// See the module.
pub(crate) struct Pump<L, O> {
    pub(crate) link: L,
    pub(crate) gate: Arc<Gate<O>>,
    pub(crate) subscriptions: Arc<Subscriptions<O>>,
    pub(crate) queue: Filler,
    pub(crate) clock: Clock,
    pub(crate) health: Health,
    pub(crate) feed: Feed,
    /// Where it is noted that the canary came.
    pub(crate) walk: Walk,
    /// Whether messages are being heard: connected and subscribed.
    pub(crate) listening: Arc<AtomicBool>,
    pub(crate) stop: Stop,
}

impl<L: Link, O: Outlet> Pump<L, O> {
    /// Polls until the service stops.
    pub(crate) async fn run(mut self) {
        let stop = self.stop.clone();
        tokio::select! {
            () = self.poll_for_ever() => {}
            () = stop.asked() => {}
        }
        self.gate.outlet().disconnect();
        // One more turn of the event loop carries the goodbye; a broker that does not take it is no reason to wait.
        let goodbye = async { while self.link.poll().await.is_ok() {} };
        let _ = tokio::time::timeout(PAUSE_MIN, goodbye).await;
    }

    async fn poll_for_ever(&mut self) {
        let mut pause = PAUSE_MIN;
        loop {
            let taken = match self.link.poll().await {
                Ok(event) => self.take(event).await,
                Err(error) => Err(error),
            };
            match taken {
                Ok(()) if self.listening.load(Ordering::SeqCst) => pause = PAUSE_MIN,
                Ok(()) => {}
                Err(error) => {
                    self.broke(&error).await;
                    sleep(pause).await;
                    pause = (pause * 2).min(PAUSE_MAX);
                }
            }
        }
    }

    pub(crate) async fn take(&mut self, event: Event) -> Result<(), LinkError> {
        match event {
            // A session that was kept may be one that ended before anything was subscribed to: it is asked for again.
            Event::Connected { session_present } => match self.subscriptions.anew() {
                Ok(true) if !session_present => Ok(()),
                // What was kept is heard already; or there is nothing to hear yet, and this end works nevertheless.
                Ok(_) => {
                    self.hear();
                    Ok(())
                }
                Err(busy) => Err(LinkError::Broken(format!("cannot subscribe: {busy}"))),
            },
            Event::Subscribed { granted: true } => {
                self.hear();
                Ok(())
            }
            Event::Subscribed { granted: false } => {
                Err(LinkError::Broken("the broker does not let us subscribe".to_owned()))
            }
            Event::Publish(mut publish) => {
                if !self.subscriptions.share().hears(&publish.topic) {
                    // Another process hears it. It is acknowledged in its turn.
                    (publish.topic, publish.payload) = (String::new(), Vec::new());
                }
                let epoch = self.gate.epoch();
                let now = self.clock.now();
                self.walk.heard(&publish.topic, now);
                self.queue.put(publish, epoch, now).await;
                Ok(())
            }
        }
    }

    fn hear(&self) {
        self.listening.store(true, Ordering::SeqCst);
        tracing::info!("listening to the broker");
        if self.health.whole(Part::Broker, self.clock.now()) {
            self.feed.announce(Change::Health);
        }
    }

    pub(crate) async fn broke(&mut self, error: &LinkError) {
        let ended = self.gate.epoch();
        let untold = self.gate.break_off(&mut self.link);
        self.listening.store(false, Ordering::SeqCst);
        if matches!(error, LinkError::TooLarge { .. }) {
            // The broker would send it again for ever. Without the session it does not, and gateways send the rest again.
            self.link.begin_anew();
            metrics::counter!("vagen_ingest_oversize_messages_total").increment(1);
        }
        if self.health.broken(Part::Broker, self.clock.now(), no_broker()) {
            tracing::warn!(%error, "the connection to the broker is gone; connecting again");
            self.feed.announce(Change::Health);
        }
        for publish in untold {
            self.queue.put(publish, ended, self.clock.now()).await;
        }
    }
}

impl<L, O> Drop for Pump<L, O> {
    /// However this task ends, nobody listens after it, and the watch says so.
    fn drop(&mut self) {
        self.listening.store(false, Ordering::SeqCst);
    }
}

/// What is not known while there is no connection.
pub(crate) fn no_broker() -> Words {
    Words::new(
        "Ingen kontakt med meddelandetjänsten. Nya värden hemifrån syns inte än, men sparas i hemmet.",
        "No contact with the message broker. New values from homes are not shown yet, but are kept at home.",
    )
}
