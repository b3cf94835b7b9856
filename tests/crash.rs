//! The promise, with the power cut: `vagen serve` is killed with SIGKILL again and again while gateways keep sending, at
//! each step of a commit and at times of chance. Nothing may be lost, and nothing counted twice: no reading, no task, no message.
//!
//! The gateways are real ones, playing captures of frames at their own pace. What the house must hold in the end is known
//! from the captures, and from a second house that got the same captures and was never killed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use support::{Serving, apply, export, house, long, port_of, spawn, status, vagen_gateway, wait_for};

mod support;

const HOMES: usize = 4;
const SPACING_MS: i64 = 200;
/// Each step of the commit, and the word that the serving process knows it by.
const STEPS: [&str; 3] = ["before_commit", "between_commit_and_ack", "between_ack_and_receipt"];

fn register() -> String {
    let homes = |line: &dyn Fn(usize) -> String| (0..HOMES).map(line).collect::<Vec<_>>().join(", ");
    format!(
        r#"organisation = [{{ id = "region", name = "Region Exempel", kind = "region" }}]
unit = [{{ id = "hf", organisation = "region", name = "Hjärtsviktsmottagningen" }}]
patient = [{}]
gateway = [{}]
device = [{}, {}]
worn_by = [{}, {}]
"#,
        homes(&|n| format!(r#"{{ id = "p{n}", name = "Patient {n} Test", units = ["hf"] }}"#)),
        homes(&|n| format!(r#"{{ id = "gw-{n}" }}"#)),
        homes(&|n| format!(r#"{{ id = "{}", model = "A&D UC-352BLE" }}"#, scale(n))),
        homes(&|n| format!(r#"{{ id = "{}", model = "A&D UA-651BLE" }}"#, cuff(n))),
        homes(&|n| format!(
            r#"{{ device = "{}", patient = "p{n}", from = "2020-01-01T00:00:00Z" }}"#,
            scale(n)
        )),
        homes(&|n| format!(
            r#"{{ device = "{}", patient = "p{n}", from = "2020-01-01T00:00:00Z" }}"#,
            cuff(n)
        )),
    )
}

fn scale(home: usize) -> String {
    format!("02000000{home:02x}01")
}

fn cuff(home: usize) -> String {
    format!("02000000{home:02x}02")
}

/// A Date Time (0x2A08) that no other frame of this home has: `index` minutes after the first of 2025.
fn device_time(index: usize) -> String {
    let at =
        jiff::civil::date(2025, 1, 1).at(0, 0, 0, 0).saturating_add(jiff::Span::new().minutes(index as i64));
    let [low, high] = (at.year() as u16).to_le_bytes();
    format!("{low:02x}{high:02x}{:02x}{:02x}{:02x}{:02x}00", at.month(), at.day(), at.hour(), at.minute())
}

/// A weighing (0x2A9D): flags, weight in steps of 0.005 kg, time.
fn weighing(index: usize) -> String {
    let [low, high] = (16_000_u16 + 20 * (index % 5) as u16).to_le_bytes();
    format!("02{low:02x}{high:02x}{}", device_time(index))
}

/// A blood pressure (0x2A35): flags time, pulse and status; fine at first, then far too low, now and then a failure.
fn pressure(index: usize) -> String {
    let values = match index {
        0..60 => "80004c006000",
        _ if index % 50 == 9 => "ff07ff07ff07",
        _ => "4e0032003c00",
    };
    let pulse = if values.starts_with("ff07") { "ff07" } else { "4600" };
    format!("16{values}{}{pulse}0000", device_time(index))
}

/// One home's capture: each measurement a connection of its own.
fn capture(home: usize, readings: usize, from: jiff::Timestamp) -> String {
    let mut text = String::new();
    for index in 0..readings {
        let is_cuff = index % 10 == 9;
        let (device, name, characteristic, frame) = if is_cuff {
            (cuff(home), "A&D_UA-651BLE_000002", "2a35", pressure(index))
        } else {
            (scale(home), "A&D_UC-352BLE_000001", "2a9d", weighing(index))
        };
        let address =
            device.as_bytes().chunks(2).map(|pair| str::from_utf8(pair).expect("hex")).collect::<Vec<_>>();
        let address = address.join(":").to_uppercase();
        let service = if is_cuff { "1810" } else { "181d" };
        let mut line = |offset_ms: i64, event: Value| {
            let at = from + jiff::SignedDuration::from_millis(index as i64 * SPACING_MS + offset_ms);
            let mut whole = json!({ "at": format!("{at:.3}"), "address": address });
            whole.as_object_mut().expect("an object").extend(event.as_object().expect("an object").clone());
            text.push_str(&format!("{whole}\n"));
        };
        line(
            0,
            json!({ "name": name, "event": "advertise", "service_uuids": [service], "service_data": {} }),
        );
        line(10, json!({ "event": "connect" }));
        line(20, json!({ "event": "notify", "characteristic": characteristic, "hex": frame }));
        line(30, json!({ "event": "disconnect" }));
    }
    text
}

/// A gateway at work on a capture, with its outbox on disk.
fn gateway(directory: &Path, name: &str, home: usize, pace: &str, port: u16) -> Child {
    vagen_gateway()
        .args(["run", "--pace", pace, "--timeout-s", "300", "--gateway", &format!("gw-{home}")])
        .args(["--broker", &format!("mqtt://127.0.0.1:{port}")])
        .arg("--capture")
        .arg(directory.join(format!("home-{home}.jsonl")))
        .arg("--outbox")
        .arg(directory.join(format!("{name}-{home}.db")))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("vagen-gateway starts")
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("bound").port()
}

/// Serves, holds at `step` the n-th time it is reached, and kills the process there.
fn die_at(data: &Path, port: u16, step: &str, nth: u64) {
    let held = data.with_extension("held");
    let _ = std::fs::remove_file(&held);
    let hold = format!("{step}:{nth}:{}", held.display());
    let mqtt = port.to_string();
    let mut child =
        spawn(data, &data.with_extension("ready.json"), &["--mqtt", &mqtt], &[("VAGEN_HOLD", &hold)]);
    wait_for(&format!("the process to reach {step}"), || held.exists().then_some(()));
    child.kill().expect("it can be killed");
    child.wait().expect("it ends");
}

/// Serves for `after`, whatever it does then, and kills the process.
fn die_after(data: &Path, port: u16, after: Duration) {
    let mqtt = port.to_string();
    let mut child = spawn(data, &data.with_extension("ready.json"), &["--mqtt", &mqtt], &[]);
    std::thread::sleep(after);
    child.kill().expect("it can be killed");
    child.wait().expect("it ends");
}

/// The frames that a house holds for each patient, in the order in which they arrived.
fn frames(data: &Path) -> BTreeMap<String, Vec<String>> {
    let mut frames: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for reading in export(data, "readings") {
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        frames.entry(text(&reading["patient"])).or_default().push(text(&reading["raw"]["hex"]));
    }
    frames
}

/// What people see of a house's tasks: whose, what about, and what was said.
fn dialogues(data: &Path) -> BTreeSet<(String, String, Vec<String>)> {
    let tasks = export(data, "tasks");
    let seen: BTreeSet<_> = tasks
        .iter()
        .map(|task| {
            let said = task["conversation"].as_array().expect("messages").iter();
            let said = said.map(|message| message["text"].as_str().expect("text").to_owned()).collect();
            let text = |key: &str| task[key].as_str().expect("text").to_owned();
            (text("patient"), text("problem"), said)
        })
        .collect();
    assert_eq!(seen.len(), tasks.len(), "a task twice: {tasks:?}");
    seen
}

fn finish(children: Vec<Child>) {
    let deadline = Instant::now() + Duration::from_secs(300);
    for mut child in children {
        let ended = loop {
            if let Some(ended) = child.try_wait().expect("it can be asked") {
                break ended;
            }
            assert!(Instant::now() < deadline, "a gateway still waits for receipts");
            std::thread::sleep(Duration::from_millis(100));
        };
        assert!(ended.success(), "a gateway has envelopes without a receipt: {ended}");
    }
}

#[test]
fn killed_at_every_step_it_loses_nothing_and_counts_nothing_twice() {
    let (kills, readings): (usize, usize) = if long() { (300, 4000) } else { (52, 600) };
    let (kept, data) = house();
    let directory: PathBuf = kept.path().to_owned();
    let from = jiff::Timestamp::now();
    for home in 0..HOMES {
        let file = directory.join(format!("home-{home}.jsonl"));
        std::fs::write(file, capture(home, readings, from)).expect("the capture is written");
    }
    apply(&data, &register());
    let port = free_port();
    let gateways = (0..HOMES).map(|home| gateway(&directory, "killed", home, "real", port)).collect();

    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for kill in 0..kills {
        match kill % 4 {
            3 => {
                // A time of chance, within start, recovery and work.
                let after = Duration::from_millis(100 + (kill as u64 * 7919) % 1500);
                die_after(&data, port, after);
                *counts.entry("any time").or_default() += 1;
            }
            step => {
                die_at(&data, port, STEPS[step], 1 + (kill as u64 / 4) % 4);
                *counts.entry(STEPS[step]).or_default() += 1;
            }
        }
    }
    println!("killed {kills} times: {counts:?}");
    for step in STEPS {
        assert!(counts[step] >= 5, "{step}: {counts:?}");
    }

    let port_text = port.to_string();
    let serving = Serving::start_with(&data, &["--mqtt", &port_text], &[]);
    assert_eq!(port_of(&serving.mqtt), port);
    finish(gateways);
    let held = frames(&data);
    let now = status(&data);
    println!("held in the end: {now}");
    drop(serving);

    // A house that was never killed, for the tasks and messages that must be there.
    let control = data.with_file_name("control");
    apply(&control, &register());
    let serving = Serving::start(&control);
    finish(
        (0..HOMES).map(|home| gateway(&directory, "control", home, "fast", serving.mqtt_port())).collect(),
    );

    for home in 0..HOMES {
        let sent: Vec<String> = (0..readings)
            .map(|index| if index % 10 == 9 { pressure(index) } else { weighing(index) })
            .collect();
        let patient = format!("p{home}");
        let mut stored = held[&patient].clone();
        assert_eq!(stored.len(), readings, "{patient}: lost or doubled");
        stored.sort();
        let mut sent_sorted = sent;
        sent_sorted.sort();
        assert_eq!(stored, sent_sorted, "{patient}");
    }
    assert_eq!(now["readings"], HOMES * readings);
    assert_eq!(now["quarantined"], json!({}));
    let dialogues_held = dialogues(&data);
    assert!(dialogues_held.iter().any(|(_, problem, _)| problem == "blood_pressure"), "{dialogues_held:?}");
    assert_eq!(dialogues_held, dialogues(&control));
}
