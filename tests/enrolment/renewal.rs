//! A daemon that outlives its certificate: the box renews by itself while it runs, and nothing of what it hears is lost.
//!
//! A certificate of a minute stands for one of ninety days: the schedule is in parts of its time.

use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::peer::{Certificate, Peer};
use crate::support::web::Visitor;
use crate::support::{self, export, status, wait_for};
use crate::world::{World, capture_of};

/// One weighing each five seconds, for almost two minutes.
const WEIGHINGS: u64 = 23;
const EVERY_S: i64 = 5;

fn readings(world: &World) -> u64 {
    status(&world.data)["readings"].as_u64().expect("a count")
}

/// The daemon, ended with the test.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        // Fails where it has ended by itself, as it should.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn a_daemon_outlives_its_certificate() {
    let Some(mut world) = World::build_with("certificate_life = \"1 minute\"") else { return };
    let adam = Visitor::sign_in(&world.serving.http, "adam", "adam-password").await;
    let home = world.enrol(&adam, "gw-0001", "home").await;
    let first = Certificate::of(&home);
    let ends =
        gateway::enrol::identity::Identity::read(first.pem.as_ref().expect("enrolled")).expect("a pair");
    let ends = ends.validity.not_after;
    drop(Peer::connect(world.port, "x", &first).await.expect("the broker takes the first certificate"));

    let weighings: Vec<_> = (0..WEIGHINGS).map(|it| (it as i64 * EVERY_S, 80.0 + it as f64 / 10.0)).collect();
    let file = capture_of(&home, &weighings);
    let child = support::vagen_gateway()
        .args(["run", "--pace", "real", "--timeout-s", "30", "--config"])
        .arg(home.join("gateway.toml"))
        .arg("--capture")
        .arg(file)
        .stdout(Stdio::piped())
        .spawn();
    let mut daemon = Daemon(child.expect("it starts"));

    wait_for("the first receipts", || (readings(&world) >= 2).then_some(()));
    let now = care::clock::Clock::system().now();
    assert!(now < ends, "they came by the first certificate");

    let left = u64::try_from(ends.millis_since(now)).expect("some time is left");
    tokio::time::sleep(Duration::from_millis(left + 1500)).await;
    let refused = Peer::connect(world.port, "x", &first).await.expect_err("the first certificate is over");
    assert!(refused.contains("certificateexpired"), "the broker's own word: {refused}");
    assert_ne!(Certificate::of(&home).pem, first.pem, "the box has another");
    // Every session ends, so the daemon must show what it has now.
    world.restart_broker();
    let after = readings(&world);
    assert!(after < WEIGHINGS, "some are still to come");

    let ended = daemon.0.wait().expect("it ends");
    let mut said = String::new();
    std::io::Read::read_to_string(daemon.0.stdout.as_mut().expect("piped"), &mut said).expect("text");
    assert!(ended.success(), "every envelope has its receipt: {said}");
    let said: Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!((said["sealed"].as_u64(), said["unreceipted"].as_u64()), (Some(WEIGHINGS), Some(0)), "{said}");
    assert_eq!(readings(&world), WEIGHINGS, "each once, {after} of them by then");
    let renewals = export(&world.data, "audit");
    let renewals = renewals.iter().filter(|row| row["action"] == "renew certificate").count();
    assert!(renewals >= 2, "a minute's certificate is renewed more than once in two: {renewals}");
    eprintln!("{WEIGHINGS} weighings, {after} before the broker was started anew, {renewals} renewals");
}
