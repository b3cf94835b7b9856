//! When something was measured, and how far that can be trusted.
//!
//! A device's clock shows local time, runs wrong, and starts from a default when its battery was out. Read beside the
//! gateway's clock before anybody sets it, it is wrong by a known amount. Nothing here reads a clock.
//!
//! **Invariant:** `measured_at` is the device's time plus `clock_offset_s` whenever there is an offset, and the time of
//! reception whenever there is none.

use jiff::civil;
use serde::{Deserialize, Serialize};
use vitals::{ClockClass, DeviceTime, Timestamp};

use crate::models::Model;

/// The device's clock and the gateway's at one moment, before anybody set the former.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockPair {
    /// What the device's clock showed.
    pub device: DeviceTime,
    /// What the gateway's clock showed.
    pub gateway: Timestamp,
}

/// What is known of a device's clock in one session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClockReading {
    /// It was not read, or cannot be.
    #[default]
    NotRead,
    /// It was read and says that it was never set (year 0).
    Unset,
    /// It was read.
    Read(ClockPair),
}

/// How a device's clock stood when that was last known, kept for the day when a device sends and hangs up before its clock
/// is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownClock {
    /// What the device's clock showed, or was set to.
    pub device: DeviceTime,
    /// What the gateway's synchronised clock showed then.
    pub gateway: Timestamp,
    /// Whether it was set then and moved by it: records from before belong to another timeline.
    pub moved: bool,
}

/// A measurement's place in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// When it was measured, as well as we know.
    pub measured_at: Timestamp,
    /// How well that is.
    pub clock: ClockClass,
    /// What was added to the device's time, s.
    pub clock_offset_s: Option<i64>,
}

/// Places a record with the time `device_time`, heard at `heard_at` by a gateway's clock that has (`gateway_synced`) or
/// has not been synchronised since it started.
///
/// A clock that was read corrects every record of its timeline, also one that still runs from its default. Times that
/// a read clock could not have shown, and times of a clock that was never set, are not corrected.
#[must_use]
pub fn place(
    device_time: Option<DeviceTime>,
    reading: ClockReading,
    heard_at: Timestamp,
    gateway_synced: bool,
    model: Option<&Model>,
) -> Placed {
    let placed = place_by_synced_gateway(device_time, reading, heard_at, model);
    let clock = if gateway_synced { placed.clock } else { ClockClass::GatewayUnsynced };
    Placed { clock, ..placed }
}

fn place_by_synced_gateway(
    device_time: Option<DeviceTime>,
    reading: ClockReading,
    heard_at: Timestamp,
    model: Option<&Model>,
) -> Placed {
    let on_reception = |clock| Placed { measured_at: heard_at, clock, clock_offset_s: None };
    let Some(device_time) = device_time else {
        let omits = model.is_some_and(|model| model.behaviour.omits_time_when_unset);
        let is_unset = omits || reading == ClockReading::Unset;
        return on_reception(if is_unset { ClockClass::ClockUnset } else { ClockClass::None });
    };
    let pair = match reading {
        ClockReading::Read(pair) => pair,
        // The clock was lost after this was measured.
        ClockReading::Unset if !was_never_set(device_time, model) => {
            return on_reception(ClockClass::Discontinuity);
        }
        ClockReading::Unset | ClockReading::NotRead => {
            let is_unset = was_never_set(device_time, model);
            return on_reception(if is_unset { ClockClass::ClockUnset } else { ClockClass::None });
        }
    };
    if was_never_set(device_time, model) && !was_never_set(pair.device, model) {
        return on_reception(ClockClass::ClockUnset);
    }
    let offset_s = pair.offset_s();
    let measured_at = device_time.corrected_by(offset_s);
    if measured_at.millis_since(heard_at) > FUTURE_TOLERANCE_MS {
        return on_reception(ClockClass::Discontinuity);
    }
    let is_right = offset_s.abs() <= SYNCED_WITHIN_S;
    let clock = if is_right { ClockClass::Synced } else { ClockClass::OffsetCorrected };
    Placed { measured_at, clock, clock_offset_s: Some(offset_s) }
}

/// A record that lies further than this after its own reception comes from another timeline.
const FUTURE_TOLERANCE_MS: i64 = Timestamp::MINUTE_MS;
/// A clock this close to UTC is right.
const SYNCED_WITHIN_S: i64 = 5;
/// A clock runs from its default for at most this long before somebody sets it.
const DEFAULT_CLOCK_DAYS: i64 = 366;
/// No reading of this product is older: a clock that shows an earlier year was never set, whatever its model.
const EARLIEST_YEAR: i16 = 2015;

/// A quartz clock of such a device drifts a few seconds a day: for so long a known one stays good to a minute or two.
const KNOWN_CLOCK_GOOD_FOR_MS: i64 = 14 * Timestamp::DAY_MS;

