//! A whole store from one place to another, whichever database is in either: every row of every table as it was at one moment.
//!
//! It knows of tables only what the schema says, and that what changed last is noted anew where they arrive. The place it goes to must be empty, and is left as it was when the copy fails.
//!
//! **Invariant:** what was copied was read again and is, row by row, what was there.

use std::borrow::Cow;

use sha2::{Digest, Sha256};

use super::schema::{self, ColumnKind, Table};
use super::sql::{self, Connection, Dialect, Query, Row, Value};
use super::{Store, StoreError, Tx};

/// Rows that are read at a time, at most.
const PAGE: usize = 1_000;
/// Values in one statement, at most: the narrower of the two databases takes 32,766.
const VALUES_MAX: usize = 30_000;

/// Why a store was not copied. The place it was to go to is as it was.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// A store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is something where the copy was to go.
    #[error("the store {place} is not empty ({table} has rows); nothing was changed")]
    NotEmpty {
        /// The store.
        place: String,
        /// The first table with rows.
        table: String,
    },
    /// What was written is not what was read.
    #[error(
        "the copy of {table} is not what was read: {read} rows were read, {written} are there; nothing was kept"
    )]
    Differs {
        /// The table.
        table: String,
        /// How many rows were read.
        read: u64,
        /// How many were found again.
        written: u64,
    },
}

impl From<sqlx::Error> for CopyError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// How far a copy has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// A table that is done.
    pub table: String,
    /// Its rows.
    pub rows: u64,
}

/// Copies everything in `from` to `to`, telling `progress` of each table.
///
/// # Errors
/// [`CopyError`]; then `to` is as it was.
pub async fn copy(
    from: &Store,
    to: &Store,
    mut progress: impl FnMut(&Copied),
) -> Result<Vec<Copied>, CopyError> {
    let mut tables = schema::tables().await?;
    // Triggers write what changed as the rows arrive, numbered by a counter that must be there before the first of them.
    tables.retain(|table| table.name != "changed");
    tables.sort_by_key(|table| table.name != "counter");
    let mut source = from.snapshot().await?;
    let mut target = to.write().await?;
    clear(&mut target, &tables, to).await?;
    let mut done = Vec::with_capacity(tables.len());
    for table in &tables {
        let read = walk(&mut source, table, Some(&mut target)).await?;
        let written = walk(&mut target, table, None).await?;
        if read != written {
            let (table, read, written) = (table.name.clone(), read.rows, written.rows);
            return Err(CopyError::Differs { table, read, written });
        }
        let copied = Copied { table: table.name.clone(), rows: read.rows };
        progress(&copied);
        done.push(copied);
    }
    target.commit().await?;
    Ok(done)
}

/// Sees that `to` holds nothing but what its schema puts there, and takes that away; lets keys wait for the end.
async fn clear(target: &mut Tx, tables: &[Table], to: &Store) -> Result<(), CopyError> {
    for table in tables.iter().filter(|table| table.name != "counter") {
        let any = sqlx::AssertSqlSafe(format!("SELECT 1 FROM {} LIMIT 1", table.name));
        if sql::query(any).fetch_optional(target).await?.is_some() {
            return Err(CopyError::NotEmpty { place: to.address().to_string(), table: table.name.clone() });
        }
    }
    sql::query("DELETE FROM counter").execute(target).await?;
    let later = match target.dialect() {
        Dialect::Sqlite => "PRAGMA defer_foreign_keys = ON",
        Dialect::Postgres => "SET CONSTRAINTS ALL DEFERRED",
    };
    sql::query(later).execute(target).await?;
    Ok(())
}

/// What a table holds: how many rows, and a hash over them in the order of their keys.
#[derive(Debug, PartialEq, Eq)]
struct Held {
    rows: u64,
    hash: [u8; 32],
}

