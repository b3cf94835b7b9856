//! The homes: in each a real `vagen-gateway` with an outbox on disk, which is handed one capture after another.
//!
//! A capture is played until the gateway ends with status 0, which it does when every envelope has its receipt; one that was
//! killed meanwhile plays the same capture from its first line. At each kill the outbox is read as it lies on the disk, and what
//! was sealed is written down: it must be in the store in the end, under that very number. So playing a capture again can not
//! make good in secret for something sealed that was lost.
//!
//! **Invariant:** nothing is written to an outbox from here, and no capture is left before its gateway says that all of it has arrived.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::enclosure::{BROKER_FOR_HOMES, Networks};
use crate::measured::{self, Expected};
use crate::program::Program;
use crate::servers::BROKER_PORT;
use crate::support::{run, stderr, vagen_gateway};

/// Large enough for all that the homes of a run measure, small enough to be filled.
const OUTBOX_DISK_MEBIBYTES: u64 = 160;

/// How many chapters a capture holds: enough for something to wait in the outbox when somebody is killed.
const CHAPTERS: usize = 6;

/// A number of an outbox, as it lay on the disk when the gateway was killed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seal {
    pub(crate) device: String,
    pub(crate) hex: String,
}

/// One home.
pub(crate) struct Home {
    number: usize,
    outbox: PathBuf,
    capture: PathBuf,
    pub(crate) program: Program,
    /// How many chapters were begun.
    begun: usize,
    is_playing: bool,
    pub(crate) expected: Vec<Expected>,
    pub(crate) tasks: Vec<(String, String)>,
    /// By number, for the outbox of this name.
    pub(crate) sealed: BTreeMap<i64, Seal>,
    pub(crate) outbox_id: Option<String>,
}

/// All homes.
pub(crate) struct Homes {
    folder: PathBuf,
    pub(crate) outbox_disk: PathBuf,
    pub(crate) homes: Vec<Home>,
    chapters_max: usize,
    /// Whether a home that has played a capture is handed another.
    pub(crate) is_fed: bool,
}

impl Homes {
    /// So many homes, none of which plays yet; each may play up to `chapters_max` chapters.
    pub(crate) fn new(folder: &Path, count: usize, chapters_max: usize) -> Self {
        let outbox_disk = folder.join("outboxes");
        crate::enclosure::small_disk(&outbox_disk, OUTBOX_DISK_MEBIBYTES);
        let homes = (0..count).map(|number| Home {
            number,
            outbox: outbox_disk.join(format!("{number}.db")),
            capture: folder.join(format!("capture-{number}.jsonl")),
            program: Program::new(&format!("gateway-{number}"), folder),
            begun: 0,
            is_playing: false,
            expected: Vec::new(),
            tasks: Vec::new(),
            sealed: BTreeMap::new(),
            outbox_id: None,
        });
        let homes = homes.collect();
        Self { folder: folder.to_owned(), outbox_disk, homes, chapters_max, is_fed: true }
    }

    /// Starts what is due, and hands out the next capture where one was played to its end.
    pub(crate) fn tend(&mut self, networks: &Networks) {
        for home in &mut self.homes {
            if !home.is_playing {
                if !self.is_fed || home.begun + CHAPTERS > self.chapters_max {
                    continue;
                }
                home.begin();
            }
            let (capture, outbox, number) = (&home.capture, &home.outbox, home.number);
            let ended = home.program.tend(|| gateway(networks, number, capture, outbox));
            match ended.map(|status| (status, status.code())) {
                None => {}
                Some((_, Some(0))) => {
                    home.is_playing = false;
                    home.program.due_now();
                }
                Some((status, Some(2))) => panic!("{}: {status}: {}", home.program.name, home.program.said()),
                Some((status, _)) => home.program.ended.push(status),
            }
        }
    }

    /// Kills one that runs, the `which`-th from somewhere; whether there was one.
    pub(crate) fn kill(&mut self, which: usize, away: Duration) -> bool {
        let running: Vec<usize> =
            (0..self.homes.len()).filter(|home| self.homes[*home].program.runs()).collect();
        if running.is_empty() {
            return false;
        }
        let home = &mut self.homes[running[which % running.len()]];
        let is_killed = home.program.kill(away);
        if is_killed {
            home.look_at_the_disk(&self.folder);
        } else {
            // It had ended by itself: the same capture again finds everything known.
            home.program.due_now();
        }
        is_killed
    }

