//! Poison over a real broker: each case of `tests/poison/cases.jsonl` is refused or quarantined, counted, and its neighbours pass.
//!
//! A case is a row: how the payload is made of a weighing in order (or from nothing), and the reason that the published interface
//! gives it. Each that is JSON goes twice: by itself, and in an array before a neighbour.

use std::collections::BTreeMap;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use support::mqtt::{Gateway, weighing};
use support::questdb::free_port;
use support::web::Visitor;
use support::{REGISTER, Serving, apply, export, house, run, status, stderr, vagen, wait_for};

mod support;

const SCALE: &str = "546c0e000001";

struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// mosquitto on loopback without TLS, with the limits that `vagen broker config` writes for it.
fn mosquitto(folder: &Path, data: &Path, port: u16) -> Process {
    let written = folder.join("broker");
    let output = run(vagen()
        .args(["broker", "config", "--listen", "8883", "--out"])
        .arg(&written)
        .arg("--data")
        .arg(data));
    assert!(output.status.success(), "{}", stderr(&output));
    let text = std::fs::read_to_string(written.join("mosquitto.conf")).expect("the written configuration");
    let limits: Vec<&str> =
        text.lines().filter(|line| line.starts_with("max_") || line.starts_with("message_")).collect();
    assert!(limits.contains(&"message_size_limit 1048576"), "1 MiB is what the broker takes: {text}");
    let config = folder.join("plain.conf");
    let text = format!("listener {port} 127.0.0.1\nallow_anonymous true\n{}\n", limits.join("\n"));
    std::fs::write(&config, text).expect("a configuration");
    let program = if Path::new("/usr/sbin/mosquitto").exists() { "/usr/sbin/mosquitto" } else { "mosquitto" };
    let child = Command::new(program)
        .arg("-c")
        .arg(&config)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("mosquitto starts");
    wait_for("mosquitto", || TcpStream::connect(("127.0.0.1", port)).ok());
    Process(child)
}

fn bytes_of_hex(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex")).collect()
}

fn replaced(base: &[u8], was: &str, becomes: &[u8]) -> Vec<u8> {
    let at = base.windows(was.len()).position(|window| window == was.as_bytes());
    let at = at.unwrap_or_else(|| panic!("the case must change something: {was}"));
    [&base[..at], becomes, &base[at + was.len()..]].concat()
}

fn times(pair: &Value) -> Vec<u8> {
    let (text, count) = (pair[0].as_str().expect("a text"), pair[1].as_u64().expect("a count"));
    text.repeat(count as usize).into_bytes()
}

/// The payload of a case, made of `base`.
fn payload(case: &Value, mut base: Value) -> Vec<u8> {
    let text = |key: &str| case[key].as_str();
    if let Some(whole) = text("text") {
        return whole.as_bytes().to_vec();
    }
    if let (Some(hex), None) = (text("hex"), text("was")) {
        return bytes_of_hex(hex);
    }
    if case.get("times").is_some() {
        return times(&case["times"]);
    }
    if let Some(at) = text("measured_at") {
        base["measurement"]["measured_at"] = at.into();
    }
    if let Some(hours) = case["measured_in_hours"].as_i64() {
        let at = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(hours);
        base["measurement"]["measured_at"] = format!("{at:.3}").into();
    }
    let base = base.to_string().into_bytes();
    if let Some(size) = case["padded_to"].as_u64() {
        let spaces = vec![b' '; size as usize - base.len()];
        return [base, spaces].concat();
    }
    let Some(was) = text("was") else { return base };
    if let Some(becomes) = text("becomes") {
        replaced(&base, was, becomes.as_bytes())
    } else if let Some(hex) = text("hex_becomes") {
        replaced(&base, was, &bytes_of_hex(hex))
    } else if case.get("becomes_times").is_some() {
        replaced(&base, was, &times(&case["becomes_times"]))
    } else if let Some(depth) = case["becomes_nested"].as_u64() {
        let depth = depth as usize;
        let nested = format!("\"later\":{}{},{was}", "[".repeat(depth), "]".repeat(depth));
        replaced(&base, was, nested.as_bytes())
    } else {
        let filled = case["becomes_filled"].as_u64().expect("a way to change it");
        replaced(&base, was, format!("\"later\":\"{}\",{was}", "x".repeat(filled as usize)).as_bytes())
    }
}