/// Goes through `table` in the order of its key, writing each page to `target` if there is one.
async fn walk(
    source: &mut Connection,
    table: &Table,
    mut target: Option<&mut Tx>,
) -> Result<Held, CopyError> {
    let mut hash = Sha256::new();
    let mut rows = 0;
    let mut last: Option<Vec<Value<'static>>> = None;
    loop {
        let page = page(source, table, last.as_deref()).await?;
        let Some(end) = page.last() else { break };
        last = Some(table.key.iter().map(|place| end[*place].clone()).collect());
        rows += page.len() as u64;
        page.iter().flatten().for_each(|value| add(&mut hash, value));
        if let Some(target) = target.as_deref_mut() {
            write(target, table, &page).await?;
        }
    }
    Ok(Held { rows, hash: hash.finalize().into() })
}

async fn page(
    source: &mut Connection,
    table: &Table,
    after: Option<&[Value<'static>]>,
) -> Result<Vec<Vec<Value<'static>>>, CopyError> {
    let names = |places: &mut dyn Iterator<Item = &str>| places.collect::<Vec<_>>().join(", ");
    let columns = names(&mut table.columns.iter().map(|column| column.name.as_str()));
    let key = names(&mut table.key.iter().map(|place| table.columns[*place].name.as_str()));
    let beyond = after.map_or_else(String::new, |after| {
        let values = (1..=after.len()).map(|number| format!("${number}")).collect::<Vec<_>>().join(", ");
        format!("WHERE ({key}) > ({values}) ")
    });
    let sql = format!("SELECT {columns} FROM {} {beyond}ORDER BY {key} LIMIT {PAGE}", table.name);
    // The names are those of the schema.
    let query = after.into_iter().flatten().cloned().fold(sql::query(sqlx::AssertSqlSafe(sql)), Query::bind);
    let rows = query.fetch_all(source).await?;
    Ok(rows.iter().map(|row| values_of(row, table)).collect::<Result<_, sqlx::Error>>()?)
}

fn values_of(row: &Row, table: &Table) -> Result<Vec<Value<'static>>, sqlx::Error> {
    let value = |(place, column): (usize, &schema::Column)| {
        Ok(match column.kind {
            ColumnKind::Integer => Value::Integer(row.try_get(place)?),
            ColumnKind::Float => Value::Float(row.try_get(place)?),
            ColumnKind::Text => Value::Text(row.try_get::<Option<String>, _>(place)?.map(Into::into)),
            ColumnKind::Bytes => Value::Bytes(row.try_get::<Option<Vec<u8>>, _>(place)?.map(Into::into)),
        })
    };
    table.columns.iter().enumerate().map(value).collect()
}

async fn write(target: &mut Tx, table: &Table, page: &[Vec<Value<'static>>]) -> Result<(), CopyError> {
    let width = table.columns.len();
    let columns = table.columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", ");
    for rows in page.chunks((VALUES_MAX / width).max(1)) {
        let places: Vec<String> = (0..rows.len())
            .map(|row| {
                let numbers: Vec<String> =
                    (1..=width).map(|column| format!("${}", row * width + column)).collect();
                format!("({})", numbers.join(", "))
            })
            .collect();
        let sql = format!("INSERT INTO {} ({columns}) VALUES {}", table.name, places.join(", "));
        let query = rows.iter().flatten().cloned().fold(sql::query(sqlx::AssertSqlSafe(sql)), Query::bind);
        query.execute(target).await?;
    }
    Ok(())
}

/// Adds `value` to `hash`, with its kind and length so that no two rows read the same.
fn add(hash: &mut Sha256, value: &Value<'_>) {
    let mut put = |kind: u8, bytes: Option<&[u8]>| {
        hash.update([kind, u8::from(bytes.is_some())]);
        hash.update((bytes.map_or(0, <[u8]>::len) as u64).to_be_bytes());
        hash.update(bytes.unwrap_or_default());
    };
    match value {
        Value::Integer(value) => put(0, value.map(i64::to_be_bytes).as_ref().map(<[u8; 8]>::as_slice)),
        Value::Float(value) => put(1, value.map(f64::to_be_bytes).as_ref().map(<[u8; 8]>::as_slice)),
        Value::Text(value) => put(2, value.clone().map(Value::storable).as_deref().map(str::as_bytes)),
        Value::Shared(value) => put(2, Some(Value::storable(Cow::Borrowed(value)).as_bytes())),
        Value::Bytes(value) => put(3, value.as_deref()),
    }
}
