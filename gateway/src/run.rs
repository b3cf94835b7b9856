//! A whole gateway: a source, an outbox and a broker, wired together and run until it is told to stop.
//!
//! Several run in one process without knowing of each other. It refuses to install a logger, a signal handler or a
//! runtime: those are the program's.
//!
//! **Invariant:** [`Gateway::run`] returns within two seconds of being told to stop, with everything it had heard on
//! disk or said to be lost.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};

use crate::config::{Config, Renewal};
use crate::io::carry::{Carrier, random_fraction};
use crate::io::clock::{Clock, watch_system};
use crate::io::listen::{Listener, Tally};
use crate::io::mqtt::MqttLink;
use crate::io::renew::keep;
use crate::io::signal::{Board, show};
use crate::links::BrokerLink;
use crate::outbox::{Depth, OpenError, Outbox, SharedOutbox, StoreError};
use crate::source::BleSource;
use crate::vigil::{Part, Trouble, Vigil};

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

/// How often the outbox proves that it can be written.
const TOUCH_EVERY: Duration = Duration::from_secs(60);

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
    vigil: Vigil,
    broker: watch::Sender<BrokerLink>,
}

impl<S: BleSource> Gateway<S> {
    /// Opens the outbox of a gateway that listens to `source`. `clock` dates envelopes and heartbeats.
    ///
    /// # Errors
    /// [`StartError`] when the outbox does not open.
    pub fn open(config: Config, source: S, clock: Clock) -> Result<Self, StartError> {
        let opened = Outbox::open(&config.outbox, &config.gateway, config.limits, clock.now())?;
        let vigil = Vigil::default();
        if let Some((aside, salvaged)) = opened.set_aside {
            tracing::error!(aside = %aside.display(), salvaged, "a new outbox was started; keep the broken file");
            vigil.set_aside();
        }
        Ok(Self {
            config,
            source,
            clock,
            outbox: SharedOutbox::new(opened.outbox),
            vigil,
            broker: watch::Sender::default(),
        })
    }

    /// The same, telling `vigil` how it gets on.
    #[must_use]
    pub fn watched_by(self, vigil: Vigil) -> Self {
        (0..self.vigil.watch().borrow().set_aside).for_each(|_| vigil.set_aside());
        Self { vigil, ..self }
    }

    /// The outbox's depth, now and whenever it changes: `unreceipted == 0` means that all has its receipt.
    #[must_use]
    pub fn depth(&self) -> watch::Receiver<Depth> {
        self.outbox.watch()
    }

    /// How the link to the broker stands, now and whenever that changes.
    #[must_use]
    pub fn broker(&self) -> watch::Receiver<BrokerLink> {
        self.broker.subscribe()
    }

    /// Runs until `shutdown` is ready, or the source has ended and everything is receipted.
    ///
    /// # Errors
    /// [`StartError::Store`] when the outbox cannot be read at the start.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(Ended, Tally), StartError> {
        let Self { config, source, clock, outbox, vigil, broker } = self;
        let (board, missing) = Board::open(&config.signal);
        for error in missing {
            tracing::error!(%error, "the signal at home goes without this line");
        }
        let (health, devices) = watch::channel(Vec::new());
        let id = outbox.id().await;
        // Two processes may speak for one gateway (a technician at a desk, the box at home): each by its own name.
        let client_id = format!("{}.{}", config.gateway, id.as_str().get(..8).unwrap_or(id.as_str()));
        let renewed = Arc::new(Notify::new());
        let link = MqttLink::new(config.broker.clone(), config.gateway.clone(), client_id);
        let link = link.with_certificate_of(Arc::clone(&renewed), vigil.clone());
        let renewing = renewing(config.renewal.clone(), clock.clone(), vigil.clone(), renewed);
        let listener = Listener::new(&config, source, outbox.clone(), clock.clone(), health).await?;
        let mut listener = listener.watched_by(vigil.clone());
        let carrier = Carrier::new(link, outbox.clone(), clock.clone(), devices).await;
        let mut carrier = carrier.watched_by(vigil.clone()).telling(broker);
        let shown = show(config.signal, board, vigil.clone(), outbox.watch(), clock.clone());
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
                () = touched(&outbox, &clock, &vigil) => Ended::Stopped,
                () = shown => Ended::Stopped,
                () = renewing => Ended::Stopped,
            }
        };
        if ended == Ended::Stopped {
            listener.stop().await;
        }
        carrier.hang_up();
        // The goodbye is one small packet; a broker that does not take it notices by itself.
        tokio::time::sleep(Duration::from_millis(50)).await;
        Ok((ended, listener.tally()))
    }
}

/// Keeps the certificate current, where somebody renews it; never ends.
async fn renewing(renewal: Option<Renewal>, clock: Clock, vigil: Vigil, renewed: Arc<Notify>) {
    match renewal {
        Some(renewal) => keep(renewal, clock, vigil, renewed, random_fraction()).await,
        None => std::future::pending().await,
    }
}

/// Has the outbox prove again and again that it can be written, let go of history past its age, and ask for room. A full disk is an
/// answer; a disk that fails is none, and starting again checks the file.
async fn touched(outbox: &SharedOutbox, clock: &Clock, vigil: &Vigil) {
    loop {
        let today = clock.today();
        let touched = outbox.with(move |outbox| {
            outbox.touch()?;
            if let Some(now) = today {
                outbox.age_history(now)?;
            }
            outbox.lacks()
        });
        let lacking = match touched.await {
            Ok(lacking) => Ok(lacking.is_some()),
            Err(StoreError::DiskFull) => Ok(true),
            Err(StoreError::Failed(error)) => Err(error),
        };
        match lacking {
            Ok(lacking) => {
                vigil.moved(Part::Outbox, Instant::now());
                vigil.trouble(Trouble::NoRoom, lacking);
            }
            Err(ref error) => tracing::error!(%error, "the outbox cannot be written"),
        }
        vigil.trouble(Trouble::OutboxFails, lacking.is_err());
        tokio::time::sleep(TOUCH_EVERY).await;
    }
}
