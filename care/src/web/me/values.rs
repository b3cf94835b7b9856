//! `/me/values`: one's own values, as pictures and as a table.

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::{open, today, whose};
use crate::access::Action;
use crate::patient_view;
use crate::readings::Recorded;
use crate::web::AppState;
use crate::web::failure::Failure;
use crate::web::format;
use crate::web::frame::Frame;
use crate::web::page::draw;
use crate::web::patient::charts::{Drawn, own_charts};
use crate::web::visit::{OwnVisit, Visit};

/// How far back the page goes, days.
const VALUES_DAYS: u16 = 30;

struct ValueRow {
    day: String,
    time: String,
    value: String,
}

#[derive(Template)]
#[template(path = "me/values.html")]
struct Page {
    frame: Frame,
    whose: Option<String>,
    charts: Vec<Drawn>,
    rows: Vec<ValueRow>,
}

/// `GET /me/values`.
pub(crate) async fn show(State(state): State<AppState>, own: OwnVisit) -> Result<Response, Failure> {
    let facts = open(&state, &own, Action::Read).await?;
    let visit = &own.visit;
    let mut reader = state.store.read().await?;
    let record = patient_view::record(&mut reader, &own.patient, VALUES_DAYS, visit.now).await?;
    drop(reader);
    draw(&Page {
        frame: Frame::of(&state, visit, "values", visit.text.t("values-title")),
        whose: whose(visit, &facts),
        charts: if record.readings.is_empty() { Vec::new() } else { own_charts(&record, visit.text) },
        rows: record.readings.iter().rev().filter_map(|one| value_row(one, visit)).collect(),
    })
}

fn value_row(recorded: &Recorded, visit: &Visit) -> Option<ValueRow> {
    let (text, at) = (visit.text, recorded.reading.at);
    let value = if recorded.reading.symptoms().is_some() {
        text.t("values-answered")
    } else {
        today::values(recorded, text)?
    };
    let day = format::day_word(format::day_of(at), format::day_of(visit.now), text);
    Some(ValueRow { day: format::capital(&day), time: format::clock_time(at), value })
}
