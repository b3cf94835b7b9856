//! Frames held back until it is known when they were measured and by whom, and what a session remembers.
//!
//! A frame waits for the device's clock to be read, for a device that hides its address to say who it is, and, where no
//! clock can be read, for the records that come with it: the newest tells the others for stored. It waits in
//! [`DeviceMemory`] as well, so that a power cut in between loses nothing.
//!
//! **Invariant:** every wait has an end, and frames go out in the order they came.

use vitals::{DeviceTime, Timestamp};

use super::broadcast::Told;
use super::messages::{Action, Trouble};
use super::state::{BATCH_WITHIN_MS, Link, QUIET_MS};
use super::waiting::{Timeline, Waiting};
use super::{Session, Why};
use crate::clock::ClockReading;
use crate::format::{Format, Uuid16};
use crate::memory::{DeviceMemory, HeldFrame};
use crate::models::Model;

/// What measurements wait for.
#[derive(Clone, Debug, Default)]
pub(super) struct Waits {
    /// Nothing any more, at the latest then.
    until: Option<Timestamp>,
    clock: bool,
    /// The characteristics that say who the device is, as far as they were asked for and not answered.
    who: Vec<Uuid16>,
    /// When the first of the records came that wait for their neighbours only.
    batch_since: Option<Timestamp>,
}

impl Waits {
    pub(super) fn new(until: Timestamp, clock: bool, who: Vec<Uuid16>) -> Self {
        let until = (clock || !who.is_empty()).then_some(until);
        Self { until, clock, who, batch_since: None }
    }

    pub(super) fn deadline(&self) -> Option<(Timestamp, Why)> {
        let why = if self.clock {
            Why::ClockRead
        } else if self.who.is_empty() {
            Why::MoreRecords
        } else {
            Why::Identity
        };
        self.until.map(|until| (until, why))
    }

    pub(super) fn clock_is_known(&mut self) {
        self.clock = false;
    }

    pub(super) fn is_answered(&mut self, uuid: Uuid16) {
        self.who.retain(|asked| *asked != uuid);
    }

    fn is_for_an_answer(&self) -> bool {
        self.until.is_some() && (self.clock || !self.who.is_empty())
    }

    fn for_more(&mut self, now: Timestamp) {
        let first = *self.batch_since.get_or_insert(now);
        self.until = Some(now.plus_millis(QUIET_MS).min(first.plus_millis(BATCH_WITHIN_MS)));
    }
}

impl Session {
    /// The same session, with what an earlier one remembered of this device. Frames that were held then leave at the
    /// first call.
    #[must_use]
    pub fn recalling(mut self, memory: DeviceMemory) -> Self {
        self.recall(memory);
        self
    }

    /// Takes in what is remembered of the device: it has said who it is, and is known from before.
    pub fn recall(&mut self, memory: DeviceMemory) {
        let DeviceMemory { clock, weighings, held } = memory;
        self.known_clock = self.known_clock.or(clock);
        self.broadcast.recall(weighings);
        self.recalled.extend(held);
    }

    /// What is worth remembering now. A frame is in it from the call that brought it until the one that gives it out.
    #[must_use]
    pub fn memory(&self) -> DeviceMemory {
        let waiting = self.waiting.iter().chain(self.broadcast.pending());
        DeviceMemory {
            clock: self.known_clock,
            weighings: self.broadcast.last_told(),
            held: self.recalled.iter().cloned().chain(waiting.map(Waiting::frame)).collect(),
        }
    }

    /// The device turned out to be a `model`: what is held is read again, as that model sends it.
    pub fn set_model(&mut self, model: &'static Model) -> Vec<Action> {
        let mut actions = Vec::new();
        if self.model != Some(model) {
            self.model = Some(model);
            for waiting in std::mem::take(&mut self.waiting) {
                self.hold(waiting.frame(), &mut actions);
            }
        }
        actions
    }

