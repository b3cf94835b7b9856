//! What is subscribed to: the filters of this process's share, kept in step with it.
//!
//! **Invariant:** after a new connection and after each change of the share, the broker is asked for just its filters.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::link::{Busy, Gate, Outlet};
use crate::share::Share;
use crate::stop::Stop;

/// Filters in one packet: well below what any broker takes.
const FILTERS_MAX: usize = 200;
const RETRY: Duration = Duration::from_millis(100);

/// See the module.
#[derive(Debug)]
pub(crate) struct Subscriptions<O> {
    gate: Arc<Gate<O>>,
    share: watch::Receiver<Share>,
    asked: Mutex<BTreeSet<String>>,
}

impl<O: Outlet> Subscriptions<O> {
    pub(crate) fn new(gate: Arc<Gate<O>>, share: watch::Receiver<Share>) -> Self {
        Self { gate, share, asked: Mutex::default() }
    }

    /// What this process hears now.
    pub(crate) fn share(&self) -> watch::Ref<'_, Share> {
        self.share.borrow()
    }

    /// Subscribes on a connection on which nothing is subscribed to. Says whether there was anything to ask for.
    ///
    /// # Errors
    /// [`Busy`]; then the connection is of no use.
    pub(crate) fn anew(&self) -> Result<bool, Busy> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.keep_step()
    }

    /// Follows the share until the service stops.
    pub(crate) async fn follow(self: Arc<Self>, stop: Stop) {
        let mut share = self.share.clone();
        loop {
            tokio::select! {
                changed = share.changed() => if changed.is_err() {
                    // Whoever gave the share is gone: what is heard stays.
                    return stop.asked().await;
                },
                () = stop.asked() => return,
            }
            while self.keep_step().is_err() {
                tokio::time::sleep(RETRY).await;
            }
        }
    }

    /// Asks for what is missing, and ends what is too much. Says whether anything was asked for.
    fn keep_step(&self) -> Result<bool, Busy> {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = self.share.borrow().filters();
        let missing: Vec<&str> = wanted.difference(&asked).map(String::as_str).collect();
        for filters in missing.chunks(FILTERS_MAX) {
            self.gate.outlet().try_subscribe(filters)?;
        }
        for filter in asked.difference(&wanted) {
            self.gate.outlet().try_unsubscribe(filter)?;
        }
        let any = !missing.is_empty();
        *asked = wanted;
        Ok(any)
    }
}
