//! What an MQTT client does not do for us, and the test that fails when our guard against it is taken away.
//!
//! | guard | test |
//! |---|---|
//! | a clean session, and everything unreceipted again after each CONNACK | `every_connection_starts_clean_and_sends_everything_unreceipted` |
//! | the send window is smaller than the client's | `no_more_than_the_window_is_unacknowledged` |
//! | payloads are capped before they are handed to the client | `a_message_stays_small` |
//! | subscribe after each CONNACK, before anything is sent | `every_connection_starts_clean_and_sends_everything_unreceipted` |
//! | only a receipt settles, a broker's acknowledgement does not | `an_acknowledgement_settles_nothing` |
//! | the incoming packet limit is raised | `a_large_message_does_not_end_the_connection` |
//! | receipts of another outbox, and nonsense, change nothing | `what_is_not_for_us_changes_nothing` |
//! | a refused subscription is no connection | `a_refused_subscription_is_no_connection` |
//! | a broker that stops acknowledging is left | `uplink::courier`: `a_broker_that_acknowledges_nothing_is_left` |
//! | a server that is silent or slow costs no number its life | `uplink::courier`: three tests of that name |
//!
//! Each was checked by taking the guard out and seeing the test fail.

mod support;

use std::path::Path;
use std::time::Duration;

use gateway::Clock;
use gateway::io::carry::Carrier;
use gateway::io::mqtt::MqttLink;
use gateway::outbox::{Depth, Limits, Outbox, Sealing, SharedOutbox};
use gateway::uplink::WINDOW;
use support::{Rules, Seen, Server, wait_for};
use tokio::sync::watch;
use vitals::{
    ClockClass, DeviceIdentity, GatewayId, Kind, Measurement, RawFrame, Seq, TimedMeasurement, Timestamp,
};

fn now() -> Timestamp {
    Timestamp::from_millis(1_767_251_040_000).expect("2026-01-01T07:04:00Z")
}

fn frame(nth: u32, serial: Option<String>) -> Sealing {
    Sealing {
        device: DeviceIdentity { id: "546c0e000001".parse().expect("an address"), model: None, serial },
        measurement: TimedMeasurement::new(Measurement::empty(Kind::Weight), now(), ClockClass::None, None),
        raw: RawFrame { characteristic: "2a9d".into(), bytes: nth.to_le_bytes().to_vec() },
        heard_at: now(),
        heard_ordinal: nth,
    }
}

fn outbox(folder: &Path, sealed: u32, serial: Option<&str>) -> SharedOutbox {
    let gateway: GatewayId = "gw-0001".parse().expect("a token");
    let opened = Outbox::open(&folder.join("o.db"), &gateway, Limits::default(), now()).expect("opens");
    let mut outbox = opened.outbox;
    for nth in 0..sealed {
        outbox.seal(&frame(nth, serial.map(str::to_owned)), now()).expect("seals");
    }
    SharedOutbox::new(outbox)
}

/// Carries for `outbox` on a thread of its own for the rest of the test.
fn carry(server: &Server, outbox: &SharedOutbox) -> watch::Receiver<Depth> {
    let (depth, outbox) = (outbox.watch(), outbox.clone());
    let link = MqttLink::new(server.url.parse().expect("a broker"), outbox.gateway().clone(), "test".into());
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let (_devices, devices) = watch::channel(Vec::new());
            Carrier::new(link, outbox, Clock::of(now), devices).await.run().await;
        });
    });
    depth
}

fn numbers(payload: &[u8]) -> Vec<u64> {
    let value: serde_json::Value = serde_json::from_slice(payload).expect("JSON goes up");
    let several = value.as_array().cloned().unwrap_or_else(|| vec![value]);
    several.iter().map(|envelope| envelope["seq"].as_u64().expect("a number")).collect()
}

/// A while in which a wrong gateway would have gone on.
fn a_while() {
    std::thread::sleep(Duration::from_millis(400));
}

