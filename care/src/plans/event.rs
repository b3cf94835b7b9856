//! The rows of plans, read: as a patient's history, and as the events of a chart.
//!
//! **Invariant:** what the rules get is what an export writes: the same events in the same order, a pause that was ended early
//! with its true end.

use crate::store::sql::{self, Connection, List, Row};
use std::collections::{BTreeMap, HashMap};

use alerts::ChartEvent;
use vitals::{PatientId, Timestamp};

use super::{Said, Schedule};
use crate::people;
use crate::store::StoreError;

/// One row.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanEvent {
    /// Counts up over all patients.
    pub id: i64,
    /// Whose.
    pub patient: PatientId,
    /// What was said.
    pub said: Said,
    /// From when it holds.
    pub at: Timestamp,
    /// When it was said.
    pub recorded_at: Timestamp,
    /// The last reading that had arrived then.
    pub after_arrival: i64,
    /// Who said it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// For a pause: when it was ended before its time, if it was.
    pub ended_at: Option<Timestamp>,
}

impl PlanEvent {
    /// What the rules must know of it, if anything.
    #[must_use]
    pub fn chart_event(&self) -> Option<ChartEvent> {
        match &self.said {
            Said::Limits(limits) => Some(ChartEvent::Override { at: self.at, overrides: limits.clone() }),
            Said::Pause { from, until } => {
                Some(ChartEvent::Pause { at: *from, until: self.true_end(*from, *until) })
            }
            Said::Schedule(schedule) => {
                Some(ChartEvent::Schedule { at: self.at, days: schedule.measuring_days() })
            }
            Said::Admission { at } => Some(ChartEvent::Admission { at: *at }),
            Said::Discharge { at } => Some(ChartEvent::Discharge { at: *at }),
            Said::PauseEnd { .. } | Said::TargetWeight(_) | Said::Diuretic(_) | Said::Text(_) => None,
        }
    }
}

impl PlanEvent {
    /// When a pause that was said to last from `from` until `until` really ended.
    #[must_use]
    pub fn true_end(&self, from: Timestamp, until: Timestamp) -> Timestamp {
        self.ended_at.map_or(until, |ended| ended.clamp(from, until.max(from)))
    }
}

/// The number of the latest row of each of `patients` that has any. While it is the same, so is what they come to.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn latest(
    connection: &mut Connection,
    patients: &[&PatientId],
) -> Result<HashMap<PatientId, i64>, StoreError> {
    let each = sql::each(connection.dialect(), 1);
    let sql = format!(
        "SELECT patient, MAX(id) FROM plan_event WHERE patient IN (SELECT value FROM {each}) GROUP BY patient"
    );
    let rows: Vec<(String, i64)> = sql::query_as(sqlx::AssertSqlSafe(sql))
        .bind_list(List::of_texts(patients.iter().map(|id| id.as_str())))
        .fetch_all(connection)
        .await?;
    rows.into_iter().map(|(patient, id)| Ok((people::patient_id(&patient)?, id))).collect()
}

/// The patient's history, oldest first.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn history(connection: &mut Connection, patient: &PatientId) -> Result<Vec<PlanEvent>, StoreError> {
    rows(connection, Some(patient)).await
}

/// Every patient's history, oldest first.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn all(connection: &mut Connection) -> Result<Vec<PlanEvent>, StoreError> {
    rows(connection, None).await
}

/// What the rules must know of the patient's history, in order of arrival.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn chart_events(
    connection: &mut Connection,
    patient: &PatientId,
) -> Result<Vec<ChartEvent>, StoreError> {
    Ok(history(connection, patient).await?.iter().filter_map(PlanEvent::chart_event).collect())
}

/// The schedule that was said last of each patient of `unit` that has any.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn schedules(
    connection: &mut Connection,
    unit: &str,
) -> Result<HashMap<PatientId, Schedule>, StoreError> {
    let rows: Vec<(String, String)> = sql::query_as(
        "SELECT patient, vals FROM plan_event WHERE id IN (SELECT MAX(plan_event.id) FROM plan_event
           JOIN patient_unit ON patient_unit.patient = plan_event.patient AND patient_unit.unit = $1 AND patient_unit.until_at IS NULL
         WHERE plan_event.kind = 'schedule' GROUP BY plan_event.patient)",
    )
    .bind(unit)
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(|(patient, vals)| Ok((people::patient_id(&patient)?, json(&vals)?))).collect()
}

async fn rows(
    connection: &mut Connection,
    patient: Option<&PatientId>,
) -> Result<Vec<PlanEvent>, StoreError> {
    let rows = sql::query(
        "SELECT id, patient, kind, at, until_at, vals, recorded_at, after_arrival, name, reason FROM plan_event
         WHERE $1 IS NULL OR patient = $1 ORDER BY id",
    )
    .bind(patient.map(PatientId::as_str))
    .fetch_all(connection)
    .await?;
    let mut events = rows.iter().map(event_of).collect::<Result<Vec<_>, _>>()?;
    let mut ended: BTreeMap<i64, Timestamp> = BTreeMap::new();
    for event in &events {
        if let Said::PauseEnd { pause } = event.said {
            ended.entry(pause).or_insert(event.at);
        }
    }
    for event in &mut events {
        event.ended_at = ended.get(&event.id).copied();
    }
    Ok(events)
}

fn event_of(row: &Row) -> Result<PlanEvent, StoreError> {
    let patient: String = row.try_get("patient")?;
    Ok(PlanEvent {
        id: row.try_get("id")?,
        patient: people::patient_id(&patient)?,
        said: said_of(row)?,
        at: people::time(row.try_get("at")?)?,
        recorded_at: people::time(row.try_get("recorded_at")?)?,
        after_arrival: row.try_get("after_arrival")?,
        by: row.try_get("name")?,
        reason: row.try_get("reason")?,
        ended_at: None,
    })
}

fn said_of(row: &Row) -> Result<Said, StoreError> {
    let (kind, vals): (String, String) = (row.try_get("kind")?, row.try_get("vals")?);
    let at = people::time(row.try_get("at")?)?;
    Ok(match kind.as_str() {
        "limits" => Said::Limits(json(&vals)?),
        "pause" => {
            let until = people::optional_time(row.try_get("until_at")?)?;
            Said::Pause { from: at, until: until.unwrap_or(at) }
        }
        "pause_end" => Said::PauseEnd { pause: json(&vals)? },
        "admission" => Said::Admission { at },
        "discharge" => Said::Discharge { at },
        "target_weight" => Said::TargetWeight(json(&vals)?),
        "schedule" => Said::Schedule(json(&vals)?),
        "diuretic" => Said::Diuretic(json(&vals)?),
        "text" => Said::Text(json(&vals)?),
        other => return Err(StoreError::unreadable("a kind of plan", other)),
    })
}

fn json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::unreadable("a plan", error))
}
