//! The outbox against a model that fits on a page: a list of numbers, each with what it carries and whether it is settled.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::tests::{at, open, weighing};
use super::*;

#[derive(Clone, Debug)]
enum Step {
    Seal(i64),
    Receipt(u64),
    Resend(u64, u64),
    Void(u64),
    Reopen,
}

#[derive(Clone, Debug, Default)]
struct Model {
    known: BTreeMap<i64, u64>,
    /// Number -> (weighing, or none for a void; settled).
    rows: BTreeMap<u64, (Option<i64>, bool)>,
}

impl Model {
    fn unreceipted(&self) -> Vec<(u64, Option<i64>)> {
        self.rows.iter().filter(|(_, row)| !row.1).map(|(seq, row)| (*seq, row.0)).collect()
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0_i64..30).prop_map(Step::Seal),
        2 => (0_u64..25).prop_map(Step::Receipt),
        1 => (1_u64..25, 1_u64..25).prop_map(|(from, to)| Step::Resend(from, to)),
        1 => (1_u64..25).prop_map(Step::Void),
        1 => Just(Step::Reopen),
    ];
    proptest::collection::vec(step, 1..60)
}

fn carried(body: &str) -> Option<i64> {
    let envelope: vitals::Envelope = serde_json::from_str(body).ok()?;
    Some(i64::from_le_bytes(envelope.raw.bytes.try_into().expect("eight bytes")))
}

fn apply(model: &mut Model, outbox: &mut Outbox, step: &Step) {
    let seq = |number| Seq::new(number).expect("a number");
    match *step {
        Step::Seal(nth) => {
            let next = model.rows.len() as u64 + 1;
            let expected = match model.known.get(&nth) {
                Some(known) => Sealed::Known(seq(*known)),
                None => {
                    model.known.insert(nth, next);
                    model.rows.insert(next, (Some(nth), false));
                    Sealed::New(seq(next))
                }
            };
            assert_eq!(outbox.seal(&weighing(nth), at(0)).expect("seals"), expected);
        }
        // A receipt beyond the last number is another story, told by a test of its own.
        Step::Receipt(through) => {
            let through = through.min(model.rows.len() as u64);
            let mut settled = 0;
            for (_, row) in model.rows.range_mut(..=through) {
                settled += u64::from(!row.1);
                row.1 = true;
            }
            assert_eq!(outbox.receipt(through, at(0)).expect("settles"), Receipted::Settled(settled));
        }
        Step::Resend(from, to) => {
            let mut again = 0;
            for (_, row) in model.rows.iter_mut().filter(|(seq, _)| (from..=to).contains(*seq)) {
                row.1 = false;
                again += 1;
            }
            assert_eq!(
                outbox.resend(seq(from), seq(to), at(0)).expect("answers"),
                Asked { again, voided: 0 }
            );
        }
        Step::Void(number) => {
            let expected = match model.rows.get_mut(&number) {
                Some(row) if row.0.is_some() && !row.1 => {
                    row.0 = None;
                    true
                }
                Some(_) | None => false,
            };
            assert_eq!(outbox.void(seq(number), "model", at(0)).expect("voids"), expected);
        }
        Step::Reopen => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_outbox_does_as_the_model(steps in steps()) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("o.db");
        let mut outbox = open(&path, Limits::default());
        let id = outbox.id().clone();
        let mut model = Model::default();
        for step in &steps {
            if matches!(step, Step::Reopen) {
                drop(outbox);
                outbox = open(&path, Limits::default());
            }
            apply(&mut model, &mut outbox, step);
            let due = outbox.due(0, 1_000, usize::MAX).expect("reads");
            let got: Vec<_> = due.iter().map(|due| (due.seq.get(), carried(&due.body))).collect();
            let expected = model.unreceipted();
            prop_assert_eq!(&got, &expected);
            prop_assert_eq!(outbox.depth(), Depth {
                last_seq: model.rows.len() as u64,
                unreceipted: expected.len() as u64,
                head: expected.first().map(|(head, _)| Seq::new(*head).expect("a number")),
            });
            prop_assert_eq!(outbox.id(), &id);
        }
    }
}
