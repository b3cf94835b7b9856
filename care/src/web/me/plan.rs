//! `/me/plan`: the plan, the medicines, who takes part in the care, and who has read the record.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use jiff::civil::Date;

use super::{open, whose};
use crate::access::{Action, Role};
use crate::audit::{self, Logged};
use crate::people::{self, Medication, PatientFacts};
use crate::plans;
use crate::web::AppState;
use crate::web::failure::Failure;
use crate::web::format;
use crate::web::frame::Frame;
use crate::web::page::draw;
use crate::web::plan::schedule_lines;
use crate::web::text::Text;
use crate::web::visit::{OwnVisit, Visit};

/// How many lines of readers the page shows; the whole list is a question to care.
const READERS_MAX: usize = 60;

struct MedicineRow {
    name: String,
    dose: String,
    since: String,
}

struct ReaderRow {
    day: String,
    who: String,
    what: String,
}

#[derive(Template)]
#[template(path = "me/plan.html")]
struct Page {
    frame: Frame,
    whose: Option<String>,
    plan: Vec<String>,
    plan_by: Option<String>,
    target: Option<String>,
    diuretic: Vec<String>,
    schedule: Vec<String>,
    paused: Vec<String>,
    medicines: Vec<MedicineRow>,
    units: Vec<String>,
    readers: Vec<ReaderRow>,
}

/// `GET /me/plan`.
pub(crate) async fn show(State(state): State<AppState>, own: OwnVisit) -> Result<Response, Failure> {
    let facts = open(&state, &own, Action::ReadAudit).await?;
    let visit = &own.visit;
    let mut reader = state.store.read().await?;
    let medications = people::medications(&mut reader, &own.patient).await?;
    let said = plans::Plan::of(&plans::history(&mut reader, &own.patient).await?, visit.now);
    let logged = audit::rows(&mut reader, Some(&own.patient), None).await?;
    drop(reader);
    draw(&Page {
        frame: Frame::of(&state, visit, "plan", visit.text.t("nav-plan")),
        whose: whose(visit, &facts),
        plan: facts.plan_text.iter().flat_map(|text| text.lines()).map(str::to_owned).collect(),
        plan_by: plan_by(&facts, visit),
        target: said.target_kg.map(|kg| format!("{}{}kg", format::number(kg, visit.text.0), format::THIN)),
        diuretic: said.diuretic.iter().flat_map(|text| text.lines()).map(str::to_owned).collect(),
        schedule: schedule_lines(&said.schedule, visit.text),
        paused: said.pauses.iter().filter_map(|pause| paused(pause, visit)).collect(),
        medicines: medications.iter().filter_map(|one| medicine_row(one, visit)).collect(),
        units: facts.units.iter().map(|unit| format!("{}, {}", unit.name, unit.organisation_name)).collect(),
        readers: readers(&logged, &facts, visit),
    })
}

/// `från 3 maj 08:00 till 10 maj 20:00`.
fn paused(pause: &plans::Absence, visit: &Visit) -> Option<String> {
    let word = |at| format::moment(at, visit.now, visit.text);
    let values = [("from", word(pause.from).into()), ("until", word(pause.until?).into())];
    Some(visit.text.with("monitoring-from-until", &values))
}

fn day_word(day: Date, visit: &Visit) -> String {
    format::day_word(day, format::day_of(visit.now), visit.text)
}

fn plan_by(facts: &PatientFacts, visit: &Visit) -> Option<String> {
    let by = facts.plan_by.clone()?;
    let Some(changed) = facts.plan_changed else { return Some(by) };
    let day = day_word(format::day_of(changed), visit);
    Some(visit.text.with("plan-by", &[("by", by.into()), ("day", day.into())]))
}

fn medicine_row(medicine: &Medication, visit: &Visit) -> Option<MedicineRow> {
    if medicine.until.is_some_and(|until| until <= visit.now) {
        return None;
    }
    let day = day_word(format::day_of(medicine.from), visit);
    let since =
        visit.text.with("medicine-since", &[("day", day.into()), ("by", medicine.changed_by.clone().into())]);
    Some(MedicineRow { name: medicine.name.clone(), dose: medicine.dose.clone(), since })
}

/// Who but the patient has read or tried to, one line a day, person and kind of act, the latest day first.
fn readers(logged: &[Logged], facts: &PatientFacts, visit: &Visit) -> Vec<ReaderRow> {
    let text = visit.text;
    let mut lines: BTreeMap<(Date, String, String), usize> = BTreeMap::new();
    for row in logged {
        let entry = &row.entry;
        if entry.actor_kind == "patient" && entry.actor == facts.id.as_str() {
            continue;
        }
        let key = (format::day_of(row.at), who(row, facts, text), what(row, text));
        *lines.entry(key).or_default() += 1;
    }
    lines
        .into_iter()
        .rev()
        .take(READERS_MAX)
        .map(|((day, who, what), times)| ReaderRow {
            day: format::capital(&day_word(day, visit)),
            who,
            what: if times == 1 {
                what
            } else {
                text.with("reader-times", &[("what", what.into()), ("count", times.into())])
            },
        })
        .collect()
}

fn who(row: &Logged, facts: &PatientFacts, text: Text) -> String {
    let entry = &row.entry;
    match entry.actor_kind.as_str() {
        "staff" => {
            let role =
                Role::from_key(&entry.role).map_or_else(|| entry.role.clone(), |role| role_word(role, text));
            let unit = facts.units.iter().find(|unit| unit.id == entry.unit);
            format!("{}, {}", format::capital(&role), unit.map_or(entry.unit.as_str(), |unit| &unit.name))
        }
        "proxy" => text.t("reader-proxy"),
        _ => text.t("reader-system"),
    }
}

fn role_word(role: Role, text: Text) -> String {
    text.t(match role {
        Role::HeartFailureNurse => "role-heart-failure-nurse",
        Role::Physician => "role-physician",
        Role::MunicipalNurse => "role-municipal-nurse",
        Role::HomeCare => "role-home-care",
        Role::MeasuringSupport => "role-measuring-support",
        Role::Technician => "role-technician",
        Role::Administrator => "role-administrator",
    })
}

fn what(row: &Logged, text: Text) -> String {
    if row.entry.decision == "denied" {
        return text.t("reader-denied");
    }
    match row.entry.action.as_str() {
        "read" | "read_audit" | "list" => text.t("reader-read"),
        "write message" => text.t("reader-wrote"),
        action if action.starts_with("task ") => text.t("reader-worked"),
        action if action.starts_with("export") => text.t("reader-exported"),
        _ => text.t("reader-other"),
    }
}
