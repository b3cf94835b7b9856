//! Numbers and dates as people write them, in Swedish and in English.
//!
//! **Invariant:** a number is written with the decimals asked for, and a Swedish one with a decimal comma.

use jiff::civil::{Date, Weekday};
use serde::{Deserialize, Serialize};

/// A text in both languages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bilingual {
    /// Swedish.
    pub sv: String,
    /// English.
    pub en: String,
}

impl Bilingual {
    /// Both texts.
    #[must_use]
    pub fn of(sv: impl Into<String>, en: impl Into<String>) -> Self {
        Self { sv: sv.into(), en: en.into() }
    }
}

/// `value` with this many decimals; never "-0".
pub(crate) fn plain(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    match text.strip_prefix('-') {
        Some(digits) if digits.chars().all(|c| matches!(c, '0' | '.')) => digits.to_owned(),
        Some(_) | None => text,
    }
}

/// `value` with a decimal comma.
pub(crate) fn comma(value: f64, decimals: usize) -> String {
    plain(value, decimals).replace('.', ",")
}

/// `value` in both languages.
pub(crate) fn number(value: f64, decimals: usize) -> Bilingual {
    Bilingual::of(comma(value, decimals), plain(value, decimals))
}

/// `value` with its sign in both languages; a minus is a hyphen.
pub(crate) fn signed(value: f64, decimals: usize) -> Bilingual {
    let sign = if value >= 0.0 { "+" } else { "" };
    Bilingual::of(format!("{sign}{}", comma(value, decimals)), format!("{sign}{}", plain(value, decimals)))
}

/// `3 januari` and `3 January`.
pub(crate) fn day_month(date: Date) -> Bilingual {
    const MONTHS: [(&str, &str); 12] = [
        ("januari", "January"),
        ("februari", "February"),
        ("mars", "March"),
        ("april", "April"),
        ("maj", "May"),
        ("juni", "June"),
        ("juli", "July"),
        ("augusti", "August"),
        ("september", "September"),
        ("oktober", "October"),
        ("november", "November"),
        ("december", "December"),
    ];
    let month = usize::try_from(date.month()).ok().and_then(|month| MONTHS.get(month.checked_sub(1)?));
    let (sv, en) = month.copied().unwrap_or_default();
    Bilingual::of(format!("{} {sv}", date.day()), format!("{} {en}", date.day()))
}

/// `tisdag` and `Tuesday`.
pub(crate) const fn weekday(day: Weekday) -> (&'static str, &'static str) {
    match day {
        Weekday::Monday => ("måndag", "Monday"),
        Weekday::Tuesday => ("tisdag", "Tuesday"),
        Weekday::Wednesday => ("onsdag", "Wednesday"),
        Weekday::Thursday => ("torsdag", "Thursday"),
        Weekday::Friday => ("fredag", "Friday"),
        Weekday::Saturday => ("lördag", "Saturday"),
        Weekday::Sunday => ("söndag", "Sunday"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Swedish numbers by Svenska skrivregler: decimal comma.
    #[test]
    fn numbers_read_as_written_in_each_language() {
        assert_eq!(signed(2.44, 1), Bilingual::of("+2,4", "+2.4"));
        assert_eq!(signed(-0.3, 1), Bilingual::of("-0,3", "-0.3"));
        assert_eq!(number(-0.04, 1), Bilingual::of("0,0", "0.0"));
    }
}
