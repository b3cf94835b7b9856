//! A statement with its values, and the ways to run it.

use std::borrow::Cow;
use std::marker::PhantomData;

use sqlx::postgres::PgArguments;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments as _, Error, Postgres, SqlStr, Sqlite};

use super::many::List;
use super::row::{Column, Row};
use super::value::{IntoValue, Value};
use super::{Connection, Driver};

/// A statement and its values so far, in the order of `$1`, `$2`, ...
#[derive(Clone, Debug)]
pub struct Query<'q> {
    sql: SqlStr,
    values: Vec<Bound<'q>>,
}

/// What stands at a place of a statement.
#[derive(Clone, Debug)]
enum Bound<'q> {
    One(Value<'q>),
    Many(List<'q>),
}

/// What a statement did that gives no rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done {
    rows: u64,
}

impl Done {
    /// How many rows it inserted, changed or removed.
    #[must_use]
    pub const fn rows_affected(self) -> u64 {
        self.rows
    }
}

type SqliteQuery<'q> = sqlx::query::Query<'q, Sqlite, SqliteArguments>;
type PostgresQuery<'q> = sqlx::query::Query<'q, Postgres, PgArguments>;

impl<'q> Query<'q> {
    pub(super) const fn new(sql: SqlStr) -> Self {
        Self { sql, values: Vec::new() }
    }

    /// Adds the next value.
    #[must_use]
    pub fn bind(mut self, value: impl IntoValue<'q>) -> Self {
        self.values.push(Bound::One(value.into_value()));
        self
    }

    /// Adds a list as the next value.
    #[must_use]
    pub fn bind_list(mut self, list: List<'q>) -> Self {
        self.values.push(Bound::Many(list));
        self
    }

    pub(super) fn with(mut self, values: impl Iterator<Item = Value<'q>>) -> Self {
        self.values.extend(values.map(Bound::One));
        self
    }

    fn for_sqlite(self) -> Result<SqliteQuery<'q>, Error> {
        let mut arguments = SqliteArguments::default();
        arguments.reserve(self.values.len(), 0);
        for value in self.values {
            let added = match value {
                Bound::One(Value::Integer(value)) => arguments.add(value),
                Bound::One(Value::Float(value)) => arguments.add(value),
                Bound::One(Value::Text(value)) => arguments.add(value.map(Cow::into_owned)),
                Bound::One(Value::Shared(value)) => arguments.add(value),
                Bound::One(Value::Bytes(value)) => arguments.add(value.map(Cow::into_owned)),
                Bound::Many(list) => arguments.add(list.json()),
            };
            added.map_err(Error::Encode)?;
        }
        Ok(sqlx::query_with(self.sql, arguments))
    }

    fn for_postgres(self) -> PostgresQuery<'q> {
        let mut query = sqlx::query(self.sql);
        for value in self.values {
            query = match value {
                Bound::One(Value::Integer(value)) => query.bind(value),
                Bound::One(Value::Float(value)) => query.bind(value),
                Bound::One(Value::Text(value)) => query.bind(value.map(Value::storable)),
                Bound::One(Value::Shared(value)) => {
                    query.bind(Value::storable(Cow::Borrowed(&value)).into_owned())
                }
                Bound::One(Value::Bytes(value)) => query.bind(value),
                Bound::Many(List::Integers(values)) => query.bind(values),
                Bound::Many(List::Floats(values)) => query.bind(values),
                Bound::Many(List::Texts(values)) => query.bind(values),
            };
        }
        query
    }

    /// Runs it.
    ///
    /// # Errors
    /// [`Error`] of the database.
    pub async fn execute(self, connection: &mut Connection) -> Result<Done, Error> {
        let rows = match connection.driver() {
            Driver::Sqlite(driver) => self.for_sqlite()?.execute(driver).await?.rows_affected(),
            Driver::Postgres(driver) => self.for_postgres().execute(driver).await?.rows_affected(),
        };
        Ok(Done { rows })
    }

    /// Every row.
    ///
    /// # Errors
    /// [`Error`] of the database.
    pub async fn fetch_all(self, connection: &mut Connection) -> Result<Vec<Row>, Error> {
        Ok(match connection.driver() {
            Driver::Sqlite(driver) => {
                self.for_sqlite()?.fetch_all(driver).await?.into_iter().map(Row::Sqlite).collect()
            }
            Driver::Postgres(driver) => {
                self.for_postgres().fetch_all(driver).await?.into_iter().map(Row::Postgres).collect()
            }
        })
    }

    /// The first row, if there is one.
    ///
    /// # Errors
    /// [`Error`] of the database.
    pub async fn fetch_optional(self, connection: &mut Connection) -> Result<Option<Row>, Error> {
        Ok(match connection.driver() {
            Driver::Sqlite(driver) => self.for_sqlite()?.fetch_optional(driver).await?.map(Row::Sqlite),
            Driver::Postgres(driver) => self.for_postgres().fetch_optional(driver).await?.map(Row::Postgres),
        })
    }

    /// The first row.
    ///
    /// # Errors
    /// [`Error`] of the database; [`Error::RowNotFound`] when there is none.
    pub async fn fetch_one(self, connection: &mut Connection) -> Result<Row, Error> {
        self.fetch_optional(connection).await?.ok_or(Error::RowNotFound)
    }
}

