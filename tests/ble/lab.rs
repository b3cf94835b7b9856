//! The laboratory from a test's side: the virtual machine with its BlueZ, and the devices around it.
//!
//! **Invariant:** what was started is ended when a [`Lab`] is dropped, also by a failing test.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

/// A running laboratory.
pub(crate) struct Lab {
    folder: PathBuf,
    /// Where the machine's D-Bus is.
    pub(crate) bus: String,
    /// `kvm` or `tcg`.
    pub(crate) accelerator: String,
    control: BufReader<UnixStream>,
    orders: BufReader<UnixStream>,
}

impl Lab {
    /// Boots it; its logs are left in `folder`.
    pub(crate) fn up(folder: &Path) -> Self {
        let said = script("up", folder);
        let said: Value = serde_json::from_str(said.lines().last().expect("a line")).expect("JSON");
        let text = |key: &str| said[key].as_str().expect("text").to_owned();
        let socket = |key: &str| {
            let stream = UnixStream::connect(text(key)).expect("a socket of the laboratory");
            stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
            BufReader::new(stream)
        };
        Self {
            folder: folder.to_owned(),
            bus: text("bus"),
            accelerator: text("accelerator"),
            control: socket("control"),
            orders: socket("orders"),
        }
    }

    fn tell(&mut self, what: &Value) -> Value {
        let answer = ask(&mut self.control, &what.to_string());
        let answer: Value = serde_json::from_str(&answer).expect("an answer in JSON");
        assert!(answer.get("error").is_none(), "{what}: {answer}");
        answer
    }

    /// Puts a device into the room.
    pub(crate) fn add(&mut self, device: Value) {
        let mut device = device;
        device["do"] = json!("add");
        self.tell(&device);
    }

    /// A device measured more.
    pub(crate) fn measured(&mut self, id: &str, records: Value) {
        self.tell(&json!({ "do": "records", "id": id, "records": records }));
    }

    /// A device loses its bonds.
    pub(crate) fn forget(&mut self, id: &str) {
        self.tell(&json!({ "do": "forget", "id": id }));
    }

    /// A device's battery is taken out.
    pub(crate) fn remove(&mut self, id: &str) {
        self.tell(&json!({ "do": "remove", "id": id }));
    }

    /// What a device did so far.
    pub(crate) fn report(&mut self, id: &str) -> Report {
        let said = self.tell(&json!({ "do": "report", "id": id }));
        let texts = |key: &str| {
            let all = said[key].as_array().expect("a list");
            all.iter().map(|it| it.as_str().expect("text").to_owned()).collect()
        };
        let count = |key: &str| said[key].as_u64().expect("a count");
        let times = |key: &str| {
            let all = said[key].as_array().expect("a list");
            all.iter().map(|it| it.as_f64().expect("seconds")).collect()
        };
        let link = |it: &Value| (it[0].as_f64().expect("seconds"), it[1].as_f64());
        Report {
            confirmed: texts("confirmed"),
            confirmed_at: times("confirmed_at"),
            clock_writes: texts("clock_writes"),
            clock_write_after_s: times("clock_write_after_s"),
            links: said["links"].as_array().expect("a list").iter().map(link).collect(),
            sessions: count("sessions"),
            pairings: count("pairings"),
            shown: said["shown"].as_str().map(str::to_owned),
        }
    }

    /// What a scale that only advertises has shown: each frame in hex, and how often; `None` while it goes on.
    pub(crate) fn aired(&mut self, id: &str) -> Option<BTreeMap<String, u64>> {
        let said = self.tell(&json!({ "do": "report", "id": id }));
        let is_over = said["weighing"] == false;
        is_over.then(|| serde_json::from_value(said["aired"].clone()).expect("counts"))
    }

    /// Gives the machine an order, and its answer.
    pub(crate) fn order(&mut self, order: &str) -> String {
        let answer = ask(&mut self.orders, order);
        let answer = answer.strip_prefix("0 ").unwrap_or_else(|| panic!("{order}: {answer}"));
        answer.trim().to_owned()
    }
}

/// What a device did.
#[derive(Debug)]
pub(crate) struct Report {
    /// The frames that the other side confirmed, in hex, in order.
    pub(crate) confirmed: Vec<String>,
    /// When each of those was confirmed, s by a clock that all devices share.
    pub(crate) confirmed_at: Vec<f64>,
    /// What was written to its clock.
    pub(crate) clock_writes: Vec<String>,
    /// How long after the link had come up, s.
    pub(crate) clock_write_after_s: Vec<f64>,
    /// When each of its links came up and when it ended, s by the shared clock; `None` while it stands.
    pub(crate) links: Vec<(f64, Option<f64>)>,
    /// How many connections it had.
    pub(crate) sessions: u64,
    /// How many of them ended in a new bond.
    pub(crate) pairings: u64,
    /// The code on its display, once it has shown one.
    pub(crate) shown: Option<String>,
}

fn ask(stream: &mut BufReader<UnixStream>, line: &str) -> String {
    stream.get_mut().write_all(format!("{line}\n").as_bytes()).expect("the laboratory listens");
    let mut answer = String::new();
    // An empty line separates nothing.
    while answer.trim().is_empty() {
        assert!(stream.read_line(&mut answer).expect("the laboratory answers") > 0, "it hung up");
    }
    answer
}

fn script(what: &str, folder: &Path) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ble/lab");
    let output = Command::new(script).arg(what).arg(folder).output().expect("the script starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "lab {what}: {said}");
    // Past the test harness: that KVM was there and is no more must be seen.
    std::io::stderr().write_all(said.as_bytes()).expect("a place to print to");
    String::from_utf8(output.stdout).expect("UTF-8")
}

impl Drop for Lab {
    fn drop(&mut self) {
        script("down", &self.folder);
    }
}
