//! Simulated homes in place of a radio: [`Home`] is what a gateway hears when somebody steps on a scale there.
//!
//! A home takes [`Used`] orders (who used what, when), lets its devices measure, advertise, be connected to and be asked,
//! and gives the gateway exactly the events a radio would. It knows no patient and reads no frame.
//!
//! Time in a home is the home's own clock. While the story holds that clock still, it moves a little with every event, and
//! when a session waits for time to pass a passer-by's advertisement is heard later and later until it has.
//!
//! **Invariant:** an order counts as done only when the gateway has dealt with every event that came of it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use devices::session::{Action, Event};
use gateway::{BleSource, RadioEvent};
use tokio::sync::{mpsc, watch};
use vitals::{DeviceId, Timestamp};

use crate::demo::clock::StoryClock;
use crate::demo::peripheral::{Peripheral, Use};

/// How far apart the events of one connection lie, ms.
const EVENT_APART_MS: i64 = 40;
/// How far apart a home's passers-by are heard while a session waits, ms of its clock.
const PASSING_MS: i64 = 500;
/// How long a home whose clock stands still lets the gateway act before time passes there.
const PATIENCE: Duration = Duration::from_millis(3);
/// The same for a home whose clock runs by itself.
const LIVE_PATIENCE: Duration = Duration::from_millis(250);
/// How long after it was used a device can be heard, ms of the home's clock.
const HEARD_AFTER_MS: i64 = 45_000;
/// After so long without a connection a device gives up and keeps what it measured, ms of the home's clock.
const GIVES_UP_AFTER_MS: i64 = 90_000;

/// Somebody used a device, at a moment of the home's clock.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Used {
    pub(crate) at: Timestamp,
    pub(crate) what: Use,
}

/// The story's end of a home.
#[derive(Debug)]
pub(crate) struct HomeDoor {
    orders: mpsc::UnboundedSender<Used>,
    done: watch::Receiver<u64>,
    given: u64,
}

impl HomeDoor {
    /// Has somebody use a device. A home whose gateway has stopped takes no orders, which is no error: it is over.
    pub(crate) fn order(&mut self, used: Used) {
        if self.orders.send(used).is_ok() {
            self.given += 1;
        }
    }

    /// Waits until the gateway has heard everything that was ordered, or has stopped.
    pub(crate) async fn quiet(&mut self) {
        let given = self.given;
        // An error is a gateway that stopped: nothing more will be heard.
        let _ = self.done.wait_for(|done| *done >= given).await;
    }
}

/// One home, as its gateway's radio hears it.
#[derive(Debug)]
pub(crate) struct Home {
    clock: StoryClock,
    devices: Vec<Peripheral>,
    orders: mpsc::UnboundedReceiver<Used>,
    done: watch::Sender<u64>,
    heard: VecDeque<RadioEvent>,
    /// Orders whose events are not all heard yet.
    busy: u64,
    advertising_since: Option<Timestamp>,
    /// Since when, by a stopwatch, nothing has happened: kept here so that waiting can be broken off and taken up again.
    still_since: Option<Instant>,
    passer_by: DeviceId,
}

impl Home {
    /// A home with `devices`, and the door through which the story gives its orders. `passer_by` is the address of
    /// somebody's headphones in the street.
    pub(crate) fn new(clock: StoryClock, devices: Vec<Peripheral>, passer_by: DeviceId) -> (Self, HomeDoor) {
        let (orders, ordered) = mpsc::unbounded_channel();
        let (done, watched) = watch::channel(0);
        let home = Self {
            clock,
            devices,
            orders: ordered,
            done,
            heard: VecDeque::new(),
            busy: 0,
            advertising_since: None,
            still_since: None,
            passer_by,
        };
        (home, HomeDoor { orders, done: watched, given: 0 })
    }

    fn used(&mut self, used: Used) {
        if self.clock.is_set() && self.clock.now() < used.at {
            self.clock.set(used.at);
        }
        if let Some(device) = self.devices.iter_mut().find(|device| device.takes(used.what)) {
            device.used(used.what, used.at);
        }
        self.clock.pass(HEARD_AFTER_MS);
        self.busy += 1;
        self.advertise();
    }

    fn advertise(&mut self) {
        let now = self.clock.now();
        self.advertising_since.get_or_insert(now);
        let heard: Vec<RadioEvent> = self
            .devices
            .iter()
            .filter_map(|device| device.advertises().map(|(name, event)| (device.id.clone(), name, event)))
            .map(|(device, name, event)| RadioEvent {
                at: now,
                device,
                hides_address: false,
                name: Some(name),
                event,
            })
            .collect();
        self.heard.extend(heard);
    }

    fn is_connected(&self) -> bool {
        self.devices.iter().any(Peripheral::is_connected)
    }

    /// Whether a device still hopes for a connection.
    fn hopes(&self) -> bool {
        let now = self.clock.now();
        self.devices.iter().any(|device| device.advertises().is_some())
            && self.advertising_since.is_some_and(|since| now.millis_since(since) < GIVES_UP_AFTER_MS)
    }

    fn events(&mut self, device: &DeviceId, events: Vec<Event>) {
        for event in events {
            self.clock.pass(EVENT_APART_MS);
            let at = self.clock.now();
            let device = device.clone();
            self.heard.push_back(RadioEvent { at, device, hides_address: false, name: None, event });
        }
    }

