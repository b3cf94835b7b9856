//! Whole gateways in one process, each with a simulated home that speaks real frames.

mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use devices::Uuid16;
use devices::session::{Action, Event};
use gateway::{BleSource, Clock, Config, Ended, Gateway, RadioEvent};
use support::{Rules, Server};
use tokio::sync::mpsc;
use vitals::{DeviceId, Timestamp};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_767_251_040_000 + seconds * 1_000).expect("2026-01-01T07:04:00Z and on")
}

/// A home with one scale that answers what it is asked.
struct SimulatedHome {
    device: DeviceId,
    now: Timestamp,
    events: mpsc::UnboundedReceiver<Event>,
    scale: mpsc::UnboundedSender<Event>,
    /// What the scale was asked for.
    asked: Arc<Mutex<Vec<Action>>>,
}

impl SimulatedHome {
    fn new(device: &str) -> Self {
        let (scale, events) = mpsc::unbounded_channel();
        let advertised =
            Event::Advertised { service_uuids: vec![Uuid16(0x181d)], service_data: Default::default() };
        scale.send(advertised).expect("listened to");
        Self { device: device.parse().expect("an address"), now: at(0), events, scale, asked: Arc::default() }
    }

    fn say(&self, event: Event) {
        self.scale.send(event).expect("listened to");
    }
}

impl BleSource for SimulatedHome {
    async fn next(&mut self) -> Option<RadioEvent> {
        let event = self.events.recv().await?;
        self.now = self.now.plus_millis(100);
        let name = Some("A&D_UC-352BLE_000001".to_owned());
        Some(RadioEvent { at: self.now, device: self.device.clone(), hides_address: false, name, event })
    }

    async fn act(&mut self, _device: &DeviceId, action: Action) {
        let uuid = |uuid| Uuid16(uuid);
        self.asked.lock().expect("sound").push(action.clone());
        match action {
            Action::Connect => {
                self.say(Event::Connected {
                    characteristics: vec![uuid(0x2a08), uuid(0x2a9d)],
                    link_up_at: None,
                });
            }
            // An hour ahead of the gateway.
            Action::Read(asked) if asked == uuid(0x2a08) => {
                self.say(Event::Read { uuid: asked, bytes: vec![0xea, 0x07, 1, 1, 8, 4, 0] });
            }
            Action::Read(asked) => {
                self.say(Event::Failed { uuid: Some(asked), reason: "no such thing".into() })
            }
            Action::Write { uuid, .. } => self.say(Event::Written { uuid }),
            // 16020 x 0.005 kg at 08:03:00 by the scale.
            Action::Subscribe(asked) if asked == uuid(0x2a9d) => {
                self.say(Event::Subscribed { uuid: asked });
                self.say(Event::Notified {
                    uuid: asked,
                    bytes: vec![0x02, 0x94, 0x3e, 0xea, 0x07, 1, 1, 8, 3, 0],
                });
                self.say(Event::Disconnected);
            }
            Action::Subscribe(uuid) => self.say(Event::Subscribed { uuid }),
            Action::Disconnect => self.say(Event::Disconnected),
            Action::Measured(_) | Action::Learned(_) | Action::Trouble(_) | Action::Ignored { .. } => {
                panic!("nothing a radio could do: {action:?}")
            }
        }
    }
}

#[tokio::test]
async fn three_homes_in_one_process_deliver_and_stop() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(Rules::default());
    let mut running = Vec::new();
    for nth in 1..=3 {
        let name = format!("gw-{nth:04}");
        let config = Config::new(
            name.parse().expect("a token"),
            folder.path().join(format!("{name}.db")),
            server.url.parse().expect("a broker"),
        );
        let home = SimulatedHome::new(&format!("546c0e00000{nth}"));
        let gateway = Gateway::open(config, home, Clock::of(|| at(0))).expect("opens");
        let depth = gateway.depth();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        // That it can be spawned is part of what is tested.
        let task = tokio::spawn(gateway.run(async {
            let _ = stopped.await;
        }));
        running.push((depth, stop, task));
    }
    for (mut depth, stop, task) in running {
        let delivered = depth.wait_for(|depth| depth.last_seq == 1 && depth.unreceipted == 0);
        tokio::time::timeout(Duration::from_secs(10), delivered).await.expect("in time").expect("it runs");
        stop.send(()).expect("it runs");
        let (ended, tally) = tokio::time::timeout(Duration::from_secs(2), task)
            .await
            .expect("within two seconds")
            .expect("no panic")
            .expect("a sound outbox");
        assert_eq!((ended, tally.sealed), (Ended::Stopped, 1));
    }
    let stored = server.stored();
    assert_eq!(stored.len(), 3, "three outboxes");
    for envelope in stored.values().filter_map(|outbox| outbox.get(&1)) {
        assert_eq!(envelope["measurement"]["values"]["weight_kg"], 80.1);
        assert_eq!(envelope["measurement"]["device_time"], "2026-01-01T08:03:00");
        assert_eq!(envelope["measurement"]["clock"], "offset_corrected");
        assert_eq!(envelope["device"]["model"], "A&D UC-352BLE");
    }
}

