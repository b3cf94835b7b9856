//! Enrolment as a whole: `vagen serve`, the real mosquitto with the configuration that `vagen broker config` wrote, boxes that enrol
//! by `vagen-gateway`, and a second gateway that is hostile.
//!
//! Needs mosquitto, on the path or in `/usr/sbin` (`tests/run` installs it); without it these tests say so and do nothing.

#[path = "../support/mod.rs"]
mod support;

mod https;
mod peer;
mod renewal;
mod world;

use std::time::{Duration, Instant};

use peer::{Certificate, Heard, Peer, Tls};
use serde_json::{Value, json};
use support::mqtt::weighing;
use support::web::Visitor;
use support::{export, run, status, stderr, wait_for};
use world::{World, capture, shown_code};

/// The promise: revocation ends a live session within this.
const REVOKED_WITHIN: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_home_is_enrolled_and_another_gateway_cannot_touch_it() {
    let Some(world) = World::build() else { return };
    let adam = Visitor::sign_in(&world.serving.http, "adam", "adam-password").await;
    let home = world.enrol(&adam, "gw-0001", "home").await;
    home_is_in_order(&world, &adam, &home).await;
    readings_arrive(&world, &home, 1);
    renewal_takes_over(&world, &home).await;

    let hostile = world.enrol(&adam, "gw-0002", "hostile").await;
    let mut victim =
        Peer::connect(world.port, "anything", &Certificate::of(&home)).await.expect("the home connects");
    victim.subscribe(&["vagen/v1/gw-0001/down"]).await;
    hostile_is_kept_apart(&world, &mut victim, &hostile).await;
    strangers_are_refused(&world, &home).await;

    revocation_ends_a_session(&world, &adam, &mut victim, &hostile).await;
    replacing_is_one_act(&world, &adam, victim, &home).await;
}

/// What enrolment leaves behind: files for their owner alone, a code that is spent, and a page that says so.
async fn home_is_in_order(world: &World, adam: &Visitor, home: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt;
    for name in ["gateway.pem", "ca.pem"] {
        let mode = std::fs::metadata(home.join(name)).expect(name).permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{name}");
    }
    let (_, page) = adam.get("/gateways/gw-0001").await;
    assert!(page.contains("gäller till"), "{page}");
    let (_, page) = adam.post("/gateways/gw-0001/code", &[]).await;
    let code = shown_code(&page);
    let again = world.folder.path().join("again");
    let enrol = || {
        run(support::vagen_gateway()
            .args(["enrol", "--server", &world.serving.http, "--code", &code, "--out"])
            .arg(&again))
    };
    assert!(enrol().status.success());
    let refused = enrol();
    assert_eq!(refused.status.code(), Some(2));
    assert!(stderr(&refused).contains("ask for a new one"), "{}", stderr(&refused));
    let plain =
        run(support::vagen_gateway().args(["enrol", "--server", "http://192.0.2.1", "--code", &code]));
    assert_eq!(plain.status.code(), Some(2), "a code never travels in the clear: {}", stderr(&plain));
}

/// Plays a capture through the box in `home`: exit 0 means that every envelope has its receipt.
fn readings_arrive(world: &World, home: &std::path::Path, expected: u64) {
    let before = status(&world.data)["readings"].as_u64().expect("a count");
    let file = capture(home, 80.0 + f64::from(u32::try_from(before).expect("few")));
    let played = run(support::vagen_gateway()
        .args(["run", "--config"])
        .arg(home.join("gateway.toml"))
        .arg("--capture")
        .arg(file));
    assert!(played.status.success(), "{}", stderr(&played));
    assert_eq!(status(&world.data)["readings"].as_u64(), Some(before + expected));
}

