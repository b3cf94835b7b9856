//! `/me`: what was measured today, what is asked, and what is left to do.

use alerts::dialogue::{self, FORM_NOTICE};
use alerts::{Chart, Policy};
use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use vitals::{Content, Kind, Outcome, Quantity, Timestamp};

use super::{open, whose};
use crate::access::Action;
use crate::clock;
use crate::conversations::{self, AuthorKind, Message};
use crate::dialogues::{self, Dialogue};
use crate::plans::{self, Measured, Schedule};
use crate::policies::Book;
use crate::readings::{self, Recorded};
use crate::web::AppState;
use crate::web::failure::Failure;
use crate::web::format::{self, THIN};
use crate::web::frame::Frame;
use crate::web::page::{draw, wants_fragment};
use crate::web::text::Text;
use crate::web::visit::{OwnVisit, Visit};

/// How far back a kind of measurement counts as one this person makes, days.
const HABIT_DAYS: i64 = 14;
/// How far back the person's usual is looked for, days.
const USUAL_DAYS: i64 = 60;

struct Done {
    title: String,
    detail: String,
    /// What the value is against what is usual, in plain words.
    word: Option<String>,
    failed: bool,
}

struct Waiting {
    title: String,
    detail: String,
}

struct Ask {
    title: String,
    more: String,
    href: &'static str,
    button: String,
}

#[derive(Template)]
#[template(path = "me/today.html")]
struct Page {
    frame: Frame,
    greeting: String,
    date: String,
    whose: Option<String>,
    done: Vec<Done>,
    ask: Option<Ask>,
    waiting: Vec<Waiting>,
    letter: Option<String>,
    notice: Option<String>,
    closed: String,
}

#[derive(Template)]
#[template(path = "me/today_parts.html")]
struct Parts {
    frame: Frame,
    done: Vec<Done>,
    ask: Option<Ask>,
    waiting: Vec<Waiting>,
    letter: Option<String>,
    notice: Option<String>,
    closed: String,
}

/// `GET /me`.
pub(crate) async fn show(
    State(state): State<AppState>,
    own: OwnVisit,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let facts = open(&state, &own, Action::Read).await?;
    let visit = &own.visit;
    let (text, now) = (visit.text, visit.now);
    let mut reader = state.store.read().await?;
    let from = now.plus_days(-HABIT_DAYS);
    let recorded = readings::between(&mut reader, &own.patient, from, now.plus_millis(1)).await?;
    let pending = dialogues::pending(&mut reader, &own.patient).await?;
    let talk = conversations::of_patient(&mut reader, &own.patient).await?;
    let said = plans::Plan::of(&plans::history(&mut reader, &own.patient).await?, now);
    let policy = Book::load(&mut reader).await?.standing(&facts, now).policy;
    let events = readings::chart_events(&mut reader, &own.patient, now.plus_days(-USUAL_DAYS)).await?;
    let plan = plans::chart_events(&mut reader, &own.patient).await?;
    let midnight = midnight(now);
    let notices = conversations::notices(&mut reader, &own.patient, midnight).await?;
    drop(reader);
    let form_days = policy.symptom_form_days();
    let schedule = &said.schedule;
    let today: Vec<&Recorded> =
        recorded.iter().filter(|one| format::day_of(one.reading.at) == format::day_of(now)).collect();
    let frame = Frame::of(&state, visit, "today", text.t("nav-today"));
    let plan = plan.iter().filter(|event| event.at() <= now);
    let chart = Chart::rebuild(own.patient.clone(), plan.chain(&events));
    let done = done(&today, (&chart, &*policy), visit);
    let ask = pending
        .map(|pending| asked(&pending, text))
        .or_else(|| form_due(&recorded, schedule, form_days, now, text));
    let waiting = waiting(&recorded, &today, schedule, now, text);
    let letter = letter(&talk, visit);
    let still_holds = |body: &String| {
        let is_about_the_form = [FORM_NOTICE.sv, FORM_NOTICE.en].contains(&body.as_str());
        if is_about_the_form { ask.is_some() } else { today.is_empty() }
    };
    let notice = notices.into_iter().next_back().map(|notice| notice.body).filter(still_holds);
    let closed = dialogue::closed_days(now, &clock::zone());
    let closed = text.0.pick(&closed.sv, &closed.en).to_owned();
    if wants_fragment(&headers) {
        return draw(&Parts { frame, done, ask, waiting, letter, notice, closed });
    }
    draw(&Page {
        frame,
        greeting: greeting(visit, &facts.name),
        date: format::capital(&format::weekday_day(format::day_of(now), text.0)),
        whose: whose(visit, &facts),
        done,
        ask,
        waiting,
        letter,
        notice,
        closed,
    })
}