#[tokio::test]
async fn each_poison_is_refused_and_counted_and_its_neighbours_pass() {
    let (kept, data) = house();
    apply(&data, REGISTER);
    let port = free_port();
    let _broker = mosquitto(kept.path(), &data, port);
    let broker = format!("mqtt://127.0.0.1:{port}");
    let serving = Serving::start_with(&data, &["--broker", &broker], &[]);
    let cases = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/poison/cases.jsonl"))
        .expect("the cases");
    let cases: Vec<Value> = cases.lines().map(|line| serde_json::from_str(line).expect("a case")).collect();
    let gateway = Gateway::connect(port, "gw-0001");
    let (mut expected, mut readings, mut neighbours) = (BTreeMap::<String, u64>::new(), 0, 0);
    let mut sent = Vec::new();
    for (nth, case) in cases.iter().enumerate() {
        let (reason, seq) = (case["expect"].as_str().expect("a reason"), 2 * nth as u64 + 1);
        let topic = case["topic"].as_str().unwrap_or("vagen/v1/gw-0001/up");
        let made = |seq: u64| payload(case, weighing("gw-0001", "box-p", seq, SCALE, 80.1, 100 + seq as i64));
        let alone = made(seq);
        let mut count = case["items"].as_u64().unwrap_or(1);
        // What is one JSON value goes in an array as well; of the whole payload's size there is but one.
        let is_element = serde_json::from_slice::<&serde_json::value::RawValue>(&alone).is_ok();
        gateway.publish(topic, alone);
        if is_element && case.get("padded_to").is_none() && case.get("topic").is_none() {
            count = 2;
            neighbours += 1;
            let neighbour = weighing("gw-0001", "box-n", neighbours, SCALE, 80.0, 1000 + neighbours as i64);
            gateway.publish(
                topic,
                [b"[", &made(seq + 1)[..], b",", neighbour.to_string().as_bytes(), b"]"].concat(),
            );
            readings += 1;
        }
        neighbours += 1;
        let neighbour = weighing("gw-0001", "box-n", neighbours, SCALE, 80.0, 1000 + neighbours as i64);
        gateway.publish("vagen/v1/gw-0001/up", neighbour.to_string().into_bytes());
        readings += 1;
        gateway.receipt("box-n", neighbours);
        match reason {
            "stored" => readings += count,
            "nothing" => {}
            refused => *expected.entry(refused.to_owned()).or_default() += count,
        }
        sent.push((case["case"].as_str().expect("a name").to_owned(), reason.to_owned(), count));
    }
    let status = status(&data);
    let found: BTreeMap<String, u64> = serde_json::from_value(status["quarantined"].clone()).expect("counts");
    assert_eq!(found, expected, "{sent:#?}\n{:#?}", reasons(&data));
    assert_eq!(status["readings"], readings, "every neighbour passed");
    let visitor = Visitor::new(&serving.http);
    let (_, metrics) = visitor.get("/metrics").await;
    for (reason, count) in expected {
        let line = format!("vagen_ingest_quarantined_total{{reason=\"{reason}\"}} {count}");
        assert!(metrics.contains(&line), "{line}: {metrics}");
    }
}

/// What stands in quarantine, for whoever looks why a count differs.
fn reasons(data: &Path) -> Vec<String> {
    let short = |value: &Value| value.to_string().chars().take(200).collect::<String>();
    export(data, "quarantine").iter().map(|row| format!("{} {}", row["reason"], short(&row["raw"]))).collect()
}
