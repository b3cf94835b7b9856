//! The gate between those who acknowledge and the connection that breaks.
//!
//! The client would send an acknowledgement made after a broken connection on the next one, where the same packet id names
//! another message; and it would tell messages of the broken connection after the next one stands. So connections are
//! numbered: every message carries the [`Epoch`] it came in, and one lock is held both while a break is tidied up and while an
//! acknowledgement is handed over.
//!
//! **Invariant:** a message of an epoch that has ended is never acknowledged.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Link, Outlet, Publish, Token};
use crate::fault::{self, Flaw};

/// The number of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Epoch(u64);

/// See the module.
#[derive(Debug)]
pub struct Gate<O> {
    outlet: O,
    epoch: Mutex<Epoch>,
}

const RETRY: Duration = Duration::from_millis(2);

impl<O: Outlet> Gate<O> {
    /// A gate before the first connection.
    #[must_use]
    pub const fn new(outlet: O) -> Self {
        Self { outlet, epoch: Mutex::new(Epoch(0)) }
    }

    /// The connection that messages come by now.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        *self.lock()
    }

    /// The connection of `link` broke: ends the epoch, takes what was read and not told, and lets the link forget the rest.
    /// What is returned is to be committed and never acknowledged.
    pub fn break_off(&self, link: &mut impl Link) -> Vec<Publish> {
        let mut epoch = self.lock();
        epoch.0 += 1;
        let untold = link.drain();
        link.clean();
        untold
    }

    /// Acknowledges `token` of `epoch`, and waits for room to do so. Says whether it did: not when the epoch has ended.
    ///
    /// The outlet holds more acknowledgements than a connection can have messages outstanding, so room comes as soon as
    /// the link is polled.
    pub async fn ack(&self, epoch: Epoch, token: Token) -> bool {
        loop {
            {
                let current = self.lock();
                if *current != epoch && !fault::flawed(Flaw::NoEpoch) {
                    return false;
                }
                if self.outlet.try_ack(token).is_ok() {
                    return true;
                }
            }
            fault::pause(RETRY).await;
        }
    }

    /// The sending end, for what may go out on any connection.
    pub const fn outlet(&self) -> &O {
        &self.outlet
    }

    fn lock(&self) -> MutexGuard<'_, Epoch> {
        self.epoch.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
