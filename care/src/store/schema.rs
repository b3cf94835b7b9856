//! Every released change of the schema, oldest first, for both databases.
//!
//! **Invariant:** a change that was released is never edited. One text serves both where they agree; for PostgreSQL text compares
//! byte by byte, as in SQLite, and a foreign key can wait for the end of a transaction, as a copy of a store needs.

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::SqlitePoolOptions;
use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};

use super::StoreError;
use super::sql::{self, Connection, Dialect, Inner};

/// What is said to one of the databases only, after what is said to both.
struct Own {
    version: i64,
    sqlite: &'static str,
    postgres: &'static str,
}

const OWN: &[Own] = &[Own {
    version: 5,
    sqlite: include_str!("../../migrations/0005_compact_sqlite.sql"),
    postgres: include_str!("../../migrations/0005_compact_postgres.sql"),
}];

const CHANGES: &[(i64, &str, &str)] = &[
    (1, "first house", include_str!("../../migrations/0001_first_house.sql")),
    (2, "enrolment", include_str!("../../migrations/0002_enrolment.sql")),
    (3, "dialogue", include_str!("../../migrations/0003_dialogue.sql")),
    (4, "plans", include_str!("../../migrations/0004_plans.sql")),
    (5, "compact", include_str!("../../migrations/0005_compact.sql")),
    (6, "watching", include_str!("../../migrations/0006_watching.sql")),
    (7, "members", include_str!("../../migrations/0007_members.sql")),
    (8, "by week", include_str!("../../migrations/0008_by_week.sql")),
];

/// The changes as `dialect` takes them.
pub(super) fn migrations(dialect: Dialect) -> Vec<Migration> {
    CHANGES
        .iter()
        .map(|(version, name, sql)| {
            let own = OWN.iter().find(|own| own.version == *version);
            // All of it is made of literals of this module.
            let sql: SqlStr = match (dialect, own) {
                (Dialect::Sqlite, None) => sql.into_sql_str(),
                (Dialect::Sqlite, Some(own)) => AssertSqlSafe(format!("{sql}{}", own.sqlite)).into_sql_str(),
                (Dialect::Postgres, own) => {
                    let own = own.map_or("", |own| own.postgres);
                    AssertSqlSafe(for_postgres(sql) + own).into_sql_str()
                }
            };
            Migration::new(*version, (*name).into(), MigrationType::Simple, sql, false)
        })
        .collect()
}

/// The newest version that is known.
pub(super) fn newest() -> i64 {
    CHANGES.last().map_or(0, |(version, _, _)| *version)
}

/// A table as the schema has it.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: String,
    pub(super) columns: Vec<Column>,
    /// The places of its primary key among the columns, in the order of the key.
    pub(super) key: Vec<usize>,
}

/// A column of a table.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: ColumnKind,
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ColumnKind {
    /// `BIGINT`.
    Integer,
    /// `DOUBLE PRECISION`.
    Float,
    /// `TEXT`.
    Text,
    /// `BLOB` or `BYTEA`.
    Bytes,
}

impl ColumnKind {
    fn of(declared: &str) -> Option<Self> {
        Some(match declared {
            "BIGINT" | "INTEGER" => Self::Integer,
            "DOUBLE PRECISION" => Self::Float,
            "TEXT" => Self::Text,
            "BLOB" => Self::Bytes,
            _other => return None,
        })
    }
}

/// Every table of the newest schema, which is the same in both databases: asked of an empty store in memory.
///
/// # Errors
/// [`StoreError`], which would be a fault of the schema.
pub(super) async fn tables() -> Result<Vec<Table>, StoreError> {
    let pool = SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await?;
    Migrator::with_migrations(migrations(Dialect::Sqlite))
        .run(&pool)
        .await
        .map_err(|error| StoreError::unreadable("the schema", error))?;
    let mut reader = Connection(Inner::Sqlite(pool.acquire().await?));
    let names: Vec<String> = sql::query_scalar(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name NOT LIKE '%sqlx%' ORDER BY name",
    )
    .fetch_all(&mut reader)
    .await?;
    let mut tables = Vec::with_capacity(names.len());
    for name in names {
        let columns: Vec<(String, String, i64)> =
            sql::query_as("SELECT name, type, pk FROM pragma_table_info($1) ORDER BY cid")
                .bind(name.as_str())
                .fetch_all(&mut reader)
                .await?;
        let mut key: Vec<(i64, usize)> = columns
            .iter()
            .enumerate()
            .filter(|(_, column)| column.2 > 0)
            .map(|(place, column)| (column.2, place))
            .collect();
        key.sort_unstable();
        let columns = columns
            .into_iter()
            .map(|(column, declared, _)| {
                let kind = ColumnKind::of(&declared).ok_or_else(|| {
                    StoreError::unreadable("a column's type", format!("{name}.{column} {declared}"))
                })?;
                Ok(Column { name: column, kind })
            })
            .collect::<Result<Vec<_>, StoreError>>()?;
        tables.push(Table { name, columns, key: key.into_iter().map(|(_, place)| place).collect() });
    }
    Ok(tables)
}

fn for_postgres(sql: &str) -> String {
    sql.lines().map(|line| column_for_postgres(line) + "\n").collect()
}

/// A line of a table: the type of its column, and its foreign key.
fn column_for_postgres(line: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut is_comment = false;
    let mut key_ends = false;
    for word in line.split(' ') {
        is_comment |= word.starts_with("--");
        if is_comment {
            words.push(word.to_owned());
            continue;
        }
        let (bare, after) = word.split_at(word.trim_end_matches([',', ';']).len());
        let bare = match bare {
            "TEXT" => "TEXT COLLATE \"C\"".to_owned(),
            "BLOB" => "BYTEA".to_owned(),
            // SQLite's word for a key that is the place of the row itself.
            "INTEGER" => "BIGINT".to_owned(),
            reference if key_ends && reference.ends_with(')') => format!("{reference} DEFERRABLE"),
            other => other.to_owned(),
        };
        key_ends = word == "REFERENCES" || (key_ends && !word.contains(')'));
        words.push(bare + after);
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// To add a case, add a row: a line, and the same as PostgreSQL takes it, worked out by hand.
    #[test]
    fn lines_are_said_as_postgresql_takes_them() {
        let rows = [
            ("    id   TEXT NOT NULL PRIMARY KEY,", "    id   TEXT COLLATE \"C\" NOT NULL PRIMARY KEY,"),
            ("    born          TEXT,", "    born          TEXT COLLATE \"C\","),
            ("    raw_hash BLOB,", "    raw_hash BYTEA,"),
            ("    arrival INTEGER NOT NULL PRIMARY KEY,", "    arrival BIGINT NOT NULL PRIMARY KEY,"),
            (
                "    unit TEXT NOT NULL REFERENCES unit (id),",
                "    unit TEXT COLLATE \"C\" NOT NULL REFERENCES unit (id) DEFERRABLE,",
            ),
            (
                "ALTER TABLE task ADD COLUMN former TEXT REFERENCES task (id);",
                "ALTER TABLE task ADD COLUMN former TEXT COLLATE \"C\" REFERENCES task (id) DEFERRABLE;",
            ),
            (
                "-- JSON is TEXT here, REFERENCES none (at all)",
                "-- JSON is TEXT here, REFERENCES none (at all)",
            ),
        ];
        for (line, expected) in rows {
            assert_eq!(column_for_postgres(line), expected);
        }
    }
}
