//! One line of history, as `vagen replay` reads it.
//!
//! **Invariant:** every text gives an event or an error; a key this version does not know is passed over.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use vitals::{
    AbsentReason, ClockClass, Content, Flag, Kind, Outcome, PatientId, Quantity, Reading, ReadingId,
    Timestamp, Values,
};

use crate::chart::ChartEvent;
use crate::policy::Overrides;

#[derive(Deserialize)]
struct Line<'a> {
    patient: PatientId,
    at: Timestamp,
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow, default, alias = "overrides")]
    values: Option<&'a RawValue>,
    #[serde(default)]
    id: Option<ReadingId>,
    #[serde(default)]
    outcome: Option<Outcome>,
    #[serde(default)]
    received_at: Option<Timestamp>,
    #[serde(default)]
    until: Option<Timestamp>,
    #[serde(default)]
    absent: Option<BTreeMap<Quantity, AbsentReason>>,
    #[serde(default)]
    flags: Option<BTreeSet<Flag>>,
    #[serde(default)]
    clock: Option<ClockClass>,
}

/// What a line tells: whose it is, the event, and when that became known.
pub(super) struct Told {
    pub(super) patient: PatientId,
    pub(super) event: ChartEvent,
    pub(super) known_at: Timestamp,
}

/// What a line tells. A reading without an `id` is called `line:N`; what does not say when it arrived was known when it happened.
pub(super) fn parse(text: &str, number: u64) -> Result<Told, String> {
    let line: Line<'_> = serde_json::from_str(text).map_err(without_line)?;
    let at = line.at;
    let event = match line.kind.as_ref() {
        "admission" => ChartEvent::Admission { at },
        "discharge" => ChartEvent::Discharge { at },
        "end" => ChartEvent::End { at },
        "pause" => pause(&line)?,
        "override" => ChartEvent::Override { at, overrides: values::<Overrides>(&line)? },
        _ => ChartEvent::Reading(reading(&line, number)?),
    };
    Ok(Told { known_at: line.received_at.unwrap_or(at), patient: line.patient, event })
}

fn pause(line: &Line<'_>) -> Result<ChartEvent, String> {
    let until = line.until.ok_or("a pause needs until")?;
    if until < line.at {
        return Err("until lies before at".to_owned());
    }
    Ok(ChartEvent::Pause { at: line.at, until })
}

fn reading(line: &Line<'_>, number: u64) -> Result<Reading, String> {
    let content = if line.kind == "symptoms" {
        Content::Symptoms(values(line)?)
    } else {
        let kind = Kind::from_key(&line.kind)
            .ok_or_else(|| format!("kind {:?} is unknown", line.kind.chars().take(40).collect::<String>()))?;
        let outcome = line.outcome.unwrap_or(Outcome::Measured);
        let values = match (outcome, line.values) {
            (Outcome::Failed | Outcome::Unstable | Outcome::Stub, None) => Values::new(),
            (_, _) => values(line)?,
        };
        Content::Vitals {
            kind,
            outcome,
            values,
            absent: line.absent.clone().unwrap_or_default(),
            flags: line.flags.clone().unwrap_or_default(),
            clock: line.clock.unwrap_or(ClockClass::Synced),
        }
    };
    let id = match &line.id {
        Some(id) => id.clone(),
        None => format!("line:{number}").parse().map_err(|error| format!("{error}"))?,
    };
    let received_at = line.received_at.unwrap_or(line.at);
    Ok(Reading { id, patient: line.patient.clone(), at: line.at, received_at, content })
}

fn values<T: DeserializeOwned>(line: &Line<'_>) -> Result<T, String> {
    let raw = line.values.ok_or_else(|| format!("{} needs values", line.kind))?;
    serde_json::from_str(raw.get()).map_err(|error| format!("values: {}", without_line(error)))
}

/// The parser counts lines within its own text, which is one line of ours.
#[allow(clippy::needless_pass_by_value)]
fn without_line(error: serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" at line ") {
        Some((what, place)) => match place.split_once(" column ") {
            Some((_, column)) => format!("{what} at column {column}"),
            None => what.to_owned(),
        },
        None => text,
    }
}
