//! A store of each earlier schema, filled with a life, and opened by this version. Expected: it says what it said before, down to
//! the receipts and the audit's chain, and what comes again is known.
//!
//! The earlier store is made by the earlier migrations themselves, and holds of a life just lived the columns it had.

use care::store::sql;
use std::path::Path;

use care::audit;
use care::export::What;
use care::store::Store;
use serde_json::{Value, json};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{AssertSqlSafe, SqlSafeStr, SqlitePool};

use super::house::{Home, envelope, run};
use crate::reconcile::reconcile;

/// Version, name and text, as released.
const RELEASED: [(i64, &str, &str); 4] = [
    (1, "first house", include_str!("../../../care/migrations/sqlite/0001_first_house.sql")),
    (2, "enrolment", include_str!("../../../care/migrations/sqlite/0002_enrolment.sql")),
    (3, "dialogue", include_str!("../../../care/migrations/sqlite/0003_dialogue.sql")),
    (4, "plans", include_str!("../../../care/migrations/sqlite/0004_plans.sql")),
];

async fn empty(file: &Path, schema: i64) -> SqlitePool {
    let options = SqliteConnectOptions::new().filename(file).create_if_missing(true).foreign_keys(false);
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.expect("a file");
    let migrations = RELEASED.into_iter().filter(|(version, _, _)| *version <= schema);
    let migrations = migrations.map(|(version, name, sql)| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    });
    Migrator::with_migrations(migrations.collect()).run(&pool).await.expect("the earlier schema");
    pool
}

/// Writes what `new` holds to a store of `schema` at `old`: the tables and columns that this had.
async fn written_by(schema: i64, new: &Path, old: &Path) {
    let pool = empty(old, schema).await;
    let tell = async |sql: String| sql::query(AssertSqlSafe(sql)).execute(&pool).await.expect("a statement");
    tell(format!("ATTACH '{}' AS new", new.display())).await;
    let tables: Vec<String> = sql::query_scalar(
        "SELECT name FROM main.sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_%' ESCAPE '\\'",
    )
    .fetch_all(&pool)
    .await
    .expect("the tables");
    for table in tables {
        let columns: Vec<String> = sql::query_scalar(AssertSqlSafe(format!(
            "SELECT name FROM pragma_table_info('{table}', 'main')"
        )))
        .fetch_all(&pool)
        .await
        .expect("the columns");
        let columns = columns.join(", ");
        tell(format!("DELETE FROM main.{table}")).await;
        tell(format!("INSERT INTO main.{table} ({columns}) SELECT {columns} FROM new.{table}")).await;
    }
    // Counters that later migrations begin.
    tell("DELETE FROM main.counter WHERE name = 'assessed.after'".to_owned()).await;
    if schema < 4 {
        tell("DELETE FROM main.counter WHERE name = 'plan_event'".to_owned()).await;
    }
    pool.close().await;
}

fn pressure(seq: u64, systolic: f64) -> Value {
    let mut high = envelope("ob", seq, 0.0);
    high["measurement"]["kind"] = json!("blood_pressure");
    high["measurement"]["values"] = json!({ "systolic_mmhg": systolic, "diastolic_mmhg": 120.0 });
    high
}

impl Home {
    /// Weighings, a pressure that opens a task, one that nobody wore, a gap, and an export that the audit log tells of.
    async fn with_a_life() -> Self {
        let home = Self::open().await;
        for seq in 1..=3 {
            home.up(&envelope("ob", seq, 80.0));
        }
        home.up(&pressure(4, 230.0));
        let mut strange = envelope("ob", 5, 80.0);
        strange["device"]["id"] = json!("546c0e000009");
        home.up(&strange);
        home.up(&envelope("ob", 7, 80.0));
        home.acked(6).await;
        home.export(What::Readings).await;
        home
    }

    async fn says(&self) -> (Value, Vec<Value>, Vec<Value>, Vec<Value>) {
        let status = self.status().await;
        let readings = self.export(What::Readings).await;
        let mut tasks = self.export(What::Tasks).await;
        for task in &mut tasks {
            // Who switched a policy on is known since there are such switches.
            task.as_object_mut().expect("a task").retain(|key, _| !key.starts_with("policy_switched"));
        }
        let mut quarantine = self.export(What::Quarantine).await;
        for item in &mut quarantine {
            // The device has a column of its own since the fourth schema; before that it is in the raw envelope alone.
            item.as_object_mut().expect("an item").remove("device");
        }
        (status, readings, tasks, quarantine)
    }
}

#[test]
fn a_store_of_each_earlier_schema_says_the_same_after_the_upgrade() {
    run(async {
        for (schema, _, _) in RELEASED {
            let home = Home::with_a_life().await;
            let said = home.says().await;
            assert_eq!((said.1.len(), said.2.len(), said.3.len()), (5, 1, 1), "a life that says something");
            let (place, old) = (home.store.path().to_owned(), tempfile::tempdir().expect("a folder"));
            home.ingest.shutdown().await;
            home.store.close().await;
            written_by(schema, &place, &old.path().join(care::store::FILE_NAME)).await;

            let store = Store::open(old.path()).await.expect("an earlier store opens");
            let mut reader = store.read().await.expect("a reader");
            assert_eq!(
                audit::first_broken(&mut reader).await.expect("the log"),
                None,
                "the audit's chain, schema {schema}"
            );
            drop(reader);
            let home = Home::over(store).await;
            assert_eq!(home.says().await, said, "schema {schema}");
            let found = reconcile(&home.store, None).await.expect("a reconciliation");
            assert_eq!(found.explained.before_marks, 5);
            // The gap at 6 is of a gateway that sends no heartbeats here.
            assert!(found.differences.iter().all(|one| one.seq == Some(6)), "{:?}", found.differences);

            home.up(&envelope("ob", 3, 80.0));
            home.receipted("ob", 5).await;
            assert_eq!(home.status().await["duplicates"], 1, "what comes again is known");
            home.up(&pressure(6, 231.0));
            home.receipted("ob", 7).await;
            assert_eq!(home.status().await["readings"], 6);
            let tasks = home.export(What::Tasks).await;
            assert_eq!(tasks.len(), 1, "the open task goes on");
            assert_eq!(tasks[0]["id"], said.2[0]["id"]);
            assert_eq!(reconcile(&home.store, None).await.expect("a reconciliation").differences, []);
        }
    });
}
