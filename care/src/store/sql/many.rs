//! Many at once: a list of values as one value of a statement, and many rows in few statements.
//!
//! A list is an array to PostgreSQL and a JSON array to SQLite; [`each`] makes a table of it in either. Rows go to PostgreSQL as
//! one array a column, and to SQLite as many rows of values, in a few fixed numbers of rows so that the statements, once
//! prepared, serve again. COPY is not used: its data and its end are two packets, and without TCP_NODELAY, which the driver does
//! not set, the second waits 40 ms for the first to be acknowledged.
//!
//! **Invariant:** the rows are in the table in the order they were given, or the transaction is of no use any more.

use std::borrow::Cow;

use sqlx::{AssertSqlSafe, Error};

use super::answer::Query;
use super::value::Value;
use super::{Connection, Dialect};

/// Values of one kind.
#[derive(Clone, Debug, PartialEq)]
pub enum List<'q> {
    /// `BIGINT`s.
    Integers(Vec<Option<i64>>),
    /// `DOUBLE PRECISION`s.
    Floats(Vec<Option<f64>>),
    /// `TEXT`s.
    Texts(Vec<Option<Cow<'q, str>>>),
}

impl<'q> List<'q> {
    /// Of texts.
    pub fn of_texts(texts: impl IntoIterator<Item = &'q str>) -> Self {
        Self::Texts(texts.into_iter().map(|text| Some(Cow::Borrowed(text))).collect())
    }

    /// As SQLite takes it.
    pub(super) fn json(&self) -> String {
        let text = match self {
            Self::Integers(values) => serde_json::to_string(values),
            Self::Floats(values) => serde_json::to_string(values),
            Self::Texts(values) => serde_json::to_string(values),
        };
        // Numbers and texts can always be written; no value is ever left out for one that cannot.
        text.unwrap_or_default()
    }
}

/// The table with the one column `value` that the texts bound at `$place` make.
#[must_use]
pub fn each(dialect: Dialect, place: usize) -> String {
    match dialect {
        Dialect::Sqlite => format!("json_each(${place}) AS each"),
        Dialect::Postgres => format!("unnest(${place}::text[]) AS each (value)"),
    }
}

/// A column to be written: its name, and what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Into {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub holds: Holds,
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// `BIGINT`.
    Integer,
    /// `DOUBLE PRECISION`.
    Float,
    /// `TEXT`.
    Text,
}

impl Holds {
    const fn array(self) -> &'static str {
        match self {
            Self::Integer => "bigint[]",
            Self::Float => "double precision[]",
            Self::Text => "text[]",
        }
    }
}

/// How many rows a statement of SQLite has, the most first.
const ROWS: [usize; 4] = [200, 50, 7, 1];
/// The most rows in one statement of PostgreSQL, so that no message grows without bound.
const ROWS_MAX: usize = 5_000;

/// Inserts `values`, row after row, into `columns` of `table`; `rest` follows, such as what to do in a conflict.
///
/// # Errors
/// [`Error`] of the database; then the transaction is to be dropped.
pub async fn insert(
    connection: &mut Connection,
    table: &'static str,
    columns: &[Into],
    values: Vec<Value<'_>>,
    rest: &'static str,
) -> Result<(), Error> {
    let names = columns.iter().map(|column| column.name).collect::<Vec<_>>().join(", ");
    let into = format!("INTO {table} ({names})");
    match connection.dialect() {
        // Whatever fails ends the transaction, so SQLite need not be able to take back the statement alone: for that it would
        // copy each page it changes.
        Dialect::Sqlite if rest.is_empty() => {
            as_rows(connection, &format!("INSERT OR FAIL {into}"), columns.len(), values, rest).await
        }
        Dialect::Sqlite => as_rows(connection, &format!("INSERT {into}"), columns.len(), values, rest).await,
        Dialect::Postgres => as_columns(connection, &format!("INSERT {into}"), columns, values, rest).await,
    }
}

async fn as_rows(
    connection: &mut Connection,
    head: &str,
    width: usize,
    values: Vec<Value<'_>>,
    rest: &str,
) -> Result<(), Error> {
    let row = format!("({}),", vec!["?"; width].join(","));
    let mut left = values.len() / width.max(1);
    let mut values = values.into_iter();
    for count in ROWS {
        while left >= count {
            let rows = row.repeat(count);
            let sql = format!("{head} VALUES {} {rest}", rows.trim_end_matches(','));
            let query = Query::new(sqlx::SqlSafeStr::into_sql_str(AssertSqlSafe(sql)))
                .with(values.by_ref().take(count * width));
            query.execute(connection).await?;
            left -= count;
        }
    }
    Ok(())
}

async fn as_columns(
    connection: &mut Connection,
    head: &str,
    columns: &[Into],
    values: Vec<Value<'_>>,
    rest: &str,
) -> Result<(), Error> {
    let arrays: Vec<String> =
        (1..).zip(columns).map(|(place, column)| format!("${place}::{}", column.holds.array())).collect();
    // A conflict clause after a bare SELECT would read as a join's condition to one of the databases.
    let sql = format!("{head} SELECT * FROM unnest({}) WHERE TRUE {rest}", arrays.join(", "));
    for rows in values.chunks(columns.len() * ROWS_MAX) {
        let count = rows.len() / columns.len();
        let mut lists: Vec<List<'_>> = columns.iter().map(|column| empty(column.holds, count)).collect();
        for row in rows.chunks(columns.len()) {
            for (list, value) in lists.iter_mut().zip(row) {
                push(list, value)?;
            }
        }
        let query = Query::new(sqlx::SqlSafeStr::into_sql_str(AssertSqlSafe(sql.clone())));
        lists.into_iter().fold(query, Query::bind_list).execute(connection).await?;
    }
    Ok(())
}

