//! `/readings/{id}`: one reading down to the bytes it was decoded from, and up to the tasks that rest on it.

use crate::store::sql::Connection;
use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use vitals::{Content, PatientId, Quantity, Timestamp};

use super::rows;
use crate::access::{self, Action};
use crate::patient_view::{self, Resting, leading_quantity};
use crate::people::PatientFacts;
use crate::readings::{self, Origin, Recorded};
use crate::store::StoreError;
use crate::web::AppState;
use crate::web::failure::Failure;
use crate::web::format::{capital, clock_time, day_of, day_word, decimal, moment};
use crate::web::frame::Frame;
use crate::web::page::draw;
use crate::web::text::Text;
use crate::web::visit::{StaffVisit, Visit};
use crate::web::words;

/// Bytes in a row of the frame.
const BYTES_PER_ROW: usize = 8;

/// A name and what it is.
struct Fact {
    name: String,
    value: String,
    note: String,
}

/// Some bytes of the frame, and where the first of them stands.
struct BytesRow {
    offset: String,
    bytes: Vec<String>,
}

struct Basis {
    task: String,
    title: String,
    open: bool,
    text: String,
    rule: String,
    when: String,
}

#[derive(Template)]
#[template(path = "patient/reading.html")]
struct Page {
    frame: Frame,
    patient: PatientId,
    name: String,
    title: String,
    headline: String,
    aside: Option<String>,
    bases: Vec<Basis>,
    values: Vec<Fact>,
    times: Vec<Fact>,
    way: Vec<Fact>,
    characteristic: String,
    frame_rows: Vec<BytesRow>,
    hex: String,
    bytes: usize,
    id: String,
}

/// `GET /readings/{id}`.
pub(crate) async fn show(
    State(state): State<AppState>,
    StaffVisit(visit): StaffVisit,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let recorded = readings::one(&mut *state.store.read().await?, &id).await?.ok_or(Failure::Missing)?;
    let patient = recorded.reading.patient.clone();
    let opened =
        access::open_patient(&state.store, &visit.subject, &patient, Action::Read, visit.now).await?;
    let page = page(&state, &visit, &recorded, &opened.facts).await?;
    draw(&page)
}

async fn page(
    state: &AppState,
    visit: &Visit,
    recorded: &Recorded,
    facts: &PatientFacts,
) -> Result<Page, StoreError> {
    let (text, now) = (visit.text, visit.now);
    let reading = &recorded.reading;
    let mut reader = state.store.read().await?;
    let resting = patient_view::resting_on(&mut reader, reading.id.as_str()).await?;
    let aside = aside(&mut reader, recorded, now, text).await?;
    let title = format!("{} {}", rows::content_word(&reading.content, text), moment(reading.at, now, text));
    let origin = recorded.origin.as_ref();
    let hex = origin.map(|origin| origin.raw_hex.clone()).unwrap_or_default();
    Ok(Page {
        frame: Frame::of(state, visit, "patients", format!("{}: {title}", facts.name)),
        patient: facts.id.clone(),
        name: facts.name.clone(),
        title,
        headline: rows::values(&reading.content, text),
        aside,
        bases: resting.iter().map(|one| basis(one, visit)).collect(),
        values: value_facts(&reading.content, text),
        times: time_facts(recorded, now, text),
        way: way_facts(recorded, text),
        characteristic: origin.map(|origin| origin.raw_format.clone()).unwrap_or_default(),
        frame_rows: frame_rows(&hex),
        bytes: hex.len() / 2,
        hex,
        id: reading.id.to_string(),
    })
}

/// Why the rules set it aside, if they did: judged among the readings around it, as they judge.
async fn aside(
    connection: &mut Connection,
    recorded: &Recorded,
    now: Timestamp,
    text: Text,
) -> Result<Option<String>, StoreError> {
    let Content::Vitals { kind, .. } = &recorded.reading.content else { return Ok(None) };
    let Some(quantity) = leading_quantity(*kind) else { return Ok(None) };
    let age_days = now.days_since(recorded.reading.at).clamp(0.0, 3_000.0);
    // The days since then and a day more; whole and small, so the cut is exact.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let days = age_days as u16 + 2;
    let record = patient_view::record(connection, &recorded.reading.patient, days, now).await?;
    Ok(record.doubt(&recorded.reading.id, quantity).map(|doubt| rows::doubt(doubt, text)))
}

fn basis(resting: &Resting, visit: &Visit) -> Basis {
    let text = visit.text;
    let values = [("rule", resting.rule.clone().into()), ("version", resting.policy_version.clone().into())];
    Basis {
        task: resting.task.clone(),
        title: words::problem(resting.problem, text),
        open: resting.open,
        text: capital(text.0.pick(&resting.text_sv, &resting.text_en)),
        rule: text.with("basis-rule", &values),
        when: moment(resting.at, visit.now, text),
    }
}

fn fact(name: String, value: String) -> Fact {
    Fact { name, value, note: String::new() }
}

