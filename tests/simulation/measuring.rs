//! What devices measure: frames that can be told apart, and values that rules have something to say about.
//!
//! **Invariant:** no two frames of a run are the same but those that are meant to be.

use serde_json::json;
use vitals::{DeviceIdentity, RawFrame, TimedMeasurement, Timestamp};

use gateway::outbox::Sealing;

use crate::random::Random;

/// Who is who. Every loan began long before any clock can jump to.
pub(crate) const REGISTER: &str = r#"
organisation = [{ id = "region", name = "Region Exempel", kind = "region" }]
unit = [{ id = "hf", organisation = "region", name = "Hjärtsviktsmottagningen" }]
patient = [
  { id = "p0", name = "Svea Test", units = ["hf"], language = "sv", policy = "recommended" },
  { id = "p1", name = "Sven Test", units = ["hf"], language = "sv", policy = "recommended" },
  { id = "p2", name = "Stina Test", units = ["hf"], language = "sv", policy = "recommended" },
]
gateway = [{ id = "gw-0" }, { id = "gw-1" }]
device = [
  { id = "546c0e000000", model = "A&D UA-651BLE" },
  { id = "546c0e000001", model = "A&D UA-651BLE" },
  { id = "546c0e000002", model = "A&D UC-352BLE" },
]
worn_by = [
  { device = "546c0e000000", patient = "p0", from = "1960-01-01T00:00:00Z" },
  { device = "546c0e000001", patient = "p1", from = "1960-01-01T00:00:00Z" },
  { device = "546c0e000002", patient = "p2", from = "1960-01-01T00:00:00Z" },
]
"#;

/// The device that both homes hear.
pub(crate) const SHARED: &str = "546c0e000002";
/// A device of nobody.
const STRAY: &str = "546c0e0000ff";

/// What a device does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A blood pressure with the device's time.
    Pressure,
    /// A weighing with the device's time, heard in both homes.
    SharedWeight,
    /// A weighing without a time.
    UndatedWeight,
    /// The same weighing as the one before, without a time: another one.
    EqualWeight,
    /// Of a device that nobody wears.
    Stray,
}

impl Kind {
    pub(crate) fn of(random: &mut Random) -> Self {
        match random.below(100) {
            0..50 => Self::Pressure,
            50..72 => Self::SharedWeight,
            72..86 => Self::UndatedWeight,
            86..94 => Self::EqualWeight,
            _ => Self::Stray,
        }
    }

    pub(crate) fn is_dated(self) -> bool {
        matches!(self, Self::Pressure | Self::SharedWeight | Self::Stray)
    }
}

/// The `index`th measurement of the run, heard in `home` at `heard_at` by the box's own clock.
pub(crate) fn sealing(kind: Kind, home: usize, index: usize, heard_at: Timestamp, synced: bool) -> Sealing {
    let own = format!("546c0e00000{home}");
    let number = u32::try_from(if kind == Kind::EqualWeight { 0 } else { index }).expect("few");
    let device_time = kind.is_dated().then(|| device_time(index));
    let clock = if synced { "synced" } else { "gateway_unsynced" };
    let (device, what, values, characteristic) = match kind {
        Kind::Pressure => {
            let low = !index.is_multiple_of(4);
            let (systolic, diastolic) = if low { (78 + index % 3, 50) } else { (122, 76) };
            let values = json!({ "systolic_mmhg": systolic, "diastolic_mmhg": diastolic });
            (own.as_str(), "blood_pressure", values, "2a35")
        }
        Kind::SharedWeight => (SHARED, "weight", weight(index), "2a9d"),
        Kind::UndatedWeight | Kind::EqualWeight => (own.as_str(), "weight", weight(0), "2a9d"),
        Kind::Stray => (STRAY, "weight", weight(index), "2a9d"),
    };
    let measurement = json!({
        "kind": what, "outcome": "measured", "values": values, "absent": {}, "device_time": device_time,
        "user_slot": null, "flags": [], "measured_at": heard_at, "clock": clock, "clock_offset_s": null,
    });
    let measurement: TimedMeasurement = serde_json::from_value(measurement).expect("a measurement");
    let device = DeviceIdentity { id: device.parse().expect("an id"), model: None, serial: None };
    let mut bytes = vec![home_byte(kind, home)];
    bytes.extend(number.to_be_bytes());
    let raw = RawFrame { characteristic: characteristic.to_owned(), bytes };
    Sealing { device, measurement, raw, heard_at, heard_ordinal: u32::try_from(index).expect("few") }
}

/// What both homes hear of one scale is the same frame.
fn home_byte(kind: Kind, home: usize) -> u8 {
    let kind_byte = match kind {
        Kind::Pressure => 1,
        Kind::SharedWeight => return 0xA0,
        Kind::UndatedWeight => 2,
        Kind::EqualWeight => 3,
        Kind::Stray => 4,
    };
    kind_byte * 16 + u8::try_from(home).expect("few")
}

fn weight(index: usize) -> serde_json::Value {
    json!({ "weight_kg": 80.0 + f64::from(u32::try_from(index % 7).expect("small")) * 0.1 })
}

/// A minute of 2026 for each measurement.
fn device_time(index: usize) -> String {
    let at = jiff::civil::date(2026, 1, 1).at(0, 0, 0, 0);
    let at = at.saturating_add(jiff::Span::new().minutes(i64::try_from(index).expect("few")));
    at.strftime("%Y-%m-%dT%H:%M:%S").to_string()
}

/// What no gateway of ours sends. Each must be set aside without costing its neighbours anything.
pub(crate) fn poison(random: &mut Random) -> Vec<u8> {
    let deep = format!("{}{}", "[".repeat(300), "]".repeat(300));
    let corpus: [&[u8]; 10] = [
        b"",
        b"not json",
        b"[1,2,",
        br#"{"v":1}"#,
        br#"{"v":1,"gateway":"gw-9","outbox":"x","seq":1}"#,
        br#"[{"v":1,"gateway":"gw-0","outbox":"poison","seq":-1}]"#,
        br#"[null,true,1e999,"x"]"#,
        &[0xff, 0xfe, 0x00],
        br#"{"v":1,"gateway":"gw-0","outbox":"","seq":1e400}"#,
        deep.as_bytes(),
    ];
    corpus[random.below(corpus.len() as u64) as usize].to_vec()
}
