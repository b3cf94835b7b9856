//! Two kinds of time, never mixed: [`Timestamp`], a point in time to the millisecond, and [`DeviceTime`], what a
//! device's own clock showed, which has no zone and may be wrong.
//!
//! **Invariant:** nothing here reads a clock; `now` always comes from the caller.

use std::fmt;
use std::str::FromStr;

use jiff::civil;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A point in time, to the millisecond. Written as RFC 3339 in UTC with three decimals.
///
/// Held as milliseconds since 1970-01-01T00:00:00Z, within the years 1 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// Why a text is not a point in time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// The text does not follow RFC 3339, or names a day or hour that does not exist.
    #[error("{text:?} is not a time in RFC 3339, such as 2026-01-01T07:04:00.000Z")]
    NotRfc3339 {
        /// The text, cut to 40 characters.
        text: String,
    },
    /// The text is not a device's local time.
    #[error("{text:?} is not a device's local time, such as 2026-01-01T08:04:00")]
    NotLocal {
        /// The text, cut to 40 characters.
        text: String,
    },
    /// The number lies outside the years 1 to 9999.
    #[error("{millis} ms lies outside the years 1 to 9999")]
    OutOfRange {
        /// Milliseconds since 1970.
        millis: i64,
    },
}

const MILLIS_MIN: i64 = -62_135_596_800_000;
const MILLIS_MAX: i64 = 253_402_207_200_000;

impl Timestamp {
    /// One second, minute, hour and day in milliseconds, for arithmetic that reads like the rule it states.
    pub const SECOND_MS: i64 = 1_000;
    /// One minute in milliseconds.
    pub const MINUTE_MS: i64 = 60 * Self::SECOND_MS;
    /// One hour in milliseconds.
    pub const HOUR_MS: i64 = 60 * Self::MINUTE_MS;
    /// One day of 24 hours in milliseconds.
    pub const DAY_MS: i64 = 24 * Self::HOUR_MS;

    /// The point `millis` milliseconds after 1970-01-01T00:00:00Z.
    ///
    /// # Errors
    /// [`TimeError::OutOfRange`] outside the years 1 to 9999.
    pub fn from_millis(millis: i64) -> Result<Self, TimeError> {
        if (MILLIS_MIN..=MILLIS_MAX).contains(&millis) {
            Ok(Self(millis))
        } else {
            Err(TimeError::OutOfRange { millis })
        }
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// This time moved by `millis` milliseconds, held within the years 1 to 9999.
    #[must_use]
    pub fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis).clamp(MILLIS_MIN, MILLIS_MAX))
    }

    /// This time moved by whole days of 24 hours.
    #[must_use]
    pub fn plus_days(self, days: i64) -> Self {
        self.plus_millis(days.saturating_mul(Self::DAY_MS))
    }

    /// Milliseconds from `earlier` to this time; negative when `earlier` is later.
    #[must_use]
    pub const fn millis_since(self, earlier: Self) -> i64 {
        self.0 - earlier.0
    }

    /// Days from `earlier` to this time, as a fraction.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn days_since(self, earlier: Self) -> f64 {
        self.millis_since(earlier) as f64 / Self::DAY_MS as f64
    }

    /// The same point as a [`jiff::Timestamp`], for calendars and time zones.
    #[must_use]
    pub fn to_jiff(self) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }

    /// The same point from a [`jiff::Timestamp`], cut to the millisecond.
    #[must_use]
    pub fn from_jiff(time: jiff::Timestamp) -> Self {
        Self(time.as_millisecond().clamp(MILLIS_MIN, MILLIS_MAX))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.to_jiff())
    }
}

impl FromStr for Timestamp {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        let not = || TimeError::NotRfc3339 { text: clipped(text) };
        // RFC 3339 asks for a date, a `T`, a time and a zone; jiff alone would take more.
        if text.len() < 20 || !text.is_ascii() || !matches!(text.as_bytes()[10], b'T' | b't' | b' ') {
            return Err(not());
        }
        let time: jiff::Timestamp = text.parse().map_err(|_| not())?;
        Self::from_millis(time.as_millisecond()).map_err(|_| not())
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::text::read(deserializer, str::parse)
    }
}

/// What a device's own clock showed: a calendar date and time to the second, without a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceTime(civil::DateTime);

