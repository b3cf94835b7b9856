//! The outbox's rows and its life on disk.

use super::*;
use vitals::{ClockClass, Kind, Measurement, Quantity};

pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_767_251_040_000 + seconds * 1_000).expect("2026-01-01T07:04:00Z and on")
}

pub(super) fn gateway() -> GatewayId {
    "gw-0001".parse().expect("a token")
}

/// Weighing `nth` of a scale: a minute apart by the device's own clock, 10 g heavier each time.
pub(super) fn weighing(nth: i64) -> Sealing {
    let mut measurement = Measurement::empty(Kind::Weight);
    measurement.values.set(Quantity::WeightKg, 80.0).expect("a weight");
    measurement.device_time = Some(vitals::DeviceTime::in_utc(at(nth * 60)));
    Sealing {
        device: DeviceIdentity { id: "546c0e000001".parse().expect("an address"), model: None, serial: None },
        measurement: TimedMeasurement::new(measurement, at(nth * 60), ClockClass::Synced, Some(0)),
        raw: RawFrame { characteristic: "2a9d".into(), bytes: nth.to_le_bytes().to_vec() },
        heard_at: at(nth * 60),
        heard_ordinal: 0,
    }
}

pub(super) fn open(path: &std::path::Path, limits: Limits) -> Outbox {
    Outbox::open(path, &gateway(), limits, at(0)).expect("opens").outbox
}

fn seq(number: u64) -> Seq {
    Seq::new(number).expect("a number")
}

fn due_numbers(outbox: &Outbox) -> Vec<u64> {
    outbox.due(0, 1_000, usize::MAX).expect("reads").iter().map(|due| due.seq.get()).collect()
}

/// What makes two frames one reading. Expected by the interface's words: the device's own time and raw bytes
/// decide; without a device time two equal weighings both count.
#[test]
fn only_a_replay_is_recognised() {
    type Change = fn(&mut Sealing);
    let rows: [(&str, Change, bool); 9] = [
        ("the same frame, heard a day later", |s| s.heard_at = at(86_400), true),
        ("corrected differently", |s| s.measurement.measured_at = at(5), true),
        ("another device", |s| s.device.id = "546c0e000002".parse().expect("an address"), false),
        ("another person", |s| s.measurement.user_slot = Some(2), false),
        (
            "another time on the device",
            |s| s.measurement.device_time = Some(vitals::DeviceTime::in_utc(at(61))),
            false,
        ),
        ("other bytes", |s| s.raw.bytes.push(1), false),
        (
            "no device time, heard later",
            |s| {
                s.measurement.device_time = None;
                s.heard_at = at(61);
            },
            false,
        ),
        (
            "device clock never set, heard later",
            |s| {
                s.measurement.clock = ClockClass::ClockUnset;
                s.heard_at = at(61);
            },
            false,
        ),
        (
            "two frames in one millisecond without device time",
            |s| {
                s.measurement.device_time = None;
                s.heard_ordinal = 1;
            },
            false,
        ),
    ];
    for (what, change, same) in rows {
        let folder = tempfile::tempdir().expect("a folder");
        let mut outbox = open(&folder.path().join("o.db"), Limits::default());
        let first = weighing(0);
        assert_eq!(outbox.seal(&first, at(0)).expect("seals"), Sealed::New(seq(1)));
        let mut second = first.clone();
        change(&mut second);
        let expected = if same { Sealed::Known(seq(1)) } else { Sealed::New(seq(2)) };
        assert_eq!(outbox.seal(&second, at(1)).expect("seals"), expected, "{what}");
    }
}

/// A capture played twice: the same frames at the same moments, without a device time.
#[test]
fn a_capture_played_again_seals_nothing_new() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut outbox = open(&folder.path().join("o.db"), Limits::default());
    let mut untimed = weighing(0);
    untimed.measurement.device_time = None;
    assert_eq!(outbox.seal(&untimed, at(0)).expect("seals"), Sealed::New(seq(1)));
    assert_eq!(outbox.seal(&untimed, at(0)).expect("seals"), Sealed::Known(seq(1)));
}

