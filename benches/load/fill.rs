//! A store that has been in use for years, made in minutes: readings put straight into its tables, as admission would have left them.
//!
//! This is the one place of the benches that knows the tables. A row is made by the database itself from its number, so that nothing
//! is carried over a wire. Every patient has a home with an outbox of its own, and the homes take turns, as they do in life: each
//! index grows in as many places as there are homes.
//!
//! **Invariant:** `vagen status` counts what was filled.

use std::path::Path;

use anyhow::{Context as _, Result};

use crate::postgres::Postgres;

/// Rows a transaction.
const AT_ONCE: u64 = 500_000;

/// Where the rows go.
pub(crate) enum Place<'a> {
    /// The SQLite file in a data directory.
    Sqlite(&'a Path),
    /// The database at a URL.
    Postgres(&'a Postgres, &'a str),
}

/// The numbers in the store of the outboxes of these homes begin here, far above those that a bench's own homes get.
const FIRST_STREAM: u64 = 1_000_000;

/// Puts `readings` readings of `patients` patients into the store at `place`, which has a register and no reading yet. They were
/// measured and received an hour apart, the last of them before `before_ms`.
pub(crate) fn fill(place: &Place<'_>, readings: u64, patients: u64, before_ms: i64) -> Result<()> {
    let began_ms = before_ms - i64::try_from(readings / patients + 1)? * 3_600_000;
    let each = readings.div_ceil(patients);
    place.tell(&format!(
        "INSERT INTO stream (id, gateway, outbox, through, highest, heard_at)
         {} SELECT {FIRST_STREAM} + i, 'home-' || i, 'outbox-' || i, {each}, {each}, {before_ms} FROM n;",
        place.numbers(0, patients - 1)
    ))?;
    let mut from = 0;
    while from < readings {
        let to = readings.min(from + AT_ONCE) - 1;
        place.tell(&place.rows(&Rows { from, to, patients, began_ms }))?;
        from = to + 1;
    }
    place.tell(&format!("INSERT INTO counter (name, value) VALUES ('reading.arrival', {readings}); ANALYZE;"))
}

struct Rows {
    from: u64,
    to: u64,
    patients: u64,
    began_ms: i64,
}

impl Place<'_> {
    /// The numbers from `from` to `to` as the column `i` of `n`.
    fn numbers(&self, from: u64, to: u64) -> String {
        match self {
            Self::Sqlite(_) => {
                format!(
                    "WITH RECURSIVE n (i) AS (SELECT {from} UNION ALL SELECT i + 1 FROM n WHERE i < {to})"
                )
            }
            Self::Postgres(..) => {
                format!("WITH n (i) AS (SELECT generate_series({from}::bigint, {to}::bigint))")
            }
        }
    }

    /// The statement that makes the rows numbered from `from` to `to`.
    fn rows(&self, rows: &Rows) -> String {
        let Rows { from, to, patients, began_ms } = rows;
        let (patient, turn) = (format!("(i % {patients})"), format!("(i / {patients})"));
        let at = format!("({began_ms} + {turn} * 3600000 + {patient})");
        // As people weigh: about what is usual for them, as the homes of this bench do.
        let weight = format!("(6000 + {patient} * 37 % 4000 + i * 7919 % 91 - 45)");
        let (weight, device, time, hash) = match self {
            Self::Sqlite(_) => (
                format!("printf('%.2f', {weight} / 100.0)"),
                format!("printf('546c0e%06x', {patient})"),
                format!("strftime('%Y-%m-%dT%H:%M:%S', {at} / 1000, 'unixepoch')"),
                "printf('%016x%016x', i * 92233720368, i)".to_string(),
            ),
            Self::Postgres(..) => (
                format!("round({weight} / 100.0, 2)"),
                format!("'546c0e' || lpad(to_hex({patient}), 6, '0')"),
                format!("to_char(to_timestamp({at} / 1000) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS')"),
                "lpad(to_hex(i * 92233720368), 16, '0') || lpad(to_hex(i), 16, '0')".to_owned(),
            ),
        };
        format!(
            "INSERT INTO reading (arrival, patient, at, received_at, kind, outcome, vals, clock, clock_offset_s, device, model,
                device_time, stream, seq, hash, sealed_at, raw_format, raw_hex, dedup)
             {} SELECT i + 1, 'p' || {patient}, {at}, {at}, 'weight', 'measured', '{{\"weight_kg\":' || {weight} || '}}', 'synced', 0,
                {device}, 'A&D UC-352BLE', {time}, {FIRST_STREAM} + {patient}, {turn} + 1, {hash}, {at}, '2a9d',
                '02b23ee8070101070405', SUBSTR({hash}, 1, 16) FROM n;",
            self.numbers(*from, *to)
        )
    }

    fn tell(&self, statements: &str) -> Result<()> {
        match self {
            Self::Sqlite(data) => {
                let store = rusqlite::Connection::open(data.join("vagen.db"))?;
                // Made data need not outlive a power cut.
                store.execute_batch("PRAGMA synchronous = OFF; PRAGMA cache_size = -1000000;")?;
                store.execute_batch(&format!("BEGIN; {statements} COMMIT;")).context("filling the store")
            }
            Self::Postgres(postgres, url) => postgres.tell(url, statements),
        }
    }
}