/// Told to stop right after the frames were heard: they are on disk, although nobody had taken them yet.
#[tokio::test]
async fn what_was_heard_before_the_stop_is_on_disk() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("o.db");
    let config = Config::new(
        "gw-0001".parse().expect("a token"),
        path.clone(),
        "mqtt://127.0.0.1:1".parse().expect("a broker"),
    );
    let home = SimulatedHome::new("546c0e000001");
    for minute in 0..20 {
        home.say(Event::Notified {
            uuid: Uuid16(0x2a9d),
            bytes: vec![0x02, 0x94, 0x3e, 0xea, 0x07, 1, 1, 7, minute, 0],
        });
    }
    let gateway = Gateway::open(config, home, Clock::of(|| at(0))).expect("opens");
    let (ended, tally) = gateway.run(async {}).await.expect("a sound outbox");
    assert_eq!(ended, Ended::Stopped);
    assert!(tally.sealed >= 20, "{tally:?}");
    assert_eq!(gateway::outbox::status(&path).expect("reads").last_seq, tally.sealed);
}

/// Stopped while a reading waits for room, then started with room: the reading itself is gone, and it was said; what
/// was on disk before is still there, and the number was not used.
#[tokio::test]
async fn a_full_outbox_holds_up_and_does_not_hold_the_stop() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("o.db");
    let mut config = Config::new(
        "gw-0001".parse().expect("a token"),
        path.clone(),
        "mqtt://127.0.0.1:1".parse().expect("a broker"),
    );
    config.limits.rows_max = 2;
    let home = SimulatedHome::new("546c0e000001");
    for minute in 0..5 {
        home.say(Event::Notified {
            uuid: Uuid16(0x2a9d),
            bytes: vec![0x02, 0x94, 0x3e, 0xea, 0x07, 1, 1, 7, minute, 0],
        });
    }
    let gateway = Gateway::open(config, home, Clock::of(|| at(0))).expect("opens");
    let started = std::time::Instant::now();
    let stop = tokio::time::sleep(Duration::from_millis(300));
    let (ended, tally) = gateway.run(stop).await.expect("a sound outbox");
    assert_eq!((ended, tally.sealed), (Ended::Stopped, 2));
    assert!(started.elapsed() < Duration::from_millis(2_300), "{:?}", started.elapsed());
    assert_eq!(gateway::outbox::status(&path).expect("reads").last_seq, 2);
}

/// A scale that says what it has to say and is never answered.
struct Speaking(Vec<Event>);

impl BleSource for Speaking {
    async fn next(&mut self) -> Option<RadioEvent> {
        let Some(event) = self.0.pop() else { return std::future::pending().await };
        let device = "546c0e000001".parse().expect("an address");
        Some(RadioEvent { at: at(0), device, hides_address: false, name: None, event })
    }

    async fn act(&mut self, _device: &DeviceId, _action: Action) {}
}

/// The process is gone while a weighing waits for the scale's clock: no number was given yet. The next process gives it one.
#[tokio::test]
async fn a_reading_that_waited_when_the_power_was_cut_is_sealed_by_the_next_process() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("o.db");
    let config = Config::new(
        "gw-0001".parse().expect("a token"),
        path.clone(),
        "mqtt://127.0.0.1:1".parse().expect("a broker"),
    );
    let weighed =
        Event::Notified { uuid: Uuid16(0x2a9d), bytes: vec![0x02, 0x94, 0x3e, 0xea, 0x07, 1, 1, 8, 3, 0] };
    let scale = Speaking(vec![weighed, Event::Connected { characteristics: Vec::new(), link_up_at: None }]);
    let gateway = Gateway::open(config.clone(), scale, Clock::of(|| at(0))).expect("opens");
    let running = tokio::spawn(gateway.run(std::future::pending()));
    let written = || {
        let rows = rusqlite::Connection::open(&path).and_then(|db| {
            db.query_row("SELECT count(*) FROM device_memory", [], |row| row.get::<_, i64>(0))
        });
        rows.is_ok_and(|rows| rows == 1)
    };
    for _ in 0..200 {
        if written() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(written(), "the weighing is not on disk");
    running.abort();
    assert!(running.await.is_err_and(|ended| ended.is_cancelled()), "no last words");
    assert_eq!(gateway::outbox::status(&path).expect("reads").last_seq, 0);

    let gateway = Gateway::open(config, Speaking(Vec::new()), Clock::of(|| at(0))).expect("opens");
    let (_, tally) = gateway.run(async {}).await.expect("a sound outbox");
    assert_eq!((tally.sealed, gateway::outbox::status(&path).expect("reads").last_seq), (1, 1));
    assert!(!written(), "what is sealed is held no longer");
}

