//! `/quarantine`: what was put aside, in words, and what a person may do about it: say whose it is, ask the register again, or
//! set it aside for good.
//!
//! Who sees which item, and whom it concerns, is [`crate::quarantine`]'s to say; what follows is the admitting room's.
//!
//! **Invariant:** a name stands beside an item only for a reader who may know of that person.

use crate::store::sql::Connection;
use askama::Template;
use axum::Form;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use vitals::{Content, Envelope, Quantity};

use super::AppState;
use super::failure::Failure;
use super::format::{THIN, decimal, moment};
use super::frame::Frame;
use super::page::{draw, draw_as};
use super::patient::values_in_words;
use super::visit::{StaffVisit, Visit};
use crate::access::{self, Action};
use crate::admission::settled::{self, Act, Item};
use crate::admission::wearers;
use crate::audit::{self, Entry};
use crate::people::{self, PatientFacts};
use crate::quarantine::{self, SettleError, Settling, Verdict};
use crate::store::StoreError;

/// Items that wait on one page.
const WAITING_MAX: i64 = 100;
/// Items that were settled, beneath them.
const SETTLED_MAX: i64 = 30;
/// Characters of what cannot be read as an envelope.
const RAW_CHARS_MAX: usize = 1200;

struct Choice {
    id: String,
    name: String,
}

struct Row {
    id: i64,
    reason: String,
    what: Option<String>,
    looks: Option<String>,
    when: String,
    origin: String,
    detail: String,
    characteristic: String,
    raw: String,
    can_be_admitted: bool,
    concerned: Vec<Choice>,
}

struct SettledRow {
    reason: String,
    when: String,
    became: String,
    why: String,
    reading: Option<String>,
}

#[derive(Template)]
#[template(path = "quarantine/page.html")]
struct Page {
    frame: Frame,
    notice: Option<String>,
    wrong: Option<String>,
    sees_values: bool,
    rows: Vec<Row>,
    others: Vec<Choice>,
    again: usize,
    settled: Vec<SettledRow>,
}

/// What the address says was done.
#[derive(Default, Deserialize)]
pub(crate) struct Asked {
    done: Option<String>,
    admitted: Option<i64>,
    left: Option<i64>,
}

/// What a form says about an item.
#[derive(Deserialize)]
pub(crate) struct Decided {
    #[serde(default)]
    patient: String,
    #[serde(default)]
    reason: String,
}

/// `GET /quarantine`.
pub(crate) async fn show(
    State(state): State<AppState>,
    StaffVisit(visit): StaffVisit,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let text = visit.text;
    let notice = match (asked.admitted, asked.left, asked.done.as_deref()) {
        (Some(admitted), left, _) => {
            let left = left.unwrap_or_default();
            Some(text.with("quarantine-done-many", &[("admitted", admitted.into()), ("left", left.into())]))
        }
        (None, _, Some("assign" | "readmit")) => Some(text.t("quarantine-done-admitted")),
        (None, _, Some("duplicate")) => Some(text.t("quarantine-done-duplicate")),
        (None, _, Some(_)) => Some(text.t("quarantine-done-discarded")),
        (None, _, None) => None,
    };
    draw(&Page { notice, ..page(&state, &visit).await? })
}

/// Every item the visitor may see, and that they saw them, logged.
async fn seen(
    state: &AppState,
    visit: &Visit,
    items: Vec<Item>,
) -> Result<Vec<(Item, Vec<PatientFacts>)>, StoreError> {
    let mut reader = state.store.read().await?;
    quarantine::visible(&mut reader, &visit.subject, items, visit.now).await
}

async fn page(state: &AppState, visit: &Visit) -> Result<Page, Failure> {
    let text = visit.text;
    let mut reader = state.store.read().await?;
    let waiting = settled::waiting(&mut reader, WAITING_MAX).await?;
    let old = settled::settled(&mut reader, SETTLED_MAX).await?;
    drop(reader);
    let (waiting, old) = (seen(state, visit, waiting).await?, seen(state, visit, old).await?);
    log(state, visit, waiting.len()).await?;
    let mut reader = state.store.read().await?;
    let sees_values = quarantine::sees_values(&visit.subject);
    let mut rows = Vec::new();
    for (item, concerned) in &waiting {
        rows.push(row(&mut reader, item, concerned, sees_values, visit).await?);
    }
    let others = match visit.subject.unit().filter(|_| sees_values) {
        Some(unit) => people::of_unit(&mut reader, unit).await?,
        None => Vec::new(),
    };
    let may = |facts: &&PatientFacts| access::decide(&visit.subject, facts, Action::Write, visit.now).allowed;
    Ok(Page {
        frame: Frame::of(state, visit, "quarantine", text.t("quarantine-title")),
        notice: None,
        wrong: None,
        sees_values,
        again: rows.iter().filter(|row| row.can_be_admitted).count(),
        rows,
        others: others.iter().filter(may).map(choice).collect(),
        settled: old.iter().map(|(item, _)| settled_row(item, visit)).collect(),
    })
}

