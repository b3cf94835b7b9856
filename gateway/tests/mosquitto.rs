//! The uplink against a real broker, killed and started again in the middle.
//!
//! Runs where `mosquitto` is installed and says that it did nothing where it is not.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gateway::Clock;
use gateway::io::carry::Carrier;
use gateway::io::mqtt::MqttLink;
use gateway::outbox::{Limits, Outbox, Sealing, SharedOutbox};
use rumqttc::{Client, Event, MqttOptions, Packet, QoS};
use tokio::sync::watch;
use vitals::{
    ClockClass, DeviceIdentity, GatewayId, Kind, Measurement, RawFrame, TimedMeasurement, Timestamp,
};

type Stored = Arc<Mutex<BTreeMap<String, BTreeSet<u64>>>>;
/// Each number in the order in which it first came.
type Order = Arc<Mutex<Vec<u64>>>;

fn now() -> Timestamp {
    Timestamp::from_millis(1_767_251_040_000).expect("2026-01-01T07:04:00Z")
}

fn frame(nth: u32) -> Sealing {
    Sealing {
        device: DeviceIdentity { id: "546c0e000001".parse().expect("an address"), model: None, serial: None },
        measurement: TimedMeasurement::new(Measurement::empty(Kind::Weight), now(), ClockClass::None, None),
        raw: RawFrame { characteristic: "2a9d".into(), bytes: nth.to_le_bytes().to_vec() },
        heard_at: now(),
        heard_ordinal: nth,
    }
}

struct Broker {
    child: Child,
    config: std::path::PathBuf,
}

impl Broker {
    fn start(folder: &Path, port: u16) -> Option<Self> {
        let config = folder.join("mosquitto.conf");
        std::fs::write(
            &config,
            format!("listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n"),
        )
        .expect("writes");
        let child = spawn(&config)?;
        Some(Self { child, config })
    }

    fn kill(&mut self) {
        self.child.kill().expect("kill -9");
        self.child.wait().expect("ends");
    }

