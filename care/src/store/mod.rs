//! The store: opening it, its schema, and the one kind of transaction that writes.
//!
//! SQLite in WAL mode with `synchronous=FULL`: a commit that returned is on disk. One writer at a time, queued in
//! this process by a lock and between processes by `BEGIN IMMEDIATE`. Everything that reads or writes tables lives in
//! the modules beside this one; nothing outside `care::store` and its sisters writes SQL.
//!
//! **Invariant:** a [`Tx`] that was not committed left no trace.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Connection as _, SqlSafeStr, Sqlite};
use tokio::sync::{Mutex, OwnedMutexGuard};

pub mod backup;
pub mod numbers;

/// The file inside a data directory.
pub const FILE_NAME: &str = "vagen.db";

/// A connection that reads.
pub type Reader = sqlx::pool::PoolConnection<Sqlite>;

/// Why the store could not be opened or used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The directory or file cannot be made or opened.
    #[error("cannot open the store {}: {source}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A later version of Vågen has written here. Nothing was changed.
    #[error("the store {} was written by a newer version of Vågen (schema {found}, this one knows up to {known}); nothing was changed", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// The schema found.
        found: i64,
        /// The newest schema this version knows.
        known: i64,
    },
    /// The schema differs from every released one.
    #[error("the schema of the store {} cannot be used: {source}", path.display())]
    Schema {
        /// The file.
        path: PathBuf,
        /// Why.
        source: MigrateError,
    },
    /// The disk is full. What was not committed was not acknowledged, and is tried again.
    #[error("the disk is full; nothing is acknowledged until there is room")]
    Full,
    /// The database failed.
    #[error("the store failed: {0}")]
    Database(sqlx::Error),
    /// A row holds what it cannot: the store was changed by something else.
    #[error("the store holds {what} that cannot be read: {detail}")]
    Unreadable {
        /// Which row or column.
        what: &'static str,
        /// What was wrong.
        detail: String,
    },
}

const SQLITE_FULL: &str = "13";

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match error.as_database_error().and_then(sqlx::error::DatabaseError::code) {
            Some(code) if code == SQLITE_FULL => Self::Full,
            Some(_) | None => Self::Database(error),
        }
    }
}

impl StoreError {
    pub(crate) fn unreadable(what: &'static str, detail: impl std::fmt::Display) -> Self {
        Self::Unreadable { what, detail: detail.to_string() }
    }
}

/// A handle to the store; clones share it.
#[derive(Clone, Debug)]
pub struct Store {
    pool: SqlitePool,
    writer: Arc<Mutex<()>>,
    path: PathBuf,
}

impl Store {
    /// Opens the store in `directory`, making both if they are missing and bringing the schema up to date.
    ///
    /// # Errors
    /// [`StoreError::Open`] with the path, [`StoreError::Newer`] for a store of a later version, [`StoreError::Full`].
    pub async fn open(directory: &Path) -> Result<Self, StoreError> {
        let path = directory.join(FILE_NAME);
        std::fs::create_dir_all(directory)
            .map_err(|source| StoreError::Open { path: path.clone(), source: source.into() })?;
        Self::open_file(path, true).await
    }

    /// Opens the store in `directory` if it is there.
    ///
    /// # Errors
    /// As [`Store::open`]; [`StoreError::Open`] also when there is none.
    pub async fn open_existing(directory: &Path) -> Result<Self, StoreError> {
        Self::open_file(directory.join(FILE_NAME), false).await
    }

