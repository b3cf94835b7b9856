//! One device's ear: what it notifies, and that it is gone, in the order in which it happened.
//!
//! **Invariant:** a disconnection is told after every notification that came before it.

use std::pin::Pin;
use std::time::Instant;

use btleplug::api::{CharPropFlags, Peripheral as _, ValueNotification};
use btleplug::platform::Peripheral;
use devices::session::Event;
use futures::{FutureExt as _, Stream, StreamExt as _};
use tokio::sync::watch;

use super::Ear;
use super::conversation::{Shared, short};
use super::patience::Ending;
use crate::links::DeviceState;

/// What makes a characteristic speak by itself.
const TOLD: CharPropFlags = CharPropFlags::NOTIFY.union(CharPropFlags::INDICATE);

/// Hears one device, for as long as there is a conversation with it.
pub(super) struct Reader {
    pub(super) shared: Shared,
    pub(super) ear: Ear,
    pub(super) peripheral: Peripheral,
    pub(super) notifications: Pin<Box<dyn Stream<Item = ValueNotification> + Send>>,
    /// Counts the device's disconnections.
    pub(super) ends: watch::Receiver<u64>,
}

impl Reader {
    pub(super) async fn work(mut self) {
        loop {
            tokio::select! {
                biased;
                value = self.notifications.next() => match value {
                    Some(value) => self.heard(value).await,
                    None => return,
                },
                ended = self.ends.changed() => {
                    if ended.is_err() {
                        return;
                    }
                    self.ended().await;
                }
            }
        }
    }

    async fn heard(&mut self, value: ValueNotification) {
        // bluetoothd announces a value that was read like one that was notified.
        let mut known = self.peripheral.characteristics().into_iter();
        if known.any(|it| it.uuid == value.uuid && !it.properties.intersects(TOLD)) {
            return;
        }
        self.shared.spoke();
        let device = self.shared.device();
        match short(&value.uuid) {
            Some(uuid) => self.ear.hear(&device, Event::Notified { uuid, bytes: value.value }).await,
            None => tracing::debug!(%device, uuid = %value.uuid, "a maker's own characteristic"),
        }
    }

    async fn ended(&mut self) {
        // bluetoothd said these before it said that the device is gone.
        while let Some(Some(value)) = self.notifications.next().now_or_never() {
            self.heard(value).await;
        }
        let device = self.shared.device();
        if let Some(connection) = self.shared.take_connection() {
            if connection.ending() == Ending::WithoutAWord {
                tracing::info!(%device, "the device hung up before it said anything");
            }
            self.shared.connection_ended(&self.ear, Instant::now(), connection.ending());
        }
        self.ear.state(&device, self.shared.adapter(), DeviceState::Away);
        self.ear.hear(&device, Event::Disconnected).await;
    }
}
