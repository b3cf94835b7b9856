//! Frames as the demo's devices send them, byte by byte.
//!
//! Written from the Bluetooth specifications and what real devices were seen to send, with nothing of the decoder in
//! it: what comes out at the other end was read from bytes that somebody else wrote. Knows no device's clock and no home.
//!
//! **Invariant:** multi-byte fields are little-endian unless a function's name says otherwise.

use vitals::DeviceTime;

/// IEEE 11073-20601 SFLOAT "not a number".
const NOT_A_NUMBER: u16 = 0x07FF;

/// What a cuff measured: mmHg, and beats a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pressure {
    pub(crate) systolic_mmhg: u16,
    pub(crate) diastolic_mmhg: u16,
    pub(crate) pulse_per_min: u16,
}

impl Pressure {
    /// The mean as cuffs estimate it: a third of the way from diastolic to systolic.
    const fn mean_arterial_mmhg(self) -> u16 {
        self.diastolic_mmhg + self.systolic_mmhg.saturating_sub(self.diastolic_mmhg) / 3
    }
}

/// Date Time, 0x2A08: year, month, day, hour, minute, second.
pub(crate) fn date_time(time: DeviceTime) -> [u8; 7] {
    let civil = time.civil();
    let [year_low, year_high] = civil.year().to_le_bytes();
    let byte = |field: i8| field.unsigned_abs();
    [
        year_low,
        year_high,
        byte(civil.month()),
        byte(civil.day()),
        byte(civil.hour()),
        byte(civil.minute()),
        byte(civil.second()),
    ]
}

/// The time in a Date Time that a host wrote; `None` when it names no real moment.
pub(crate) fn time_of(bytes: &[u8]) -> Option<DeviceTime> {
    let [year_low, year_high, month, day, hour, minute, second] = bytes.try_into().ok()?;
    DeviceTime::new(u16::from_le_bytes([year_low, year_high]), month, day, hour, minute, second)
}

/// Weight Measurement, 0x2A9D, of an A&D UC-352BLE: flags "time stamp present", weight in steps of 0.005 kg.
pub(crate) fn weight(steps_5_g: u16, at: DeviceTime) -> Vec<u8> {
    let mut frame = vec![0x02];
    frame.extend(steps_5_g.to_le_bytes());
    frame.extend(date_time(at));
    frame
}

/// Blood Pressure Measurement, 0x2A35, of an A&D UA-651BLE: flags "time stamp, pulse, status".
///
/// `None` is a measurement that the cuff tried and could not do: every number is "not a number".
pub(crate) fn pressure(measured: Option<Pressure>, at: DeviceTime) -> Vec<u8> {
    let numbers = measured.map_or([NOT_A_NUMBER; 4], |pressure| {
        [
            whole(pressure.systolic_mmhg),
            whole(pressure.diastolic_mmhg),
            whole(pressure.mean_arterial_mmhg()),
            whole(pressure.pulse_per_min),
        ]
    });
    let mut frame = vec![0x16];
    numbers[..3].iter().for_each(|number| frame.extend(number.to_le_bytes()));
    frame.extend(date_time(at));
    frame.extend(numbers[3].to_le_bytes());
    frame.extend([0, 0]);
    frame
}

/// Blood Pressure Measurement, 0x2A35, as a Beurer BM85 sends it: no mean, pulse and status with the high byte first, and
/// a user byte between them although its flag is clear.
pub(crate) fn pressure_with_big_endian_pulse(measured: Pressure, user: u8, at: DeviceTime) -> Vec<u8> {
    let mut frame = vec![0x56];
    frame.extend(whole(measured.systolic_mmhg).to_le_bytes());
    frame.extend(whole(measured.diastolic_mmhg).to_le_bytes());
    frame.extend([0, 0]);
    frame.extend(date_time(at));
    frame.extend(whole(measured.pulse_per_min).to_be_bytes());
    frame.push(user);
    frame.extend([0, 0]);
    frame
}

