//! The gateway against a real Bluetooth stack: each case is something that devices do in people's homes, and ends with the
//! store holding exactly what the device was told that it had delivered.
//!
//! The expected readings are what the virtual device says was confirmed to it, byte for byte, and the values that the case
//! itself put into the device; encoder (in `world.py`) and decoder share nothing. How many readings each case got through the
//! booted BlueZ is counted from the gateway's log and printed; a case with none is red.

mod cases;
mod house;
mod lab;
#[path = "../support/mod.rs"]
mod support;
mod technician;

use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use house::{Daemon, House};
use lab::{Lab, Report};

/// The longest that readings may take from the device to the store on a busy, emulated machine.
const DELIVERY: Duration = Duration::from_secs(75);
/// How long one may take that is perhaps not heard at all.
const LONE_DELIVERY: Duration = Duration::from_secs(25);

/// Everything a case works with.
struct World {
    lab: Lab,
    house: House,
    gateway: Option<Daemon>,
}

/// A device of a case: its name (and that of its wearer), and its identity address.
type Device = (&'static str, &'static str);

/// Every device that any case puts into the room.
const DEVICES: &[Device] = &[
    ("plain-scale", "54606e000001"),
    ("wrong-clock", "54606e000002"),
    ("bonding-cuff", "54606e000003"),
    ("cut-off-cuff", "54606e000004"),
    ("replaying-scale", "54606e000005"),
    ("pair-scale", "54606e000006"),
    ("pair-cuff", "54606e000007"),
    ("restarted", "54606e000008"),
    ("forgetful-cuff", "54606e000009"),
    ("unplugged", "54606e00000a"),
    ("private-cuff", "c4606e00000b"),
    ("recorded-scale", "54606e00000c"),
    ("guided-cuff", "54606e00000d"),
    ("showing-cuff", "54606e00000e"),
    ("chosen-cuff", "54606e00000f"),
    ("broadcast-first", "54606e000010"),
    ("broadcast-second", "54606e000011"),
    ("broadcast-once", "54606e000012"),
    ("broadcast-once-more", "54606e000013"),
    ("broadcast-once-last", "54606e000014"),
];

impl World {
    fn gateway(&self) -> &Daemon {
        self.gateway.as_ref().expect("the daemon runs")
    }

    /// Has nobody speak to the laboratory: one gateway does at a time.
    fn stop_gateway(&mut self) {
        if let Some(daemon) = self.gateway.take() {
            daemon.stop();
        }
    }

    /// Puts a device of [`DEVICES`] into the room.
    fn add(&mut self, device: &str, more: Value) {
        let id = identity(device);
        let pairs: Vec<&str> = (0..6).map(|at| &id[at * 2..at * 2 + 2]).collect();
        let mut said = json!({ "id": device, "address": pairs.join(":").to_uppercase() });
        let said_keys = said.as_object_mut().expect("an object");
        said_keys.extend(more.as_object().expect("an object").clone());
        self.lab.add(said);
    }

    /// Waits until the store holds `count` readings of a device.
    fn until_stored(&mut self, device: &str, count: usize) -> Vec<Value> {
        let deadline = Instant::now() + DELIVERY;
        loop {
            let stored = self.house.stored(device);
            if stored.len() >= count {
                return stored;
            }
            assert!(
                Instant::now() < deadline,
                "{device}: {} of {count} stored after {DELIVERY:?}",
                stored.len()
            );
            std::thread::sleep(Duration::from_millis(300));
        }
    }

    /// Whether `count` readings of a device are stored before `patience` is over.
    fn is_stored_within(&mut self, device: &str, count: usize, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        while self.house.stored(device).len() < count {
            if Instant::now() >= deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(300));
        }
        true
    }

    /// Waits until a device had `count` confirmations.
    fn until_confirmed(&mut self, device: &str, count: usize) -> Report {
        let deadline = Instant::now() + DELIVERY;
        loop {
            let report = self.lab.report(device);
            if report.confirmed.len() >= count {
                return report;
            }
            assert!(Instant::now() < deadline, "{device}: {} of {count} confirmed", report.confirmed.len());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// The store holds what the device delivered, each frame once, in its order; and nothing else.
    fn assert_delivered(&mut self, device: &str, measured: &[Value]) -> Counts {
        let stored = self.until_stored(device, measured.len());
        let report = self.until_confirmed(device, measured.len());
        let frames: Vec<&str> = stored.iter().map(|it| it["raw"]["hex"].as_str().expect("hex")).collect();
        let mut delivered = report.confirmed.clone();
        delivered.sort();
        delivered.dedup();
        let mut once: Vec<&str> = frames.clone();
        once.sort_unstable();
        assert_eq!(once, delivered, "{device}: frames in the store and frames that the device delivered");
        for (reading, measured) in stored.iter().zip(measured) {
            for (key, value) in measured.as_object().expect("values") {
                assert_eq!(reading["values"][key], *value, "{device}: {reading}");
            }
        }
        assert_eq!(stored.len(), measured.len(), "{device}");
        let received = self.gateway.as_ref().map_or(0, |gateway| gateway.received(identity(device)));
        Counts { sent: report.confirmed.len(), received, stored: stored.len() }
    }
}

fn identity(device: &str) -> &'static str {
    DEVICES.iter().find(|(name, _)| *name == device).expect("a device of the list").1
}