    pub(super) fn measured(
        &mut self,
        now: Timestamp,
        format: Format,
        bytes: Vec<u8>,
        actions: &mut Vec<Action>,
    ) {
        // A device that bluetoothd knows may send before the connection is told of, and its clock be read after.
        if let Link::Connecting { until } = self.link
            && !self.waits.is_for_an_answer()
        {
            self.waits = Waits::new(until, true, Vec::new());
        }
        let gateway_synced = self.settings.gateway_synced;
        self.hold(HeldFrame { format, bytes, heard_at: now, gateway_synced }, actions);
        self.settle(now, actions);
    }

    fn hold(&mut self, frame: HeldFrame, actions: &mut Vec<Action>) {
        match Waiting::read(frame, self.model) {
            Ok(waiting) => self.waiting.push(waiting),
            Err((HeldFrame { format, bytes, .. }, error)) => {
                actions.push(Action::Trouble(Trouble::Undecodable { format, bytes, error }));
            }
        }
    }

    /// Whether only its neighbours can tell if a record is of today: it has a time, and no clock says what that means.
    fn may_be_one_of_many(&self, waiting: &Waiting) -> bool {
        let by_known_clock = |time| self.known_clock?.place(time, waiting.heard_at, self.model);
        let time = waiting.decoded.measurement.device_time;
        self.clock == ClockReading::NotRead && time.is_some_and(|time| by_known_clock(time).is_none())
    }

    /// Passes on what waited, unless an answer or a neighbour may still tell more of it.
    pub(super) fn settle(&mut self, now: Timestamp, actions: &mut Vec<Action>) {
        if self.waits.is_for_an_answer() {
            return;
        }
        if self.waiting.iter().any(|waiting| self.may_be_one_of_many(waiting)) {
            self.waits.for_more(now);
        } else {
            self.release(actions);
        }
    }

    /// Passes on what waited, in the order it came; nothing waits any longer.
    pub(super) fn release(&mut self, actions: &mut Vec<Action>) {
        self.waits = Waits::default();
        let waiting = std::mem::take(&mut self.waiting);
        let timeline = self.timeline(newest(&waiting));
        actions.extend(waiting.into_iter().map(|waiting| Action::Measured(waiting.into_heard(timeline))));
    }

    fn timeline(&self, newest: Option<DeviceTime>) -> Timeline {
        let connected_since = if let Link::Connected { since, .. } = self.link { Some(since) } else { None };
        Timeline {
            reading: self.clock,
            reading_is_sound: self.clock_is_sound,
            set: self.clock_set,
            known: self.known_clock,
            connected_since,
            model: self.model,
            newest,
        }
    }

    /// Gives out what an earlier session held: its connection is over, and no clock will be read for it.
    pub(super) fn give_out_recalled(&mut self, actions: &mut Vec<Action>) {
        let mut waiting = Vec::new();
        for frame in std::mem::take(&mut self.recalled) {
            match Waiting::read(frame, self.model) {
                Ok(frame) => waiting.push(frame),
                Err((HeldFrame { format, bytes, .. }, error)) => {
                    actions.push(Action::Trouble(Trouble::Undecodable { format, bytes, error }));
                }
            }
        }
        let timeline = Timeline { connected_since: None, ..self.timeline(newest(&waiting)) };
        let timeline = timeline.without_reading();
        for waiting in waiting {
            if waiting.format.is_advertised() {
                self.broadcast.note(&waiting);
            }
            actions.push(Action::Measured(waiting.into_heard(timeline)));
        }
    }

    /// Passes on what came of advertisements. No clock is ever read for them.
    pub(super) fn tell(&self, told: Vec<Told>, actions: &mut Vec<Action>) {
        let timeline = self.timeline(None).without_reading();
        actions.extend(told.into_iter().map(|told| match told {
            Told::Weighing(weighing) => Action::Measured(weighing.into_heard(timeline)),
            Told::Ignored { format, bytes, reason } => Action::Ignored { format, bytes, reason },
            Told::Undecodable { format, bytes, error } => {
                Action::Trouble(Trouble::Undecodable { format, bytes, error })
            }
        }));
    }
}

fn newest(waiting: &[Waiting]) -> Option<DeviceTime> {
    waiting.iter().filter_map(|waiting| waiting.decoded.measurement.device_time).max()
}
