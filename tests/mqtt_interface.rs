//! The MQTT interface, version 1, from outside: another maker's gateway against a running `vagen serve`.
//!
//! Every expectation is a sentence of the published interface, in the test's name or beside it.

use serde_json::json;

use support::mqtt::{Gateway, weighing};
use support::web::Visitor;
use support::{REGISTER, Serving, apply, export, house, status, wait_for};

mod support;

const SCALE: &str = "546c0e000001";
const ENDED_SCALE: &str = "546c0e000003";

fn quarantined(data: &std::path::Path, reason: &str) -> u64 {
    status(data)["quarantined"][reason].as_u64().unwrap_or(0)
}

/// The ready file is written whole once everything answers: `/readyz` is 200 from the first asking on.
#[tokio::test]
async fn once_the_ready_file_is_there_the_service_is_ready() {
    let (_kept, data) = house();
    apply(&data, REGISTER);
    for _ in 0..5 {
        let serving = Serving::start(&data);
        let (status, parts) = Visitor::new(&serving.http).get("/readyz").await;
        assert_eq!(status, 200, "{parts}");
        let (status, metrics) = Visitor::new(&serving.http).get("/metrics").await;
        assert_eq!(status, 200);
        for line in ["vagen_ingest_readings_total 0", "vagen_part_whole{part=\"broker\"} 1"] {
            assert!(metrics.contains(line), "{line} is not in\n{metrics}");
        }
        serving.kill();
    }
}

#[test]
fn readings_are_stored_once_and_receipted_in_order() {
    let (_kept, data) = house();
    apply(&data, REGISTER);
    let serving = Serving::start(&data);
    let gateway = Gateway::connect(serving.mqtt_port(), "gw-0001");
    let envelope =
        |seq: u64| weighing("gw-0001", "box-a", seq, SCALE, 80.0 + seq as f64 / 10.0, 100 - seq as i64);

    gateway.up(envelope(1).to_string());
    gateway.receipt("box-a", 1);
    gateway.up(json!([envelope(2), envelope(3)]).to_string());
    gateway.receipt("box-a", 3);

    // A duplicate is answered with the current receipt.
    gateway.up(envelope(2).to_string());
    assert_eq!(gateway.any_receipt("box-a"), 3);

    // `through` never passes a gap; numbers behind it are kept and receipted when it is filled.
    gateway.up(envelope(6).to_string());
    assert_eq!(gateway.any_receipt("box-a"), 3);
    gateway.up(envelope(5).to_string());
    assert_eq!(gateway.any_receipt("box-a"), 3);
    gateway.up(envelope(4).to_string());
    gateway.receipt("box-a", 6);

    // The same weighing under a new number is recognised by the device's own time and raw bytes.
    let mut again = envelope(3);
    again["seq"] = json!(7);
    gateway.up(again.to_string());
    gateway.receipt("box-a", 7);

    // Without a device time outbox and seq stand in, so two equal weighings both count.
    for seq in [8, 9] {
        let mut timeless = envelope(5);
        timeless["seq"] = json!(seq);
        timeless["measurement"]["device_time"] = json!(null);
        timeless["measurement"]["clock"] = json!("none");
        gateway.up(timeless.to_string());
    }
    gateway.receipt("box-a", 9);

    let now = status(&data);
    assert_eq!(now["readings"], 8, "six, and two without a device time: {now}");
    assert_eq!(now["duplicates"], 2, "{now}");
    assert_eq!(now["outboxes"], json!([{ "gateway": "gw-0001", "outbox": "box-a", "through": 9 }]));
    let readings = export(&data, "readings");
    let order: Vec<u64> = readings.iter().filter_map(|reading| reading["seq"].as_u64()).collect();
    assert_eq!(order, [1, 2, 3, 6, 5, 4, 8, 9], "in order of arrival");
    assert_eq!(readings[0]["raw"], envelope(1)["raw"], "down to the bytes");
    assert_eq!(readings[0]["patient"], "p1");
}

