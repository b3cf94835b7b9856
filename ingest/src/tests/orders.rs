//! The same readings in every order of arrival. Expected, from the README: the order changes neither what is found in the end nor
//! whether a task opens, and what is late is judged and marked so.

use care::store::sql;
use std::collections::BTreeSet;

use care::export::What;
use care::readings::journal;
use serde_json::{Value, json};

use super::house::{Home, envelope, run};

/// Orders by chance, from a fixed seed each, and three by hand.
const SHUFFLES: u64 = 12;

/// Ten mornings: a weight that rises by half a kilogram a day from the sixth, and two pressures far too high.
fn lived() -> Vec<Value> {
    let mut readings = Vec::new();
    for day in 1..=10_u64 {
        let mut weighing = envelope("ob", day, 80.0 + 0.7 * day.saturating_sub(5) as f64);
        weighing["measurement"]["measured_at"] = json!(format!("2025-12-{:02}T07:00:00.000Z", 18 + day));
        readings.push(weighing);
    }
    for (seq, day) in [(11, 22), (12, 27)] {
        let mut pressure = envelope("ob", seq, 0.0);
        pressure["measurement"]["kind"] = json!("blood_pressure");
        pressure["measurement"]["values"] = json!({ "systolic_mmhg": 210.0, "diastolic_mmhg": 125.0 });
        pressure["measurement"]["measured_at"] = json!(format!("2025-12-{day}T07:03:00.000Z"));
        readings.push(pressure);
    }
    readings
}

/// Xorshift (Marsaglia 2003), and Fisher and Yates with it.
fn shuffled(mut readings: Vec<Value>, seed: u64) -> Vec<Value> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed + 1) | 1;
    for last in (1..readings.len()).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        readings.swap(last, usize::try_from(state % (last as u64 + 1)).expect("small"));
    }
    readings
}

/// What is found when one more pressure is judged on all of it, and which problems have a task.
type Found = (BTreeSet<String>, BTreeSet<String>);

async fn told_in(order: Vec<Value>) -> (Home, Found) {
    let home = Home::open().await;
    for (nth, reading) in order.iter().enumerate() {
        home.up(reading);
        home.acked(nth + 1).await;
    }
    home.receipted("ob", 12).await;
    let mut last = envelope("ob", 13, 0.0);
    last["measurement"]["kind"] = json!("blood_pressure");
    last["measurement"]["values"] = json!({ "systolic_mmhg": 215.0, "diastolic_mmhg": 126.0 });
    last["measurement"]["measured_at"] = json!("2026-01-01T07:04:30.000Z");
    home.set_now("2026-01-01T07:06:00.000Z");
    home.up(&last);
    home.receipted("ob", 13).await;
    let mut reader = home.store.read().await.expect("a reader");
    let found: Vec<String> = sql::query_scalar(
        "SELECT finding.rule || ' ' || COALESCE(CAST(finding.observed AS TEXT), '') || ' ' || COALESCE(CAST(finding.limit_value AS TEXT), '')
         FROM finding JOIN finding_reading ON finding_reading.finding = finding.id
         JOIN reading ON reading.seq = 13 JOIN stream ON stream.id = reading.stream
         WHERE finding_reading.reading = stream.name || '-' || reading.seq",
    )
    .fetch_all(&mut reader)
    .await
    .expect("the findings");
    drop(reader);
    let tasks = home.export(What::Tasks).await;
    let problems = tasks.iter().map(|task| task["problem"].as_str().expect("a problem").to_owned());
    let found = (found.into_iter().collect(), problems.collect());
    (home, found)
}

#[test]
fn the_order_of_arrival_changes_no_final_finding_and_loses_no_task() {
    run(async {
        let in_order = lived();
        let (_, expected) = told_in(in_order.clone()).await;
        assert!(!expected.0.is_empty(), "the last pressure has something to say");
        assert!(expected.1.contains("blood_pressure") && expected.1.len() >= 2, "{expected:?}");
        let reversed: Vec<Value> = in_order.iter().rev().cloned().collect();
        let odd_then_even =
            in_order.iter().step_by(2).chain(in_order.iter().skip(1).step_by(2)).cloned().collect();
        let shuffles = (0..SHUFFLES).map(|seed| shuffled(in_order.clone(), seed));
        for (nth, order) in [reversed, odd_then_even].into_iter().chain(shuffles).enumerate() {
            let (_, found) = told_in(order).await;
            assert_eq!(found.0, expected.0, "order {nth}: what is found in the end");
            assert!(found.1.is_superset(&expected.1), "order {nth}: {:?} lost of {:?}", found.1, expected.1);
        }
    });
}

/// A pressure of five days ago that comes today opens its task today, and says that it is late.
#[test]
fn a_late_reading_is_judged_when_it_arrives_and_marked_late() {
    run(async {
        let home = Home::open().await;
        let readings = lived();
        home.up(&json!([readings[8], readings[9]]));
        home.acked(1).await;
        assert_eq!(home.export(What::Tasks).await.len(), 0);
        home.up(&readings[11]);
        home.acked(2).await;
        let tasks = home.export(What::Tasks).await;
        assert_eq!(tasks.len(), 1);
        assert_eq!(tasks[0]["opened_at"], super::house::NOW, "when it arrived, not when it was measured");
        let late = home.text("SELECT CAST(MIN(late) AS TEXT) FROM finding").await;
        assert_eq!(late, "1");
        let mut reader = home.store.read().await.expect("a reader");
        let journal = journal(&mut reader, 0, 10, None, None).await.expect("the journal");
        let arrivals: Vec<i64> = journal.iter().map(|one| one.arrival).collect();
        assert_eq!(arrivals, [1, 2, 3], "arrival is the order, whatever was measured when");
    });
}