/// A whole number as an SFLOAT with exponent 0. Its mantissa has 12 bits with the sign; the last words below 2048 are
/// reserved, so nothing a cuff can show is cut here.
fn whole(number: u16) -> u16 {
    number.min(0x07FD)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use devices::{Format, decode, models};
    use vitals::{AbsentReason, Outcome, Quantity};

    use super::*;

    fn hex(frame: &[u8]) -> String {
        frame.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    fn at(text: &str) -> DeviceTime {
        text.parse().expect("a local time")
    }

    fn measured(systolic_mmhg: u16, diastolic_mmhg: u16, pulse_per_min: u16) -> Pressure {
        Pressure { systolic_mmhg, diastolic_mmhg, pulse_per_min }
    }

    /// Each row: a frame of ours, the same in hex, and who says that it looks so.
    #[test]
    fn frames_are_what_their_source_says() {
        let rows = [
            (
                weight(16_020, at("2026-01-01T08:04:00")),
                "02943eea070101080400",
                "the published interface's example: 80.1 kg",
            ),
            (
                pressure(None, at("2017-01-14T22:44:04")),
                "16ff07ff07ff07e107010e162c04ff070000",
                "capture of a UA-651BLE that could not measure (HEADS-project/ThingML-BLE)",
            ),
            (
                pressure(Some(measured(125, 80, 64)), at("2017-01-16T12:39:54")),
                "167d0050005f00e10701100c273640000000",
                "capture of the same cuff (12:39:54); its mean of 102 put by hand to 80 + 45/3 = 95 = 0x5f",
            ),
            (
                pressure_with_big_endian_pulse(measured(106, 71, 63), 0, at("2026-08-11T18:31:00")),
                "566a0047000000ea07080b121f00003f000000",
                "capture of a BM85 (derdilla/blood-pressure-monitor-fl)",
            ),
        ];
        for (frame, expected, source) in rows {
            assert_eq!(hex(&frame), expected, "{source}");
        }
    }

    /// What the decoder, written by somebody else from the same specifications, reads from them.
    #[test]
    fn the_decoder_reads_what_was_meant() {
        let time = at("2026-11-20T07:12:30");
        let weighing = decode(Format::Weight, &weight(15_640, time), models::find("A&D UC-352BLE"));
        let weighing = weighing.expect("a weight frame").measurement;
        assert_eq!(weighing.values.get(Quantity::WeightKg), Some(78.2));
        assert_eq!(weighing.device_time, Some(time));

        let failed = decode(Format::BloodPressure, &pressure(None, time), models::find("A&D UA-651BLE"));
        let failed = failed.expect("a cuff frame").measurement;
        assert_eq!(failed.outcome, Outcome::Failed);
        assert_eq!(failed.absent.get(&Quantity::SystolicMmhg), Some(&AbsentReason::Nan));

        let frame = pressure_with_big_endian_pulse(measured(128, 76, 71), 1, time);
        let beurer = decode(Format::BloodPressure, &frame, models::find("Beurer BM85"));
        let beurer = beurer.expect("a cuff frame").measurement;
        assert_eq!(beurer.values.get(Quantity::SystolicMmhg), Some(128.0));
        assert_eq!(beurer.values.get(Quantity::DiastolicMmhg), Some(76.0));
        assert_eq!(beurer.values.get(Quantity::PulsePerMin), Some(71.0));
        assert_eq!(beurer.user_slot, Some(1));
        assert_eq!(beurer.device_time, Some(time));
    }

    #[test]
    fn a_written_clock_reads_back() {
        let time = at("2026-11-20T07:12:30");
        assert_eq!(time_of(&date_time(time)), Some(time));
        assert_eq!(time_of(&[0, 0, 1, 1, 0, 0, 0]), None, "year 0 is an unset clock");
        assert_eq!(time_of(&[0xEA, 0x07]), None);
    }
}
