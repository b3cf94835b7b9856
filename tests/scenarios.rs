//! Scenarios: a folder is a test. What a home's radio heard goes in, through the real gateway, broker, ingest, rules and
//! store; what people see comes out.
//!
//! `tests/scenarios/<name>/` holds
//! - `story.jsonl`: what happens, in time order. A line of a capture (with `gateway`, default `gw-0001`), or
//!   `{"at", "answers": {..}, "patient"}` for the symptom form of somebody who feels just that, `{"at", "up": "<payload>", "gateway"}` for a message as
//!   it stands, `{"at", "write": "<text>", "login"}` and `{"at", "close": "<outcome>", "login"}` for what people do about
//!   the newest open task, `{"at", "passes": true}` for time that passes;
//! - `expected.json`: how many readings, what is quarantined, and each task in order of opening: its keys as exported, the
//!   rules that spoke, the clock classes of its readings, and what its conversation says, message by message;
//! - `register.toml` where the shared one beside the folders does not do, and `README.md`: what it is about and where its
//!   expectations come from.
//!
//! The clock is the story's: nothing here waits for real time to pass.

#![allow(clippy::print_stdout, reason = "the run says what it did")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use care::admission::gateways;
use care::clock::Clock;
use care::export::{self, Filter, What};
use care::health::{Health, Part};
use care::intake::Submission;
use care::live::Feed;
use care::register::{self, Register};
use care::store::Store;
use care::tasks::acts::Closing;
use care::tasks::{self, Outcome};
use care::{accounts, conversations};
use devices::session::Action;
use gateway::{BleSource, Depth, Gateway, RadioEvent};
use ingest::{EmbeddedBroker, Ingest, Options, Policies};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot, watch};
use vitals::{DeviceId, Heartbeat, PatientId, Timestamp};

/// A radio that hears what the story says, when it says it.
struct Radio {
    heard: mpsc::UnboundedReceiver<RadioEvent>,
    idle: watch::Sender<bool>,
}

impl BleSource for Radio {
    async fn next(&mut self) -> Option<RadioEvent> {
        if self.heard.is_empty() {
            self.idle.send_replace(true);
        }
        self.heard.recv().await
    }

    async fn act(&mut self, _device: &DeviceId, _action: Action) {}
}

/// One gateway at work, and the way to its radio.
struct Home {
    id: String,
    radio: mpsc::UnboundedSender<RadioEvent>,
    idle: watch::Receiver<bool>,
    depth: watch::Receiver<Depth>,
    stop: oneshot::Sender<()>,
}

impl Home {
    fn open(id: &str, directory: &Path, broker: &str, clock: &gateway::Clock) -> Self {
        let (radio, heard) = mpsc::unbounded_channel();
        let (idle_sender, idle) = watch::channel(false);
        let outbox = directory.join(format!("{id}.db"));
        let config = gateway::Config::new(
            id.parse().expect("a gateway id"),
            outbox,
            broker.parse().expect("a broker"),
        );
        let source = Radio { heard, idle: idle_sender };
        let gateway = Gateway::open(config, source, clock.clone()).expect("the gateway opens");
        let depth = gateway.depth();
        let (stop, stopped) = oneshot::channel();
        tokio::spawn(gateway.run(async move { drop(stopped.await) }));
        Self { id: id.to_owned(), radio, idle, depth, stop }
    }

    /// Hears one event, and waits until everything that came of it is receipted.
    async fn hear(&mut self, event: RadioEvent) {
        self.idle.mark_unchanged();
        self.radio.send(event).expect("the gateway listens");
        let settled = async {
            self.idle.changed().await.expect("the gateway listens");
            self.depth.wait_for(|depth| depth.unreceipted == 0).await.expect("the gateway runs");
        };
        tokio::time::timeout(Duration::from_secs(30), settled).await.expect("receipts within 30 s");
    }
}

/// The house of one scenario.
struct House {
    store: Store,
    ingest: Ingest,
    now: Arc<AtomicI64>,
    homes: Vec<Home>,
    broker: String,
    directory: tempfile::TempDir,
}

