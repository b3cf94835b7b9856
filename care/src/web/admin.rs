//! `/admin`: who is who, for administrators: every table of the register, a form for each entry, and a whole register at once.
//!
//! Knows no clinical data and shows none; plans and medicines are written in a register, not read here. What is valid is
//! the register's to say. Works without scripts.
//!
//! **Invariant:** nothing is changed but through [`register::apply_as`]; what was refused is shown again as it was typed,
//! passwords apart.

use crate::store::sql::Connection;
use askama::Template;
use axum::Form;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::AppState;
use super::failure::Failure;
use super::frame::Frame;
use super::page::{draw, draw_as};
use super::visit::{AdministratorVisit, Visit};
use crate::policies::Book;
use crate::register::listing::{self, Fields, Holds, Table};
use crate::register::{self, ApplyError, Register, RegisterError};
use crate::store::StoreError;

mod entries;

use entries::{EntryForm, Row};

/// A table to choose.
struct TableLink {
    key: &'static str,
    word: String,
    current: bool,
}

#[derive(Template)]
#[template(path = "admin/page.html")]
struct Whole {
    frame: Frame,
    tables: Vec<TableLink>,
    done: Option<String>,
    wrong: Option<String>,
    kept: String,
}

#[derive(Template)]
#[template(path = "admin/table.html")]
struct TablePage {
    frame: Frame,
    tables: Vec<TableLink>,
    table: &'static str,
    columns: Vec<String>,
    rows: Vec<Row>,
    form: EntryForm,
    done: Option<String>,
    wrong: Option<String>,
}

/// What the address asks for.
#[derive(Default, Deserialize)]
pub(crate) struct Asked {
    /// How many things the last form changed.
    done: Option<i64>,
    /// The entry to change.
    entry: Option<String>,
}

/// A register that was pasted.
#[derive(Deserialize)]
pub(crate) struct Pasted {
    register: String,
}

/// `GET /admin`.
pub(crate) async fn show(
    State(state): State<AppState>,
    AdministratorVisit(visit): AdministratorVisit,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    draw(&whole(&state, &visit, asked.done))
}

fn whole(state: &AppState, visit: &Visit, done: Option<i64>) -> Whole {
    Whole {
        frame: Frame::of(state, visit, "admin", visit.text.t("admin-title")),
        tables: tables(visit, None),
        done: done.map(|count| visit.text.count("admin-done", count)),
        wrong: None,
        kept: String::new(),
    }
}

fn tables(visit: &Visit, current: Option<Table>) -> Vec<TableLink> {
    let link = |table: Table| TableLink {
        key: table.key(),
        word: entries::table_word(table, visit.text),
        current: current == Some(table),
    };
    Table::ALL.into_iter().map(link).collect()
}

/// `POST /admin/register`: a whole register.
pub(crate) async fn paste(
    State(state): State<AppState>,
    AdministratorVisit(visit): AdministratorVisit,
    Form(pasted): Form<Pasted>,
) -> Result<Response, Failure> {
    match apply(&state, &visit, Register::parse(&pasted.register)).await? {
        Ok(count) => Ok(Redirect::to(&format!("/admin?done={count}")).into_response()),
        Err(wrong) => {
            let page = Whole { wrong: Some(wrong), kept: pasted.register, ..whole(&state, &visit, None) };
            draw_as(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
    }
}

/// Applies a register: how many things it changed, or the one line that says what is wrong with it.
async fn apply(
    state: &AppState,
    visit: &Visit,
    register: Result<Register, RegisterError>,
) -> Result<Result<usize, String>, Failure> {
    let register = match register {
        Ok(register) => register,
        Err(wrong) => return Ok(Err(wrong.to_string())),
    };
    let policies: Vec<&str> = state.policies.iter().map(String::as_str).collect();
    match register::apply_as(&state.store, &register, &policies, &visit.subject, visit.now).await {
        Ok(changed) => Ok(Ok(changed.len())),
        Err(ApplyError::Register(wrong)) => Ok(Err(wrong.to_string())),
        Err(ApplyError::Store(error)) => Err(error.into()),
    }
}

/// `GET /admin/{table}`.
pub(crate) async fn show_table(
    State(state): State<AppState>,
    AdministratorVisit(visit): AdministratorVisit,
    Path(table): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let table = Table::from_key(&table).ok_or(Failure::Missing)?;
    let mut reader = state.store.read().await?;
    let all = listing::list(&mut reader, table).await?;
    let chosen = asked.entry.as_deref().map(|wanted| {
        all.iter().find(|fields| entries::address(table, fields) == wanted).ok_or(Failure::Missing)
    });
    let chosen = chosen.transpose()?.cloned();
    let editing = chosen.is_some();
    let fields = chosen.unwrap_or_else(|| entries::empty(table));
    let page = table_page(&state, &visit, &mut reader, table, (&all, &fields, editing)).await?;
    draw(&TablePage { done: asked.done.map(|count| visit.text.count("admin-done", count)), ..page })
}

async fn table_page(
    state: &AppState,
    visit: &Visit,
    reader: &mut Connection,
    table: Table,
    (all, fields, editing): (&[Fields], &Fields, bool),
) -> Result<TablePage, StoreError> {
    let text = visit.text;
    let units = listing::list(reader, Table::Unit).await?;
    let organisations = listing::list(reader, Table::Organisation).await?;
    let mut policies = state.policies.clone();
    for name in Book::load(reader).await?.names().into_iter().filter(|name| !name.contains('@')) {
        if !policies.contains(&name) {
            policies.push(name);
        }
    }
    let known = entries::Known { units: &units, organisations: &organisations, policies: &policies };
    let title = entries::table_word(table, text);
    Ok(TablePage {
        frame: Frame::of(state, visit, "admin", title),
        tables: tables(visit, Some(table)),
        table: table.key(),
        columns: entries::columns(table, text),
        rows: all.iter().map(|fields| entries::row(table, fields, visit)).collect(),
        form: entries::form(table, fields, editing, &known, text),
        done: None,
        wrong: None,
    })
}

/// `POST /admin/{table}`: one entry, added or changed.
pub(crate) async fn write(
    State(state): State<AppState>,
    AdministratorVisit(visit): AdministratorVisit,
    Path(table): Path<String>,
    Form(mut fields): Form<Fields>,
) -> Result<Response, Failure> {
    let table = Table::from_key(&table).ok_or(Failure::Missing)?;
    let editing = fields.remove("editing").is_some();
    let mut given = fields.clone();
    for (name, _) in table.fields().iter().filter(|(_, holds)| *holds == Holds::Time) {
        if let Some(value) = given.get_mut(*name) {
            *value = entries::as_time(value);
        }
    }
    let mut reader = state.store.read().await?;
    let patient = match given.get("patient") {
        Some(id) if table == Table::Proxy => {
            let patients = listing::list(&mut reader, Table::Patient).await?;
            patients.into_iter().find(|one| one.get("id").map(String::as_str) == Some(id.trim()))
        }
        Some(_) | None => None,
    };
    let all = listing::list(&mut reader, table).await?;
    drop(reader);
    match apply(&state, &visit, listing::register_of(table, &given, patient.as_ref())).await? {
        Ok(count) => Ok(Redirect::to(&format!("/admin/{}?done={count}", table.key())).into_response()),
        Err(wrong) => {
            let mut reader = state.store.read().await?;
            let page = table_page(&state, &visit, &mut reader, table, (&all, &fields, editing)).await?;
            draw_as(StatusCode::UNPROCESSABLE_ENTITY, &TablePage { wrong: Some(wrong), ..page })
        }
    }
}
