//! A patient's history in the order in which it became known: readings, and what staff said that the rules must know of.
//!
//! **Invariant:** what is written here, a replay reads; and read there, it gives the chart that was judged live.

use crate::store::sql::Connection;
use std::io::Write;
use std::iter::Peekable;

use serde_json::{Value, json};
use vitals::{PatientId, Timestamp};

use super::{ExportError, Filter, PAGE, line, reading_line};
use crate::dialogues;
use crate::plans::{self, PlanEvent, Said};
use crate::readings;
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
    let mut plan = in_order(events.into_iter().filter(since));
    let mut after = 0;
    loop {
        let page = readings::journal(reader, after, PAGE, filter.patient.as_ref(), filter.since).await?;
        let Some(last) = page.last() else { break };
        after = last.arrival;
        for row in &page {
            while let Some((_, event)) = plan.next_if(|(arrived, _)| *arrived < row.arrival) {
                line(out, &event)?;
            }
            let mut printed = reading_line(row);
            if row.reading.symptoms().is_some() {
                printed.dialogue = dialogues::behind(reader, &row.reading.id).await?;
            }
            line(out, &printed)?;
        }
    }
    plan.try_for_each(|(_, event)| line(out, &event))
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
    let mut plan = in_order(plans::history(connection, patient).await?.into_iter());
    let mut lines = Vec::new();
    let mut after = 0;
    loop {
        let page = readings::journal(connection, after, PAGE, Some(patient), Some(since)).await?;
        let Some(last) = page.last() else { break };
        after = last.arrival;
        for row in &page {
            while let Some((_, event)) = plan.next_if(|(arrived, _)| *arrived < row.arrival) {
                lines.push(event.to_string());
            }
            let text = serde_json::to_string(&reading_line(row));
            lines.push(text.map_err(|error| StoreError::unreadable("a reading", error))?);
        }
    }
    lines.extend(plan.map(|(_, event)| event.to_string()));
    Ok(lines)
}

/// What the rules must know of among `events`, each with the last reading that had arrived before it.
fn in_order(events: impl Iterator<Item = PlanEvent>) -> Peekable<std::vec::IntoIter<(i64, Value)>> {
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
        Said::Admission { .. } => ("admission", "values", json!({})),
        Said::Discharge { .. } => ("discharge", "values", json!({})),
        Said::PauseEnd { .. }
        | Said::TargetWeight(_)
        | Said::Schedule(_)
        | Said::Diuretic(_)
        | Said::Text(_) => return None,
    };
    Some(json!({
        "patient": event.patient, "at": event.at, "kind": kind, key: value, "id": format!("plan:{}", event.id),
        "received_at": event.recorded_at, "by": event.by, "reason": event.reason,
    }))
}