impl House {
    async fn build(folder: &Path, starts: Timestamp) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let store = care::store::trial::open(&directory.path().join("data")).await.expect("the store opens");
        let own = folder.join("register.toml");
        let shared = folder.parent().expect("a folder in a folder").join("register.toml");
        let text = std::fs::read_to_string(if own.exists() { own } else { shared }).expect("a register");
        let policies = Policies::default();
        let names: Vec<&str> = policies.names().collect();
        let register = Register::parse(&text).expect("a good register");
        register::apply(&store, &register, folder, &names, "scenario", starts).await.expect("it applies");
        let address = EmbeddedBroker::start(([127, 0, 0, 1], 0).into()).expect("the broker starts").address();
        let now = Arc::new(AtomicI64::new(starts.as_millis()));
        let house = ingest::service::House {
            store: store.clone(),
            policies,
            clock: Clock::told_by(teller(&now)),
            feed: Feed::default(),
            health: Health::of([Part::Broker, Part::Store, Part::Watch]),
        };
        let ingest = Ingest::start(house, &Options::embedded(address)).expect("ingest starts");
        while !ingest.is_listening() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Self { store, ingest, now, homes: Vec::new(), broker: format!("mqtt://{address}"), directory }
    }

    /// Lets time pass up to `at`, judged every six hours on the way.
    async fn pass(&self, at: Timestamp) {
        let step = 6 * Timestamp::HOUR_MS;
        let mut now = self.now.load(Ordering::SeqCst);
        while now < at.as_millis() {
            now = (now + step).min(at.as_millis());
            self.now.store(now, Ordering::SeqCst);
            self.beat(at_millis(now)).await;
            self.ingest.look(at_millis(now)).await.expect("time is judged");
        }
    }

    /// The sign of life that each gateway gives while the story's clock runs: their own come by the machine's.
    async fn beat(&self, now: Timestamp) {
        let mut tx = self.store.write().await.expect("a transaction");
        for home in &self.homes {
            let beat = json!({ "v": 1, "gateway": home.id, "at": now, "outbox": "story", "last_seq": 0, "unreceipted": 0 });
            let beat: Heartbeat = serde_json::from_value(beat).expect("a heartbeat");
            gateways::beat(&mut tx, &beat, now).await.expect("it is kept");
        }
        tx.commit().await.expect("commits");
    }

    fn home(&mut self, id: &str) -> &mut Home {
        let found = self.homes.iter().position(|home| home.id == id);
        let index = found.unwrap_or_else(|| {
            let clock = gateway::Clock::of(teller(&self.now));
            self.homes.push(Home::open(id, self.directory.path(), &self.broker, &clock));
            self.homes.len() - 1
        });
        &mut self.homes[index]
    }

    async fn happens(&mut self, line: &str) {
        let step: Value = serde_json::from_str(line).expect("a JSON line");
        let text = |key: &str| step[key].as_str().unwrap_or_default().to_owned();
        let at: Timestamp = text("at").parse().expect("a time");
        self.pass(at).await;
        let gateway = step["gateway"].as_str().unwrap_or("gw-0001").to_owned();
        if step["event"].is_string() {
            let event = gateway::capture::event_of(line).expect("a line of a capture");
            self.home(&gateway).hear(event).await;
        } else if step["answers"].is_object() {
            self.answer(&step, at).await;
        } else if step["up"].is_string() {
            let gateway = gateway.parse().expect("a gateway id");
            self.ingest.take(&gateway, text("up").as_bytes(), at).await.expect("it is decided");
        } else if step["write"].is_string() {
            let (subject, task, patient) = self.newest(&text("login"), at).await;
            conversations::write(&self.store, &subject, &patient, Some(&task), &text("write"), at)
                .await
                .expect("written");
        } else if step["close"].is_string() {
            let (subject, task, _) = self.newest(&text("login"), at).await;
            let outcome = Outcome::from_key(&text("close")).expect("an outcome");
            let closing = Closing { outcome, note: text("note"), follow_up: None };
            tasks::take(&self.store, &subject, &task, at).await.expect("taken");
            tasks::close(&self.store, &subject, &task, &closing, at).await.expect("closed");
        }
    }

    async fn answer(&self, step: &Value, at: Timestamp) {
        let patient: PatientId = step["patient"].as_str().expect("a patient").parse().expect("a patient id");
        let login = format!("{patient}-login");
        let felt = serde_json::from_value(step["answers"].clone()).expect("answers");
        let submission = Submission::form(patient, &felt, &self.signed_in(&login, at).await, None);
        self.ingest.intake().submit(submission).await.expect("the answers are taken");
    }

    async fn signed_in(&self, login: &str, at: Timestamp) -> care::access::Subject {
        let token = accounts::log_in(&self.store, login, "scenario password", at).await.expect("signs in");
        accounts::who(&self.store, &token, at).await.expect("reads").expect("is signed in")
    }

    /// Who acts, and on which task: the one opened last that is still open.
    async fn newest(&self, login: &str, at: Timestamp) -> (care::access::Subject, String, PatientId) {
        let subject = self.signed_in(login, at).await;
        let open = tasks::open(&mut self.store.read().await.expect("reads")).await.expect("reads");
        let task = open.into_iter().max_by_key(|task| task.opened_at).expect("an open task");
        let patient = task.patient.expect("a patient's task");
        (subject, task.id, patient)
    }

    async fn exported(&self, what: What) -> Vec<Value> {
        let mut out = Vec::new();
        let now = at_millis(self.now.load(Ordering::SeqCst));
        export::export(&self.store, what, &Filter::default(), "scenario", now, &mut out)
            .await
            .expect("exports");
        out.split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).expect("a JSON line"))
            .collect()
    }

    /// What people see, in the form of `expected.json`.
    async fn seen(&self) -> Value {
        let readings = self.exported(What::Readings).await;
        let status = export::status(&mut self.store.read().await.expect("reads")).await.expect("status");
        let tasks: Vec<Value> =
            self.exported(What::Tasks).await.iter().map(|task| summed_up(task, &readings)).collect();
        json!({ "readings": readings.len(), "quarantined": status["quarantined"], "tasks": tasks })
    }

    async fn leave(self) {
        for home in self.homes {
            let _ = home.stop.send(());
        }
        self.ingest.shutdown().await;
        self.store.close().await;
    }
}