    /// Whether every capture was played to its end.
    pub(crate) fn are_done(&self) -> bool {
        self.homes.iter().all(|home| !home.is_playing)
    }

    /// How many measurements were handed out.
    pub(crate) fn measured(&self) -> usize {
        self.homes.iter().map(|home| home.expected.len()).sum()
    }

    /// How often a gateway was killed.
    pub(crate) fn kills(&self) -> usize {
        self.homes.iter().map(|home| home.program.kills).sum()
    }

    /// How often a gateway found no room for a reading.
    pub(crate) fn found_no_room(&self) -> usize {
        self.homes.iter().map(|home| home.program.said().matches("the disk is full").count()).sum()
    }
}

impl Home {
    fn begin(&mut self) {
        let mut capture = String::new();
        let mut begins = jiff::Timestamp::from_second(jiff::Timestamp::now().as_second()).expect("a time");
        for _ in 0..CHAPTERS {
            let chapter = measured::chapter(self.number, self.begun, begins);
            capture += &chapter.capture;
            self.expected.extend(chapter.expected);
            self.tasks.extend(chapter.task);
            self.begun += 1;
            begins += measured::LASTS;
        }
        std::fs::write(&self.capture, capture).expect("a capture");
        self.is_playing = true;
    }

    /// Reads the outbox of the gateway that was killed. A copy: opening the file itself would mend it.
    fn look_at_the_disk(&mut self, folder: &Path) {
        let copy = folder.join("looked-at.db");
        for suffix in ["", "-wal"] {
            let (from, to) = (with(&self.outbox, suffix), with(&copy, suffix));
            if from.exists() {
                std::fs::copy(from, to).expect("it can be copied");
            } else {
                let _ = std::fs::remove_file(to);
            }
        }
        let _ = std::fs::remove_file(with(&copy, "-shm"));
        let Some((id, rows)) = read_outbox(&copy, self.sealed.keys().last().copied().unwrap_or(0)) else {
            // Killed before the first outbox was made: nothing was sealed that could be lost.
            assert!(self.sealed.is_empty(), "{}: the outbox is gone", self.program.name);
            return;
        };
        let known = self.outbox_id.get_or_insert(id.clone());
        assert_eq!(*known, id, "{}: another outbox", self.program.name);
        self.sealed.extend(rows);
    }

    /// What `vagen-gateway status --json` says of its outbox.
    pub(crate) fn status(&self) -> Value {
        let output = run(vagen_gateway().args(["status", "--json", "--outbox"]).arg(&self.outbox));
        assert!(output.status.success(), "{}", stderr(&output));
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    /// How its gateway is called.
    pub(crate) fn gateway(&self) -> String {
        format!("gw-{:04}", self.number)
    }
}

fn with(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The name of the outbox in `file` and its numbers after `after`; `None` where there is no outbox yet.
fn read_outbox(file: &Path, after: i64) -> Option<(String, BTreeMap<i64, Seal>)> {
    let db = rusqlite::Connection::open(file).expect("the copy opens");
    let id = db.query_row("SELECT id FROM outbox", [], |row| row.get(0)).ok()?;
    let mut query = db.prepare("SELECT seq, body FROM envelope WHERE seq > ?1").expect("an outbox");
    let rows = query.query_map([after], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)));
    let sealed = rows.expect("rows").map(|row| {
        let (seq, body) = row.expect("a row");
        let body: Value = serde_json::from_str(&body).expect("an envelope");
        let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).expect("text").to_owned();
        (seq, Seal { device: text("/device/id"), hex: text("/raw/hex") })
    });
    Some((id, sealed.collect()))
}

fn gateway(networks: &Networks, number: usize, capture: &Path, outbox: &Path) -> Command {
    let mut command = networks.at_homes(&vagen_gateway());
    command.args(["run", "--pace", "real", "--timeout-s", "3600", "--gateway", &format!("gw-{number:04}")]);
    command.arg("--broker").arg(format!("mqtt://{BROKER_FOR_HOMES}:{BROKER_PORT}"));
    command.arg("--capture").arg(capture).arg("--outbox").arg(outbox);
    command
}
