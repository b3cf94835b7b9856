//! The demo's devices: a scale and two cuffs that behave like the ones people have at home.
//!
//! Each keeps what it measured until a gateway connects, shows a clock of its own, and answers what a session asks. Sans-IO:
//! what is done to it comes in, what it does comes out, `now` with both. Knows no gateway and no patient.
//!
//! **Invariant:** a measurement leaves the memory only by being sent to a host that subscribed.

use std::collections::{BTreeMap, VecDeque};

use devices::Uuid16;
use devices::session::{Action, Event};
use vitals::{DeviceId, DeviceTime, Timestamp};

use crate::demo::frames::{self, Pressure};

const DATE_TIME: Uuid16 = Uuid16(0x2A08);
const BATTERY: Uuid16 = Uuid16(0x2A19);
const SERIAL: Uuid16 = Uuid16(0x2A25);
/// How long a cuff or scale of A&D waits for its clock to be set before it sends without, ms.
const CLOCK_WINDOW_MS: i64 = 5_000;
/// How long after its last record a Beurer cuff stays on, ms.
const LINGER_MS: i64 = 2_000;
/// A device that was connected to and is not asked for anything switches itself off, ms.
const POWER_OFF_MS: i64 = 60_000;

/// A model that the demo can play.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Make {
    /// A scale that hangs up after sending.
    AndScale,
    /// A cuff that hangs up after sending; what it could not measure it sends too.
    AndCuff,
    /// A cuff that numbers its users and has no clock a host could reach.
    BeurerCuff,
}

impl Make {
    /// The name in the register.
    #[cfg(test)]
    pub(crate) const fn model(self) -> &'static str {
        match self {
            Self::AndScale => "A&D UC-352BLE",
            Self::AndCuff => "A&D UA-651BLE",
            Self::BeurerCuff => "Beurer BM85",
        }
    }

    const fn service(self) -> Uuid16 {
        match self {
            Self::AndScale => Uuid16(0x181D),
            Self::AndCuff | Self::BeurerCuff => Uuid16(0x1810),
        }
    }

    const fn measurement(self) -> Uuid16 {
        match self {
            Self::AndScale => Uuid16(0x2A9D),
            Self::AndCuff | Self::BeurerCuff => Uuid16(0x2A35),
        }
    }

    const fn has_clock(self) -> bool {
        match self {
            Self::AndScale | Self::AndCuff => true,
            Self::BeurerCuff => false,
        }
    }

    fn advertised(self, device: &DeviceId) -> String {
        let tail = device.as_str().get(6..).unwrap_or_default().to_ascii_uppercase();
        match self {
            Self::AndScale => format!("A&D_UC-352BLE_{tail}"),
            Self::AndCuff => format!("A&D_UA-651BLE_{tail}"),
            Self::BeurerCuff => "BM85".to_owned(),
        }
    }
}

/// What somebody does with a device.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Use {
    /// Steps on the scale, kg.
    Weigh(f64),
    /// Puts the cuff on.
    Press(Pressure),
    /// Puts the cuff on so that it cannot measure.
    PressInVain,
}

/// A device's clock: what it shows is the truth moved by `ahead_ms`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DeviceClock {
    pub(crate) ahead_ms: i64,
    /// Whether a host can set it; one that cannot be set takes what is written and goes on as before.
    pub(crate) settable: bool,
}

impl DeviceClock {
    fn shows(self, now: Timestamp) -> DeviceTime {
        DeviceTime::in_utc(now.plus_millis(self.ahead_ms))
    }
}

#[derive(Clone, Copy, Debug)]
struct Connection {
    since: Timestamp,
    subscribed: bool,
    clock_written: bool,
    sent_at: Option<Timestamp>,
}

/// One device.
#[derive(Debug)]
pub(crate) struct Peripheral {
    pub(crate) id: DeviceId,
    make: Make,
    clock: DeviceClock,
    stored: VecDeque<Vec<u8>>,
    connection: Option<Connection>,
}