    /// Nothing was asked of the devices for a while: time passes for them, and for whoever waits for them.
    fn time_passes(&mut self) {
        self.clock.pass(PASSING_MS);
        let now = self.clock.now();
        for index in 0..self.devices.len() {
            let id = self.devices[index].id.clone();
            let events = self.devices[index].wait(now);
            self.events(&id, events);
        }
        if !self.is_connected() {
            self.advertise();
        }
        if self.heard.is_empty() {
            self.heard.push_back(RadioEvent {
                at: now,
                device: self.passer_by.clone(),
                hides_address: true,
                name: None,
                event: Event::Advertised {
                    service_uuids: Vec::new(),
                    service_data: std::collections::BTreeMap::new(),
                },
            });
        }
    }

    fn settle(&mut self) {
        self.advertising_since = None;
        let busy = std::mem::take(&mut self.busy);
        if busy > 0 {
            self.done.send_modify(|done| *done += busy);
        }
    }
}

impl BleSource for Home {
    async fn next(&mut self) -> Option<RadioEvent> {
        loop {
            // Whoever asks has dealt with everything given out before.
            if let Some(event) = self.heard.pop_front() {
                self.still_since = None;
                return Some(event);
            }
            if self.is_connected() || self.hopes() {
                let patience = if self.clock.is_set() { PATIENCE } else { LIVE_PATIENCE };
                let since = *self.still_since.get_or_insert_with(Instant::now);
                tokio::time::sleep_until((since + patience).into()).await;
                self.time_passes();
            } else {
                self.settle();
                let used = self.orders.recv().await?;
                self.used(used);
            }
        }
    }

    async fn act(&mut self, device: &DeviceId, action: Action) {
        let now = self.clock.now();
        let Some(index) = self.devices.iter().position(|one| one.id == *device) else { return };
        let events = self.devices[index].take(action, now);
        self.events(device, events);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::peripheral::{DeviceClock, Make};
    use devices::Uuid16;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn home() -> (Home, HomeDoor, StoryClock) {
        let clock = StoryClock::new(care::clock::Clock::told_by(|| at("2026-01-01T07:00:00Z")));
        clock.set(at("2026-01-01T07:00:00Z"));
        let id = |text: &str| text.parse().expect("an address");
        let scale = Peripheral::new(
            id("020000000001"),
            Make::AndScale,
            DeviceClock { ahead_ms: 3_600_000, settable: true },
        );
        let (home, door) = Home::new(clock.clone(), vec![scale], id("020000000099"));
        (home, door, clock)
    }

    #[tokio::test]
    async fn a_weighing_is_advertised_connected_to_and_sent() {
        let (mut home, mut door, clock) = home();
        let weighed_at = at("2026-01-01T07:04:00Z");
        door.order(Used { at: weighed_at, what: Use::Weigh(80.1) });
        let first = home.next().await.expect("an event");
        assert_eq!(first.name.as_deref(), Some("A&D_UC-352BLE_000001"));
        assert_eq!(first.at, weighed_at.plus_millis(HEARD_AFTER_MS));
        let scale = first.device.clone();
        home.act(&scale, Action::Connect).await;
        assert!(matches!(home.next().await.expect("an event").event, Event::Connected { .. }));
        home.act(&scale, Action::Subscribe(Uuid16(0x2A9D))).await;
        let mut heard = Vec::new();
        while *door.done.borrow() == 0 {
            tokio::select! {
                event = home.next() => heard.push(event.expect("an event")),
                () = tokio::time::sleep(Duration::from_millis(100)) => {}
            }
        }
        assert!(matches!(heard.first().map(|one| &one.event), Some(Event::Subscribed { .. })));
        assert!(matches!(heard.last().map(|one| &one.event), Some(Event::Disconnected)));
        let frame = heard.iter().find_map(|one| match &one.event {
            Event::Notified { bytes, .. } => Some((bytes.clone(), one.at)),
            _ => None,
        });
        // Flags, 16020 steps of 5 g, 2026-01-01 08:04:00 by a clock an hour ahead: worked by hand.
        let (frame, sent_at) = frame.expect("a frame");
        assert_eq!(frame, [0x02, 0x94, 0x3E, 0xEA, 0x07, 1, 1, 8, 4, 0]);
        let waited_ms = sent_at.millis_since(first.at);
        assert!((5_000..6_000).contains(&waited_ms), "five seconds pass there, few here: {waited_ms} ms");
        assert!(heard.windows(2).all(|pair| pair[0].at <= pair[1].at), "time goes one way");
        assert!(clock.now() >= sent_at);
    }

    #[tokio::test]
    async fn a_device_that_nobody_connects_to_keeps_what_it_measured() {
        let (mut home, mut door, _) = home();
        door.order(Used { at: at("2026-01-01T07:04:00Z"), what: Use::Weigh(80.1) });
        let heard = tokio::time::timeout(Duration::from_secs(5), async {
            while *door.done.borrow() == 0 {
                tokio::select! {
                    _ = home.next() => {}
                    () = tokio::time::sleep(Duration::from_millis(100)) => {}
                }
            }
        });
        heard.await.expect("it gives up");
        assert!(home.devices[0].advertises().is_some(), "the next use advertises it again");
    }
}
