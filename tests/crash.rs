//! The promise, with the power cut: `vagen serve` is killed with SIGKILL again and again while gateways keep sending, at
//! each step of a commit and at times of chance. Nothing may be lost, and nothing counted twice: no reading, no task, no message.
//!
//! The gateways are real ones, with their outboxes on disk; only their radios are ours, and hear frames for as long as the
//! killing goes on. What the house must hold in the end is known from those frames, and from a second house that got the
//! same ones and was never killed.

#![allow(clippy::print_stdout, reason = "the run says what it did")]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;
use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use devices::Uuid16;
use devices::session::{Action, Event};
use gateway::io::clock::system_now;
use gateway::{BleSource, Config, Ended, Gateway, RadioEvent};
use serde_json::{Value, json};
use vitals::DeviceId;

use support::{Serving, apply, export, house, long, port_of, spawn, status, wait_for};

mod support;

const HOMES: usize = 4;
const SPACING: Duration = Duration::from_millis(150);
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

/// A radio that hears a measurement every [`SPACING`], each in a connection of its own, until it is told to stop.
struct Radio {
    home: usize,
    /// How many measurements to hear; [`usize::MAX`] until somebody knows.
    until: Arc<AtomicUsize>,
    heard: usize,
    pace: Duration,
    due: tokio::time::Instant,
    events: VecDeque<RadioEvent>,
}

impl Radio {
    fn new(home: usize, pace: Duration, until: &Arc<AtomicUsize>) -> Self {
        let due = tokio::time::Instant::now();
        Self { home, until: Arc::clone(until), heard: 0, pace, due, events: VecDeque::new() }
    }

    fn measurement(&mut self) {
        let index = self.heard;
        self.heard += 1;
        let is_cuff = index % 10 == 9;
        let (device, name, service, uuid, frame) = if is_cuff {
            (cuff(self.home), "A&D_UA-651BLE_000002", 0x1810, 0x2a35, pressure(index))
        } else {
            (scale(self.home), "A&D_UC-352BLE_000001", 0x181d, 0x2a9d, weighing(index))
        };
        let bytes =
            (0..frame.len()).step_by(2).map(|at| u8::from_str_radix(&frame[at..at + 2], 16).expect("hex"));
        let advertised =
            Event::Advertised { service_uuids: vec![Uuid16(service)], service_data: BTreeMap::new() };
        let notified = Event::Notified { uuid: Uuid16(uuid), bytes: bytes.collect() };
        let connected = Event::Connected { characteristics: Vec::new(), link_up_at: None };
        for event in [advertised, connected, notified, Event::Disconnected] {
            let device = device.parse().expect("a device id");
            let name = Some(name.to_owned());
            self.events.push_back(RadioEvent { at: system_now(), device, hides_address: false, name, event });
        }
    }
}

impl BleSource for Radio {
    async fn next(&mut self) -> Option<RadioEvent> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            tokio::time::sleep_until(self.due).await;
            self.due = tokio::time::Instant::now() + self.pace;
            if self.heard >= self.until.load(Ordering::SeqCst) {
                return None;
            }
            self.measurement();
        }
    }

    async fn act(&mut self, _device: &DeviceId, _action: Action) {}
}

/// The gateways of every home, at work on a runtime of their own.
struct Homes {
    runtime: tokio::runtime::Runtime,
    running: Vec<tokio::task::JoinHandle<usize>>,
    until: Arc<AtomicUsize>,
}

impl Homes {
    fn start(directory: &Path, name: &str, port: u16, pace: Duration, until: usize) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let until = Arc::new(AtomicUsize::new(until));
        let entered = runtime.enter();
        let running = (0..HOMES)
            .map(|home| {
                let broker = format!("mqtt://127.0.0.1:{port}").parse().expect("a broker");
                let outbox = directory.join(format!("{name}-{home}.db"));
                let config = Config::new(format!("gw-{home}").parse().expect("an id"), outbox, broker);
                let radio = Radio::new(home, pace, &until);
                let gateway =
                    Gateway::open(config, radio, gateway::Clock::system(true)).expect("the gateway opens");
                tokio::spawn(async move {
                    let (ended, tally) =
                        gateway.run(std::future::pending()).await.expect("the outbox can be read");
                    assert_eq!(ended, Ended::Drained);
                    usize::try_from(tally.sealed).expect("few enough")
                })
            })
            .collect();
        drop(entered);
        Self { runtime, running, until }
    }

    /// Lets every home measure up to number `until` and no further, and waits until all is receipted.
    fn finish(self, until: usize) {
        self.until.store(until, Ordering::SeqCst);
        self.runtime.block_on(async {
            for running in self.running {
                let sealed = tokio::time::timeout(Duration::from_secs(300), running);
                assert_eq!(sealed.await.expect("receipts for everything").expect("it ran"), until);
            }
        });
    }
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("bound").port()
}

/// A serving process that is killed with SIGKILL when it is dropped, so that a failed test leaves none behind.
struct Doomed(Child);

impl Drop for Doomed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn serve(data: &Path, port: u16, environment: &[(&str, &str)]) -> Doomed {
    let mqtt = port.to_string();
    // Commits are counted here, and the canary's would count as well.
    let config = data.with_extension("config.toml");
    std::fs::write(&config, "[canary]\nevery_s = 0\n").expect("a configuration");
    let config = config.to_str().expect("a path");
    Doomed(spawn(
        data,
        &data.with_extension("ready.json"),
        &["--mqtt", &mqtt, "--config", config],
        environment,
    ))
}

/// Serves, holds at `step` the n-th time it is reached, and kills the process there.
fn die_at(data: &Path, port: u16, step: &str, nth: u64) {
    let held = data.with_extension("held");
    let _ = std::fs::remove_file(&held);
    let hold = format!("{step}:{nth}:{}", held.display());
    let doomed = serve(data, port, &[("VAGEN_HOLD", &hold)]);
    wait_for(&format!("the process to reach {step}"), || held.exists().then_some(()));
    drop(doomed);
}

/// Serves for `after`, whatever it does then, and kills the process.
fn die_after(data: &Path, port: u16, after: Duration) {
    let doomed = serve(data, port, &[]);
    std::thread::sleep(after);
    drop(doomed);
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

#[test]
fn killed_at_every_step_it_loses_nothing_and_counts_nothing_twice() {
    let kills: usize = if long() { 400 } else { 52 };
    let (kept, data) = house();
    apply(&data, &register());
    let port = free_port();
    let began = Instant::now();
    let homes = Homes::start(kept.path(), "killed", port, SPACING, usize::MAX);

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

    // Every home measures on until it has measured as often as the one that was quickest.
    let readings =
        usize::try_from(began.elapsed().as_millis() / SPACING.as_millis()).expect("few enough") + 20;
    let mqtt = port.to_string();
    let serving = Serving::start_with(&data, &["--mqtt", &mqtt], &[]);
    assert_eq!(port_of(&serving.mqtt), port);
    homes.finish(readings);
    let held = frames(&data);
    let now = status(&data);
    println!("held in the end: {now}");
    drop(serving);

    // A house that was never killed, for the tasks and messages that must be there.
    let control = data.with_file_name("control");
    apply(&control, &register());
    let serving = Serving::start(&control);
    Homes::start(kept.path(), "control", serving.mqtt_port(), Duration::ZERO, readings).finish(readings);

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
