//! What waits to be sent to the broker: acknowledgements, messages, subscriptions. Filled from anywhere without waiting, emptied by the
//! one task that has the connection.
//!
//! Acknowledgements go first and all at once: a broker that gets them late goes on holding what is stored already, and one that
//! gives out more than it has acknowledged must not be able to stop them. Messages go in the order they were handed in, with a
//! bounded number of them unacknowledged, and are kept until the broker has acknowledged them.
//!
//! **Invariant:** an acknowledgement made before [`Outbound::forget_acknowledgements`] is never taken after it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rumqttc::mqttbytes::v4::{PubAck, Publish, Subscribe, SubscribeFilter, Unsubscribe};
use rumqttc::{Packet, QoS};
use tokio::sync::Notify;

use super::{Busy, Outlet, Token};

/// Messages that wait at most. What finds no room is not sent; who wanted it asks again.
const MESSAGES_MAX: usize = 65_536;
/// Messages that the broker has not acknowledged, at most.
const UNACKNOWLEDGED_MAX: usize = 1_000;

/// See the module. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct MqttOutlet(pub(super) Arc<Outbound>);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Outbound {
    waiting: Mutex<Waiting>,
    handed_in: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    acknowledgements: Vec<Token>,
    requests: VecDeque<Packet>,
    messages: VecDeque<Publish>,
    /// Sent and not acknowledged, in the order they were sent.
    unacknowledged: VecDeque<Publish>,
    packet_id: u16,
    goodbye: bool,
}

/// What is to be sent now.
#[derive(Debug, Default)]
pub(super) struct Leaving {
    pub(super) acknowledgements: Vec<Token>,
    pub(super) packets: Vec<Packet>,
    /// Whether nothing follows.
    pub(super) goodbye: bool,
}

impl Outbound {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hand_in<T>(&self, what: impl FnOnce(&mut Waiting) -> T) -> T {
        let outcome = what(&mut self.lock());
        self.handed_in.notify_one();
        outcome
    }

    /// Waits until something was handed in since this last returned.
    pub(super) async fn handed_in(&self) {
        self.handed_in.notified().await;
    }

    /// Takes what may be sent now.
    pub(super) fn take(&self) -> Leaving {
        let mut waiting = self.lock();
        let mut packets: Vec<Packet> = waiting.requests.drain(..).collect();
        while waiting.unacknowledged.len() < UNACKNOWLEDGED_MAX {
            let Some(mut message) = waiting.messages.pop_front() else { break };
            message.pkid = waiting.free_packet_id();
            waiting.unacknowledged.push_back(message.clone());
            packets.push(Packet::Publish(message));
        }
        let acknowledgements = std::mem::take(&mut waiting.acknowledgements);
        Leaving { acknowledgements, packets, goodbye: waiting.goodbye }
    }

    /// The broker acknowledged the message `packet_id`. Says whether there was one.
    pub(super) fn acknowledged(&self, packet_id: u16) -> bool {
        let mut waiting = self.lock();
        let place = waiting.unacknowledged.iter().position(|message| message.pkid == packet_id);
        place.and_then(|place| waiting.unacknowledged.remove(place)).is_some()
    }

    /// A connection stands. What the broker did not acknowledge on the one before is sent again, before anything later: under its own
    /// packet id where the broker kept the session (MQTT 3.1.1, 4.4), else as new.
    pub(super) fn connected(&self, session_present: bool) {
        let mut waiting = self.lock();
        if session_present {
            // What was to be sent again on a connection that broke before it was is here a second time.
            waiting.requests.retain(|packet| !matches!(packet, Packet::Publish(_)));
            for at in (0..waiting.unacknowledged.len()).rev() {
                let again = Publish { dup: true, ..waiting.unacknowledged[at].clone() };
                waiting.requests.push_front(Packet::Publish(again));
            }
        } else {
            // Nothing is subscribed to on this connection; whoever follows the share asks for all of it.
            waiting.requests.clear();
            while let Some(message) = waiting.unacknowledged.pop_back() {
                waiting.messages.push_front(message);
            }
        }
    }

    /// Forgets every acknowledgement that was not taken.
    pub(super) fn forget_acknowledgements(&self) {
        self.lock().acknowledgements.clear();
    }
}

impl Waiting {
    /// A packet id that no unacknowledged message or request has. There are far more of them than may be unacknowledged.
    fn free_packet_id(&mut self) -> u16 {
        loop {
            self.packet_id = self.packet_id.checked_add(1).unwrap_or(1);
            if self.unacknowledged.iter().all(|message| message.pkid != self.packet_id) {
                return self.packet_id;
            }
        }
    }
}

impl Outlet for MqttOutlet {
    fn try_ack(&self, token: Token) -> Result<(), Busy> {
        // Bounded by what was read: the connection reads no more while too much is unacknowledged.
        self.0.hand_in(|waiting| waiting.acknowledgements.push(token));
        Ok(())
    }

    fn try_publish(&self, topic: &str, payload: Vec<u8>) -> Result<(), Busy> {
        self.0.hand_in(|waiting| {
            if waiting.messages.len() >= MESSAGES_MAX {
                return Err(Busy);
            }
            waiting.messages.push_back(Publish::new(topic, QoS::AtLeastOnce, payload));
            Ok(())
        })
    }

    fn try_subscribe(&self, filters: &[&str]) -> Result<(), Busy> {
        let filters =
            filters.iter().map(|filter| SubscribeFilter::new((*filter).to_owned(), QoS::AtLeastOnce));
        self.0.hand_in(|waiting| {
            let pkid = waiting.free_packet_id();
            waiting.requests.push_back(Packet::Subscribe(Subscribe { pkid, filters: filters.collect() }));
        });
        Ok(())
    }

    fn try_unsubscribe(&self, filter: &str) -> Result<(), Busy> {
        self.0.hand_in(|waiting| {
            let pkid = waiting.free_packet_id();
            waiting
                .requests
                .push_back(Packet::Unsubscribe(Unsubscribe { pkid, topics: vec![filter.to_owned()] }));
        });
        Ok(())
    }

    fn disconnect(&self) {
        self.0.hand_in(|waiting| waiting.goodbye = true);
    }
}

/// The acknowledgement of `token` as a packet.
pub(super) fn acknowledgement(token: Token) -> PubAck {
    PubAck::new(token.0)
}
