//! The device's clock within one conversation: read first, then set, then remembered.
//!
//! **Invariant:** only what the clock showed before anybody set it says anything about records made before.

use vitals::Timestamp;

use super::messages::{Action, Learned, Trouble};
use super::state::{Link, Stage};
use super::{Session, clock_set};
use crate::clock::{ClockPair, ClockReading, KnownClock};
use crate::decode::decode;
use crate::format::Format;

/// A clock that was set by less than this runs on in the same timeline.
const MOVED_BY_S: i64 = 60;

impl Session {
    pub(super) fn clock_heard(
        &mut self,
        now: Timestamp,
        format: Format,
        bytes: Vec<u8>,
        actions: &mut Vec<Action>,
    ) {
        match decode(format, &bytes, self.model) {
            Err(error) => actions.push(Action::Trouble(Trouble::Undecodable { format, bytes, error })),
            Ok(decoded) if self.clock == ClockReading::NotRead && self.clock_set.is_none() => {
                self.clock_is_sound = self.settings.gateway_synced;
                self.clock = match decoded.measurement.device_time {
                    Some(device) => {
                        let pair = ClockPair { device, gateway: now };
                        actions.push(Action::Learned(Learned::ClockOffsetS(pair.offset_s())));
                        self.know_clock(pair, false);
                        ClockReading::Read(pair)
                    }
                    None => {
                        self.known_clock = None;
                        ClockReading::Unset
                    }
                };
            }
            Ok(_) => {}
        }
        self.waits.clock_is_known();
        self.settle(now, actions);
        self.clock_answered(now, actions);
    }

    fn know_clock(&mut self, pair: ClockPair, moved: bool) {
        let ClockPair { device, gateway } = pair;
        if self.settings.gateway_synced {
            self.known_clock = Some(KnownClock { device, gateway, moved });
        }
    }

    /// The clock was read, or has not been in time: it may be set.
    pub(super) fn clock_answered(&mut self, now: Timestamp, actions: &mut Vec<Action>) {
        let Stage::ReadingClock { channel, .. } = self.stage else {
            return;
        };
        self.stage = Stage::Done;
        let (Some(model), Link::Connected { link_up_at, .. }) = (self.model, self.link) else {
            return self.pause(now, actions);
        };
        let right = clock_set::local_time(now, self.settings.local_offset_s);
        match clock_set::decide(model, self.clock, now, link_up_at, self.settings) {
            clock_set::Decision::Leave => {}
            clock_set::Decision::TooLate => actions.push(Action::Trouble(Trouble::ClockTooLate)),
            clock_set::Decision::Cannot => actions.push(Action::Trouble(Trouble::ClockNotWritten)),
            clock_set::Decision::Set => {
                self.clock_told = Some(ClockPair { device: right, gateway: now });
                actions.push(Action::Write { uuid: channel, bytes: clock_set::bytes(channel, right) });
            }
        }
        self.pause(now, actions);
    }

    /// The device took the time it was told.
    pub(super) fn clock_written(&mut self, now: Timestamp, actions: &mut Vec<Action>) {
        if let Some(pair) = self.clock_told.take() {
            let moved = self.moves(pair);
            self.clock_set = Some(pair);
            self.know_clock(pair, moved);
        }
        self.waits.clock_is_known();
        self.settle(now, actions);
    }

    /// The connection is over: what was read in it is known from before, no more. A device that was told a new time and
    /// never answered may run by either.
    pub(super) fn forget_reading(&mut self) {
        if self.clock_told.take().is_some_and(|pair| self.moves(pair)) {
            self.known_clock = None;
        }
        self.clock = ClockReading::NotRead;
        self.clock_set = None;
    }

    fn moves(&self, pair: ClockPair) -> bool {
        match self.clock {
            ClockReading::Read(before) => (pair.offset_s() - before.offset_s()).abs() > MOVED_BY_S,
            ClockReading::Unset | ClockReading::NotRead => true,
        }
    }
}