#[test]
fn history_makes_room_and_what_waits_does_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut outbox = open(&folder.path().join("o.db"), Limits { rows_max: 3, ..Limits::default() });
    for nth in 0..3 {
        outbox.seal(&weighing(nth), at(0)).expect("seals");
    }
    assert!(matches!(outbox.seal(&weighing(3), at(0)), Err(SealError::Full(Limit::Rows(3)))));
    assert_eq!(
        outbox.depth(),
        Depth { last_seq: 3, unreceipted: 3, head: Some(seq(1)) },
        "a refusal takes no number"
    );
    assert_eq!(outbox.receipt(2, at(1)).expect("settles"), Receipted::Settled(2));
    assert_eq!(outbox.seal(&weighing(3), at(2)).expect("seals"), Sealed::New(seq(4)));
    assert_eq!(due_numbers(&outbox), [3, 4]);
}

/// Number 1 was deleted to make room, number 2 is history, 9 was never given.
#[test]
fn a_server_restored_from_a_backup_gets_what_is_kept_and_voids_for_the_rest() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut outbox = open(&folder.path().join("o.db"), Limits { rows_max: 2, ..Limits::default() });
    outbox.seal(&weighing(0), at(0)).expect("seals");
    outbox.seal(&weighing(1), at(0)).expect("seals");
    outbox.receipt(2, at(1)).expect("settles");
    outbox.seal(&weighing(2), at(2)).expect("seals");
    let asked = outbox.resend(seq(1), seq(9), at(3)).expect("answers");
    assert_eq!(asked, Asked { again: 2, voided: 1 });
    assert_eq!(due_numbers(&outbox), [1, 2, 3]);
    let due = outbox.due(0, 1, usize::MAX).expect("reads");
    assert_eq!(
        due[0].body,
        format!(
            r#"{{"v":1,"gateway":"gw-0001","outbox":"{}","seq":1,"void":"no longer kept"}}"#,
            outbox.id()
        )
    );
}

#[test]
fn a_void_is_sent_in_place_of_the_original_which_is_set_aside() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("o.db");
    let mut outbox = open(&path, Limits::default());
    outbox.seal(&weighing(0), at(0)).expect("seals");
    assert!(outbox.void(seq(1), "refused", at(1)).expect("voids"));
    assert!(!outbox.void(seq(1), "again", at(2)).expect("a second time changes nothing"));
    assert!(outbox.due(0, 1, usize::MAX).expect("reads")[0].body.contains(r#""void":"refused""#));
    assert_eq!(status(&path).expect("reads").set_aside, 1);
    assert_eq!(outbox.receipt(1, at(3)).expect("settles"), Receipted::Settled(1));
    assert_eq!(outbox.depth().unreceipted, 0);
}

/// A card restored to an older image: the server has decided more numbers than the file knows.
#[test]
fn a_file_that_forgot_numbers_starts_anew_and_resends() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut outbox = open(&folder.path().join("o.db"), Limits::default());
    for nth in 0..3 {
        outbox.seal(&weighing(nth), at(0)).expect("seals");
    }
    outbox.receipt(1, at(1)).expect("settles");
    let old = outbox.id().clone();
    assert_eq!(outbox.receipt(7, at(2)).expect("starts anew"), Receipted::Forgotten { resealed: 2 });
    assert_ne!(*outbox.id(), old);
    assert_eq!((outbox.was(&old).ok(), outbox.was(outbox.id()).ok()), (Some(true), Some(false)));
    assert_eq!(outbox.depth(), Depth { last_seq: 3, unreceipted: 3, head: Some(seq(1)) });
    assert!(void_of(&outbox, 3).is_some_and(|words| words.contains("counts anew, 2 readings")));
    let envelope: vitals::Envelope =
        serde_json::from_str(&outbox.due(0, 1, usize::MAX).expect("reads")[0].body).expect("an envelope");
    assert_eq!((&envelope.outbox, envelope.seq, envelope.raw), (outbox.id(), seq(1), weighing(1).raw));
}

