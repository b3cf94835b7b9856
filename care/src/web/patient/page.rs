//! `/patients/{id}`: everything about one patient on one page, and why the reader sees it.

use crate::store::sql::Connection;
use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use serde::Deserialize;
use vitals::{PatientId, Timestamp};

use super::charts::{self, Charts};
use super::long;
use super::rows::{self, ReadingRow};
use crate::access::{Action, Opened};
use crate::conversations::{self, MESSAGE_CHARS_MAX};
use crate::patient_view::{self, Reach, Record};
use crate::people::{self, Medication, PatientFacts};
use crate::plans;
use crate::readings;
use crate::store::StoreError;
use crate::tasks::{self, Outcome, Status, Task};
use crate::web::AppState;
use crate::web::failure::Failure;
use crate::web::format::{THIN, day_of, day_word, moment, number};
use crate::web::frame::Frame;
use crate::web::page::draw;
use crate::web::task::Kept;
use crate::web::task::card::{self, TaskCard};
use crate::web::task::talk::{self, Talk};
use crate::web::text::Text;
use crate::web::visit::{StaffVisit, Visit};
use crate::web::words::{self, Urgency};

/// How far back one can look: as it stands in the address, in words, and how that is read.
const RANGES: [(&str, &str, Range); 5] = [
    ("14", "range-14", Range::Readings(14)),
    ("30", "range-30", Range::Readings(RANGE_DAYS)),
    ("90", "range-90", Range::Long(Reach::Days(90))),
    ("365", "range-365", Range::Long(Reach::Days(365))),
    ("all", "range-all", Range::Long(Reach::All)),
];
const RANGE_DAYS: u16 = 30;
/// How far back readings are listed at most, days.
const LISTED_DAYS_MAX: u16 = 3_660;
/// Lines of the table of readings before one asks for all of them.
const ROWS_MAX: usize = 24;

/// How a time is looked at.
#[derive(Clone, Copy)]
enum Range {
    /// Reading by reading, so many days.
    Readings(u16),
    /// By day or week.
    Long(Reach),
}

impl Range {
    const fn reach(self) -> Option<Reach> {
        match self {
            Self::Readings(_) => None,
            Self::Long(reach) => Some(reach),
        }
    }
}

/// What the address asks for.
#[derive(Deserialize)]
pub(crate) struct Asked {
    days: Option<String>,
    all: Option<String>,
    talk: Option<String>,
    fragment: Option<String>,
    /// The tasks that the page already shows, with commas between.
    known: Option<String>,
}

struct Chip {
    days: &'static str,
    word: String,
    current: bool,
}

/// A medicine in use.
struct MedicineRow {
    name: String,
    dose: String,
    when: String,
}

/// A task that is over.
struct EarlierTask {
    id: String,
    urgency: Urgency,
    title: String,
    opened: String,
    outcome: String,
}

struct Plan {
    lines: Vec<String>,
    changed: Option<String>,
}

#[derive(Template)]
#[template(path = "patient/page.html")]
struct Page {
    frame: Frame,
    patient: PatientId,
    name: String,
    about: String,
    units: String,
    why: String,
    chips: Vec<Chip>,
    range: &'static str,
    charts: Charts,
    last: Option<String>,
    rows: Vec<ReadingRow>,
    rows_left: usize,
    plan: Option<Plan>,
    target: Option<String>,
    medicines: Vec<MedicineRow>,
    ended_medicines: Vec<MedicineRow>,
    cards: Vec<TaskCard>,
    talk: Talk,
    earlier: Vec<EarlierTask>,
    printed: String,
}

#[derive(Template)]
#[template(path = "patient/charts.html")]
struct ChartsPart {
    frame: Frame,
    charts: Charts,
    last: Option<String>,
}

#[derive(Template)]
#[template(path = "patient/news.html")]
struct NewsPart {
    frame: Frame,
    patient: PatientId,
    new: bool,
}

