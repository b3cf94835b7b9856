//! A whole gateway: a source, an outbox and a broker, wired together and run until it is told to stop.
//!
//! Several run in one process without knowing of each other. It refuses to install a logger, a signal handler or a
//! runtime: those are the program's.
//!
//! **Invariant:** [`Gateway::run`] returns within two seconds of being told to stop, with everything it had heard on
//! disk or said to be lost.

use std::future::Future;

use tokio::sync::watch;

use crate::config::Config;
use crate::io::carry::Carrier;
use crate::io::clock::{Clock, watch_system};
use crate::io::listen::{Listener, Tally};
use crate::io::mqtt::MqttLink;
use crate::outbox::{Depth, OpenError, Outbox, SharedOutbox, StoreError};
use crate::source::BleSource;

/// Why a gateway did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its outbox did not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Its outbox cannot be read.
    #[error("the outbox cannot be read: {0}")]
    Store(#[from] StoreError),
}

/// Why a gateway stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was told to.
    Stopped,
    /// Its source ended and everything has its receipt.
    Drained,
}

/// A gateway that is ready to run.
#[derive(Debug)]
pub struct Gateway<S> {
    config: Config,
    source: S,
    clock: Clock,
    outbox: SharedOutbox,
}

impl<S: BleSource> Gateway<S> {
    /// Opens the outbox of a gateway that listens to `source`. `clock` dates envelopes and heartbeats.
    ///
    /// # Errors
    /// [`StartError`] when the outbox does not open.
    pub fn open(config: Config, source: S, clock: Clock) -> Result<Self, StartError> {
        let opened = Outbox::open(&config.outbox, &config.gateway, config.limits, clock.now())?;
        if let Some((aside, salvaged)) = opened.set_aside {
            tracing::error!(aside = %aside.display(), salvaged, "a new outbox was started; keep the broken file");
        }
        Ok(Self { config, source, clock, outbox: SharedOutbox::new(opened.outbox) })
    }

    /// The outbox's depth, now and whenever it changes: `unreceipted == 0` means that all has its receipt.
    #[must_use]
    pub fn depth(&self) -> watch::Receiver<Depth> {
        self.outbox.watch()
    }

    /// Runs until `shutdown` is ready, or the source has ended and everything is receipted.
    ///
    /// # Errors
    /// [`StartError::Store`] when the outbox cannot be read at the start.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(Ended, Tally), StartError> {
        let Self { config, source, clock, outbox } = self;
        let (health, devices) = watch::channel(Vec::new());
        let id = outbox.id().await;
        // Two processes may speak for one gateway (a technician at a desk, the box at home): each by its own name.
        let client_id = format!("{}.{}", config.gateway, id.as_str().get(..8).unwrap_or(id.as_str()));
        let link = MqttLink::new(config.broker.clone(), config.gateway.clone(), client_id);
        let mut listener = Listener::new(&config, source, outbox.clone(), clock.clone(), health).await?;
        let mut carrier = Carrier::new(link, outbox.clone(), clock.clone(), devices).await;
        let ended = {
            let drained = async {
                listener.run().await;
                let mut depth = outbox.watch();
                // The sender is held by `outbox`, so waiting cannot fail.
                let _ = depth.wait_for(|depth| depth.unreceipted == 0).await;
            };
            let watched = async {
                watch_system(clock.clone()).await;
                std::future::pending::<()>().await;
            };
            tokio::select! {
                biased;
                () = shutdown => Ended::Stopped,
                () = drained => Ended::Drained,
                () = carrier.run() => Ended::Stopped,
                () = watched => Ended::Stopped,
            }
        };
        if ended == Ended::Stopped {
            listener.stop().await;
        }
        carrier.hang_up();
        // The goodbye is one small packet; a broker that does not take it notices by itself.
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        Ok((ended, listener.tally()))
    }
}
