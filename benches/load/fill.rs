//! A store that has been in use for years, made in minutes: readings put straight into its tables, as admission would have left them.
//!
//! This is the one place of the benches that knows the tables. A row is made by the database itself from its number, so that nothing
//! is carried over a wire; what in life is a hash grows evenly over its whole range, so that what is admitted later falls between.
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

/// Puts `readings` readings of `patients` patients into the store at `place`, which has a register and no reading yet. They were
/// measured and received an hour apart before `before_ms`, and belong to one outbox of a gateway that sends nothing else.
pub(crate) fn fill(place: &Place<'_>, readings: u64, patients: u64, before_ms: i64) -> Result<()> {
    let step = i64::MAX as u64 / (readings + 1);
    let began_ms = before_ms - i64::try_from(readings / patients + 1)? * 3_600_000;
    place.tell(&format!(
        "INSERT INTO stream (id, gateway, outbox, through, highest, heard_at)
         VALUES (0, 'gw-filled', 'filled', {readings}, {readings}, {before_ms});"
    ))?;
    let mut from = 1;
    while from <= readings {
        let to = readings.min(from + AT_ONCE - 1);
        place.tell(&place.rows(&Rows { from, to, step, patients, began_ms }))?;
        from = to + 1;
    }
    place.tell(&format!("INSERT INTO counter (name, value) VALUES ('reading.arrival', {readings}); ANALYZE;"))
}

struct Rows {
    from: u64,
    to: u64,
    step: u64,
    patients: u64,
    began_ms: i64,
}

impl Place<'_> {
    /// The statements that make the rows numbered from `from` to `to`.
    fn rows(&self, rows: &Rows) -> String {
        let Rows { from, to, step, patients, began_ms } = rows;
        let (numbers, hash) = match self {
            Self::Sqlite(_) => (
                format!(
                    "WITH RECURSIVE n (i) AS (SELECT {from} UNION ALL SELECT i + 1 FROM n WHERE i < {to})"
                ),
                format!("printf('%016x%016x', i * {step}, i)"),
            ),
            Self::Postgres(..) => (
                format!("WITH n (i) AS (SELECT generate_series({from}::bigint, {to}::bigint))"),
                format!("lpad(to_hex(i * {step}), 16, '0') || lpad(to_hex(i), 16, '0')"),
            ),
        };
        // As people weigh: about what is usual for them, as the homes of this bench do.
        let weight = format!("(6000 + (i % {patients}) * 37 % 4000 + i * 7919 % 91 - 45)");
        let weight = match self {
            Self::Sqlite(_) => format!("printf('%.2f', {weight} / 100.0)"),
            Self::Postgres(..) => format!("round({weight} / 100.0, 2)"),
        };
        let at = format!("{began_ms} + (i / {patients}) * 3600000 + i % {patients}");
        format!(
            "INSERT INTO reading (arrival, id, patient, at, received_at, kind, outcome, vals, absent, flags, clock, clock_offset_s,
                device, model, device_time, gateway, outbox, seq, sealed_at, raw_format, raw_hex, dedup_key)
             {numbers} SELECT i, {hash}, 'p' || (i % {patients}), {at}, {at}, 'weight', 'measured', '{{\"weight_kg\":' || {weight} || '}}', '{{}}', '[]',
                'synced', 0, '546c0e000001', 'A&D UC-352BLE', '2024-01-01T07:04:05', 'gw-filled', 'filled', i, {at}, '2a9d',
                '02b23ee8070101070405', {hash} || {hash} FROM n;
             INSERT INTO decided (stream, seq, hash, verdict) {numbers} SELECT 0, i, {hash} || {hash}, 'stored' FROM n;"
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
