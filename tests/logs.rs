//! What an operator sees of a running house: a reading followed by one id through the JSON log, and metrics that name nobody.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Child, Stdio};

use serde_json::{Value, json};

use support::mqtt::{Gateway, weighing};
use support::web::Visitor;
use support::{REGISTER, apply, export, house, port_of, signal, vagen, wait_for};

mod support;

const SCALE: &str = "546c0e000001";

/// A serving process whose log goes to a file.
struct Logged {
    child: Child,
    http: String,
    mqtt: String,
}

impl Logged {
    fn start(data: &Path, log: &Path) -> Self {
        let config = data.with_extension("config.toml");
        std::fs::write(&config, "log = \"info,ingest=debug\"\nlog_format = \"json\"\n")
            .expect("a configuration");
        let ready = data.with_extension("ready.json");
        let child = vagen()
            .args(["serve", "--http", "0", "--mqtt", "0", "--data"])
            .arg(data)
            .arg("--config")
            .arg(&config)
            .arg("--ready-file")
            .arg(&ready)
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(log).expect("a log"))
            .spawn()
            .expect("vagen serve starts");
        let mut logged = Self { child, http: String::new(), mqtt: String::new() };
        let told = wait_for("the ready file", || {
            serde_json::from_str::<Value>(&std::fs::read_to_string(&ready).ok()?).ok()
        });
        let text = |key: &str| told[key].as_str().expect("an address").to_owned();
        (logged.http, logged.mqtt) = (text("http"), text("mqtt"));
        logged
    }
}

impl Drop for Logged {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn pressure(seq: u64) -> Value {
    let mut high = weighing("gw-0001", "box-a", seq, "546c0e000002", 80.0, 30);
    high["measurement"]["kind"] = json!("blood_pressure");
    high["measurement"]["values"] =
        json!({ "systolic_mmhg": 231.0, "diastolic_mmhg": 119.0, "pulse_per_min": 71.0 });
    high["raw"] = json!({ "characteristic": "2a35", "hex": "04e7007700ff074700" });
    high
}

#[tokio::test]
async fn one_id_leads_from_an_envelope_to_its_task_and_metrics_name_nobody() {
    let (_kept, data) = house();
    apply(&data, REGISTER);
    let log = data.with_extension("log");
    let mut logged = Logged::start(&data, &log);
    let gateway = Gateway::connect(port_of(&logged.mqtt), "gw-0001");
    gateway.up(weighing("gw-0001", "box-a", 1, SCALE, 80.0, 60).to_string());
    gateway.up(pressure(2).to_string());
    gateway.up(weighing("gw-0001", "box-a", 3, "546c0e0000ff", 80.0, 10).to_string());
    gateway.up("nonsense");
    gateway.publish("vagen/v1/gw-0001/heartbeat", json!({"v": 1, "gateway": "gw-0001", "at": "2026-01-01T07:04:00.000Z",
        "outbox": "box-a", "last_seq": 3, "unreceipted": 0, "version": "0.1.0", "clock_synced": true, "devices": []}).to_string());
    gateway.receipt("box-a", 3);
    let tasks = wait_for("the task", || Some(export(&data, "tasks")).filter(|tasks| !tasks.is_empty()));
    let readings = export(&data, "readings");
    let visitor = Visitor::sign_in(&logged.http, "anna", "anna-password").await;
    for page in ["/worklist", "/patients/p1", "/quarantine", "/nowhere"] {
        visitor.get(page).await;
    }
    let (_, metrics) = visitor.get("/metrics").await;
    signal(logged.child.id(), "TERM");
    assert!(logged.child.wait().expect("it ends").success());

    let text = std::fs::read_to_string(&log).expect("the log");
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
        .collect();
    followed(&lines, &tasks[0]);
    nobody_above_debug(&lines, &readings, &tasks);
    named_by_nobody(&metrics, &readings, &tasks);
}

/// By the id of the reading that the task names: it arrived under that id, was decided, and the task followed; the receipt by
/// the number that stands beside it.
fn followed(lines: &[Value], task: &Value) {
    let trace = &task["reading_ids"][0];
    let of_it: Vec<&Value> = lines.iter().filter(|line| line["span"]["trace"] == *trace).collect();
    let said: Vec<&str> = of_it.iter().filter_map(|line| line["fields"]["message"].as_str()).collect();
    assert_eq!(said, ["arrived", "a task follows", "decided"], "{trace}: {lines:#?}");
    assert_eq!(of_it[1]["fields"]["task"], task["id"]);
    assert_eq!(of_it[2]["fields"]["verdict"], "stored");
    let span = &of_it[0]["span"];
    assert_eq!(
        (&span["gateway"], &span["outbox"], &span["seq"]),
        (&json!("gw-0001"), &json!("box-a"), &json!(2))
    );
    let receipted = lines.iter().any(|line| {
        line["fields"]["message"] == "receipted"
            && line["fields"]["outbox"] == "box-a"
            && line["fields"]["through"].as_u64() >= Some(2)
    });
    assert!(receipted, "{lines:#?}");
}

/// Ids of persons, of readings and of tasks, and what was measured.
fn private(readings: &[Value], tasks: &[Value]) -> BTreeSet<String> {
    let ids = readings.iter().chain(tasks).map(|row| row["id"].as_str().expect("an id").to_owned());
    let of_people = ["p1", "p2", "Svea", "Nils", "svea", "nils", "231", "119"].map(str::to_owned);
    ids.chain(of_people).collect()
}

fn nobody_above_debug(lines: &[Value], readings: &[Value], tasks: &[Value]) {
    let private = private(readings, tasks);
    for line in lines.iter().filter(|line| line["level"] != "DEBUG") {
        let words: BTreeSet<String> =
            words(&line["fields"].to_string()).chain(words(&line["span"].to_string())).collect();
        let told: Vec<&String> = words.intersection(&private).collect();
        assert!(told.is_empty(), "{told:?} in {line}");
    }
}

fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_')).map(str::to_owned)
}

/// Every label and value of a real scrape: from a small vocabulary, and none an id.
fn named_by_nobody(metrics: &str, readings: &[Value], tasks: &[Value]) {
    const LABELS: [&str; 6] = ["part", "reason", "hop", "channel", "quantile", "le"];
    let mut ids = private(readings, tasks);
    ids.extend(
        ["gw-0001", "gw-0002", "box-a", SCALE, "546c0e000002", "546c0e0000ff", "anna", "hf"]
            .map(str::to_owned),
    );
    let series = metrics.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let mut seen = BTreeSet::new();
    for line in series {
        let (name, _) = line.split_once([' ', '{']).expect("a series");
        seen.insert(name.to_owned());
        let Some((labels, _)) = line.split_once('{').and_then(|(_, rest)| rest.split_once('}')) else {
            continue;
        };
        for label in labels.split(',') {
            let (key, value) = label.split_once('=').expect("a label");
            let value = value.trim_matches('"');
            assert!(LABELS.contains(&key), "a label that is not known here: {line}");
            assert!(!ids.contains(value) && words(value).all(|word| !ids.contains(&word)), "an id: {line}");
        }
    }
    for name in [
        "vagen_ingest_readings_total",
        "vagen_ingest_quarantined_total",
        "vagen_part_whole",
        "vagen_ingest_commit_seconds_count",
    ] {
        assert!(seen.contains(name), "{name} is missing among {seen:?}");
    }
}