impl Peripheral {
    /// A device that has measured nothing yet.
    pub(crate) fn new(id: DeviceId, make: Make, clock: DeviceClock) -> Self {
        Self { id, make, clock, stored: VecDeque::new(), connection: None }
    }

    /// Whether the device can be used like that.
    pub(crate) fn takes(&self, what: Use) -> bool {
        match what {
            Use::Weigh(_) => self.make == Make::AndScale,
            Use::Press(_) => self.make != Make::AndScale,
            Use::PressInVain => self.make == Make::AndCuff,
        }
    }

    /// Somebody uses it at `now`. What it cannot do is not done.
    pub(crate) fn used(&mut self, what: Use, now: Timestamp) {
        let time = self.clock.shows(now);
        let frame = match (self.make, what) {
            (Make::AndScale, Use::Weigh(kg)) => Some(frames::weight(steps_5_g(kg), time)),
            (Make::AndCuff, Use::Press(pressure)) => Some(frames::pressure(Some(pressure), time)),
            (Make::AndCuff, Use::PressInVain) => Some(frames::pressure(None, time)),
            (Make::BeurerCuff, Use::Press(pressure)) => {
                Some(frames::pressure_with_big_endian_pulse(pressure, 1, time))
            }
            (Make::AndScale, Use::Press(_) | Use::PressInVain)
            | (Make::AndCuff, Use::Weigh(_))
            | (Make::BeurerCuff, Use::Weigh(_) | Use::PressInVain) => None,
        };
        self.stored.extend(frame);
    }

    /// What it advertises while it has something to send: its name, and its service.
    pub(crate) fn advertises(&self) -> Option<(String, Event)> {
        let waits = self.connection.is_none() && !self.stored.is_empty();
        waits.then(|| {
            let service_uuids = vec![self.make.service()];
            let event = Event::Advertised { service_uuids, service_data: BTreeMap::new() };
            (self.make.advertised(&self.id), event)
        })
    }

    /// Whether a host is connected.
    pub(crate) fn is_connected(&self) -> bool {
        self.connection.is_some()
    }

    /// A host does something to it.
    pub(crate) fn take(&mut self, action: Action, now: Timestamp) -> Vec<Event> {
        match action {
            Action::Connect => self.connected(now),
            Action::Read(uuid) => self.if_connected(uuid, |device| device.read(uuid, now)),
            Action::Write { uuid, bytes } => {
                self.if_connected(uuid, |device| device.written(uuid, &bytes, now))
            }
            Action::Subscribe(uuid) => self.if_connected(uuid, |device| device.subscribed(uuid)),
            Action::Disconnect => self.hang_up(),
            Action::Measured(_) | Action::Learned(_) | Action::Trouble(_) | Action::Ignored { .. } => {
                Vec::new()
            }
        }
    }

    /// Time passes.
    pub(crate) fn wait(&mut self, now: Timestamp) -> Vec<Event> {
        let Some(connection) = self.connection else { return Vec::new() };
        let for_ms = |since: Timestamp| now.millis_since(since);
        let over = match connection.sent_at {
            Some(sent_at) => for_ms(sent_at) >= LINGER_MS,
            None => for_ms(connection.since) >= POWER_OFF_MS,
        };
        if over { self.hang_up() } else { self.send(now) }
    }

    fn connected(&mut self, now: Timestamp) -> Vec<Event> {
        self.connection =
            Some(Connection { since: now, subscribed: false, clock_written: false, sent_at: None });
        let mut characteristics = vec![self.make.measurement(), BATTERY, SERIAL];
        if self.make.has_clock() {
            characteristics.push(DATE_TIME);
        }
        vec![Event::Connected { characteristics, link_up_at: None }]
    }

    fn if_connected(&mut self, uuid: Uuid16, then: impl FnOnce(&mut Self) -> Vec<Event>) -> Vec<Event> {
        if self.connection.is_some() { then(self) } else { vec![failed(uuid, "not connected")] }
    }

