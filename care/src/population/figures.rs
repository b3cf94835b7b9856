//! Figures that tell of nobody: what is less than five is not written out, and where one is held back, sums are rounded so that it
//! cannot be worked out.

/// The least of a group or a count that is written out. Five is what Swedish health statistics commonly use.
pub const SMALL: usize = 5;

/// A count as it may be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Figure {
    /// As it is: none, or [`SMALL`] and more.
    Exact(usize),
    /// One to four.
    Few,
}

impl Figure {
    /// `count` as it may be shown.
    #[must_use]
    pub const fn of(count: usize) -> Self {
        if count == 0 || count >= SMALL { Self::Exact(count) } else { Self::Few }
    }
}

/// The sum of `counts`: exact where each of them may be shown, else the nearest multiple of five, and whether it was rounded.
#[must_use]
pub fn about(counts: &[usize]) -> (usize, bool) {
    let sum: usize = counts.iter().sum();
    let few = counts.iter().any(|count| Figure::of(*count) == Figure::Few);
    if few { ((sum + SMALL / 2) / SMALL * SMALL, true) } else { (sum, false) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// To add a case, add a row: what was counted, and what may be said of it, by the rule above.
    #[test]
    fn few_are_not_told_apart() {
        let rows: [(usize, Figure); 4] =
            [(0, Figure::Exact(0)), (1, Figure::Few), (4, Figure::Few), (5, Figure::Exact(5))];
        for (count, shown) in rows {
            assert_eq!(Figure::of(count), shown, "{count}");
        }
        // 12 + 8 = 20 as it is; 12 + 1 = 13 is nearest to 15, 12 + 0 is nothing hidden.
        assert_eq!(about(&[12, 8]), (20, false));
        assert_eq!(about(&[12, 1]), (15, true));
        assert_eq!(about(&[12, 0]), (12, false));
        assert_eq!(about(&[2]), (0, true));
    }
}
