//! Numbers, days and times as people read them: decimal comma, narrow no-break space before a unit, 24-hour clock, "22 april".
//!
//! **Invariant:** a day is a day in Stockholm; the machine's own zone never shows.

use jiff::civil::{Date, Weekday};
use vitals::Timestamp;

use super::text::Text;
use crate::clock::zone;
use crate::language::Language;

/// Between a number and its unit (U+202F).
pub(crate) const THIN: char = '\u{202f}';

const MONTHS_SV: [&str; 12] = [
    "januari",
    "februari",
    "mars",
    "april",
    "maj",
    "juni",
    "juli",
    "augusti",
    "september",
    "oktober",
    "november",
    "december",
];
const MONTHS_EN: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// `value` with `decimals` decimals, in the language's manner, with a true minus sign.
pub(crate) fn decimal(value: f64, decimals: usize, language: Language) -> String {
    let text = format!("{value:.decimals$}").replace('-', "\u{2212}");
    match language {
        Language::Sv => text.replace('.', ","),
        Language::En => text,
    }
}

/// `value` with as many decimals as it has, two at most.
pub(crate) fn number(value: f64, language: Language) -> String {
    let text = decimal(value, 2, language);
    let comma = language.pick(",", ".");
    match text.split_once(comma) {
        Some((whole, rest)) => match rest.trim_end_matches('0') {
            "" => whole.to_owned(),
            rest => format!("{whole}{comma}{rest}"),
        },
        None => text,
    }
}

/// The calendar day of `at`.
pub(crate) fn day_of(at: Timestamp) -> Date {
    at.to_jiff().to_zoned(zone()).date()
}

/// `07:04`.
pub(crate) fn clock_time(at: Timestamp) -> String {
    let local = at.to_jiff().to_zoned(zone());
    format!("{:02}:{:02}", local.hour(), local.minute())
}

/// `22 april`.
pub(crate) fn day_month(day: Date, language: Language) -> String {
    let months = match language {
        Language::Sv => MONTHS_SV,
        Language::En => MONTHS_EN,
    };
    let month =
        months.get(usize::from(day.month().unsigned_abs()).saturating_sub(1)).copied().unwrap_or_default();
    format!("{} {month}", day.day())
}

/// `onsdag 22 april`, `Wednesday 22 April`.
pub(crate) fn weekday_day(day: Date, language: Language) -> String {
    let weekday = match day.weekday() {
        Weekday::Monday => language.pick("måndag", "Monday"),
        Weekday::Tuesday => language.pick("tisdag", "Tuesday"),
        Weekday::Wednesday => language.pick("onsdag", "Wednesday"),
        Weekday::Thursday => language.pick("torsdag", "Thursday"),
        Weekday::Friday => language.pick("fredag", "Friday"),
        Weekday::Saturday => language.pick("lördag", "Saturday"),
        Weekday::Sunday => language.pick("söndag", "Sunday"),
    };
    format!("{weekday} {}", day_month(day, language))
}

/// A day in words where that is shorter: `i dag`, `i går`, `i morgon`, `22 april`, `22 april 2025`.
pub(crate) fn day_word(day: Date, today: Date, text: Text) -> String {
    if day == today {
        return text.t("day-today");
    }
    if today.yesterday().is_ok_and(|yesterday| yesterday == day) {
        return text.t("day-yesterday");
    }
    if today.tomorrow().is_ok_and(|tomorrow| tomorrow == day) {
        return text.t("day-tomorrow");
    }
    let short = day_month(day, text.0);
    if day.year() == today.year() { short } else { format!("{short} {}", day.year()) }
}

/// A point in time in words: `07:04` today, `i går 07:04`, `22 april 07:04`.
pub(crate) fn moment(at: Timestamp, now: Timestamp, text: Text) -> String {
    let (day, today) = (day_of(at), day_of(now));
    if day == today { clock_time(at) } else { format!("{} {}", day_word(day, today, text), clock_time(at)) }
}

/// `text` with its first letter in upper case.
pub(crate) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn numbers_and_days_read_as_in_the_language() {
        assert_eq!(decimal(80.6, 1, Language::Sv), "80,6");
        assert_eq!(decimal(-0.4, 1, Language::En), "\u{2212}0.4");
        // 22 April 2026 is a Wednesday (calendar); Stockholm is two hours ahead of UTC then.
        let day = day_of(at("2026-04-22T22:30:00Z"));
        assert_eq!(weekday_day(day, Language::Sv), "torsdag 23 april");
        assert_eq!(weekday_day(day_of(at("2026-04-22T05:04:00Z")), Language::En), "Wednesday 22 April");
        assert_eq!(clock_time(at("2026-04-22T05:04:00Z")), "07:04");
        assert_eq!((number(150.0, Language::Sv), number(9.5, Language::Sv)), ("150".into(), "9,5".into()));
        assert_eq!((number(0.65, Language::En), number(100.0, Language::En)), ("0.65".into(), "100".into()));
        assert_eq!(capital("onsdag"), "Onsdag");
        assert_eq!(capital(""), "");
    }

    #[test]
    fn near_days_are_words() {
        let now = at("2026-04-22T08:18:00Z");
        let sv = Text(Language::Sv);
        let rows = [
            ("2026-04-22T05:04:00Z", "07:04"),
            ("2026-04-21T05:04:00Z", "i går 07:04"),
            ("2026-04-16T05:04:00Z", "16 april 07:04"),
            ("2025-12-24T06:00:00Z", "24 december 2025 07:00"),
        ];
        for (time, expected) in rows {
            assert_eq!(moment(at(time), now, sv), expected);
        }
    }
}
