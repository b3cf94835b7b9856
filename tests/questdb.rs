//! The projection of the record in a real QuestDB, compared with the store row by row.

use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::{Value, json};

use support::mqtt::{Gateway, weighing};
use support::questdb::{QuestDb, free_port};
use support::{REGISTER, Serving, apply, house, lines, run, status, stderr, vagen, wait_for};

mod support;

const SCALE: &str = "546c0e000001";
const OTHER_SCALE: &str = "546c0e000004";
const MORE: &str = r#"device  = [{ id = "546c0e000004", model = "A&D UC-352BLE" }]
worn_by = [{ device = "546c0e000004", patient = "p2", from = "2020-01-01T00:00:00Z" }]
"#;

struct Projected {
    _kept: tempfile::TempDir,
    data: PathBuf,
    config: PathBuf,
    questdb_data: PathBuf,
    port: u16,
}

impl Projected {
    fn new() -> Self {
        let (kept, data) = house();
        apply(&data, REGISTER);
        apply(&data, MORE);
        let port = free_port();
        let config = data.with_extension("config.toml");
        std::fs::write(&config, format!("questdb = \"http://127.0.0.1:{port}\"\n")).expect("a configuration");
        let questdb_data = data.with_extension("questdb");
        Self { _kept: kept, data, config, questdb_data, port }
    }

    fn questdb(&self) -> QuestDb {
        QuestDb::start(&self.questdb_data, self.port)
    }

    fn serve(&self) -> Serving {
        let config = self.config.to_str().expect("a path");
        Serving::start_with(&self.data, &["--mqtt", "0", "--config", config], &[])
    }

    fn project(&self, arguments: &[&str]) -> Output {
        run(vagen()
            .arg("project")
            .args(arguments)
            .arg("--data")
            .arg(&self.data)
            .arg("--config")
            .arg(&self.config))
    }

    /// What `vagen project --check` finds: the differences, and the last line.
    fn check(&self) -> (Vec<Value>, Value) {
        let mut found = lines(&self.project(&["--check"]));
        let summary = found.pop().expect("a summary");
        (found, summary)
    }

    /// Waits until nothing is left to project, and sees that both sides are the same.
    fn same(&self, rows: u64) {
        let summary = wait_for("the projection to catch up", || {
            let (found, summary) = self.check();
            (summary["lag_readings"] == 0).then_some((found, summary))
        });
        assert_eq!(status(&self.data)["quarantined"], json!({}));
        assert_eq!(summary, (vec![], json!({ "rows": rows, "lag_readings": 0, "differences": 0 })));
    }
}

/// Two patients' readings: a weighing, one of long ago, one with two values, one that failed.
fn send(gateway: &Gateway, first: u64, count: u64) {
    for seq in first..first + count {
        let device = if seq.is_multiple_of(3) { OTHER_SCALE } else { SCALE };
        let kilograms = 80.0 + seq as f64 / 10.0;
        let mut envelope = weighing("gw-0001", "box-a", seq, device, kilograms, 60 + seq as i64);
        if seq == 2 {
            envelope["measurement"]["measured_at"] = json!("2025-10-26T01:30:00.000Z");
        }
        if seq == 4 {
            envelope["measurement"]["values"]["bmi_kg_per_m2"] = json!(27.3);
        }
        if seq == 5 {
            envelope["measurement"]["outcome"] = json!("failed");
            envelope["measurement"]["values"] = json!({});
            envelope["measurement"]["absent"] = json!({ "weight_kg": "unsuccessful" });
        }
        gateway.up(envelope.to_string());
    }
    gateway.receipt("box-a", first + count - 1);
}