/// A round trip: a weighing up, its receipt down.
async fn round_trip(peer: &mut Peer, seq: u64) {
    let envelope =
        weighing("gw-0001", "box-a", seq, "546c0e000001", 81.0, 100 - i64::try_from(seq).expect("small"));
    peer.publish("vagen/v1/gw-0001/up", &envelope).await;
    let receipt = peer.message().await;
    assert_eq!(receipt["receipt"]["through"].as_u64(), Some(seq), "{receipt}");
}

async fn hostile_is_kept_apart(world: &World, victim: &mut Peer, hostile: &std::path::Path) {
    let certificate = Certificate::of(hostile);
    round_trip(victim, 1).await;
    // The other's client id, and the server's, whatever it calls itself.
    for (seq, client_id) in (2..).zip(["gw-0001", "anything", "vagen:server", "vagen-ingest"]) {
        let mut intruder =
            Peer::connect(world.port, client_id, &certificate).await.expect("it has a certificate");
        intruder
            .subscribe(&["#", "vagen/v1/#", "vagen/v1/+/up", "vagen/v1/gw-0001/down", "+/v1/gw-0001/+"])
            .await;
        let lie = json!({ "v": 1, "receipt": { "outbox": "box-a", "through": 9 } });
        intruder.publish("vagen/v1/gw-0001/down", &lie).await;
        intruder
            .publish("vagen/v1/gw-0001/up", &weighing("gw-0001", "box-a", 9, "546c0e000001", 200.0, 5))
            .await;
        intruder.publish("vagen/v1/gw-0001/heartbeat", &json!({ "v": 1, "gateway": "gw-0001" })).await;
        round_trip(victim, seq).await;
        assert_eq!(intruder.heard(Duration::from_millis(500)).await, [], "as {client_id}");
    }
    assert!(victim.is_connected(), "nobody took its session");
    // In its own name it may speak; for another it is not believed.
    let mut intruder = Peer::connect(world.port, "x", &certificate).await.expect("it has a certificate");
    intruder.publish("vagen/v1/gw-0002/up", &weighing("gw-0001", "box-a", 9, "546c0e000001", 200.0, 5)).await;
    let quarantined = || status(&world.data)["quarantined"]["wrong_gateway"].as_u64();
    assert_eq!(wait_for("the lie to be quarantined", quarantined), 1);
    let heavy = |line: &Value| line["values"]["weight_kg"].as_f64().is_some_and(|kg| kg > 150.0);
    assert!(!export(&world.data, "readings").iter().any(heavy));
}

async fn strangers_are_refused(world: &World, home: &std::path::Path) {
    let nobody = Peer::connect(world.port, "x", &Certificate::none(home)).await.expect_err("no certificate");
    let stranger = Peer::connect(world.port, "x", &Certificate::of_a_stranger(home, "gw-0001")).await;
    let stranger = stranger.expect_err("another authority's");
    let old =
        Peer::connect_by(world.port, "x", &Certificate::of(home), Tls::OneTwo).await.expect_err("TLS 1.2");
    for refusal in [nobody, stranger, old] {
        assert!(refusal.contains("alert"), "the broker's own word: {refusal}");
    }
    let doubtful = Certificate { ca: world.folder.path().join("other-ca.pem"), ..Certificate::of(home) };
    let unknown = Peer::connect(world.port, "x", &doubtful).await;
    assert!(unknown.expect_err("a broker that nobody vouches for").contains("UnknownIssuer"));
}

/// The box's own renewal, against the server: another key, the same gateway, and what it had before still counts for a day.
async fn renewal_takes_over(world: &World, home: &std::path::Path) {
    let config =
        gateway::config::read(Some(&home.join("gateway.toml")), Default::default()).expect("a configuration");
    let renewal = config.renewal.expect("enrol wrote who renews");
    let old = Certificate::of(home);
    gateway::io::renew::once(&renewal).await.expect("renews");
    let new = Certificate::of(home);
    assert_ne!(old.pem, new.pem);
    assert!(!home.join("gateway.pem.next").exists());
    let serial = run(support::vagen().args(["export", "audit", "--data"]).arg(&world.data));
    assert!(support::stdout(&serial).contains("renew certificate"));
    readings_arrive(world, home, 1);
    readings_arrive(world, &world.enrolled("again"), 1);
}