#[test]
fn a_broken_file_is_set_aside_and_what_can_be_read_is_sealed_anew() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("o.db");
    let bytes = &b"this is not a database, whatever its name says"[..];
    std::fs::write(&path, bytes).expect("writes");
    let opened = Outbox::open(&path, &gateway(), Limits::default(), at(0)).expect("opens");
    let (aside, salvaged) = opened.set_aside.expect("a new name");
    assert_eq!(std::fs::read(&aside).expect("kept"), bytes);
    assert_eq!(
        (salvaged, void_of(&opened.outbox, 1)),
        (0, Some("the outbox file was broken and set aside, 0 readings were sealed anew".into()))
    );
    drop(opened.outbox);
    // A page of an index overwritten: the check complains, the envelopes are still there.
    std::fs::remove_file(&path).expect("removes");
    let mut outbox = open(&path, Limits::default());
    for nth in 0..50 {
        outbox.seal(&weighing(nth), at(0)).expect("seals");
    }
    let (old, page) = (outbox.id().clone(), page_of(&outbox, "heard_by_seq"));
    drop(outbox);
    scribble(&path, page);
    let opened = Outbox::open(&path, &gateway(), Limits::default(), at(0)).expect("opens");
    assert_eq!(opened.set_aside.map(|(_, salvaged)| salvaged), Some(50));
    assert_ne!(*opened.outbox.id(), old);
    assert_eq!(opened.outbox.was(&old).ok(), Some(true));
    assert_eq!(opened.outbox.depth().unreceipted, 51, "with the word to the server");
    assert!(void_of(&opened.outbox, 51).is_some_and(|words| words.contains("50 readings")));
}

/// The words of the void under a number; the interface has them under `void`.
fn void_of(outbox: &Outbox, number: u64) -> Option<String> {
    let due = outbox.due(number - 1, 1, usize::MAX).expect("reads");
    let body: serde_json::Value = serde_json::from_str(&due.first()?.body).expect("JSON");
    body["void"].as_str().map(str::to_owned)
}

fn page_of(outbox: &Outbox, index: &str) -> u64 {
    let page: i64 = outbox
        .db
        .query_row("SELECT rootpage FROM sqlite_schema WHERE name = ?1", [index], |row| row.get(0))
        .expect("the index");
    page.unsigned_abs()
}

fn scribble(path: &std::path::Path, page: u64) {
    use std::io::{Seek, SeekFrom, Write};
    let mut file = std::fs::OpenOptions::new().write(true).open(path).expect("opens");
    file.seek(SeekFrom::Start((page - 1) * 4096)).expect("seeks");
    file.write_all(&[0x5a; 4096]).expect("writes");
}

/// Each refusal, and that it leaves the file as it was.
#[test]
fn a_file_that_is_not_ours_to_use_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("o.db");
    let outbox = open(&path, Limits::default());
    assert!(matches!(
        Outbox::open(&path, &gateway(), Limits::default(), at(0)),
        Err(OpenError::InUse { .. })
    ));
    drop(outbox);
    let other: GatewayId = "gw-0002".parse().expect("a token");
    assert!(matches!(
        Outbox::open(&path, &other, Limits::default(), at(0)),
        Err(OpenError::OtherGateway { .. })
    ));
    let db = Connection::open(&path).expect("opens");
    db.pragma_update(None, "user_version", 99).expect("writes");
    drop(db);
    let before = std::fs::read(&path).expect("reads");
    let refused = Outbox::open(&path, &gateway(), Limits::default(), at(0)).expect_err("newer");
    assert!(matches!(refused, OpenError::NewerSchema { found: 99, .. }), "{refused}");
    assert_eq!(std::fs::read(&path).expect("reads"), before);
    let foreign = folder.path().join("foreign.db");
    Connection::open(&foreign).expect("opens").execute_batch("CREATE TABLE t (x)").expect("writes");
    assert!(matches!(
        Outbox::open(&foreign, &gateway(), Limits::default(), at(0)),
        Err(OpenError::NotOurs { .. })
    ));
}

/// SQLite's own page limit stands in for a full disk: the same error code.
#[test]
fn a_full_disk_is_said_and_recovers() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut outbox = open(&folder.path().join("o.db"), Limits::default());
    let pages: i64 = outbox.db.query_row("PRAGMA page_count", [], |row| row.get(0)).expect("counts");
    outbox.db.pragma_update(None, "max_page_count", pages).expect("limits");
    let mut sealed = 0;
    let refused = (0..1_000).find_map(|nth| match outbox.seal(&weighing(nth), at(0)) {
        Ok(_) => {
            sealed += 1;
            None
        }
        Err(error) => Some(error),
    });
    assert!(matches!(refused, Some(SealError::Store(StoreError::DiskFull))), "{refused:?}");
    assert_eq!(outbox.depth().last_seq, sealed);
    outbox.db.pragma_update(None, "max_page_count", 1_000_000).expect("makes room");
    assert_eq!(outbox.seal(&weighing(2_000), at(0)).expect("seals"), Sealed::New(seq(sealed + 1)));
}

