//! One row of the register's tables: compared with what the store holds, and written where it differs.

use crate::store::sql::{self, Query};
use crate::store::{StoreError, Tx};

/// A row as text, column by column, so that one comparison serves every table.
pub(super) type Columns<'a> = Vec<(&'static str, Cell<'a>)>;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell<'a> {
    Text(&'a str),
    OptionalText(Option<String>),
    OptionalNumber(Option<i64>),
    Number(i64),
}

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Row {
    /// It was there, as written.
    Agrees,
    /// It is new.
    Added,
    /// It was there, otherwise.
    Changed,
}

/// Adds or changes the row of `table` that `key` names, so that its other columns are `rest`. A row that is added gets the
/// columns `once` too, which never change after that.
///
/// # Errors
/// [`StoreError`] of the database.
pub(super) async fn upsert(
    tx: &mut Tx,
    table: &'static str,
    key: &Columns<'_>,
    rest: &Columns<'_>,
    once: &Columns<'_>,
) -> Result<Row, StoreError> {
    let became = compare(tx, table, key, rest).await?;
    if became == Row::Agrees {
        return Ok(became);
    }
    let names = |columns: &Columns<'_>| columns.iter().map(|(name, _)| *name).collect::<Vec<_>>();
    let all = [names(key), names(rest), names(once)].concat();
    let places = (1..=all.len()).map(|at| format!("${at}")).collect::<Vec<_>>().join(", ");
    let sets =
        names(rest).iter().map(|name| format!("{name} = excluded.{name}")).collect::<Vec<_>>().join(", ");
    let on_conflict = if sets.is_empty() { "NOTHING".to_owned() } else { format!("UPDATE SET {sets}") };
    let sql = format!(
        "INSERT INTO {table} ({}) VALUES ({places}) ON CONFLICT ({}) DO {on_conflict}",
        all.join(", "),
        names(key).join(", ")
    );
    bound(sql::query(sqlx::AssertSqlSafe(sql)), [key, rest, once]).execute(tx).await?;
    Ok(became)
}

/// Whether the row is there, and agrees. Table and column names are literals of this room; every value is bound.
async fn compare(
    tx: &mut Tx,
    table: &'static str,
    key: &Columns<'_>,
    rest: &Columns<'_>,
) -> Result<Row, StoreError> {
    let matches = key.iter().enumerate().map(|(at, (name, _))| format!("{name} = ${}", at + 1));
    let matches = matches.collect::<Vec<_>>().join(" AND ");
    let agrees =
        (key.len() + 1..).zip(rest).map(|(at, (name, _))| format!("{name} IS NOT DISTINCT FROM ${at}"));
    let agrees = std::iter::once("1 = 1".to_owned()).chain(agrees).collect::<Vec<_>>().join(" AND ");
    let sql = format!("SELECT ({agrees}) AS agrees FROM {table} WHERE {matches}");
    let found = bound(sql::query(sqlx::AssertSqlSafe(sql)), [key, rest]).fetch_optional(tx).await?;
    Ok(match found.map(|row| row.try_get::<i64, _>("agrees")).transpose()? {
        Some(0) => Row::Changed,
        Some(_) => Row::Agrees,
        None => Row::Added,
    })
}

fn bound<'q, const N: usize>(query: Query<'q>, columns: [&Columns<'_>; N]) -> Query<'q> {
    columns.into_iter().flatten().fold(query, |query, (_, cell)| bind(query, cell))
}

fn bind<'q>(query: Query<'q>, cell: &Cell<'_>) -> Query<'q> {
    match cell {
        Cell::Text(text) => query.bind((*text).to_owned()),
        Cell::OptionalText(text) => query.bind(text.clone()),
        Cell::OptionalNumber(number) => query.bind(*number),
        Cell::Number(number) => query.bind(*number),
    }
}
