//! Quiet hours: when nothing in a sleeping home begins to blink or beep by itself.
//!
//! **Invariant:** hours that begin and end at the same minute are none, not all.

use std::str::FromStr;

const DAY_MINUTES: u16 = 24 * 60;

/// From a minute of the day up to another, by the home's own time; usually across midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuietHours {
    from_minute: u16,
    to_minute: u16,
}

impl Default for QuietHours {
    /// Half past nine in the evening to seven.
    fn default() -> Self {
        Self { from_minute: 21 * 60 + 30, to_minute: 7 * 60 }
    }
}

impl QuietHours {
    /// Whether `minute` of the day, counted from midnight, lies in them.
    #[must_use]
    pub fn contains(&self, minute: u16) -> bool {
        let into = |from: u16, minute: u16| (minute % DAY_MINUTES + DAY_MINUTES - from) % DAY_MINUTES;
        into(self.from_minute, minute) < into(self.from_minute, self.to_minute)
    }
}

/// Why a text is no hours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not HH:MM-HH:MM")]
pub struct QuietHoursError(String);

impl FromStr for QuietHours {
    type Err = QuietHoursError;

    fn from_str(text: &str) -> Result<Self, QuietHoursError> {
        let minute = |text: &str| {
            let (hour, minute) = text.split_once(':')?;
            let digits = |text: &str| {
                let plain = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
                plain.then(|| text.parse::<u16>().ok()).flatten()
            };
            let (hour, minute) = (digits(hour)?, digits(minute)?);
            (hour < 24 && minute < 60).then_some(hour * 60 + minute)
        };
        text.split_once('-')
            .and_then(|(from, to)| Some(Self { from_minute: minute(from)?, to_minute: minute(to)? }))
            .ok_or_else(|| QuietHoursError(text.chars().take(40).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows by the clock face.
    #[test]
    fn quiet_hours_go_across_midnight() {
        let rows = [
            ("21:30-07:00", 21 * 60 + 29, false),
            ("21:30-07:00", 21 * 60 + 30, true),
            ("21:30-07:00", 0, true),
            ("21:30-07:00", 6 * 60 + 59, true),
            ("21:30-07:00", 7 * 60, false),
            ("13:00-14:00", 13 * 60 + 30, true),
            ("13:00-14:00", 14 * 60, false),
            ("13:00-14:00", 3 * 60, false),
            ("00:00-00:00", 0, false),
            ("00:00-00:00", 12 * 60, false),
        ];
        for (hours, minute, expected) in rows {
            let hours: QuietHours = hours.parse().expect("hours");
            assert_eq!(hours.contains(minute), expected, "{hours:?} at {minute}");
        }
    }

    #[test]
    fn what_is_not_two_times_of_day_is_refused() {
        for text in ["", "22-07", "22:00", "24:00-07:00", "22:60-07:00", "+1:00-07:00", "22:00-7:00", "å-ä"]
        {
            assert!(text.parse::<QuietHours>().is_err(), "{text}");
        }
    }
}
