//! Room: what makes way, what never does, and that it is said before a device is asked.

use super::tests::{at, open, weighing};
use super::*;

fn limits(rows_max: u64, bytes_max: u64) -> Limits {
    Limits { rows_max, bytes_max, ..Limits::default() }
}

fn folder() -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("o.db");
    (folder, path)
}

/// 1 MiB, filled with what waits: it says no at that size, and each of them is still there.
#[test]
fn a_file_full_of_what_waits_says_no_and_drops_nothing() {
    let (_folder, path) = folder();
    let mut outbox = open(&path, limits(100_000, MIB));
    let refused = (0..100_000).find_map(|nth| outbox.seal(&weighing(nth), at(nth)).err());
    assert!(matches!(refused, Some(SealError::Full(Limit::Bytes(MIB)))), "{refused:?}");
    let sealed = outbox.depth().last_seq;
    assert_eq!(outbox.due(0, 100_000, usize::MAX).expect("reads").len() as u64, sealed);
    let file = std::fs::metadata(&path).expect("a file").len();
    assert!(file <= MIB + 64 * 1024, "{file} bytes");
    assert_eq!(outbox.lacks().expect("reads"), Some(Limit::Bytes(MIB)));
    // Years later nothing of it has gone, and its receipt makes room.
    outbox.receipt(sealed / 2, at(1).plus_days(2_000)).expect("settles");
    assert_eq!(outbox.lacks().expect("reads"), None);
    assert!(matches!(outbox.seal(&weighing(200_000), at(0).plus_days(2_000)), Ok(Sealed::New(_))));
    let kept = outbox.due(0, 100_000, usize::MAX).expect("reads");
    assert_eq!(kept.first().map(|due| due.seq.get()), Some(sealed / 2 + 1));
}

/// Receipted rows make way by size too, oldest first, for as long as one likes.
#[test]
fn history_is_bounded_by_size() {
    let (_folder, path) = folder();
    let mut outbox = open(&path, limits(100_000, MIB));
    for nth in 0..2_500 {
        outbox.seal(&weighing(nth), at(nth)).expect("history makes way");
        outbox.receipt(outbox.depth().last_seq, at(nth)).expect("settles");
    }
    let file = std::fs::metadata(&path).expect("a file").len();
    assert!(file <= MIB + 256 * 1024, "{file} bytes");
    let first: i64 =
        outbox.db.query_row("SELECT min(seq) FROM envelope", [], |row| row.get(0)).expect("rows");
    assert!(first > 500, "the oldest went first: {first}");
    let (rows, counted) = (outbox.rows, count(&outbox));
    assert_eq!(rows, counted, "the count that is kept is the count there is");
}

fn count(outbox: &Outbox) -> u64 {
    let rows: i64 =
        outbox.db.query_row("SELECT count(*) FROM envelope", [], |row| row.get(0)).expect("counts");
    rows.unsigned_abs()
}

/// Rows: how many wait of how many may, and whether a device is answered. A session may bring 100 (the largest memory of
/// a known cuff), or a quarter of a smaller limit.
#[test]
fn no_is_said_before_a_device_is_asked() {
    for (waiting, rows_max, expected) in [
        (0, 1_000, None),
        (899, 1_000, None),
        (900, 1_000, Some(Limit::Rows(1_000))),
        (7, 10, None),
        (8, 10, Some(Limit::Rows(10))),
        (2, 2, Some(Limit::Rows(2))),
    ] {
        let (_folder, path) = folder();
        let mut outbox = open(&path, limits(rows_max, 256 * MIB));
        outbox.db.execute_batch("BEGIN").expect("faster in one");
        for nth in 1..=waiting {
            outbox
                .db
                .execute("INSERT INTO envelope (seq, sealed_at, body) VALUES (?1, 0, '{}')", [nth])
                .expect("inserts");
        }
        outbox.db.execute_batch("COMMIT").expect("commits");
        outbox.look().expect("reads");
        assert_eq!(outbox.lacks().expect("reads"), expected, "{waiting} of {rows_max}");
    }
}

