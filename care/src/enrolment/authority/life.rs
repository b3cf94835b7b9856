//! How long a gateway's certificate counts, as an operator writes it: `90 days`, `12 hours`, `30 minutes`.
//!
//! Longer is kinder to a home without network: a box renews at two thirds, so the last third is what it may be offline. Shorter
//! shuts out a key that nobody knows to be stolen. A minute is for seeing, on an installation made for it, that boxes renew.
//!
//! **Invariant:** between a minute and 400 days.

use std::str::FromStr;

use vitals::Timestamp;

/// The shortest.
const LIFE_MS_MIN: i64 = Timestamp::MINUTE_MS;
/// The longest: a year and what a year has in margins.
const LIFE_MS_MAX: i64 = 400 * DAY_MS;
const DEFAULT_MS: i64 = 90 * DAY_MS;
const DAY_MS: i64 = 24 * Timestamp::HOUR_MS;

/// How long a gateway's certificate counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GatewayLife(i64);

/// Why a text says no such time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LifeError {
    /// It is not a number with a unit.
    #[error("{text:?} is not a whole number of minutes, hours or days, such as \"90 days\"")]
    Malformed {
        /// What it was.
        text: String,
    },
    /// It is too short or too long.
    #[error("{text:?} is not between \"1 minute\" and \"400 days\"")]
    OutOfBounds {
        /// What it was.
        text: String,
    },
}

impl GatewayLife {
    /// In milliseconds.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0
    }
}

impl Default for GatewayLife {
    fn default() -> Self {
        Self(DEFAULT_MS)
    }
}

impl FromStr for GatewayLife {
    type Err = LifeError;

    fn from_str(text: &str) -> Result<Self, LifeError> {
        let malformed = || LifeError::Malformed { text: text.to_owned() };
        let (number, unit) = text.trim().split_once(' ').ok_or_else(malformed)?;
        let unit_ms = match unit.trim() {
            "minute" | "minutes" => Timestamp::MINUTE_MS,
            "hour" | "hours" => Timestamp::HOUR_MS,
            "day" | "days" => DAY_MS,
            _ => return Err(malformed()),
        };
        let number: u32 = number.parse().map_err(|_| malformed())?;
        Some(i64::from(number) * unit_ms)
            .filter(|ms| (LIFE_MS_MIN..=LIFE_MS_MAX).contains(ms))
            .map(Self)
            .ok_or_else(|| LifeError::OutOfBounds { text: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// To add a spelling, add a row: what was written, and milliseconds worked by hand.
    #[test]
    fn a_life_is_a_number_and_a_unit_within_bounds() {
        let rows = [
            ("90 days", Ok(7_776_000_000)),
            ("1 day", Ok(86_400_000)),
            ("12 hours", Ok(43_200_000)),
            (" 1 minute ", Ok(60_000)),
            ("400 days", Ok(34_560_000_000)),
            ("401 days", Err("between")),
            ("0 days", Err("between")),
            ("4000000000 days", Err("between")),
            ("-1 days", Err("whole number")),
            ("1.5 days", Err("whole number")),
            ("90", Err("whole number")),
            ("90days", Err("whole number")),
            ("3 fortnights", Err("whole number")),
            ("", Err("whole number")),
        ];
        for (text, expected) in rows {
            match (text.parse::<GatewayLife>(), expected) {
                (Ok(life), Ok(ms)) => assert_eq!(life.millis(), ms, "{text}"),
                (Err(error), Err(says)) => assert!(error.to_string().contains(says), "{text}: {error}"),
                (read, expected) => panic!("{text}: {read:?}, not {expected:?}"),
            }
        }
        assert_eq!("90 days".parse(), Ok(GatewayLife::default()), "the default as it is documented");
    }
}
