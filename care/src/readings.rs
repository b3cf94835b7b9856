//! The record of readings, read: as a chart's events for the rules, and as rows for tables and exports.
//!
//! Writing is `admission`'s alone.

mod row;
pub(crate) mod weeks;

use crate::store::sql::{self, Connection};
use alerts::ChartEvent;
use vitals::{DeviceTime, PatientId, Reading, Timestamp};

use row::{Said, reading_id, reading_of, row_of};

use crate::admission::readings::Whereabouts;
use crate::people;
use crate::store::StoreError;

/// A reading with everything that is kept about how it came.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// The reading.
    pub reading: Reading,
    /// Its place in the journal.
    pub arrival: i64,
    /// How it came from a device; `None` for answers.
    pub origin: Option<Origin>,
    /// Who answered, for answers: the kind of person and their id.
    pub author: Option<(String, String)>,
    /// The task whose conversation asked, for answers.
    pub task: Option<String>,
}

/// A reading and its place in the journal, without how it came.
#[derive(Clone, Debug, PartialEq)]
pub struct Filed {
    /// The place.
    pub arrival: i64,
    /// The reading.
    pub reading: Reading,
}

/// How a measurement came from a device to the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The device's address.
    pub device: String,
    /// Its model.
    pub model: Option<String>,
    /// What its clock showed.
    pub device_time: Option<DeviceTime>,
    /// What was added to that, s.
    pub clock_offset_s: Option<i64>,
    /// Its number for the person.
    pub user_slot: Option<u8>,
    /// The gateway that heard it.
    pub gateway: String,
    /// The gateway's database.
    pub outbox: String,
    /// The place there.
    pub seq: u64,
    /// When it was sealed, by the gateway's clock.
    pub sealed_at: Timestamp,
    /// The characteristic or vendor format of the frame.
    pub raw_format: String,
    /// The frame, in hex.
    pub raw_hex: String,
}

/// The id of a reading says where it stands, unless it was given one before ids did.
const SELECT: &str = "SELECT arrival, COALESCE(reading.id, name || '-' || seq, 'a' || arrival || '-' || at) AS id, patient, at,
 received_at, kind, outcome, vals, absent, flags, clock, clock_offset_s, device, model, device_time, user_slot, gateway, outbox, seq,
 sealed_at, raw_format, raw_hex, author_kind, author, task
 FROM reading LEFT JOIN stream ON stream.id = reading.stream ";

/// A patient's readings that arrived with or after `since`, in order of arrival, as events of their chart.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn chart_events(
    connection: &mut Connection,
    patient: &PatientId,
    since: Timestamp,
) -> Result<Vec<ChartEvent>, StoreError> {
    let (all, within) = (weeks::all(), weeks::within(connection.dialect()));
    let sql = format!("{all}{SELECT} WHERE {within} AND patient = $1 AND received_at >= $2 ORDER BY arrival");
    sql::query(sqlx::AssertSqlSafe(sql))
        .bind(patient.as_str())
        .bind(since.as_millis())
        .fetch_all(connection)
        .await?
        .iter()
        .map(|row| Ok(ChartEvent::Reading(reading_of(row)?)))
        .collect()
}

/// A patient's readings measured within `[from, to)`, in order of measuring.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn between(
    connection: &mut Connection,
    patient: &PatientId,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<Recorded>, StoreError> {
    let (weeks, within) = (weeks::between(2, 3), weeks::within(connection.dialect()));
    let sql = format!(
        "{weeks}{SELECT} WHERE {within} AND patient = $1 AND at >= $2 AND at < $3 ORDER BY at, arrival"
    );
    sql::query(sqlx::AssertSqlSafe(sql))
        .bind(patient.as_str())
        .bind(from.as_millis())
        .bind(to.as_millis())
        .fetch_all(connection)
        .await?
        .iter()
        .map(row_of)
        .collect()
}