/// What a case came to.
#[derive(Clone, Copy)]
struct Counts {
    sent: usize,
    received: usize,
    stored: usize,
}

impl std::ops::Add for Counts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            sent: self.sent + other.sent,
            received: self.received + other.received,
            stored: self.stored + other.stored,
        }
    }
}

/// `count` weights from `first_kg` up by 0.1 kg, measured a minute apart: what the device is given, and what the store shall say.
fn weights(first_kg: f64, count: u32, first_minute: u32) -> (Value, Vec<Value>) {
    let kg = |nth: u32| (f64::from(nth) + first_kg * 10.0).round() / 10.0;
    let given = (0..count).map(|nth| json!({ "kg": kg(nth), "time": time(first_minute + nth) }));
    (given.collect(), (0..count).map(|nth| json!({ "weight_kg": kg(nth) })).collect())
}

/// As [`weights`], of blood pressures.
fn pressures(first_systolic: u32, count: u32, first_minute: u32) -> (Value, Vec<Value>) {
    let systolic = |nth: u32| first_systolic + nth;
    let given = (0..count).map(|nth| {
        json!({ "systolic": systolic(nth), "diastolic": 80, "mean": 93, "pulse": 61, "time": time(first_minute + nth) })
    });
    let stored = (0..count).map(|nth| {
        json!({ "systolic_mmhg": f64::from(systolic(nth)), "diastolic_mmhg": 80.0, "pulse_per_min": 61.0 })
    });
    (given.collect(), stored.collect())
}

/// Yesterday at seven, and so many minutes, by a device's clock that is right.
fn time(minute: u32) -> String {
    let day = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(24);
    let at =
        day.in_tz("UTC").expect("UTC").date().at(7, 0, 0, 0) + jiff::SignedDuration::from_mins(minute.into());
    at.strftime("%Y-%m-%dT%H:%M:%S").to_string()
}

struct Row {
    case: &'static str,
    counts: Result<Counts, String>,
    seconds: f64,
}

fn table(accelerator: &str, boot_s: f64, rows: &[Row]) -> String {
    let mut text = format!("\nreadings through a booted BlueZ ({accelerator}, up in {boot_s:.0} s)\n");
    text +=
        &format!("{:<44}{:>6}{:>18}{:>8}{:>9}\n", "case", "sent", "received (BlueZ)", "stored", "seconds");
    for Row { case, counts, seconds } in rows {
        match counts {
            Ok(Counts { sent, received, stored }) => {
                text += &format!("{case:<44}{sent:>6}{received:>18}{stored:>8}{seconds:>9.1}\n");
            }
            Err(why) => text += &format!("{case:<44}RED: {why}\n"),
        }
    }
    text
}

#[test]
fn every_case_brings_every_reading_home_once() {
    let kept = tempfile::tempdir().expect("a folder");
    let folder = std::env::var_os("VAGEN_BLE_LOGS").map_or_else(|| kept.path().to_owned(), Into::into);
    std::fs::create_dir_all(&folder).expect("a folder");
    let started = Instant::now();
    let lab = Lab::up(&folder.join("lab"));
    let (boot_s, accelerator) = (started.elapsed().as_secs_f64(), lab.accelerator.clone());
    let house = House::open(&folder, &lab.bus, DEVICES);
    let gateway = Some(house.gateway("gw-0001"));
    let mut world = World { lab, house, gateway };
    let only = std::env::var("VAGEN_BLE_ONLY").unwrap_or_default();
    let mut rows = Vec::new();
    for (case, run) in cases::ALL.iter().chain(technician::ALL).filter(|(case, _)| case.contains(&only)) {
        let started = Instant::now();
        let counts = catch_unwind(AssertUnwindSafe(|| run(&mut world))).map_err(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
        });
        rows.push(Row { case, counts, seconds: started.elapsed().as_secs_f64() });
    }
    assert!(!rows.is_empty(), "no case is named {only}");
    // Past the test harness, which would keep it to itself while all is well.
    let text = table(&accelerator, boot_s, &rows);
    std::io::stdout().write_all(text.as_bytes()).expect("a place to print to");
    let red = rows.iter().filter(|row| !matches!(row.counts, Ok(counts) if counts.received > 0)).count();
    if red > 0 {
        let log = std::fs::read_to_string(folder.join("gw-0001.log")).unwrap_or_default();
        let last: Vec<&str> = log.lines().rev().take(60).collect();
        panic!(
            "{red} red; the gateway's last words:\n{}",
            last.into_iter().rev().collect::<Vec<_>>().join("\n")
        );
    }
}
