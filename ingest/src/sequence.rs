//! How far a gateway's sequence is decided without a gap. Pure arithmetic; the numbers themselves are in the store.
//!
//! **Invariant:** `through` never passes a number that is undecided and never goes back.

use vitals::Seq;

/// One outbox's sequence: everything up to `through` is decided, and `highest` is the largest number decided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sequence {
    through: u64,
    highest: u64,
}

impl Sequence {
    /// A sequence as the store knows it. `highest` below `through` is read as `through`.
    #[must_use]
    pub fn new(through: u64, highest: u64) -> Self {
        Self { through, highest: highest.max(through) }
    }

    /// The last number before which nothing is missing; 0 while the first is.
    #[must_use]
    pub const fn through(self) -> u64 {
        self.through
    }

    /// The largest number decided.
    #[must_use]
    pub const fn highest(self) -> u64 {
        self.highest
    }

    /// Whether a number between decided ones is missing.
    #[must_use]
    pub const fn has_gap(self) -> bool {
        self.highest > self.through
    }

    /// Notes that `seq` is decided. Says whether numbers beyond `through` may now join: then [`Sequence::follow`] them.
    pub fn decide(&mut self, seq: Seq) -> bool {
        let seq = seq.get();
        self.highest = self.highest.max(seq);
        if seq == self.through + 1 {
            self.through = seq;
        }
        seq == self.through && self.has_gap()
    }

    /// Moves `through` over the decided numbers in `ahead`, which are ascending, as far as none is missing.
    pub fn follow(&mut self, ahead: impl IntoIterator<Item = u64>) {
        for seq in ahead {
            if seq > self.through + 1 {
                break;
            }
            self.through = self.through.max(seq);
        }
        self.highest = self.highest.max(self.through);
    }

    /// The missing numbers before `next`, the first decided one beyond `through`; `None` when none is missing.
    #[must_use]
    pub fn gap_before(self, next: u64) -> Option<(Seq, Seq)> {
        Self::range(self.through + 1, next.checked_sub(1)?)
    }

    /// The numbers that a gateway believes receipted, up to `believed`, and that nothing here knows of.
    #[must_use]
    pub fn unknown_up_to(self, believed: u64) -> Option<(Seq, Seq)> {
        Self::range(self.through + 1, believed)
    }

    fn range(from: u64, to: u64) -> Option<(Seq, Seq)> {
        let to = to.min(from.saturating_add(RESEND_MAX - 1)).min(Seq::MAX);
        let (from, to) = (Seq::new(from).ok()?, Seq::new(to).ok()?);
        (from <= to).then_some((from, to))
    }
}

/// The most numbers that are asked for at once.
pub const RESEND_MAX: u64 = 10_000;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn seq(number: u64) -> Seq {
        Seq::new(number).expect("a number in range")
    }

    /// As the store does it: note the number, then follow what is decided beyond `through`.
    fn take(sequence: &mut Sequence, decided: &mut BTreeSet<u64>, number: u64) {
        if decided.insert(number) && sequence.decide(seq(number)) {
            sequence.follow(decided.range(sequence.through() + 1..).copied());
        }
    }

    proptest! {
        /// The model counts up from 1 for as long as the set holds the number. Any order, duplicates, gaps.
        #[test]
        fn through_is_where_a_naive_count_stops(numbers in prop::collection::vec(1u64..60, 0..200)) {
            let (mut sequence, mut decided) = (Sequence::default(), BTreeSet::new());
            let mut before = 0;
            for number in numbers {
                take(&mut sequence, &mut decided, number);
                let naive = (1u64..).take_while(|n| decided.contains(n)).count();
                prop_assert_eq!(sequence.through(), u64::try_from(naive).expect("small"));
                prop_assert_eq!(sequence.highest(), decided.last().copied().unwrap_or(0));
                prop_assert!(sequence.through() >= before, "never goes back");
                before = sequence.through();
                let next = decided.range(before + 1..).next().copied();
                prop_assert_eq!(next.is_some(), sequence.has_gap());
                if let Some((from, to)) = next.and_then(|next| sequence.gap_before(next)) {
                    prop_assert!((from.get()..=to.get()).all(|n| !decided.contains(&n)));
                    prop_assert!(decided.contains(&(to.get() + 1)));
                }
            }
        }

        /// Every permutation of 1..=n ends at n without a gap.
        #[test]
        fn every_order_ends_the_same(numbers in Just((1u64..=40).collect::<Vec<_>>()).prop_shuffle()) {
            let (mut sequence, mut decided) = (Sequence::default(), BTreeSet::new());
            for number in numbers {
                take(&mut sequence, &mut decided, number);
            }
            prop_assert_eq!(sequence, Sequence::new(40, 40));
        }
    }

    /// Worked by hand from the published interface: `through` never passes a gap, and asks for what is missing.
    #[test]
    fn gaps_are_asked_for_in_ranges_of_bounded_size() {
        let sequence = Sequence::new(3, 9);
        assert_eq!(sequence.gap_before(7), Some((seq(4), seq(6))));
        assert_eq!(sequence.gap_before(4), None);
        assert_eq!(sequence.gap_before(0), None);
        assert_eq!(sequence.unknown_up_to(3), None, "a gateway that believes what we know");
        assert_eq!(sequence.unknown_up_to(5), Some((seq(4), seq(5))), "a restored server asks again");
        assert_eq!(sequence.unknown_up_to(u64::MAX), Some((seq(4), seq(10_003))));
        assert_eq!(Sequence::new(5, 2).highest(), 5);
    }
}