#[test]
fn the_table_holds_what_the_store_holds_through_loss_of_either_process() {
    let home = Projected::new();
    let questdb = home.questdb();
    let serving = home.serve();
    let gateway = Gateway::connect(serving.mqtt_port(), "gw-0001");
    send(&gateway, 1, 6);
    // Six readings; the fourth has two values, and the failed one a row without any.
    home.same(7);
    let columns = "arrival, patient, kind, quantity, value, outcome";
    let row = |arrival: u64| {
        questdb
            .ask(&format!("SELECT {columns} FROM vagen_reading WHERE arrival = {arrival} ORDER BY quantity"))
    };
    assert_eq!(
        row(3),
        Ok(vec![vec![
            json!(3),
            json!("p2"),
            json!("weight"),
            json!("weight_kg"),
            json!(80.3),
            json!("measured")
        ]])
    );
    assert_eq!(
        row(5),
        Ok(vec![vec![json!(5), json!("p1"), json!("weight"), json!("none"), Value::Null, json!("failed")]])
    );
    let ancient = questdb.ask("SELECT cast(ts AS LONG) FROM vagen_reading WHERE arrival = 2");
    // 2025-10-26T01:30:00Z: 1,761,442,200 s since 1970 (date -d).
    assert_eq!(ancient, Ok(vec![vec![json!(1_761_442_200_000_000_i64)]]));

    // The server dies; readings are taken in, judged and receipted all the same, and come to it when it is back.
    questdb.kill();
    send(&gateway, 7, 20);
    let questdb = home.questdb();
    home.same(27);

    // The house dies in the middle of projecting.
    send(&gateway, 27, 20);
    serving.kill();
    let serving = home.serve();
    home.same(47);
    drop((gateway, serving, questdb));
}

/// `tell` changes one row behind the projection's back; the check names it, and a rebuild puts it right.
#[test]
fn one_missing_one_extra_and_one_altered_row_are_each_named() {
    let home = Projected::new();
    let questdb = home.questdb();
    let serving = home.serve();
    let gateway = Gateway::connect(serving.mqtt_port(), "gw-0001");
    send(&gateway, 1, 12);
    home.same(13);

    questdb.tell("UPDATE vagen_reading SET value = 99.5 WHERE arrival = 7");
    let (found, summary) = home.check();
    assert_eq!(summary["differences"], 1);
    assert_eq!((&found[0]["difference"], &found[0]["arrival"]), (&json!("altered"), &json!(7)));
    assert_eq!(found[0]["fields"], json!([{ "column": "value", "store": 80.7, "questdb": 99.5 }]));
    rebuilt(&home, 12, 13);

    questdb.tell(
        "INSERT INTO vagen_reading SELECT ts, patient, kind, 'bmi_kg_per_m2', outcome, clock, arrival, 31.0, received_at, reading
         FROM vagen_reading WHERE arrival = 8",
    );
    let (found, _) = home.check();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((&found[0]["difference"], &found[0]["quantity"]), (&json!("extra"), &json!("bmi_kg_per_m2")));
    rebuilt(&home, 12, 13);

    questdb.tell("CREATE TABLE kept AS (SELECT * FROM vagen_reading)");
    questdb.tell("TRUNCATE TABLE vagen_reading");
    questdb.tell("INSERT INTO vagen_reading SELECT * FROM kept WHERE arrival != 9");
    let (found, _) = home.check();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((&found[0]["difference"], &found[0]["patient"]), (&json!("missing"), &json!("p2")));
    rebuilt(&home, 12, 13);
    drop((gateway, serving));
}

fn rebuilt(home: &Projected, readings: u64, rows: u64) {
    let output = home.project(&["--rebuild"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(lines(&output)[0]["readings"].as_u64().is_some_and(|written| written <= readings));
    home.same(rows);
}

#[test]
fn a_check_without_a_server_says_which_one_did_not_answer() {
    let home = Projected::new();
    let output = home.project(&["--check"]);
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(said.contains(&format!("http://127.0.0.1:{}", home.port)) && said.lines().count() == 1, "{said}");
    let nowhere = run(vagen().args(["project", "--data"]).arg(Path::new("nowhere")));
    assert_eq!(nowhere.status.code(), Some(2));
}