async fn log(state: &AppState, visit: &Visit, count: usize) -> Result<(), StoreError> {
    let mut tx = state.store.write().await?;
    let said = format!("{count} items");
    let why = crate::language::Words::new(said.clone(), said);
    let decision = access::Decision { allowed: true, why };
    audit::append(&mut tx, &Entry::by(&visit.subject, "list quarantine", None, &decision), visit.now).await?;
    tx.commit().await
}

fn choice(facts: &PatientFacts) -> Choice {
    Choice { id: facts.id.to_string(), name: facts.name.clone() }
}

async fn row(
    connection: &mut Connection,
    item: &Item,
    concerned: &[PatientFacts],
    sees_values: bool,
    visit: &Visit,
) -> Result<Row, StoreError> {
    let (text, now) = (visit.text, visit.now);
    let envelope = item.envelope();
    let known: Vec<&PatientFacts> =
        if sees_values { quarantine::known_to(&visit.subject, concerned, now) } else { Vec::new() };
    let shown = envelope.as_ref().filter(|_| sees_values);
    let looks = match shown {
        Some(envelope) => looks(connection, envelope, &known, visit).await?,
        None => None,
    };
    let measured = envelope.as_ref().map(|one| moment(one.measurement.measured_at, now, text));
    let arrived = moment(item.received_at, now, text);
    Ok(Row {
        id: item.id,
        reason: text.t(&format!("quarantine-reason-{}", item.reason.replace('_', "-"))),
        what: shown.map(|envelope| values_in_words(&content(envelope), text)),
        looks,
        when: match measured {
            Some(measured) => text
                .with("quarantine-measured", &[("measured", measured.into()), ("arrived", arrived.into())]),
            None => text.with("quarantine-arrived", &[("arrived", arrived.into())]),
        },
        origin: origin(item, envelope.as_ref(), visit),
        detail: item.detail.clone(),
        characteristic: shown.map(|one| one.raw.characteristic.clone()).unwrap_or_default(),
        raw: match (&envelope, sees_values) {
            (Some(envelope), true) => envelope.raw.hex(),
            (Some(_), false) => String::new(),
            (None, _) => item.raw.chars().take(RAW_CHARS_MAX).collect(),
        },
        can_be_admitted: item.can_be_admitted(),
        concerned: known.into_iter().map(choice).collect(),
    })
}

fn content(envelope: &Envelope) -> Content {
    let measurement = &envelope.measurement;
    Content::Vitals {
        kind: measurement.kind,
        outcome: measurement.outcome,
        values: measurement.values.clone(),
        absent: measurement.absent.clone(),
        flags: measurement.flags.clone(),
        clock: measurement.clock,
    }
}

fn origin(item: &Item, envelope: Option<&Envelope>, visit: &Visit) -> String {
    let gateway = visit.text.with("quarantine-gateway", &[("gateway", item.gateway.clone().into())]);
    let number = item.seq.map(|seq| visit.text.with("quarantine-number", &[("seq", seq.to_string().into())]));
    let device = envelope.map(|one| match &one.device.model {
        Some(model) => format!("{model} ({})", one.device.id),
        None => one.device.id.to_string(),
    });
    device.into_iter().chain([gateway]).chain(number).collect::<Vec<_>>().join(" · ")
}

/// How a weight stands against what each of those weighed of late.
async fn looks(
    connection: &mut Connection,
    envelope: &Envelope,
    known: &[&PatientFacts],
    visit: &Visit,
) -> Result<Option<String>, StoreError> {
    let text = visit.text;
    let Some(kg) = envelope.measurement.values.get(Quantity::WeightKg) else { return Ok(None) };
    let mut parts = Vec::new();
    for facts in known {
        let recent = wearers::weights(connection, &facts.id, envelope.measurement.measured_at, 1).await?;
        let part = match recent.first() {
            Some((at, last)) => {
                let difference = decimal(kg - last, 1, text.0);
                let sign = if kg >= *last { "+" } else { "" };
                text.with(
                    "quarantine-against",
                    &[
                        ("name", facts.name.clone().into()),
                        ("last", decimal(*last, 1, text.0).into()),
                        ("when", moment(*at, visit.now, text).into()),
                        ("difference", format!("{sign}{difference}{THIN}kg").into()),
                    ],
                )
            }
            None => text.with("quarantine-never", &[("name", facts.name.clone().into())]),
        };
        parts.push(part);
    }
    Ok(Some(parts.join("; ")).filter(|words| !words.is_empty()))
}

