//! The outbox's promise under `kill -9`: what was acknowledged is there, and no number is missing or used twice.
//!
//! The test starts itself again as a child that seals as fast as it can and prints each number after it was given;
//! the parent kills it in the middle and opens what is left.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use gateway::outbox::{Limits, Outbox, Sealed, Sealing};
use vitals::{ClockClass, DeviceIdentity, Kind, Measurement, RawFrame, TimedMeasurement, Timestamp};

const CHILD: &str = "VAGEN_TEST_SEALING_CHILD";

fn now() -> Timestamp {
    Timestamp::from_millis(1_767_251_040_000).expect("2026-01-01T07:04:00Z")
}

fn frame(bytes: u128) -> Sealing {
    Sealing {
        device: DeviceIdentity { id: "546c0e000001".parse().expect("an address"), model: None, serial: None },
        measurement: TimedMeasurement::new(Measurement::empty(Kind::Weight), now(), ClockClass::None, None),
        raw: RawFrame { characteristic: "2a9d".into(), bytes: bytes.to_le_bytes().to_vec() },
        heard_at: now(),
        heard_ordinal: 0,
    }
}

fn open(path: &Path) -> Outbox {
    let gateway = "gw-0001".parse().expect("a token");
    let opened = Outbox::open(path, &gateway, Limits::default(), now()).expect("opens");
    assert_eq!(opened.set_aside, None, "a killed process leaves a sound file");
    opened.outbox
}

/// The child's side; does nothing in an ordinary run.
#[test]
fn child_seals_until_killed() {
    let Some(path) = std::env::var_os(CHILD) else { return };
    let mut outbox = open(Path::new(&path));
    let mut out = std::io::stdout();
    loop {
        let bytes = uuid::Uuid::new_v4().as_u128();
        let Ok(Sealed::New(seq)) = outbox.seal(&frame(bytes), now()) else { panic!("a new frame") };
        if seq.get().is_multiple_of(3) {
            outbox.receipt(seq.get() - 1, now()).expect("settles");
        }
        writeln!(out, "sealed {seq} {bytes:032x}").expect("the parent listens");
        out.flush().expect("the parent listens");
    }
}

#[test]
fn every_acknowledged_seal_survives_kill_9() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("o.db");
    let mut acknowledged: Vec<(u64, u128)> = Vec::new();
    for round in 0..8_u64 {
        let mut child = Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", "child_seals_until_killed", "--nocapture"])
            .env(CHILD, &path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("starts");
        let lines = BufReader::new(child.stdout.take().expect("piped"));
        let (send, receive) = std::sync::mpsc::channel();
        let reader = std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                let _ = send.send(line);
            }
        });
        // The first acknowledgement, then a little longer each round, so that the kill falls on different steps.
        let mut said: Vec<String> = Vec::new();
        while !said.iter().any(|line| line.contains("sealed")) {
            said.push(receive.recv_timeout(Duration::from_secs(30)).expect("the child seals"));
        }
        std::thread::sleep(Duration::from_millis(3 + 7 * round));
        child.kill().expect("kill -9");
        child.wait().expect("ends");
        reader.join().expect("reads to the end");
        said.extend(receive.try_iter());
        acknowledged.extend(said.iter().filter_map(|line| parse(line)));

        let mut outbox = open(&path);
        let last = acknowledged.last().map_or(0, |(seq, _)| *seq);
        let depth = outbox.depth();
        assert!(depth.last_seq >= last, "acknowledged {last}, on disk {depth:?}");
        assert!(depth.last_seq <= last + 1, "at most the one that was not yet printed");
        // One that was sealed but not printed has no witness; the next round continues after it.
        for (seq, bytes) in &acknowledged {
            let known = outbox.seal(&frame(*bytes), now()).expect("answers");
            assert_eq!(known, Sealed::Known(vitals::Seq::new(*seq).expect("a number")));
        }
        let all = outbox.resend(vitals::Seq::FIRST, vitals::Seq::new(depth.last_seq).expect("some"), now());
        assert_eq!(all.expect("answers").voided, 0, "no number is missing");
        outbox.receipt(depth.last_seq, now()).expect("settles");
    }
    assert!(acknowledged.len() > 20, "only {} seals were seen", acknowledged.len());
}

fn parse(line: &str) -> Option<(u64, u128)> {
    let mut words = line.split("sealed ").nth(1)?.split(' ');
    Some((words.next()?.parse().ok()?, u128::from_str_radix(words.next()?, 16).ok()?))
}