impl KnownClock {
    /// Places a record of a clock that was not read this time; `None` where the known clock says nothing about it.
    ///
    /// It is weaker than a clock that was read, and says so: never better than `offset_corrected`, and a time that it
    /// could not have shown means that somebody set it since, not that the record is wrong.
    #[must_use]
    pub fn place(
        self,
        device_time: DeviceTime,
        heard_at: Timestamp,
        model: Option<&Model>,
    ) -> Option<Placed> {
        let age_ms = heard_at.millis_since(self.gateway);
        if !(0..=KNOWN_CLOCK_GOOD_FOR_MS).contains(&age_ms) || (self.moved && device_time < self.device) {
            return None;
        }
        let pair = ClockPair { device: self.device, gateway: self.gateway };
        let placed = place(Some(device_time), ClockReading::Read(pair), heard_at, true, model);
        match placed.clock {
            ClockClass::Synced | ClockClass::OffsetCorrected => {
                Some(Placed { clock: ClockClass::OffsetCorrected, ..placed })
            }
            ClockClass::ClockUnset => Some(placed),
            ClockClass::Discontinuity | ClockClass::None | ClockClass::GatewayUnsynced => None,
        }
    }
}

impl ClockPair {
    /// What must be added to the device's time, s. The device shows whole seconds begun, so the gateway's are counted alike.
    #[must_use]
    pub fn offset_s(self) -> i64 {
        let gateway_s = self.gateway.as_millis().div_euclid(Timestamp::SECOND_MS);
        gateway_s - self.device.as_if_utc().as_millis().div_euclid(Timestamp::SECOND_MS)
    }
}