fn teller(now: &Arc<AtomicI64>) -> impl Fn() -> Timestamp + Send + Sync + 'static {
    let now = Arc::clone(now);
    move || at_millis(now.load(Ordering::SeqCst))
}

fn at_millis(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis).expect("in range")
}

/// A task in the keys of `expected.json`: day of opening, rules, clocks and the conversation with who said it.
fn summed_up(task: &Value, readings: &[Value]) -> Value {
    let list = |key: &str| task[key].as_array().cloned().unwrap_or_default();
    let unique = |values: Vec<Value>| {
        values.into_iter().fold(Vec::new(), |mut seen, value| {
            if !seen.contains(&value) {
                seen.push(value);
            }
            seen
        })
    };
    let clocks = list("reading_ids").into_iter().filter_map(|id| {
        readings.iter().find(|reading| reading["id"] == id).map(|reading| reading["clock"].clone())
    });
    json!({
        "patient": task["patient"], "problem": task["problem"], "priority": task["priority"], "status": task["status"],
        "outcome": task["outcome"], "opened_on": task["opened_at"].as_str().map(|at| &at[..10]),
        "rules": unique(list("reasons").iter().map(|reason| reason["rule"].clone()).collect()),
        "clocks": unique(clocks.collect()),
        "conversation": list("conversation").iter().map(|message| {
            json!([message["author"], message["text"]])
        }).collect::<Vec<_>>(),
    })
}

/// Whether `seen` holds all of `expected`: every key of an object, every item of a list in order, and texts that contain
/// the expected words.
fn holds(seen: &Value, expected: &Value, path: &str) -> Result<(), String> {
    match (seen, expected) {
        (Value::Object(seen), Value::Object(expected)) => expected.iter().try_for_each(|(key, value)| {
            holds(seen.get(key).unwrap_or(&Value::Null), value, &format!("{path}.{key}"))
        }),
        (Value::Array(seen), Value::Array(expected)) if seen.len() == expected.len() => {
            let mut pairs = seen.iter().zip(expected).enumerate();
            pairs.try_for_each(|(at, (seen, expected))| holds(seen, expected, &format!("{path}[{at}]")))
        }
        (Value::String(seen), Value::String(expected)) if seen.contains(expected.as_str()) => Ok(()),
        (seen, expected) if seen == expected => Ok(()),
        (seen, expected) => Err(format!("{path}: expected {expected}, got {seen}")),
    }
}

async fn play(folder: &Path) -> Result<(), String> {
    let story = std::fs::read_to_string(folder.join("story.jsonl"))
        .map_err(|error| format!("story.jsonl: {error}"))?;
    let expected = std::fs::read_to_string(folder.join("expected.json"))
        .map_err(|error| format!("expected.json: {error}"))?;
    let expected: Value =
        serde_json::from_str(&expected).map_err(|error| format!("expected.json: {error}"))?;
    let first: Value = serde_json::from_str(story.lines().next().expect("a story")).expect("a JSON line");
    let starts: Timestamp = first["at"].as_str().expect("a time").parse().expect("a time");
    let mut house = House::build(folder, starts).await;
    for line in story.lines() {
        house.happens(line).await;
    }
    let seen = house.seen().await;
    house.leave().await;
    // The status of quarantine and the number of tasks are exact: `holds` compares lists by length.
    let quarantined = seen["quarantined"] == expected["quarantined"];
    let all = if quarantined {
        holds(&seen, &expected, "")
    } else {
        Err(format!("quarantined: {}", seen["quarantined"]))
    };
    all.map_err(|what| format!("{what}\nseen: {seen:#}"))
}

fn folders() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let entries = std::fs::read_dir(root).expect("tests/scenarios");
    let mut folders: Vec<PathBuf> =
        entries.map(|entry| entry.expect("an entry").path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

#[tokio::test(flavor = "multi_thread")]
async fn every_folder_holds() {
    let only = std::env::var("VAGEN_SCENARIO").ok();
    let mut failed = Vec::new();
    let folders = folders();
    assert!(folders.len() >= 5, "the scenarios are here");
    for folder in folders {
        let name = folder.file_name().expect("a name").to_string_lossy().into_owned();
        if only.as_ref().is_some_and(|only| *only != name) {
            continue;
        }
        match play(&folder).await {
            Ok(()) => println!("scenario {name}: holds"),
            Err(what) => failed.push(format!("scenario {name}: {what}")),
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

#[test]
fn an_expectation_can_fail() {
    let seen = json!({ "tasks": [{ "problem": "silence", "conversation": [["system", "Hej på dig"]] }] });
    for good in [json!({}), json!({ "tasks": [{ "conversation": [["system", "på"]] }] })] {
        assert_eq!(holds(&seen, &good, ""), Ok(()));
    }
    for bad in
        [json!({ "tasks": [] }), json!({ "tasks": [{ "problem": "pulse" }] }), json!({ "readings": 1 })]
    {
        assert!(holds(&seen, &bad, "").is_err(), "{bad}");
    }
}
