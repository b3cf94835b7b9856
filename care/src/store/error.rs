//! Why the store failed, and whose fault that is: its own, or that of what it was given.
//!
//! **Invariant:** an error that may go away by itself counts as the store's own.

use sqlx::migrate::MigrateError;

/// Why the store could not be opened or used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The directory, file or server cannot be made, opened or reached.
    #[error("cannot open the store {place}: {source}")]
    Open {
        /// The file or server.
        place: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A later version of Vågen has written here. Nothing was changed.
    #[error(
        "the store {place} was written by a newer version of Vågen (schema {found}, this one knows up to {known}); nothing was changed"
    )]
    Newer {
        /// The file or server.
        place: String,
        /// The schema found.
        found: i64,
        /// The newest schema this version knows.
        known: i64,
    },
    /// The schema differs from every released one.
    #[error("the schema of the store {place} cannot be used: {source}")]
    Schema {
        /// The file or server.
        place: String,
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

/// What SQLite and PostgreSQL say when a disk has no room.
const FULL: [&str; 2] = ["13", "53100"];

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match error.as_database_error().and_then(sqlx::error::DatabaseError::code) {
            Some(code) if FULL.contains(&code.as_ref()) => Self::Full,
            Some(_) | None => Self::Database(error),
        }
    }
}

/// The primary result codes of SQLite (sqlite.org/rescode.html) that tell of the file, the memory or the lock, not of what was to be
/// written: BUSY, LOCKED, NOMEM, READONLY, INTERRUPT, IOERR, CORRUPT, FULL, CANTOPEN, PROTOCOL, SCHEMA, NOTADB.
const SQLITE_OF_THE_STORE: [u8; 12] = [5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 17, 26];
/// The same by PostgreSQL's classes of errors (its manual, appendix A): connection, transaction state and rollback, resources, operator,
/// system, configuration, internal.
const POSTGRES_OF_THE_STORE: [&str; 9] = ["08", "25", "40", "53", "55", "57", "58", "F0", "XX"];

impl StoreError {
    /// Whether the store itself is in trouble, whatever it was given: the same may succeed later, however often it failed.
    #[must_use]
    pub fn is_of_the_store(&self) -> bool {
        match self {
            Self::Open { .. } | Self::Newer { .. } | Self::Schema { .. } | Self::Full => true,
            Self::Unreadable { .. } => false,
            Self::Database(error) => match error.as_database_error().map(sqlx::error::DatabaseError::code) {
                // Without an answer of the database: connection, file, pool.
                None => !matches!(
                    error,
                    sqlx::Error::Encode(_) | sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_)
                ),
                Some(Some(code)) => is_of_the_store(&code),
                Some(None) => false,
            },
        }
    }

    pub(crate) fn unreadable(what: &'static str, detail: impl std::fmt::Display) -> Self {
        Self::Unreadable { what, detail: detail.to_string() }
    }
}

/// SQLite gives its extended code in decimal, PostgreSQL five letters and digits.
fn is_of_the_store(code: &str) -> bool {
    if code.len() == 5 {
        return POSTGRES_OF_THE_STORE.iter().any(|class| code.starts_with(class));
    }
    code.parse::<u32>()
        .is_ok_and(|code| SQLITE_OF_THE_STORE.iter().any(|primary| u32::from(*primary) == code & 0xff))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// To add a case, add a row. SQLite's codes by sqlite.org/rescode.html, PostgreSQL's by appendix A of its manual.
    #[test]
    fn trouble_of_the_store_is_told_from_trouble_with_what_it_was_given() {
        let rows = [
            ("13", true),     // SQLITE_FULL
            ("778", true),    // SQLITE_IOERR_WRITE
            ("1034", true),   // SQLITE_IOERR_FSYNC
            ("4874", true),   // SQLITE_IOERR_SHMSIZE: no room for the write-ahead log's index
            ("5", true),      // SQLITE_BUSY
            ("1032", true),   // SQLITE_READONLY_DBMOVED
            ("2067", false),  // SQLITE_CONSTRAINT_UNIQUE
            ("18", false),    // SQLITE_TOOBIG
            ("1", false),     // SQLITE_ERROR
            ("53100", true),  // disk_full
            ("57P01", true),  // admin_shutdown
            ("40001", true),  // serialization_failure
            ("58030", true),  // io_error
            ("23505", false), // unique_violation
            ("22021", false), // character_not_in_repertoire
            ("54000", false), // program_limit_exceeded
        ];
        for (code, expected) in rows {
            assert_eq!(is_of_the_store(code), expected, "{code}");
        }
    }
}
