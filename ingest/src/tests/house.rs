//! A store, a played link and the service between them.

use care::store::sql::{self, Dialect};
use std::collections::VecDeque;
use std::future::Future;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use care::clock::Clock;
use care::export;
use care::health::{Health, Part};
use care::live::Feed;
use care::register::{Register, apply};
use care::store::Store;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::{Notify, mpsc};
use vitals::Timestamp;

use crate::link::{Busy, Event, Link, LinkError, Outlet, Publish, Token};
use crate::policies::Policies;
use crate::service::{House, Ingest};

/// The time at which every test begins.
pub(super) const NOW: &str = "2026-01-01T07:05:00.000Z";

pub(super) const REGISTER: &str = r#"
organisation = [{ id = "region", name = "Region Exempel", kind = "region" }]
unit    = [{ id = "hf", organisation = "region", name = "Hjärtsviktsmottagningen" }]
patient = [
  { id = "p1", name = "Svea Test", units = ["hf"], language = "sv", policy = "recommended" },
  { id = "p2", name = "Sven Test", units = ["hf"], language = "sv", policy = "recommended" },
]
gateway = [{ id = "gw-0001" }, { id = "gw-0002" }]
device  = [
  { id = "546c0e000001", model = "A&D UA-651BLE" },
  { id = "546c0e000002", model = "A&D UA-651BLE" },
  { id = "546c0e000003", model = "A&D UA-651BLE" },
  { id = "546c0e000004", model = "A&D UA-651BLE" },
]
worn_by = [
  { device = "546c0e000001", patient = "p1", from = "2025-01-01T00:00:00Z" },
  { device = "546c0e000002", patient = "p1", from = "2025-01-01T00:00:00Z", until = "2025-12-31T00:00:00Z" },
  { device = "546c0e000002", patient = "p2", from = "2025-12-31T00:00:00Z" },
  { device = "546c0e000003", patient = "p1", from = "2025-01-01T00:00:00Z", slot = 1 },
  { device = "546c0e000003", patient = "p2", from = "2025-01-01T00:00:00Z", slot = 2 },
]
"#;

/// What happens on the played link.
pub(super) enum Told {
    /// The broker answers.
    Connected { session_present: bool },
    /// A message comes.
    Publish(Publish),
    /// The broker answers a subscription.
    Subscribed { granted: bool },
    /// The connection breaks after `unread` was read from it and before that was told.
    Break { unread: Vec<Publish>, error: LinkError },
}

/// What went over the wire, as the broker saw it.
#[derive(Debug, Default)]
pub(super) struct Wire {
    pub(super) connection: u32,
    waiting: VecDeque<Sent>,
    /// Acknowledgements: on which connection, for which packet id.
    pub(super) acks: Vec<(u32, u16)>,
    /// What gateways got: the topic and the message.
    pub(super) down: Vec<(String, Value)>,
    pub(super) subscriptions: Vec<(u32, String)>,
    pub(super) begun_anew: u32,
    /// While set, there is no room to send.
    pub(super) busy: bool,
    /// While set, what is sent waits and does not go out.
    pub(super) stalled: bool,
}

#[derive(Debug)]
enum Sent {
    Ack(u16),
    Publish(String, Value),
    Subscribe(String),
    Unsubscribe(String),
}

/// The receiving end, played. Like the real client it holds back what it read before a break, and sends what waits on whatever
/// connection comes next, unless it is told to forget.
pub(super) struct PlayedLink {
    told: mpsc::UnboundedReceiver<Told>,
    unread: VecDeque<Publish>,
    connected: bool,
    wire: Arc<Mutex<Wire>>,
    news: Arc<Notify>,
}

/// The sending end, played.
#[derive(Clone)]
pub(super) struct PlayedOutlet {
    wire: Arc<Mutex<Wire>>,
    news: Arc<Notify>,
}

