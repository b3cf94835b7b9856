//! Carries messages between an outbox and a [`Link`], as the [`Courier`] says.
//!
//! **Invariant:** whatever goes wrong ends in a log line and another attempt; nothing here settles a number but the
//! outbox's own [`receipt`](crate::outbox::Outbox::receipt).

use std::time::Instant;

use tokio::sync::watch;
use vitals::{DeviceHealth, OutboxId, Resend, Seq};

use super::clock::Clock;
use crate::fault::{Flaw, flawed};
use crate::links::BrokerLink;
use crate::outbox::{Depth, Receipted, SharedOutbox, StoreError};
use crate::uplink::courier::Order;
use crate::uplink::message::{Said, batch, down_topic, gone, heartbeat, heartbeat_topic, said, up_topic};
use crate::uplink::{BATCH_BYTES_MAX, Courier, Delivery, Link, LinkEvent};
use crate::vigil::{Part, TURN_EVERY, Vigil};

/// Carries for one gateway until it is dropped or [`Carrier::run`]'s caller stops polling.
pub struct Carrier<L> {
    link: L,
    outbox: SharedOutbox,
    id: OutboxId,
    depth: watch::Receiver<Depth>,
    clock: Clock,
    devices: watch::Receiver<Vec<DeviceHealth>>,
    courier: Courier,
    complained: bool,
    vigil: Vigil,
    standing: watch::Sender<BrokerLink>,
}

impl<L: Link> Carrier<L> {
    /// A carrier between `outbox` and `link`; heartbeats tell of `devices`.
    pub async fn new(
        link: L,
        outbox: SharedOutbox,
        clock: Clock,
        devices: watch::Receiver<Vec<DeviceHealth>>,
    ) -> Self {
        let courier = Courier::new(Instant::now(), Box::new(random_fraction));
        Self::as_told_by(courier, link, outbox, clock, devices).await
    }

    /// The same, as `courier` decides.
    pub async fn as_told_by(
        courier: Courier,
        link: L,
        outbox: SharedOutbox,
        clock: Clock,
        devices: watch::Receiver<Vec<DeviceHealth>>,
    ) -> Self {
        let (id, depth) = (outbox.id().await, outbox.watch());
        let (vigil, standing) = (Vigil::default(), watch::Sender::default());
        Self { link, outbox, id, depth, clock, devices, courier, complained: false, vigil, standing }
    }

    /// The same, telling `vigil` how it gets on.
    #[must_use]
    pub fn watched_by(self, vigil: Vigil) -> Self {
        Self { vigil, ..self }
    }

    /// The same, telling `standing` whether the link stands.
    #[must_use]
    pub fn telling(self, standing: watch::Sender<BrokerLink>) -> Self {
        Self { standing, ..self }
    }

    /// Carries for ever.
    pub async fn run(&mut self) {
        loop {
            self.work_off(Instant::now).await;
            let now = Instant::now();
            self.vigil.moved(Part::Uplink, now);
            let turn = now + TURN_EVERY;
            let timer = tokio::time::sleep_until(self.next_deadline().map_or(turn, |at| at.min(turn)).into());
            tokio::select! {
                event = self.link.next() => self.happened(event, Instant::now()).await,
                // The outbox lives as long as we do: its side of the watch is never closed.
                _ = self.depth.changed() => {}
                () = timer => {}
            }
        }
    }

    /// Says goodbye to the broker.
    pub fn hang_up(&mut self) {
        self.link.hang_up();
    }

    /// Carries out everything that is due, as `now` tells the time.
    pub async fn work_off(&mut self, now: impl Fn() -> Instant) {
        let mut depth = *self.depth.borrow_and_update();
        while let Some(order) = self.courier.next_order(now(), depth) {
            self.carry_out(order, now()).await;
            depth = *self.depth.borrow_and_update();
        }
    }

