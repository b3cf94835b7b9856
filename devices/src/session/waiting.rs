//! A decoded frame on its way out: it may wait for the device's clock, and is then placed in time.
//!
//! **Invariant:** bytes and time of reception go out as they came in.

use vitals::{DeviceTime, Flag, Timestamp};

use super::clock_set;
use super::messages::Heard;
use crate::clock::{ClockPair, ClockReading, KnownClock, Placed, place};
use crate::decode::{DecodeError, Decoded, decode};
use crate::format::Format;
use crate::memory::HeldFrame;
use crate::models::Model;

/// A record this much older than its connection was stored; a cuff advertises up to a minute or two after measuring.
const STORED_AFTER_MS: i64 = 5 * Timestamp::MINUTE_MS;

#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) format: Format,
    pub(super) bytes: Vec<u8>,
    pub(super) decoded: Decoded,
    pub(super) heard_at: Timestamp,
    /// Whether the gateway's clock could be believed when the frame was heard.
    pub(super) gateway_synced: bool,
}

/// What a connection knows about time.
#[derive(Clone, Copy)]
pub(super) struct Timeline {
    /// The clock before anybody set it.
    pub(super) reading: ClockReading,
    /// Whether the gateway's own clock could be believed then.
    pub(super) reading_is_sound: bool,
    /// The clock as it was set in this connection.
    pub(super) set: Option<ClockPair>,
    /// The clock as it was last known, for want of a reading.
    pub(super) known: Option<KnownClock>,
    pub(super) connected_since: Option<Timestamp>,
    pub(super) model: Option<&'static Model>,
    /// The latest time by the device among the frames that go out together.
    pub(super) newest: Option<DeviceTime>,
}

impl Timeline {
    /// The same, for frames of another conversation or of none.
    pub(super) fn without_reading(self) -> Self {
        Self { reading: ClockReading::NotRead, set: None, ..self }
    }

    fn place(self, waiting: &Waiting) -> Placed {
        let (device_time, heard_at) = (waiting.decoded.measurement.device_time, waiting.heard_at);
        let is_after =
            |set: &ClockPair| device_time.is_some_and(|time| clock_set::is_after(time, *set, heard_at));
        let since_set = self.set.filter(is_after).map(ClockReading::Read);
        let reading = since_set.unwrap_or(self.reading);
        let by_known = || {
            let known = self.known.filter(|_| reading == ClockReading::NotRead && waiting.gateway_synced)?;
            known.place(device_time?, heard_at, self.model)
        };
        by_known().unwrap_or_else(|| {
            // A clock read beside a gateway's that was wrong says when, but not on which day.
            let is_unsound =
                since_set.is_none() && !self.reading_is_sound && matches!(reading, ClockReading::Read(_));
            place(device_time, reading, heard_at, waiting.gateway_synced && !is_unsound, self.model)
        })
    }

    /// Whether a record was stored before it was sent: by its age where its clock is known, else by how far it lies behind
    /// the newest that came with it.
    fn was_stored(self, waiting: &Waiting, placed: Placed) -> bool {
        let behind_ms = if placed.clock_offset_s.is_some() {
            Some(self.connected_since.unwrap_or(waiting.heard_at).millis_since(placed.measured_at))
        } else {
            let time = waiting.decoded.measurement.device_time.map(DeviceTime::as_if_utc);
            time.zip(self.newest).map(|(time, newest)| newest.as_if_utc().millis_since(time))
        };
        behind_ms.is_some_and(|behind_ms| behind_ms > STORED_AFTER_MS)
    }
}

impl Waiting {
    /// A frame as `model` sends it.
    pub(super) fn read(frame: HeldFrame, model: Option<&Model>) -> Result<Self, (HeldFrame, DecodeError)> {
        match decode(frame.format, &frame.bytes, model) {
            Ok(decoded) => {
                let HeldFrame { format, bytes, heard_at, gateway_synced } = frame;
                Ok(Self { format, bytes, decoded, heard_at, gateway_synced })
            }
            Err(error) => Err((frame, error)),
        }
    }

    pub(super) fn frame(&self) -> HeldFrame {
        let Self { format, bytes, heard_at, gateway_synced, .. } = self;
        HeldFrame {
            format: *format,
            bytes: bytes.clone(),
            heard_at: *heard_at,
            gateway_synced: *gateway_synced,
        }
    }

    pub(super) fn into_heard(mut self, timeline: Timeline) -> Heard {
        let placed = timeline.place(&self);
        if timeline.was_stored(&self, placed) {
            self.decoded.measurement.flags.insert(Flag::FromStorage);
        }
        let Self { format, bytes, decoded, heard_at, .. } = self;
        Heard { decoded, characteristic: format.to_string(), bytes, heard_at, placed }
    }
}