    fn read(&self, uuid: Uuid16, now: Timestamp) -> Vec<Event> {
        let bytes = match uuid {
            DATE_TIME if self.make.has_clock() => frames::date_time(self.clock.shows(now)).to_vec(),
            BATTERY => vec![81],
            SERIAL => self.id.as_str().get(4..).unwrap_or_default().as_bytes().to_vec(),
            _ => return vec![failed(uuid, "no such characteristic")],
        };
        vec![Event::Read { uuid, bytes }]
    }

    fn written(&mut self, uuid: Uuid16, bytes: &[u8], now: Timestamp) -> Vec<Event> {
        let time = frames::time_of(bytes).filter(|_| uuid == DATE_TIME && self.make.has_clock());
        let Some(time) = time else { return vec![failed(uuid, "the value was refused")] };
        if self.clock.settable {
            self.clock.ahead_ms = time.as_if_utc().millis_since(now);
        }
        if let Some(connection) = &mut self.connection {
            connection.clock_written = true;
        }
        vec![Event::Written { uuid }]
    }

    fn subscribed(&mut self, uuid: Uuid16) -> Vec<Event> {
        if uuid != self.make.measurement() {
            return vec![failed(uuid, "no such characteristic")];
        }
        if let Some(connection) = &mut self.connection {
            connection.subscribed = true;
        }
        vec![Event::Subscribed { uuid }]
    }

    /// Sends everything, oldest first and a moment after it was asked, once the host listens and has set the clock or let the time for it pass.
    fn send(&mut self, now: Timestamp) -> Vec<Event> {
        let Some(connection) = &mut self.connection else { return Vec::new() };
        let clock_is_settled = !self.make.has_clock()
            || connection.clock_written
            || now.millis_since(connection.since) >= CLOCK_WINDOW_MS;
        if !connection.subscribed || !clock_is_settled || connection.sent_at.is_some() {
            return Vec::new();
        }
        connection.sent_at = Some(now);
        let uuid = self.make.measurement();
        let mut events: Vec<Event> =
            self.stored.drain(..).map(|bytes| Event::Notified { uuid, bytes }).collect();
        if self.make != Make::BeurerCuff {
            events.extend(self.hang_up());
        }
        events
    }

    fn hang_up(&mut self) -> Vec<Event> {
        self.connection.take().map(|_| Event::Disconnected).into_iter().collect()
    }
}

fn failed(uuid: Uuid16, reason: &str) -> Event {
    Event::Failed { uuid: Some(uuid), reason: reason.to_owned() }
}

