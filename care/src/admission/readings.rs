//! Readings into the record: each with the envelope it came in, or the person who gave the answers.
//!
//! A reading that came from a device decides its number in its outbox's sequence: the row is the decision.

use std::sync::Arc;

use crate::store::sql::{self, Connection, Dialect, Holds, Into, IntoValue, Value};
use vitals::{Content, DeviceId, DeviceTime, Envelope, Reading, ReadingId, Timestamp};

use super::streams::{HASH_DIGITS, Stream};
use crate::conversations::Author;
use crate::store::{StoreError, Tx, numbers};

/// The counter of arrivals: 1 for the first reading committed, without an end.
pub const ARRIVALS: &str = "reading.arrival";
/// How many digits of a measurement's fingerprint tell it from others of one device at one device time.
pub const DEDUP_DIGITS: usize = 16;

/// A measurement that is to be recognised when it comes again: the device's own time, and the fingerprint of what it said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// What the device's clock showed.
    pub device_time: DeviceTime,
    /// The first digits of the fingerprint.
    pub dedup: Arc<str>,
}

/// A range of one: where two sides are equal SQLite puts the one for the other, and no longer sees the index's own expression.
pub(crate) const WAS_MEASURED: &str =
    "SELECT 1 FROM reading WHERE SUBSTR(device_time, 1, 10) = SUBSTR($2, 1, 10) AND device = $1
    AND device_time BETWEEN $2 AND $2 AND dedup = $3";

/// Whether `device` measured what `mark` says, and that is in the record.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn was_measured(tx: &mut Tx, device: &DeviceId, mark: &Mark) -> Result<bool, StoreError> {
    Ok(sql::query_scalar::<i64>(WAS_MEASURED)
        .bind(device.as_str())
        .bind(mark.device_time.to_string())
        .bind(&*mark.dedup)
        .fetch_optional(tx)
        .await?
        .is_some())
}

/// The latest device time at which each of `devices` measured anything in the record, of those that did.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn last_measured(
    connection: &mut Connection,
    devices: &[&DeviceId],
) -> Result<Vec<(DeviceId, Option<DeviceTime>)>, StoreError> {
    let sql = last_measured_sql(connection.dialect());
    let rows: Vec<(String, Option<String>)> = sql::query_as(sqlx::AssertSqlSafe(sql))
        .bind_list(sql::List::of_texts(devices.iter().map(|id| id.as_str())))
        .fetch_all(connection)
        .await?;
    rows.into_iter()
        .map(|(device, time)| {
            let device = device.parse().map_err(|error| StoreError::unreadable("a device id", error))?;
            let time = time.map(|time| time.parse()).transpose();
            Ok((device, time.map_err(|error| StoreError::unreadable("a device's time", error))?))
        })
        .collect()
}

/// The days of all devices' clocks are walked backwards, as far as the first on which each measured.
pub(crate) fn last_measured_sql(dialect: Dialect) -> String {
    let each = sql::each(dialect, 1);
    format!(
        "SELECT each.value AS device, (
            WITH RECURSIVE day (n) AS (SELECT MAX(SUBSTR(device_time, 1, 10)) FROM reading WHERE dedup IS NOT NULL
                UNION ALL SELECT (SELECT MAX(SUBSTR(device_time, 1, 10)) FROM reading
                    WHERE dedup IS NOT NULL AND SUBSTR(device_time, 1, 10) < day.n) FROM day WHERE day.n IS NOT NULL)
            SELECT latest FROM (SELECT (SELECT MAX(device_time) FROM reading WHERE dedup IS NOT NULL
                AND SUBSTR(device_time, 1, 10) = day.n AND device = each.value) AS latest FROM day) AS walked
            WHERE latest IS NOT NULL LIMIT 1) AS device_time FROM {each}"
    )
}

/// The id of the reading that takes the place `seq` of `stream`.
///
/// # Errors
/// [`StoreError::Unreadable`] when that is no id, which would be a fault of ours.
pub fn id_of(stream: &Stream, seq: vitals::Seq) -> Result<ReadingId, StoreError> {
    id_under(&stream.name, seq).parse().map_err(|error| StoreError::unreadable("a reading id", error))
}

