//! Opening an outbox: lock, check, schema, and what to do with a file that is broken.
//!
//! A broken file is never deleted and never written to: it is renamed, what can still be read of its unreceipted
//! envelopes is sealed anew, and a new outbox starts beside it.
//!
//! **Invariant:** an [`Outbox`] that opened has passed SQLite's check and is held by this process alone.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use vitals::envelope::Envelope;
use vitals::{GatewayId, OutboxId, Timestamp};

use super::room::Reserve;
use super::{Depth, Limits, Outbox, Sealing, StoreError, memory, one_text};
use crate::fault::{Flaw, flawed};

/// The schema this program writes. A file of a later one is refused.
const SCHEMA_VERSION: i64 = 2;
/// Marks the file as ours ("Vout"), so that another program's database is not taken for an outbox.
const APPLICATION_ID: i64 = 0x566f_7574;

/// What a long transaction leaves of the write-ahead log, bytes.
const JOURNAL_BYTES_KEPT: i64 = 4 * 1024 * 1024;

const SCHEMA: &str = "
CREATE TABLE outbox (only INTEGER PRIMARY KEY CHECK (only = 1), id TEXT NOT NULL, gateway TEXT NOT NULL,
  created_at INTEGER NOT NULL, last_seq INTEGER NOT NULL) STRICT;
CREATE TABLE envelope (seq INTEGER PRIMARY KEY, sealed_at INTEGER NOT NULL, body TEXT NOT NULL,
  void INTEGER NOT NULL DEFAULT 0, receipted_at INTEGER) STRICT;
CREATE INDEX envelope_unreceipted ON envelope (seq) WHERE receipted_at IS NULL;
CREATE TABLE heard (key TEXT PRIMARY KEY, seq INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX heard_by_seq ON heard (seq);
CREATE TABLE set_aside (id INTEGER PRIMARY KEY, seq INTEGER NOT NULL, body TEXT NOT NULL, reason TEXT NOT NULL, at INTEGER NOT NULL) STRICT;
CREATE TABLE undecoded (id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, device TEXT NOT NULL,
  characteristic TEXT NOT NULL, hex TEXT NOT NULL, reason TEXT NOT NULL) STRICT;
CREATE TABLE device (id TEXT PRIMARY KEY, model TEXT, serial TEXT, last_seen INTEGER NOT NULL,
  battery_percent INTEGER) STRICT, WITHOUT ROWID;";

/// Why an outbox did not open. The text is one line for the person at the box.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file or its folder cannot be used.
    #[error("outbox {path}: {source}")]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Another process has it open.
    #[error("outbox {path} is in use by another process")]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// Written by a later version of this program.
    #[error(
        "outbox {path} has schema {found}, this program knows up to {known}: install the newer program again"
    )]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// The file's schema.
        found: i64,
        /// The newest this program knows.
        known: i64,
    },
    /// A database, but no outbox.
    #[error("{path} is another program's database, not an outbox")]
    NotOurs {
        /// The file.
        path: PathBuf,
    },
    /// It holds another gateway's envelopes.
    #[error("outbox {path} belongs to gateway {found}, not {expected}")]
    OtherGateway {
        /// The file.
        path: PathBuf,
        /// Whose it is.
        found: GatewayId,
        /// Who asked.
        expected: GatewayId,
    },
    /// The disk did not do as asked.
    #[error("outbox {path}: {source}")]
    Store {
        /// The file.
        path: PathBuf,
        /// Why.
        source: StoreError,
    },
}

impl OpenError {
    /// Whether trying again later may go better: somebody else lets go of the file, the disk has room again.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::InUse { .. } | Self::Store { .. } => true,
            Self::Unusable { source, .. } => !matches!(
                source.kind(),
                ErrorKind::NotFound | ErrorKind::PermissionDenied | ErrorKind::NotADirectory
            ),
            Self::NewerSchema { .. } | Self::NotOurs { .. } | Self::OtherGateway { .. } => false,
        }
    }
}

/// An outbox, and what happened to the file that was there before.
#[derive(Debug)]
pub struct Opened {
    /// Ready to seal.
    pub outbox: Outbox,
    /// The broken file's new name, and how many of its unreceipted envelopes were sealed anew.
    pub set_aside: Option<(PathBuf, u64)>,
}

/// What a look into an existing file found.
enum Inspection {
    Sound,
    Broken(String),
}