    /// When to [`Carrier::work_off`] again though nothing happened.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        self.courier.next_deadline()
    }

    async fn carry_out(&mut self, order: Order, now: Instant) {
        let gateway = self.outbox.gateway().clone();
        match order {
            Order::Connect => self.link.connect(),
            Order::HangUp(reason) => self.lost(reason, now),
            Order::Subscribe => {
                if self.link.subscribe(&down_topic(&gateway)).is_err() {
                    self.lost("the subscription could not be sent", now);
                }
            }
            Order::Heartbeat => self.beat(now),
            Order::Send { after } => self.send(after, now).await,
            Order::Void(seq) => self.give_up(seq, now).await,
        }
    }

    fn beat(&mut self, now: Instant) {
        let gateway = self.outbox.gateway().clone();
        let (depth, devices) = (*self.depth.borrow(), self.devices.borrow().clone());
        match heartbeat(&gateway, &self.id, self.clock.now(), depth, self.clock.synced(), devices) {
            Ok(payload) => {
                if self.link.publish(&heartbeat_topic(&gateway), payload, Delivery::Once).is_err() {
                    self.lost("the heartbeat could not be sent", now);
                }
            }
            Err(error) => tracing::error!(%error, "the heartbeat could not be written"),
        }
    }

    async fn send(&mut self, after: u64, now: Instant) {
        let rows_max = self.courier.rows_max();
        let due = self.outbox.with(move |outbox| outbox.due(after, rows_max, BATCH_BYTES_MAX)).await;
        match due {
            Ok(due) => match due.last() {
                Some(last) => {
                    let topic = up_topic(self.outbox.gateway());
                    tracing::debug!(envelopes = due.len(), through = last.seq.get(), "sending");
                    match self.link.publish(&topic, batch(&due), Delivery::Acknowledged) {
                        Ok(()) => self.courier.sent(now, last.seq),
                        Err(full) => self.lost(&full.to_string(), now),
                    }
                }
                None => self.courier.nothing_to_send(self.depth.borrow().last_seq),
            },
            Err(error) => self.store_failed(&error, now),
        }
    }

    async fn give_up(&mut self, seq: Seq, now: Instant) {
        tracing::error!(%seq, "the server has not taken this number in ten sendings; it is set aside and declared void");
        let at = self.clock.now();
        match self.outbox.with(move |outbox| outbox.void(seq, "no receipt after 10 sendings", at)).await {
            Ok(_) => {
                self.vigil.set_aside();
                self.courier.voided();
            }
            Err(error) => self.store_failed(&error, now),
        }
    }

    /// Takes what happened on the link, at `now`.
    pub async fn happened(&mut self, event: LinkEvent, now: Instant) {
        match event {
            LinkEvent::Up => {
                tracing::info!("connected to the broker");
                self.stands(None);
                self.courier.connected(now);
            }
            LinkEvent::Lost(reason) => self.lost(&reason, now),
            LinkEvent::Acknowledged => {
                self.courier.acknowledged();
                if flawed(Flaw::DeleteOnPuback) {
                    let sent = self.depth.borrow().last_seq;
                    self.receipted(sent, now).await;
                }
            }
            LinkEvent::Message(payload) => self.told(&payload, now).await,
        }
    }

    async fn told(&mut self, payload: &[u8], now: Instant) {
        match said(payload, &self.id) {
            Said::Ours { receipt, resend } => {
                self.courier.heard(now);
                if let Some(through) = receipt {
                    let all = flawed(Flaw::ReceiptTakenForAll).then(|| self.depth.borrow().last_seq);
                    let through = all.unwrap_or(through);
                    self.receipted(through, now).await;
                }
                if let Some(wanted) = resend {
                    self.resend(wanted, now).await;
                }
            }
            // Of an outbox that was before this one, or of a colleague's replay, which is nothing to do with us.
            Said::Foreign(outbox, wanted) => {
                tracing::debug!(%outbox, "a message for another outbox");
                if let Some(wanted) = wanted {
                    self.asked_for_what_is_gone(wanted, now).await;
                }
            }
            Said::Malformed(why) => {
                if !self.complained {
                    tracing::warn!(
                        why,
                        "the server said something that is not understood; further ones are not logged"
                    );
                    self.complained = true;
                }
            }
        }
    }

    async fn receipted(&mut self, through: u64, now: Instant) {
        let at = self.clock.now();
        match self.outbox.with(move |outbox| outbox.receipt(through, at)).await {
            Ok(Receipted::Settled(0)) => {}
            Ok(Receipted::Settled(count)) => tracing::debug!(through, count, "receipted"),
            Ok(Receipted::Forgotten { resealed }) => {
                tracing::error!(
                    through,
                    resealed,
                    "the server knows numbers that this outbox does not: it counts anew"
                );
                self.vigil.set_aside();
                self.id = self.outbox.id().await;
                self.courier.rewind(Seq::FIRST);
            }
            Err(error) => self.store_failed(&error, now),
        }
    }

    async fn resend(&mut self, Resend { from, to, .. }: Resend, now: Instant) {
        let at = self.clock.now();
        match self.outbox.with(move |outbox| outbox.resend(from, to, at)).await {
            Ok(asked) => {
                tracing::warn!(%from, %to, again = asked.again, voided = asked.voided, "the server asks again");
                self.courier.rewind(from);
            }
            Err(error) => self.store_failed(&error, now),
        }
    }

    /// Numbers of a file that broke or that counted anew: what could be read of it has other numbers now, so these will
    /// never come. The server asks again for what one message does not hold, or where it is lost.
    async fn asked_for_what_is_gone(&mut self, wanted: Resend, now: Instant) {
        let outbox = wanted.outbox.clone();
        match self.outbox.with(move |it| it.was(&outbox)).await {
            Ok(true) if self.courier.may_send_aside() => {}
            Ok(_) => return,
            Err(error) => return self.store_failed(&error, now),
        }
        tracing::warn!(outbox = %wanted.outbox, from = %wanted.from, to = %wanted.to, "the server asks for what is gone");
        let gateway = self.outbox.gateway().clone();
        match gone(&gateway, &wanted) {
            Ok(payload) => match self.link.publish(&up_topic(&gateway), payload, Delivery::Acknowledged) {
                Ok(()) => self.courier.sent_aside(),
                Err(full) => self.lost(&full.to_string(), now),
            },
            Err(error) => tracing::error!(%error, "the voids could not be written"),
        }
    }

    /// What failed is tried again with the next connection: the pause before it keeps a broken disk from spinning.
    fn store_failed(&mut self, error: &StoreError, now: Instant) {
        tracing::error!(%error, "the outbox failed");
        self.lost("the outbox failed", now);
    }

    fn lost(&mut self, reason: &str, now: Instant) {
        self.link.hang_up();
        let pause = self.courier.lost(now);
        let pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        tracing::warn!(reason, pause_ms, "no connection to the broker");
        self.stands(Some(reason));
    }

    fn stands(&self, trouble: Option<&str>) {
        let at = self.clock.now();
        self.standing.send_if_modified(|link| {
            let changed = link.changed(at, trouble);
            std::mem::replace(link, changed) != *link
        });
    }
}

/// A fraction from 0 to 1 that two gateways do not share.
pub(crate) fn random_fraction() -> f64 {
    let random = uuid::Uuid::new_v4().as_u128();
    // The low 32 bits are random through and through.
    f64::from(u32::try_from(random & 0xffff_ffff).unwrap_or(0)) / f64::from(u32::MAX)
}