/// One reading.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn one(connection: &mut Connection, id: &str) -> Result<Option<Recorded>, StoreError> {
    let found = match Whereabouts::of(id) {
        Whereabouts::Given(_) => None,
        Whereabouts::Stream(name, seq) => {
            let sql = format!("{SELECT} WHERE stream.name = $1 AND reading.stream = stream.id AND seq = $2");
            sql::query(sqlx::AssertSqlSafe(sql)).bind(name).bind(seq).fetch_optional(&mut *connection).await?
        }
        Whereabouts::Answers(arrival, at) => {
            let sql = format!("{SELECT} WHERE arrival = $1 AND at = $2 AND reading.stream IS NULL");
            sql::query(sqlx::AssertSqlSafe(sql))
                .bind(arrival)
                .bind(at)
                .fetch_optional(&mut *connection)
                .await?
        }
    };
    let sql = format!("{SELECT} WHERE reading.id = $1");
    let row = match found {
        Some(row) => Some(row),
        None => sql::query(sqlx::AssertSqlSafe(sql)).bind(id).fetch_optional(connection).await?,
    };
    row.as_ref().map(row_of).transpose()
}

/// The journal: at most `limit` readings after place `after`, in order of arrival; one patient's, or all; received since.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn journal(
    connection: &mut Connection,
    after: i64,
    limit: i64,
    patient: Option<&PatientId>,
    since: Option<Timestamp>,
) -> Result<Vec<Recorded>, StoreError> {
    let within = weeks::within(connection.dialect());
    let (all, whose) = match patient {
        Some(_) => (weeks::all(), format!("{within} AND patient = $2")),
        None => (String::new(), "$2 IS NULL".to_owned()),
    };
    let sql = format!(
        "{all}{SELECT} WHERE arrival > $1 AND {whose} AND ($3 IS NULL OR received_at >= $3) ORDER BY arrival LIMIT $4"
    );
    sql::query(sqlx::AssertSqlSafe(sql))
        .bind(after)
        .bind(patient.map(PatientId::as_str))
        .bind(since.map(Timestamp::as_millis))
        .bind(limit)
        .fetch_all(connection)
        .await?
        .iter()
        .map(row_of)
        .collect()
}

/// The journal as [`journal`] gives it, of everybody and without how each came: for whoever copies all of it.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn filed(connection: &mut Connection, after: i64, limit: i64) -> Result<Vec<Filed>, StoreError> {
    sql::query(
        "SELECT arrival, COALESCE(reading.id, name || '-' || seq, 'a' || arrival || '-' || at), patient, at, received_at, kind,
            outcome, vals, absent, flags, clock
         FROM reading LEFT JOIN stream ON stream.id = reading.stream WHERE arrival > $1 ORDER BY arrival LIMIT $2",
    )
    .bind(after)
    .bind(limit)
    .fetch_all(connection)
    .await?
    .iter()
    .map(|row| {
        // By place: to look for eleven names in each of thousands of rows takes longer than to read them.
        let content = Said {
            kind: row.try_get(5)?,
            outcome: row.try_get(6)?,
            vals: row.try_get(7)?,
            absent: row.try_get(8)?,
            flags: row.try_get(9)?,
            clock: row.try_get(10)?,
        };
        Ok(Filed {
            arrival: row.try_get(0)?,
            reading: Reading {
                id: reading_id(row.try_get(1)?)?,
                patient: people::patient_id(row.try_get(2)?)?,
                at: people::time(row.try_get(3)?)?,
                received_at: people::time(row.try_get(4)?)?,
                content: content.content()?,
            },
        })
    })
    .collect()
}

/// How many readings of `patient` measured within `[from, to)` have come up to place `through` of the journal, of every kind and
/// outcome.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn count(
    connection: &mut Connection,
    patient: &PatientId,
    from: Timestamp,
    to: Timestamp,
    through: i64,
) -> Result<i64, StoreError> {
    let (weeks, within) = (weeks::between(2, 3), weeks::within(connection.dialect()));
    let sql = format!(
        "{weeks}SELECT count(*) FROM reading WHERE {within} AND patient = $1 AND at >= $2 AND at < $3 AND arrival <= $4"
    );
    let count = sql::query_scalar::<i64>(sqlx::AssertSqlSafe(sql))
        .bind(patient.as_str())
        .bind(from.as_millis())
        .bind(to.as_millis())
        .bind(through)
        .fetch_one(connection)
        .await?;
    Ok(count)
}

