//! Long series from the table: a patient's days, and who measured when.
//!
//! Everything in one answer rests on the readings up to one place in the journal, which the answer names: rows become visible in
//! order of arrival, so that whoever asks can count their own against it. A day is a day in Stockholm, by `SAMPLE BY` with that
//! calendar; a bucket that is none is an error.
//!
//! **Invariant:** an answer is whole up to the place it names or it is an error; at most [`ROWS_MAX`] rows, within seconds.

use std::collections::BTreeMap;
use std::time::Duration;

use care::clock;
use care::series::{
    Counted, CountedAnswer, Held, HeldAnswer, LongSeries, Measure, SeriesError, Span, Summary,
};
use serde_json::Value;
use vitals::{PatientId, Timestamp};

use super::server::{QueryError, Server, quoted};
use super::{Address, TABLE};

/// A page waits for it.
const TIMEOUT: Duration = Duration::from_secs(3);
/// Ten years of days with fifteen measures are 55,000.
const ROWS_MAX: usize = 60_000;
const ANSWER_BYTES_MAX: u64 = 16 << 20;
/// As many patients as fit a request by far.
const PATIENTS_AT_ONCE: usize = 200;
const DAYS: &str = "SAMPLE BY 1d ALIGN TO CALENDAR TIME ZONE 'Europe/Stockholm'";

/// A QuestDB server as the place where long series are read.
#[derive(Clone, Debug)]
pub struct LongAnswers(Server);

impl LongAnswers {
    /// The server at `address`. Nothing is asked yet.
    #[must_use]
    pub fn new(address: Address) -> Self {
        Self(Server::within(address, TIMEOUT, ANSWER_BYTES_MAX))
    }

