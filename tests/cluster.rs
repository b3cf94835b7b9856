//! Several `vagen serve` over one PostgreSQL and one mosquitto: each gateway is heard by one of them, a killed or frozen one's share is
//! taken over within ten seconds, nothing is lost and nothing is judged twice.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::mqtt::{Gateway, weighing};
use support::servers::{Mosquitto, Postgres};
use support::web::Visitor;
use support::{Serving, lines, run, signal, stderr, vagen, wait_for};

mod support;

const GATEWAYS: usize = 24;
const TAKEN_OVER_WITHIN: Duration = Duration::from_secs(10);

struct Cluster {
    folder: tempfile::TempDir,
    postgres: Postgres,
    broker: Mosquitto,
}

fn gateway(number: usize) -> String {
    format!("gw-{number:04}")
}

fn device(number: usize) -> String {
    format!("546c0e00{number:04x}")
}

impl Cluster {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let postgres = Postgres::start(folder.path());
        postgres.sql("postgres", "CREATE DATABASE vagen");
        let broker = Mosquitto::start(folder.path());
        let cluster = Self { folder, postgres, broker };
        let configuration = cluster.configuration("applying");
        let register = cluster.folder.path().join("register.toml");
        std::fs::write(&register, Self::register()).expect("a register");
        let applied =
            run(vagen().args(["admin", "apply"]).arg(&register).arg("--config").arg(&configuration));
        assert!(applied.status.success(), "{}", stderr(&applied));
        cluster
    }

    /// A configuration with a data directory of its own: what the processes share is the store and the broker.
    fn configuration(&self, name: &str) -> PathBuf {
        let file = self.folder.path().join(format!("{name}.toml"));
        let data = self.folder.path().join(name);
        let (store, broker) = (format!("{}/vagen", self.postgres.url), self.broker.url());
        std::fs::write(&file, format!("data = {data:?}\nstore = {store:?}\nbroker = {broker:?}\n"))
            .expect("a configuration");
        file
    }

    fn register() -> String {
        let each = |row: &dyn Fn(usize) -> String| (0..GATEWAYS).map(row).collect::<Vec<_>>().join(",\n  ");
        format!(
            r#"
organisation = [{{ id = "region", name = "Region Exempel", kind = "region" }}]
unit = [{{ id = "hf", organisation = "region", name = "Hjärtsviktsmottagningen" }}]
staff = [{{ id = "anna", unit = "hf", role = "heart_failure_nurse", name = "Anna Test", login = "anna", password = "anna-password" }}]
patient = [{}]
gateway = [{}]
device = [{}]
worn_by = [{}]
"#,
            each(&|n| format!(
                r#"{{ id = "p{n}", name = "Test {n}", units = ["hf"], language = "sv", policy = "recommended" }}"#
            )),
            each(&|n| format!(r#"{{ id = "{}" }}"#, gateway(n))),
            each(&|n| format!(r#"{{ id = "{}", model = "A&D UC-352BLE" }}"#, device(n))),
            each(&|n| format!(
                r#"{{ device = "{}", patient = "p{n}", from = "2020-01-01T00:00:00Z" }}"#,
                device(n)
            )),
        )
    }

    fn serve(&self, name: &str) -> Serving {
        Serving::start_configured(&self.configuration(name), &self.folder.path().join(format!("{name}.json")))
    }

    fn gateways(&self) -> Vec<Gateway> {
        (0..GATEWAYS).map(|number| Gateway::connect(self.broker.port, &gateway(number))).collect()
    }

    /// How many shards each member hears, in the store.
    fn divided(&self) -> Vec<usize> {
        let text =
            self.postgres.sql("vagen", "SELECT COUNT(*) FROM share WHERE member IS NOT NULL GROUP BY member");
        text.lines().map(|line| line.parse().expect("a number")).collect()
    }

    /// Waits until `members` hear all 64 shards between them, and says how long that took.
    fn until_divided_among(&self, members: usize) -> Duration {
        let began = Instant::now();
        wait_for(&format!("the shards among {members}"), || {
            let divided = self.divided();
            (divided.len() == members && divided.iter().sum::<usize>() == 64).then_some(())
        });
        began.elapsed()
    }

    fn export(&self, what: &str) -> Vec<Value> {
        let output = run(vagen().args(["export", what, "--config"]).arg(self.configuration("export")));
        assert!(output.status.success(), "{}", stderr(&output));
        lines(&output)
    }
}

fn envelope(number: usize, seq: u64) -> String {
    weighing(&gateway(number), "box", seq, &device(number), 70.0 + number as f64, 1000 - seq as i64)
        .to_string()
}

/// Sends `seq` from everybody, again every second as a gateway does, until each has its receipt.
fn send_until_receipted(gateways: &[Gateway], seq: u64, meanwhile: impl FnOnce()) {
    let mut open: BTreeSet<usize> = (0..gateways.len()).collect();
    let began = Instant::now();
    meanwhile();
    while !open.is_empty() {
        assert!(began.elapsed() < support::PATIENCE, "no receipt of {seq} for {open:?}");
        open.iter().for_each(|number| gateways[*number].up(envelope(*number, seq)));
        let until = Instant::now() + Duration::from_secs(1);
        while Instant::now() < until && !open.is_empty() {
            open.retain(|number| gateways[*number].receipt_so_far("box") < seq);
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Every reading once, and a task for each void: nothing lost, nothing twice.
fn holds(cluster: &Cluster, readings: usize, tasks: usize) {
    let found = cluster.export("readings");
    let numbers: BTreeSet<(String, u64)> = found
        .iter()
        .map(|reading| (reading["gateway"].to_string(), reading["seq"].as_u64().expect("a number")))
        .collect();
    assert_eq!((found.len(), numbers.len()), (readings, readings), "each reading once");
    assert_eq!(cluster.export("tasks").len(), tasks, "each task once");
    assert_eq!(cluster.export("quarantine"), Vec::<Value>::new());
}

#[test]
fn a_killed_and_a_frozen_process_are_taken_over_and_nothing_is_judged_twice() {
    let cluster = Cluster::start();
    let mut serving = vec![cluster.serve("a"), cluster.serve("b"), cluster.serve("c")];
    cluster.until_divided_among(3);
    let gateways = cluster.gateways();
    send_until_receipted(&gateways, 1, || ());
    holds(&cluster, GATEWAYS, 0);

    // One is killed while everybody sends.
    let killed = serving.remove(1);
    send_until_receipted(&gateways, 2, || {
        gateways.iter().enumerate().for_each(|(number, gateway)| gateway.up(envelope(number, 2)));
        killed.kill();
    });
    let took = cluster.until_divided_among(2);
    assert!(took < TAKEN_OVER_WITHIN, "taken over after {took:?}");
    holds(&cluster, 2 * GATEWAYS, 0);

    // One is frozen with messages in its hands, taken for gone, and thaws: it commits nothing, and joins anew.
    let frozen = serving[0].pid();
    gateways.iter().enumerate().for_each(|(number, gateway)| gateway.up(envelope(number, 3)));
    signal(frozen, "STOP");
    let began = Instant::now();
    cluster.until_divided_among(1);
    // The beat that found it had up to a transaction's time limit to wait for, beside its own time.
    assert!(began.elapsed() < Duration::from_secs(45), "{:?}", began.elapsed());
    send_until_receipted(&gateways, 3, || ());
    signal(frozen, "CONT");
    cluster.until_divided_among(2);
    send_until_receipted(&gateways, 4, || ());
    holds(&cluster, 4 * GATEWAYS, 0);

    // What opens a task opens one, whoever hears it.
    for gateway in &gateways {
        let id = &gateway.id;
        gateway
            .up(json!({ "v": 1, "gateway": id, "outbox": "box", "seq": 5, "void": "disk failed" })
                .to_string());
    }
    wait_for("a task each", || (cluster.export("tasks").len() >= GATEWAYS).then_some(()));
    holds(&cluster, 4 * GATEWAYS, GATEWAYS);

    // Two that leave in order leave nothing behind.
    for one in serving {
        let (status, took) = one.terminate();
        assert!(status.success() && took < Duration::from_secs(3), "{status} after {took:?}");
    }
    assert_eq!(cluster.postgres.sql("vagen", "SELECT COUNT(*) FROM member"), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_open_in_one_process_hears_what_another_admits() {
    let cluster = Cluster::start();
    let serving = [cluster.serve("a"), cluster.serve("b")];
    cluster.until_divided_among(2);
    let gateways = cluster.gateways();
    let mut pages = Vec::new();
    for one in &serving {
        pages.push(Visitor::sign_in(&one.http, "anna", "anna-password").await.stream("/live").await);
    }
    send_until_receipted(&gateways, 1, || ());
    for page in &mut pages {
        let mut heard = BTreeSet::new();
        while heard.len() < GATEWAYS {
            let event = page.next("reading").await;
            heard.insert(event["patient"].as_str().expect("a patient").to_owned());
        }
        assert_eq!(heard, (0..GATEWAYS).map(|number| format!("p{number}")).collect());
    }
}

/// A store that moved: everything from SQLite to PostgreSQL and back, by the command, the same rows.
#[test]
fn a_store_moves_between_databases_and_stays_what_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let postgres = Postgres::start(folder.path());
    postgres.sql("postgres", "CREATE DATABASE moved");
    let (first, last) = (folder.path().join("first"), folder.path().join("last"));
    let register = folder.path().join("register.toml");
    std::fs::write(&register, Cluster::register()).expect("a register");
    let applied = run(vagen().args(["admin", "apply"]).arg(&register).arg("--data").arg(&first));
    assert!(applied.status.success(), "{}", stderr(&applied));
    let copy = |from: &str, to: &str| run(vagen().args(["store", "copy", "--from", from, "--to", to]));
    let sqlite = |path: &Path| format!("sqlite:{}", path.display());
    let server = format!("{}/moved", postgres.url);
    let there = copy(&sqlite(&first), &server);
    assert!(there.status.success(), "{}", stderr(&there));
    let back = copy(&server, &sqlite(&last));
    assert!(back.status.success(), "{}", stderr(&back));
    assert_eq!(lines(&there), lines(&back), "the same tables with the same rows");
    assert!(lines(&there).iter().any(|line| line["table"] == "patient" && line["rows"] == GATEWAYS));
    let dump = |path: &Path| {
        let output = Command::new(vagen().get_program())
            .args(["export", "audit", "--data"])
            .arg(path)
            .output()
            .expect("runs");
        let mut rows = lines(&output);
        // Each export is itself in the log, as the last.
        rows.pop();
        rows
    };
    assert_eq!(dump(&last), dump(&first));

    let again = copy(&sqlite(&first), &server);
    assert_eq!(again.status.code(), Some(2));
    assert!(stderr(&again).contains("not empty"), "{}", stderr(&again));
    assert!(!stderr(&copy(&sqlite(&folder.path().join("none")), &server)).is_empty());
}
