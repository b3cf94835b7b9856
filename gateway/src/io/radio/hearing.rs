//! What an adapter says, dated as it comes in: a device's windows count from when its link came up, and not from when there
//! was time to look at that.
//!
//! Decides nothing. **Invariant:** what one adapter says stays in its order.

use btleplug::api::CentralEvent;
use futures::{Stream, StreamExt as _};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use vitals::Timestamp;

use crate::io::clock::Clock;

/// Something that an adapter said.
pub(super) struct Happening {
    pub(super) adapter: String,
    pub(super) at: Timestamp,
    pub(super) event: CentralEvent,
}

/// Listens to one adapter until it is dropped.
pub(super) struct Hearing(JoinHandle<()>);

impl Hearing {
    pub(super) fn start(
        adapter: String,
        events: impl Stream<Item = CentralEvent> + Send + 'static,
        clock: Clock,
        to: mpsc::Sender<Happening>,
    ) -> Self {
        Self(tokio::spawn(async move {
            let mut events = std::pin::pin!(events);
            while let Some(event) = events.next().await {
                let happening = Happening { adapter: adapter.clone(), at: clock.now(), event };
                if to.send(happening).await.is_err() {
                    return;
                }
            }
        }))
    }
}

impl Drop for Hearing {
    fn drop(&mut self) {
        self.0.abort();
    }
}
