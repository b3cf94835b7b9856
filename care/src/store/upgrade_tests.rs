//! A store of schema 4, filled, becomes one of the newest schema and lost nothing.

use std::path::Path;

use serde_json::{Value, json};
use sqlx::migrate::Migrator;
use vitals::Seq;

use super::connect::Sqlite;
use super::sql::{self, Dialect};
use super::{FILE_NAME, Store, schema};
use crate::admission::streams;
use crate::export::{Filter, What, export};
use crate::readings;

/// The store as the version with schema 4 left it: two readings of a device, one of them in a sequence with a gap before it, one
/// admitted out of quarantine, answers of a patient, and all that speaks of them. Hashes are any 64 hex digits.
const FILLED: &str = r#"
INSERT INTO organisation VALUES ('region', 'Region', 'region');
INSERT INTO patient (id, name, language, policy, enrolled_at) VALUES ('p1', 'Svea', 'sv', 'recommended', 0);
INSERT INTO gateway VALUES ('gw-1');
INSERT INTO stream (id, gateway, outbox, through, highest, heard_at) VALUES (7, 'gw-1', 'ob', 2, 4, 1000);
INSERT INTO decided VALUES
  (7, 1, '1111111111111111111111111111111111111111111111111111111111111111', 'stored'),
  (7, 2, '2222222222222222222222222222222222222222222222222222222222222222', 'quarantined'),
  (7, 4, '4444444444444444444444444444444444444444444444444444444444444444', 'stored');
INSERT INTO reading VALUES
  (1, 'aaaaaaaaaaaaaaaaaaaaaaaa', 'p1', 1000, 2000, 'weight', 'measured', '{"weight_kg":80.1}', '{}', '["movement"]',
   'offset_corrected', -3600, '546c0e000001', 'A&D', '2026-01-01T08:04:00', 1, 'gw-1', 'ob', 1, 1500, '2a9d', '0294',
   'dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd', NULL, NULL, NULL),
  (2, 'bbbbbbbbbbbbbbbbbbbbbbbb', 'p1', 1100, 2100, 'weight', 'measured', '{"weight_kg":80.2}', '{"bmi_kg_per_m2":"nan"}', '[]',
   'none', NULL, '546c0e000001', NULL, NULL, NULL, 'gw-1', 'ob', 4, 1600, '2a9d', '0295', NULL, NULL, NULL, NULL),
  (3, 'cccccccccccccccccccccccc', 'p1', 1200, 2200, 'symptoms', 'measured', '{"breathlessness":1}', '{}', '[]',
   NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'patient', 'p1', 't1'),
  (4, 'eeeeeeeeeeeeeeeeeeeeeeee', 'p1', 1050, 2300, 'weight', 'measured', '{"weight_kg":80.3}', '{}', '[]',
   'none', NULL, '546c0e000001', NULL, NULL, NULL, 'gw-1', 'ob', 2, 1600, '2a9d', '0296', NULL, NULL, NULL, NULL);
INSERT INTO task (id, patient, problem, priority, status, opened_at, due_at, last_finding_at, competence, policy, policy_version)
VALUES ('t1', 'p1', 'symptoms', 'soon', 'open', 1, 2, 3, 'nurse', 'recommended', '1');
INSERT INTO finding VALUES (1, 't1', 'symptoms', 'soon', 1, 0, 'r', '1', NULL, NULL, '', 'sv', 'en', NULL, NULL);
INSERT INTO finding_reading VALUES (1, 0, 'aaaaaaaaaaaaaaaaaaaaaaaa'), (1, 1, 'cccccccccccccccccccccccc');
INSERT INTO message VALUES (1, 'p1', 't1', 5, 'patient', 'p1', 'Svea', 'text', NULL, NULL, 'cccccccccccccccccccccccc');
INSERT INTO dialogue (id, patient, message, questionnaire, version, asked_at, reading)
VALUES ('d1', 'p1', 1, 'q', '1', 4, 'cccccccccccccccccccccccc');
INSERT INTO counter VALUES ('stream', 7), ('reading.arrival', 4);
"#;

