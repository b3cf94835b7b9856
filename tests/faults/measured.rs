//! What is measured: chapters, each one session of one device with one patient, as what a gateway hears of it and as what must be in
//! the stores for it. Both are worked out here from the same few numbers, by the layouts of the Bluetooth specifications; no
//! decoder of ours is asked. Knows no program and no fault.
//!
//! **Invariant:** no two frames of a run are the same measurement: each has a minute of its own on its device's clock.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// How many measurements a chapter has. Two weighings a day: of more than ten in all the rules would no longer look at the first day's.
const FRAMES: usize = 8;
/// How far apart a device sends them.
const SPACING: SignedDuration = SignedDuration::from_millis(200);
/// How long a chapter takes: a little more than its frames. Whole, because a device's clock shows whole seconds.
pub(crate) const LASTS: SignedDuration = SignedDuration::from_secs(2);

/// A measurement that was fed, and what it must be everywhere after.
#[derive(Clone, Debug)]
pub(crate) struct Expected {
    pub(crate) gateway: String,
    pub(crate) patient: String,
    /// The frame's bytes.
    pub(crate) hex: String,
    /// When it was measured, ms.
    pub(crate) at_ms: i64,
    pub(crate) values: Value,
}

/// One session of one device.
pub(crate) struct Chapter {
    /// Lines of a capture.
    pub(crate) capture: String,
    pub(crate) expected: Vec<Expected>,
    /// What task it must open.
    pub(crate) task: Option<(String, String)>,
}

/// Which of the four kinds a chapter is.
#[derive(Clone, Copy)]
enum Kind {
    /// 80.0, 80.6, 81.3 and 82.1 kg on four days: the guideline's own example in `alerts/policies/esc-2kg-3d.toml`, more than 2 kg
    /// within 3 days (ESC2021), one task of decompensation.
    Gain,
    /// 128/76 mmHg, then 78/50 again and again: below 80 systolic twice in a row (BEAT-HF), one task of blood pressure.
    LowPressure,
    /// 80.0 kg on four days: nothing.
    SteadyWeight,
    /// 128/76 mmHg: nothing.
    SteadyPressure,
}

impl Kind {
    const fn of(chapter: usize) -> Self {
        match chapter % 4 {
            0 => Self::Gain,
            1 => Self::LowPressure,
            2 => Self::SteadyWeight,
            _ => Self::SteadyPressure,
        }
    }

    const fn is_scale(self) -> bool {
        matches!(self, Self::Gain | Self::SteadyWeight)
    }

    const fn problem(self) -> Option<&'static str> {
        match self {
            Self::Gain => Some("decompensation"),
            Self::LowPressure => Some("blood_pressure"),
            Self::SteadyWeight | Self::SteadyPressure => None,
        }
    }
}

fn gateway(home: usize) -> String {
    format!("gw-{home:04}")
}

fn patient(home: usize, chapter: usize) -> String {
    format!("p{home}-{chapter}")
}

fn device(home: usize, chapter: usize) -> String {
    format!("020000{home:02x}{chapter:04x}")
}

