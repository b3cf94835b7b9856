//! What the rules were given: a mark of each reading, written in the transaction that judged it.
//!
//! A mark is eight hex digits of what a reading said when it was judged. A row holds those of one run of arrivals and ends with
//! eight digits of its own over them, so that a mark that was changed can be told from a reading that was.
//!
//! **Invariant:** the same reading gives the same mark in every version; the store holds them for years.

use crate::store::sql::{self, Connection};
use vitals::{Content, Reading, Timestamp};

use crate::store::{StoreError, Tx};

/// The counter of the last arrival from before there were marks.
pub const AFTER: &str = "assessed.after";

const MARK_CHARS: usize = 8;

/// FNV-1a, 64 bit (Fowler, Noll, Vo): small, and the same everywhere. It tells changes, not forgeries.
struct Fnv(u64);

impl Fnv {
    const fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn take(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
        // A byte that no text holds, so that no field runs into the next.
        self.0 = (self.0 ^ 0xff).wrapping_mul(0x0100_0000_01b3);
    }

    fn time(&mut self, time: Timestamp) {
        self.take(&time.as_millis().to_be_bytes());
    }

    fn folded(&self) -> u32 {
        u32::try_from((self.0 >> 32) ^ (self.0 & 0xffff_ffff)).unwrap_or(u32::MAX)
    }
}

/// The mark of `reading`.
#[must_use]
pub fn mark(reading: &Reading) -> u32 {
    let mut hash = Fnv::new();
    hash.take(reading.id.as_str().as_bytes());
    hash.take(reading.patient.as_str().as_bytes());
    hash.time(reading.at);
    hash.time(reading.received_at);
    hash.take(reading.kind_key().as_bytes());
    match &reading.content {
        Content::Vitals { kind: _, outcome, values, absent, flags, clock } => {
            hash.take(outcome.key().as_bytes());
            hash.take(clock.key().as_bytes());
            for (quantity, value) in values.iter() {
                hash.take(quantity.key().as_bytes());
                hash.take(&millionths(value).to_be_bytes());
            }
            hash.take(&[]);
            for (quantity, why) in absent {
                hash.take(quantity.key().as_bytes());
                hash.take(why.key().as_bytes());
            }
            hash.take(&[]);
            for flag in flags {
                hash.take(flag.key().as_bytes());
            }
        }
        Content::Symptoms(answers) => {
            for (symptom, severity) in answers.iter() {
                hash.take(symptom.key().as_bytes());
                hash.take(&[severity.grade()]);
            }
        }
    }
    hash.folded()
}

/// Far below the resolution of any device, and above what writing a number as text and reading it again can move.
#[allow(clippy::cast_possible_truncation)]
fn millionths(value: f64) -> i64 {
    (value * 1e6).round() as i64
}

/// Notes that the rules were given the readings of `marks`: the arrival and the mark of each, in order of arrival.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn note(tx: &mut Tx, marks: &[(i64, u32)]) -> Result<(), StoreError> {
    let runs = marks.chunk_by(|(one, _), (next, _)| *next == one + 1);
    for run in runs {
        let Some((first, _)) = run.first() else { continue };
        sql::query("INSERT INTO assessed (first_arrival, marks) VALUES ($1, $2)")
            .bind(*first)
            .bind(written(*first, run.iter().map(|(_, mark)| *mark)))
            .execute(tx)
            .await?;
    }
    Ok(())
}

fn written(first: i64, marks: impl Iterator<Item = u32>) -> String {
    let mut text: String = marks.map(|mark| format!("{mark:08x}")).collect();
    let end = closing(first, &text);
    text.push_str(&format!("{end:08x}"));
    text
}

fn closing(first: i64, marks: &str) -> u32 {
    let mut hash = Fnv::new();
    hash.take(&first.to_be_bytes());
    hash.take(marks.as_bytes());
    hash.folded()
}

/// One mark as the store has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marked {
    /// The reading's place in the journal.
    pub arrival: i64,
    /// Its mark; `None` where that cannot be read.
    pub mark: Option<u32>,
    /// Whether the row it stands in is as it was written.
    pub row_is_whole: bool,
}

