//! The conversation with one device, as a state machine: events in, actions out.
//!
//! Whoever holds the radio tells it what happened and does what it says. It also understands a conversation that
//! somebody else led: a capture played back, where no action is carried out and every answer simply arrives.
//! Knows no radio, no clock (`now` is the gateway's, from the caller) and no patient.
//!
//! **Invariant:** every frame that a device sends of a measurement leaves again, as [`Action::Measured`], as
//! [`Action::Trouble`] with its bytes or as [`Action::Ignored`] with a reason, at the latest on [`Session::finish`]. Only
//! advertisements, which a scale repeats many times a second, leave once for all their repeats.

mod asking;
mod broadcast;
mod clock_set;
mod holding;
mod learned;
mod messages;
mod requests;
mod state;
mod timekeeping;
mod waiting;

use vitals::Timestamp;

use self::broadcast::Broadcast;
use self::holding::Waits;
pub use self::messages::{Action, Consent, Event, Heard, Learned, Settings, Trouble, Why};
use self::requests::Known;
pub use self::requests::is_worth_connecting;
use self::state::{
    CLOCK_READ_TAKES_MS, CLOCK_READ_WITHIN_MS, CLOCK_WRITE_TAKES_MS, CONNECT_WITHIN_MS, Link, REST_MS,
    SILENCE_MS, Stage, WAIT_FOR_ANSWERS_MS,
};
use self::waiting::Waiting;
use crate::clock::{ClockPair, ClockReading, KnownClock};
use crate::format::{Format, Uuid16};
use crate::memory::HeldFrame;
use crate::models::Model;

/// The conversation with one device.
#[derive(Clone, Debug)]
pub struct Session {
    model: Option<&'static Model>,
    /// Who made it, as far as it said.
    maker: Option<String>,
    settings: Settings,
    consent: Option<Consent>,
    hides_address: bool,
    link: Link,
    stage: Stage,
    characteristics: Vec<Uuid16>,
    clock: ClockReading,
    /// Whether the gateway's clock could be believed when the device's was read.
    clock_is_sound: bool,
    /// What the device was told, and whether it took it.
    clock_told: Option<ClockPair>,
    clock_set: Option<ClockPair>,
    /// As it was last known, in this conversation or an earlier one.
    known_clock: Option<KnownClock>,
    waits: Waits,
    waiting: Vec<Waiting>,
    /// It was asked for its stored records and has not said that those are all.
    is_draining: bool,
    /// What an earlier session held.
    recalled: Vec<HeldFrame>,
    /// Not connected to again before.
    rests_until: Option<Timestamp>,
    broadcast: Broadcast,
    silent_since: Timestamp,
    silence_ms: i64,
}

impl Session {
    /// A session with a device that has not been heard yet.
    #[must_use]
    pub fn new(model: Option<&'static Model>, settings: Settings) -> Self {
        Self {
            model,
            maker: None,
            settings,
            consent: None,
            hides_address: false,
            link: Link::Idle,
            stage: Stage::Done,
            characteristics: Vec::new(),
            clock: ClockReading::NotRead,
            clock_is_sound: false,
            clock_told: None,
            clock_set: None,
            known_clock: None,
            waits: Waits::default(),
            waiting: Vec::new(),
            is_draining: false,
            recalled: Vec::new(),
            rests_until: None,
            broadcast: Broadcast::default(),
            silent_since: Timestamp::from_jiff(jiff::Timestamp::UNIX_EPOCH),
            silence_ms: SILENCE_MS,
        }
    }

    /// The same session, with the consent that a scale of this kind asks for.
    #[must_use]
    pub fn with_consent(self, consent: Consent) -> Self {
        Self { consent: Some(consent), ..self }
    }