/// The place on the disk is real, given up for a reading, and taken back.
#[test]
fn the_held_place_is_given_up_for_a_reading() {
    let (folder, path) = folder();
    let mut outbox = open(&path, Limits { reserve_bytes: RESERVE_BYTES, ..Limits::default() });
    assert_eq!(outbox.lacks().expect("reads"), None);
    let place = folder.path().join("o.db.reserve");
    let bytes = std::fs::metadata(&place).expect("held").len();
    assert_eq!(bytes, RESERVE_BYTES);
    // SQLite's page limit stands in for a full disk: it is lifted nowhere, so the second attempt fails as well.
    let pages: i64 = outbox.db.query_row("PRAGMA page_count", [], |row| row.get(0)).expect("counts");
    outbox.db.pragma_update(None, "max_page_count", pages).expect("limits");
    let refused = (0..1_000).find_map(|nth| outbox.seal(&weighing(nth), at(0)).err());
    assert!(matches!(refused, Some(SealError::Store(StoreError::DiskFull))), "{refused:?}");
    assert!(!place.exists(), "given up before anything was refused");
    assert_eq!(outbox.lacks().expect("reads"), None);
    assert!(place.exists(), "taken back");
}

/// Every commit is on disk before it counts: the settings that make it so, by SQLite's documentation (FULL is 2).
#[test]
fn a_commit_waits_for_the_disk() {
    let (_folder, path) = folder();
    let outbox = open(&path, Limits::default());
    let pragma = |name: &str| -> String {
        let value = outbox.db.pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0));
        format!("{:?}", value.expect(name))
    };
    assert_eq!(pragma("journal_mode"), "Text(\"wal\")");
    assert_eq!(pragma("synchronous"), "Integer(2)");
    assert_eq!(pragma("journal_size_limit"), "Integer(4194304)");
}

/// A power cut, with the write-ahead log cut at every step of the next commits and its tail torn: whatever was
/// acknowledged is there, the rest is there whole or not at all, and the numbers have no gap.
#[test]
fn a_power_cut_at_any_byte_keeps_what_was_acknowledged() {
    let (folder, path) = folder();
    let mut outbox = open(&path, Limits::default());
    for nth in 0..20 {
        outbox.seal(&weighing(nth), at(0)).expect("seals");
    }
    let log = folder.path().join("o.db-wal");
    let mut acknowledged = vec![(std::fs::metadata(&log).expect("a log").len(), 20_u64)];
    for nth in 20..24 {
        outbox.seal(&weighing(nth), at(0)).expect("seals");
        outbox.receipt(outbox.depth().last_seq - 10, at(1)).expect("settles");
        acknowledged.push((std::fs::metadata(&log).expect("a log").len(), outbox.depth().last_seq));
    }
    let (file, whole) = (std::fs::read(&path).expect("reads"), std::fs::read(&log).expect("reads"));
    drop(outbox);
    let start = acknowledged[0].0;
    for cut in (start..=whole.len() as u64).step_by(1_021) {
        let promised = acknowledged.iter().filter(|(length, _)| *length <= cut).map(|(_, seq)| *seq).max();
        let after = tempfile::tempdir().expect("a folder");
        let path = after.path().join("o.db");
        let mut torn = whole[..usize::try_from(cut).expect("small")].to_vec();
        // What was being written when the light went: a sector of something.
        torn.extend([0xa5; 512]);
        std::fs::write(&path, &file).expect("writes");
        std::fs::write(after.path().join("o.db-wal"), torn).expect("writes");
        let opened = Outbox::open(&path, &tests::gateway(), Limits::default(), at(2)).expect("opens");
        assert_eq!(opened.set_aside, None, "cut at {cut}");
        let mut outbox = opened.outbox;
        let last = outbox.depth().last_seq;
        assert!(
            promised.is_some_and(|seq| seq <= last) && last <= 24,
            "cut at {cut}: {last} of {promised:?}"
        );
        let again = outbox.resend(Seq::FIRST, Seq::new(last).expect("some"), at(3)).expect("answers");
        assert_eq!((again.again, again.voided), (last, 0), "cut at {cut}: no gap");
    }
}
