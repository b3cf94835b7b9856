//! `/worklist`: the open tasks, the reason in words first, and `/patients`: everybody one cares for.
//!
//! The rows come again by themselves when a task changes. That refresh belongs to the view that was logged when the page
//! was opened, and is not logged again.

use askama::Template;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use vitals::{PatientId, Timestamp};

use super::AppState;
use super::failure::Failure;
use super::format;
use super::frame::Frame;
use super::page::{draw, wants_fragment};
use super::text::Text;
use super::visit::{StaffVisit, Visit};
use super::words::{self, Due, Urgency};
use crate::chart;
use crate::worklist::{self, Contact, Counts, Filter, Item, Letter, Listed, SPARK_DAYS, Worklist};

/// What the address asks for.
#[derive(Deserialize)]
pub(crate) struct Asked {
    filter: Option<String>,
    fragment: Option<String>,
}

struct Chip {
    key: &'static str,
    word: String,
    current: bool,
}

struct LetterRow {
    patient: String,
    name: String,
    when: String,
}

struct Row {
    id: String,
    patient: Option<String>,
    name: String,
    about: String,
    urgency: Urgency,
    late: bool,
    why: String,
    more: String,
    spark: String,
    contact: String,
    owner: Option<String>,
    unit: Option<String>,
    mine: bool,
    due: Due,
    silent: Option<String>,
}

#[derive(Template)]
#[template(path = "worklist/page.html")]
struct Page {
    frame: Frame,
    subtitle: String,
    chips: Vec<Chip>,
    home: String,
    counts: Counts,
    letters: Vec<LetterRow>,
    rows: Vec<Row>,
}

#[derive(Template)]
#[template(path = "worklist/rows.html")]
struct Rows {
    frame: Frame,
    home: String,
    counts: Counts,
    letters: Vec<LetterRow>,
    rows: Vec<Row>,
}

/// `GET /worklist`.
pub(crate) async fn show(
    State(state): State<AppState>,
    StaffVisit(visit): StaffVisit,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let filter = asked.filter.as_deref().and_then(Filter::from_key).unwrap_or_default();
    let mut reader = state.store.read().await?;
    let Worklist { items, counts, letters } =
        worklist::of(&mut reader, &visit.subject, filter, visit.now).await?;
    drop(reader);
    let text = visit.text;
    let home = format!("/worklist?filter={}", filter.key());
    let letters = letters.iter().map(|letter| letter_row(letter, &visit)).collect();
    let rows: Vec<Row> = items.iter().map(|item| row_of(item, &visit)).collect();
    let frame = Frame::of(&state, &visit, "worklist", text.t("worklist-title"));
    if asked.fragment.is_some() || wants_fragment(&headers) {
        return draw(&Rows { frame, home, counts, letters, rows });
    }
    let shown = items.iter().filter_map(|item| item.facts.as_ref().map(|facts| &facts.id));
    worklist::log_view(&state.store, &visit.subject, "worklist", shown, visit.now).await?;
    let subtitle = subtitle(&visit, frame.unit.as_deref().unwrap_or_default());
    draw(&Page { frame, subtitle, chips: chips(filter, text), home, counts, letters, rows })
}

fn letter_row(letter: &Letter, visit: &Visit) -> LetterRow {
    let when = format::moment(letter.at, visit.now, visit.text);
    LetterRow {
        patient: letter.patient.to_string(),
        name: letter.name.clone(),
        when: visit.text.with("letters-when", &[("when", when.into())]),
    }
}

fn subtitle(visit: &Visit, unit: &str) -> String {
    let day = format::capital(&format::weekday_day(format::day_of(visit.now), visit.text.0));
    let values = [
        ("day", day.into()),
        ("time", format::clock_time(visit.now).into()),
        ("unit", unit.to_owned().into()),
    ];
    visit.text.with("worklist-subtitle", &values)
}

fn chips(current: Filter, text: Text) -> Vec<Chip> {
    Filter::ALL
        .into_iter()
        .map(|filter| Chip {
            key: filter.key(),
            word: text.t(match filter {
                Filter::MineAndFree => "filter-mine",
                Filter::Unit => "filter-unit",
                Filter::Municipal => "filter-municipal",
                Filter::Resting => "filter-resting",
            }),
            current: filter == current,
        })
        .collect()
}

fn row_of(item: &Item, visit: &Visit) -> Row {
    let (text, now, task) = (visit.text, visit.now, &item.task);
    let (why, more) = why(item, text);
    let name = match (&item.facts, &task.gateway) {
        (Some(facts), _) => facts.name.clone(),
        (None, Some(gateway)) => text.with("gateway-name", &[("gateway", gateway.clone().into())]),
        (None, None) => text.t("system-name"),
    };
    let about = item.facts.as_ref().map(|facts| words::age_and_units(facts, visit.subject.unit(), now, text));
    let mine = task.owner.as_deref() == Some(&visit.subject.id);
    Row {
        id: task.id.clone(),
        patient: item.facts.as_ref().map(|facts| facts.id.to_string()),
        name,
        about: about.unwrap_or_default(),
        urgency: Urgency::of(item.level, text),
        late: task.escalated > 0 && task.owner.is_none(),
        why,
        more,
        spark: spark(item, now),
        contact: contact(item.contact, now, text),
        owner: task.owner_name.clone().filter(|_| task.owner.is_some()),
        unit: task.unit_name.clone().filter(|_| task.unit.as_deref() != visit.subject.unit()),
        mine,
        due: words::due(task.due_at, now, text),
        silent: item.silent_days.map(|days| text.count("days-silent", days)),
    }
}