/// The same for the outbox of this `name`, as text.
#[must_use]
pub fn id_under(name: &str, seq: vitals::Seq) -> String {
    format!("{name}-{seq}")
}

/// The id of the answers given at `at` that are the `arrival`th reading.
///
/// # Errors
/// [`StoreError::Unreadable`] when that is no id, which would be a fault of ours.
pub fn id_of_answers(arrival: i64, at: Timestamp) -> Result<ReadingId, StoreError> {
    let id = format!("a{arrival}-{}", at.as_millis());
    id.parse().map_err(|error| StoreError::unreadable("a reading id", error))
}

/// Where a reading is to be found by its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Whereabouts<'a> {
    /// Under a number of the outbox of this name.
    Stream(&'a str, i64),
    /// Answers: the place in the journal, and when they were given.
    Answers(i64, i64),
    /// Under an id that was given out before ids said where.
    Given(&'a str),
}

impl<'a> Whereabouts<'a> {
    pub(crate) fn of(id: &'a str) -> Self {
        let parts = id.split_once('-').and_then(|(of, number)| {
            let number = number.parse().ok()?;
            match of.strip_prefix('a').and_then(|arrival| arrival.parse().ok()) {
                Some(arrival) if of.len() < 16 => Some(Self::Answers(arrival, number)),
                Some(_) | None => Some(Self::Stream(of, number)),
            }
        });
        parts.unwrap_or(Self::Given(id))
    }
}

const COLUMNS: [Into; 22] = [
    Into { name: "arrival", holds: Holds::Integer },
    Into { name: "patient", holds: Holds::Text },
    Into { name: "at", holds: Holds::Integer },
    Into { name: "received_at", holds: Holds::Integer },
    Into { name: "kind", holds: Holds::Text },
    Into { name: "outcome", holds: Holds::Text },
    Into { name: "vals", holds: Holds::Text },
    Into { name: "absent", holds: Holds::Text },
    Into { name: "flags", holds: Holds::Text },
    Into { name: "clock", holds: Holds::Text },
    Into { name: "clock_offset_s", holds: Holds::Integer },
    Into { name: "device", holds: Holds::Text },
    Into { name: "model", holds: Holds::Text },
    Into { name: "device_time", holds: Holds::Text },
    Into { name: "user_slot", holds: Holds::Integer },
    Into { name: "stream", holds: Holds::Integer },
    Into { name: "seq", holds: Holds::Integer },
    Into { name: "hash", holds: Holds::Text },
    Into { name: "sealed_at", holds: Holds::Integer },
    Into { name: "raw_format", holds: Holds::Text },
    Into { name: "raw_hex", holds: Holds::Text },
    Into { name: "dedup", holds: Holds::Text },
];

/// So many rows are written together while many come.
pub const ROWS_USUAL: usize = 200;

/// Words that are told apart; what follows them is written out for each row.
const WORDS_MAX: usize = 32;

/// Readings from devices that wait to be written together.
#[derive(Debug, Default)]
pub struct Rows {
    values: Vec<Value<'static>>,
    words: Words,
}

/// What many rows say alike, held once.
#[derive(Debug, Default)]
struct Words(Vec<Arc<str>>);

impl Words {
    fn of(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.0.iter().find(|known| &***known == text) {
            return Arc::clone(known);
        }
        let word = Arc::<str>::from(text);
        if self.0.len() < WORDS_MAX {
            self.0.push(Arc::clone(&word));
        }
        word
    }
}

impl Rows {
    /// Adds the `arrival`th reading, which came in `envelope` of `stream`. `decides` is the fingerprint of the envelope where
    /// the reading decides its number.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`] for values that cannot be written, which would be a fault of ours.
    pub fn add(
        &mut self,
        arrival: i64,
        reading: &Reading,
        envelope: &Envelope,
        stream: i64,
        decides: Option<&str>,
        mark: Option<&Mark>,
    ) -> Result<(), StoreError> {
        let measurement = &envelope.measurement;
        let absent = match measurement.absent.is_empty() {
            true => None,
            false => Some(json(&measurement.absent)?),
        };
        let flags = match measurement.flags.is_empty() {
            true => None,
            false => Some(json(&measurement.flags)?),
        };
        let hash = |hash: &str| Arc::<str>::from(hash.get(..HASH_DIGITS).unwrap_or(hash));
        let Self { values, words } = self;
        if values.is_empty() {
            values.reserve(COLUMNS.len() * ROWS_USUAL);
        }
        values.extend([
            arrival.into_value(),
            reading.patient.shared().into_value(),
            reading.at.as_millis().into_value(),
            reading.received_at.as_millis().into_value(),
            words.of(measurement.kind.key()).into_value(),
            words.of(measurement.outcome.key()).into_value(),
            Arc::<str>::from(json(&measurement.values)?).into_value(),
            absent.into_value(),
            flags.into_value(),
            words.of(measurement.clock.key()).into_value(),
            measurement.clock_offset_s.into_value(),
            envelope.device.id.shared().into_value(),
            envelope.device.model.as_deref().map(|model| words.of(model)).into_value(),
            measurement.device_time.map(|time| Arc::<str>::from(time.to_string())).into_value(),
            measurement.user_slot.map(i64::from).into_value(),
            stream.into_value(),
            i64::try_from(envelope.seq.get()).unwrap_or(i64::MAX).into_value(),
            decides.map(hash).into_value(),
            envelope.sealed_at.as_millis().into_value(),
            words.of(&envelope.raw.characteristic).into_value(),
            Arc::<str>::from(envelope.raw.hex()).into_value(),
            mark.map(|mark| Arc::clone(&mark.dedup)).into_value(),
        ]);
        Ok(())
    }

    /// How many wait.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.values.len() / COLUMNS.len()
    }

    /// Whether none waits.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Writes all of them, and that the last of them is the `last`th of all.
    ///
    /// # Errors
    /// [`StoreError`] of the database, also when a number is decided or a measurement in the record already.
    pub async fn write(&mut self, tx: &mut Tx, last: i64) -> Result<(), StoreError> {
        if self.values.is_empty() {
            return Ok(());
        }
        sql::insert(tx, "reading", &COLUMNS, std::mem::take(&mut self.values), "").await?;
        numbers::set(tx, ARRIVALS, last).await
    }
}