/// Whether a clock that shows `time` still runs from a default of `model`.
fn was_never_set(time: DeviceTime, model: Option<&Model>) -> bool {
    let date = time.civil().date();
    let runs_from = |start: &&str| {
        start.parse::<civil::Date>().is_ok_and(|start| {
            let day_ms = DeviceTime::from_civil(start.at(0, 0, 0, 0)).as_if_utc();
            let days = time.as_if_utc().millis_since(day_ms).div_euclid(Timestamp::DAY_MS);
            (0..=DEFAULT_CLOCK_DAYS).contains(&days)
        })
    };
    date.year() < EARLIEST_YEAR || model.is_some_and(|model| model.default_clocks.iter().any(runs_from))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models;

    fn shown(text: &str) -> Option<DeviceTime> {
        (!text.is_empty()).then(|| text.parse().expect("a device time"))
    }

    fn pair(device: &str, gateway: &str) -> ClockReading {
        ClockReading::Read(ClockPair {
            device: shown(device).expect("a device time"),
            gateway: gateway.parse().expect("a time"),
        })
    }

    /// To add a case, add a row: model, record's time, clock read, heard at, gateway synchronised; then when, how well, offset.
    /// Worked by hand from the rules of the HL7 Personal Health Device guide; the first is the published interface's example.
    #[test]
    #[rustfmt::skip]
    fn records_are_placed_in_time() {
        const AND: &str = "A&D UC-352BLE";
        let day = pair("2026-01-01T08:04:01", "2026-01-01T07:04:01.300Z");
        let utc = pair("2026-01-01T07:04:03", "2026-01-01T07:04:01.300Z");
        let fresh = pair("2017-01-03T09:00:00", "2026-01-03T08:00:00.000Z");
        let heard = "2026-01-01T07:04:02.000Z";
        let rows = [
            (AND, "2026-01-01T08:04:00", day, heard, true, "2026-01-01T07:04:00.000Z", ClockClass::OffsetCorrected, Some(-3600)),
            // Stored two days ago, corrected alike.
            (AND, "2025-12-30T08:04:00", day, heard, true, "2025-12-30T07:04:00.000Z", ClockClass::OffsetCorrected, Some(-3600)),
            (AND, "2026-01-01T07:04:00", utc, heard, true, "2026-01-01T07:03:58.000Z", ClockClass::Synced, Some(-2)),
            // A minute ahead of its own reception is tolerated, more is another timeline.
            (AND, "2026-01-01T08:05:02", day, heard, true, "2026-01-01T07:05:02.000Z", ClockClass::OffsetCorrected, Some(-3600)),
            (AND, "2026-01-01T08:05:03", day, heard, true, heard, ClockClass::Discontinuity, None),
            // The clock fell back to its default after the record was made.
            ("Omron HEM-7xxx", "2026-01-01T08:04:00", fresh, "2026-01-03T08:00:00.000Z", true, "2026-01-03T08:00:00.000Z", ClockClass::Discontinuity, None),
            // Never set, but read: a day and an hour before it was read.
            ("Omron HEM-7xxx", "2017-01-02T08:00:00", fresh, "2026-01-03T08:00:00.000Z", true, "2026-01-02T07:00:00.000Z", ClockClass::OffsetCorrected, Some(283_993_200)),
            // Set since.
            ("Omron HEM-7xxx", "2017-01-02T08:00:00", day, heard, true, heard, ClockClass::ClockUnset, None),
            ("Omron HEM-7xxx", "2017-01-02T08:00:00", ClockReading::NotRead, heard, true, heard, ClockClass::ClockUnset, None),
            // Another maker's cuff may have measured then.
            (AND, "2017-01-02T08:00:00", ClockReading::NotRead, heard, true, heard, ClockClass::None, None),
            ("Xiaomi Mi Scale 1", "1970-01-01T10:26:21", ClockReading::NotRead, heard, true, heard, ClockClass::ClockUnset, None),
            ("FORA IR20", "2010-01-02T01:31:00", ClockReading::NotRead, heard, true, heard, ClockClass::ClockUnset, None),
            ("Beurer BM85", "2000-01-05T00:10:00", ClockReading::NotRead, heard, true, heard, ClockClass::ClockUnset, None),
            ("Xiaomi Mi Scale 1", "2026-01-01T08:04:00", ClockReading::NotRead, heard, true, heard, ClockClass::None, None),
            ("nobody", "1970-01-01T10:26:21", ClockReading::NotRead, heard, true, heard, ClockClass::ClockUnset, None),
            // No time at all: this maker omits it when its clock was never set.
            (AND, "", day, heard, true, heard, ClockClass::ClockUnset, None),
            ("nobody", "", ClockReading::NotRead, heard, true, heard, ClockClass::None, None),
            ("nobody", "", ClockReading::Unset, heard, true, heard, ClockClass::ClockUnset, None),
            ("nobody", "2026-01-01T08:04:00", ClockReading::Unset, heard, true, heard, ClockClass::Discontinuity, None),
            // A gateway that booted into the past: ages are right, the day is not.
            (AND, "2026-01-01T08:03:01", pair("2026-01-01T08:04:01", "1970-01-01T00:01:00.000Z"), "1970-01-01T00:01:00.000Z", false, "1970-01-01T00:00:00.000Z", ClockClass::GatewayUnsynced, Some(-1_767_254_581)),
            ("nobody", "", ClockReading::NotRead, "1970-01-01T00:01:00.000Z", false, "1970-01-01T00:01:00.000Z", ClockClass::GatewayUnsynced, None),
        ];
        for (model, device, reading, heard_at, synced, measured_at, clock, clock_offset_s) in rows {
            let heard_at = heard_at.parse().expect("a time");
            let got = place(shown(device), reading, heard_at, synced, models::find(model));
            let expected = Placed { measured_at: measured_at.parse().expect("a time"), clock, clock_offset_s };
            assert_eq!(got, expected, "{model} {device} {reading:?}");
        }
    }

    /// To add a case, add a row: the record's time, heard at; then when and how well, or nothing. The clock was known at
    /// 08:00 device time on 1 January, an hour ahead; worked by hand from the rule at [`KnownClock::place`].
    #[test]
    #[rustfmt::skip]
    fn a_known_clock_stands_in_for_one_that_was_not_read() {
        let heard = "2026-01-02T07:04:02.000Z";
        let rows = [
            ("2026-01-02T08:04:00", heard, false, Some(("2026-01-02T07:04:00.000Z", ClockClass::OffsetCorrected, Some(-3600)))),
            ("2025-12-30T08:04:00", heard, false, Some(("2025-12-30T07:04:00.000Z", ClockClass::OffsetCorrected, Some(-3600)))),
            // It was moved after this record: which timeline is this?
            ("2025-12-30T08:04:00", heard, true, None),
            ("2026-01-02T08:04:00", heard, true, Some(("2026-01-02T07:04:00.000Z", ClockClass::OffsetCorrected, Some(-3600)))),
            // Somebody set it since: an hour ahead of its own reception.
            ("2026-01-02T09:04:00", heard, false, None),
            // Fifteen days later.
            ("2026-01-16T08:00:00", "2026-01-16T07:00:01.000Z", false, None),
            // The gateway's clock went back.
            ("2025-12-31T08:00:00", "2025-12-31T07:00:00.000Z", false, None),
            // Its battery was out since, and nobody has set it.
            ("2010-01-02T00:04:00", heard, false, Some((heard, ClockClass::ClockUnset, None))),
        ];
        for (device, heard_at, moved, expected) in rows {
            let known = KnownClock {
                device: "2026-01-01T08:00:00".parse().expect("a device time"),
                gateway: "2026-01-01T07:00:00.000Z".parse().expect("a time"),
                moved,
            };
            let time = shown(device).expect("a device time");
            let got = known.place(time, heard_at.parse().expect("a time"), models::find("FORA IR20"));
            let expected = expected.map(|(measured_at, clock, clock_offset_s)| Placed {
                measured_at: measured_at.parse().expect("a time"),
                clock,
                clock_offset_s,
            });
            assert_eq!(got, expected, "{device} {heard_at} {moved}");
        }
    }
}
