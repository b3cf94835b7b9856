//! One person's readings, found week by week. Expected values: the same questions asked without an index, of all rows at once.

use vitals::{PatientId, Timestamp};

use super::*;
use crate::readings;
use crate::store::Store;
use crate::store::sql::{self, Connection};

const WEEK_MS: i64 = 604_800_000;

/// Times around the edges of weeks, years apart, before 1970 too; each person has some of them, and nobody has all.
const TIMES: [i64; 14] = [
    -WEEK_MS - 1,
    -WEEK_MS,
    -1,
    0,
    1,
    WEEK_MS - 1,
    WEEK_MS,
    WEEK_MS + 1,
    100 * WEEK_MS,
    101 * WEEK_MS - 1,
    520 * WEEK_MS,
    2_800 * WEEK_MS + 7,
    2_800 * WEEK_MS + 8,
    2_900 * WEEK_MS,
];

async fn filled(directory: &std::path::Path) -> Store {
    let store = crate::store::trial::open(directory).await.expect("opens");
    let mut tx = store.write().await.expect("a transaction");
    let mut arrival = 0;
    for (place, at) in TIMES.iter().enumerate() {
        for person in 0..4_usize {
            // p3 never measured; the others leave out one in two, three or four.
            if person == 3 || place % (person + 2) == 1 {
                continue;
            }
            arrival += 1;
            sql::query(
                "INSERT INTO reading (arrival, id, patient, at, received_at, kind, outcome, vals)
                 VALUES ($1, $2, $3, $4, $4, 'weight', 'measured', '{\"weight_kg\":80.1}')",
            )
            .bind(arrival)
            .bind(format!("r{arrival}"))
            .bind(format!("p{person}"))
            .bind(*at)
            .execute(&mut tx)
            .await
            .expect("a reading");
        }
    }
    tx.commit().await.expect("commits");
    store
}

async fn plainly(connection: &mut Connection, what: &str, patient: &str) -> Vec<i64> {
    let sql = format!("SELECT {what} FROM reading WHERE patient || '' = $1");
    sql::query_scalar::<Option<i64>>(sqlx::AssertSqlSafe(sql))
        .bind(patient)
        .fetch_all(connection)
        .await
        .expect("reads")
        .into_iter()
        .flatten()
        .collect()
}

#[tokio::test]
async fn walking_the_weeks_finds_what_looking_at_every_row_finds() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let store = filled(directory.path()).await;
    let mut reader = store.read().await.expect("a connection");
    let time = |millis: i64| Timestamp::from_millis(millis).expect("a time");
    for person in ["p0", "p1", "p2", "p3", "nobody"] {
        let patient: PatientId = person.parse().expect("a patient id");
        let all = plainly(&mut reader, "at", person).await;
        let journal = readings::journal(&mut reader, 0, 100, Some(&patient), None).await.expect("reads");
        let mut found: Vec<i64> = journal.iter().map(|row| row.reading.at.as_millis()).collect();
        found.sort_unstable();
        let mut expected = all.clone();
        expected.sort_unstable();
        assert_eq!(found, expected, "{person}");
        let first = readings::first_at(&mut reader, &patient).await.expect("reads");
        assert_eq!(first.map(Timestamp::as_millis), expected.first().copied(), "{person}");
        let last: Option<i64> =
            sql::query_scalar(sqlx::AssertSqlSafe(format!("SELECT {}", last_at("$1", "TRUE"))))
                .bind(person)
                .fetch_one(&mut reader)
                .await
                .expect("reads");
        assert_eq!(last, expected.last().copied(), "{person}");
        for now in TIMES {
            let sql = format!("SELECT {}", last_at_before("$1", "$2"));
            let last: Option<i64> = sql::query_scalar(sqlx::AssertSqlSafe(sql))
                .bind(now)
                .bind(person)
                .fetch_one(&mut reader)
                .await
                .expect("reads");
            // Nothing is later than the week after now; these made-up times are, so that only what lies within is asked about.
            let is_known = expected.last().is_none_or(|last| *last < (now.div_euclid(WEEK_MS) + 2) * WEEK_MS);
            assert!(!is_known || last == expected.last().copied(), "{person} {now}");
        }
        for from in TIMES {
            for to in TIMES {
                let between =
                    readings::between(&mut reader, &patient, time(from), time(to)).await.expect("reads");
                let found: Vec<i64> = between.iter().map(|row| row.reading.at.as_millis()).collect();
                let within: Vec<i64> =
                    expected.iter().copied().filter(|at| (from..to).contains(at)).collect();
                assert_eq!(found, within, "{person} {from}..{to}");
            }
        }
    }
}

/// SQLite says of each table how it is read: SEARCH by an index, or SCAN from end to end.
#[tokio::test]
async fn no_question_about_one_person_reads_everybody() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let store = Store::open(directory.path()).await.expect("opens");
    let mut reader = store.read().await.expect("a connection");
    let within = within(Dialect::Sqlite);
    let rows = [
        format!("{}SELECT vals FROM reading WHERE {within} AND patient = $1 ORDER BY arrival", all()),
        format!(
            "{}SELECT vals FROM reading WHERE {within} AND patient = $1 AND at >= $2 AND at < $3",
            between(2, 3)
        ),
        format!("SELECT {}", first_at("$1")),
        format!("SELECT {} FROM patient_unit", last_at_before("$1", "patient_unit.patient")),
        format!("SELECT {}", last_at("patient_unit.patient", "kind = 'symptoms'") + " FROM patient_unit"),
        crate::admission::readings::WAS_MEASURED.to_owned(),
        crate::admission::readings::last_measured_sql(Dialect::Sqlite),
    ];
    for question in rows {
        let plan: Vec<(i64, i64, i64, String)> =
            sql::query_as(sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {question}")))
                .fetch_all(&mut reader)
                .await
                .expect("a plan");
        let steps: Vec<&str> = plan.iter().map(|step| step.3.as_str()).collect();
        assert!(steps.iter().any(|step| step.starts_with("SEARCH reading")), "{question}: {steps:?}");
        assert!(!steps.iter().any(|step| step.starts_with("SCAN reading")), "{question}: {steps:?}");
    }
}