/// A row as a whole.
pub trait FromRow: Sized {
    /// The columns in their order.
    ///
    /// # Errors
    /// [`Error`] when one is missing or holds something else.
    fn from_row(row: &Row) -> Result<Self, Error>;
}

macro_rules! tuples {
    ($(($($part:ident $place:tt),+))+) => {$(
        impl<$($part),+> FromRow for ($($part,)+)
        where
            $($part: for<'r> Column<'r>),+
        {
            fn from_row(row: &Row) -> Result<Self, Error> {
                Ok(($(row.try_get::<$part, usize>($place)?,)+))
            }
        }
    )+};
}

tuples! {
    (A 0)
    (A 0, B 1)
    (A 0, B 1, C 2)
    (A 0, B 1, C 2, D 3)
    (A 0, B 1, C 2, D 3, E 4)
    (A 0, B 1, C 2, D 3, E 4, F 5)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6)
}

/// A statement whose every row is a `T`.
#[derive(Clone, Debug)]
pub struct Tuple<'q, T> {
    query: Query<'q>,
    row: PhantomData<fn() -> T>,
}

impl<'q, T> Tuple<'q, T> {
    pub(super) const fn new(query: Query<'q>) -> Self {
        Self { query, row: PhantomData }
    }

    /// Adds the next value.
    #[must_use]
    pub fn bind(self, value: impl IntoValue<'q>) -> Self {
        Self { query: self.query.bind(value), row: PhantomData }
    }
}

impl<'q, T> Tuple<'q, T> {
    /// Adds a list as the next value.
    #[must_use]
    pub fn bind_list(self, list: List<'q>) -> Self {
        Self { query: self.query.bind_list(list), row: PhantomData }
    }
}

impl<T: FromRow> Tuple<'_, T> {
    /// Every row.
    ///
    /// # Errors
    /// [`Error`] of the database, or of a row that holds something else.
    pub async fn fetch_all(self, connection: &mut Connection) -> Result<Vec<T>, Error> {
        self.query.fetch_all(connection).await?.iter().map(T::from_row).collect()
    }

    /// The first row, if there is one.
    ///
    /// # Errors
    /// [`Error`] of the database, or of a row that holds something else.
    pub async fn fetch_optional(self, connection: &mut Connection) -> Result<Option<T>, Error> {
        self.query.fetch_optional(connection).await?.as_ref().map(T::from_row).transpose()
    }

    /// The first row.
    ///
    /// # Errors
    /// [`Error`] of the database, or of a row that holds something else; [`Error::RowNotFound`] when there is none.
    pub async fn fetch_one(self, connection: &mut Connection) -> Result<T, Error> {
        T::from_row(&self.query.fetch_one(connection).await?)
    }
}

/// A statement whose every row is one column.
#[derive(Clone, Debug)]
pub struct Scalar<'q, T> {
    tuple: Tuple<'q, (T,)>,
}

impl<'q, T> Scalar<'q, T> {
    pub(super) const fn new(query: Query<'q>) -> Self {
        Self { tuple: Tuple::new(query) }
    }

    /// Adds the next value.
    #[must_use]
    pub fn bind(self, value: impl IntoValue<'q>) -> Self {
        Self { tuple: self.tuple.bind(value) }
    }
}

impl<'q, T> Scalar<'q, T> {
    /// Adds a list as the next value.
    #[must_use]
    pub fn bind_list(self, list: List<'q>) -> Self {
        Self { tuple: self.tuple.bind_list(list) }
    }
}

impl<T> Scalar<'_, T>
where
    (T,): FromRow,
{
    /// The column of every row.
    ///
    /// # Errors
    /// [`Error`] of the database, or of a row that holds something else.
    pub async fn fetch_all(self, connection: &mut Connection) -> Result<Vec<T>, Error> {
        Ok(self.tuple.fetch_all(connection).await?.into_iter().map(|(value,)| value).collect())
    }

    /// The column of the first row, if there is one.
    ///
    /// # Errors
    /// [`Error`] of the database, or of a row that holds something else.
    pub async fn fetch_optional(self, connection: &mut Connection) -> Result<Option<T>, Error> {
        Ok(self.tuple.fetch_optional(connection).await?.map(|(value,)| value))
    }

    /// The column of the first row.
    ///
    /// # Errors
    /// [`Error`] of the database, or of a row that holds something else; [`Error::RowNotFound`] when there is none.
    pub async fn fetch_one(self, connection: &mut Connection) -> Result<T, Error> {
        self.tuple.fetch_one(connection).await.map(|(value,)| value)
    }
}
