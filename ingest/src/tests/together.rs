//! What is kept at hand between transactions, against what the store has: other writers, and everything in one batch.

use care::export::What;
use serde_json::{Value, json};

use super::house::{Home, envelope, run};

/// 80 kg for eight mornings, then 120 twice: one such weight is doubted, the second is believed.
const MORNINGS: [f64; 10] = [80.0, 80.1, 80.2, 80.0, 80.1, 80.2, 80.0, 80.1, 120.0, 120.1];

/// One morning a number, taken by `homes` in turn; the tasks that follow, without their ids.
async fn mornings(homes: &[&Home]) -> Vec<Value> {
    for ((seq, kg), home) in (1..).zip(MORNINGS).zip(homes.iter().cycle()) {
        let at = format!("2026-01-{seq:02}T07:04:00.000Z");
        let mut value = envelope("ob", seq, kg);
        value["measurement"]["measured_at"] = json!(at);
        home.set_now(&at);
        home.up(&value);
        home.receipted("ob", seq).await;
    }
    let mut tasks = homes[0].export(What::Tasks).await;
    for task in &mut tasks {
        for key in ["id", "conversation"] {
            task[key] = Value::Null;
        }
    }
    tasks
}

/// What two services over one store find is what one finds: each knows the readings, numbers and tasks that the other wrote.
#[test]
fn two_services_over_one_store_are_as_one() {
    run(async {
        let alone = Home::open().await;
        let expected = mornings(&[&alone]).await;
        assert!(!expected.is_empty(), "there is something to agree on");
        let one = Home::open().await;
        let other = Home::over(one.store.clone()).await;
        assert_eq!(mornings(&[&one, &other]).await, expected);
        // A number that the other decided, with something else under it.
        one.up(&envelope("ob", 10, 99.0));
        one.until("the conflict", async || one.status().await["quarantined"] == json!({"conflict": 1})).await;
    });
}

/// By hand: in one message a device tells of ten o'clock, of nine, of nine again under another number, and its first number
/// again. The second is new though its device time is not the latest; the third is a duplicate, and so is the fourth.
#[test]
fn one_batch_recognises_what_is_in_it() {
    run(async {
        let home = Home::open().await;
        let shown = |seq: u64, time: &str| {
            let mut value = envelope("ob", seq, 80.0);
            value["measurement"]["device_time"] = json!(time);
            value
        };
        let (ten, nine) = ("2026-01-01T10:00:00", "2026-01-01T09:00:00");
        home.up(&json!([shown(1, ten), shown(2, nine), shown(3, nine), shown(1, ten)]));
        home.receipted("ob", 3).await;
        let status = home.status().await;
        assert_eq!((&status["readings"], &status["duplicates"]), (&json!(2), &json!(2)));
        // And the next batch knows it too.
        home.up(&json!([shown(4, ten), shown(5, "2026-01-01T11:00:00")]));
        home.receipted("ob", 5).await;
        let status = home.status().await;
        assert_eq!((&status["readings"], &status["duplicates"]), (&json!(3), &json!(3)));
    });
}

/// Numbers out of order in one batch: the receipt stands before the gap, and goes over all when it is filled.
#[test]
fn a_gap_within_a_batch_is_a_gap() {
    run(async {
        let home = Home::open().await;
        home.up(&json!([envelope("ob", 5, 80.0), envelope("ob", 1, 80.0), envelope("ob", 3, 80.0)]));
        home.receipted("ob", 1).await;
        home.up(&json!([envelope("ob", 4, 80.0), envelope("ob", 2, 80.0)]));
        home.receipted("ob", 5).await;
        assert_eq!(home.status().await["readings"], 5);
    });
}