#[test]
fn every_connection_starts_clean_and_sends_everything_unreceipted() {
    let folder = tempfile::tempdir().expect("a folder");
    let outbox = outbox(folder.path(), 250, None);
    // The broker takes the heartbeat and two messages, then drops the line; the server never hears of them.
    let server = Server::start(Rules { receipt: false, drop_after: Some(3), ..Rules::default() });
    let mut depth = carry(&server, &outbox);
    let connections =
        |server: &Server| server.seen().iter().filter(|it| matches!(it, Seen::Connect { .. })).count();
    wait_for("three connections", || connections(&server) >= 3);
    server.set(Rules::default());
    wait_for("every receipt", || depth.borrow_and_update().unreceipted == 0);

    let seen = server.seen();
    let starts: Vec<usize> = (0..seen.len()).filter(|at| matches!(seen[*at], Seen::Connect { .. })).collect();
    for start in starts {
        let Seen::Connect { clean_session, user, keep_alive_s, .. } = &seen[start] else { unreachable!() };
        assert_eq!((*clean_session, user.as_deref(), *keep_alive_s), (true, Some("gw-0001"), 30));
        let mut after = seen[start + 1..].iter().filter(|it| !matches!(it, Seen::Gone));
        assert_eq!(after.next(), Some(&Seen::Subscribe { topic: "vagen/v1/gw-0001/down".into() }));
        let first_up = after.find_map(|it| match it {
            Seen::Publish { topic, payload, .. } if topic.ends_with("/up") => Some(numbers(payload)),
            Seen::Connect { .. } | Seen::Subscribe { .. } | Seen::Publish { .. } | Seen::Gone => None,
        });
        assert_eq!(
            first_up.and_then(|numbers| numbers.first().copied()),
            Some(1),
            "oldest first, from the head"
        );
    }
    assert_eq!(server.stored().values().map(|it| it.len()).sum::<usize>(), 250);
}

#[test]
fn no_more_than_the_window_is_unacknowledged() {
    let folder = tempfile::tempdir().expect("a folder");
    let outbox = outbox(folder.path(), 2_000, None);
    let server = Server::start(Rules { acknowledge: false, receipt: false, ..Rules::default() });
    carry(&server, &outbox);
    wait_for("a full window", || server.published("/up").len() >= WINDOW);
    a_while();
    assert_eq!(server.published("/up").len(), WINDOW);
}

/// Devices cannot make an envelope this large; a serial number of 5 kB stands in for whatever can.
#[test]
fn a_message_stays_small() {
    let folder = tempfile::tempdir().expect("a folder");
    let outbox = outbox(folder.path(), 200, Some(&"9".repeat(5_000)));
    let server = Server::start(Rules { receipt: false, ..Rules::default() });
    carry(&server, &outbox);
    let sent = || server.published("/up").iter().map(|payload| numbers(payload).len()).sum::<usize>();
    wait_for("every envelope", || sent() >= 200);
    for payload in server.published("/up") {
        assert!(payload.len() <= 256 * 1024, "{} bytes", payload.len());
        assert!(numbers(&payload).len() <= 200);
    }
}

/// Larger than the interface carries: refused before it has a number, so that it can never block its neighbours.
#[test]
fn an_envelope_that_is_too_large_gets_no_number() {
    let folder = tempfile::tempdir().expect("a folder");
    let gateway: GatewayId = "gw-0001".parse().expect("a token");
    let opened =
        Outbox::open(&folder.path().join("o.db"), &gateway, Limits::default(), now()).expect("opens");
    let mut outbox = opened.outbox;
    assert!(outbox.seal(&frame(0, Some("9".repeat(300_000))), now()).is_err());
    let sealed = outbox.seal(&frame(1, None), now()).expect("seals");
    assert_eq!(sealed, gateway::outbox::Sealed::New(Seq::FIRST));
}

#[test]
fn an_acknowledgement_settles_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let outbox = outbox(folder.path(), 5, None);
    let server = Server::start(Rules { receipt: false, ..Rules::default() });
    let depth = carry(&server, &outbox);
    wait_for("the envelopes", || !server.published("/up").is_empty());
    a_while();
    assert_eq!(depth.borrow().unreceipted, 5);
}

/// 100 KiB of something a later version says, then a receipt, on the first connection.
#[test]
fn a_large_message_does_not_end_the_connection() {
    let folder = tempfile::tempdir().expect("a folder");
    let outbox = outbox(folder.path(), 5, None);
    let large = format!(r#"{{"v":1,"notice":"{}"}}"#, "x".repeat(100 * 1024));
    let server = Server::start(Rules { greeting: vec![large.into_bytes()], ..Rules::default() });
    let mut depth = carry(&server, &outbox);
    wait_for("every receipt", || depth.borrow_and_update().unreceipted == 0);
    let connections = server.seen().iter().filter(|it| matches!(it, Seen::Connect { .. })).count();
    assert_eq!(connections, 1);
}

#[test]
fn what_is_not_for_us_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let outbox = outbox(folder.path(), 5, None);
    let greeting = [
        &br#"{"v":1,"resend":{"outbox":"another","from":1,"to":5}}"#[..],
        br#"{"v":1,"receipt":{"outbox":"another","through":5}}"#,
        br#"{"v":2,"receipt":{"outbox":"another","through":5}}"#,
        b"nonsense",
        b"",
    ];
    let greeting = greeting.map(<[u8]>::to_vec).to_vec();
    let server = Server::start(Rules { receipt: false, greeting, ..Rules::default() });
    let depth = carry(&server, &outbox);
    wait_for("the envelopes", || !server.published("/up").is_empty());
    a_while();
    assert_eq!(depth.borrow().unreceipted, 5);
    let connections = server.seen().iter().filter(|it| matches!(it, Seen::Connect { .. })).count();
    assert_eq!(connections, 1);
}