impl PlayedLink {
    fn flush(&self) {
        let mut wire = self.wire.lock().expect("the wire");
        if !self.connected || wire.stalled {
            return;
        }
        let connection = wire.connection;
        while let Some(sent) = wire.waiting.pop_front() {
            match sent {
                Sent::Ack(pkid) => wire.acks.push((connection, pkid)),
                Sent::Publish(topic, message) => wire.down.push((topic, message)),
                Sent::Subscribe(filter) => wire.subscriptions.push((connection, filter)),
                Sent::Unsubscribe(filter) => wire.subscriptions.retain(|(_, asked)| *asked != filter),
            }
        }
    }
}

impl Link for PlayedLink {
    async fn poll(&mut self) -> Result<Event, LinkError> {
        loop {
            self.flush();
            if self.connected
                && let Some(publish) = self.unread.pop_front()
            {
                return Ok(Event::Publish(publish));
            }
            let told = tokio::select! {
                told = self.told.recv() => told,
                () = self.news.notified() => continue,
            };
            match told {
                None => std::future::pending().await,
                Some(Told::Connected { session_present }) => {
                    self.connected = true;
                    self.wire.lock().expect("the wire").connection += 1;
                    return Ok(Event::Connected { session_present });
                }
                Some(Told::Publish(publish)) => return Ok(Event::Publish(publish)),
                Some(Told::Subscribed { granted }) => return Ok(Event::Subscribed { granted }),
                Some(Told::Break { unread, error }) => {
                    self.connected = false;
                    self.unread.extend(unread);
                    return Err(error);
                }
            }
        }
    }

    fn drain(&mut self) -> Vec<Publish> {
        self.unread.drain(..).collect()
    }

    fn clean(&mut self) {
        self.connected = false;
        let mut wire = self.wire.lock().expect("the wire");
        wire.waiting.retain(|sent| !matches!(sent, Sent::Ack(_)));
    }

    fn begin_anew(&mut self) {
        self.wire.lock().expect("the wire").begun_anew += 1;
    }
}

impl PlayedOutlet {
    fn send(&self, sent: Sent) -> Result<(), Busy> {
        let mut wire = self.wire.lock().expect("the wire");
        if wire.busy {
            return Err(Busy);
        }
        wire.waiting.push_back(sent);
        self.news.notify_one();
        Ok(())
    }
}

impl Outlet for PlayedOutlet {
    fn try_ack(&self, token: Token) -> Result<(), Busy> {
        self.send(Sent::Ack(token.0))
    }

    fn try_publish(&self, topic: &str, payload: Vec<u8>) -> Result<(), Busy> {
        self.send(Sent::Publish(topic.to_owned(), serde_json::from_slice(&payload).expect("JSON")))
    }

    fn try_subscribe(&self, filters: &[&str]) -> Result<(), Busy> {
        filters.iter().try_for_each(|filter| self.send(Sent::Subscribe((*filter).to_owned())))
    }

    fn try_unsubscribe(&self, filter: &str) -> Result<(), Busy> {
        self.send(Sent::Unsubscribe(filter.to_owned()))
    }

    fn disconnect(&self) {}
}

/// The service with everything around it.
pub(super) struct Home {
    pub(super) directory: Option<TempDir>,
    pub(super) store: Store,
    pub(super) ingest: Ingest,
    pub(super) health: Health,
    pub(super) feed: Feed,
    pub(super) wire: Arc<Mutex<Wire>>,
    pub(super) now: Arc<AtomicI64>,
    news: Arc<Notify>,
    tell: mpsc::UnboundedSender<Told>,
    next_pkid: Mutex<u16>,
}

pub(super) fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

/// An envelope: the published example under another number and with another weight, measured at 07:04 that day.
pub(super) fn envelope(outbox: &str, seq: u64, weight_kg: f64) -> Value {
    json!({
        "v": 1, "gateway": "gw-0001", "outbox": outbox, "seq": seq, "sealed_at": "2026-01-01T07:04:05.000Z",
        "device": {"id": "546c0e000001", "model": "A&D UA-651BLE", "serial": "5170300042"},
        "measurement": {"kind": "weight", "outcome": "measured", "values": {"weight_kg": weight_kg}, "absent": {},
            "device_time": null, "user_slot": null, "flags": [],
            "measured_at": "2026-01-01T07:04:00.000Z", "clock": "synced", "clock_offset_s": null},
        "raw": {"characteristic": "2a9d", "hex": "02943eea070101080400"}
    })
}

