//! Questions to a QuestDB server over its HTTP port: making the table, how durable it writes, and what it holds.
//!
//! Answers are JSON and bounded in size. Blocking: to be called from a thread that may wait.
//!
//! **Invariant:** nothing but constants of this module and checked ids becomes part of a query.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use ureq::Agent;
use vitals::{PatientId, Timestamp};

use super::{Address, CANARY_TABLE, Row, TABLE};

const TIMEOUT: Duration = Duration::from_secs(20);
/// One patient's rows of many years, or the names of all patients.
const ANSWER_BYTES_MAX: u64 = 256 << 20;

/// What a commit means to the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommitMode {
    /// On disk when the sender is told so.
    Sync,
    /// In memory of the operating system: a power cut loses what the cursor has passed. Rebuild after one.
    Other(String),
}

/// Why the server gave no answer that can be used.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// It could not be reached, or answered with an error.
    #[error("QuestDB at {address}: {what}")]
    Server {
        /// Which server.
        address: String,
        /// What it or the network said.
        what: String,
    },
    /// Its answer has another shape than agreed.
    #[error("QuestDB at {address} answered what cannot be read: {what}")]
    Answer {
        /// Which server.
        address: String,
        /// What was wrong.
        what: String,
    },
}

/// A server to ask.
#[derive(Clone, Debug)]
pub struct Server {
    address: Address,
    agent: Agent,
    answer_bytes_max: u64,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    dataset: Vec<Vec<Value>>,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
}

impl Server {
    /// The server at `address`. Nothing is asked yet.
    #[must_use]
    pub fn new(address: Address) -> Self {
        Self::within(address, TIMEOUT, ANSWER_BYTES_MAX)
    }

    /// As [`Server::new`]; an answer that takes longer than `timeout` or is larger than `answer_bytes_max` is an error.
    pub(super) fn within(address: Address, timeout: Duration, answer_bytes_max: u64) -> Self {
        let config =
            Agent::config_builder().timeout_global(Some(timeout)).http_status_as_error(false).build();
        Self { address, agent: config.into(), answer_bytes_max }
    }

