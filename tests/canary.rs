//! The canary in a real house: mosquitto, QuestDB, a webhook, and each hop of its way cut in turn. Expected: what the README
//! says of it: its absence is told outside and across the pages, with the hop named, and it stands in no list or count.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::{Value, json};

use support::mqtt::{Gateway, weighing};
use support::questdb::{QuestDb, free_port};
use support::web::Visitor;
use support::{REGISTER, Serving, apply, export, house, signal, status, wait_for};

mod support;

/// mosquitto with an access list that can be changed while it runs.
struct Mosquitto {
    child: Child,
    folder: PathBuf,
    port: u16,
}

const EVERYBODY: &str =
    "topic readwrite #\nuser vagen-canary\ntopic readwrite #\nuser gw-0001\ntopic readwrite #\n";
/// The server, which gives no name, hears no gateway any more.
const SERVER_HEARS_NOTHING: &str =
    "topic write vagen/v1/+/down\nuser vagen-canary\ntopic readwrite #\nuser gw-0001\ntopic readwrite #\n";
/// The canary gets no receipts any more.
const CANARY_HEARS_NOTHING: &str = "topic readwrite #\nuser vagen-canary\ntopic write vagen/v1/vagen-canary/up\nuser gw-0001\ntopic readwrite #\n";

impl Mosquitto {
    fn start(folder: &Path, port: u16) -> Self {
        let acl = folder.join("acl");
        std::fs::write(&acl, EVERYBODY).expect("an access list");
        let config = folder.join("mosquitto.conf");
        let text = format!("listener {port} 127.0.0.1\nallow_anonymous true\nacl_file {}\n", acl.display());
        std::fs::write(&config, text).expect("a configuration");
        let program =
            if Path::new("/usr/sbin/mosquitto").exists() { "/usr/sbin/mosquitto" } else { "mosquitto" };
        let child = Command::new(program)
            .arg("-c")
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("mosquitto starts");
        wait_for("mosquitto", || TcpStream::connect(("127.0.0.1", port)).ok());
        Self { child, folder: folder.to_owned(), port }
    }

    fn allow(&self, acl: &str) {
        std::fs::write(self.folder.join("acl"), acl).expect("an access list");
        signal(self.child.id(), "HUP");
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Takes POSTs and gives what they hold.
fn webhook() -> (u16, Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("a port").port();
    let (said, heard) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut reader = BufReader::new(&stream);
            let (mut line, mut length) = (String::new(), 0);
            while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                if let Some(bytes) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = bytes.trim().parse().expect("a number");
                }
                line.clear();
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).expect("a body");
            let _ =
                write!(&stream, "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            if said.send(serde_json::from_slice(&body).expect("JSON")).is_err() {
                return;
            }
        }
    });
    (port, heard)
}

/// A busy machine may take long; an alarm that never comes ends the test.
const PATIENCE: Duration = Duration::from_secs(120);

struct Watched {
    posts: Receiver<Value>,
    nurse: Visitor,
    data: PathBuf,
}

impl Watched {
    /// The next post about the canary that says `alarm`, and its words.
    fn post(&self, alarm: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let post = self.posts.recv_timeout(left).unwrap_or_else(|_| panic!("no post: canary {alarm}"));
            if post["part"] == "canary" && post["alarm"] == alarm {
                return post["what_en"].as_str().expect("words").to_owned();
            }
        }
    }

    async fn metric(&self, name: &str) -> String {
        let (status, text) = self.nurse.get("/metrics").await;
        assert_eq!(status, 200);
        text.lines()
            .find(|line| line.starts_with(name))
            .unwrap_or_else(|| panic!("{name} in {text}"))
            .to_owned()
    }

    /// Sees the alarm with `words` outside, across the pages and as a metric; then mends, and sees its end.
    async fn alarmed(&self, hop: &str, words: &str, words_sv: &str, mend: impl FnOnce()) {
        let said = self.post("raised");
        assert!(said.contains(words), "{hop}: {said}");
        assert_eq!(
            self.metric("vagen_part_whole{part=\"canary\"}").await,
            "vagen_part_whole{part=\"canary\"} 0"
        );
        // Without a store that can be written, no page about patients opens anew; those that are open ask for the bar alone.
        let page = if hop == "store" { "/chain?bar=1" } else { "/worklist" };
        let (_, page) = self.nurse.get(page).await;
        assert!(page.contains(words_sv), "{hop}: the bar across {page}");
        mend();
        self.post("cleared");
        assert_eq!(
            self.metric("vagen_part_whole{part=\"canary\"}").await,
            "vagen_part_whole{part=\"canary\"} 1"
        );
    }

    fn store(&self) -> Connection {
        let store = Connection::open(self.data.join("vagen.db")).expect("the store");
        store.busy_timeout(Duration::from_secs(30)).expect("patience");
        store
    }
}

