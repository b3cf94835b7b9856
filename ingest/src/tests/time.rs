//! The passing of time: patients and gateways that are not heard.

use care::export::What;
use serde_json::{Value, json};

use super::house::{Home, Told, envelope, run, time};

async fn open(home: &Home, problem: &str) -> Vec<Value> {
    let tasks = home.export(What::Tasks).await;
    tasks.into_iter().filter(|task| task["problem"] == problem && task["status"] == "open").collect()
}

/// A gateway that was alive and is not heard for half an hour is one task; heard again, the task closes by itself; closed by hand,
/// the same silence opens no other.
#[test]
fn a_silent_gateway_is_one_task_until_it_is_heard() {
    run(async {
        let home = Home::open().await;
        home.up(&envelope("ob", 1, 80.0));
        home.receipted("ob", 1).await;
        home.ingest.look(time("2026-01-01T07:20:00Z")).await.expect("looks");
        assert_eq!(open(&home, "gateway").await.len(), 0, "a quarter of an hour is nothing");
        home.ingest.look(time("2026-01-01T07:35:00Z")).await.expect("looks");
        home.ingest.look(time("2026-01-01T07:36:00Z")).await.expect("looks");
        let tasks = open(&home, "gateway").await;
        let [task] = &tasks[..] else { panic!("gw-0002 was never alive: {tasks:?}") };
        assert_eq!(task["reasons"][0]["rule"], json!("gateway_silent"));

        home.set_now("2026-01-01T07:40:00Z");
        home.up(&envelope("ob", 2, 80.0));
        home.receipted("ob", 2).await;
        home.ingest.look(time("2026-01-01T07:40:10Z")).await.expect("looks");
        assert_eq!(open(&home, "gateway").await.len(), 0, "heard again");

        home.ingest.look(time("2026-01-01T09:00:00Z")).await.expect("looks");
        assert_eq!(open(&home, "gateway").await.len(), 1, "silent again");
        home.sql(
            "UPDATE task SET status = 'closed', closed_at = 0, outcome = 'no_action' WHERE status = 'open'",
        )
        .await;
        home.ingest.look(time("2026-01-01T11:00:00Z")).await.expect("looks");
        assert_eq!(open(&home, "gateway").await.len(), 0, "that silence was dealt with");
    });
}

/// A void's task is about something lost; a heartbeat does not bring it back.
#[test]
fn hearing_a_gateway_closes_no_void() {
    run(async {
        let home = Home::open().await;
        home.up(&json!({"v": 1, "gateway": "gw-0001", "outbox": "ob", "seq": 1, "void": "lost"}));
        home.receipted("ob", 1).await;
        home.ingest.look(time("2026-01-01T07:35:00Z")).await.expect("looks");
        home.set_now("2026-01-01T07:40:00Z");
        let beat = json!({"v": 1, "gateway": "gw-0001", "at": "2026-01-01T07:40:00Z", "outbox": "ob", "last_seq": 1, "unreceipted": 0});
        home.tell(Told::Publish(home.message("vagen/v1/gw-0001/heartbeat", beat.to_string())));
        home.acked(2).await;
        home.ingest.look(time("2026-01-01T07:41:00Z")).await.expect("looks");
        assert_eq!(open(&home, "gateway").await.len(), 1);
    });
}

/// A patient who weighed daily and stops: a silence task after days, by the clock alone, and it closes when they are heard.
#[test]
fn a_silent_patient_is_found_by_the_clock_alone() {
    run(async {
        let home = Home::open().await;
        let day = |day: u32| format!("2026-01-{day:02}T07:04:00.000Z");
        for seq in 1..=10u32 {
            home.set_now(&day(seq));
            let mut value = envelope("ob", seq.into(), 80.0);
            value["measurement"]["measured_at"] = json!(day(seq));
            home.up(&value);
            home.receipted("ob", seq.into()).await;
        }
        home.ingest.look(time(&day(10))).await.expect("looks");
        assert_eq!(open(&home, "silence").await.len(), 0);
        home.ingest.look(time(&day(20))).await.expect("looks");
        let tasks = open(&home, "silence").await;
        assert_eq!(tasks.len(), 1, "ten days of nothing");
        assert_eq!(tasks[0]["patient"], json!("p1"), "p2 never measured, and is not missed");

        home.set_now(&day(20));
        let mut value = envelope("ob", 11, 80.0);
        value["measurement"]["measured_at"] = json!(day(20));
        home.up(&value);
        home.receipted("ob", 11).await;
        assert_eq!(open(&home, "silence").await.len(), 0, "heard again");
    });
}
