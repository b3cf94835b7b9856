//! How long to leave a device alone after a connection that came to nothing, and when to stop believing in a bond.
//!
//! A device that lost its keys (a new battery, another phone) is let down by the gateway's own: the stack answers each connection
//! with a key that the device does not know, the device hangs up, and so for ever. But a bond that is good must not be thrown
//! away for a bad evening: most devices give a new one only when a person holds a button. So a bond is doubted only when
//! connections fail *because of it*, or end before the device said a word, several times in a row.
//!
//! Decides; carries nothing out. Knows no radio and no clock. **Invariant:** a pause never exceeds [`PAUSE_MAX`].

use std::time::{Duration, Instant};

/// The longest a device is left alone after failures.
pub(super) const PAUSE_MAX: Duration = Duration::from_secs(60);
/// The pause after the second failure; each further one doubles it. The first is tried again at once, because a cuff may
/// advertise for a minute only.
const PAUSE_FIRST: Duration = Duration::from_secs(2);
/// After this many refusals in a row a bond is dead.
const REFUSALS_MAX: u32 = 2;
/// After this many connections in a row that ended without a word a bond is dead. Not fewer: a device at the edge of the
/// radio's reach looks the same for a while, and bluetoothd does not say which it was.
const SILENT_ENDS_MAX: u32 = 5;

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// The device said something.
    Spoke,
    /// The stack says that device and gateway do not agree on a key.
    Refused,
    /// It ended before the device said anything.
    WithoutAWord,
    /// It did not come about.
    NotReached,
}

/// What is known of connections to one device.
#[derive(Clone, Debug, Default)]
pub(super) struct Patience {
    failures: u32,
    refusals: u32,
    silent_ends: u32,
    rests_until: Option<Instant>,
}

impl Patience {
    /// Takes note of how a connection ended; `bonded` is whether there was a bond. True when the bond is dead.
    pub(super) fn ended(&mut self, now: Instant, ending: Ending, bonded: bool) -> bool {
        if ending == Ending::Spoke {
            *self = Self::default();
            return false;
        }
        self.failures = self.failures.saturating_add(1);
        self.rests_until = pause(self.failures).map(|pause| now + pause);
        match ending {
            Ending::Refused if bonded => self.refusals += 1,
            Ending::WithoutAWord if bonded => self.silent_ends += 1,
            Ending::Refused | Ending::WithoutAWord | Ending::NotReached | Ending::Spoke => {}
        }
        let dead = self.refusals >= REFUSALS_MAX || self.refusals + self.silent_ends >= SILENT_ENDS_MAX;
        if dead {
            (self.refusals, self.silent_ends, self.rests_until) = (0, 0, None);
        }
        dead
    }

    /// How many connections in a row came to nothing.
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    /// Whether the device is to be left alone.
    pub(super) fn rests(&self, now: Instant) -> bool {
        self.rests_until.is_some_and(|until| now < until)
    }
}

fn pause(failures: u32) -> Option<Duration> {
    let doublings = failures.checked_sub(2)?;
    Some(PAUSE_FIRST.saturating_mul(2_u32.saturating_pow(doublings)).min(PAUSE_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    use Ending::{NotReached, Refused, Spoke, WithoutAWord};

    /// To add a case, add a row: how connections ended, whether there was a bond, and after which of them (from 1) the bond
    /// is dead. The limits are this module's own promise, in its head.
    #[test]
    fn a_bond_is_given_up_late_and_only_for_its_own_fault() {
        let rows: [(&[Ending], bool, Option<usize>); 8] = [
            (&[Refused, Refused], true, Some(2)),
            (&[WithoutAWord; 5], true, Some(5)),
            (&[Refused, WithoutAWord, WithoutAWord, WithoutAWord, WithoutAWord], true, Some(5)),
            (&[WithoutAWord, WithoutAWord, WithoutAWord, WithoutAWord, Spoke, WithoutAWord], true, None),
            (&[Refused, Spoke, Refused], true, None),
            (&[NotReached; 40], true, None),
            (&[Refused; 40], false, None),
            (&[WithoutAWord, WithoutAWord, NotReached, WithoutAWord, WithoutAWord], true, None),
        ];
        for (endings, bonded, expected) in rows {
            let (mut patience, now) = (Patience::default(), Instant::now());
            let dead = endings.iter().position(|ending| patience.ended(now, *ending, bonded));
            assert_eq!(dead.map(|index| index + 1), expected, "{endings:?} bonded {bonded}");
        }
    }

    /// The pauses after each failure in a row, s, by hand from the doubling.
    #[test]
    fn pauses_grow_to_a_minute_and_no_further() {
        let (mut patience, now) = (Patience::default(), Instant::now());
        for expected_s in [0, 2, 4, 8, 16, 32, 60, 60, 60] {
            assert!(!patience.ended(now, NotReached, true));
            let until = now + Duration::from_secs(expected_s);
            assert_eq!(patience.rests(until - Duration::from_millis(1)), expected_s > 0, "{expected_s}");
            assert!(!patience.rests(until), "{expected_s}");
        }
        patience.ended(now, Spoke, true);
        assert!(!patience.rests(now));
        assert_eq!(patience.failures(), 0);
    }

    #[test]
    fn failures_for_years_do_not_overflow() {
        let mut patience = Patience { failures: u32::MAX - 1, ..Patience::default() };
        let now = Instant::now();
        patience.ended(now, NotReached, false);
        patience.ended(now, NotReached, false);
        assert!(patience.rests(now + PAUSE_MAX - Duration::from_millis(1)));
    }
}
