//! `/patients/{id}/readers`: who has read the record, when, and why they might.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use vitals::PatientId;

use crate::access::{self, Action, Role};
use crate::language::Language;
use crate::patient_view::{self, ReadBy};
use crate::web::AppState;
use crate::web::failure::Failure;
use crate::web::format::{day_month, moment};
use crate::web::frame::Frame;
use crate::web::page::draw;
use crate::web::text::Text;
use crate::web::visit::{StaffVisit, Visit};

/// The most lines of one page.
const LINES_MAX: i64 = 500;

struct Line {
    when: String,
    name: String,
    role: String,
    place: String,
    action: String,
    allowed: bool,
    reason: String,
}

#[derive(Template)]
#[template(path = "patient/readers.html")]
struct Page {
    frame: Frame,
    patient: PatientId,
    name: String,
    lines: Vec<Line>,
    cut: bool,
}

/// `GET /patients/{id}/readers`.
pub(crate) async fn show(
    State(state): State<AppState>,
    StaffVisit(visit): StaffVisit,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let patient: PatientId = id.parse().map_err(|_| Failure::Missing)?;
    let opened =
        access::open_patient(&state.store, &visit.subject, &patient, Action::ReadAudit, visit.now).await?;
    let read = patient_view::readers(&mut *state.store.read().await?, &patient, LINES_MAX).await?;
    let title = visit.text.with("readers-title", &[("name", opened.facts.name.clone().into())]);
    draw(&Page {
        frame: Frame::of(&state, &visit, "patients", title),
        name: opened.facts.name,
        cut: i64::try_from(read.len()).unwrap_or(i64::MAX) >= LINES_MAX,
        lines: read.iter().map(|one| line(one, &visit)).collect(),
        patient,
    })
}

fn line(read: &ReadBy, visit: &Visit) -> Line {
    let text = visit.text;
    let place = [read.unit.clone(), read.organisation.clone()];
    Line {
        when: moment(read.at, visit.now, text),
        name: read.name.clone(),
        role: role(read, text),
        place: place.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(", "),
        action: action(&read.action, text),
        allowed: read.allowed,
        reason: reason(&read.reason, text),
    }
}

fn role(read: &ReadBy, text: Text) -> String {
    let key = match Role::from_key(&read.role) {
        Some(Role::HeartFailureNurse) => "role-heart-failure-nurse",
        Some(Role::Physician) => "role-physician",
        Some(Role::MunicipalNurse) => "role-municipal-nurse",
        Some(Role::HomeCare) => "role-home-care",
        Some(Role::MeasuringSupport) => "role-measuring-support",
        Some(Role::Technician) => "role-technician",
        Some(Role::Administrator) => "role-administrator",
        None => match read.kind.as_str() {
            "patient" => "role-patient",
            "proxy" => "role-proxy",
            _ => "role-system",
        },
    };
    text.t(key)
}

/// The action in words; a kind of entry that this page does not know stands as it was logged.
fn action(action: &str, text: Text) -> String {
    match action {
        "read" => text.t("action-read"),
        "list" => text.t("action-list"),
        "worklist" => text.t("action-worklist"),
        "patients" => text.t("action-patients"),
        "write" => text.t("action-write"),
        "read_audit" => text.t("action-read-audit"),
        other => other.to_owned(),
    }
}

/// The reason in the reader's language. It is logged in English; one that this page does not know stands as it was logged.
fn reason(logged: &str, text: Text) -> String {
    let key = match logged {
        "care relation" => "reason-relation",
        "your own record" => "reason-own",
        "next of kin" => "reason-proxy",
        "no care relation" => "reason-no-relation",
        "this role reads no records" => "reason-role",
        "the patient has not consented to sharing across organisations" => "reason-no-consent",
        "command line" => "reason-command-line",
        other => {
            let consent = other.strip_prefix("care relation and consent ").and_then(|day| day.parse().ok());
            return match consent {
                Some(day) => text.with("reason-consent", &[("day", day_year(day, text.0).into())]),
                None => logged.to_owned(),
            };
        }
    };
    text.t(key)
}

/// `3 mars 2026`.
fn day_year(day: jiff::civil::Date, language: Language) -> String {
    format!("{} {}", day_month(day, language), day.year())
}
