//! Rows on their way out: a column by name or place, as the type that is asked for.

use sqlx::postgres::{PgRow, PgValueRef};
use sqlx::sqlite::SqliteRow;
use sqlx::{ColumnIndex, Decode, Error, Postgres, Row as _, Sqlite, Type, TypeInfo, ValueRef};

/// One row of an answer.
pub enum Row {
    /// From SQLite.
    Sqlite(SqliteRow),
    /// From PostgreSQL.
    Postgres(PgRow),
}

/// How a column is named: by its name, or by its place from 0.
pub trait Place: ColumnIndex<SqliteRow> + ColumnIndex<PgRow> + Copy {}
impl Place for &str {}
impl Place for usize {}

impl Row {
    /// The column at `place`.
    ///
    /// # Errors
    /// [`Error`] when there is none, or it holds something else.
    pub fn try_get<'r, T: Column<'r>, P: Place>(&'r self, place: P) -> Result<T, Error> {
        match self {
            Self::Sqlite(row) => T::of_sqlite(row, place),
            Self::Postgres(row) => T::of_postgres(row, place),
        }
    }

    /// How many columns it has.
    #[must_use]
    pub fn width(&self) -> usize {
        match self {
            Self::Sqlite(row) => row.len(),
            Self::Postgres(row) => row.len(),
        }
    }
}

/// A type that a column can be read as.
pub trait Column<'r>: Sized {
    /// From SQLite.
    ///
    /// # Errors
    /// [`Error`] when the column is not there or holds something else.
    fn of_sqlite<P: Place>(row: &'r SqliteRow, place: P) -> Result<Self, Error>;
    /// From PostgreSQL.
    ///
    /// # Errors
    /// [`Error`] when the column is not there or holds something else.
    fn of_postgres<P: Place>(row: &'r PgRow, place: P) -> Result<Self, Error>;
}

fn sqlite<'r, T: Decode<'r, Sqlite> + Type<Sqlite>, P: Place>(
    row: &'r SqliteRow,
    place: P,
) -> Result<T, Error> {
    row.try_get(place)
}

fn postgres<'r, T: Decode<'r, Postgres> + Type<Postgres>, P: Place>(
    row: &'r PgRow,
    place: P,
) -> Result<T, Error> {
    row.try_get(place)
}

macro_rules! plain {
    ($($type:ty),*) => {$(
        impl<'r> Column<'r> for $type {
            fn of_sqlite<P: Place>(row: &'r SqliteRow, place: P) -> Result<Self, Error> {
                sqlite(row, place)
            }
            fn of_postgres<P: Place>(row: &'r PgRow, place: P) -> Result<Self, Error> {
                postgres(row, place)
            }
        }
        impl<'r> Column<'r> for Option<$type> {
            fn of_sqlite<P: Place>(row: &'r SqliteRow, place: P) -> Result<Self, Error> {
                sqlite(row, place)
            }
            fn of_postgres<P: Place>(row: &'r PgRow, place: P) -> Result<Self, Error> {
                postgres(row, place)
            }
        }
    )*};
}

plain!(f64, String, &'r str, Vec<u8>, &'r [u8]);

impl<'r> Column<'r> for Option<i64> {
    fn of_sqlite<P: Place>(row: &'r SqliteRow, place: P) -> Result<Self, Error> {
        sqlite(row, place)
    }

    /// A literal such as `1` is an `INTEGER` there, and a comparison a `BOOLEAN`; both are numbers to the other.
    fn of_postgres<P: Place>(row: &'r PgRow, place: P) -> Result<Self, Error> {
        let value: PgValueRef<'r> = row.try_get_raw(place)?;
        if value.is_null() {
            return Ok(None);
        }
        let name = value.type_info().name().to_owned();
        match name.as_str() {
            "INT4" => Ok(Some(i64::from(postgres::<i32, P>(row, place)?))),
            "BOOL" => Ok(Some(i64::from(postgres::<bool, P>(row, place)?))),
            _other => postgres(row, place),
        }
    }
}

impl<'r> Column<'r> for i64 {
    fn of_sqlite<P: Place>(row: &'r SqliteRow, place: P) -> Result<Self, Error> {
        sqlite(row, place)
    }
    fn of_postgres<P: Place>(row: &'r PgRow, place: P) -> Result<Self, Error> {
        <Option<i64> as Column>::of_postgres(row, place)?
            .ok_or_else(|| Error::Decode("an unexpected null".into()))
    }
}

impl<'r> Column<'r> for bool {
    fn of_sqlite<P: Place>(row: &'r SqliteRow, place: P) -> Result<Self, Error> {
        Ok(i64::of_sqlite(row, place)? != 0)
    }
    fn of_postgres<P: Place>(row: &'r PgRow, place: P) -> Result<Self, Error> {
        Ok(i64::of_postgres(row, place)? != 0)
    }
}