#[test]
fn what_cannot_be_admitted_is_quarantined_and_never_blocks_its_neighbours() {
    let (_kept, data) = house();
    apply(&data, REGISTER);
    let serving = Serving::start(&data);
    let gateway = Gateway::connect(serving.mqtt_port(), "gw-0001");
    let good = |seq: u64| weighing("gw-0001", "box-a", seq, SCALE, 80.0, 200 - seq as i64);

    let mut foreign = good(2);
    foreign["gateway"] = json!("gw-0002");
    let mut future = good(3);
    future["measurement"]["measured_at"] =
        json!(format!("{:.3}", jiff::Timestamp::now() + jiff::SignedDuration::from_mins(11)));
    let mut unworn = good(4);
    unworn["device"]["id"] = json!("ffffffffffff");
    let mut ended = good(5);
    ended["device"]["id"] = json!(ENDED_SCALE);
    let mut malformed = good(6);
    malformed["measurement"]["values"]["weight_kg"] = json!("eighty");
    let mut large = good(7);
    large["padding"] = json!("x".repeat(256 * 1024));
    gateway.up(json!([good(1), foreign, future, unworn, ended, malformed, large, good(8)]).to_string());
    gateway.receipt("box-a", 8);

    // One that cannot be read takes no number.
    for poison in [&b"\xff\xfe\x00"[..], b"{", b"null", b"[1,2]", br#"{"v":1}"#, b"", b"[]"] {
        gateway.up(poison);
    }
    // A second, different envelope under a number already decided is a conflict.
    let mut conflict = good(1);
    conflict["measurement"]["values"]["weight_kg"] = json!(70.0);
    gateway.up(conflict.to_string());
    gateway.up(good(9).to_string());
    gateway.receipt("box-a", 9);

    assert_eq!(quarantined(&data, "wrong_gateway"), 1);
    assert_eq!(quarantined(&data, "future_dated"), 1);
    assert_eq!(quarantined(&data, "not_worn"), 2, "a device nobody wore, and one that nobody wears any more");
    assert_eq!(quarantined(&data, "too_large"), 1);
    assert_eq!(quarantined(&data, "conflict"), 1);
    assert!(quarantined(&data, "malformed") >= 9, "{}", status(&data));
    assert_eq!(status(&data)["readings"], 3);
    let rows = export(&data, "quarantine");
    let unreadable = rows.iter().filter(|row| row["seq"].is_null()).count();
    assert!(unreadable >= 5, "{rows:?}");

    // From an unknown gateway: quarantined, and its number is taken.
    let stranger = Gateway::connect(serving.mqtt_port(), "gw-9999");
    stranger.up(weighing("gw-9999", "box-s", 1, SCALE, 80.0, 5).to_string());
    stranger.receipt("box-s", 1);
    assert_eq!(quarantined(&data, "unknown_gateway"), 1);
}

#[test]
fn a_void_is_decided_and_opens_a_gateway_task() {
    let (_kept, data) = house();
    apply(&data, REGISTER);
    let serving = Serving::start(&data);
    let gateway = Gateway::connect(serving.mqtt_port(), "gw-0001");
    gateway.up(weighing("gw-0001", "box-a", 1, SCALE, 80.0, 50).to_string());
    gateway.receipt("box-a", 1);
    gateway.up(json!({ "v": 1, "gateway": "gw-0001", "outbox": "box-a", "seq": 2, "void": "disk error" })
        .to_string());
    gateway.receipt("box-a", 2);
    let task = wait_for("a gateway task", || {
        export(&data, "tasks").into_iter().find(|task| task["problem"] == "gateway")
    });
    assert_eq!(task["patient"], "p1", "the patient whose devices it delivers");
    assert_eq!(task["status"], "open");
}

#[test]
fn a_gateway_that_believes_more_receipted_than_the_store_knows_is_asked_again() {
    let (_kept, data) = house();
    apply(&data, REGISTER);
    let serving = Serving::start(&data);
    let gateway = Gateway::connect(serving.mqtt_port(), "gw-0001");
    gateway.up(weighing("gw-0001", "box-a", 1, SCALE, 80.0, 50).to_string());
    gateway.receipt("box-a", 1);
    let at = format!("{:.3}", jiff::Timestamp::now());
    let heartbeat = json!({ "v": 1, "gateway": "gw-0001", "at": at, "outbox": "box-a", "last_seq": 9, "unreceipted": 2,
        "version": "9.9", "clock_synced": true, "devices": [{ "id": SCALE, "last_seen": at, "battery_percent": 66 }] });
    gateway.publish("vagen/v1/gw-0001/heartbeat", heartbeat.to_string());
    let asked = loop {
        let message = gateway.next();
        if message["resend"].is_object() {
            break message;
        }
    };
    assert_eq!(asked, json!({ "v": 1, "resend": { "outbox": "box-a", "from": 2, "to": 7 } }));
    let now = status(&data);
    assert!(now["gateways"][0]["last_heartbeat"].is_string(), "{now}");
}

#[test]
fn a_restart_keeps_every_receipt_true() {
    let (_kept, data) = house();
    apply(&data, REGISTER);
    let serving = Serving::start(&data);
    let gateway = Gateway::connect(serving.mqtt_port(), "gw-0001");
    gateway.up(weighing("gw-0001", "box-a", 1, SCALE, 80.0, 50).to_string());
    gateway.receipt("box-a", 1);
    serving.kill();
    let serving = Serving::start(&data);
    let gateway = Gateway::connect(serving.mqtt_port(), "gw-0001");
    gateway.up(weighing("gw-0001", "box-a", 1, SCALE, 80.0, 50).to_string());
    gateway.up(weighing("gw-0001", "box-a", 2, SCALE, 80.0, 49).to_string());
    gateway.receipt("box-a", 2);
    let (ended, took) = serving.terminate();
    assert!(ended.success() && took.as_secs_f64() < 2.0, "{ended} after {took:?}");
    assert_eq!(status(&data)["readings"], 2);
}
