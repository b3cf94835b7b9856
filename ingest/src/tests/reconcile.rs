//! The reconciliation over a store in which one row is wrong. Expected: the row that was made wrong, and nothing else.

use serde_json::json;

use super::house::{Home, Told, envelope, run};
use crate::reconcile::{Place, Reconciled, Wrong, reconcile};

type Named = (Place, Wrong, Option<u64>, Option<i64>);

impl Home {
    /// Six weighings, one after the other; the seventh for a device nobody wore, the eighth void, the ninth still at home.
    async fn lived_in() -> Self {
        let home = Self::open().await;
        for seq in 1..=6 {
            home.up(&envelope("ob", seq, 80.0));
            home.receipted("ob", seq).await;
        }
        let mut strange = envelope("ob", 7, 80.0);
        strange["device"]["id"] = json!("546c0e000009");
        home.up(&strange);
        home.up(&json!({"v": 1, "gateway": "gw-0001", "outbox": "ob", "seq": 8, "void": "the disk"}));
        home.receipted("ob", 8).await;
        let beat = json!({"v": 1, "gateway": "gw-0001", "at": "2026-01-01T07:05:00.000Z", "outbox": "ob", "last_seq": 9,
            "unreceipted": 1, "version": "0.1.0", "clock_synced": true, "devices": []});
        home.tell(Told::Publish(home.message("vagen/v1/gw-0001/heartbeat", beat.to_string())));
        home.acked(9).await;
        home
    }

    async fn reconciled(&self) -> Reconciled {
        reconcile(&self.store, None).await.expect("a reconciliation")
    }

    async fn named(&self) -> Vec<Named> {
        let found = self.reconciled().await;
        found.differences.iter().map(|one| (one.store, one.difference, one.seq, one.arrival)).collect()
    }
}

#[test]
fn what_is_as_it_must_be_is_explained_to_the_last_number() {
    run(async {
        let home = Home::lived_in().await;
        home.up(&envelope("ob", 10, 80.0));
        home.acked(10).await;
        let found = home.reconciled().await;
        assert_eq!(found.differences, []);
        let (looked, explained) = (found.looked, found.explained);
        assert_eq!((looked.outboxes, looked.decided, looked.readings, looked.assessed), (1, 9, 7, 7));
        assert_eq!((explained.quarantined, explained.void, explained.waiting_in_outboxes), (1, 1, 1));
    });
}

/// To add a case, add a row: what is done to the store behind everybody's back, and what must be named: where, how, under which
/// number, at which place in the journal.
#[test]
fn one_row_that_is_missing_extra_or_altered_is_named_in_each_store() {
    use Place::{Assessed, Decided, Outbox, Readings};
    use Wrong::{Altered, Extra, Missing};
    let rows: &[(&'static str, &[Named])] = &[
        (
            "UPDATE heartbeat SET last_seq = 7, unreceipted = 0, received_at = received_at + 60000",
            &[(Outbox, Missing, Some(8), None)],
        ),
        ("UPDATE heartbeat SET unreceipted = 0", &[(Outbox, Extra, Some(9), None)]),
        ("UPDATE reading SET hash = NULL WHERE seq = 2", &[(Decided, Missing, Some(2), Some(2))]),
        ("DELETE FROM decided WHERE seq = 8", &[(Decided, Missing, Some(8), None)]),
        (
            "INSERT INTO decided (stream, seq, hash, verdict) VALUES (1, 20, 'x', 'stored')",
            &[(Decided, Extra, Some(20), None)],
        ),
        (
            "INSERT INTO decided (stream, seq, hash, verdict) VALUES (1, 2, 'x', 'void')",
            &[(Decided, Altered, Some(2), Some(2))],
        ),
        (
            "INSERT INTO decided (stream, seq, hash, verdict) VALUES (1, 2, 'x', 'quarantined')",
            &[(Decided, Altered, Some(2), Some(2))],
        ),
        ("UPDATE decided SET verdict = 'stored' WHERE seq = 8", &[(Readings, Missing, Some(8), None)]),
        ("DELETE FROM quarantine", &[(Decided, Altered, Some(7), None)]),
        (
            "DELETE FROM reading WHERE seq = 2",
            &[(Decided, Missing, Some(2), None), (Readings, Missing, None, Some(2))],
        ),
        ("DELETE FROM reading WHERE seq = 6", &[(Decided, Missing, Some(6), None), (Readings, Missing, None, Some(6))]),
        (
            "INSERT INTO reading (arrival, id, patient, at, received_at, kind, outcome, vals, absent, flags, clock, device,
                stream, seq, sealed_at, raw_format, raw_hex)
             SELECT 7, 'extra', patient, at, received_at, kind, outcome, vals, absent, flags, clock, device, stream, 30, sealed_at, raw_format, raw_hex FROM reading WHERE seq = 1",
            &[(Readings, Extra, Some(30), Some(7))],
        ),
        (
            "UPDATE reading SET vals = '{\"weight_kg\":81.0}' WHERE seq = 2",
            &[(Readings, Altered, None, Some(2))],
        ),
        ("UPDATE reading SET at = at + 1 WHERE seq = 2", &[(Readings, Altered, None, Some(2))]),
        ("UPDATE reading SET vals = '{' WHERE seq = 2", &[(Readings, Altered, None, Some(2))]),
        ("UPDATE reading SET id = 'other' WHERE seq = 2", &[(Readings, Altered, None, Some(2))]),
        ("DELETE FROM assessed WHERE first_arrival = 2", &[(Assessed, Missing, None, Some(2))]),
        (
            "INSERT INTO assessed (first_arrival, marks) VALUES (50, '0000000000000000')",
            &[(Assessed, Extra, None, Some(50))],
        ),
        (
            "UPDATE assessed SET marks = '00000000' || substr(marks, 9) WHERE first_arrival = 2",
            &[(Assessed, Altered, None, Some(2))],
        ),
    ];
    run(async {
        for (sql, expected) in rows {
            let home = Home::lived_in().await;
            assert_eq!(home.named().await, [], "before {sql}");
            home.sql(*sql).await;
            assert_eq!(home.named().await, *expected, "{sql}");
        }
    });
}

#[test]
fn another_envelope_under_a_decided_number_is_an_outbox_that_was_altered() {
    run(async {
        let home = Home::lived_in().await;
        home.up(&envelope("ob", 3, 99.0));
        home.acked(10).await;
        assert_eq!(home.named().await, [(Place::Outbox, Wrong::Altered, Some(3), None)]);
    });
}

/// A gateway may say what it likes of its outbox: that takes no time and names no more than can be read.
#[test]
fn a_heartbeat_that_claims_too_much_is_answered_in_few_lines() {
    run(async {
        let home = Home::lived_in().await;
        home.sql("UPDATE heartbeat SET last_seq = 9007199254740991, unreceipted = 0").await;
        let found = home.reconciled().await;
        assert_eq!(found.differences.len(), 100);
        let last = found.differences.last().expect("a line");
        assert!(last.why.ends_with("and 9007199254740883 more behind it"), "{}", last.why);
        home.sql("UPDATE heartbeat SET unreceipted = 9007199254740991 - 8").await;
        let found = home.reconciled().await;
        assert_eq!(
            (found.differences.len(), found.explained.waiting_in_outboxes),
            (0, 9_007_199_254_740_983)
        );
    });
}