/// The weights of the last days against what is usual for this person; nothing where there are none.
fn spark(item: &Item, now: Timestamp) -> String {
    if item.weights.is_empty() {
        return String::new();
    }
    let points: Vec<chart::Point> = item
        .weights
        .iter()
        .map(|weighed| chart::Point {
            at: weighed.at,
            value: Some(weighed.weight_kg),
            mark: if weighed.doubted { chart::Mark::Unassessed } else { chart::Mark::Measured },
            word: None,
        })
        .collect();
    let band =
        item.usual.map(|band| chart::Band { usual: band.usual_kg, low: band.low_kg, high: band.high_kg });
    let count = u16::try_from(SPARK_DAYS).unwrap_or(u16::MAX);
    chart::spark(chart::Days::ending(format::day_of(now), count), &points, band).to_string()
}

/// Reasons in the large line, the weightiest.
const LARGE_MAX: usize = 2;
/// Reasons in the small line; whoever wants all of them opens the task.
const SMALL_MAX: usize = 3;

/// The weightiest reasons for the large line; what else points the same way for the small one.
fn why(item: &Item, text: Text) -> (String, String) {
    let mut reasons = item.reasons.iter().map(|reason| reason.get(text.0).to_owned());
    let large: Vec<String> = reasons.by_ref().take(LARGE_MAX).collect();
    let rest = reasons.take(SMALL_MAX);
    let problem = words::problem(item.task.problem, text);
    if large.is_empty() {
        return (problem, String::new());
    }
    let signs = item.reasons.len();
    let mut small = vec![problem];
    small.extend(rest);
    if signs > LARGE_MAX {
        small.push(text.count("signs-agree", i64::try_from(signs).unwrap_or(i64::MAX)));
    }
    (format::capital(&large.join("; ")), small.join(" · "))
}

fn contact(contact: Option<Contact>, now: Timestamp, text: Text) -> String {
    let (key, at) = match contact {
        None => return text.t("contact-none"),
        Some(Contact::Answered(at)) => ("contact-answered", at),
        Some(Contact::Wrote(at)) => ("contact-wrote", at),
        Some(Contact::StaffWrote(at)) => ("contact-staff-wrote", at),
        Some(Contact::Asked(at)) => ("contact-asked", at),
        Some(Contact::Reminded(at)) => ("contact-reminded", at),
    };
    text.with(key, &[("when", format::moment(at, now, text).into())])
}

/// What to look for among the patients.
#[derive(Deserialize)]
pub(crate) struct Search {
    q: Option<String>,
}

struct PatientRow {
    id: String,
    name: String,
    about: String,
    urgency: Option<Urgency>,
    last: String,
    silent: bool,
}

#[derive(Template)]
#[template(path = "patients/page.html")]
struct Patients {
    frame: Frame,
    q: String,
    found: String,
    rows: Vec<PatientRow>,
}

/// `GET /patients`.
pub(crate) async fn patients(
    State(state): State<AppState>,
    StaffVisit(visit): StaffVisit,
    Query(search): Query<Search>,
) -> Result<Response, Failure> {
    let q = search.q.unwrap_or_default().trim().to_owned();
    let mut reader = state.store.read().await?;
    let mut listed = worklist::patients(&mut reader, &visit.subject, visit.now).await?;
    drop(reader);
    listed.retain(|one| matches(one, &q));
    let shown: Vec<PatientId> = listed.iter().map(|one| one.facts.id.clone()).collect();
    worklist::log_view(&state.store, &visit.subject, "patients", &shown, visit.now).await?;
    let text = visit.text;
    draw(&Patients {
        frame: Frame::of(&state, &visit, "patients", text.t("patients-title")),
        q,
        found: text.count("patients-found", i64::try_from(listed.len()).unwrap_or(i64::MAX)),
        rows: listed.into_iter().map(|one| patient_row(&one, &visit)).collect(),
    })
}

fn matches(one: &Listed, q: &str) -> bool {
    let q = q.to_lowercase();
    one.facts.name.to_lowercase().contains(&q) || one.facts.id.as_str().to_lowercase().contains(&q)
}

fn patient_row(one: &Listed, visit: &Visit) -> PatientRow {
    let (text, now) = (visit.text, visit.now);
    let silent = one.is_silent(now);
    let last = match (one.last_reading_at, one.silent_days(now)) {
        (Some(at), Some(days)) if silent => {
            let values = [("when", format::moment(at, now, text).into()), ("count", days.into())];
            text.with("patients-silent", &values)
        }
        (Some(at), _) => format::capital(&format::moment(at, now, text)),
        (None, _) => text.t("patients-never"),
    };
    PatientRow {
        id: one.facts.id.to_string(),
        name: one.facts.name.clone(),
        about: words::age_and_units(&one.facts, visit.subject.unit(), now, text),
        urgency: one.priority.map(|priority| Urgency::of(priority, text)),
        last,
        silent,
    }
}
