//! The outbox on a real disk that is full: a tmpfs in a mount namespace of its own (`unshare`, util-linux).
//!
//! The test starts itself again as a child inside the namespace; the child tells the story and fails by panicking.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use gateway::outbox::{Limit, Limits, Outbox, RESERVE_BYTES, SealError, Sealed, Sealing, StoreError};
use vitals::{ClockClass, DeviceIdentity, Kind, Measurement, RawFrame, TimedMeasurement, Timestamp};

const CHILD: &str = "VAGEN_TEST_SMALL_DISK";

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

fn open(disk: &Path) -> Outbox {
    let gateway = "gw-0001".parse().expect("a token");
    let limits = Limits { reserve_bytes: RESERVE_BYTES, ..Limits::default() };
    let opened = Outbox::open(&disk.join("o.db"), &gateway, limits, now()).expect("opens");
    assert_eq!(opened.set_aside, None, "a full disk breaks no file");
    opened.outbox
}

/// Takes all the room there is.
fn fill(disk: &Path) -> PathBuf {
    let path = disk.join("filler");
    let mut file = std::fs::File::create(&path).expect("made");
    while file.write_all(&[0; 4096]).is_ok() {}
    path
}

/// The child's side; does nothing in an ordinary run.
#[test]
fn child_on_a_small_disk() {
    let Some(disk) = std::env::var_os(CHILD).map(PathBuf::from) else { return };
    let mut outbox = open(&disk);
    assert_eq!(outbox.lacks().expect("reads"), None);
    assert_eq!(outbox.seal(&frame(0), now()).expect("seals"), Sealed::New(vitals::Seq::FIRST));
    let filler = fill(&disk);

    // What a device is just sending still fits: the held place is given up for it, at least a session's worth.
    let mut sealed = 1;
    let refused = loop {
        match outbox.seal(&frame(sealed), now()) {
            Ok(_) => sealed += 1,
            Err(error) => break error,
        }
        assert!(u64::from(sealed) < RESERVE_BYTES / 1024, "the disk is not full at all");
    };
    assert!(matches!(refused, SealError::Store(StoreError::DiskFull)), "{refused}");
    assert!(sealed > 100, "{sealed} readings on a full disk");
    assert_eq!(outbox.lacks().expect("reads"), Some(Limit::Disk), "and devices are no longer answered");

    // The box is switched off and on with the disk still full: everything is there.
    drop(outbox);
    let mut outbox = open(&disk);
    assert_eq!(outbox.depth().last_seq, u64::from(sealed));
    let last = outbox.depth().last_seq;
    let all = outbox.due(0, usize::MAX, usize::MAX).expect("reads");
    assert_eq!(all.len() as u64, last);

    // Somebody makes room: it goes on where it was, by itself.
    std::fs::remove_file(filler).expect("removes");
    assert_eq!(outbox.lacks().expect("reads"), None);
    let next = outbox.seal(&frame(1_000_000), now()).expect("seals");
    assert_eq!(next, Sealed::New(vitals::Seq::new(last + 1).expect("a number")));
    writeln!(std::io::stdout(), "told to the end: {sealed} readings").expect("the parent listens");
}

#[test]
fn a_full_disk_refuses_early_loses_nothing_and_recovers() {
    let folder = tempfile::tempdir().expect("a folder");
    let disk = folder.path().display();
    let script = format!("mount -t tmpfs -o size=16m tmpfs {disk} && exec \"$@\"");
    let done = Command::new("unshare")
        .args(["-rm", "sh", "-c", &script, "sh"])
        .arg(std::env::current_exe().expect("this test"))
        .args(["--exact", "child_on_a_small_disk", "--nocapture"])
        .env(CHILD, folder.path())
        .output()
        .expect("unshare runs");
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{said}{}", String::from_utf8_lossy(&done.stderr));
    assert!(said.contains("told to the end"), "{said}");
}