    /// The place in the journal up to which readings can be seen; `None` before there is a table.
    fn through(&self) -> Result<Option<i64>, QueryError> {
        match self.0.ask(&format!("SELECT max(arrival) FROM {TABLE}")) {
            Ok(rows) => {
                Ok(Some(rows.first().and_then(|row| row.first()).and_then(Value::as_i64).unwrap_or(0)))
            }
            Err(QueryError::Server { what, .. }) if what.contains("does not exist") => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn bounded(&self, query: &str) -> Result<Vec<Vec<Value>>, QueryError> {
        let rows = self.0.ask(&format!("{query} LIMIT {}", ROWS_MAX + 1))?;
        if rows.len() > ROWS_MAX { Err(self.0.unreadable("more rows than were asked for")) } else { Ok(rows) }
    }

    fn held(&self, patient: &PatientId, span: Span) -> Result<Held, QueryError> {
        let Some(through) = self.through()? else { return Ok(Held::default()) };
        let whose = format!("patient = '{}' AND {}", quoted(patient.as_str()), within(span, through));
        let counted = self.0.ask(&format!("SELECT count_distinct(arrival) FROM {TABLE} WHERE {whose}"))?;
        let readings = counted.first().map_or(Ok(0), |row| self.0.number(row, 0))?;
        let keys: Vec<String> = Measure::all().map(|one| format!("'{}'", one.key())).collect();
        let rows = self.bounded(&format!(
            "SELECT quantity, cast(first_ts AS LONG), first, cast(last_ts AS LONG), last, low, high, mean, count FROM (
               SELECT ts, quantity, min(ts) first_ts, first(value) first, max(ts) last_ts, last(value) last, min(value) low,
                      max(value) high, avg(value) mean, count() count
               FROM {TABLE} WHERE {whose} AND outcome IN ('measured', 'answered') AND quantity IN ({})
               {DAYS})",
            keys.join(",")
        ))?;
        let days = rows.iter().map(|row| self.summary(row)).collect::<Result<_, _>>()?;
        Ok(Held { through, readings, days })
    }

    fn summary(&self, row: &[Value]) -> Result<(Measure, Summary), QueryError> {
        let value = |at: usize| {
            let number = row.get(at).and_then(Value::as_f64).filter(|number| number.is_finite());
            number.ok_or_else(|| self.0.unreadable(format_args!("no number in column {at}")))
        };
        let key = self.0.text(row, 0)?;
        let measure = Measure::from_key(&key).ok_or_else(|| self.0.unreadable("a quantity not asked for"))?;
        let (first_at, last_at) = (self.0.time(row, 1)?, self.0.time(row, 3)?);
        self.one_day(first_at, last_at)?;
        let count = u32::try_from(self.0.number(row, 8)?).map_err(|_| self.0.unreadable("a count"))?;
        let summary = Summary {
            first_at,
            first: value(2)?,
            last_at,
            last: value(4)?,
            min: value(5)?,
            max: value(6)?,
            mean: value(7)?,
            count,
        };
        Ok((measure, summary))
    }

    fn one_day(&self, first: Timestamp, last: Timestamp) -> Result<(), QueryError> {
        let day = |at: Timestamp| at.to_jiff().to_zoned(clock::zone()).date();
        if day(first) == day(last) { Ok(()) } else { Err(self.0.unreadable("a bucket that is no day")) }
    }

    fn counted(&self, patients: &[PatientId], span: Span) -> Result<Vec<(PatientId, Counted)>, QueryError> {
        let Some(through) = self.through()? else { return Ok(Vec::new()) };
        let mut all: BTreeMap<PatientId, Counted> = patients
            .iter()
            .map(|patient| (patient.clone(), Counted { through, ..Counted::default() }))
            .collect();
        for some in patients.chunks(PATIENTS_AT_ONCE) {
            let names: Vec<String> = some.iter().map(|one| format!("'{}'", quoted(one.as_str()))).collect();
            let whose = format!("patient IN ({}) AND {}", names.join(","), within(span, through));
            let totals = format!("SELECT patient, count_distinct(arrival) FROM {TABLE} WHERE {whose}");
            for row in self.bounded(&totals)? {
                if let Some(held) = all.get_mut(&self.patient(&row)?) {
                    held.readings = self.0.number(&row, 1)?;
                }
            }
            let days = self.bounded(&format!(
                "SELECT patient, cast(first_ts AS LONG), cast(last_ts AS LONG), count FROM (
                   SELECT ts, patient, min(ts) first_ts, max(ts) last_ts, count_distinct(arrival) count
                   FROM {TABLE} WHERE {whose} AND outcome = 'measured' {DAYS})"
            ))?;
            for row in days {
                let (first, last) = (self.0.time(&row, 1)?, self.0.time(&row, 2)?);
                self.one_day(first, last)?;
                if let Some(held) = all.get_mut(&self.patient(&row)?) {
                    held.measured.push((first, self.0.number(&row, 3)?));
                }
            }
        }
        Ok(all.into_iter().collect())
    }

    fn patient(&self, row: &[Value]) -> Result<PatientId, QueryError> {
        self.0.text(row, 0)?.parse().map_err(|error| self.0.unreadable(error))
    }

    /// Asks from a thread that may wait.
    async fn asked<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Self) -> Result<T, QueryError> + Send + 'static,
    ) -> Result<T, SeriesError> {
        let server = self.clone();
        let answer = tokio::task::spawn_blocking(move || question(&server)).await;
        let answer = answer.map_err(|_| SeriesError { what: "interrupted".to_owned() })?;
        answer.map_err(|error| SeriesError { what: error.to_string() })
    }
}

fn within(span: Span, through: i64) -> String {
    let micros = |time: Timestamp| time.as_millis() * 1000;
    format!("ts >= {} AND ts < {} AND arrival <= {through}", micros(span.from), micros(span.to))
}

impl LongSeries for LongAnswers {
    fn days(&self, patient: PatientId, span: Span) -> HeldAnswer<'_> {
        Box::pin(self.asked(move |server| server.held(&patient, span)))
    }

    fn measured(&self, patients: Vec<PatientId>, span: Span) -> CountedAnswer<'_> {
        Box::pin(self.asked(move |server| server.counted(&patients, span)))
    }
}