async fn revocation_ends_a_session(
    world: &World,
    adam: &Visitor,
    victim: &mut Peer,
    hostile: &std::path::Path,
) {
    let certificate = Certificate::of(hostile);
    let mut session = Peer::connect(world.port, "x", &certificate).await.expect("it still may");
    session.publish("vagen/v1/gw-0002/heartbeat", &json!({})).await;
    let asked = Instant::now();
    let (status, _) = adam.post("/gateways/gw-0002/revoke", &[("confirm", "yes")]).await;
    assert_eq!(status, 200);
    session.ended(REVOKED_WITHIN).await;
    let took = asked.elapsed();
    let refused = Peer::connect(world.port, "x", &certificate).await.expect_err("revoked");
    assert!(refused.contains("CertificateRevoked"), "{refused}");
    assert!(took < REVOKED_WITHIN, "{took:?}");
    eprintln!("a revoked gateway's live session ended after {took:?}");
    loop {
        let (_, page) = adam.get("/gateways/gw-0002").await;
        assert!(page.contains("återkallat"), "{page}");
        if !page.contains("gäller inte än") {
            break;
        }
        assert!(asked.elapsed() < REVOKED_WITHIN, "it is never noted as in force");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(victim.is_connected(), "another's revocation does not concern it");
    round_trip(victim, 6).await;
    // The box itself says so, loudly.
    let file = capture(hostile, 70.0);
    let refused = run(support::vagen_gateway()
        .args(["run", "--timeout-s", "3", "--config"])
        .arg(hostile.join("gateway.toml"))
        .arg("--capture")
        .arg(file));
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("needs a new code"), "{}", stderr(&refused));
}

async fn replacing_is_one_act(world: &World, adam: &Visitor, mut victim: Peer, home: &std::path::Path) {
    let beat = json!({ "v": 1, "gateway": "gw-0001", "at": jiff::Timestamp::now().to_string(), "outbox": "box-a", "last_seq": 9,
        "unreceipted": 3, "version": "0.1.0", "clock_synced": true, "devices": [] });
    victim.publish("vagen/v1/gw-0001/heartbeat", &beat).await;
    let heard = || {
        status(&world.data)["gateways"].as_array()?.iter().find(|one| one["id"] == "gw-0001")?["last_heartbeat"].as_str().map(str::to_owned)
    };
    wait_for("the heartbeat", heard);
    let (_, page) = adam.post("/gateways/gw-0001/replace", &[("confirm", "yes")]).await;
    let code = shown_code(&page);
    victim.ended(REVOKED_WITHIN).await;
    let old = Peer::connect(world.port, "x", &Certificate::of(home)).await.expect_err("replaced");
    assert!(old.contains("CertificateRevoked"), "{old}");
    let new = world.folder.path().join("new");
    let enrolled = run(support::vagen_gateway()
        .args(["enrol", "--server", &world.serving.http, "--code", &code, "--out"])
        .arg(&new));
    assert!(enrolled.status.success(), "{}", stderr(&enrolled));
    readings_arrive(world, &new, 1);
    let about = |task: &Value| {
        task["problem"] == "gateway"
            && task["reasons"][0]["rule"] == "gateway_replaced"
            && task["reasons"][0]["observed"] == 3.0
    };
    let task = wait_for("the task about what the old box held", || {
        export(&world.data, "tasks").into_iter().find(about)
    });
    assert!(task["reasons"][0]["text_sv"].as_str().expect("text").contains("7–9"), "{task}");
}

#[test]
fn what_is_heard_is_compared_whole() {
    assert_ne!(
        Heard { topic: "a".to_owned(), payload: vec![] },
        Heard { topic: "b".to_owned(), payload: vec![] }
    );
}
