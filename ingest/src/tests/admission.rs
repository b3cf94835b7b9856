//! What becomes of a message: the published MQTT interface, sentence by sentence.

use care::export::What;
use serde_json::{Value, json};

use super::house::{Home, NOW, Told, envelope, run};

/// `envelope` with the field at `pointer` set to `value`.
fn with(mut envelope: Value, pointer: &str, value: Value) -> Value {
    *envelope.pointer_mut(pointer).expect("the field") = value;
    envelope
}

fn quarantined(status: &Value) -> &Value {
    &status["quarantined"]
}

#[test]
fn an_envelope_becomes_a_reading_that_names_its_bytes() {
    run(async {
        let home = Home::open().await;
        home.up(&envelope("ob", 1, 80.1));
        home.receipted("ob", 1).await;
        let readings = home.export(What::Readings).await;
        let [reading] = &readings[..] else { panic!("{readings:?}") };
        let rows = [
            ("/patient", json!("p1")),
            ("/at", json!("2026-01-01T07:04:00.000Z")),
            ("/received_at", json!(NOW)),
            ("/kind", json!("weight")),
            ("/values/weight_kg", json!(80.1)),
            ("/clock", json!("synced")),
            ("/gateway", json!("gw-0001")),
            ("/outbox", json!("ob")),
            ("/seq", json!(1)),
        ];
        for (pointer, expected) in rows {
            assert_eq!(reading.pointer(pointer), Some(&expected), "{pointer} of {reading}");
        }
        assert!(reading["raw"].to_string().contains("02943eea070101080400"), "{reading}");
    });
}

/// To add a case, add a row: what to change in an envelope in order, and the reason it is quarantined for.
#[test]
fn what_cannot_be_admitted_is_quarantined_takes_its_number_and_blocks_nobody() {
    run(async {
        let home = Home::open().await;
        let rows = [
            ("/gateway", json!("gw-0002"), "wrong_gateway"),
            ("/measurement/measured_at", json!("2026-01-01T07:15:00.001Z"), "future_dated"),
            ("/device/id", json!("546c0e000004"), "not_worn"),
            ("/device/id", json!("aaaaaaaaaaaa"), "not_worn"),
            ("/device/id", json!("546c0e000003"), "ambiguous_wearer"),
            ("/measurement/kind", json!("mood"), "malformed"),
            ("/v", json!(2), "malformed"),
        ];
        let mut message = Vec::new();
        for (seq, (pointer, value, _)) in (1..).zip(&rows) {
            message.push(with(envelope("ob", seq, 80.0), pointer, value.clone()));
        }
        message.push(envelope("ob", 8, 80.0));
        home.up(&Value::from(message));
        home.receipted("ob", 8).await;
        let quarantine = home.export(What::Quarantine).await;
        let got: Vec<_> = quarantine.iter().map(|row| (row["seq"].clone(), row["reason"].clone())).collect();
        let expected: Vec<_> =
            (1..).zip(&rows).map(|(seq, (_, _, reason))| (json!(seq), json!(reason))).collect();
        assert_eq!(got, expected);
        assert_eq!(home.status().await["readings"], 1);
    });
}

#[test]
fn an_unknown_gateway_is_quarantined_with_receipts_of_its_own() {
    run(async {
        let home = Home::open().await;
        let stranger = with(envelope("ob", 1, 80.0), "/gateway", json!("gw-9"));
        home.tell(Told::Publish(home.message("vagen/v1/gw-9/up", stranger.to_string())));
        home.acked(1).await;
        home.a_while().await;
        assert_eq!(quarantined(&home.status().await), &json!({"unknown_gateway": 1}));
        let down = home.wire.lock().expect("the wire").down.clone();
        let receipt = json!({"v": 1, "receipt": {"outbox": "ob", "through": 1}});
        assert_eq!(down, [("vagen/v1/gw-9/down".to_owned(), receipt)]);
    });
}

#[test]
fn what_cannot_be_read_takes_no_number_and_is_acknowledged() {
    run(async {
        let home = Home::open().await;
        home.tell(Told::Publish(home.message("vagen/v1/gw-0001/up", [0xFF, 0x00])));
        home.tell(Told::Publish(home.message("vagen/v1/not a gateway/up", "{}")));
        home.up(&json!("text"));
        home.up(&envelope("ob", 1, 80.0));
        home.receipted("ob", 1).await;
        assert_eq!(home.acks().len(), 4);
        assert_eq!(quarantined(&home.status().await), &json!({"malformed": 3}));
        let gateways: Vec<_> =
            home.export(What::Quarantine).await.iter().map(|row| row["gateway"].clone()).collect();
        assert_eq!(gateways, [json!("gw-0001"), json!("?"), json!("gw-0001")]);
    });
}