impl Outbox {
    /// Opens the outbox at `path`, making it when it is not there.
    ///
    /// `now` dates a new outbox and the name of a broken one.
    ///
    /// # Errors
    /// [`OpenError`], for a file that is in use, foreign, newer, or cannot be read or written at all. A file that is
    /// merely corrupt is no error: see [`Opened::set_aside`].
    pub fn open(
        path: &Path,
        gateway: &GatewayId,
        limits: Limits,
        now: Timestamp,
    ) -> Result<Opened, OpenError> {
        let lock = lock(path)?;
        let mut reserve = Reserve::beside(path, limits.reserve_bytes);
        let (db, broken) = match sound(path, gateway, now) {
            // A full disk may lack the few pages that reading a write-ahead log takes.
            Err(OpenError::Store { .. }) if reserve.give_up() => sound(path, gateway, now)?,
            done => done?,
        };
        let store = |source: StoreError| OpenError::Store { path: path.to_owned(), source };
        let id = one_text(&db, "SELECT id FROM outbox").map_err(|error| store(error.into()))?;
        let id = id
            .and_then(|id| id.parse::<OutboxId>().ok())
            .ok_or_else(|| OpenError::NotOurs { path: path.to_owned() })?;
        let rows: i64 = db
            .query_row("SELECT count(*) FROM envelope", [], |row| row.get(0))
            .map_err(|error| store(error.into()))?;
        let (gateway, depth, rows) = (gateway.clone(), Depth::default(), rows.unsigned_abs());
        let mut outbox = Self { db, id, gateway, limits, depth, rows, reserve, _lock: lock };
        outbox.look().map_err(store)?;
        let set_aside = broken.map(|aside| {
            let salvaged = outbox.salvage(&aside, now);
            outbox.salvage_memories(&aside);
            outbox.report(salvaged, now);
            (aside, salvaged)
        });
        Ok(Opened { outbox, set_aside })
    }

    fn remember_former(&mut self, id: &str) {
        if let Err(error) = self.db.execute("INSERT OR IGNORE INTO former (id) VALUES (?1)", [id]) {
            tracing::error!(%error, id, "the name of the broken outbox was not kept");
        }
    }

    /// Tells the server, under a number of its own, that there was a file that broke: somebody should know.
    fn report(&mut self, salvaged: u64, now: Timestamp) {
        let words = format!("the outbox file was broken and set aside, {salvaged} readings were sealed anew");
        if let Err(error) = self.tell(&words, now) {
            tracing::error!(%error, "the server is not told of the broken outbox");
        }
    }

    /// Seals anew what can still be read of a broken file's unreceipted envelopes. Those the server already has it
    /// recognises by the device's time and bytes.
    fn salvage(&mut self, aside: &Path, now: Timestamp) -> u64 {
        let opened = || {
            let db = Connection::open_with_flags(aside, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
            db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map(|_| db)
        };
        match opened().and_then(|db| one_text(&db, "SELECT id FROM outbox")) {
            Ok(Some(id)) => self.remember_former(&id),
            Ok(None) | Err(_) => tracing::warn!("the broken outbox does not even say its name"),
        }
        let read = || -> rusqlite::Result<Vec<String>> {
            let db = opened()?;
            let mut query =
                db.prepare("SELECT body FROM envelope WHERE receipted_at IS NULL AND void = 0 ORDER BY seq")?;
            let rows = query.query_map([], |row| row.get(0))?;
            Ok(rows.map_while(Result::ok).collect())
        };
        let mut salvaged = 0;
        for body in read().unwrap_or_default() {
            let Ok(envelope) = serde_json::from_str::<Envelope>(&body) else { continue };
            let sealing = Sealing {
                device: envelope.device,
                measurement: envelope.measurement,
                raw: envelope.raw,
                heard_at: envelope.sealed_at,
                heard_ordinal: u32::try_from(salvaged).unwrap_or(u32::MAX),
            };
            match self.seal(&sealing, now) {
                Ok(_) => salvaged += 1,
                Err(error) => {
                    tracing::error!(%error, "an envelope of the broken outbox could not be sealed anew")
                }
            }
        }
        salvaged
    }
}

/// Whether a process has the outbox at `path` open.
pub(super) fn is_in_use(path: &Path) -> bool {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    File::open(name).is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

fn lock(path: &Path) -> Result<File, OpenError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let unusable = |source| OpenError::Unusable { path: path.to_owned(), source };
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(name).map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path: path.to_owned() }),
        Err(TryLockError::Error(source)) => Err(unusable(source)),
    }
}

/// The database at `path`, sound and ready, and the new name of a broken one that was there before.
fn sound(
    path: &Path,
    gateway: &GatewayId,
    now: Timestamp,
) -> Result<(Connection, Option<PathBuf>), OpenError> {
    let mut broken = None;
    let db = match connect(path)? {
        (db, Inspection::Sound) => db,
        (db, Inspection::Broken(why)) => {
            drop(db);
            tracing::error!(path = %path.display(), why, "the outbox file is broken; setting it aside");
            broken = Some(set_aside(path, now)?);
            connect(path)?.0
        }
    };
    prepare(&db, path, gateway, now)?;
    settle_in(&db).map_err(|error| OpenError::Store { path: path.to_owned(), source: error.into() })?;
    Ok((db, broken))
}

