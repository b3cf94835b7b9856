//! The canary: judged and receipted like a reading, and nowhere among readings. Expected: what the README says of it.

use care::store::sql;
use std::collections::BTreeMap;

use care::canary::{self, Walked};
use care::export::What;
use serde_json::{Value, json};

use super::house::{Home, Told, envelope, run, time};

const TOPIC: &str = "vagen/v1/vagen-canary/up";

/// As the server's own outbox seals it: 230/120 mmHg, above what any policy lets pass.
fn sung(seq: u64) -> Value {
    json!({
        "v": 1, "gateway": "vagen-canary", "outbox": "nest", "seq": seq, "sealed_at": "2026-01-01T07:04:05.000Z",
        "device": {"id": "02ca0a000001", "model": "vagen-canary"},
        "measurement": {"kind": "blood_pressure", "outcome": "measured",
            "values": {"systolic_mmhg": 230.0, "diastolic_mmhg": 120.0, "mean_arterial_mmhg": 157.0, "pulse_per_min": 70.0},
            "absent": {}, "device_time": null, "user_slot": null, "flags": [],
            "measured_at": "2026-01-01T07:04:00.000Z", "clock": "synced", "clock_offset_s": null},
        "raw": {"characteristic": "2a35", "hex": "04e60078009d004600"}
    })
}

impl Home {
    fn sing(&self, value: &Value) {
        self.tell(Told::Publish(self.message(TOPIC, value.to_string())));
    }

    async fn canary_receipted(&self, through: u64) {
        let expected = json!({"v": 1, "receipt": {"outbox": "nest", "through": through}});
        self.until(&expected.to_string(), async || {
            let wire = self.wire.lock().expect("the wire");
            wire.down.iter().any(|(topic, said)| topic == "vagen/v1/vagen-canary/down" && *said == expected)
        })
        .await;
    }

    async fn walked(&self) -> Option<Walked> {
        let mut reader = self.store.read().await.expect("a reader");
        canary::newest(&mut reader, None).await.expect("the canary's walks")
    }

    /// How many rows each table has.
    async fn rows(&self) -> BTreeMap<String, i64> {
        let mut reader = self.store.read().await.expect("a reader");
        let named = match reader.dialect() {
            sql::Dialect::Sqlite => "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name",
            sql::Dialect::Postgres => {
                "SELECT CAST(table_name AS TEXT) FROM information_schema.tables WHERE table_schema = 'public'"
            }
        };
        let tables: Vec<String> = sql::query_scalar(named).fetch_all(&mut reader).await.expect("the tables");
        let mut rows = BTreeMap::new();
        for table in tables {
            let sql = sqlx::AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}"));
            rows.insert(table, sql::query_scalar(sql).fetch_one(&mut reader).await.expect("a count"));
        }
        rows
    }
}

#[test]
fn a_canary_is_judged_committed_and_receipted_and_leaves_no_row_among_patients() {
    run(async {
        let home = Home::open().await;
        home.up(&envelope("ob", 1, 80.0));
        home.receipted("ob", 1).await;
        let (before, status) = (home.rows().await, home.status().await);
        home.sing(&sung(1));
        home.canary_receipted(1).await;
        let walked = home.walked().await.expect("a walk");
        assert!(walked.assessed, "the rules found what they must");
        assert_eq!((walked.seq.get(), walked.sealed_at), (1, time("2026-01-01T07:04:05.000Z")));
        let mut after = home.rows().await;
        for (table, of_its_own) in [("canary", 1), ("stream", 1), ("decided", 1), ("counter", 0)] {
            let rows = after.get_mut(table).expect("the table");
            *rows -= of_its_own;
        }
        assert_eq!(after, before, "every other table is as it was");
        assert_eq!(home.status().await, status);
        assert_eq!(home.export(What::Readings).await.len(), 1);
        assert_eq!(home.export(What::Tasks).await.len(), 0, "its task was never committed");
        assert!(home.ingest.walk().arrived_at().is_some());
    });
}

#[test]
fn a_canary_that_comes_again_changes_nothing_and_its_rows_stay_few() {
    run(async {
        let home = Home::open().await;
        for seq in 1..=60 {
            home.sing(&sung(seq));
        }
        home.canary_receipted(60).await;
        let rows = home.rows().await;
        assert_eq!((rows["canary"], rows["decided"], rows["stream"]), (20, 20, 1));
        home.sing(&json!([sung(60), sung(59), sung(3)]));
        home.acked(61).await;
        let rows = home.rows().await;
        assert!(rows["canary"] <= 21 && rows["decided"] <= 21, "{rows:?}");
        assert_eq!(rows["quarantine"], 0);
        assert_eq!(home.status().await["duplicates"], 0);
    });
}

/// What the rules do not find makes no canary whole: a policy engine that lets 230 mmHg pass is what it is there to notice.
#[test]
fn a_canary_in_which_nothing_is_found_is_committed_as_not_assessed() {
    run(async {
        let home = Home::open().await;
        let mut quiet = sung(1);
        quiet["measurement"]["values"] = json!({"systolic_mmhg": 120.0, "diastolic_mmhg": 75.0});
        home.sing(&quiet);
        home.canary_receipted(1).await;
        assert!(!home.walked().await.expect("a walk").assessed);
    });
}

/// Nobody hides behind the canary's name: what is not its own is refused and seen, and its neighbours pass.
#[test]
fn what_is_not_the_canarys_own_on_its_topic_is_quarantined() {
    run(async {
        let home = Home::open().await;
        let mut other_device = sung(1);
        other_device["device"]["id"] = json!("546c0e000001");
        home.sing(&json!([other_device, {"v": 1, "nonsense": true}, sung(2)]));
        home.canary_receipted(2).await;
        home.up(&sung(3));
        home.up(&envelope("ob", 1, 80.0));
        home.receipted("ob", 1).await;
        let quarantined = &home.status().await["quarantined"];
        assert_eq!(quarantined, &json!({"unknown_gateway": 1, "malformed": 1, "wrong_gateway": 1}));
        assert_eq!(home.status().await["readings"], 1);
    });
}