/// `GET /patients/{id}`.
pub(crate) async fn show(
    State(state): State<AppState>,
    StaffVisit(visit): StaffVisit,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let (patient, opened) = open(&state, &visit, &id).await?;
    let (text, now, facts) = (visit.text, visit.now, &opened.facts);
    let chosen = |(days, ..): &&(&str, &str, Range)| Some(*days) == asked.days.as_deref();
    let (range, _, looked) = *RANGES.iter().find(chosen).unwrap_or(&RANGES[1]);
    let frame = Frame::of(&state, &visit, "patients", facts.name.clone());
    let medicines = people::medications(&mut *state.store.read().await?, &patient).await?;
    let drawn = long::drawn(&state, &visit, &patient, looked.reach(), &medicines).await?;
    let mut reader = state.store.read().await?;
    let listed = match looked {
        Range::Readings(days) => days,
        Range::Long(_) if asked.all.is_some() => LISTED_DAYS_MAX,
        Range::Long(_) => RANGE_DAYS,
    };
    let record = patient_view::record(&mut reader, &patient, listed, now).await?;
    let (charts, last_at, days) = drawn.unwrap_or_else(|| {
        (charts::charts(&record, &medicines, now, text), record.last_at, record.days.count())
    });
    let last = last_at.or(record.last_at).map(|at| moment(at, now, text));
    match asked.fragment.as_deref() {
        None => {}
        Some("charts") => return draw(&ChartsPart { frame, charts, last }),
        Some("news") => {
            let new = new_task(&mut reader, &patient, asked.known.as_deref().unwrap_or_default()).await?;
            return draw(&NewsPart { frame, patient, new });
        }
        Some(_) => return Err(Failure::Missing),
    }
    let (rows, mut rows_left) = table(&record, asked.all.is_some(), now, text);
    if looked.reach().is_some() && asked.all.is_none() {
        let since = now.plus_days(-i64::from(days));
        let all = readings::count(&mut reader, &patient, since, now.plus_days(1), i64::MAX).await?;
        rows_left = usize::try_from(all).unwrap_or(0).saturating_sub(rows.len());
    }
    let Right { cards, talk, earlier } = right(&mut reader, facts, &visit, asked.talk.is_some()).await?;
    let (medicines, ended_medicines) = medicine_rows(&medicines, now, text);
    let said = plans::Plan::of(&plans::history(&mut reader, &patient).await?, now);
    draw(&Page {
        frame,
        name: facts.name.clone(),
        about: about(facts, now, text),
        units: joined(facts, text),
        why: words::why_seen(&opened.why, now, text),
        chips: chips(range, text),
        range,
        charts,
        last,
        rows,
        rows_left,
        plan: plan(facts, now, text),
        target: said.target_kg.map(|kg| format!("{}{THIN}kg", number(kg, text.0))),
        medicines,
        ended_medicines,
        cards,
        talk,
        earlier,
        printed: moment(now, now.plus_days(-3), text),
        patient,
    })
}

/// Opens the record of the patient `id` for `visit`: a look of its own, or, for a part that the page fetches by itself, the
/// same look.
async fn open(state: &AppState, visit: &Visit, id: &str) -> Result<(PatientId, Opened), Failure> {
    let patient: PatientId = id.parse().map_err(|_| Failure::Missing)?;
    Ok((patient.clone(), visit.opened(state, &patient, Action::Read).await?))
}

fn chips(range: &str, text: Text) -> Vec<Chip> {
    let chip = |(days, key, _): (&'static str, &str, Range)| Chip {
        days,
        word: text.t(key),
        current: days == range,
    };
    RANGES.into_iter().map(chip).collect()
}

/// `89 år, född 31 januari 1937`, as far as it is known.
fn about(facts: &PatientFacts, now: Timestamp, text: Text) -> String {
    let born = facts.born.as_deref().and_then(|born| born.parse().ok());
    let born = born.map(|born| text.with("born", &[("day", day_word(born, day_of(now), text).into())]));
    words::age(facts, now, text).into_iter().chain(born).collect::<Vec<_>>().join(", ")
}

/// `Hjärtsviktsmottagningen och Hemtjänst Centrum`.
fn joined(facts: &PatientFacts, text: Text) -> String {
    let names: Vec<&str> = facts.units.iter().map(|unit| unit.name.as_str()).collect();
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => {
            format!("{} {} {last}", rest.join(", "), text.t("word-and"))
        }
        Some((last, _)) => (*last).to_owned(),
        None => String::new(),
    }
}

/// The readings, newest first, and how many more there are.
fn table(record: &Record, all: bool, now: Timestamp, text: Text) -> (Vec<ReadingRow>, usize) {
    let shown = if all { usize::MAX } else { ROWS_MAX };
    let newest = record.readings.iter().rev();
    let rows: Vec<ReadingRow> =
        newest.take(shown).map(|recorded| rows::row(record, recorded, now, text)).collect();
    let left = record.readings.len() - rows.len();
    (rows, left)
}

fn plan(facts: &PatientFacts, now: Timestamp, text: Text) -> Option<Plan> {
    let words = facts.plan_text.as_deref().filter(|words| !words.trim().is_empty())?;
    let changed = facts.plan_changed.map(|at| {
        let day = day_word(day_of(at), day_of(now), text);
        let by = facts.plan_by.clone().unwrap_or_default();
        text.with(
            if by.is_empty() { "plan-changed" } else { "plan-changed-by" },
            &[("day", day.into()), ("by", by.into())],
        )
    });
    Some(Plan { lines: words.lines().map(str::to_owned).collect(), changed })
}