/// A weight in the scale's steps, as it shows it: whole tenths of a kilogram, 20 steps each.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn steps_5_g(kg: f64) -> u16 {
    ((kg * 10.0).round().clamp(0.0, 2_000.0) as u16) * 20
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn device(make: Make, ahead_s: i64, settable: bool) -> Peripheral {
        let id = "020000000001".parse().expect("an address");
        Peripheral::new(id, make, DeviceClock { ahead_ms: ahead_s * 1000, settable })
    }

    const PRESSED: Pressure = Pressure { systolic_mmhg: 128, diastolic_mmhg: 76, pulse_per_min: 71 };

    #[test]
    fn a_scale_sends_the_oldest_first_once_its_clock_is_set_and_hangs_up() {
        let mut scale = device(Make::AndScale, 3600, true);
        assert_eq!(scale.advertises(), None, "nothing to send");
        scale.used(Use::Weigh(80.1), at("2026-01-01T07:04:00Z"));
        scale.used(Use::Weigh(80.3), at("2026-01-01T07:05:00Z"));
        let now = at("2026-01-01T07:06:00Z");
        let (name, _) = scale.advertises().expect("something to send");
        assert_eq!(name, "A&D_UC-352BLE_000001");
        assert!(matches!(scale.take(Action::Connect, now)[..], [Event::Connected { .. }]));
        let subscribe = scale.take(Action::Subscribe(Uuid16(0x2A9D)), now);
        assert_eq!(subscribe, [Event::Subscribed { uuid: Uuid16(0x2A9D) }]);
        assert_eq!(scale.wait(now), [], "not before its clock is set");
        let clock = scale.take(Action::Read(DATE_TIME), now);
        // 2026-01-01 08:06:00 by a clock an hour ahead: 0x07EA, 1, 1, 8, 6, 0.
        let bytes = vec![0xEA, 0x07, 1, 1, 8, 6, 0];
        assert_eq!(clock, [Event::Read { uuid: DATE_TIME, bytes: bytes.clone() }]);
        let written = scale.take(Action::Write { uuid: DATE_TIME, bytes }, now);
        assert_eq!(written, [Event::Written { uuid: DATE_TIME }]);
        let sent = scale.wait(now.plus_millis(250));
        let frames: Vec<&[u8]> = sent
            .iter()
            .filter_map(|event| match event {
                Event::Notified { bytes, .. } => Some(&bytes[..3]),
                _ => None,
            })
            .collect();
        // 80.1 kg = 16020 = 0x3E94 steps of 5 g, 80.3 kg = 16060 = 0x3EBC.
        assert_eq!(frames, [[0x02, 0x94, 0x3E], [0x02, 0xBC, 0x3E]]);
        assert_eq!(sent.last(), Some(&Event::Disconnected));
        assert_eq!(scale.advertises(), None, "sent is gone");
    }

    #[test]
    fn a_clock_is_set_by_a_host_or_cannot_be() {
        let now = at("2026-01-01T07:06:00Z");
        let right = frames::date_time("2026-01-01T08:06:00".parse().expect("a local time")).to_vec();
        for (settable, shows) in [(true, "2026-01-01T08:06:00"), (false, "2026-01-01T11:18:00")] {
            let mut cuff = device(Make::AndCuff, 3600 + 3 * 3600 + 12 * 60, settable);
            cuff.used(Use::PressInVain, now);
            cuff.take(Action::Connect, now);
            let answer = cuff.take(Action::Write { uuid: DATE_TIME, bytes: right.clone() }, now);
            assert_eq!(answer, [Event::Written { uuid: DATE_TIME }]);
            assert_eq!(cuff.clock.shows(now).to_string(), shows);
        }
    }

    #[test]
    fn a_host_that_never_sets_the_clock_gets_the_records_after_five_seconds() {
        let now = at("2026-01-01T07:06:00Z");
        let mut cuff = device(Make::AndCuff, 0, true);
        cuff.used(Use::Press(PRESSED), now);
        cuff.take(Action::Connect, now);
        cuff.take(Action::Subscribe(Uuid16(0x2A35)), now);
        assert_eq!(cuff.wait(now.plus_millis(4_999)), []);
        assert!(matches!(
            cuff.wait(now.plus_millis(5_000))[..],
            [Event::Notified { .. }, Event::Disconnected]
        ));
    }

    #[test]
    fn a_beurer_cuff_has_no_clock_and_lingers() {
        let now = at("2026-01-01T07:06:00Z");
        let mut cuff = device(Make::BeurerCuff, 0, true);
        cuff.used(Use::PressInVain, now);
        assert_eq!(cuff.advertises(), None, "it stores only what it measured");
        cuff.used(Use::Press(PRESSED), now);
        cuff.take(Action::Connect, now);
        assert!(matches!(cuff.take(Action::Read(DATE_TIME), now)[..], [Event::Failed { .. }]));
        cuff.take(Action::Subscribe(Uuid16(0x2A35)), now);
        assert!(matches!(cuff.wait(now)[..], [Event::Notified { .. }]));
        assert_eq!(cuff.wait(now.plus_millis(1_999)), []);
        assert_eq!(cuff.wait(now.plus_millis(2_000)), [Event::Disconnected]);
    }

    #[test]
    fn what_is_not_connected_fails_and_what_nobody_asks_for_switches_off() {
        let now = at("2026-01-01T07:06:00Z");
        let mut scale = device(Make::AndScale, 0, true);
        assert!(matches!(scale.take(Action::Read(DATE_TIME), now)[..], [Event::Failed { .. }]));
        scale.used(Use::Weigh(80.1), now);
        scale.take(Action::Connect, now);
        assert_eq!(scale.wait(now.plus_millis(60_000)), [Event::Disconnected]);
        assert!(scale.advertises().is_some(), "and keeps what it measured");
    }
}
