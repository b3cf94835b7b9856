//! The service against real brokers: the embedded one, and mosquitto with a session that it keeps. What is expected is the
//! published MQTT interface: a receipt for everything, nothing lost and nothing counted twice across breaks.
//!
//! The tests with mosquitto need its program, on the path or in `/usr/sbin`; without it they say so and do nothing.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use care::clock::Clock;
use care::export;
use care::health::{Health, Part};
use care::live::Feed;
use care::register::{Register, apply};
use care::store::Store;
use ingest::service::House;
use ingest::{EmbeddedBroker, Ingest, Options, Policies};
use rumqttc::{AsyncClient, Event, Incoming, MqttOptions, QoS};
use serde_json::{Value, json};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use vitals::Timestamp;

const REGISTER: &str = r#"
organisation = [{ id = "region", name = "Region Exempel", kind = "region" }]
unit    = [{ id = "hf", organisation = "region", name = "Hjärtsviktsmottagningen" }]
patient = [{ id = "p1", name = "Svea Test", units = ["hf"], language = "sv", policy = "recommended" }]
gateway = [{ id = "gw-0001" }]
device  = [{ id = "546c0e000001", model = "A&D UA-651BLE" }]
worn_by = [{ device = "546c0e000001", patient = "p1", from = "2020-01-01T00:00:00Z" }]
"#;

fn envelope(seq: u64) -> Value {
    json!({
        "v": 1, "gateway": "gw-0001", "outbox": "ob", "seq": seq, "sealed_at": "2026-01-01T07:04:05.000Z",
        "device": {"id": "546c0e000001"},
        "measurement": {"kind": "temperature", "outcome": "measured", "values": {"temperature_celsius": 36.6},
            "measured_at": "2026-01-01T07:04:00.000Z", "clock": "none"},
        "raw": {"characteristic": "2a1c", "hex": "006c0100ff"}
    })
}

struct Server {
    store: Store,
    house: House,
    _directory: tempfile::TempDir,
}

impl Server {
    async fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let store = care::store::trial::open(directory.path()).await.expect("a store");
        let now: Timestamp = "2026-01-01T07:05:00Z".parse().expect("a time");
        let register = Register::parse(REGISTER).expect("a register");
        apply(&store, &register, directory.path(), &["recommended"], "test", now).await.expect("applies");
        let house = House {
            store: store.clone(),
            policies: Policies::default(),
            clock: Clock::told_by(move || now),
            feed: Feed::default(),
            health: Health::of([Part::Broker, Part::Store]),
        };
        Self { store, house, _directory: directory }
    }

    async fn start(&self, options: &Options) -> Ingest {
        let ingest = Ingest::start(self.house.clone(), options).expect("starts");
        until("the service to listen", || ingest.is_listening()).await;
        ingest
    }

    async fn status(&self) -> Value {
        let mut reader = self.store.read().await.expect("a reader");
        export::status(&mut reader).await.expect("a status")
    }
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..800 {
        if holds() {
            return;
        }
        sleep(Duration::from_millis(25)).await;
    }
    panic!("never came: {what}");
}

/// A gateway of another make: publishes and hears, and connects again by itself.
struct Box_ {
    client: AsyncClient,
    heard: mpsc::UnboundedReceiver<Value>,
}

impl Box_ {
    async fn connect(address: SocketAddr) -> Self {
        let mut options = MqttOptions::new("gw-0001", address.ip().to_string(), address.port());
        options.set_credentials("gw-0001", "");
        options.set_max_packet_size(4 * 1024 * 1024, 4 * 1024 * 1024);
        let (client, mut events) = AsyncClient::new(options, 2_000);
        let (tell, heard) = mpsc::unbounded_channel();
        let subscriber = client.clone();
        tokio::spawn(async move {
            loop {
                match events.poll().await {
                    Ok(Event::Incoming(Incoming::ConnAck(_))) => {
                        subscriber.try_subscribe("vagen/v1/gw-0001/down", QoS::AtLeastOnce).expect("room");
                    }
                    Ok(Event::Incoming(Incoming::SubAck(_))) => {
                        let _ = tell.send(Value::Null);
                    }
                    Ok(Event::Incoming(Incoming::Publish(publish))) => {
                        let message = serde_json::from_slice(&publish.payload).expect("JSON");
                        if tell.send(message).is_err() {
                            return;
                        }
                    }
                    Ok(_) => {}
                    Err(_) => sleep(Duration::from_millis(50)).await,
                }
            }
        });
        let mut connected = Self { client, heard };
        connected.subscribed().await;
        connected
    }

    /// Waits until the broker has answered a subscription since this was last asked.
    async fn subscribed(&mut self) {
        let wait = async { while self.heard.recv().await.is_some_and(|message| !message.is_null()) {} };
        timeout(Duration::from_secs(20), wait).await.expect("a subscription in time");
    }

    async fn send(&self, payload: impl Into<Vec<u8>>) {
        self.client.publish("vagen/v1/gw-0001/up", QoS::AtLeastOnce, false, payload).await.expect("queued");
    }

    /// Waits for a receipt through `through`.
    async fn receipted(&mut self, through: u64) {
        let wait = async {
            while let Some(message) = self.heard.recv().await {
                if message["receipt"]["through"].as_u64() >= Some(through) {
                    return;
                }
            }
        };
        timeout(Duration::from_secs(20), wait).await.expect("a receipt in time");
    }
}