    fn start_again(&mut self) {
        self.child = spawn(&self.config).expect("it was there before");
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(config: &Path) -> Option<Child> {
    ["mosquitto", "/usr/sbin/mosquitto"].iter().find_map(|program| {
        let mut command = Command::new(program);
        command.arg("-c").arg(config).stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()
    })
}

/// The server: stores numbers, answers with the receipt through the first gap. Its session is clean, so what the
/// broker had queued for it when it was killed is gone.
fn serve(port: u16, stored: Stored, order: Order) {
    let mut options = MqttOptions::new("server", "127.0.0.1", port);
    options.set_max_packet_size(1 << 20, 1 << 20);
    let (client, mut connection) = Client::new(options, 1_000);
    std::thread::spawn(move || {
        for event in connection.iter() {
            match event {
                Ok(Event::Incoming(Packet::ConnAck(_))) => {
                    client.subscribe("vagen/v1/+/up", QoS::AtLeastOnce).expect("room");
                }
                Ok(Event::Incoming(Packet::Publish(publish))) => {
                    let value: serde_json::Value = serde_json::from_slice(&publish.payload).expect("JSON");
                    let several = value.as_array().cloned().unwrap_or_else(|| vec![value]);
                    let mut stored = stored.lock().expect("sound");
                    let outbox = several[0]["outbox"].as_str().expect("text").to_owned();
                    let numbers = stored.entry(outbox.clone()).or_default();
                    let came = several.iter().map(|it| it["seq"].as_u64().expect("a number"));
                    order.lock().expect("sound").extend(came.filter(|seq| !numbers.contains(seq)));
                    numbers.extend(several.iter().map(|it| it["seq"].as_u64().expect("a number")));
                    let through = (1_u64..).take_while(|seq| numbers.contains(seq)).count();
                    let receipt =
                        format!(r#"{{"v":1,"receipt":{{"outbox":"{outbox}","through":{through}}}}}"#);
                    client
                        .publish(publish.topic.replace("/up", "/down"), QoS::AtLeastOnce, false, receipt)
                        .expect("room");
                }
                Ok(Event::Incoming(_) | Event::Outgoing(_)) => {}
                Err(_) => std::thread::sleep(Duration::from_millis(100)),
            }
        }
    });
}

#[test]
fn nothing_is_lost_when_the_broker_is_killed() {
    let folder = tempfile::tempdir().expect("a folder");
    let port = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a port").port();
    let mut broker = Broker::start(folder.path(), port).expect("mosquitto, which tests/run installs");
    let stored = Stored::default();
    serve(port, Arc::clone(&stored), Order::default());
    let gateway: GatewayId = "gw-0001".parse().expect("a token");
    let opened =
        Outbox::open(&folder.path().join("o.db"), &gateway, Limits::default(), now()).expect("opens");
    let outbox = SharedOutbox::new(opened.outbox);
    let url = format!("mqtt://127.0.0.1:{port}");
    let link = MqttLink::new(url.parse().expect("a broker"), gateway, "test".into());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let (_devices, devices) = watch::channel(Vec::new());
        let mut carrier = Carrier::new(link, outbox.clone(), Clock::of(now), devices).await;
        let story = async {
            for nth in 0..600 {
                outbox.with(move |outbox| outbox.seal(&frame(nth), now()).map(|_| ())).await.expect("seals");
                match nth {
                    150 | 400 => broker.kill(),
                    250 | 450 => broker.start_again(),
                    _ => continue,
                }
                // Time to notice, and to carry something, before the next turn of the story.
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            let mut depth = outbox.watch();
            let started = Instant::now();
            let all = depth.wait_for(|depth| depth.unreceipted == 0);
            let done = tokio::time::timeout(Duration::from_secs(60), all).await.is_ok();
            assert!(done, "every receipt within a minute");
            started.elapsed()
        };
        tokio::select! {
            () = carrier.run() => unreachable!("it carries for ever"),
            took = story => eprintln!("all receipts {took:?} after the last seal"),
        }
    });
    let stored = stored.lock().expect("sound");
    assert_eq!(stored.values().map(BTreeSet::len).collect::<Vec<_>>(), [600]);
}

/// Thirty days without a network, twenty readings a day, the box started anew each night: all of it is kept, goes out
/// oldest first, and can be asked for again.
#[test]
fn thirty_days_without_a_network_come_out_in_order() {
    const DAYS: i64 = 30;
    const A_DAY: u32 = 20;
    let folder = tempfile::tempdir().expect("a folder");
    let port = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a port").port();
    let (path, gateway): (_, GatewayId) = (folder.path().join("o.db"), "gw-0001".parse().expect("a token"));
    let open = |now| Outbox::open(&path, &gateway, Limits::default(), now).expect("opens").outbox;
    let mut nth = 0;
    for day in 0..DAYS {
        let (today, mut outbox) = (now().plus_days(day), open(now().plus_days(day)));
        for _ in 0..A_DAY {
            let sealing = Sealing { heard_at: today, ..frame(nth) };
            outbox.seal(&sealing, today).expect("seals");
            nth += 1;
        }
    }
    let back = now().plus_days(DAYS);
    let outbox = SharedOutbox::new(open(back));
    assert_eq!(outbox.watch().borrow().unreceipted, u64::from(nth));

    let _broker = Broker::start(folder.path(), port).expect("mosquitto, which tests/run installs");
    let (stored, order) = (Stored::default(), Order::default());
    serve(port, Arc::clone(&stored), Arc::clone(&order));
    let url = format!("mqtt://127.0.0.1:{port}");
    let link = MqttLink::new(url.parse().expect("a broker"), gateway.clone(), "test".into());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let asked = runtime.block_on(async {
        let (_devices, devices) = watch::channel(Vec::new());
        let mut carrier = Carrier::new(link, outbox.clone(), Clock::of(move || back), devices).await;
        let mut depth = outbox.watch();
        let all = depth.wait_for(|depth| depth.unreceipted == 0);
        tokio::select! {
            () = carrier.run() => unreachable!("it carries for ever"),
            done = tokio::time::timeout(Duration::from_secs(60), all) => { done.expect("in a minute").expect("open"); }
        }
        let last = vitals::Seq::new(u64::from(nth)).expect("a number");
        outbox.with(move |outbox| outbox.resend(vitals::Seq::FIRST, last, back)).await.expect("answers")
    });
    assert_eq!((asked.again, asked.voided), (u64::from(nth), 0), "receipted today, so kept as history");
    let order = order.lock().expect("sound");
    assert!(order.is_sorted(), "oldest first: {:?}", &order[..20]);
    assert_eq!(order.len(), 600);
}
