//! When a certificate is renewed: at two thirds of its time, each box at a moment of its own, and again and again until it works.
//!
//! **Invariant:** a renewal is due long enough before the end for thirty days without a network, with certificates of ninety.

use std::time::Duration;

use vitals::Timestamp;

use super::validity::Validity;

/// The first pause after a renewal that failed.
const PAUSE_S: u64 = 5 * 60;
/// The longest.
const PAUSE_S_MAX: u64 = 6 * 3600;
/// How long before the end somebody should know.
const ENDS_SOON_DAYS: i64 = 10;

/// When to renew: at 64 to 66 hundredths of the time, by `fraction` (0 to 1), so that boxes enrolled on one day do not come at once.
#[must_use]
pub fn renew_at(validity: Validity, fraction: f64) -> Timestamp {
    let life_ms = validity.not_after.millis_since(validity.not_before).max(0);
    #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
    // within a hundredth, for centuries
    let after_ms = (life_ms as f64 * (0.64 + 0.02 * fraction.clamp(0.0, 1.0))) as i64;
    validity.not_before.plus_millis(after_ms)
}

/// How long to wait after `failures` in a row: doubled each time, from half of it to all of it by `fraction` (0 to 1).
#[must_use]
pub fn pause(failures: u32, fraction: f64) -> Duration {
    let whole = PAUSE_S.saturating_mul(1_u64 << failures.saturating_sub(1).min(16)).min(PAUSE_S_MAX);
    Duration::from_secs(whole).mul_f64(0.5 + 0.5 * fraction.clamp(0.0, 1.0))
}

/// Whether somebody must see to it: it has ended at `now`, or soon will, although it should have been renewed.
#[must_use]
pub fn ends_soon(validity: Validity, now: Timestamp) -> bool {
    now.plus_days(ENDS_SOON_DAYS) > validity.not_after
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

    /// By the constants: five minutes, doubled up to six hours.
    #[test]
    fn a_failed_renewal_is_tried_again_ever_more_patiently() {
        let rows = [
            (1, 1.0, 300),
            (1, 0.0, 150),
            (2, 1.0, 600),
            (7, 1.0, 19_200),
            (8, 1.0, 21_600),
            (u32::MAX, 1.0, 21_600),
        ];
        for (failures, fraction, seconds) in rows {
            assert_eq!(pause(failures, fraction), Duration::from_secs(seconds), "{failures} {fraction}");
        }
    }
}