/// 90 days, by the configuration's default: not a day less, and then all of it, few as they are. What waits stays, whatever its age.
#[test]
fn history_is_bounded_by_age() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("o.db");
    let mut outbox = open(&path, Limits::default());
    for nth in 0..5 {
        outbox.seal(&weighing(nth), at(0)).expect("seals");
    }
    outbox.receipt(2, at(0)).expect("settles");
    outbox.receipt(4, at(0).plus_days(30)).expect("settles");
    let kept = |outbox: &Outbox| -> Vec<i64> {
        let mut query = outbox.db.prepare("SELECT seq FROM envelope ORDER BY seq").expect("a table");
        query.query_map([], |row| row.get(0)).expect("rows").collect::<Result<_, _>>().expect("numbers")
    };
    let rows: [(i64, u64, &[i64]); 5] = [
        (89, 0, &[1, 2, 3, 4, 5]),
        (90, 0, &[1, 2, 3, 4, 5]),
        (91, 2, &[3, 4, 5]),
        (121, 2, &[5]),
        (4_000, 0, &[5]),
    ];
    for (day, aged, expected) in rows {
        assert_eq!(outbox.age_history(at(0).plus_days(day)).expect("ages"), aged, "day {day}");
        assert_eq!(kept(&outbox), expected, "day {day}");
        assert_eq!(outbox.rows, expected.len() as u64, "the count that is kept is the count there is");
    }
    // It is known all the same: the scale may go on replaying it.
    assert_eq!(outbox.seal(&weighing(0), at(1)).expect("seals"), Sealed::Known(seq(1)));
    assert_eq!(due_numbers(&outbox), [5]);
}

/// Receipts that came while nobody had set the box's clock: ten years ahead, and 1970. The one counts from when the clock was right,
/// the other is as old as it seems.
#[test]
fn a_receipt_dated_by_a_clock_that_nobody_set_ages_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut outbox = open(&folder.path().join("o.db"), Limits::default());
    for nth in 0..3 {
        outbox.seal(&weighing(nth), at(0)).expect("seals");
    }
    outbox.receipt(1, Timestamp::from_millis(0).expect("1970")).expect("settles");
    outbox.receipt(3, at(0).plus_days(3_650)).expect("settles");
    for (day, aged) in [(0, 1), (90, 0), (91, 2)] {
        assert_eq!(outbox.age_history(at(0).plus_days(day)).expect("ages"), aged, "day {day}");
    }
}

#[test]
fn undecodable_frames_are_kept_and_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("o.db");
    let mut outbox = open(&path, Limits::default());
    let frame = Undecoded {
        at: at(0),
        device: "546c0e000001".into(),
        characteristic: "2a9d".into(),
        hex: "02".into(),
        reason: "too short".into(),
    };
    outbox.keep_undecoded(&frame).expect("keeps");
    outbox.keep_undecoded(&frame).expect("keeps");
    let status = status(&path).expect("reads while it is open");
    assert_eq!((status.undecoded, status.last_undecoded.map(|last| last.hex)), (2, Some("02".into())));
}

#[test]
fn a_batch_ends_at_its_byte_limit_but_is_never_empty() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut outbox = open(&folder.path().join("o.db"), Limits::default());
    for nth in 0..4 {
        outbox.seal(&weighing(nth), at(0)).expect("seals");
    }
    let one = outbox.due(0, 1, usize::MAX).expect("reads")[0].body.len();
    assert_eq!(outbox.due(0, 10, 1).expect("reads").len(), 1);
    assert_eq!(outbox.due(0, 10, 2 * one + 10).expect("reads").len(), 2);
    assert_eq!(outbox.due(0, 3, usize::MAX).expect("reads").len(), 3);
}