async fn filled(directory: &Path) {
    let file = Sqlite::open(&directory.join(FILE_NAME), true).await.expect("a file");
    let old = schema::migrations(Dialect::Sqlite).into_iter().filter(|change| change.version <= 4);
    Migrator::with_migrations(old.collect()).run(&file.writer).await.expect("schema 4");
    sqlx::raw_sql(FILLED).execute(&file.writer).await.expect("the rows of schema 4");
    file.close().await;
}

#[tokio::test]
async fn a_store_of_schema_4_is_brought_up_to_date_and_lost_nothing() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    filled(directory.path()).await;
    let store = Store::open(directory.path()).await.expect("is brought up to date");
    let mut reader = store.read().await.expect("a connection");

    // What each reading is, as the rows above say it.
    let journal = readings::journal(&mut reader, 0, 10, None, None).await.expect("the journal");
    let ids: Vec<&str> = journal.iter().map(|row| row.reading.id.as_str()).collect();
    let given = ["a", "b", "c", "e"].map(|letter| letter.repeat(24));
    assert_eq!(ids, given, "ids stay");
    for row in &journal {
        let found = readings::one(&mut reader, row.reading.id.as_str()).await.expect("is read");
        assert_eq!(found.as_ref(), Some(row), "each is found by the id it was given");
    }
    let origin = journal[0].origin.as_ref().expect("came from a device");
    assert_eq!((origin.gateway.as_str(), origin.outbox.as_str(), origin.seq), ("gw-1", "ob", 1));
    assert_eq!(
        (origin.raw_hex.as_str(), origin.clock_offset_s, origin.user_slot),
        ("0294", Some(-3600), Some(1))
    );
    assert_eq!(journal[2].author, Some(("patient".to_owned(), "p1".to_owned())));
    assert_eq!(journal[2].task.as_deref(), Some("t1"));

    // What speaks of them.
    let told: Vec<String> = sql::query_scalar(
        "SELECT reading FROM finding_reading UNION ALL SELECT reading FROM message UNION ALL SELECT reading FROM dialogue",
    )
    .fetch_all(&mut reader)
    .await
    .expect("is read");
    assert_eq!(told.iter().collect::<Vec<_>>(), [&given[0], &given[2], &given[2], &given[2]]);
    drop(reader);

    let mut out = Vec::new();
    let now = "2026-01-01T00:00:00Z".parse().expect("a time");
    export(&store, What::Readings, &Filter::default(), "test", now, &mut out).await.expect("exports");
    let lines: Vec<Value> = out
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).expect("JSON"))
        .collect();
    assert_eq!(lines.len(), 4);
    assert_eq!(lines[0]["values"], json!({"weight_kg": 80.1}));
    assert_eq!(lines[0]["flags"], json!(["movement"]));
    assert_eq!((&lines[0]["clock"], &lines[0]["absent"]), (&json!("offset_corrected"), &json!({})));
    assert_eq!(lines[0]["raw"], json!({"characteristic": "2a9d", "hex": "0294"}));
    assert_eq!(lines[1]["absent"], json!({"bmi_kg_per_m2": "nan"}));
    assert_eq!((&lines[2]["kind"], &lines[2]["gateway"]), (&json!("symptoms"), &Value::Null));
    assert_eq!((&lines[3]["seq"], &lines[3]["received_at"]), (&json!(2), &json!("1970-01-01T00:00:02.300Z")));

    // The numbers: decided as before, by the first digits; 3 is missing still.
    let mut tx = store.write().await.expect("a transaction");
    for (seq, digit) in [(1, "1"), (2, "2"), (4, "4")] {
        let seq = Seq::new(seq).expect("a number");
        let hash = streams::decided(&mut tx, 7, seq).await.expect("is read").expect("is decided");
        assert!(digit.repeat(64).starts_with(&hash) && hash.len() >= streams::HASH_DIGITS, "{seq} {hash}");
    }
    let third = Seq::new(3).expect("a number");
    assert_eq!(streams::decided(&mut tx, 7, third).await.expect("is read"), None);
    assert_eq!(streams::decided_beyond(&mut tx, 7, 0, 10).await.expect("is read"), [1, 2, 4]);
    let next = streams::begin(&mut tx, &"gw-1".parse().expect("an id"), &"ob2".parse().expect("a label"))
        .await
        .expect("begins");
    assert_eq!(next.id, 8, "outboxes count on");
}
