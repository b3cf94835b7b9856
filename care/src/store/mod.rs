//! The store: opening it, its schema, and the one kind of transaction that writes.
//!
//! SQLite in WAL mode with `synchronous=FULL`, or PostgreSQL with `synchronous_commit=on`: a commit that returned is on disk. One
//! writer at a time, queued in this process by a lock and between processes by the database (`BEGIN IMMEDIATE`, or an advisory
//! lock), so that what a transaction read still holds when it writes. Everything that reads or writes tables lives in
//! the modules beside this one; nothing outside `care::store` and its sisters writes SQL.
//!
//! **Invariant:** a [`Tx`] that was not committed left no trace.

use std::path::Path;
use std::sync::Arc;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::PgPool;
use tokio::sync::{Mutex, OwnedMutexGuard};

mod address;
pub mod backup;
mod connect;
pub mod copy;
mod error;
mod news;
pub mod numbers;
mod schema;
pub mod sql;
#[cfg(any(test, feature = "trial-stores"))]
pub mod trial;

pub use address::{Address, AddressError};
pub use error::StoreError;
pub use news::News;

use connect::{Sqlite, postgres};
use sql::{Connection, Dialect, Inner};

/// The file inside a data directory.
pub const FILE_NAME: &str = "vagen.db";

/// The advisory lock that whoever writes to a PostgreSQL store holds.
const BEGIN_WRITING: &str = "BEGIN; SELECT pg_advisory_xact_lock(6142013)";

/// A connection that reads.
#[derive(Debug)]
pub struct Reader(Connection);

/// A handle to the store; clones share it.
#[derive(Clone, Debug)]
pub struct Store {
    pool: Pool,
    writer: Arc<Mutex<()>>,
    address: Address,
}

#[derive(Clone, Debug)]
enum Pool {
    Sqlite(Sqlite),
    Postgres(PgPool),
}

impl Store {
    /// Opens the store in `directory`, making both if they are missing and bringing the schema up to date.
    ///
    /// # Errors
    /// As [`Store::at`].
    pub async fn open(directory: &Path) -> Result<Self, StoreError> {
        Self::at(&Address::Directory(directory.to_owned())).await
    }

    /// Opens the store in `directory` if it is there.
    ///
    /// # Errors
    /// As [`Store::at_existing`].
    pub async fn open_existing(directory: &Path) -> Result<Self, StoreError> {
        Self::at_existing(&Address::Directory(directory.to_owned())).await
    }

    /// Opens the store at `address`, making what is missing and bringing the schema up to date.
    ///
    /// # Errors
    /// [`StoreError::Open`] with the place, [`StoreError::Newer`] for a store of a later version, [`StoreError::Full`].
    pub async fn at(address: &Address) -> Result<Self, StoreError> {
        if let Address::Directory(directory) = address {
            std::fs::create_dir_all(directory).map_err(|source| StoreError::Open {
                place: directory.join(FILE_NAME).display().to_string(),
                source: source.into(),
            })?;
        }
        let store = Self::connected(address, true).await?;
        store.migrate().await?;
        Ok(store)
    }

    /// Opens the store at `address` if it is there, bringing its schema up to date.
    ///
    /// # Errors
    /// As [`Store::at`]; [`StoreError::Open`] also when there is none.
    pub async fn at_existing(address: &Address) -> Result<Self, StoreError> {
        let store = Self::connected(address, false).await?;
        if store.schema().await? == 0 && matches!(address, Address::Server(_)) {
            return Err(StoreError::Open {
                place: address.to_string(),
                source: "there is no store yet".into(),
            });
        }
        store.migrate().await?;
        Ok(store)
    }

    async fn connected(address: &Address, create: bool) -> Result<Self, StoreError> {
        let pool = match address {
            Address::Directory(directory) => {
                Sqlite::open(&directory.join(FILE_NAME), create).await.map(Pool::Sqlite)
            }
            Address::Server(options) => postgres(options).await.map(Pool::Postgres),
        };
        let store = |pool| Self { pool, writer: Arc::new(Mutex::new(())), address: address.clone() };
        pool.map(store).map_err(|source| cannot_open(address, source))
    }