impl DeviceTime {
    /// A device time from the fields of a Bluetooth Date Time (0x2A08); `None` when they name no real moment.
    #[must_use]
    pub fn new(year: u16, month: u8, day: u8, hour: u8, minute: u8, second: u8) -> Option<Self> {
        let narrow = |byte: u8| i8::try_from(byte).ok();
        civil::DateTime::new(
            i16::try_from(year).ok()?,
            narrow(month)?,
            narrow(day)?,
            narrow(hour)?,
            narrow(minute)?,
            narrow(second)?,
            0,
        )
        .ok()
        .filter(|time| time.year() >= 1)
        .map(Self)
    }

    /// The time that a clock showing `self` would show in UTC if it ran `offset_s` seconds ahead of the truth by
    /// minus that much: `self + offset_s`, read as UTC.
    #[must_use]
    pub fn corrected_by(self, offset_s: i64) -> Timestamp {
        Timestamp(self.as_if_utc().as_millis()).plus_millis(offset_s.saturating_mul(Timestamp::SECOND_MS))
    }

    /// The same digits, read as if the clock ran in UTC.
    #[must_use]
    pub fn as_if_utc(self) -> Timestamp {
        let time = jiff::tz::Offset::UTC.to_timestamp(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        Timestamp::from_jiff(time)
    }

    /// What a clock that runs in UTC shows at `time`, to the second.
    #[must_use]
    pub fn in_utc(time: Timestamp) -> Self {
        Self::from_civil(jiff::tz::Offset::UTC.to_datetime(time.to_jiff()))
    }

    /// The calendar fields.
    #[must_use]
    pub const fn civil(self) -> civil::DateTime {
        self.0
    }

    /// A device time from calendar fields, cut to the second.
    #[must_use]
    pub fn from_civil(time: civil::DateTime) -> Self {
        Self(time.with().subsec_nanosecond(0).build().unwrap_or(time))
    }
}

impl fmt::Display for DeviceTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl FromStr for DeviceTime {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        let not = || TimeError::NotLocal { text: clipped(text) };
        let zoned = text.len() < 19
            || !text.is_ascii()
            || text.as_bytes()[10] != b'T'
            || text.contains(['Z', '+', '[']);
        if zoned {
            return Err(not());
        }
        text.parse::<civil::DateTime>().map(Self::from_civil).map_err(|_| not())
    }
}

impl Serialize for DeviceTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for DeviceTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::text::read(deserializer, str::parse)
    }
}

fn clipped(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// To add a case, add a row: what was written, what we write. Worked by hand from RFC 3339, section 5.
    #[test]
    fn times_read_and_write_as_rfc_3339() {
        let rows = [
            ("2026-01-01T07:04:00.000Z", Some("2026-01-01T07:04:00.000Z")),
            ("2026-01-01T07:04:00Z", Some("2026-01-01T07:04:00.000Z")),
            ("2026-01-01T08:04:00.5+01:00", Some("2026-01-01T07:04:00.500Z")),
            ("1969-12-31T23:59:59.999Z", Some("1969-12-31T23:59:59.999Z")),
            ("2026-02-29T00:00:00Z", None),
            ("2026-01-01", None),
            ("2026-01-01T07:04:00", None),
            ("", None),
            ("åäö2026-01-01T07:04:00Z", None),
        ];
        for (text, expected) in rows {
            let got = text.parse::<Timestamp>().ok().map(|time| time.to_string());
            assert_eq!(got.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn device_times_have_no_zone() {
        assert_eq!(
            "2026-01-01T08:04:00".parse::<DeviceTime>().map(|t| t.to_string()),
            Ok("2026-01-01T08:04:00".into())
        );
        assert!("2026-01-01T08:04:00Z".parse::<DeviceTime>().is_err());
        assert!("2026-01-01T08:04:00+01:00".parse::<DeviceTime>().is_err());
        assert_eq!(DeviceTime::new(0, 1, 1, 0, 0, 0), None, "year 0 means unset in 0x2A08");
        assert_eq!(DeviceTime::new(2026, 13, 1, 0, 0, 0), None);
    }

    /// Device clock 08:04 local, offset -3600 s: 07:04 UTC (the published interface's own example).
    #[test]
    fn an_offset_corrects_a_device_clock() {
        let shown = DeviceTime::new(2026, 1, 1, 8, 4, 0).expect("a real moment");
        assert_eq!(shown.corrected_by(-3600).to_string(), "2026-01-01T07:04:00.000Z");
    }
}