    async fn open_file(path: PathBuf, create: bool) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(create)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(10));
        let pool = SqlitePoolOptions::new()
            .max_connections(8)
            .acquire_timeout(Duration::from_secs(15))
            // SQLite itself rolls back what a full or failing disk did not take, and sqlx then counts that transaction as open
            // for ever. Such a connection begins nothing any more.
            .before_acquire(|connection, _| Box::pin(async { Ok(!connection.is_in_transaction()) }))
            .connect_with(options)
            .await
            .map_err(|source| match StoreError::from(source) {
                StoreError::Database(source) => {
                    StoreError::Open { path: path.clone(), source: source.into() }
                }
                other => other,
            })?;
        let store = Self { pool, writer: Arc::new(Mutex::new(())), path };
        store.migrate().await?;
        Ok(store)
    }

    async fn migrate(&self) -> Result<(), StoreError> {
        let migrator = Migrator::with_migrations(migrations());
        let known = migrator.iter().map(|migration| migration.version).max().unwrap_or(0);
        migrator.run(&self.pool).await.map_err(|error| match error {
            MigrateError::VersionMissing(found) | MigrateError::VersionTooNew(found, _) => {
                StoreError::Newer { path: self.path.clone(), found, known }
            }
            MigrateError::Execute(source) | MigrateError::ExecuteMigration(source, _) => {
                match StoreError::from(source) {
                    StoreError::Database(source) => {
                        StoreError::Open { path: self.path.clone(), source: source.into() }
                    }
                    other => other,
                }
            }
            source => StoreError::Schema { path: self.path.clone(), source },
        })
    }

    /// Where the store is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A connection to read with.
    ///
    /// # Errors
    /// [`StoreError::Database`] when none came free within 15 s.
    pub async fn read(&self) -> Result<Reader, StoreError> {
        Ok(self.pool.acquire().await?)
    }

    /// Begins a transaction that writes. Waits for the one before it.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Full`].
    pub async fn write(&self) -> Result<Tx, StoreError> {
        let guard = Arc::clone(&self.writer).lock_owned().await;
        let inner = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        Ok(Tx { inner, _guard: guard })
    }

    /// Writes the store as it is now to a new file, while it is in use.
    pub(crate) async fn copy_to(&self, file: &Path) -> Result<(), StoreError> {
        let place = file.to_str().ok_or_else(|| StoreError::unreadable("a path", file.display()))?;
        let mut reader = self.read().await?;
        sqlx::query("VACUUM INTO $1").bind(place).execute(&mut *reader).await?;
        Ok(())
    }

    /// Has the database look itself over; gives the first thing that is wrong.
    pub(crate) async fn look_over(&self) -> Result<Option<String>, StoreError> {
        let mut reader = self.read().await?;
        let said: String = sqlx::query_scalar("PRAGMA integrity_check(1)").fetch_one(&mut *reader).await?;
        Ok((said != "ok").then_some(said))
    }

    /// Closes every connection, so that the file holds all that was committed.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// A transaction that writes; dropped without [`Tx::commit`] it leaves no trace.
#[derive(Debug)]
pub struct Tx {
    inner: sqlx::Transaction<'static, Sqlite>,
    _guard: OwnedMutexGuard<()>,
}

impl Tx {
    /// Makes everything done in it durable, at once.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing of it was done.
    pub async fn commit(self) -> Result<(), StoreError> {
        Ok(self.inner.commit().await?)
    }
}

impl std::ops::Deref for Tx {
    type Target = sqlx::SqliteConnection;

    fn deref(&self) -> &Self::Target {
        &self.inner
    }
}

impl std::ops::DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.inner
    }
}

/// Every released schema change, oldest first. One that was released is never edited.
fn migrations() -> Vec<Migration> {
    const FILES: &[(i64, &str, &str)] = &[
        (1, "first house", include_str!("../../migrations/sqlite/0001_first_house.sql")),
        (2, "enrolment", include_str!("../../migrations/sqlite/0002_enrolment.sql")),
        (3, "dialogue", include_str!("../../migrations/sqlite/0003_dialogue.sql")),
        (4, "plans", include_str!("../../migrations/sqlite/0004_plans.sql")),
    ];
    FILES
        .iter()
        .copied()
        .map(|(version, name, sql)| {
            Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_store_opens_twice_and_a_newer_one_is_refused() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let store = Store::open(directory.path()).await.expect("opens");
        let mut tx = store.write().await.expect("a transaction");
        sqlx::query("INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (99, 'later', 1, x'00', 0)")
            .execute(&mut *tx).await.expect("inserts");
        drop(tx);
        store.close().await;
        let store = Store::open(directory.path()).await.expect("the dropped transaction left no trace");
        let mut tx = store.write().await.expect("a transaction");
        sqlx::query("INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (99, 'later', 1, x'00', 0)")
            .execute(&mut *tx).await.expect("inserts");
        tx.commit().await.expect("commits");
        store.close().await;
        let error = Store::open(directory.path()).await.expect_err("a newer store");
        let newest = migrations().last().map_or(0, |migration| migration.version);
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
            sqlx::query("PRAGMA max_page_count = 1").execute(&mut *tx).await.expect("as many as there are");
            let written = sqlx::query("INSERT INTO counter (name, value) VALUES (hex(zeroblob(100000)), 1)")
                .execute(&mut *tx)
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
