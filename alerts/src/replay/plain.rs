//! The plain shape of a line, read at once: one object of the keys that most lines have, ASCII strings without escapes,
//! numbers without exponents, times in UTC.
//!
//! It never says that a line is wrong. Where anything is not exactly as expected it gives nothing, and [`super::line`] reads
//! the line in full.
//!
//! **Invariant:** what it reads equals what the full reader would have read.

use std::borrow::Cow;

use vitals::{Kind, Quantity, Symptom, Timestamp};

use super::line::{Line, What};
use crate::state::{Answers, Entry, Name, Sample, Source};

/// The line, if it has the plain shape.
pub(super) fn parse(text: &str, number: u64) -> Option<Line<'_>> {
    let mut read = Reader { text, at: 0 };
    let mut keys = Keys::default();
    read.byte(b'{')?;
    read.spaces();
    loop {
        keys.take(&mut read)?;
        read.spaces();
        match read.next()? {
            b',' => read.spaces(),
            b'}' => break,
            _ => return None,
        }
    }
    read.spaces();
    (read.at == text.len()).then_some(())?;
    keys.line(number)
}

/// The keys of a plain line.
#[derive(Default)]
struct Keys<'a> {
    patient: Option<&'a str>,
    at: Option<Timestamp>,
    received_at: Option<Timestamp>,
    kind: Option<&'a str>,
    id: Option<&'a str>,
    outcome: Option<()>,
    values: Option<Numbers>,
}

/// Numbers by quantity, and by symptom.
#[derive(Clone, Copy)]
struct Numbers {
    followed: [Option<(Quantity, f64)>; 5],
    others: bool,
    answers: Answers,
    /// Whether every symptom has a grade that a form may hold.
    graded: bool,
}

impl<'a> Keys<'a> {
    /// Reads one key and its value; `None` for a key that is not plain, or comes twice.
    fn take(&mut self, read: &mut Reader<'a>) -> Option<()> {
        let key = read.string()?;
        read.colon()?;
        match key {
            "patient" => set(&mut self.patient, read.label()?),
            "at" => set(&mut self.at, read.time()?),
            "received_at" => set(&mut self.received_at, read.time()?),
            "kind" => set(&mut self.kind, read.string()?),
            "id" => set(&mut self.id, read.label()?),
            "values" => set(&mut self.values, read.numbers()?),
            "outcome" => set(&mut self.outcome, (read.string()? == "measured").then_some(())?),
            _ => None,
        }
    }

    fn line(self, number: u64) -> Option<Line<'a>> {
        let (at, patient) = (self.at?, self.patient?);
        let numbers = self.values?;
        let sample = match self.kind? {
            "symptoms" => numbers.graded.then(|| Sample::form(at, numbers.answers))?,
            key => numbers.sample(at, Kind::from_key(key)?),
        };
        let name = self.id.map_or(Name::Line(number), |id| Name::Given(id.into()));
        Some(Line {
            patient: Cow::Borrowed(patient),
            received_at: self.received_at.unwrap_or(at),
            what: What::Entry(Entry { sample, name }),
        })
    }
}

/// Sets what is not set; a key that comes twice is not plain.
fn set<T>(held: &mut Option<T>, value: T) -> Option<()> {
    held.replace(value).is_none().then_some(())
}

impl Numbers {
    fn sample(&self, at: Timestamp, kind: Kind) -> Sample {
        let mut sample = Sample::empty(at, Source::Vitals(kind));
        for (quantity, number) in self.followed.iter().flatten() {
            sample.set(kind, *quantity, *number);
        }
        sample.has_values |= self.others;
        sample
    }

    fn take(&mut self, key: &str, number: f64) -> Option<()> {
        let followed = match key {
            "weight_kg" => Some((0, Quantity::WeightKg)),
            "systolic_mmhg" => Some((1, Quantity::SystolicMmhg)),
            "diastolic_mmhg" => Some((2, Quantity::DiastolicMmhg)),
            "pulse_per_min" => Some((3, Quantity::PulsePerMin)),
            "spo2_percent" => Some((4, Quantity::Spo2Percent)),
            _ => None,
        };
        if let Some((place, quantity)) = followed {
            *self.followed.get_mut(place)? = Some((quantity, number));
        } else if let Some(symptom) = Symptom::from_key(key) {
            match [0.0, 1.0, 2.0, 3.0]
                .iter()
                .zip(0u8..)
                .find(|(grade, _)| (**grade - number).abs() < f64::EPSILON)
            {
                Some((_, grade)) => self.answers.set(symptom, grade),
                None => self.graded = false,
            }
        } else {
            // The list of beats is no number, and an unknown key may hold anything.
            self.others = Quantity::from_key(key).is_some_and(|quantity| quantity != Quantity::RrIntervalS);
            self.others.then_some(())?;
        }
        Some(())
    }
}