/// What was receipted more than 90 days ago is gone once a gateway runs whose clock is right, and nothing ages by a capture's clock,
/// which is not of today.
#[tokio::test]
async fn history_ages_while_a_gateway_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    let (server, path) = (Server::start(Rules::default()), folder.path().join("o.db"));
    let config =
        Config::new("gw-0001".parse().expect("a token"), path.clone(), server.url.parse().expect("a broker"));
    let home = SimulatedHome::new("546c0e000001");
    let gateway = Gateway::open(config.clone(), home, Clock::of(|| at(0))).expect("opens");
    let mut depth = gateway.depth();
    let delivered = async move {
        let delivered = depth.wait_for(|depth| depth.last_seq == 1 && depth.unreceipted == 0);
        let _ = tokio::time::timeout(Duration::from_secs(10), delivered).await.expect("in time");
    };
    gateway.run(delivered).await.expect("a sound outbox");
    let later = || at(0).plus_days(91);
    for (clock, kept) in [(Clock::played(later), 1), (Clock::system(false), 1), (Clock::of(later), 0)] {
        let gateway = Gateway::open(config.clone(), Speaking(Vec::new()), clock).expect("opens");
        gateway.run(tokio::time::sleep(Duration::from_millis(300))).await.expect("a sound outbox");
        let status = gateway::outbox::status(&path).expect("reads");
        assert_eq!((status.last_readings.len(), status.last_seq), (kept, 1));
    }
}

/// A full outbox does not answer a scale that asks to be heard: what it measured stays in it, until a receipt makes room.
#[tokio::test]
async fn a_full_outbox_leaves_readings_in_the_device() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(Rules { receipt: false, ..Rules::default() });
    let mut config = Config::new(
        "gw-0001".parse().expect("a token"),
        folder.path().join("o.db"),
        server.url.parse().expect("a broker"),
    );
    config.limits.rows_max = 2;
    let full = SimulatedHome::new("546c0e000002");
    for minute in 0..2 {
        let bytes = vec![0x02, 0x94, 0x3e, 0xea, 0x07, 1, 1, 7, minute, 0];
        full.say(Event::Notified { uuid: Uuid16(0x2a9d), bytes });
    }
    let gateway = Gateway::open(config.clone(), full, Clock::of(|| at(0))).expect("opens");
    gateway.run(tokio::time::sleep(Duration::from_millis(300))).await.expect("a sound outbox");

    let home = SimulatedHome::new("546c0e000001");
    let (scale, asked) = (home.scale.clone(), home.asked.clone());
    let gateway = Gateway::open(config, home, Clock::of(|| at(0))).expect("opens");
    let mut depth = gateway.depth();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let task = tokio::spawn(gateway.run(async {
        let _ = stopped.await;
    }));
    let advertises = tokio::spawn(async move {
        let service_uuids = vec![Uuid16(0x181d)];
        while scale
            .send(Event::Advertised {
                service_uuids: service_uuids.clone(),
                service_data: Default::default(),
            })
            .is_ok()
        {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    tokio::time::sleep(Duration::from_millis(800)).await;
    assert_eq!(asked.lock().expect("sound").len(), 0, "nothing is asked of the scale");
    assert_eq!(depth.borrow().last_seq, 2);
    server.set(Rules::default());
    server.cut();
    let heard = depth.wait_for(|depth| depth.last_seq == 3 && depth.unreceipted == 0);
    tokio::time::timeout(Duration::from_secs(10), heard).await.expect("in time").expect("it runs");
    assert_eq!(asked.lock().expect("sound").first(), Some(&Action::Connect));
    let _ = stop.send(());
    task.await.expect("no panic").expect("a sound outbox");
    advertises.abort();
}