/// Writes answers that `author` gave, in the conversation of `task` if one asked, as the `arrival`th reading.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn answered(
    tx: &mut Tx,
    arrival: i64,
    reading: &Reading,
    author: &Author,
    task: Option<&str>,
) -> Result<(), StoreError> {
    let vals = match &reading.content {
        Content::Symptoms(answers) => json(answers)?,
        Content::Vitals { values, .. } => json(values)?,
    };
    sql::query(
        "INSERT INTO reading (arrival, patient, at, received_at, kind, outcome, vals, author_kind, author, task)
         VALUES ($1, $2, $3, $4, $5, 'measured', $6, $7, $8, $9)",
    )
    .bind(arrival)
    .bind(reading.patient.as_str())
    .bind(reading.at.as_millis())
    .bind(reading.received_at.as_millis())
    .bind(reading.kind_key())
    .bind(vals)
    .bind(author.kind.key())
    .bind(author.id.as_str())
    .bind(task)
    .execute(tx)
    .await?;
    numbers::set(tx, ARRIVALS, arrival).await
}

fn json(value: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::unreadable("a reading", error))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// To add a case, add a row: an id, and where it leads. Ids of before are 24 hex digits, or whatever a store was given.
    #[test]
    fn an_id_says_where_its_reading_is() {
        let rows = [
            ("00aa11bb22cc33dd-7", Whereabouts::Stream("00aa11bb22cc33dd", 7)),
            ("a000000000000000-7", Whereabouts::Stream("a000000000000000", 7)),
            ("a12-1767251100000", Whereabouts::Answers(12, 1_767_251_100_000)),
            ("00aa11bb22cc33dd00aa11bb", Whereabouts::Given("00aa11bb22cc33dd00aa11bb")),
            ("00aa11bb22cc33dd-x", Whereabouts::Given("00aa11bb22cc33dd-x")),
            ("", Whereabouts::Given("")),
        ];
        for (id, expected) in rows {
            assert_eq!(Whereabouts::of(id), expected, "{id}");
        }
    }
}