/// A place in a text.
struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn bytes(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or(&[])
    }

    fn next(&mut self) -> Option<u8> {
        let byte = *self.text.as_bytes().get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn byte(&mut self, expected: u8) -> Option<()> {
        (self.next()? == expected).then_some(())
    }

    fn spaces(&mut self) {
        while self.bytes().first() == Some(&b' ') {
            self.at += 1;
        }
    }

    fn colon(&mut self) -> Option<()> {
        self.spaces();
        self.byte(b':')?;
        self.spaces();
        Some(())
    }

    /// A string of printable ASCII without escapes.
    fn string(&mut self) -> Option<&'a str> {
        self.byte(b'"')?;
        let start = self.at;
        let len = self
            .bytes()
            .iter()
            .position(|byte| !matches!(byte, b' '..=b'~') || matches!(byte, b'"' | b'\\'))?;
        self.at += len;
        self.byte(b'"')?;
        self.text.get(start..start + len)
    }

    /// A string that can name somebody or something: 1 to 128 characters.
    fn label(&mut self) -> Option<&'a str> {
        self.string().filter(|text| (1..=128).contains(&text.len()))
    }

    /// An object of numbers.
    fn numbers(&mut self) -> Option<Numbers> {
        let mut numbers =
            Numbers { followed: [None; 5], others: false, answers: Answers::default(), graded: true };
        self.byte(b'{')?;
        self.spaces();
        loop {
            let key = self.string()?;
            self.colon()?;
            numbers.take(key, self.number()?)?;
            self.spaces();
            match self.next()? {
                b',' => self.spaces(),
                b'}' => return Some(numbers),
                _ => return None,
            }
        }
    }

    /// A number of at most fifteen digits, which a float holds and divides exactly rounded.
    fn number(&mut self) -> Option<f64> {
        const TENTHS: [f64; 16] =
            [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
        let is_negative = self.bytes().first() == Some(&b'-');
        self.at += usize::from(is_negative);
        let (whole, whole_digits) = self.digits(0)?;
        // JSON has no leading zeros.
        if whole_digits > 1 && self.text.as_bytes().get(self.at - whole_digits) == Some(&b'0') {
            return None;
        }
        let (mut mantissa, mut decimals) = (whole, 0);
        if self.bytes().first() == Some(&b'.') {
            self.at += 1;
            (mantissa, decimals) = self.digits(whole)?;
        }
        if whole_digits + decimals > 15 || matches!(self.bytes().first(), Some(b'e' | b'E')) {
            return None;
        }
        #[allow(clippy::cast_precision_loss)]
        let number = mantissa as f64 / TENTHS.get(decimals)?;
        (number <= vitals::quantity::MAGNITUDE_MAX).then_some(if is_negative { -number } else { number })
    }

    /// Digits after those of `number`, at least one; the number they make and how many they are.
    fn digits(&mut self, mut number: u64) -> Option<(u64, usize)> {
        let start = self.at;
        while let Some(digit) = self.bytes().first().filter(|byte| byte.is_ascii_digit()) {
            number = number.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
            self.at += 1;
        }
        (self.at > start).then_some((number, self.at - start))
    }

    /// `2026-01-01T07:04:00.000Z`, the fraction left out or of three digits.
    fn time(&mut self) -> Option<Timestamp> {
        let text = self.string()?.as_bytes();
        let digits = |from: usize, len: usize| -> Option<i64> {
            text.get(from..from + len)?.iter().try_fold(0i64, |number, byte| {
                byte.is_ascii_digit().then(|| number * 10 + i64::from(byte - b'0'))
            })
        };
        let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
        let is_marked = marks.iter().all(|(place, mark)| text.get(*place) == Some(mark));
        let millis = match text.get(19..) {
            Some(b"Z") => 0,
            Some([b'.', _, _, _, b'Z']) => digits(20, 3)?,
            Some(_) | None => return None,
        };
        let (year, month, day) = (digits(0, 4)?, digits(5, 2)?, digits(8, 2)?);
        let (hour, minute, second) = (digits(11, 2)?, digits(14, 2)?, digits(17, 2)?);
        let exists = is_marked
            && year >= 1
            && (1..=12).contains(&month)
            && (1..=days_of(year, month)).contains(&day)
            && hour < 24
            && minute < 60
            && second < 60;
        let seconds = ((days_from_1970(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
        exists.then(|| Timestamp::from_millis(seconds * 1000 + millis).ok()).flatten()
    }
}

fn days_of(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the Gregorian calendar, counted in years that begin in March (Hinnant, "chrono-compatible
/// low-level date algorithms").
fn days_from_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests;
