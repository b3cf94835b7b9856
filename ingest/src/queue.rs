//! The queue between the link and the committer: bounded in messages and in bytes.
//!
//! What the broker may have outstanding fits; beyond that the link is not read, and the broker keeps the rest. A message is judged as
//! it goes in, so that this is done for the next batch while the one before is committed.
//!
//! **Invariant:** nothing that was taken from the link is dropped here.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use vitals::{GatewayId, Timestamp};

use crate::admit::Source;
use crate::judge::{Item, judge_safely};
use crate::link::{Epoch, Publish, Token};

const KIB_MAX: u32 = 128 * 1024;

/// The topics that are listened to.
pub(crate) const FILTERS: [&str; 2] = ["vagen/v1/+/up", "vagen/v1/+/heartbeat"];

/// What a topic says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Topic {
    /// Envelopes of this gateway; `None` where the topic names none that can exist.
    Up(Option<GatewayId>),
    /// A sign of life of this gateway.
    Heartbeat(Option<GatewayId>),
    /// None of ours.
    Other,
}

impl Topic {
    pub(crate) fn of(topic: &str) -> Self {
        let mut levels = topic.strip_prefix("vagen/v1/").unwrap_or_default().split('/');
        match (levels.next(), levels.next(), levels.next()) {
            (Some(gateway), Some("up"), None) => Self::Up(gateway.parse().ok()),
            (Some(gateway), Some("heartbeat"), None) => Self::Heartbeat(gateway.parse().ok()),
            _ => Self::Other,
        }
    }
}

/// The topic that `gateway` listens to.
pub(crate) fn down(gateway: &GatewayId) -> String {
    format!("vagen/v1/{gateway}/down")
}

/// One message on its way to the committer.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub(crate) topic: Topic,
    /// What it brings.
    pub(crate) brings: Brings,
    /// Its length, bytes.
    pub(crate) length: usize,
    pub(crate) received_at: Timestamp,
    pub(crate) epoch: Epoch,
    pub(crate) token: Option<Token>,
    _room: OwnedSemaphorePermit,
}

/// What a message brings.
#[derive(Debug)]
pub(crate) enum Brings {
    /// Items, each judged by itself.
    Items(Vec<Item<'static>>),
    /// A sign of life, as it came.
    Beat(Vec<u8>),
    /// Nothing for us.
    Nothing,
}

impl Brings {
    fn of(topic: &Topic, payload: Vec<u8>, received_at: Timestamp) -> Self {
        match topic {
            Topic::Up(gateway) => {
                let items = judge_safely(&payload, gateway.as_ref(), received_at);
                Self::Items(items.into_iter().map(Item::kept).collect())
            }
            Topic::Heartbeat(_) => Self::Beat(payload),
            Topic::Other => Self::Nothing,
        }
    }
}

impl Arrived {
    /// Where it came from.
    pub(crate) const fn source(&self) -> Source<'_> {
        let gateway = match &self.topic {
            Topic::Up(gateway) | Topic::Heartbeat(gateway) => gateway.as_ref(),
            Topic::Other => None,
        };
        Source { gateway, received_at: self.received_at }
    }

    /// Its items; none where it brings no envelopes.
    pub(crate) fn items(&self) -> &[Item<'static>] {
        match &self.brings {
            Brings::Items(items) => items,
            Brings::Beat(_) | Brings::Nothing => &[],
        }
    }
}

/// The end that fills.
#[derive(Clone, Debug)]
pub(crate) struct Filler {
    messages: mpsc::Sender<Arrived>,
    room: Arc<Semaphore>,
}

/// A queue, empty, in which `messages_max` may wait.
pub(crate) fn queue(messages_max: usize) -> (Filler, mpsc::Receiver<Arrived>) {
    let (messages, taker) = mpsc::channel(messages_max);
    let room = Arc::new(Semaphore::new(usize::try_from(KIB_MAX).unwrap_or(usize::MAX)));
    (Filler { messages, room }, taker)
}

impl Filler {
    /// Puts a message in, when there is room. Says whether anybody still takes.
    pub(crate) async fn put(&self, publish: Publish, epoch: Epoch, received_at: Timestamp) -> bool {
        let kib =
            u32::try_from(publish.payload.len() / 1024).unwrap_or(KIB_MAX).saturating_add(1).min(KIB_MAX);
        let Ok(room) = Arc::clone(&self.room).acquire_many_owned(kib).await else { return false };
        let (topic, length) = (Topic::of(&publish.topic), publish.payload.len());
        let arrived = Arrived {
            brings: Brings::of(&topic, publish.payload, received_at),
            topic,
            length,
            received_at,
            epoch,
            token: publish.token,
            _room: room,
        };
        self.messages.send(arrived).await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The published interface's topics.
    #[test]
    fn a_topic_names_its_gateway_or_nobody() {
        let gateway: GatewayId = "gw-0001".parse().expect("a gateway id");
        let rows = [
            ("vagen/v1/gw-0001/up", Topic::Up(Some(gateway.clone()))),
            ("vagen/v1/gw-0001/heartbeat", Topic::Heartbeat(Some(gateway.clone()))),
            ("vagen/v1/g w/up", Topic::Up(None)),
            ("vagen/v1//up", Topic::Up(None)),
            ("vagen/v1/gw-0001/down", Topic::Other),
            ("vagen/v1/gw-0001/up/more", Topic::Other),
            ("vagen/v2/gw-0001/up", Topic::Other),
            ("", Topic::Other),
        ];
        for (topic, expected) in rows {
            assert_eq!(Topic::of(topic), expected, "{topic}");
        }
        assert_eq!(down(&gateway), "vagen/v1/gw-0001/down");
    }
}
