//! The passing of time: patients and gateways that are not heard.

use care::conversations::{self, AuthorKind};
use care::export::What;
use care::live::Change;
use serde_json::{Value, json};

use super::house::{Home, NOW, Told, envelope, run, time};

async fn open(home: &Home, problem: &str) -> Vec<Value> {
    let tasks = home.export(What::Tasks).await;
    tasks.into_iter().filter(|task| task["problem"] == problem && task["status"] == "open").collect()
}

/// Whose `tasks` are, sorted.
fn patients(tasks: &[Value]) -> Vec<&str> {
    let mut patients: Vec<&str> = tasks.iter().filter_map(|task| task["patient"].as_str()).collect();
    patients.sort_unstable();
    patients
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

/// A box that was replaced: numbers 1 and 3 came of the 5 it was known to hold, so 2, 4 and 5 did not. Nothing missing, no task.
#[test]
fn what_a_replaced_box_still_held_is_one_task() {
    run(async {
        let home = Home::open().await;
        for (outbox, seq) in [("ob", 1), ("ob", 3), ("whole", 1)] {
            home.up(&envelope(outbox, seq, 80.0));
        }
        home.receipted("ob", 1).await;
        home.receipted("whole", 1).await;
        home.sql("UPDATE stream SET closed_at = 1, closed_last = 5 WHERE outbox = 'ob'").await;
        home.sql("UPDATE stream SET closed_at = 1, closed_last = 1 WHERE outbox = 'whole'").await;
        home.ingest.look(time("2026-01-01T07:10:00Z")).await.expect("looks");
        home.ingest.look(time("2026-01-01T07:11:00Z")).await.expect("looks");
        let tasks = open(&home, "gateway").await;
        let [task] = &tasks[..] else { panic!("{tasks:?}") };
        let reasons = task["reasons"].as_array().expect("reasons");
        assert_eq!(reasons.len(), 1, "it is told once: {reasons:?}");
        assert_eq!((&reasons[0]["rule"], &reasons[0]["observed"]), (&json!("gateway_replaced"), &json!(3.0)));
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
        assert_eq!(patients(&tasks), ["p1", "p2"], "ten days of nothing, and nothing since enrolment");

        home.set_now(&day(20));
        let mut value = envelope("ob", 11, 80.0);
        value["measurement"]["measured_at"] = json!(day(20));
        home.up(&value);
        home.receipted("ob", 11).await;
        let tasks = open(&home, "silence").await;
        assert!(tasks.iter().all(|task| task["patient"] == "p2"), "heard again: {tasks:?}");
    });
}

/// Enrolled at 07:05 UTC on January 1 and never heard of: EMPOWER's ladder as for anybody, from that day on.
#[test]
fn a_patient_who_never_sends_anything_is_missed_from_enrolment_on() {
    run(async {
        let home = Home::open().await;
        home.ingest.look(time(NOW)).await.expect("looks");
        home.ingest.look(time("2026-01-03T12:59:00Z")).await.expect("looks");
        assert_eq!(reminders(&home, "p2").await.len(), 0);
        home.ingest.look(time("2026-01-03T13:00:00Z")).await.expect("looks");
        assert_eq!(reminders(&home, "p2").await.len(), 1);
        home.ingest.look(time("2026-01-04T13:00:00Z")).await.expect("looks");
        let tasks = open(&home, "silence").await;
        assert_eq!(patients(&tasks), ["p1", "p2"]);
        assert!(tasks.iter().all(|task| task["reasons"][0]["rule"] == "silence_call_patient"), "{tasks:?}");
    });
}

/// The register changes while the service runs: a patient enrolled later is missed from that day on, and limits that the
/// policy does not know are a task, once, however often the patient is looked at.
#[test]
fn a_register_applied_meanwhile_holds_without_a_restart() {
    run(async {
        let home = Home::open().await;
        home.ingest.look(time(NOW)).await.expect("looks");
        let patient =
            r#"{ id = "p3", name = "Stina Test", units = ["hf"], language = "sv", policy = "recommended""#;
        let enrolled = format!("patient = [{patient} }}]");
        home.apply(&enrolled, "2026-01-10T09:00:00Z").await;
        home.ingest.look(time("2026-01-11T13:00:00Z")).await.expect("looks");
        assert_eq!(of(&home, "p3").await, Vec::<Value>::new());
        let limits = r#", plan = { text = "Vägning dagligen", limits = { "no.such.limit" = 1.0 } } }]"#;
        home.apply(&format!("patient = [{patient}{limits}"), "2026-01-11T14:00:00Z").await;
        for moment in ["2026-01-11T15:30:00Z", "2026-01-11T17:00:00Z", "2026-01-12T12:00:00Z"] {
            home.ingest.look(time(moment)).await.expect("looks");
        }
        assert_eq!(of(&home, "p3").await, ["technical"], "within the hour");
        home.ingest.look(time("2026-01-13T13:00:00Z")).await.expect("looks");
        assert_eq!(of(&home, "p3").await, ["technical", "silence"], "three days after January 10");
    });
}

async fn of(home: &Home, patient: &str) -> Vec<Value> {
    let tasks = home.export(What::Tasks).await;
    tasks.iter().filter(|task| task["patient"] == patient).map(|task| task["problem"].clone()).collect()
}

async fn reminders(home: &Home, patient: &str) -> Vec<String> {
    let patient = patient.parse().expect("a patient id");
    let mut reader = home.store.read().await.expect("a reader");
    let messages = conversations::of_patient(&mut reader, &patient).await.expect("messages");
    let by_the_system = messages
        .into_iter()
        .filter(|message| message.author_kind == AuthorKind::System && message.task.is_none());
    by_the_system.map(|message| message.body).collect()
}

/// EMPOWER's ladder as the recommended policy has it: day 2 a message to the patient, day 3 a task to call, at 14 local time
/// (13 UTC in a Swedish winter). Nobody of the staff has work of day 2.
#[test]
fn the_second_silent_day_reminds_once_and_the_third_is_a_task() {
    run(async {
        let home = Home::open().await;
        let mut news = home.feed.listen();
        home.up(&envelope("ob", 1, 80.0));
        home.receipted("ob", 1).await;
        home.ingest.look(time("2026-01-03T12:59:00Z")).await.expect("looks");
        assert_eq!(reminders(&home, "p1").await, Vec::<String>::new(), "not yet 14");
        for minute in ["13:00", "13:01", "14:30", "23:00"] {
            home.ingest.look(time(&format!("2026-01-03T{minute}:00Z"))).await.expect("looks");
        }
        let said = reminders(&home, "p1").await;
        assert_eq!(said, [alerts::dialogue::REMINDER.sv], "once, in her language");
        assert_eq!(open(&home, "silence").await.len(), 0);
        let told = std::iter::from_fn(|| news.try_recv().ok());
        let told = told.filter(|change| *change == Change::Message { task: None, patient: "p1".to_owned() });
        assert_eq!(told.count(), 1);

        // A restart looks at the same moments again.
        home.sql("UPDATE counter SET value = 1767441600000 WHERE name = 'watch.judged_at'").await;
        let home = Home::over(home.store.clone()).await;
        home.ingest.look(time("2026-01-03T23:30:00Z")).await.expect("looks");
        assert_eq!(reminders(&home, "p1").await.len(), 1, "that silence has its reminder");

        home.ingest.look(time("2026-01-04T13:00:00Z")).await.expect("looks");
        let tasks = open(&home, "silence").await;
        assert_eq!(tasks.iter().filter(|task| task["patient"] == "p1").count(), 1, "{tasks:?}");
        assert_eq!(reminders(&home, "p1").await.len(), 1);
    });
}

/// Heard on the day of the reminder and then silent again: another silence, and another reminder.
#[test]
fn another_silence_has_another_reminder() {
    run(async {
        let home = Home::open().await;
        home.up(&envelope("ob", 1, 80.0));
        home.receipted("ob", 1).await;
        home.ingest.look(time("2026-01-01T07:10:00Z")).await.expect("looks");
        home.ingest.look(time("2026-01-03T13:00:00Z")).await.expect("looks");
        home.set_now("2026-01-03T15:00:00Z");
        let mut value = envelope("ob", 2, 80.0);
        value["measurement"]["measured_at"] = json!("2026-01-03T15:00:00.000Z");
        home.up(&value);
        home.receipted("ob", 2).await;
        home.ingest.look(time("2026-01-03T15:01:00Z")).await.expect("looks");
        home.ingest.look(time("2026-01-05T13:00:00Z")).await.expect("looks");
        assert_eq!(reminders(&home, "p1").await.len(), 2);
        let tasks = open(&home, "silence").await;
        assert!(tasks.iter().all(|task| task["patient"] == "p2"), "{tasks:?}");
    });
}