    /// The same session, with a device that changes its address to hide itself: it is asked who it is, and its records
    /// wait for the answer.
    #[must_use]
    pub fn hiding_address(self) -> Self {
        Self { hides_address: true, ..self }
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
                        let gateway_synced = self.settings.gateway_synced;
                        let frame = HeldFrame { format, bytes, heard_at: now, gateway_synced };
                        let told = self.broadcast.hear(frame, self.model);
                        self.tell(told, &mut actions);
                    }
                }
                let is_free = self.link == Link::Idle && self.rests_until.is_none_or(|until| until <= now);
                if !is_broadcast && is_free && is_worth_connecting(self.model, &service_uuids) {
                    self.link = Link::Connecting { until: now.plus_millis(CONNECT_WITHIN_MS) };
                    actions.push(Action::Connect);
                }
            }
            Event::Connected { characteristics, link_up_at } => {
                self.connected(now, characteristics, link_up_at, &mut actions);
            }
            Event::Read { uuid, bytes } => self.heard(now, uuid, bytes, Source::Read, &mut actions),
            Event::Notified { uuid, bytes } => self.heard(now, uuid, bytes, Source::Notified, &mut actions),
            Event::Record { format, bytes } => self.frame(now, format, bytes, &mut actions),
            Event::Written { uuid } => {
                if Format::of_characteristic(uuid).is_some_and(Format::is_clock) {
                    self.clock_written(now, &mut actions);
                }
            }
            Event::Subscribed { .. } => {}
            Event::Failed { uuid, reason } => self.failed(now, uuid, reason, &mut actions),
            Event::Disconnected => {
                self.note_cut_off(&mut actions);
                self.disconnected(&mut actions);
            }
        }
        actions
    }

    /// What to do now that time has passed. Harmless when nothing is due.
    pub fn handle_timeout(&mut self, now: Timestamp) -> Vec<Action> {
        let mut actions = Vec::new();
        self.give_out_recalled(&mut actions);
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
        if self.waits.deadline().is_some_and(|(until, _)| until <= now) {
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
        let waits = self.waits.deadline();
        let stage = match self.stage {
            Stage::ReadingClock { until, .. } => Some((until, Why::ClockRead)),
            Stage::Pausing { until } => Some((until, Why::SubscribePause)),
            Stage::Done => None,
        };
        let broadcast = self.broadcast.deadline().map(|until| (until, Why::Impedance));
        let recalled = !self.recalled.is_empty();
        let recalled = recalled.then(|| (Timestamp::from_jiff(jiff::Timestamp::UNIX_EPOCH), Why::Recalled));
        [link, stage, waits, broadcast, recalled].into_iter().flatten().min_by_key(|(until, _)| *until)
    }

    /// Gives out whatever still waits: the capture ends, or the gateway stops.
    pub fn finish(&mut self, _now: Timestamp) -> Vec<Action> {
        let mut actions = Vec::new();
        self.give_out_recalled(&mut actions);
        self.release(&mut actions);
        let told = self.broadcast.finish();
        self.tell(told, &mut actions);
        actions
    }

    fn silent_until(&self) -> Timestamp {
        self.silent_since.plus_millis(self.silence_ms)
    }

    fn connected(
        &mut self,
        now: Timestamp,
        characteristics: Vec<Uuid16>,
        link_up_at: Option<Timestamp>,
        actions: &mut Vec<Action>,
    ) {
        // What the device sent while it was being connected to belongs to this connection, and waits for its clock.
        if !matches!(self.link, Link::Connecting { .. }) {
            self.release(actions);
        }
        self.note_cut_off(actions);
        self.forget_reading();
        // A clock that was set back meanwhile would make the link younger than it is told of.
        let link_up_at = link_up_at.filter(|up_at| *up_at <= now).unwrap_or(now);
        self.link = Link::Connected { since: now, link_up_at };
        self.characteristics = characteristics;
        self.silence_ms = SILENCE_MS;
        let channel = self.known().clock_channel();
        // Where nobody listed the characteristics, somebody else leads, and may yet read the clock.
        let may_be_read = channel.is_some() || self.characteristics.is_empty();
        let who = self.known().identity();
        actions.extend(who.iter().copied().map(Action::Read));
        self.waits = Waits::new(now.plus_millis(WAIT_FOR_ANSWERS_MS), may_be_read, who);
        self.settle(now, actions);
        match channel {
            Some(channel) => {
                self.stage = Stage::ReadingClock { channel, until: self.clock_read_until(now, link_up_at) };
                actions.push(Action::Read(channel));
            }
            None => self.pause(now, actions),
        }
    }

    /// How long the device's clock is waited for before it is set unread, where it has to be set soon.
    fn clock_read_until(&self, now: Timestamp, link_up_at: Timestamp) -> Timestamp {
        let until = now.plus_millis(CLOCK_READ_WITHIN_MS);
        let window_ms = self.model.and_then(|model| model.behaviour.set_clock_within_ms);
        window_ms.map_or(until, |window_ms| {
            let in_window = link_up_at.plus_millis(window_ms - CLOCK_WRITE_TAKES_MS);
            until.min(in_window).max(now.plus_millis(CLOCK_READ_TAKES_MS))
        })
    }

    fn known(&self) -> Known<'_> {
        Known { model: self.model, characteristics: &self.characteristics, hides_address: self.hides_address }
    }

    fn disconnected(&mut self, actions: &mut Vec<Action>) {
        self.release(actions);
        self.forget_reading();
        self.link = Link::Idle;
        self.stage = Stage::Done;
        self.is_draining = false;
    }

    /// Says so where a device that deletes what it has sent was interrupted in sending it.
    fn note_cut_off(&mut self, actions: &mut Vec<Action>) {
        let deletes = self.model.is_some_and(|model| model.behaviour.deletes_after_transfer);
        if std::mem::take(&mut self.is_draining) && deletes {
            actions.push(Action::Trouble(Trouble::CutOff));
        }
    }
}

/// How bytes arrived.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    Read,
    Notified,
}