/// As [`between`], those alone that came after place `after` of the journal.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn arrived_after(
    connection: &mut Connection,
    patient: &PatientId,
    from: Timestamp,
    to: Timestamp,
    after: i64,
) -> Result<Vec<Recorded>, StoreError> {
    let (weeks, within) = (weeks::between(2, 3), weeks::within(connection.dialect()));
    let sql = format!(
        "{weeks}{SELECT} WHERE {within} AND patient = $1 AND at >= $2 AND at < $3 AND arrival > $4 ORDER BY at, arrival"
    );
    sql::query(sqlx::AssertSqlSafe(sql))
        .bind(patient.as_str())
        .bind(from.as_millis())
        .bind(to.as_millis())
        .bind(after)
        .fetch_all(connection)
        .await?
        .iter()
        .map(row_of)
        .collect()
}

/// When `patient` measured something within `[from, to)` that came after place `after` of the journal, oldest first. Answers are no
/// measurements, nor are attempts that failed.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn measured_at(
    connection: &mut Connection,
    patient: &PatientId,
    from: Timestamp,
    to: Timestamp,
    after: i64,
) -> Result<Vec<Timestamp>, StoreError> {
    let (weeks, within) = (weeks::between(2, 3), weeks::within(connection.dialect()));
    let sql = format!(
        "{weeks}SELECT at FROM reading WHERE {within} AND patient = $1 AND at >= $2 AND at < $3 AND arrival > $4
            AND kind <> 'symptoms' AND outcome = 'measured' ORDER BY at"
    );
    sql::query_scalar::<i64>(sqlx::AssertSqlSafe(sql))
        .bind(patient.as_str())
        .bind(from.as_millis())
        .bind(to.as_millis())
        .bind(after)
        .fetch_all(connection)
        .await?
        .into_iter()
        .map(people::time)
        .collect()
}

/// When the first of `patient`'s readings was measured; `None` while there is none.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn first_at(
    connection: &mut Connection,
    patient: &PatientId,
) -> Result<Option<Timestamp>, StoreError> {
    let sql = format!("SELECT {}", weeks::first_at("$1"));
    let first = sql::query_scalar::<Option<i64>>(sqlx::AssertSqlSafe(sql))
        .bind(patient.as_str())
        .fetch_one(connection)
        .await?;
    people::optional_time(first)
}

/// The place of the last reading in the journal; 0 while there is none.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn last_arrival(connection: &mut Connection) -> Result<i64, StoreError> {
    let last =
        sql::query_scalar::<Option<i64>>("SELECT max(arrival) FROM reading").fetch_one(connection).await?;
    Ok(last.unwrap_or(0))
}

/// When `patient` last answered about symptoms.
///
/// # Errors
/// [`StoreError`] of the database, or a time that cannot be read.
pub async fn last_form_at(
    connection: &mut Connection,
    patient: &PatientId,
) -> Result<Option<Timestamp>, StoreError> {
    let sql = format!("SELECT {}", weeks::last_at("$1", "kind = 'symptoms'"));
    let at: Option<i64> =
        sql::query_scalar(sqlx::AssertSqlSafe(sql)).bind(patient.as_str()).fetch_one(connection).await?;
    people::optional_time(at)
}

/// Everybody there is a reading of.
///
/// # Errors
/// [`StoreError`] of the database, or an id that cannot be read.
pub async fn patients(connection: &mut Connection) -> Result<Vec<PatientId>, StoreError> {
    sql::query_scalar::<String>("SELECT DISTINCT patient FROM reading ORDER BY patient")
        .fetch_all(connection)
        .await?
        .iter()
        .map(|id| people::patient_id(id))
        .collect()
}
