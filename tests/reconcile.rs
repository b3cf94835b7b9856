//! `vagen reconcile` in a real house with QuestDB: what one row too few, too many or otherwise in each store is called, the exit
//! status, and the alarm across the pages when the night's own finds one.

use std::path::{Path, PathBuf};
use std::process::Output;

use rusqlite::Connection;
use serde_json::{Value, json};

use support::mqtt::{Gateway, weighing};
use support::questdb::{QuestDb, free_port};
use support::web::Visitor;
use support::{PATIENCE, REGISTER, Serving, apply, house, lines, run, stderr, vagen, wait_for};

mod support;

const SCALE: &str = "546c0e000001";

struct Home {
    data: PathBuf,
    config: PathBuf,
}

impl Home {
    fn reconcile(&self) -> Output {
        run(vagen().arg("reconcile").arg("--data").arg(&self.data).arg("--config").arg(&self.config))
    }

    /// What is named, each as its store, what is wrong there, its number and its place in the journal; and the summary.
    fn found(&self) -> (Vec<Value>, Value) {
        let output = self.reconcile();
        let mut lines = lines(&output);
        let summary = lines.pop().unwrap_or_else(|| panic!("a summary: {}", stderr(&output)));
        assert_eq!(output.status.code(), Some(i32::from(!lines.is_empty())), "{}", stderr(&output));
        assert_eq!(summary["differences"], lines.len());
        let named =
            lines.iter().map(|line| json!([line["store"], line["difference"], line["seq"], line["arrival"]]));
        (named.collect(), summary)
    }

