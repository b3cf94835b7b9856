//! One outbox between the side that hears and the side that sends.
//!
//! Disk waits on a thread of its own, so that a slow card never holds up the radio or the broker. Everybody who
//! waits for a change watches [`Depth`].
//!
//! **Invariant:** a call that was begun is carried out, also when its caller stops waiting.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use vitals::{GatewayId, OutboxId};

use super::{Depth, Outbox};

/// A shared outbox. Cloning it gives another hold on the same one.
#[derive(Clone, Debug)]
pub struct SharedOutbox {
    outbox: Arc<Mutex<Outbox>>,
    depth: Arc<watch::Sender<Depth>>,
    gateway: GatewayId,
}

impl SharedOutbox {
    /// Shares `outbox`.
    #[must_use]
    pub fn new(outbox: Outbox) -> Self {
        let (depth, _) = watch::channel(outbox.depth());
        let gateway = outbox.gateway().clone();
        Self { outbox: Arc::new(Mutex::new(outbox)), depth: Arc::new(depth), gateway }
    }

    /// Its depth, now and whenever it changes.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Depth> {
        self.depth.subscribe()
    }

    /// The gateway it belongs to.
    #[must_use]
    pub fn gateway(&self) -> &GatewayId {
        &self.gateway
    }

    /// The database's name; it changes when a receipt shows that the file had forgotten numbers.
    pub async fn id(&self) -> OutboxId {
        self.with(|outbox| outbox.id().clone()).await
    }

    /// Does `work` with the outbox on a thread that may wait for the disk.
    ///
    /// # Panics
    /// When `work` panics: the panic is the caller's.
    pub async fn with<T, F>(&self, work: F) -> T
    where
        T: Send + 'static,
        F: FnOnce(&mut Outbox) -> T + Send + 'static,
    {
        let (outbox, depth) = (Arc::clone(&self.outbox), Arc::clone(&self.depth));
        let done = tokio::task::spawn_blocking(move || {
            // A panic in the middle leaves a transaction that was rolled back, so the outbox stays usable.
            let mut outbox = outbox.lock().unwrap_or_else(PoisonError::into_inner);
            let result = work(&mut outbox);
            let now = outbox.depth();
            depth.send_if_modified(|seen| {
                let changed = *seen != now;
                *seen = now;
                changed
            });
            result
        });
        match done.await {
            Ok(result) => result,
            Err(failed) => match failed.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // Only a runtime that is shutting down cancels a blocking task; nobody polls this any more.
                Err(_) => std::future::pending().await,
            },
        }
    }
}
