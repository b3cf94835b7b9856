//! Ways to build this box wrong, for a simulation that must notice each.
//!
//! **Invariant:** in a release nothing is wrong: without the feature `flaws` this is one function that says so.

/// A way to build this box wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// What the broker acknowledges counts as receipted.
    DeleteOnPuback,
    /// Commits do not wait for the disk.
    NoSync,
    /// A receipt settles the highest number sent, whatever it says.
    ReceiptTakenForAll,
}

/// Whether this build is to be wrong in this way: never without the feature, and with it only where a test says so.
#[cfg(not(feature = "flaws"))]
pub(crate) const fn flawed(flaw: Flaw) -> bool {
    match flaw {
        Flaw::DeleteOnPuback | Flaw::NoSync | Flaw::ReceiptTakenForAll => false,
    }
}

#[cfg(feature = "flaws")]
thread_local! {
    static FLAW: std::cell::Cell<Option<Flaw>> = const { std::cell::Cell::new(None) };
}

/// From now on what this thread does is wrong in the way of `flaw`.
#[cfg(feature = "flaws")]
pub fn play(flaw: Option<Flaw>) {
    FLAW.set(flaw);
}

/// Whether this build is to be wrong in this way.
#[cfg(feature = "flaws")]
pub(crate) fn flawed(flaw: Flaw) -> bool {
    FLAW.get() == Some(flaw)
}