    fn store(&self, sql: &str) {
        let store = Connection::open(self.data.join("vagen.db")).expect("the store");
        store.busy_timeout(PATIENCE).expect("patience");
        store.execute_batch(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
}

fn config(data: &Path, port: u16) -> PathBuf {
    let config = data.with_extension("config.toml");
    std::fs::write(&config, format!("questdb = \"http://127.0.0.1:{port}\"\n")).expect("a configuration");
    config
}

#[tokio::test]
async fn each_store_is_held_against_the_next_down_to_questdb() {
    let (_kept, data) = house();
    apply(&data, REGISTER);
    let port = free_port();
    let home = Home { config: config(&data, port), data };
    let questdb = QuestDb::start(&home.data.with_extension("questdb"), port);
    let arguments = ["--mqtt", "0", "--config", home.config.to_str().expect("a path")];
    let serving = Serving::start_with(&home.data, &arguments, &[]);
    let gateway = Gateway::connect(serving.mqtt_port(), "gw-0001");
    for seq in 1..=5 {
        let minutes = 60 + i64::try_from(seq).expect("small");
        gateway.up(weighing("gw-0001", "box-a", seq, SCALE, 80.0, minutes).to_string());
        gateway.receipt("box-a", seq);
    }
    wait_for("the projection", || (home.found().1["explained"]["projection_lag"] == 0).then_some(()));
    let (named, summary) = home.found();
    assert_eq!(named, Vec::<Value>::new(), "{summary}");
    let looked = json!({"outboxes": 1, "decided": 5, "readings": 5, "assessed": 5, "questdb_rows": 5});
    assert_eq!(summary["looked"], looked);

    // To add a case, add a row: what is done to the store behind everybody's back, what undoes it, and what must be named.
    let rows = [
        (
            "INSERT INTO decided (stream, seq, hash, verdict) SELECT stream, seq, hash, 'void' FROM reading WHERE seq = 2",
            "DELETE FROM decided WHERE seq = 2",
            json!(["decided", "altered", 2, 2]),
        ),
        (
            "UPDATE reading SET received_at = received_at + 7 WHERE seq = 3",
            "UPDATE reading SET received_at = received_at - 7 WHERE seq = 3",
            json!(["readings", "altered", null, 3]),
        ),
        (
            "CREATE TABLE aside AS SELECT * FROM assessed WHERE first_arrival <= 4 AND first_arrival + length(marks) / 8 - 1 > 4;
             DELETE FROM assessed WHERE first_arrival IN (SELECT first_arrival FROM aside)",
            "INSERT INTO assessed SELECT * FROM aside; DROP TABLE aside",
            json!(["assessed", "missing", null, 4]),
        ),
    ];
    for (wrong, right, expected) in rows {
        home.store(wrong);
        assert_eq!(home.found().0, [expected], "{wrong}");
        home.store(right);
        assert_eq!(home.found().0, Vec::<Value>::new(), "{right}");
    }

    // In QuestDB: one altered, one extra, one missing, which there is a table without it.
    questdb.tell("UPDATE vagen_reading SET value = 99 WHERE arrival = 2");
    assert_eq!(home.found().0, [json!(["questdb", "altered", null, 2])]);
    questdb.tell("UPDATE vagen_reading SET value = 80 WHERE arrival = 2");
    questdb.tell("INSERT INTO vagen_reading (ts, patient, kind, quantity, outcome, clock, arrival, value, received_at, reading)
                  SELECT ts, patient, kind, 'bmi_kg_per_m2', outcome, clock, arrival, 27.0, received_at, reading FROM vagen_reading WHERE arrival = 3");
    assert_eq!(home.found().0, [json!(["questdb", "extra", null, 3])]);
    questdb.tell("DROP TABLE vagen_reading");
    questdb.tell("CREATE TABLE vagen_reading (ts TIMESTAMP, patient SYMBOL, kind SYMBOL, quantity SYMBOL, outcome SYMBOL, clock SYMBOL,
                  arrival LONG, value DOUBLE, received_at TIMESTAMP, reading VARCHAR) TIMESTAMP(ts) PARTITION BY MONTH WAL");
    let missing: Vec<Value> = (1..=5).map(|arrival| json!(["questdb", "missing", null, arrival])).collect();
    assert_eq!(home.found().0, missing);
    drop(serving);
}

/// A difference is found by a night that was missed, told across the pages and as a metric, and gone when the next finds none.
#[tokio::test]
async fn what_the_night_finds_stands_across_the_pages() {
    let (_kept, data) = house();
    apply(&data, REGISTER);
    let home = Home { config: data.with_extension("config.toml"), data };
    std::fs::write(&home.config, "").expect("a configuration");
    let serving = Serving::start(&home.data);
    let gateway = Gateway::connect(serving.mqtt_port(), "gw-0001");
    gateway.up(weighing("gw-0001", "box-a", 1, SCALE, 80.0, 60).to_string());
    gateway.receipt("box-a", 1);
    part(&serving, "whole").await;
    drop(serving);
    let wrong = "INSERT INTO decided (stream, seq, hash, verdict) SELECT stream, seq, hash, 'void' FROM reading WHERE seq = 1";
    home.store(wrong);
    let long_ago = "UPDATE counter SET value = 1 WHERE name = 'reconcile.done_at'";
    home.store(long_ago);
    let serving = Serving::start(&home.data);
    part(&serving, "broken").await;
    let nurse = Visitor::sign_in(&serving.http, "anna", "anna-password").await;
    let (_, page) = nurse.get("/worklist").await;
    assert!(page.contains("Avstämningen fann 1 rader som skiljer sig"), "{page}");
    let (_, metrics) = nurse.get("/metrics").await;
    assert!(metrics.contains("vagen_reconcile_differences 1"), "{metrics}");
    assert_eq!(home.found().0, [json!(["decided", "altered", 1, 1])], "and the command names it");
    drop(serving);
    home.store("DELETE FROM decided WHERE seq = 1");
    let serving = Serving::start(&home.data);
    part(&serving, "broken").await;
    drop(serving);
    home.store(long_ago);
    part(&Serving::start(&home.data), "whole").await;
}

async fn part(serving: &Serving, state: &str) {
    let visitor = Visitor::new(&serving.http);
    let deadline = std::time::Instant::now() + PATIENCE;
    loop {
        let (_, text) = visitor.get("/readyz").await;
        let parts: Value = serde_json::from_str(&text).expect("JSON");
        let is = &parts["parts"]["reconciliation"]["state"];
        if is == state {
            return;
        }
        assert!(std::time::Instant::now() < deadline, "the reconciliation is {is}, not {state}");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}