    /// The version of the schema; 0 when there is none yet.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn schema(&self) -> Result<i64, StoreError> {
        let mut reader = self.read().await?;
        let table = match reader.dialect() {
            Dialect::Sqlite => "SELECT COUNT(*) FROM sqlite_master WHERE name = '_sqlx_migrations'",
            Dialect::Postgres => "SELECT COUNT(to_regclass('_sqlx_migrations'))",
        };
        let is_there: bool = sql::query_scalar(table).fetch_one(&mut reader).await?;
        if !is_there {
            return Ok(0);
        }
        let newest = "SELECT COALESCE(MAX(version), 0) FROM _sqlx_migrations";
        Ok(sql::query_scalar(newest).fetch_one(&mut reader).await?)
    }

    async fn migrate(&self) -> Result<(), StoreError> {
        let run = match &self.pool {
            Pool::Sqlite(file) => migrator(Dialect::Sqlite).run(&file.writer).await,
            Pool::Postgres(pool) => migrator(Dialect::Postgres).run(pool).await,
        };
        let place = || place(&self.address);
        run.map_err(|error| match error {
            MigrateError::VersionMissing(found) | MigrateError::VersionTooNew(found, _) => {
                StoreError::Newer { place: place(), found, known: schema::newest() }
            }
            MigrateError::Execute(source) | MigrateError::ExecuteMigration(source, _) => {
                match StoreError::from(source) {
                    StoreError::Database(source) => {
                        StoreError::Open { place: place(), source: source.into() }
                    }
                    other => other,
                }
            }
            source => StoreError::Schema { place: place(), source },
        })
    }

    /// Where the store is.
    #[must_use]
    pub const fn address(&self) -> &Address {
        &self.address
    }

    /// Which database it is in.
    #[must_use]
    pub const fn dialect(&self) -> Dialect {
        match self.pool {
            Pool::Sqlite(_) => Dialect::Sqlite,
            Pool::Postgres(_) => Dialect::Postgres,
        }
    }

    /// A connection to read with.
    ///
    /// # Errors
    /// [`StoreError::Database`] when none came free within 15 s.
    pub async fn read(&self) -> Result<Reader, StoreError> {
        Ok(Reader(Connection(match &self.pool {
            Pool::Sqlite(file) => Inner::Sqlite(file.readers.acquire().await?),
            Pool::Postgres(pool) => Inner::Postgres(pool.acquire().await?),
        })))
    }

    /// A connection that sees the store as it is now, whatever is written meanwhile.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn snapshot(&self) -> Result<Reader, StoreError> {
        Ok(Reader(Connection(match &self.pool {
            Pool::Sqlite(file) => Inner::SqliteTransaction(file.readers.begin().await?),
            Pool::Postgres(pool) => Inner::PostgresTransaction(
                pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?,
            ),
        })))
    }

    /// Begins a transaction that writes. Waits for the one before it.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Full`].
    pub async fn write(&self) -> Result<Tx, StoreError> {
        let guard = Arc::clone(&self.writer).lock_owned().await;
        let inner = match &self.pool {
            Pool::Sqlite(file) => Inner::SqliteTransaction(file.writer.begin_with("BEGIN IMMEDIATE").await?),
            Pool::Postgres(pool) => Inner::PostgresTransaction(pool.begin_with(BEGIN_WRITING).await?),
        };
        Ok(Tx { inner: Connection(inner), _guard: guard })
    }

    /// Has the database look itself over; gives the first thing that is wrong.
    pub(crate) async fn look_over(&self) -> Result<Option<String>, StoreError> {
        let mut reader = self.read().await?;
        let said: String = sql::query_scalar("PRAGMA integrity_check(1)").fetch_one(&mut reader).await?;
        Ok((said != "ok").then_some(said))
    }

    /// Writes the store as it is now to a new file, while it is in use.
    pub(crate) async fn copy_to(&self, file: &Path) -> Result<(), StoreError> {
        let place = file.to_str().ok_or_else(|| StoreError::unreadable("a path", file.display()))?;
        let mut reader = self.read().await?;
        sql::query("VACUUM INTO $1").bind(place).execute(&mut reader).await?;
        Ok(())
    }

    /// Closes every connection, so that the file holds all that was committed.
    pub async fn close(&self) {
        match &self.pool {
            Pool::Sqlite(file) => file.close().await,
            Pool::Postgres(pool) => pool.close().await,
        }
    }
}