fn settled_row(item: &Item, visit: &Visit) -> SettledRow {
    let text = visit.text;
    let how = item.how.as_ref();
    let act = how.map_or(Act::Discarded, |how| how.act);
    let became = text.t(match act {
        Act::Assigned => "quarantine-became-assigned",
        Act::Readmitted => "quarantine-became-readmitted",
        Act::Confirmed => "quarantine-became-confirmed",
        Act::Duplicate => "quarantine-became-duplicate",
        Act::Discarded => "quarantine-became-discarded",
    });
    SettledRow {
        reason: text.t(&format!("quarantine-reason-{}", item.reason.replace('_', "-"))),
        when: how.map(|how| format!("{}, {}", moment(how.at, visit.now, text), how.by)).unwrap_or_default(),
        became,
        why: how.map(|how| how.reason.clone()).unwrap_or_default(),
        reading: how.and_then(|how| how.reading.clone()).filter(|_| quarantine::sees_values(&visit.subject)),
    }
}

/// `POST /quarantine/{id}/{act}`.
pub(crate) async fn settle(
    State(state): State<AppState>,
    StaffVisit(visit): StaffVisit,
    Path((id, act)): Path<(i64, String)>,
    Form(decided): Form<Decided>,
) -> Result<Response, Failure> {
    let verdict = match act.as_str() {
        "assign" => match decided.patient.parse() {
            Ok(patient) => Verdict::Assign(patient),
            Err(_) => return refused(&state, &visit, visit.text.t("quarantine-wrong-patient")).await,
        },
        "readmit" => Verdict::Readmit,
        "discard" => Verdict::Discard,
        _ => return Err(Failure::Missing),
    };
    let settling = Settling { item: id, verdict, author: visit.subject.clone(), reason: decided.reason };
    match state.desk.settle(settling).await {
        Ok(quarantine::Settled::Duplicate) => Ok(Redirect::to("/quarantine?done=duplicate").into_response()),
        Ok(_) => Ok(Redirect::to(&format!("/quarantine?done={act}")).into_response()),
        Err(SettleError::NotFound) => Err(Failure::Missing),
        Err(SettleError::Denied { why }) => Err(Failure::Denied(why)),
        Err(SettleError::Store(error)) => Err(error.into()),
        Err(error) => refused(&state, &visit, wrong(&error, &visit)).await,
    }
}

fn wrong(error: &SettleError, visit: &Visit) -> String {
    let text = visit.text;
    match error {
        SettleError::Reason => text.t("quarantine-wrong-reason"),
        SettleError::Already { by } => text.with("quarantine-wrong-already", &[("name", by.clone().into())]),
        SettleError::NoReading => text.t("quarantine-wrong-no-reading"),
        SettleError::StillNobody { .. } => text.t("quarantine-wrong-nobody"),
        SettleError::NotFound | SettleError::Denied { .. } | SettleError::Store(_) => error.to_string(),
    }
}

async fn refused(state: &AppState, visit: &Visit, wrong: String) -> Result<Response, Failure> {
    let page = Page { wrong: Some(wrong), ..page(state, visit).await? };
    draw_as(StatusCode::UNPROCESSABLE_ENTITY, &page)
}

/// `POST /quarantine/readmit`: every item that waits and could be a reading, oldest first, each by itself.
pub(crate) async fn readmit(
    State(state): State<AppState>,
    StaffVisit(visit): StaffVisit,
    Form(decided): Form<Decided>,
) -> Result<Response, Failure> {
    let waiting = settled::waiting(&mut *state.store.read().await?, WAITING_MAX).await?;
    let mut items = seen(&state, &visit, waiting).await?;
    items.reverse();
    let (mut admitted, mut left) = (0, 0);
    for (item, _) in items.into_iter().filter(|(item, _)| item.can_be_admitted()) {
        let author = visit.subject.clone();
        let reason = decided.reason.clone();
        match state.desk.settle(Settling { item: item.id, verdict: Verdict::Readmit, author, reason }).await {
            Ok(_) => admitted += 1,
            Err(SettleError::Already { .. }) => {}
            Err(SettleError::Store(error)) => return Err(error.into()),
            Err(error @ SettleError::Reason) => return refused(&state, &visit, wrong(&error, &visit)).await,
            Err(
                SettleError::NotFound
                | SettleError::Denied { .. }
                | SettleError::NoReading
                | SettleError::StillNobody { .. },
            ) => left += 1,
        }
    }
    Ok(Redirect::to(&format!("/quarantine?admitted={admitted}&left={left}")).into_response())
}