/// The medicines in use and those that ended.
fn medicine_rows(
    medicines: &[Medication],
    now: Timestamp,
    text: Text,
) -> (Vec<MedicineRow>, Vec<MedicineRow>) {
    let (ended, used): (Vec<&Medication>, Vec<&Medication>) =
        medicines.iter().partition(|medicine| medicine.until.is_some_and(|until| until <= now));
    let row = |medicine: &Medication| {
        let (key, at) = match medicine.until.filter(|until| *until <= now) {
            Some(until) => ("medicine-ended", until),
            None => ("medicine-since", medicine.from),
        };
        let day = day_word(day_of(at), day_of(now), text);
        MedicineRow {
            name: medicine.name.clone(),
            dose: medicine.dose.clone(),
            when: text.with(key, &[("day", day.into()), ("by", medicine.changed_by.clone().into())]),
        }
    };
    (used.into_iter().map(row).collect(), ended.into_iter().rev().map(row).collect())
}

/// Whether a task is open that is not among `known`. The page then offers itself again; it does not change under the
/// hands of somebody who writes.
async fn new_task(connection: &mut Connection, patient: &PatientId, known: &str) -> Result<bool, StoreError> {
    let all = tasks::list(connection, Some(patient), None).await?;
    Ok(all.iter().any(|task| task.status == Status::Open && known.split(',').all(|id| id != task.id)))
}

struct Right {
    cards: Vec<TaskCard>,
    talk: Talk,
    earlier: Vec<EarlierTask>,
}

/// What is to be done and what was: the open tasks, the conversation of the most urgent, the earlier tasks.
async fn right(
    connection: &mut Connection,
    facts: &PatientFacts,
    visit: &Visit,
    all_talk: bool,
) -> Result<Right, StoreError> {
    let all = tasks::list(connection, Some(&facts.id), None).await?;
    let (mut open, mut closed): (Vec<Task>, Vec<Task>) =
        all.into_iter().partition(|task| task.status == Status::Open);
    open.sort_by_key(|task| (std::cmp::Reverse(task.priority), task.due_at));
    closed.reverse();
    let kept = Kept::default();
    let home = format!("/patients/{}", in_path(facts.id.as_str()));
    let mut cards = Vec::new();
    for task in &open {
        cards.push(card::of(connection, task, Some(facts), visit, &home, &kept).await?);
    }
    let talk = match open.first() {
        Some(task) => talk::of_task(connection, task, facts, visit, &home, &kept, all_talk).await?,
        None => talk_without_task(connection, facts, visit, &home, all_talk).await?,
    };
    let earlier = closed.iter().map(|task| earlier_task(task, visit)).collect();
    Ok(Right { cards, talk, earlier })
}

/// What was last said, where no task is open.
async fn talk_without_task(
    connection: &mut Connection,
    facts: &PatientFacts,
    visit: &Visit,
    home: &str,
    all: bool,
) -> Result<Talk, StoreError> {
    let messages = conversations::of_patient(connection, &facts.id).await?;
    let (messages, older) = talk::newest(&messages, all, visit.now);
    Ok(Talk {
        id: "talk-patient".to_owned(),
        whole: format!("{home}?talk=all#talk-patient"),
        older,
        messages: messages.iter().map(|message| talk::message_row(message, visit)).collect(),
        patient: facts.id.clone(),
        task: None,
        source: format!("{home}/talk{}", if all { "?talk=all" } else { "" }),
        post: format!("{home}/message"),
        home: home.to_owned(),
        kept: String::new(),
        chars_max: MESSAGE_CHARS_MAX,
    })
}

#[derive(Template)]
#[template(path = "task/messages.html")]
struct TalkPart {
    frame: Frame,
    talk: Talk,
}

/// `GET /patients/{id}/talk`: the messages by themselves, for a page that refreshes them.
pub(crate) async fn talk(
    State(state): State<AppState>,
    StaffVisit(visit): StaffVisit,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let (patient, opened) = open(&state, &visit, &id).await?;
    let all = asked.talk.is_some();
    let home = format!("/patients/{}", in_path(patient.as_str()));
    let talk = talk_without_task(&mut *state.store.read().await?, &opened.facts, &visit, &home, all).await?;
    draw(&TalkPart { frame: Frame::of(&state, &visit, "patients", opened.facts.name.clone()), talk })
}

fn earlier_task(task: &Task, visit: &Visit) -> EarlierTask {
    let text = visit.text;
    let outcome = task.outcome.as_deref().and_then(Outcome::from_key);
    EarlierTask {
        id: task.id.clone(),
        urgency: Urgency::of(task.priority, text),
        title: words::problem(task.problem, text),
        opened: moment(task.opened_at, visit.now, text),
        outcome: outcome
            .map_or_else(|| text.t("card-ended-by-itself"), |outcome| outcome.words().get(text.0).to_owned()),
    }
}

/// Percent-encodes what may not stand in one step of a path.
pub(crate) fn in_path(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}
