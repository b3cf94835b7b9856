//! A decoded frame on its way out: it may wait for the device's clock, and is then placed in time.
//!
//! **Invariant:** bytes and time of reception go out as they came in.

use vitals::{Flag, Timestamp};

use super::clock_set;
use super::messages::Heard;
use crate::clock::{ClockPair, ClockReading, place};
use crate::decode::Decoded;
use crate::format::Format;
use crate::models::Model;

/// A record this much older than its connection was stored; a cuff advertises up to a minute or two after measuring.
const STORED_AFTER_MS: i64 = 5 * Timestamp::MINUTE_MS;

#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) format: Format,
    pub(super) bytes: Vec<u8>,
    pub(super) decoded: Decoded,
    pub(super) heard_at: Timestamp,
}

/// What a connection knows about time.
#[derive(Clone, Copy)]
pub(super) struct Timeline {
    /// The clock before anybody set it.
    pub(super) reading: ClockReading,
    /// The clock as it was set in this connection.
    pub(super) set: Option<ClockPair>,
    pub(super) connected_since: Option<Timestamp>,
    pub(super) gateway_synced: bool,
    pub(super) model: Option<&'static Model>,
}

impl Waiting {
    pub(super) fn into_heard(self, timeline: Timeline) -> Heard {
        let Self { format, bytes, mut decoded, heard_at } = self;
        let Timeline { reading, set, connected_since, gateway_synced, model } = timeline;
        let device_time = decoded.measurement.device_time;
        let since_set =
            set.filter(|set| device_time.is_some_and(|time| clock_set::is_after(time, *set, heard_at)));
        let reading = since_set.map_or(reading, ClockReading::Read);
        let placed = place(device_time, reading, heard_at, gateway_synced, model);
        let age_ms = connected_since.unwrap_or(heard_at).millis_since(placed.measured_at);
        if placed.clock_offset_s.is_some() && age_ms > STORED_AFTER_MS {
            decoded.measurement.flags.insert(Flag::FromStorage);
        }
        Heard { decoded, characteristic: format.to_string(), bytes, heard_at, placed }
    }
}
