//! Setting a device's clock: whether to, and in which bytes.
//!
//! Devices show their clock to the person, so it is set to the home's local time. **Invariant:** a gateway whose own clock
//! is not synchronised never sets another.

use vitals::{DeviceTime, Timestamp};

use super::messages::Settings;
use crate::clock::{ClockPair, ClockReading};
use crate::format::{Format, Uuid16};
use crate::models::Model;

/// A clock closer than this is left alone, by devices that do not ask for theirs.
const WRONG_BY_S: i64 = 5;
/// What is written reaches the device so much later: some intervals of the connection, and a box that has other things to do.
const ON_ITS_WAY_MS: i64 = Timestamp::SECOND_MS / 2;
const RECORD_TOLERANCE_MS: i64 = Timestamp::MINUTE_MS;
/// Current Time Service 1.1: the time was set by hand or by a host.
const MANUAL_UPDATE: u8 = 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// It is right, or it is not to be set.
    Leave,
    /// The moments in which the device takes the time have passed.
    TooLate,
    /// It should be set, but not by this gateway.
    Cannot,
    Set,
}

/// Whether to set the clock of a device to which the link came up at `link_up_at` and whose clock showed `reading`.
pub(super) fn decide(
    model: &Model,
    reading: ClockReading,
    now: Timestamp,
    link_up_at: Timestamp,
    settings: Settings,
) -> Decision {
    let behaviour = model.behaviour;
    let is_late = behaviour
        .set_clock_within_ms
        .is_some_and(|within_ms| now.millis_since(link_up_at) > within_ms - ON_ITS_WAY_MS);
    let is_right = match reading {
        ClockReading::Read(pair) => (pair.offset_s() + settings.local_offset_s).abs() <= WRONG_BY_S,
        ClockReading::Unset => false,
        // A clock that nobody could read is set only where the device asks for it.
        ClockReading::NotRead => behaviour.set_clock_within_ms.is_none(),
    };
    let asks = behaviour.set_clock_within_ms.is_some();
    if behaviour.clock_channel.is_none() || (is_right && !asks) {
        Decision::Leave
    } else if is_late {
        Decision::TooLate
    } else if settings.gateway_synced {
        Decision::Set
    } else {
        Decision::Cannot
    }
}

/// What a clock in the home shows at `now`.
pub(super) fn local_time(now: Timestamp, local_offset_s: i64) -> DeviceTime {
    DeviceTime::in_utc(now.plus_millis(local_offset_s.saturating_mul(Timestamp::SECOND_MS)))
}

/// `time` as the characteristic `channel` takes it: Date Time, or Current Time with weekday and reason.
pub(super) fn bytes(channel: Uuid16, time: DeviceTime) -> Vec<u8> {
    let civil = time.civil();
    let [year_low, year_high] = civil.year().to_le_bytes();
    let fields = [civil.month(), civil.day(), civil.hour(), civil.minute(), civil.second()];
    let mut bytes = vec![year_low, year_high];
    bytes.extend(fields.map(i8::cast_unsigned));
    if Some(channel) == Format::CurrentTime.uuid() {
        let weekday = civil.weekday().to_monday_one_offset().cast_unsigned();
        bytes.extend([weekday, 0, MANUAL_UPDATE]);
    }
    bytes
}

/// Whether a record of `time`, heard at `heard_at`, was made by the clock as it runs since it was `set`.
pub(super) fn is_after(time: DeviceTime, set: ClockPair, heard_at: Timestamp) -> bool {
    let shown_ms = time.as_if_utc().millis_since(set.device.as_if_utc());
    let passed_ms = heard_at.millis_since(set.gateway);
    (0..=passed_ms.saturating_add(RECORD_TOLERANCE_MS)).contains(&shown_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bluetooth GATT Specification Supplement: 3.70 Date Time, 3.62 Current Time. 2026-01-01 was a Thursday.
    #[test]
    fn a_clock_is_written_as_specified() {
        let time = "2026-01-01T08:04:09".parse().expect("a device time");
        assert_eq!(bytes(Uuid16(0x2A08), time), [0xEA, 0x07, 1, 1, 8, 4, 9]);
        assert_eq!(bytes(Uuid16(0x2A2B), time), [0xEA, 0x07, 1, 1, 8, 4, 9, 4, 0, 1]);
    }
}