    /// Makes the tables unless they are there.
    ///
    /// # Errors
    /// [`QueryError`]; trying again does no harm.
    pub fn make_table(&self) -> Result<(), QueryError> {
        self.ask(&format!(
            "CREATE TABLE IF NOT EXISTS {TABLE} (
                ts TIMESTAMP, patient SYMBOL CAPACITY 8192 INDEX, kind SYMBOL, quantity SYMBOL, outcome SYMBOL, clock SYMBOL,
                arrival LONG, value DOUBLE, received_at TIMESTAMP, reading VARCHAR
             ) TIMESTAMP(ts) PARTITION BY MONTH WAL DEDUP UPSERT KEYS(ts, arrival, quantity)"
        ))?;
        self.ask(&format!(
            "CREATE TABLE IF NOT EXISTS {CANARY_TABLE} (ts TIMESTAMP, sealed_at TIMESTAMP)
             TIMESTAMP(ts) PARTITION BY YEAR WAL DEDUP UPSERT KEYS(ts)"
        ))
        .map(drop)
    }

    /// Removes the table with everything in it.
    ///
    /// # Errors
    /// [`QueryError`].
    pub fn drop_table(&self) -> Result<(), QueryError> {
        self.ask(&format!("DROP TABLE IF EXISTS {TABLE}")).map(drop)
    }

    /// How the server commits.
    ///
    /// # Errors
    /// [`QueryError`].
    pub fn commit_mode(&self) -> Result<CommitMode, QueryError> {
        let rows =
            self.ask("SELECT value FROM (SHOW PARAMETERS) WHERE property_path = 'cairo.commit.mode'")?;
        let mode = rows.first().and_then(|row| row.first()).and_then(Value::as_str).unwrap_or("unknown");
        Ok(if mode.eq_ignore_ascii_case("sync") {
            CommitMode::Sync
        } else {
            CommitMode::Other(mode.to_owned())
        })
    }

    /// Whether everything that was written can be read. Rows are durable before they are applied to the table.
    ///
    /// # Errors
    /// [`QueryError`].
    pub fn is_applied(&self) -> Result<bool, QueryError> {
        let rows = self.ask(&format!(
            "SELECT writerTxn, sequencerTxn, suspended FROM wal_tables() WHERE name = '{TABLE}'"
        ))?;
        let Some(row) = rows.first() else { return Ok(true) };
        if row.get(2).and_then(Value::as_bool) == Some(true) {
            return Err(self.unreadable("the table is suspended: what was written cannot be applied to it"));
        }
        Ok(self.number(row, 0)? == self.number(row, 1)?)
    }

    /// How many rows can be read. A row is durable before it can be read, so this lags a moment.
    ///
    /// # Errors
    /// [`QueryError`].
    pub fn count(&self) -> Result<u64, QueryError> {
        let rows = self.ask(&format!("SELECT count() FROM {TABLE}"))?;
        let count = rows.first().and_then(|row| row.first()).and_then(Value::as_u64);
        count.ok_or_else(|| self.unreadable("no count"))
    }

    /// Everybody there is a row of.
    ///
    /// # Errors
    /// [`QueryError`].
    pub fn patients(&self) -> Result<Vec<String>, QueryError> {
        let rows = self.ask(&format!("SELECT DISTINCT patient FROM {TABLE} ORDER BY patient"))?;
        rows.iter().map(|row| self.text(row, 0)).collect()
    }

    /// The rows of `patient`, in order of arrival and quantity.
    ///
    /// # Errors
    /// [`QueryError`].
    pub fn rows(&self, patient: &PatientId) -> Result<Vec<Row>, QueryError> {
        self.select(&format!("patient = '{}'", quoted(patient.as_str())))
    }

    /// The rows of `patient` measured within `[from, to)`, in order of arrival and quantity.
    ///
    /// # Errors
    /// [`QueryError`].
    pub fn rows_between(
        &self,
        patient: &PatientId,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Row>, QueryError> {
        let micros = |time: Timestamp| time.as_millis() * 1000;
        self.select(&format!(
            "patient = '{}' AND ts >= {} AND ts < {}",
            quoted(patient.as_str()),
            micros(from),
            micros(to)
        ))
    }

    fn select(&self, condition: &str) -> Result<Vec<Row>, QueryError> {
        // Times leave as numbers, so that no format stands between.
        let rows = self.ask(&format!(
            "SELECT cast(ts AS LONG), arrival, patient, kind, quantity, value, outcome, clock, cast(received_at AS LONG), reading
             FROM {TABLE} WHERE {condition} ORDER BY arrival, quantity"
        ))?;
        rows.iter().map(|row| self.row(row)).collect()
    }

    fn row(&self, row: &[Value]) -> Result<Row, QueryError> {
        Ok(Row {
            at: self.time(row, 0)?,
            arrival: self.number(row, 1)?,
            patient: self.text(row, 2)?.into(),
            kind: self.text(row, 3)?.into(),
            quantity: self.text(row, 4)?.into(),
            value: row.get(5).and_then(Value::as_f64),
            outcome: self.text(row, 6)?.into(),
            clock: self.text(row, 7)?.into(),
            received_at: self.time(row, 8)?,
            reading: self.text(row, 9)?.into(),
        })
    }

    pub(super) fn number(&self, row: &[Value], at: usize) -> Result<i64, QueryError> {
        row.get(at).and_then(Value::as_i64).ok_or_else(|| self.unreadable(format_args!("column {at}")))
    }

    pub(super) fn time(&self, row: &[Value], at: usize) -> Result<Timestamp, QueryError> {
        Timestamp::from_millis(self.number(row, at)?.div_euclid(1000))
            .map_err(|error| self.unreadable(format_args!("column {at}: {error}")))
    }

    pub(super) fn text(&self, row: &[Value], at: usize) -> Result<String, QueryError> {
        let text = row.get(at).and_then(Value::as_str).unwrap_or_default();
        Ok(text.to_owned())
    }

    pub(super) fn ask(&self, query: &str) -> Result<Vec<Vec<Value>>, QueryError> {
        let failed = |what: String| QueryError::Server { address: self.address.to_string(), what };
        let mut request = self.agent.get(format!("{}/exec", self.address)).query("query", query);
        if let Some(login) = self.address.login() {
            request = request.header("Authorization", login.basic());
        }
        let mut response = request.call().map_err(|error| failed(error.to_string()))?;
        let status = response.status();
        let body = response
            .body_mut()
            .with_config()
            .limit(self.answer_bytes_max)
            .read_to_vec()
            .map_err(|error| failed(error.to_string()))?;
        if !status.is_success() {
            let said =
                serde_json::from_slice::<Refusal>(&body).map_or_else(|_| String::new(), |said| said.error);
            return Err(failed(format!("{status} {said}")));
        }
        let answer: Answer = serde_json::from_slice(&body).map_err(|error| self.unreadable(error))?;
        Ok(answer.dataset)
    }

    pub(super) fn unreadable(&self, what: impl std::fmt::Display) -> QueryError {
        QueryError::Answer { address: self.address.to_string(), what: what.to_string() }
    }
}

/// A text within quotes of a query. An id of a patient may hold a quote; two of them are one, and nothing else ends a text there.
pub(super) fn quoted(text: &str) -> String {
    text.replace('\'', "''")
}
