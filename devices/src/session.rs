//! The conversation with one device, as a state machine: events in, actions out.
//!
//! Whoever holds the radio tells it what happened and does what it says. It also understands a conversation that
//! somebody else led: a capture played back, where no action is carried out and every answer simply arrives.
//! Knows no radio, no clock (`now` is the gateway's, from the caller) and no patient.
//!
//! **Invariant:** every frame that a device sends of a measurement leaves again, as [`Action::Measured`], as
//! [`Action::Trouble`] with its bytes or as [`Action::Ignored`] with a reason, at the latest on [`Session::finish`]. Only
//! advertisements, which a scale repeats many times a second, leave once for all their repeats.

mod broadcast;
mod clock_set;
mod learned;
mod messages;
mod requests;
mod state;
mod waiting;

use vitals::Timestamp;

use self::broadcast::{Broadcast, Told};
use self::learned::{is_control, learn};
pub use self::messages::{Action, Consent, Event, Heard, Learned, Settings, Trouble, Why};
use self::requests::{Known, is_worth_connecting};
use self::state::{
    CLOCK_READ_WITHIN_MS, CONNECT_WITHIN_MS, HANG_UP_WITHIN_MS, Link, REST_MS, SILENCE_MS, Stage,
    UNREADABLE_REST_MS, WAIT_FOR_CLOCK_MS,
};
use self::waiting::{Timeline, Waiting};
use crate::clock::{ClockPair, ClockReading};
use crate::decode::decode;
use crate::format::{Format, Uuid16};
use crate::models::Model;

/// The conversation with one device.
#[derive(Clone, Debug)]
pub struct Session {
    model: Option<&'static Model>,
    settings: Settings,
    consent: Option<Consent>,
    link: Link,
    stage: Stage,
    characteristics: Vec<Uuid16>,
    clock: ClockReading,
    /// What the device was told, and whether it took it.
    clock_told: Option<ClockPair>,
    clock_set: Option<ClockPair>,
    /// Measurements wait for the device's clock until then.
    waits_until: Option<Timestamp>,
    waiting: Vec<Waiting>,
    /// Not connected to again before.
    rests_until: Option<Timestamp>,
    broadcast: Broadcast,
    silent_since: Timestamp,
}

impl Session {
    /// A session with a device that has not been heard yet.
    #[must_use]
    pub fn new(model: Option<&'static Model>, settings: Settings) -> Self {
        Self {
            model,
            settings,
            consent: None,
            link: Link::Idle,
            stage: Stage::Done,
            characteristics: Vec::new(),
            clock: ClockReading::NotRead,
            clock_told: None,
            clock_set: None,
            waits_until: None,
            waiting: Vec::new(),
            rests_until: None,
            broadcast: Broadcast::default(),
            silent_since: Timestamp::from_jiff(jiff::Timestamp::UNIX_EPOCH),
        }
    }

    /// The same session, with the consent that a scale of this kind asks for.
    #[must_use]
    pub fn with_consent(self, consent: Consent) -> Self {
        Self { consent: Some(consent), ..self }
    }