#[test]
fn the_same_again_is_a_duplicate_and_another_is_a_conflict() {
    run(async {
        let home = Home::open().await;
        home.up(&envelope("ob", 1, 80.0));
        home.receipted("ob", 1).await;
        home.up(&envelope("ob", 1, 80.0));
        home.acked(2).await;
        home.up(&envelope("ob", 1, 81.0));
        home.up(&envelope("ob", 1, 81.0));
        home.acked(4).await;
        home.a_while().await;
        let status = home.status().await;
        assert_eq!((&status["readings"], &status["duplicates"]), (&json!(1), &json!(1)));
        assert_eq!(quarantined(&status), &json!({"conflict": 1}), "redelivered, it is still one");
        let receipt = json!({"v": 1, "receipt": {"outbox": "ob", "through": 1}});
        assert!(home.down().iter().all(|message| *message == receipt), "answered with the current receipt");
    });
}

/// "The same weighing twice is recognised by the device's own time and raw bytes; without a device time outbox and seq
/// stand in, so two equal weighings both count."
#[test]
fn a_weighing_is_recognised_by_the_devices_own_time() {
    run(async {
        let home = Home::open().await;
        let timed = |outbox, seq| {
            with(envelope(outbox, seq, 80.0), "/measurement/device_time", json!("2026-01-01T08:04:00"))
        };
        home.up(&timed("ob", 1));
        home.up(&timed("ob", 2));
        home.up(&timed("other", 1));
        home.up(&with(timed("ob", 3), "/raw/hex", json!("02953eea070101080400")));
        home.receipted("ob", 3).await;
        let status = home.status().await;
        assert_eq!((&status["readings"], &status["duplicates"]), (&json!(2), &json!(2)));
        home.up(&envelope("ob", 4, 80.0));
        home.up(&envelope("ob", 5, 80.0));
        home.receipted("ob", 5).await;
        assert_eq!(home.status().await["readings"], 4, "without a device time both count");
    });
}

/// The same weighing heard by two gateways counts once, and both get their receipt.
#[test]
fn two_gateways_with_one_scale_count_once() {
    run(async {
        let home = Home::open().await;
        let timed = |gateway: &str| {
            let value =
                with(envelope("ob", 1, 80.0), "/measurement/device_time", json!("2026-01-01T08:04:00"));
            with(value, "/gateway", json!(gateway)).to_string()
        };
        for gateway in ["gw-0001", "gw-0002"] {
            home.tell(Told::Publish(home.message(&format!("vagen/v1/{gateway}/up"), timed(gateway))));
        }
        home.acked(2).await;
        home.a_while().await;
        let status = home.status().await;
        assert_eq!((&status["readings"], &status["duplicates"]), (&json!(1), &json!(1)));
        let through = json!([
            {"gateway": "gw-0001", "outbox": "ob", "through": 1},
            {"gateway": "gw-0002", "outbox": "ob", "through": 1}
        ]);
        assert_eq!(status["outboxes"], through);
    });
}

/// "through never passes a gap and never goes back; numbers behind a gap are kept and receipted when it is filled."
#[test]
fn a_receipt_never_passes_a_gap() {
    run(async {
        let home = Home::open().await;
        for seq in [2, 4, 3] {
            home.up(&envelope("ob", seq, 80.0));
        }
        home.acked(3).await;
        home.receipted("ob", 0).await;
        assert_eq!(home.status().await["readings"], 3, "kept behind the gap");
        home.up(&envelope("ob", 1, 80.0));
        home.receipted("ob", 4).await;
        home.up(&envelope("ob", 2, 80.0));
        home.acked(5).await;
        home.receipted("ob", 4).await;
        let through: Vec<u64> =
            home.down().iter().filter_map(|message| message["receipt"]["through"].as_u64()).collect();
        assert!(through.is_sorted(), "{through:?}");
    });
}

/// A gap that stands for more than ten seconds is asked for, at most once a minute.
#[test]
fn a_gap_that_stands_is_asked_for() {
    run(async {
        let home = Home::open().await;
        home.up(&envelope("ob", 1, 80.0));
        home.up(&envelope("ob", 5, 80.0));
        home.receipted("ob", 1).await;
        home.set_now("2026-01-01T07:05:10.001Z");
        let resend = json!({"v": 1, "resend": {"outbox": "ob", "from": 2, "to": 4}});
        home.until("a request", async || home.down().contains(&resend)).await;
        tokio::time::sleep(std::time::Duration::from_millis(2_500)).await;
        assert_eq!(home.down().iter().filter(|message| **message == resend).count(), 1);
    });
}

fn heartbeat(outbox: &str, last_seq: u64, unreceipted: u64) -> String {
    json!({"v": 1, "gateway": "gw-0001", "at": NOW, "outbox": outbox, "last_seq": last_seq,
        "unreceipted": unreceipted, "version": "0.1.0", "clock_synced": true, "devices": []})
    .to_string()
}

