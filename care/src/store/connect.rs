//! Connections to either database, set so that a commit that returned is on disk.

use std::path::Path;
use std::time::Duration;

use sqlx::Connection as _;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

const CONNECTIONS_MAX: u32 = 8;
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(15);

/// What the one connection that writes keeps in memory, KiB (negative means that to SQLite): more than the pages that the largest batch
/// of admission touches, so that none is written before its commit and few are read again.
const WRITER_CACHE: &str = "-65536";
/// The same for each that reads.
const READER_CACHE: &str = "-8192";
/// So many pages, 32 MiB, gather in the log before they are copied to where they belong. A page that changes with each batch is then
/// copied once for many of them.
const CHECKPOINT_PAGES: &str = "8192";

/// The connections to a file.
#[derive(Clone, Debug)]
pub(super) struct Sqlite {
    pub(super) readers: SqlitePool,
    /// One alone: what it has in memory is only good while nobody else writes.
    pub(super) writer: SqlitePool,
}

impl Sqlite {
    pub(super) async fn open(file: &Path, create: bool) -> Result<Self, sqlx::Error> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(10))
            .pragma("wal_autocheckpoint", CHECKPOINT_PAGES);
        let writing = options.clone().create_if_missing(create).pragma("cache_size", WRITER_CACHE);
        let writer = pool(1).connect_with(writing).await?;
        let readers = pool(CONNECTIONS_MAX).connect_with(options.pragma("cache_size", READER_CACHE)).await?;
        Ok(Self { readers, writer })
    }

    /// Closes every connection; the one that writes last, so that the log is gone with it.
    pub(super) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

fn pool(connections_max: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections_max)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        // SQLite itself rolls back what a full or failing disk did not take, and sqlx then counts that transaction as open
        // for ever. Such a connection begins nothing any more.
        .before_acquire(|connection, _| Box::pin(async { Ok(!connection.is_in_transaction()) }))
}

/// A process that froze while it wrote gives the lock back after ten seconds, one that is gone at once; one behind a cut cable
/// when its connection is found dead.
pub(super) async fn postgres(options: &PgConnectOptions) -> Result<PgPool, sqlx::Error> {
    let options = options.clone().application_name("vagen").options([
        ("synchronous_commit", "on"),
        ("idle_in_transaction_session_timeout", "10s"),
        ("tcp_keepalives_idle", "5"),
        ("tcp_keepalives_interval", "2"),
        ("tcp_keepalives_count", "2"),
    ]);
    PgPoolOptions::new()
        .max_connections(CONNECTIONS_MAX)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_with(options)
        .await
}