/// When the day of `now` began.
fn midnight(now: Timestamp) -> Timestamp {
    let day = now.to_jiff().to_zoned(clock::zone()).start_of_day();
    day.map_or(now, |day| Timestamp::from_jiff(day.timestamp()))
}

fn greeting(visit: &Visit, patient_name: &str) -> String {
    let name = if visit.subject.unit().is_some() { patient_name } else { &visit.subject.name };
    let first = name.split_whitespace().next().unwrap_or_default().to_owned();
    let hour = visit.now.to_jiff().to_zoned(clock::zone()).hour();
    let key = match hour {
        5..=9 => "greeting-morning",
        18..=23 => "greeting-evening",
        _ => "greeting-day",
    };
    visit.text.with(key, &[("name", first.into())])
}

/// The latest of each kind that came today, in the order of the day.
fn done(today: &[&Recorded], usual: (&Chart, &Policy), visit: &Visit) -> Vec<Done> {
    let mut latest: Vec<&Recorded> = Vec::new();
    for one in today {
        latest.retain(|kept| kept.reading.kind_key() != one.reading.kind_key());
        latest.push(one);
    }
    latest.iter().filter_map(|one| done_one(one, usual, visit)).collect()
}

fn done_one(recorded: &Recorded, (chart, policy): (&Chart, &Policy), visit: &Visit) -> Option<Done> {
    let (text, reading) = (visit.text, &recorded.reading);
    let at = format::clock_time(reading.at);
    let detail = |value: String| text.with("me-at", &[("value", value.into()), ("time", at.clone().into())]);
    let Content::Vitals { kind, outcome, .. } = &reading.content else {
        let detail = text.with("me-clock", &[("time", at.into())]);
        return Some(Done { title: text.t("me-done-symptoms"), detail, word: None, failed: false });
    };
    match outcome {
        Outcome::Measured => {
            let value = values(recorded, text)?;
            let word = dialogue::feedback(reading, chart, policy);
            let word = Some(text.0.pick(&word.sv, &word.en).to_owned());
            Some(Done { title: text.t(done_key(*kind)), detail: detail(value), word, failed: false })
        }
        Outcome::Failed => {
            let (title, detail) = (text.t("me-failed"), text.t("me-failed-next"));
            Some(Done { title, detail, word: None, failed: true })
        }
        Outcome::Unstable | Outcome::Stub => None,
    }
}

const fn done_key(kind: Kind) -> &'static str {
    match kind {
        Kind::Weight | Kind::BodyComposition => "me-done-weight",
        Kind::BloodPressure | Kind::CuffPressure => "me-done-pressure",
        Kind::PulseOximetry => "me-done-oxygen",
        Kind::Temperature => "me-done-temperature",
        Kind::HeartRate => "me-done-pulse",
        Kind::Clock => "me-done-clock",
    }
}

/// The values of a measurement as one reads them aloud: `80,6 kg`, `128/76, puls 71`.
pub(super) fn values(recorded: &Recorded, text: Text) -> Option<String> {
    let reading = &recorded.reading;
    let number =
        |quantity, decimals| reading.measured(quantity).map(|value| format::decimal(value, decimals, text.0));
    let pulse =
        number(Quantity::PulsePerMin, 0).map(|pulse| text.with("me-pulse", &[("pulse", pulse.into())]));
    let main = if let Some(weight) = number(Quantity::WeightKg, 1) {
        Some(format!("{weight}{THIN}kg"))
    } else if let Some(systolic) = number(Quantity::SystolicMmhg, 0) {
        let diastolic = number(Quantity::DiastolicMmhg, 0).unwrap_or_else(|| "–".to_owned());
        Some(format!("{systolic}/{diastolic}"))
    } else if let Some(oxygen) = number(Quantity::Spo2Percent, 0) {
        Some(format!("{oxygen}{THIN}%"))
    } else {
        number(Quantity::TemperatureCelsius, 1).map(|degrees| format!("{degrees}{THIN}°C"))
    };
    let parts: Vec<String> = main.into_iter().chain(pulse).collect();
    if parts.is_empty() { None } else { Some(parts.join(", ")) }
}

