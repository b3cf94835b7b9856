//! The demo's clocks: set to a moment of the story, or the machine's.
//!
//! **Invariant:** a clock that was let go never shows an earlier time than the machine's again.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use care::clock::Clock;
use vitals::Timestamp;

/// Stands for "whatever the machine says".
const MACHINE: i64 = i64::MIN;

/// A clock that the story sets. Clones show the same time.
#[derive(Clone, Debug)]
pub(crate) struct StoryClock {
    set_ms: Arc<AtomicI64>,
    machine: Clock,
}

impl StoryClock {
    /// A clock that shows what `machine` does until it is set.
    pub(crate) fn new(machine: Clock) -> Self {
        Self { set_ms: Arc::new(AtomicI64::new(MACHINE)), machine }
    }

    /// The time now.
    pub(crate) fn now(&self) -> Timestamp {
        match self.set_ms.load(Ordering::Relaxed) {
            MACHINE => self.machine.now(),
            millis => Timestamp::from_millis(millis).unwrap_or_else(|_| self.machine.now()),
        }
    }

    /// Stops at `now`.
    pub(crate) fn set(&self, now: Timestamp) {
        self.set_ms.store(now.as_millis(), Ordering::Relaxed);
    }

    /// Moves on by `millis` if it stands still.
    pub(crate) fn pass(&self, millis: i64) {
        if self.is_set() {
            self.set_ms.fetch_add(millis, Ordering::Relaxed);
        }
    }

    /// Runs with the machine's from now on.
    pub(crate) fn let_go(&self) {
        self.set_ms.store(MACHINE, Ordering::Relaxed);
    }

    /// Whether it stands still.
    pub(crate) fn is_set(&self) -> bool {
        self.set_ms.load(Ordering::Relaxed) != MACHINE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_stands_where_it_was_set_until_it_is_let_go() {
        let at = |millis: i64| Timestamp::from_millis(millis).expect("in range");
        let clock = StoryClock::new(Clock::told_by(move || at(9_000)));
        clock.pass(1_000);
        assert_eq!(clock.now(), at(9_000), "the machine's time is not ours to move");
        clock.set(at(1_000));
        clock.pass(500);
        assert_eq!(clock.clone().now(), at(1_500));
        clock.let_go();
        assert_eq!(clock.now(), at(9_000));
    }
}