/// A server restored from a backup asks again for what its gateways believe receipted.
#[test]
fn a_heartbeat_is_kept_and_shows_what_is_lost_here() {
    run(async {
        let home = Home::open().await;
        home.up(&envelope("ob", 1, 80.0));
        home.receipted("ob", 1).await;
        let beat = |last_seq, unreceipted| {
            home.tell(Told::Publish(
                home.message("vagen/v1/gw-0001/heartbeat", heartbeat("ob", last_seq, unreceipted)),
            ));
        };
        beat(3, 2);
        home.acked(2).await;
        assert_eq!(home.down().len(), 1, "nothing to ask for: {:?}", home.down());
        beat(9, 2);
        let resend = json!({"v": 1, "resend": {"outbox": "ob", "from": 2, "to": 7}});
        home.until("a request", async || home.down().last() == Some(&resend)).await;
        home.tell(Told::Publish(home.message("vagen/v1/gw-0001/heartbeat", "nonsense")));
        home.acked(4).await;
        let status = home.status().await;
        assert_eq!(status["gateways"][0], json!({"id": "gw-0001", "last_heartbeat": NOW}));
        assert_eq!(quarantined(&status), &json!({}), "a heartbeat carries no reading");
    });
}

/// "a void is decided, and opens a gateway task"; under a decided number it changes nothing.
#[test]
fn a_void_is_decided_and_somebody_is_told() {
    run(async {
        let home = Home::open().await;
        let void = |seq: u64| json!({"v": 1, "gateway": "gw-0001", "outbox": "ob", "seq": seq, "void": "no receipt"});
        home.up(&envelope("ob", 1, 80.0));
        home.up(&void(1));
        home.receipted("ob", 1).await;
        home.acked(2).await;
        assert_eq!(home.status().await["open_tasks"], 0, "decided before");
        home.up(&void(2));
        home.receipted("ob", 2).await;
        home.up(&void(2));
        home.up(&void(3));
        home.receipted("ob", 3).await;
        let tasks = home.export(What::Tasks).await;
        let [task] = &tasks[..] else { panic!("one task a gateway: {tasks:?}") };
        assert_eq!((&task["problem"], &task["patient"]), (&json!("gateway"), &json!("p1")));
        home.up(&envelope("ob", 2, 80.0));
        home.acked(6).await;
        home.a_while().await;
        assert_eq!(
            quarantined(&home.status().await),
            &json!({"conflict": 1}),
            "the original, after its void"
        );
    });
}

#[test]
fn a_device_goes_from_one_patient_to_the_next() {
    run(async {
        let home = Home::open().await;
        let worn = |seq, at: &str| {
            let value = with(envelope("ob", seq, 80.0), "/device/id", json!("546c0e000002"));
            with(value, "/measurement/measured_at", json!(at))
        };
        home.up(&worn(1, "2025-12-30T23:59:59.999Z"));
        home.up(&worn(2, "2025-12-31T00:00:00.000Z"));
        home.up(&worn(3, "2024-12-31T23:59:59.999Z"));
        home.receipted("ob", 3).await;
        let mut patients: Vec<_> = home
            .export(What::Readings)
            .await
            .iter()
            .map(|row| (row["seq"].clone(), row["patient"].clone()))
            .collect();
        patients.sort_by_key(|(seq, _)| seq.as_u64());
        assert_eq!(patients, [(json!(1), json!("p1")), (json!(2), json!("p2"))]);
        assert_eq!(quarantined(&home.status().await), &json!({"not_worn": 1}));
    });
}

/// Two people share a scale with user slots; a weighing without a slot goes to the one whose weight it fits.
#[test]
fn a_weight_without_a_slot_goes_to_the_one_it_fits() {
    run(async {
        let home = Home::open().await;
        let shared = |seq, weight: f64, slot: Value| {
            let value = with(envelope("ob", seq, weight), "/device/id", json!("546c0e000003"));
            with(value, "/measurement/user_slot", slot)
        };
        home.up(&shared(1, 60.0, json!(1)));
        home.up(&shared(2, 80.0, json!(2)));
        home.up(&shared(3, 61.0, Value::Null));
        home.up(&shared(4, 70.0, Value::Null));
        home.up(&shared(5, 60.0, json!(3)));
        home.receipted("ob", 5).await;
        let readings = home.export(What::Readings).await;
        let whose = |seq: u64| {
            readings
                .iter()
                .find(|row| row["seq"] == seq)
                .map(|row| row["patient"].as_str().unwrap_or("").to_owned())
        };
        assert_eq!(whose(3).as_deref(), Some("p1"));
        assert_eq!(quarantined(&home.status().await), &json!({"ambiguous_wearer": 1, "not_worn": 1}));
    });
}

#[test]
fn two_hundred_in_one_message_are_one_commit() {
    run(async {
        let home = Home::open().await;
        let all: Vec<Value> = (1..=200).map(|seq| envelope("ob", seq, 80.0)).collect();
        home.up(&Value::from(all));
        home.receipted("ob", 200).await;
        assert_eq!(home.status().await["readings"], 200);
        assert_eq!(home.down().len(), 1, "one receipt for the sequence");
    });
}