fn empty<'q>(holds: Holds, room: usize) -> List<'q> {
    match holds {
        Holds::Integer => List::Integers(Vec::with_capacity(room)),
        Holds::Float => List::Floats(Vec::with_capacity(room)),
        Holds::Text => List::Texts(Vec::with_capacity(room)),
    }
}

fn push<'q>(list: &mut List<'q>, value: &'q Value<'_>) -> Result<(), Error> {
    let storable = |text: &'q str| Value::storable(Cow::Borrowed(text));
    match (list, value) {
        (List::Integers(list), Value::Integer(value)) => list.push(*value),
        (List::Floats(list), Value::Float(value)) => list.push(*value),
        (List::Texts(list), Value::Text(value)) => list.push(value.as_deref().map(storable)),
        (List::Texts(list), Value::Shared(value)) => list.push(Some(storable(value))),
        (List::Integers(_) | List::Floats(_) | List::Texts(_), _) => {
            return Err(holds_something_else());
        }
    }
    Ok(())
}

fn holds_something_else() -> Error {
    Error::Encode("a row holds something else than its columns".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;
    use crate::store::sql::{IntoValue, query_as, query_scalar};

    /// Around each fixed number of rows: all of them arrive, each in its place, and a conflict does what was asked.
    #[tokio::test]
    async fn any_number_of_rows_arrives_in_order() {
        const INTO: [Into; 2] =
            [Into { name: "name", holds: Holds::Text }, Into { name: "value", holds: Holds::Integer }];
        let directory = tempfile::tempdir().expect("a temporary directory");
        let store = Store::open(directory.path()).await.expect("a store");
        for count in [0_i64, 1, 6, 7, 8, 49, 57, 399, 400, 458, 1_201] {
            let mut tx = store.write().await.expect("a transaction");
            query_as::<(i64,)>("DELETE FROM counter").fetch_all(&mut tx).await.expect("deletes");
            let rows = |by: i64| {
                (0..count)
                    .flat_map(move |n| [format!("n{n:05}").into_value(), (n + by).into_value()])
                    .collect()
            };
            insert(&mut tx, "counter", &INTO, rows(0), "").await.expect("inserts");
            let again = "ON CONFLICT (name) DO UPDATE SET value = excluded.value";
            insert(&mut tx, "counter", &INTO, rows(7), again).await.expect("updates");
            let values: Vec<i64> = query_scalar("SELECT value FROM counter ORDER BY name")
                .fetch_all(&mut tx)
                .await
                .expect("reads");
            assert_eq!(values, (7..count + 7).collect::<Vec<_>>());
        }
    }

    /// Whatever a text holds, it comes back; a character 0, which PostgreSQL has none of, as its picture there.
    #[tokio::test]
    async fn texts_arrive_as_they_were() {
        const INTO: [Into; 2] =
            [Into { name: "place", holds: Holds::Integer }, Into { name: "said", holds: Holds::Text }];
        const TABLE: &str = "CREATE TEMPORARY TABLE told (place BIGINT, said TEXT)";
        let directory = tempfile::tempdir().expect("a temporary directory");
        let store = crate::store::trial::open(directory.path()).await.expect("a store");
        let mut tx = store.write().await.expect("a transaction");
        let texts =
            ["plain", "\\N", "\\.", "a\tb\nc\rd\\e", "\\\\t", "Å\u{1F9E1}", "", "null", "'\"{}", "a\0b"];
        let held = |text: &str| match tx.dialect() {
            Dialect::Sqlite => text.to_owned(),
            Dialect::Postgres => text.replace('\0', "\u{2400}"),
        };
        let expected: Vec<Option<String>> = texts.map(held).into_iter().map(Some).chain([None]).collect();
        let mut values: Vec<Value<'_>> = Vec::new();
        for (place, text) in (0_i64..).zip(texts) {
            values.extend([place.into_value(), std::sync::Arc::<str>::from(text).into_value()]);
        }
        values.extend([99_i64.into_value(), Value::Text(None)]);
        crate::store::sql::query(TABLE).execute(&mut tx).await.expect("a table");
        insert(&mut tx, "told", &INTO, values, "").await.expect("inserts");
        let read: Vec<Option<String>> =
            query_scalar("SELECT said FROM told ORDER BY place").fetch_all(&mut tx).await.expect("reads");
        assert_eq!(read, expected);
    }

    #[tokio::test]
    async fn a_list_is_a_table() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let store = Store::open(directory.path()).await.expect("a store");
        let mut reader = store.read().await.expect("a connection");
        let texts = ["plain", "with \"quotes\" and, commas", "Å", ""];
        let sql = format!("SELECT value FROM {}", each(reader.dialect(), 1));
        let read: Vec<String> = query_scalar(AssertSqlSafe(sql))
            .bind_list(List::of_texts(texts))
            .fetch_all(&mut reader)
            .await
            .expect("reads");
        assert_eq!(read, texts);
    }
}