fn asked(pending: &Dialogue, text: Text) -> Ask {
    let begun = pending.changed_at.is_some();
    let (title, more) = match pending.asking.as_deref().map(first_sentence) {
        Some((title, rest)) if !rest.is_empty() => (title, rest),
        Some(_) | None => (text.t("me-form-due"), text.t("me-form-due-more")),
    };
    let button = text.t(if begun { "me-ask-on" } else { "me-ask-button" });
    Ask { title, more, href: "/me/questions", button }
}

/// The first sentence of `body`, and what comes after it.
fn first_sentence(body: &str) -> (String, String) {
    let end = body.find(". ").map_or(body.len(), |dot| dot + 1);
    let (first, rest) = body.split_at(end);
    (first.trim().to_owned(), rest.trim().to_owned())
}

/// The short form, when its time has come.
fn form_due(
    recorded: &[Recorded],
    schedule: &Schedule,
    form_days: u32,
    now: Timestamp,
    text: Text,
) -> Option<Ask> {
    let last = recorded.iter().rev().find(|one| one.reading.symptoms().is_some()).map(|one| one.reading.at);
    let is_due = schedule.form_is_due(last.map(format::day_of), form_days, format::day_of(now));
    if !is_due {
        return None;
    }
    Some(Ask {
        title: text.t("me-form-due"),
        more: text.t("me-form-due-more"),
        href: "/me/form",
        button: text.t("me-ask-button"),
    })
}

/// What this person usually measures and has not today. Weighing is everybody's. Days of their own come before habit.
fn waiting(
    recorded: &[Recorded],
    today: &[&Recorded],
    schedule: &Schedule,
    now: Timestamp,
    text: Text,
) -> Vec<Waiting> {
    let expects = |measured, usual| schedule.expects(measured, format::day_of(now)).unwrap_or(usual);
    let has = |quantity| today.iter().any(|one| one.reading.measured(quantity).is_some());
    let mut waiting = Vec::new();
    if expects(Measured::Weight, true) && !has(Quantity::WeightKg) {
        waiting.push(Waiting { title: text.t("me-wait-weight"), detail: text.t("me-wait-weight-how") });
    }
    let measures_pressure = recorded.iter().any(|one| one.reading.measured(Quantity::SystolicMmhg).is_some());
    if expects(Measured::BloodPressure, measures_pressure) && !has(Quantity::SystolicMmhg) {
        waiting.push(Waiting { title: text.t("me-wait-pressure"), detail: text.t("me-wait-pressure-how") });
    }
    waiting
}

/// That staff wrote last, with who and when.
fn letter(talk: &[Message], visit: &Visit) -> Option<String> {
    let last = talk.iter().rev().find(|message| message.author_kind != AuthorKind::System)?;
    if last.author_kind != AuthorKind::Staff {
        return None;
    }
    let when = format::moment(last.at, visit.now, visit.text);
    let values = [("name", last.author_name.clone().into()), ("when", when.into())];
    Some(visit.text.with("me-letter", &values))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_sentence_stands_by_itself() {
        let rows = [
            (
                "Din vikt har gått upp 2,4 kg. Svara gärna. Ring 112.",
                ("Din vikt har gått upp 2,4 kg.", "Svara gärna. Ring 112."),
            ),
            ("Hur mår du?", ("Hur mår du?", "")),
            ("", ("", "")),
        ];
        for (body, (first, rest)) in rows {
            assert_eq!(first_sentence(body), (first.to_owned(), rest.to_owned()), "{body}");
        }
    }
}
