//! One way to speak SQL to two databases: a statement with its values, sent over a connection to SQLite or to PostgreSQL.
//!
//! The statements are the same for both: `$1` for values, `BIGINT`, `DOUBLE PRECISION`, `TEXT` and `BYTEA`/`BLOB` for columns, and the
//! common part of the two dialects. Where that does not reach, [`Connection::dialect`] tells which is spoken. This module knows no
//! table.
//!
//! **Invariant:** every value is bound with its type, absent ones too, so that a statement means the same in both.

mod answer;
mod many;
mod row;
mod value;

pub use answer::{Done, FromRow, Query, Scalar, Tuple};
pub use many::{Holds, Into, List, each, insert};
pub use row::{Column, Place, Row};
pub use value::{IntoValue, Value};

use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, Postgres, SqlSafeStr, Sqlite, SqliteConnection, Transaction};

/// Which database is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite 3.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

/// A connection to either database, inside a transaction or not.
#[derive(Debug)]
pub struct Connection(pub(super) Inner);

#[derive(Debug)]
pub(super) enum Inner {
    Sqlite(PoolConnection<Sqlite>),
    SqliteTransaction(Transaction<'static, Sqlite>),
    Postgres(PoolConnection<Postgres>),
    PostgresTransaction(Transaction<'static, Postgres>),
}

/// The driver's own connection.
enum Driver<'c> {
    Sqlite(&'c mut SqliteConnection),
    Postgres(&'c mut PgConnection),
}

impl Connection {
    /// Which database this speaks to.
    #[must_use]
    pub const fn dialect(&self) -> Dialect {
        match self.0 {
            Inner::Sqlite(_) | Inner::SqliteTransaction(_) => Dialect::Sqlite,
            Inner::Postgres(_) | Inner::PostgresTransaction(_) => Dialect::Postgres,
        }
    }

    fn driver(&mut self) -> Driver<'_> {
        match &mut self.0 {
            Inner::Sqlite(connection) => Driver::Sqlite(connection),
            Inner::SqliteTransaction(transaction) => Driver::Sqlite(transaction),
            Inner::Postgres(connection) => Driver::Postgres(connection),
            Inner::PostgresTransaction(transaction) => Driver::Postgres(transaction),
        }
    }
}

/// A statement that gives rows, or none.
pub fn query<'q>(sql: impl SqlSafeStr) -> Query<'q> {
    Query::new(sql.into_sql_str())
}

/// A statement that gives one column.
pub fn query_scalar<'q, T>(sql: impl SqlSafeStr) -> Scalar<'q, T> {
    Scalar::new(query(sql))
}

/// A statement whose every row is a tuple.
pub fn query_as<'q, T>(sql: impl SqlSafeStr) -> Tuple<'q, T> {
    Tuple::new(query(sql))
}
