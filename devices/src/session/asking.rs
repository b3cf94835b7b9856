//! The conversation's own part: what to make of an answer, and what to ask next.
//!
//! **Invariant:** a request that fails is told once and never keeps a measurement back.

use vitals::Timestamp;

use super::learned::{RECORD_ACCESS, answers_drain, is_control, learn, says_drained};
use super::messages::{Action, Learned, Trouble};
use super::state::{DRAINED_SILENCE_MS, HANG_UP_WITHIN_MS, Link, Stage, UNREADABLE_REST_MS};
use super::{Session, Source};
use crate::format::{Format, Uuid16};
use crate::models;

impl Session {
    pub(super) fn heard(
        &mut self,
        now: Timestamp,
        uuid: Uuid16,
        bytes: Vec<u8>,
        source: Source,
        actions: &mut Vec<Action>,
    ) {
        if let Some(format) = Format::of_characteristic(uuid) {
            return self.frame(now, format, bytes, actions);
        }
        if answers_drain(uuid, &bytes) {
            self.is_draining = false;
        }
        if says_drained(uuid, &bytes) && self.model.is_some_and(|model| model.behaviour.record_access) {
            self.silence_ms = DRAINED_SILENCE_MS;
        }
        match learn(uuid, &bytes) {
            Some(told) => {
                self.recognise(&told, actions);
                actions.push(told);
            }
            None if source == Source::Read || is_control(uuid) => {}
            None => actions.push(Action::Trouble(Trouble::Unknown { uuid, bytes })),
        }
        self.waits.is_answered(uuid);
        self.settle(now, actions);
    }

    pub(super) fn frame(
        &mut self,
        now: Timestamp,
        format: Format,
        bytes: Vec<u8>,
        actions: &mut Vec<Action>,
    ) {
        if format.is_clock() {
            self.clock_heard(now, format, bytes, actions);
        } else {
            self.measured(now, format, bytes, actions);
        }
    }

    /// A device whose name told nothing may still say what it is.
    fn recognise(&mut self, told: &Action, actions: &mut Vec<Action>) {
        if let Action::Learned(Learned::Manufacturer(maker)) = told {
            self.maker = Some(maker.clone());
        }
        if let (Action::Learned(Learned::ModelNumber(number)), None) = (told, self.model)
            && let Some(model) = models::identify(self.maker.as_deref(), number)
        {
            actions.extend(self.set_model(model));
        }
    }

    pub(super) fn failed(
        &mut self,
        now: Timestamp,
        uuid: Option<Uuid16>,
        reason: String,
        actions: &mut Vec<Action>,
    ) {
        actions.push(Action::Trouble(Trouble::Failed { uuid, reason }));
        let Some(uuid) = uuid else {
            self.note_cut_off(actions);
            return self.disconnected(actions);
        };
        self.waits.is_answered(uuid);
        if uuid == RECORD_ACCESS {
            self.is_draining = false;
        }
        match self.stage {
            Stage::ReadingClock { channel, .. } if uuid == channel => {
                self.waits.clock_is_known();
                self.clock_answered(now, actions);
            }
            Stage::ReadingClock { .. } | Stage::Pausing { .. } | Stage::Done => {
                if Format::of_characteristic(uuid).is_some_and(Format::is_clock) {
                    self.clock_told = None;
                }
            }
        }
        self.settle(now, actions);
    }

    pub(super) fn pause(&mut self, now: Timestamp, actions: &mut Vec<Action>) {
        let pause_ms = self.model.map_or(0, |model| model.behaviour.subscribe_after_ms);
        if pause_ms > 0 {
            self.stage = Stage::Pausing { until: now.plus_millis(pause_ms) };
        } else {
            self.subscribe(now, actions);
        }
    }

    pub(super) fn subscribe(&mut self, now: Timestamp, actions: &mut Vec<Action>) {
        self.stage = Stage::Done;
        let requests = self.known().subscriptions(now, self.settings, self.consent);
        let is_measurement = |uuid: Uuid16| Format::of_characteristic(uuid).is_some();
        let is_readable =
            requests.iter().any(|action| matches!(action, Action::Subscribe(uuid) if is_measurement(*uuid)));
        let drains = |action: &Action| matches!(action, Action::Write { uuid, .. } if *uuid == RECORD_ACCESS);
        self.is_draining = requests.iter().any(drains);
        actions.extend(requests);
        if !is_readable && !self.characteristics.is_empty() {
            actions.push(Action::Trouble(Trouble::NothingToHear));
            self.hang_up(now, UNREADABLE_REST_MS, actions);
        }
    }

    /// Ends the connection. A device that deletes what it has sent takes the end for our word that it arrived, so everything
    /// that came goes out first, whatever it still waits for: actions are done in order, and a measurement is done once it is on
    /// disk.
    pub(super) fn hang_up(&mut self, now: Timestamp, rest_ms: i64, actions: &mut Vec<Action>) {
        if self.model.is_some_and(|model| model.behaviour.deletes_after_transfer) {
            self.release(actions);
        }
        self.note_cut_off(actions);
        self.link = Link::Closing { until: now.plus_millis(HANG_UP_WITHIN_MS) };
        self.rests_until = Some(now.plus_millis(rest_ms));
        actions.push(Action::Disconnect);
    }
}