/// The marks of at most `limit` rows that begin after arrival `after`, in order of arrival; and where the last row begins.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn marks(
    connection: &mut Connection,
    after: i64,
    limit: i64,
) -> Result<(Vec<Marked>, Option<i64>), StoreError> {
    let rows = sql::query(
        "SELECT first_arrival, marks FROM assessed WHERE first_arrival > $1 ORDER BY first_arrival LIMIT $2",
    )
    .bind(after)
    .bind(limit)
    .fetch_all(connection)
    .await?;
    let (mut marked, mut last) = (Vec::new(), None);
    for row in &rows {
        let first: i64 = row.try_get("first_arrival")?;
        let text: &str = row.try_get("marks")?;
        last = Some(first);
        marked.extend(read(first, text));
    }
    Ok((marked, last))
}

fn read(first: i64, text: &str) -> Vec<Marked> {
    let (marks, end) = text.split_at_checked(text.len().saturating_sub(MARK_CHARS)).unwrap_or((text, ""));
    let row_is_whole = u32::from_str_radix(end, 16).is_ok_and(|end| end == closing(first, marks));
    let digits = marks.as_bytes().chunks(MARK_CHARS);
    digits
        .zip(first..)
        .map(|(digits, arrival)| {
            let mark = std::str::from_utf8(digits).ok().and_then(|it| u32::from_str_radix(it, 16).ok());
            Marked { arrival, mark, row_is_whole }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weighing(text: &str) -> Reading {
        Reading {
            id: "r1".parse().expect("an id"),
            patient: "p1".parse().expect("a patient"),
            at: "2026-01-01T07:04:00Z".parse().expect("a time"),
            received_at: "2026-01-01T07:05:00Z".parse().expect("a time"),
            content: Content::Vitals {
                kind: vitals::Kind::Weight,
                outcome: vitals::Outcome::Measured,
                values: serde_json::from_str(text).expect("values"),
                absent: std::collections::BTreeMap::new(),
                flags: std::collections::BTreeSet::new(),
                clock: vitals::ClockClass::Synced,
            },
        }
    }

    /// FNV-1a of "foobar", from its authors' test vectors (isthe.com/chongo/tech/comp/fnv), before the byte that ends a field.
    #[test]
    fn the_hash_is_the_published_one() {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for byte in b"foobar" {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
        assert_eq!(hash, 0x8594_4171_f739_67e8);
        let mut ours = Fnv::new();
        ours.take(b"foobar");
        assert_eq!(ours.0, (hash ^ 0xff).wrapping_mul(0x0100_0000_01b3));
    }

    #[test]
    fn a_mark_changes_with_what_a_reading_says_and_with_nothing_else() {
        let mark_of = |text: &str| mark(&weighing(text));
        assert_eq!(mark_of(r#"{"weight_kg":80.1}"#), mark_of(r#"{ "weight_kg": 80.10000000000001 }"#));
        assert_ne!(mark_of(r#"{"weight_kg":80.1}"#), mark_of(r#"{"weight_kg":80.15}"#));
        let mut later = weighing(r#"{"weight_kg":80.1}"#);
        later.at = "2026-01-01T07:04:00.001Z".parse().expect("a time");
        assert_ne!(mark(&later), mark_of(r#"{"weight_kg":80.1}"#));
    }

    #[test]
    fn a_row_that_was_changed_is_not_whole() {
        let text = written(7, [1, 0xffff_ffff].into_iter());
        let whole = |arrival, mark| Marked { arrival, mark: Some(mark), row_is_whole: true };
        assert_eq!(read(7, &text), [whole(7, 1), whole(8, 0xffff_ffff)]);
        let changed = text.replacen("00000001", "00000002", 1);
        assert!(read(7, &changed).iter().all(|marked| !marked.row_is_whole));
        assert!(read(8, &text).iter().all(|marked| !marked.row_is_whole), "under another arrival");
        assert_eq!(read(7, "å"), [], "no digits, no marks");
    }
}