#[tokio::test]
async fn each_hop_of_its_way_is_cut_and_the_alarm_names_it() {
    let (kept, data) = house();
    apply(&data, REGISTER);
    let (broker_port, questdb_port) = (free_port(), free_port());
    let mut broker = Some(Mosquitto::start(kept.path(), broker_port));
    let questdb_data = data.with_extension("questdb");
    let mut questdb = Some(QuestDb::start(&questdb_data, questdb_port));
    let (webhook_port, posts) = webhook();
    let config = data.with_extension("config.toml");
    let text = format!(
        "broker = \"mqtt://127.0.0.1:{broker_port}\"\nquestdb = \"http://127.0.0.1:{questdb_port}\"\n\
         [canary]\nevery_s = 1\nabsent_after_s = 8\n\
         [alarm]\nafter_s = 60\nwebhook = \"http://127.0.0.1:{webhook_port}/\"\n"
    );
    std::fs::write(&config, text).expect("a configuration");
    let serving = Serving::start_with(&data, &["--config", config.to_str().expect("a path")], &[]);
    let nurse = Visitor::sign_in(&serving.http, "anna", "anna-password").await;
    let watched = Watched { posts, nurse, data: data.clone() };
    let gateway = Gateway::connect(broker_port, "gw-0001");
    gateway.up(weighing("gw-0001", "box-a", 1, "546c0e000001", 80.0, 60).to_string());
    gateway.receipt("box-a", 1);
    whole(&watched).await;

    // From the outbox: the disk under it takes nothing.
    let nest = Connection::open(data.join("canary/outbox.db")).expect("the canary's outbox");
    nest.busy_timeout(Duration::from_secs(30)).expect("patience");
    nest.execute_batch("BEGIN IMMEDIATE").expect("its lock");
    let free = || nest.execute_batch("COMMIT").expect("free again");
    watched.alarmed("outbox", "cannot be made on the server", "går inte att skapa på servern", free).await;

    // To the broker, which is gone.
    drop(broker.take());
    let again = || broker = Some(Mosquitto::start(kept.path(), broker_port));
    watched
        .alarmed("broker", "does not reach the message broker", "når inte meddelandetjänsten", again)
        .await;
    let broker = broker.expect("the broker");
    assert_eq!(broker.port, broker_port);

    // From the broker to the server.
    broker.allow(SERVER_HEARS_NOTHING);
    let everybody = || broker.allow(EVERYBODY);
    watched.alarmed("subscription", "from the message broker to the server", "till servern", everybody).await;

    // The rules: what they found is gone before anybody sees it.
    watched.store().execute_batch(
        "CREATE TRIGGER cut AFTER INSERT ON finding_reading BEGIN DELETE FROM finding_reading WHERE finding = NEW.finding; END",
    ).expect("a trigger");
    let judged = || watched.store().execute_batch("DROP TRIGGER cut").expect("no trigger");
    watched.alarmed("assessment", "is not judged as it must be", "bedöms inte som den ska", judged).await;

    // The store: somebody holds it.
    let store = watched.store();
    store.execute_batch("BEGIN IMMEDIATE").expect("the store's lock");
    let free = || store.execute_batch("COMMIT").expect("free again");
    watched.alarmed("store", "arrives and is not stored", "kommer fram men sparas inte", free).await;

    // The receipt's way back.
    broker.allow(CANARY_HEARS_NOTHING);
    watched.alarmed("receipt", "is stored and not receipted", "sparas men kvitteras inte", everybody).await;

    // The projection.
    questdb.take().expect("QuestDB").kill();
    let again = || questdb = Some(QuestDb::start(&questdb_data, questdb_port));
    watched
        .alarmed("projection", "does not reach long charts", "kommer inte till långa diagram", again)
        .await;

    seen_nowhere(&watched, questdb.as_ref().expect("QuestDB")).await;
    drop(serving);
}

async fn whole(watched: &Watched) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let (_, parts) = watched.nurse.get("/readyz").await;
        let parts: Value = serde_json::from_str(&parts).expect("JSON");
        if parts["parts"]["canary"]["state"] == "whole" {
            return;
        }
        assert!(Instant::now() < deadline, "no canary came the whole way: {parts}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Dozens have flown by now. The one weighing is all that any list, count, export or table of readings has.
async fn seen_nowhere(watched: &Watched, questdb: &QuestDb) {
    let status = status(&watched.data);
    assert_eq!(status["readings"], 1);
    assert_eq!((&status["duplicates"], &status["quarantined"]), (&json!(0), &json!({})));
    assert_eq!(status["outboxes"].as_array().expect("outboxes").len(), 1, "{status}");
    assert_eq!(status["gateways"].as_array().expect("gateways").len(), 2, "{status}");
    for (what, lines) in [("readings", 1), ("tasks", 0), ("quarantine", 0)] {
        assert_eq!(export(&watched.data, what).len(), lines, "{what}");
    }
    let about =
        export(&watched.data, "audit").into_iter().filter(|entry| entry.to_string().contains("vagen-canary"));
    assert_eq!(about.count(), 0);
    for page in ["/worklist", "/quarantine"] {
        let (_, text) = watched.nurse.get(page).await;
        assert!(!text.contains("vagen-canary"), "{page}");
    }
    assert_eq!(watched.metric("vagen_ingest_readings_total").await, "vagen_ingest_readings_total 1");
    let (_, metrics) = watched.nurse.get("/metrics").await;
    assert!(!metrics.contains("vagen-canary"), "{metrics}");
    assert_eq!(questdb.ask("SELECT count() FROM vagen_reading").expect("rows"), [[json!(1)]]);
    assert_eq!(questdb.ask("SELECT count() FROM vagen_canary").expect("rows"), [[json!(1)]]);
    let few: i64 = watched
        .store()
        .query_row("SELECT (SELECT COUNT(*) FROM canary) + (SELECT COUNT(*) FROM decided)", [], |row| {
            row.get(0)
        })
        .expect("a count");
    assert!(few <= 2 * 20 + 1, "{few} rows");
}