#[test]
fn a_refused_subscription_is_no_connection() {
    let folder = tempfile::tempdir().expect("a folder");
    let outbox = outbox(folder.path(), 5, None);
    let server = Server::start(Rules { refuse_subscription: true, receipt: false, ..Rules::default() });
    let mut depth = carry(&server, &outbox);
    let connections = || server.seen().iter().filter(|it| matches!(it, Seen::Connect { .. })).count();
    wait_for("another attempt", || connections() >= 2);
    server.set(Rules::default());
    wait_for("every receipt", || depth.borrow_and_update().unreceipted == 0);
}

/// A server restored from a backup asks for numbers that had their receipt.
#[test]
fn a_request_to_resend_is_answered() {
    let folder = tempfile::tempdir().expect("a folder");
    let outbox = outbox(folder.path(), 5, None);
    let server = Server::start(Rules::default());
    let mut depth = carry(&server, &outbox);
    wait_for("every receipt", || depth.borrow_and_update().unreceipted == 0);
    let (before, id) = (server.published("/up").len(), server.stored().keys().next().cloned().expect("one"));
    let ask = format!(r#"{{"v":1,"resend":{{"outbox":"{id}","from":2,"to":4}}}}"#);
    server.say("vagen/v1/gw-0001/down", ask.as_bytes());
    wait_for("the answer", || server.published("/up").len() > before);
    assert_eq!(numbers(&server.published("/up")[before]), [2, 3, 4]);
    wait_for("every receipt", || depth.borrow_and_update().unreceipted == 0);
}

/// The file broke; the server asks for what it lacks of it. By the interface: a gateway that no longer has what it is asked
/// for sends a void. One that never had it (another's outbox) says nothing.
#[test]
fn numbers_of_an_outbox_that_broke_are_declared_void() {
    let folder = tempfile::tempdir().expect("a folder");
    let old = {
        let shared = outbox(folder.path(), 3, None);
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(shared.id())
    };
    // The last page is an index's or a table's: SQLite's check complains, the name can still be read.
    let path = folder.path().join("o.db");
    let bytes = std::fs::read(&path).expect("reads");
    let page = bytes.len() - 4_096;
    std::fs::write(&path, [&bytes[..page], &[0x5a; 4_096]].concat()).expect("writes");
    let outbox = outbox(folder.path(), 0, None);
    let server = Server::start(Rules::default());
    let mut depth = carry(&server, &outbox);
    wait_for("every receipt", || {
        let depth = *depth.borrow_and_update();
        depth.last_seq > 0 && depth.unreceipted == 0
    });
    let before = server.published("/up").len();
    for name in ["another", old.as_str()] {
        let ask = format!(r#"{{"v":1,"resend":{{"outbox":"{name}","from":2,"to":3}}}}"#);
        server.say("vagen/v1/gw-0001/down", ask.as_bytes());
    }
    wait_for("the voids", || server.published("/up").len() > before);
    a_while();
    let said = server.published("/up").split_off(before);
    assert_eq!(said.len(), 1, "nothing for the other's");
    let said: serde_json::Value = serde_json::from_slice(&said[0]).expect("JSON");
    let void = |seq| serde_json::json!({"v": 1, "gateway": "gw-0001", "outbox": old.as_str(), "seq": seq, "void": "its outbox is gone"});
    assert_eq!(said, serde_json::json!([void(2), void(3)]));
}

/// The sign of life, key by key as the interface has it.
#[test]
fn a_sign_of_life_comes_with_every_connection() {
    let folder = tempfile::tempdir().expect("a folder");
    let outbox = outbox(folder.path(), 0, None);
    let server = Server::start(Rules::default());
    carry(&server, &outbox);
    wait_for("the first", || server.published("/heartbeat").len() == 1);
    server.cut();
    wait_for("the second", || server.published("/heartbeat").len() == 2);
    let beat: serde_json::Value = serde_json::from_slice(&server.published("/heartbeat")[0]).expect("JSON");
    let outbox = beat["outbox"].as_str().expect("an outbox").to_owned();
    assert_eq!(
        beat,
        serde_json::json!({"v": 1, "gateway": "gw-0001", "at": "2026-01-01T07:04:00.000Z", "outbox": outbox,
            "last_seq": 0, "unreceipted": 0, "version": env!("CARGO_PKG_VERSION"), "clock_synced": true, "devices": []})
    );
}