/// Each value as it is stored, what is missing and why, what the device said beside.
fn value_facts(content: &Content, text: Text) -> Vec<Fact> {
    match content {
        Content::Symptoms(answers) => answers
            .iter()
            .map(|(symptom, severity)| {
                let name = text.t(&format!("chart-symptom-{}", symptom.key().replace('_', "-")));
                fact(name, text.t(&format!("severity-{}", severity.grade())))
            })
            .collect(),
        Content::Vitals { outcome, values, absent, flags, .. } => {
            let mut facts = vec![fact(text.t("fact-outcome"), rows::outcome_word(*outcome, text))];
            facts.extend(values.iter().map(|(quantity, value)| {
                fact(rows::quantity_word(quantity, text), rows::with_unit(quantity, value, text))
            }));
            if !values.rr_interval_s().is_empty() {
                let list = values.rr_interval_s().iter().map(|seconds| decimal(*seconds, 3, text.0));
                let name = rows::quantity_word(Quantity::RrIntervalS, text);
                facts.push(fact(name, format!("{} s", list.collect::<Vec<_>>().join(" "))));
            }
            facts.extend(absent.iter().map(|(quantity, why)| {
                fact(rows::quantity_word(*quantity, text), rows::absent_word(*why, text))
            }));
            facts.extend(flags.iter().map(|flag| fact(text.t("fact-flag"), rows::flag_word(*flag, text))));
            facts
        }
    }
}

/// Every clock that touched it, in the order they did.
fn time_facts(recorded: &Recorded, now: Timestamp, text: Text) -> Vec<Fact> {
    let reading = &recorded.reading;
    let exact = |at: Timestamp| to_the_second(at, now, text);
    let mut facts = Vec::new();
    if let Some(origin) = &recorded.origin {
        let value =
            origin.device_time.map_or_else(|| text.t("fact-none"), |time| time.to_string().replace('T', " "));
        facts.push(Fact { name: text.t("fact-device-time"), value, note: text.t("fact-device-time-note") });
        if let Some(offset) = origin.clock_offset_s {
            facts.push(fact(text.t("fact-offset"), rows::span(offset)));
        }
    }
    let clock = match &reading.content {
        Content::Vitals { clock, .. } => rows::clock_word(*clock, None, text),
        Content::Symptoms(_) => String::new(),
    };
    facts.push(Fact { name: text.t("fact-at"), value: exact(reading.at), note: clock });
    if let Some(origin) = &recorded.origin {
        facts.push(fact(text.t("fact-sealed"), exact(origin.sealed_at)));
    }
    let waited = reading.received_at.millis_since(reading.at) / Timestamp::SECOND_MS;
    let note =
        text.with("fact-received-note", &[("span", rows::span(waited).trim_start_matches('+').into())]);
    facts.push(Fact { name: text.t("fact-received"), value: exact(reading.received_at), note });
    facts
}

fn to_the_second(at: Timestamp, now: Timestamp, text: Text) -> String {
    let second = at.to_jiff().to_zoned(crate::clock::zone()).second();
    format!("{} {}:{second:02}", day_word(day_of(at), day_of(now), text), clock_time(at))
}

/// Through whose hands it came.
fn way_facts(recorded: &Recorded, text: Text) -> Vec<Fact> {
    let mut facts = match (&recorded.origin, &recorded.author) {
        (Some(origin), _) => device_facts(origin, text),
        (None, Some((kind, author))) => {
            let key = match kind.as_str() {
                "patient" => "by-patient",
                "proxy" => "by-proxy",
                _ => "by-staff",
            };
            vec![Fact { name: text.t("fact-author"), value: text.t(key), note: author.clone() }]
        }
        (None, None) => Vec::new(),
    };
    facts.push(fact(text.t("fact-arrival"), recorded.arrival.to_string()));
    facts
}

fn device_facts(origin: &Origin, text: Text) -> Vec<Fact> {
    let none = || text.t("fact-none");
    let mut facts = vec![
        fact(text.t("fact-model"), origin.model.clone().unwrap_or_else(none)),
        fact(text.t("fact-device"), origin.device.clone()),
    ];
    facts.extend(origin.user_slot.map(|slot| fact(text.t("fact-slot"), slot.to_string())));
    facts.push(fact(text.t("fact-gateway"), origin.gateway.clone()));
    facts.push(fact(text.t("fact-outbox"), origin.outbox.clone()));
    facts.push(fact(text.t("fact-seq"), origin.seq.to_string()));
    facts
}

/// The frame, some bytes a row, each row with the place of its first byte.
fn frame_rows(hex: &str) -> Vec<BytesRow> {
    let digits: Vec<char> = hex.chars().collect();
    let bytes: Vec<String> = digits.chunks(2).map(|pair| pair.iter().collect()).collect();
    bytes
        .chunks(BYTES_PER_ROW)
        .enumerate()
        .map(|(row, bytes)| BytesRow { offset: (row * BYTES_PER_ROW).to_string(), bytes: bytes.to_vec() })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_laid_out_byte_by_byte() {
        // An A&D weight frame of ten bytes: eight and two.
        let rows = frame_rows("02943eea070101080400");
        let laid: Vec<(&str, usize, &str)> =
            rows.iter().map(|row| (row.offset.as_str(), row.bytes.len(), row.bytes[0].as_str())).collect();
        assert_eq!(laid, [("0", 8, "02"), ("8", 2, "04")]);
        assert!(frame_rows("").is_empty());
        assert_eq!(frame_rows("é1").len(), 1, "what is no hex is shown, and nothing panics");
    }
}