    /// Which model it talks to.
    #[must_use]
    pub fn model(&self) -> Option<&'static Model> {
        self.model
    }

    /// Tells the session what the gateway knows by now.
    pub fn set_settings(&mut self, settings: Settings) {
        self.settings = settings;
    }

    /// What to do about `event`, in order.
    pub fn handle_event(&mut self, now: Timestamp, event: Event) -> Vec<Action> {
        let mut actions = self.handle_timeout(now);
        if !matches!(event, Event::Advertised { .. }) {
            self.silent_since = now;
        }
        match event {
            Event::Advertised { service_uuids, service_data } => {
                let mut is_broadcast = false;
                for (uuid, bytes) in service_data {
                    if let Some(format) = broadcast::format_of(self.model, uuid, &bytes) {
                        is_broadcast = true;
                        let told = self.broadcast.hear(now, format, bytes, self.model);
                        self.tell(told, &mut actions);
                    }
                }
                let is_free = self.link == Link::Idle && self.rests_until.is_none_or(|until| until <= now);
                if !is_broadcast && is_free && is_worth_connecting(self.model, &service_uuids) {
                    self.link = Link::Connecting { until: now.plus_millis(CONNECT_WITHIN_MS) };
                    actions.push(Action::Connect);
                }
            }
            Event::Connected { characteristics } => self.connected(now, characteristics, &mut actions),
            Event::Read { uuid, bytes } => self.heard(now, uuid, bytes, Source::Read, &mut actions),
            Event::Notified { uuid, bytes } => self.heard(now, uuid, bytes, Source::Notified, &mut actions),
            Event::Record { format, bytes } => self.frame(now, format, bytes, &mut actions),
            Event::Written { uuid } => {
                if format_of(uuid).is_some_and(Format::is_clock) {
                    self.clock_set = self.clock_told.take();
                    self.release(&mut actions);
                }
            }
            Event::Subscribed { .. } => {}
            Event::Failed { uuid, reason } => self.failed(now, uuid, reason, &mut actions),
            Event::Disconnected => self.disconnected(&mut actions),
        }
        actions
    }

    /// What to do now that time has passed. Harmless when nothing is due.
    pub fn handle_timeout(&mut self, now: Timestamp) -> Vec<Action> {
        let mut actions = Vec::new();
        let told = self.broadcast.handle_timeout(now);
        self.tell(told, &mut actions);
        match self.stage {
            Stage::ReadingClock { until, .. } if until <= now => {
                actions.push(Action::Trouble(Trouble::TimedOut(Why::ClockRead)));
                self.clock_answered(now, &mut actions);
            }
            Stage::Pausing { until } if until <= now => self.subscribe(now, &mut actions),
            Stage::ReadingClock { .. } | Stage::Pausing { .. } | Stage::Done => {}
        }
        if self.waits_until.is_some_and(|until| until <= now) {
            self.release(&mut actions);
        }
        match self.link {
            Link::Connecting { until } if until <= now => {
                self.link = Link::Idle;
                actions.push(Action::Trouble(Trouble::TimedOut(Why::Connecting)));
            }
            Link::Connected { .. } if self.silent_until() <= now => {
                self.hang_up(now, REST_MS, &mut actions);
            }
            Link::Closing { until } if until <= now => self.disconnected(&mut actions),
            Link::Connecting { .. } | Link::Connected { .. } | Link::Closing { .. } | Link::Idle => {}
        }
        actions
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called next, and why.
    #[must_use]
    pub fn next_deadline(&self) -> Option<(Timestamp, Why)> {
        let link = match self.link {
            Link::Connecting { until } => Some((until, Why::Connecting)),
            Link::Connected { .. } => Some((self.silent_until(), Why::Silence)),
            Link::Closing { until } => Some((until, Why::HangUp)),
            Link::Idle => None,
        };
        let clock = self.waits_until.map(|until| (until, Why::ClockRead));
        let stage = match self.stage {
            Stage::ReadingClock { until, .. } => Some((until, Why::ClockRead)),
            Stage::Pausing { until } => Some((until, Why::SubscribePause)),
            Stage::Done => None,
        };
        let broadcast = self.broadcast.deadline().map(|until| (until, Why::Impedance));
        [link, stage, clock, broadcast].into_iter().flatten().min_by_key(|(until, _)| *until)
    }

    /// Gives out whatever still waits: the capture ends, or the gateway stops.
    pub fn finish(&mut self, _now: Timestamp) -> Vec<Action> {
        let mut actions = Vec::new();
        self.release(&mut actions);
        let told = self.broadcast.finish();
        self.tell(told, &mut actions);
        actions
    }

    fn silent_until(&self) -> Timestamp {
        self.silent_since.plus_millis(SILENCE_MS)
    }

    fn connected(&mut self, now: Timestamp, characteristics: Vec<Uuid16>, actions: &mut Vec<Action>) {
        self.release(actions);
        self.link = Link::Connected { since: now };
        self.characteristics = characteristics;
        self.clock = ClockReading::NotRead;
        self.clock_told = None;
        self.clock_set = None;
        let channel = self.known().clock_channel();
        // Where nobody listed the characteristics, somebody else leads, and may yet read the clock.
        let may_be_read = channel.is_some() || self.characteristics.is_empty();
        self.waits_until = may_be_read.then(|| now.plus_millis(WAIT_FOR_CLOCK_MS));
        match channel {
            Some(channel) => {
                self.stage = Stage::ReadingClock { channel, until: now.plus_millis(CLOCK_READ_WITHIN_MS) };
                actions.push(Action::Read(channel));
            }
            None => self.pause(now, actions),
        }
    }

    fn known(&self) -> Known<'_> {
        Known { model: self.model, characteristics: &self.characteristics }
    }

    fn heard(
        &mut self,
        now: Timestamp,
        uuid: Uuid16,
        bytes: Vec<u8>,
        source: Source,
        actions: &mut Vec<Action>,
    ) {
        match format_of(uuid) {
            Some(format) => self.frame(now, format, bytes, actions),
            None => match learn(uuid, &bytes) {
                Some(told) => actions.push(told),
                None if source == Source::Read || is_control(uuid) => {}
                None => actions.push(Action::Trouble(Trouble::Unknown { uuid, bytes })),
            },
        }
    }

    fn frame(&mut self, now: Timestamp, format: Format, bytes: Vec<u8>, actions: &mut Vec<Action>) {
        if format.is_clock() {
            self.clock_heard(now, format, bytes, actions);
        } else {
            self.measured(now, format, bytes, actions);
        }
    }

    /// The device's clock. Only what it showed before anybody set it says anything about its records.
    fn clock_heard(&mut self, now: Timestamp, format: Format, bytes: Vec<u8>, actions: &mut Vec<Action>) {
        match decode(format, &bytes, self.model) {
            Err(error) => actions.push(Action::Trouble(Trouble::Undecodable { format, bytes, error })),
            Ok(decoded) if self.clock == ClockReading::NotRead && self.clock_set.is_none() => {
                self.clock = match decoded.measurement.device_time {
                    Some(device) => {
                        let pair = ClockPair { device, gateway: now };
                        actions.push(Action::Learned(Learned::ClockOffsetS(pair.offset_s())));
                        ClockReading::Read(pair)
                    }
                    None => ClockReading::Unset,
                };
            }
            Ok(_) => {}
        }
        self.release(actions);
        self.clock_answered(now, actions);
    }

    /// The clock was read, or has not been in time: it may be set.
    fn clock_answered(&mut self, now: Timestamp, actions: &mut Vec<Action>) {
        let Stage::ReadingClock { channel, .. } = self.stage else {
            return;
        };
        self.stage = Stage::Done;
        self.set_clock(now, channel, actions);
        self.pause(now, actions);
    }

    fn set_clock(&mut self, now: Timestamp, channel: Uuid16, actions: &mut Vec<Action>) {
        let (Some(model), Link::Connected { since }) = (self.model, self.link) else {
            return;
        };
        let right = clock_set::local_time(now, self.settings.local_offset_s);
        match clock_set::decide(model, self.clock, now, since, self.settings) {
            clock_set::Decision::Leave => {}
            clock_set::Decision::Cannot => actions.push(Action::Trouble(Trouble::ClockNotWritten)),
            clock_set::Decision::Set => {
                self.clock_told = Some(ClockPair { device: right, gateway: now });
                actions.push(Action::Write { uuid: channel, bytes: clock_set::bytes(channel, right) });
            }
        }
    }

    fn pause(&mut self, now: Timestamp, actions: &mut Vec<Action>) {
        let pause_ms = self.model.map_or(0, |model| model.behaviour.subscribe_after_ms);
        if pause_ms > 0 {
            self.stage = Stage::Pausing { until: now.plus_millis(pause_ms) };
        } else {
            self.subscribe(now, actions);
        }
    }

    fn subscribe(&mut self, now: Timestamp, actions: &mut Vec<Action>) {
        self.stage = Stage::Done;
        let requests = self.known().subscriptions(now, self.settings, self.consent);
        let is_readable = requests.iter().any(|action| matches!(action, Action::Subscribe(_)));
        actions.extend(requests);
        if !is_readable && !self.characteristics.is_empty() {
            actions.push(Action::Trouble(Trouble::NothingToHear));
            self.hang_up(now, UNREADABLE_REST_MS, actions);
        }
    }

    fn hang_up(&mut self, now: Timestamp, rest_ms: i64, actions: &mut Vec<Action>) {
        self.link = Link::Closing { until: now.plus_millis(HANG_UP_WITHIN_MS) };
        self.rests_until = Some(now.plus_millis(rest_ms));
        actions.push(Action::Disconnect);
    }

    fn measured(&mut self, now: Timestamp, format: Format, bytes: Vec<u8>, actions: &mut Vec<Action>) {
        match decode(format, &bytes, self.model) {
            Err(error) => actions.push(Action::Trouble(Trouble::Undecodable { format, bytes, error })),
            Ok(decoded) => {
                self.waiting.push(Waiting { format, bytes, decoded, heard_at: now });
                if self.waits_until.is_none() {
                    self.release(actions);
                }
            }
        }
    }

    /// Passes on what waited for the clock, in the order it came; nothing waits for it any longer.
    fn release(&mut self, actions: &mut Vec<Action>) {
        self.waits_until = None;
        let timeline = self.timeline(self.clock);
        let waiting = std::mem::take(&mut self.waiting);
        actions.extend(waiting.into_iter().map(|waiting| Action::Measured(waiting.into_heard(timeline))));
    }

    fn timeline(&self, reading: ClockReading) -> Timeline {
        let connected_since = if let Link::Connected { since } = self.link { Some(since) } else { None };
        let gateway_synced = self.settings.gateway_synced;
        Timeline { reading, set: self.clock_set, connected_since, gateway_synced, model: self.model }
    }

    fn tell(&self, told: Vec<Told>, actions: &mut Vec<Action>) {
        let timeline = self.timeline(ClockReading::NotRead);
        actions.extend(told.into_iter().map(|told| match told {
            Told::Weighing(weighing) => Action::Measured(weighing.into_heard(timeline)),
            Told::Ignored { format, bytes, reason } => Action::Ignored { format, bytes, reason },
            Told::Undecodable { format, bytes, error } => {
                Action::Trouble(Trouble::Undecodable { format, bytes, error })
            }
        }));
    }

    fn failed(&mut self, now: Timestamp, uuid: Option<Uuid16>, reason: String, actions: &mut Vec<Action>) {
        actions.push(Action::Trouble(Trouble::Failed { uuid, reason }));
        match (uuid, self.stage) {
            (None, _) => self.disconnected(actions),
            (Some(uuid), Stage::ReadingClock { channel, .. }) if uuid == channel => {
                self.release(actions);
                self.clock_answered(now, actions);
            }
            (Some(uuid), _) if format_of(uuid).is_some_and(Format::is_clock) => self.clock_told = None,
            (Some(_), _) => {}
        }
    }

    fn disconnected(&mut self, actions: &mut Vec<Action>) {
        self.release(actions);
        self.link = Link::Idle;
        self.stage = Stage::Done;
    }
}

/// How bytes arrived.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    Read,
    Notified,
}

fn format_of(uuid: Uuid16) -> Option<Format> {
    Format::of_characteristic(uuid)
}