/// Opens the file and has SQLite check it. Only what SQLite itself calls corrupt counts as broken: a disk that is
/// full or a folder that cannot be written must not cost anybody their outbox.
fn connect(path: &Path) -> Result<(Connection, Inspection), OpenError> {
    let failed = |error: rusqlite::Error| OpenError::Store { path: path.to_owned(), source: error.into() };
    let db = Connection::open(path).map_err(failed)?;
    match check(&db) {
        Ok(None) => Ok((db, Inspection::Sound)),
        Ok(Some(complaint)) => Ok((db, Inspection::Broken(complaint))),
        Err(error) => match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Ok((db, Inspection::Broken(error.to_string())))
            }
            Some(_) | None => Err(failed(error)),
        },
    }
}

fn check(db: &Connection) -> rusqlite::Result<Option<String>> {
    // Closing a file that turns out to be broken must not write what is in its log into it: it is evidence.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    db.busy_timeout(std::time::Duration::from_secs(5))?;
    let first = one_text(db, "PRAGMA quick_check(1)")?;
    if first.as_deref() != Some("ok") {
        return Ok(Some(first.unwrap_or_default()));
    }
    Ok(None)
}

/// A write-ahead log, and every commit on disk before it counts.
fn settle_in(db: &Connection) -> rusqlite::Result<()> {
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", if flawed(Flaw::NoSync) { "OFF" } else { "FULL" })?;
    db.pragma_update(None, "journal_size_limit", JOURNAL_BYTES_KEPT)?;
    // Not a new schema: an older program passes over a table it does not know, and keeps an index.
    db.execute_batch(
        "CREATE TABLE IF NOT EXISTS former (id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
         CREATE INDEX IF NOT EXISTS envelope_receipted ON envelope (receipted_at) WHERE receipted_at IS NOT NULL;",
    )
}

fn set_aside(path: &Path, now: Timestamp) -> Result<PathBuf, OpenError> {
    let unusable = |source| OpenError::Unusable { path: path.to_owned(), source };
    let suffixed = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let mut aside = suffixed(&format!(".broken-{}", now.as_millis()));
    let mut attempt = 1;
    while aside.exists() {
        aside = suffixed(&format!(".broken-{}-{attempt}", now.as_millis()));
        attempt += 1;
    }
    std::fs::rename(path, &aside).map_err(unusable)?;
    for journal in ["-wal", "-shm"] {
        let mut name = aside.as_os_str().to_owned();
        name.push(journal);
        match std::fs::rename(suffixed(journal), name) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(unusable(error)),
        }
    }
    // The new names must be as durable as what is written next under the old one.
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(unusable)?;
    Ok(aside)
}

/// Makes the tables of a new file; refuses a file that is somebody else's.
fn prepare(db: &Connection, path: &Path, gateway: &GatewayId, now: Timestamp) -> Result<(), OpenError> {
    let failed = |error: rusqlite::Error| OpenError::Store { path: path.to_owned(), source: error.into() };
    let pragma = |name: &str| db.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map_err(failed);
    let (application, found) = (pragma("application_id")?, pragma("user_version")?);
    let tables: i64 =
        db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(failed)?;
    if tables == 0 {
        return create(db, gateway, now).map_err(failed);
    }
    if application != APPLICATION_ID {
        return Err(OpenError::NotOurs { path: path.to_owned() });
    }
    if found > SCHEMA_VERSION {
        return Err(OpenError::NewerSchema { path: path.to_owned(), found, known: SCHEMA_VERSION });
    }
    let owner = one_text(db, "SELECT gateway FROM outbox").map_err(failed)?;
    match owner.and_then(|owner| owner.parse::<GatewayId>().ok()) {
        Some(owner) if owner == *gateway => upgrade(db, found).map_err(failed),
        Some(found) => {
            Err(OpenError::OtherGateway { path: path.to_owned(), found, expected: gateway.clone() })
        }
        None => Err(OpenError::NotOurs { path: path.to_owned() }),
    }
}

/// Brings a file of ours to this program's schema, whole or not at all.
fn upgrade(db: &Connection, found: i64) -> rusqlite::Result<()> {
    if found == SCHEMA_VERSION {
        return Ok(());
    }
    let transaction = db.unchecked_transaction()?;
    transaction.execute_batch(memory::TABLE)?;
    transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
    transaction.commit()
}

fn create(db: &Connection, gateway: &GatewayId, now: Timestamp) -> rusqlite::Result<()> {
    let transaction = db.unchecked_transaction()?;
    transaction.execute_batch(SCHEMA)?;
    transaction.execute_batch(memory::TABLE)?;
    transaction.execute(
        "INSERT INTO outbox (only, id, gateway, created_at, last_seq) VALUES (1, ?1, ?2, ?3, 0)",
        (uuid::Uuid::new_v4().to_string(), gateway.as_str(), now.as_millis()),
    )?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
    transaction.commit()
}