/// How a place is shown: the file, or the server without its password.
fn place(address: &Address) -> String {
    match address {
        Address::Directory(directory) => directory.join(FILE_NAME).display().to_string(),
        Address::Server(_) => address.to_string(),
    }
}

fn cannot_open(address: &Address, source: sqlx::Error) -> StoreError {
    match StoreError::from(source) {
        StoreError::Database(source) => StoreError::Open { place: place(address), source: source.into() },
        other => other,
    }
}

fn migrator(dialect: Dialect) -> Migrator {
    Migrator::with_migrations(schema::migrations(dialect))
}

/// A transaction that writes; dropped without [`Tx::commit`] it leaves no trace.
#[derive(Debug)]
pub struct Tx {
    inner: Connection,
    _guard: OwnedMutexGuard<()>,
}

impl Tx {
    /// Makes everything done in it durable, at once.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing of it was done.
    pub async fn commit(self) -> Result<(), StoreError> {
        match self.inner.0 {
            Inner::SqliteTransaction(transaction) => transaction.commit().await?,
            Inner::PostgresTransaction(transaction) => transaction.commit().await?,
            Inner::Sqlite(_) | Inner::Postgres(_) => {}
        }
        Ok(())
    }
}

impl std::ops::Deref for Tx {
    type Target = Connection;

    fn deref(&self) -> &Self::Target {
        &self.inner
    }
}

impl std::ops::DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.inner
    }
}

impl std::ops::Deref for Reader {
    type Target = Connection;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl std::ops::DerefMut for Reader {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

#[cfg(test)]
mod upgrade_tests;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_store_opens_twice_and_a_newer_one_is_refused() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let store = Store::open(directory.path()).await.expect("opens");
        let mut tx = store.write().await.expect("a transaction");
        sql::query("INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (99, 'later', 1, x'00', 0)")
            .execute(&mut tx).await.expect("inserts");
        drop(tx);
        store.close().await;
        let store = Store::open(directory.path()).await.expect("the dropped transaction left no trace");
        let mut tx = store.write().await.expect("a transaction");
        sql::query("INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (99, 'later', 1, x'00', 0)")
            .execute(&mut tx).await.expect("inserts");
        tx.commit().await.expect("commits");
        store.close().await;
        let error = Store::open(directory.path()).await.expect_err("a newer store");
        let newest = schema::newest();
        assert!(matches!(error, StoreError::Newer { found: 99, known, .. } if known == newest), "{error}");
    }

    /// SQLite (lang_transaction.html, "Response To Errors Within A Transaction") rolls back by itself when the disk is full; a
    /// connection on which that happened must not be the one that the next transaction begins on, and fails on, for ever.
    #[tokio::test]
    async fn a_full_disk_ends_one_transaction_and_not_the_next() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let store = Store::open(directory.path()).await.expect("opens");
        for _ in 0..3 {
            let mut tx = store.write().await.expect("a transaction after one that found no room");
            sql::query("PRAGMA max_page_count = 1").execute(&mut tx).await.expect("as many as there are");
            let written = sql::query("INSERT INTO counter (name, value) VALUES (hex(zeroblob(100000)), 1)")
                .execute(&mut tx)
                .await
                .map_err(StoreError::from);
            assert!(matches!(written, Err(StoreError::Full)), "{written:?}");
        }
    }

    #[tokio::test]
    async fn a_missing_store_is_not_made_by_a_reader() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let error = Store::open_existing(directory.path()).await.expect_err("nothing there");
        assert!(matches!(error, StoreError::Open { .. }), "{error}");
    }
}
