//! When a certificate is renewed: at two thirds of its time, each box at a moment of its own, and again and again until it works.
//!
//! How long a certificate counts is the server's to say. With one of ninety days the figures below are the plain ones; with a
//! shorter one pauses and warnings shrink in step.
//!
//! **Invariant:** a renewal is due long enough before the end for thirty days without a network, with certificates of ninety; with
//! any, it is tried many times in the third that is left.

use std::time::Duration;

use vitals::Timestamp;

use super::validity::Validity;

/// The first pause after a renewal that failed.
const PAUSE_S: u64 = 5 * 60;
/// The longest.
const PAUSE_S_MAX: u64 = 6 * 3600;
/// How often the certificate's file is looked at: somebody may have enrolled this box anew.
pub const LOOK_EVERY: Duration = Duration::from_secs(3600);
/// What is due at once waits this long, or less where a certificate's time is short.
const DUE_AT_ONCE: Duration = Duration::from_secs(60);
/// A pause is at most this part of a certificate's time, and never shorter than a second.
const PAUSES_IN_A_LIFE: u64 = 60;
/// How long before the end somebody should know, and the part of its time that this is with ninety days.
const ENDS_SOON_DAYS: i64 = 10;
const ENDS_SOON_PART: i64 = 9;

/// When to renew: at 64 to 66 hundredths of the time, by `fraction` (0 to 1), so that boxes enrolled on one day do not come at once.
#[must_use]
pub fn renew_at(validity: Validity, fraction: f64) -> Timestamp {
    let life_ms = validity.not_after.millis_since(validity.not_before).max(0);
    #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
    // within a hundredth, for centuries
    let after_ms = (life_ms as f64 * (0.64 + 0.02 * fraction.clamp(0.0, 1.0))) as i64;
    validity.not_before.plus_millis(after_ms)
}

/// How long to wait after `failures` in a row: doubled each time, from half of it to all of it by `fraction` (0 to 1), for a
/// certificate that counts as `validity` says, where one can be read.
#[must_use]
pub fn pause(failures: u32, validity: Option<Validity>, fraction: f64) -> Duration {
    let whole = PAUSE_S.saturating_mul(1_u64 << failures.saturating_sub(1).min(16)).min(PAUSE_S_MAX);
    let whole = Duration::from_secs(whole).mul_f64(0.5 + 0.5 * fraction.clamp(0.0, 1.0));
    validity.map_or(whole, |validity| whole.min(part_of(validity)))
}

/// How long there is nothing to do for a certificate that counts as `validity` says and is renewed at `due`.
#[must_use]
pub fn look_again(validity: Validity, due: Timestamp, now: Timestamp) -> Duration {
    let wait = u64::try_from(due.millis_since(now)).map_or(Duration::ZERO, Duration::from_millis);
    // One that is due as soon as it is granted, by a clock that is ahead, must not be asked for without a pause.
    wait.max(part_of(validity).min(DUE_AT_ONCE)).min(LOOK_EVERY)
}

fn part_of(validity: Validity) -> Duration {
    let life_ms = u64::try_from(validity.not_after.millis_since(validity.not_before)).unwrap_or(0);
    Duration::from_millis(life_ms / PAUSES_IN_A_LIFE).max(Duration::from_secs(1))
}

/// Whether somebody must see to it: it has ended at `now`, or soon will, although it should have been renewed.
#[must_use]
pub fn ends_soon(validity: Validity, now: Timestamp) -> bool {
    let life_ms = validity.not_after.millis_since(validity.not_before).max(0);
    let soon_ms = (ENDS_SOON_DAYS * 24 * Timestamp::HOUR_MS).min(life_ms / ENDS_SOON_PART);
    now.plus_millis(soon_ms) > validity.not_after
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    /// Ninety days from 1 January 2026 end on 1 April. 64 % are 57.6 days, 66 % 59.4: by hand.
    #[test]
    fn ninety_days_are_renewed_a_month_before_their_end() {
        let validity =
            Validity { not_before: at("2026-01-01T00:00:00Z"), not_after: at("2026-04-01T00:00:00Z") };
        assert_eq!(renew_at(validity, 0.0), at("2026-02-27T14:24:00Z"));
        assert_eq!(renew_at(validity, 1.0), at("2026-03-01T09:36:00Z"));
        assert!(renew_at(validity, 1.0).plus_days(30) < validity.not_after);
        assert!(
            !ends_soon(validity, at("2026-03-21T00:00:00Z"))
                && ends_soon(validity, at("2026-03-23T00:00:00Z"))
        );
    }

    fn living(seconds: i64) -> Validity {
        let not_before = at("2026-01-01T00:00:00Z");
        Validity { not_before, not_after: not_before.plus_millis(seconds * 1000) }
    }

    /// By the constants: five minutes, doubled up to six hours, and never more than a sixtieth of the certificate's time.
    #[test]
    fn a_failed_renewal_is_tried_again_ever_more_patiently() {
        let (quarter, hour, minute) = (Some(living(90 * 86_400)), Some(living(3600)), Some(living(60)));
        let rows = [
            (1, None, 1.0, 300),
            (1, quarter, 1.0, 300),
            (1, quarter, 0.0, 150),
            (2, quarter, 1.0, 600),
            (7, quarter, 1.0, 19_200),
            (8, quarter, 1.0, 21_600),
            (u32::MAX, quarter, 1.0, 21_600),
            (1, hour, 1.0, 60),
            (9, hour, 0.0, 60),
            (9, minute, 1.0, 1),
            (9, Some(living(0)), 1.0, 1),
        ];
        for (failures, validity, fraction, seconds) in rows {
            let pause = pause(failures, validity, fraction);
            assert_eq!(pause, Duration::from_secs(seconds), "{failures} {validity:?} {fraction}");
        }
    }

    /// Seconds from now until it is due, its time, and how long to wait: until then, at most an hour, at least a minute or a sixtieth
    /// of its time.
    #[test]
    fn the_file_is_looked_at_when_it_is_due_and_every_hour() {
        let now = at("2026-01-01T00:00:00Z");
        let rows = [
            (86_400, 90 * 86_400, 3600),
            (1800, 90 * 86_400, 1800),
            (0, 90 * 86_400, 60),
            (36, 60, 36),
            (0, 60, 1),
            (-90, 60, 1),
            (0, 600, 10),
        ];
        for (due_s, life_s, seconds) in rows {
            let wait = look_again(living(life_s), now.plus_millis(due_s * 1000), now);
            assert_eq!(wait, Duration::from_secs(seconds), "{due_s} {life_s}");
        }
    }

    /// A ninth of an hour is 400 s.
    #[test]
    fn a_short_life_ends_soon_in_step() {
        let hour = living(3600);
        assert!(!ends_soon(hour, hour.not_after.plus_millis(-401_000)));
        assert!(ends_soon(hour, hour.not_after.plus_millis(-399_000)));
    }
}
