//! A patient's history in the order in which it became known: readings, and what staff said that the rules must know of.
//!
//! **Invariant:** what is written here, a replay reads; and read there, it gives the chart that was judged live.

use crate::store::sql::Connection;
use std::io::Write;
use std::iter::Peekable;
use std::vec::IntoIter;

use serde::Serialize;
use serde_json::{Value, json};
use vitals::{PatientId, Timestamp};

use super::{ExportError, Filter, PAGE, line, reading_line};
use crate::dialogues::{self, Spoken};
use crate::plans::{self, PlanEvent, Said};
use crate::readings::{self, Recorded};
use crate::store::{Reader, StoreError};

/// Writes every reading and event that `filter` lets through.
pub(super) async fn export(
    reader: &mut Reader,
    filter: &Filter,
    out: &mut dyn Write,
) -> Result<(), ExportError> {
    let events = match &filter.patient {
        Some(patient) => plans::history(reader, patient).await?,
        None => plans::all(reader).await?,
    };
    let since = |event: &PlanEvent| filter.since.is_none_or(|since| event.recorded_at >= since);
    let spoken = dialogues::without_reading(reader, filter.patient.as_ref(), filter.since).await?;
    let mut between = Between::of(events.into_iter().filter(since), spoken);
    let mut after = 0;
    loop {
        let page = readings::journal(reader, after, PAGE, filter.patient.as_ref(), filter.since).await?;
        let Some(last) = page.last() else { break };
        after = last.arrival;
        for row in &page {
            between.before(row).try_for_each(|event| line(out, &event))?;
            line(out, &printed(reader, row).await?)?;
        }
    }
    between.rest().try_for_each(|event| line(out, &event))
}

/// One patient's history: readings received at or after `since`, and everything that was said about their plan.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub(crate) async fn lines(
    connection: &mut Connection,
    patient: &PatientId,
    since: Timestamp,
) -> Result<Vec<String>, StoreError> {
    let spoken = dialogues::without_reading(connection, Some(patient), Some(since)).await?;
    let events = plans::history(connection, patient).await?;
    let mut between = Between::of(events.into_iter(), spoken);
    let mut lines = Vec::new();
    let mut after = 0;
    loop {
        let page = readings::journal(connection, after, PAGE, Some(patient), Some(since)).await?;
        let Some(last) = page.last() else { break };
        after = last.arrival;
        for row in &page {
            lines.extend(between.before(row).map(|event| event.to_string()));
            let text = serde_json::to_string(&printed(connection, row).await?);
            lines.push(text.map_err(|error| StoreError::unreadable("a reading", error))?);
        }
    }
    lines.extend(between.rest().map(|event| event.to_string()));
    Ok(lines)
}

/// The reading with the dialogue that it came of.
async fn printed(connection: &mut Connection, row: &Recorded) -> Result<impl Serialize, StoreError> {
    let mut line = reading_line(row);
    if row.reading.symptoms().is_some() {
        line.dialogue = dialogues::behind(connection, &row.reading.id).await?;
    }
    Ok(line)
}

/// What became known between readings: what staff said, each with the last reading that had arrived before it, and the
/// dialogues that are no reading.
struct Between {
    plan: Peekable<IntoIter<(i64, Value)>>,
    spoken: Peekable<IntoIter<Spoken>>,
}

impl Between {
    fn of(plan: impl Iterator<Item = PlanEvent>, spoken: Vec<Spoken>) -> Self {
        Self { plan: in_order(plan), spoken: spoken.into_iter().peekable() }
    }

    /// What came before the reading in `row` and was not told yet.
    fn before(&mut self, row: &Recorded) -> impl Iterator<Item = Value> + '_ {
        let (arrival, received_at) = (row.arrival, row.reading.received_at);
        std::iter::from_fn(move || {
            let plan = self.plan.next_if(|(arrived, _)| *arrived < arrival).map(|(_, event)| event);
            let spoken =
                || self.spoken.next_if(|one| one.ended_at < received_at).map(|one| spoken_line(&one));
            plan.or_else(spoken)
        })
    }

    /// What came after the last reading.
    fn rest(self) -> impl Iterator<Item = Value> {
        self.plan.map(|(_, event)| event).chain(self.spoken.map(|one| spoken_line(&one)))
    }
}

/// A dialogue in the form that a replay reads.
fn spoken_line(spoken: &Spoken) -> Value {
    json!({
        "patient": spoken.patient, "at": spoken.ended_at, "kind": "dialogue", "id": format!("dialogue:{}", spoken.id),
        "received_at": spoken.ended_at, "dialogue": spoken.printed,
    })
}

/// What the rules must know of among `events`, each with the last reading that had arrived before it.
fn in_order(events: impl Iterator<Item = PlanEvent>) -> Peekable<IntoIter<(i64, Value)>> {
    let mut events: Vec<PlanEvent> = events.collect();
    events.sort_by_key(|event| (event.after_arrival, event.id));
    let lines: Vec<(i64, Value)> =
        events.iter().filter_map(|event| Some((event.after_arrival, plan_line(event)?))).collect();
    lines.into_iter().peekable()
}

/// An event of a patient's plan in the form that a replay reads; `None` for what no rule asks about.
fn plan_line(event: &PlanEvent) -> Option<Value> {
    let (kind, key, value) = match &event.said {
        Said::Limits(limits) => ("override", "values", json!(limits)),
        Said::Pause { from, until } => ("pause", "until", json!(event.true_end(*from, *until))),
        Said::Schedule(schedule) => ("schedule", "values", json!(schedule)),
        Said::Admission { .. } => ("admission", "values", json!({})),
        Said::Discharge { .. } => ("discharge", "values", json!({})),
        Said::PauseEnd { .. } | Said::TargetWeight(_) | Said::Diuretic(_) | Said::Text(_) => return None,
    };
    Some(json!({
        "patient": event.patient, "at": event.at, "kind": kind, key: value, "id": format!("plan:{}", event.id),
        "received_at": event.recorded_at, "by": event.by, "reason": event.reason,
    }))
}
