//! Where a reading goes that comes while a device is paired.
//!
//! **Invariant:** what cannot be kept is said before the device is asked for anything.

use gateway::config::Config;
use gateway::io::clock;
use gateway::outbox::{KnownDevice, OpenError, Outbox, Sealing, Undecoded};

use super::words::Words;
use crate::cli::{Failure, failed, wrong};

/// Where readings go.
pub(super) enum Keeper {
    Outbox(Box<Outbox>),
    /// Another process has the outbox, and hears what we hear.
    Daemon,
    Nowhere,
}

impl Keeper {
    pub(super) fn open(config: Option<&Config>) -> Result<Self, Failure> {
        let Some(config) = config else { return Ok(Self::Nowhere) };
        match Outbox::open(&config.outbox, &config.gateway, config.limits, clock::system_now()) {
            Ok(opened) => Ok(Self::Outbox(Box::new(opened.outbox))),
            Err(OpenError::InUse { .. }) => Ok(Self::Daemon),
            Err(error) => Err(wrong(error)),
        }
    }

    pub(super) fn words(&self, words: &Words) -> Option<&'static str> {
        match self {
            Self::Outbox(_) => None,
            Self::Daemon => Some(words.daemon_runs),
            Self::Nowhere => Some(words.not_kept),
        }
    }

    /// Writes down what is known of the device.
    pub(super) fn remember(&mut self, device: &KnownDevice) -> Result<(), Failure> {
        match self {
            Self::Outbox(outbox) => outbox.remember_device(device).map_err(failed),
            Self::Daemon | Self::Nowhere => Ok(()),
        }
    }

    /// Writes down the device that a reading came from: a short visit may end before anything else is learned of it.
    pub(super) fn remember_heard(&mut self, sealing: &Sealing) -> Result<(), Failure> {
        let (identity, last_seen) = (sealing.device.clone(), sealing.heard_at);
        self.remember(&KnownDevice { identity, last_seen, battery_percent: None })
    }

    /// Keeps a frame that gave no reading.
    pub(super) fn keep_undecoded(&mut self, frame: &Undecoded) -> Result<(), Failure> {
        match self {
            Self::Outbox(outbox) => outbox.keep_undecoded(frame).map_err(failed),
            Self::Daemon | Self::Nowhere => Ok(()),
        }
    }

    /// Keeps a reading; true where that was done here.
    pub(super) fn keep(&mut self, sealing: &Sealing) -> Result<bool, Failure> {
        match self {
            Self::Outbox(outbox) => outbox.seal(sealing, clock::system_now()).map(|_| true).map_err(failed),
            Self::Daemon | Self::Nowhere => Ok(false),
        }
    }
}