fn embedded() -> SocketAddr {
    EmbeddedBroker::start("127.0.0.1:0".parse().expect("an address")).expect("a broker").address()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_embedded_broker_carries_more_than_its_window() {
    let (address, server) = (embedded(), Server::new().await);
    let ingest = server.start(&Options::embedded(address)).await;
    let mut gateway = Box_::connect(address).await;
    for seq in 1..=250 {
        gateway.send(envelope(seq).to_string()).await;
    }
    gateway.receipted(250).await;
    assert_eq!(server.status().await["readings"], 250);
    ingest.shutdown().await;
}

/// 300 KiB in one envelope, and a neighbour behind it in the same message of the same connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_oversize_envelope_is_quarantined_and_blocks_nobody() {
    let (address, server) = (embedded(), Server::new().await);
    let ingest = server.start(&Options::embedded(address)).await;
    let mut gateway = Box_::connect(address).await;
    let mut large = envelope(1);
    large["pad"] = json!("x".repeat(300 * 1024));
    gateway.send(json!([large, envelope(2)]).to_string()).await;
    gateway.send(envelope(3).to_string()).await;
    gateway.receipted(3).await;
    let status = server.status().await;
    assert_eq!((&status["readings"], &status["quarantined"]), (&json!(2), &json!({"too_large": 1})));
    ingest.shutdown().await;
}

/// The embedded broker forgets a clean session, so the gateway sends again what has no receipt; it counts once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_at_the_embedded_broker_loses_nothing() {
    let (address, server) = (embedded(), Server::new().await);
    let ingest = server.start(&Options::embedded(address)).await;
    let mut gateway = Box_::connect(address).await;
    gateway.send(envelope(1).to_string()).await;
    gateway.receipted(1).await;
    ingest.shutdown().await;
    gateway.send(envelope(2).to_string()).await;
    sleep(Duration::from_millis(300)).await;
    let ingest = server.start(&Options::embedded(address)).await;
    for seq in 1..=3 {
        gateway.send(envelope(seq).to_string()).await;
    }
    gateway.receipted(3).await;
    assert_eq!(server.status().await["readings"], 3);
    ingest.shutdown().await;
}

/// Mosquitto, with its data in `directory`.
struct Mosquitto {
    program: PathBuf,
    configuration: PathBuf,
    address: SocketAddr,
    child: Option<Child>,
}

impl Mosquitto {
    /// `None` where it is not installed.
    fn configured(directory: &tempfile::TempDir) -> Option<Self> {
        let paths = std::env::var_os("PATH").unwrap_or_default();
        let mut places = std::env::split_paths(&paths).chain([PathBuf::from("/usr/sbin")]);
        let Some(program) =
            places.find_map(|place| Some(place.join("mosquitto")).filter(|path| path.exists()))
        else {
            eprintln!("mosquitto is not installed: this test does nothing");
            return None;
        };
        let address =
            TcpListener::bind("127.0.0.1:0").and_then(|taken| taken.local_addr()).expect("a free port");
        let configuration = directory.path().join("mosquitto.conf");
        let text = format!(
            "listener {} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 10000\nmax_inflight_messages 200\n\
             persistence true\npersistence_location {}/\nuser root\n",
            address.port(),
            directory.path().display()
        );
        std::fs::write(&configuration, text).expect("written");
        Some(Self { program, configuration, address, child: None })
    }

    fn start(&mut self) {
        let child = Command::new(&self.program)
            .arg("-c")
            .arg(&self.configuration)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("starts");
        self.child = Some(child);
    }

    async fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().await.expect("killed");
        }
    }

    fn options(&self) -> Options {
        let address = format!("mqtt://{}", self.address).parse().expect("an address");
        Options::external(address, "vagen-ingest")
    }
}

/// With a kept session, what is sent while nobody listens waits at the broker.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mosquitto_keeps_what_comes_while_the_service_is_away() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let Some(mut mosquitto) = Mosquitto::configured(&directory) else { return };
    mosquitto.start();
    let server = Server::new().await;
    let ingest = server.start(&mosquitto.options()).await;
    let mut gateway = Box_::connect(mosquitto.address).await;
    gateway.send(envelope(1).to_string()).await;
    gateway.receipted(1).await;
    ingest.shutdown().await;
    for seq in 2..=300 {
        gateway.send(envelope(seq).to_string()).await;
    }
    sleep(Duration::from_millis(500)).await;
    let ingest = server.start(&mosquitto.options()).await;
    gateway.receipted(300).await;
    let status = server.status().await;
    assert_eq!(
        (&status["readings"], &status["duplicates"]),
        (&json!(300), &json!(0)),
        "acknowledged in order"
    );
    ingest.shutdown().await;
}

/// The broker is killed and comes back without what it held; the gateway sends again until it has its receipt.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_broker_costs_nothing_but_time() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let Some(mut mosquitto) = Mosquitto::configured(&directory) else { return };
    mosquitto.start();
    let server = Server::new().await;
    let ingest = server.start(&mosquitto.options()).await;
    let mut gateway = Box_::connect(mosquitto.address).await;
    for round in 1..=3u64 {
        for seq in 1..=round * 50 {
            gateway.send(envelope(seq).to_string()).await;
        }
        sleep(Duration::from_millis(20)).await;
        mosquitto.kill().await;
        until("the break to be noticed", || !ingest.is_listening()).await;
        mosquitto.start();
        gateway.subscribed().await;
        until("the service to listen again", || ingest.is_listening()).await;
    }
    for seq in 1..=150 {
        gateway.send(envelope(seq).to_string()).await;
    }
    gateway.receipted(150).await;
    assert_eq!(server.status().await["readings"], 150);
    ingest.shutdown().await;
}