impl Home {
    /// A home whose link is connected and subscribed.
    pub(super) async fn open() -> Self {
        let home = Self::unconnected().await;
        home.connect(false).await;
        home
    }

    pub(super) async fn unconnected() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let store = care::store::trial::open(directory.path()).await.expect("a store");
        let home = Self::around(Some(directory), store);
        home.apply(REGISTER, NOW).await;
        home
    }

    /// Applies `register` at `at`, as somebody at the command line does.
    pub(super) async fn apply(&self, register: &str, at: &str) {
        let register = Register::parse(register).expect("a register");
        apply(&self.store, &register, Path::new("."), &["recommended"], "test", time(at))
            .await
            .expect("applies");
    }

    /// A service begun anew over `store`, connected and subscribed.
    pub(super) async fn over(store: Store) -> Self {
        let home = Self::around(None, store);
        home.connect(false).await;
        home
    }

    fn around(directory: Option<TempDir>, store: Store) -> Self {
        let now = Arc::new(AtomicI64::new(time(NOW).as_millis()));
        let shown = Arc::clone(&now);
        let clock = Clock::told_by(move || {
            Timestamp::from_millis(shown.load(Ordering::SeqCst)).expect("a time in range")
        });
        let (health, feed) = (Health::of([Part::Broker, Part::Store]), Feed::default());
        let (tell, told) = mpsc::unbounded_channel();
        let (wire, news) = (Arc::new(Mutex::new(Wire::default())), Arc::new(Notify::new()));
        let link = PlayedLink {
            told,
            unread: VecDeque::new(),
            connected: false,
            wire: Arc::clone(&wire),
            news: Arc::clone(&news),
        };
        let outlet = PlayedOutlet { wire: Arc::clone(&wire), news: Arc::clone(&news) };
        let house = House {
            store: store.clone(),
            policies: Policies::default(),
            clock,
            feed: feed.clone(),
            health: health.clone(),
        };
        let ingest = Ingest::over(house, link, outlet, (Duration::from_secs(3600), None));
        let next_pkid = Mutex::new(0);
        Self { directory, store, ingest, health, feed, wire, now, news, tell, next_pkid }
    }

    pub(super) fn tell(&self, told: Told) {
        self.tell.send(told).expect("the link is polled");
    }

    pub(super) async fn connect(&self, session_present: bool) {
        self.tell(Told::Connected { session_present });
        if !session_present {
            self.tell(Told::Subscribed { granted: true });
        }
        self.until("listening", async || self.ingest.is_listening()).await;
    }

    pub(super) async fn break_off(&self, unread: Vec<Publish>) {
        self.tell(Told::Break { unread, error: LinkError::Broken("played".to_owned()) });
        self.until("the break", async || !self.ingest.is_listening()).await;
    }

    /// A message at QoS 1 with the next packet id.
    pub(super) fn message(&self, topic: &str, payload: impl Into<Vec<u8>>) -> Publish {
        let mut next = self.next_pkid.lock().expect("the packet id");
        *next += 1;
        Publish { topic: topic.to_owned(), payload: payload.into(), token: Some(Token(*next)) }
    }

    /// Publishes `value` on the `up` topic of gw-0001, at QoS 1.
    pub(super) fn up(&self, value: &Value) {
        self.tell(Told::Publish(self.message("vagen/v1/gw-0001/up", value.to_string())));
    }

    pub(super) fn set_now(&self, text: &str) {
        self.now.store(time(text).as_millis(), Ordering::SeqCst);
    }

    pub(super) fn change_wire(&self, change: impl FnOnce(&mut Wire)) {
        change(&mut self.wire.lock().expect("the wire"));
        self.news.notify_one();
    }

    pub(super) fn acks(&self) -> Vec<(u32, u16)> {
        self.wire.lock().expect("the wire").acks.clone()
    }

    /// Waits until `count` messages were acknowledged, in all.
    pub(super) async fn acked(&self, count: usize) {
        self.until(&format!("{count} acknowledgements"), async || self.acks().len() >= count).await;
    }

    /// Waits until the last receipt that gw-0001 got for `outbox` is through `through`.
    pub(super) async fn receipted(&self, outbox: &str, through: u64) {
        let expected = json!({"v": 1, "receipt": {"outbox": outbox, "through": through}});
        self.until(&expected.to_string(), async || {
            self.down().iter().rfind(|message| message["receipt"]["outbox"] == outbox) == Some(&expected)
        })
        .await;
    }

    /// Everything that gw-0001 got.
    pub(super) fn down(&self) -> Vec<Value> {
        let wire = self.wire.lock().expect("the wire");
        wire.down
            .iter()
            .filter(|(topic, _)| topic == "vagen/v1/gw-0001/down")
            .map(|(_, value)| value.clone())
            .collect()
    }

    pub(super) async fn until(&self, what: &str, mut holds: impl AsyncFnMut() -> bool) {
        for _ in 0..2_000 {
            if holds().await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("never came: {what}; the gateway got {:?}", self.down());
    }

    /// `status --json`.
    pub(super) async fn status(&self) -> Value {
        let mut reader = self.store.read().await.expect("a reader");
        export::status(&mut reader).await.expect("a status")
    }

    /// The lines of an export.
    pub(super) async fn export(&self, what: export::What) -> Vec<Value> {
        let mut out = Vec::new();
        export::export(&self.store, what, &export::Filter::default(), "test", time(NOW), &mut out)
            .await
            .expect("exports");
        String::from_utf8(out)
            .expect("text")
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect()
    }

    /// What the house's clock shows.
    pub(super) fn clock_now(&self) -> Timestamp {
        Timestamp::from_millis(self.now.load(Ordering::SeqCst)).expect("in range")
    }

    /// The one text that `sql` gives.
    pub(super) async fn text(&self, sql: &'static str) -> String {
        let mut reader = self.store.read().await.expect("a reader");
        sql::query_scalar(sql).fetch_one(&mut reader).await.expect(sql)
    }

    /// Has the database refuse new rows of `table`, those for which `when` holds or all: whatever its reason.
    pub(super) async fn refuse(&self, table: &str, when: Option<&str>) {
        let statements = match self.store.dialect() {
            Dialect::Sqlite => {
                let when = when.map_or_else(String::new, |when| format!("WHEN {when}"));
                vec![format!(
                    "CREATE TRIGGER refused BEFORE INSERT ON {table} {when} BEGIN SELECT RAISE(ABORT, 'refused'); END"
                )]
            }
            Dialect::Postgres => {
                let when = when.map_or_else(String::new, |when| format!("WHEN ({when})"));
                vec![
                    "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql
                     AS $$ BEGIN RAISE EXCEPTION 'refused'; END $$"
                        .to_owned(),
                    format!(
                        "CREATE TRIGGER refused BEFORE INSERT ON {table} FOR EACH ROW {when} EXECUTE FUNCTION refuse()"
                    ),
                ]
            }
        };
        for statement in statements {
            self.sql(statement).await;
        }
    }

    /// Has the database take rows of `table` again.
    pub(super) async fn accept(&self, table: &str) {
        let of = match self.store.dialect() {
            Dialect::Sqlite => String::new(),
            Dialect::Postgres => format!("ON {table}"),
        };
        self.sql(format!("DROP TRIGGER refused {of}")).await;
    }

    /// Runs SQL as somebody else with the store in hand.
    pub(super) async fn sql(&self, sql: impl Into<String>) {
        let mut tx = self.store.write().await.expect("a transaction");
        sql::query(sqlx::AssertSqlSafe(sql.into())).execute(&mut tx).await.expect("the statement");
        tx.commit().await.expect("commits");
    }

    /// Long enough for anything that would happen to happen.
    pub(super) async fn a_while(&self) {
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
}

/// Runs a test on a runtime of its own with as many threads as the service has tasks.
pub(super) fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(test);
}
