//! One adapter, and the right to connect with it.
//!
//! Scanning disturbs connecting, and two connections at a time disturb each other. Decides nothing.
//!
//! **Invariant:** whoever connects has the adapter alone, and it scans again afterwards, or is asked to until it does.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use btleplug::api::{Central as _, ScanFilter};
use btleplug::platform::{Adapter, Peripheral, PeripheralId};

/// One adapter: one device at a time, with scanning paused.
#[derive(Clone)]
pub(super) struct Airtime {
    name: Arc<str>,
    adapter: Adapter,
    connecting: Arc<tokio::sync::Mutex<()>>,
    scanning: Arc<AtomicBool>,
}

impl Airtime {
    /// Of an adapter that scans.
    pub(super) fn new(name: String, adapter: Adapter) -> Self {
        let scanning = Arc::new(AtomicBool::new(true));
        Self { name: name.into(), adapter, connecting: Arc::default(), scanning }
    }

    pub(super) fn adapter_name(&self) -> &str {
        &self.name
    }

    pub(super) async fn peripheral(&self, id: &PeripheralId) -> Result<Peripheral, btleplug::Error> {
        self.adapter.peripheral(id).await
    }

    /// Ready once bluetoothd has said how the adapter is.
    pub(super) async fn answers(&self) {
        match self.adapter.adapter_state().await {
            Ok(state) => tracing::trace!(adapter = &*self.name, ?state, "still there"),
            Err(error) => tracing::debug!(adapter = &*self.name, %error, "the adapter cannot be asked"),
        }
    }

    /// Starts scanning where that failed before, or anew; not while somebody connects.
    pub(super) async fn keep_scanning(&self, anew: bool) {
        let Ok(_turn) = self.connecting.try_lock() else { return };
        if anew {
            self.stop().await;
        }
        if !self.scanning.load(Ordering::Relaxed) {
            self.start().await;
        }
    }

    async fn stop(&self) {
        self.scanning.store(false, Ordering::Relaxed);
        if let Err(error) = self.adapter.stop_scan().await {
            tracing::debug!(adapter = &*self.name, %error, "scanning did not stop");
        }
    }

    async fn start(&self) {
        match scan(&self.adapter).await {
            Ok(()) => self.scanning.store(true, Ordering::Relaxed),
            Err(error) => {
                tracing::warn!(adapter = &*self.name, %error, "scanning did not start; trying again")
            }
        }
    }

    /// Does `work` with nobody else connecting, and nothing scanning.
    pub(super) async fn quietly<T>(&self, work: impl Future<Output = T>) -> T {
        let _turn = self.connecting.lock().await;
        self.stop().await;
        let done = work.await;
        self.start().await;
        done
    }
}

/// Starts scanning, and takes back what was begun where it does not start: bluetoothd keeps a client that failed as one that
/// scans, and would refuse it for ever.
pub(super) async fn scan(adapter: &Adapter) -> Result<(), btleplug::Error> {
    let started = adapter.start_scan(ScanFilter::default()).await;
    if started.is_err()
        && let Err(error) = adapter.stop_scan().await
    {
        tracing::debug!(%error, "there was no scan to take back");
    }
    started
}