/// The register of all homes, with a patient and a device for every chapter that there may be.
pub(crate) fn register(homes: usize, chapters: usize) -> String {
    let each = || (0..homes).flat_map(|home| (0..chapters).map(move |chapter| (home, chapter)));
    let rows = |row: &dyn Fn(usize, usize) -> String| {
        each().map(|(home, chapter)| row(home, chapter)).collect::<Vec<_>>().join(",\n  ")
    };
    let gateways: Vec<String> = (0..homes).map(|home| format!(r#"{{ id = "{}" }}"#, gateway(home))).collect();
    format!(
        r#"organisation = [{{ id = "region", name = "Region Exempel", kind = "region" }}]
unit = [{{ id = "hf", organisation = "region", name = "Hjärtsviktsmottagningen" }}]
gateway = [{}]
patient = [{}]
device = [{}]
worn_by = [{}]
"#,
        gateways.join(", "),
        rows(&|home, chapter| {
            let policy = if Kind::of(chapter).is_scale() { "esc-2kg-3d" } else { "recommended" };
            let id = patient(home, chapter);
            format!(
                r#"{{ id = "{id}", name = "Test {id}", units = ["hf"], language = "sv", policy = "{policy}" }}"#
            )
        }),
        rows(&|home, chapter| {
            let model = if Kind::of(chapter).is_scale() { "A&D UC-352BLE" } else { "A&D UA-651BLE" };
            format!(r#"{{ id = "{}", model = "{model}" }}"#, device(home, chapter))
        }),
        rows(&|home, chapter| {
            let (device, patient) = (device(home, chapter), patient(home, chapter));
            format!(r#"{{ device = "{device}", patient = "{patient}", from = "2020-01-01T00:00:00Z" }}"#)
        }),
    )
}

/// A time as the Date Time characteristic has it (0x2A08): year, month, day, hour, minute, second. The device's clock is UTC.
fn date_time(at: Timestamp) -> String {
    let at = jiff::tz::Offset::UTC.to_datetime(at);
    let [low, high] = (at.year() as u16).to_le_bytes();
    let (month, day, hour, minute, second) = (at.month(), at.day(), at.hour(), at.minute(), at.second());
    format!("{low:02x}{high:02x}{month:02x}{day:02x}{hour:02x}{minute:02x}{second:02x}")
}

/// The frame number `index` of a chapter that begins at `begins`: when it was measured, its bytes, its values.
fn frame(kind: Kind, index: usize, begins: Timestamp) -> (Timestamp, String, Value) {
    let minute = SignedDuration::from_mins(index as i64);
    if kind.is_scale() {
        // Two weighings on each of four days; two hours less than three days lie between the first day's and the last's.
        let day = index / (FRAMES / 4);
        let ago = [
            SignedDuration::from_hours(70),
            SignedDuration::from_hours(48),
            SignedDuration::from_hours(24),
            SignedDuration::ZERO,
        ][day];
        let at = begins - ago - SignedDuration::from_mins(30) + minute;
        let tenths_kg = match kind {
            Kind::Gain => [800, 806, 813, 821][day],
            Kind::SteadyWeight | Kind::LowPressure | Kind::SteadyPressure => 800,
        };
        // Weight Measurement (0x2A9D): flags (SI, with time), steps of 0.005 kg, time.
        let [low, high] = (tenths_kg as u16 * 20).to_le_bytes();
        let hex = format!("02{low:02x}{high:02x}{}", date_time(at));
        return (at, hex, json!({ "weight_kg": f64::from(tenths_kg) / 10.0 }));
    }
    let at = begins - SignedDuration::from_mins(30) + minute;
    let is_low = matches!(kind, Kind::LowPressure) && index >= FRAMES / 2;
    let (systolic, diastolic, mean) = if is_low { (78, 50, 60) } else { (128, 76, 96) };
    // Blood Pressure Measurement (0x2A35): flags (mmHg, with time, pulse and status), three whole SFLOATs, time, pulse, status.
    let hex = format!("16{systolic:02x}00{diastolic:02x}00{mean:02x}00{}46000000", date_time(at));
    let values = json!({
        "systolic_mmhg": f64::from(systolic), "diastolic_mmhg": f64::from(diastolic),
        "mean_arterial_mmhg": f64::from(mean), "pulse_per_min": 70.0
    });
    (at, hex, values)
}

/// Chapter number `chapter` of a home, which begins at a whole second.
pub(crate) fn chapter(home: usize, chapter: usize, begins: Timestamp) -> Chapter {
    let kind = Kind::of(chapter);
    let (device, patient) = (device(home, chapter), patient(home, chapter));
    let address: Vec<&str> = (0..6).map(|pair| &device[2 * pair..2 * pair + 2]).collect();
    let address = address.join(":").to_uppercase();
    let (name, service, characteristic) = if kind.is_scale() {
        ("A&D_UC-352BLE_000001", "181d", "2a9d")
    } else {
        ("A&D_UA-651BLE_000002", "1810", "2a35")
    };
    let mut capture = String::new();
    let mut heard = |after: SignedDuration, event: &str, more: &str| {
        let at = begins + after;
        writeln!(capture, r#"{{"at":"{at:.3}","address":"{address}","event":"{event}"{more}}}"#)
            .expect("it grows");
    };
    let ms = SignedDuration::from_millis;
    heard(
        ms(0),
        "advertise",
        &format!(r#","name":"{name}","service_uuids":["{service}"],"service_data":{{}}"#),
    );
    heard(ms(10), "connect", "");
    heard(ms(20), "read", &format!(r#","characteristic":"2a08","hex":"{}""#, date_time(begins)));
    let mut expected = Vec::new();
    for index in 0..FRAMES {
        let (at, hex, values) = frame(kind, index, begins);
        let after = ms(20) + SPACING * i32::try_from(index + 1).expect("few");
        heard(after, "notify", &format!(r#","characteristic":"{characteristic}","hex":"{hex}""#));
        let (gateway, at_ms) = (gateway(home), at.as_millisecond());
        expected.push(Expected { gateway, patient: patient.clone(), hex, at_ms, values });
    }
    heard(ms(30) + SPACING * i32::try_from(FRAMES).expect("few"), "disconnect", "");
    let task = kind.problem().map(|problem| (patient, problem.to_owned()));
    Chapter { capture, expected, task }
}
