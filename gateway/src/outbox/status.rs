//! What an outbox holds, read without disturbing the process that owns it.
//!
//! **Invariant:** nothing here writes a row.

use std::path::{Path, PathBuf};

use rusqlite::types::Type;
use rusqlite::{Connection, OpenFlags};
use serde::Serialize;
use vitals::envelope::Envelope;
use vitals::{DeviceId, DeviceIdentity, GatewayId, OutboxId, Seq, TimedMeasurement, Timestamp};

use super::open::is_in_use;
use super::{KnownDevice, time_of};

/// How many readings [`Status::last_readings`] has.
const LAST_READINGS: u32 = 5;

/// The state of an outbox, for `vagen-gateway status`.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// The gateway it belongs to.
    pub gateway: GatewayId,
    /// The database's name.
    pub outbox: OutboxId,
    /// When it was made.
    pub created_at: Timestamp,
    /// The last number given.
    pub last_seq: u64,
    /// How many numbers have no receipt.
    pub unreceipted: u64,
    /// When the oldest of those was sealed.
    pub oldest_unreceipted_at: Option<Timestamp>,
    /// When the last receipt came.
    pub last_receipt_at: Option<Timestamp>,
    /// How many envelopes were declared void and set aside.
    pub set_aside: u64,
    /// How many frames could not be decoded, ever.
    pub undecoded: u64,
    /// The last of them.
    pub last_undecoded: Option<LastUndecoded>,
    /// Every device ever heard.
    pub devices: Vec<DeviceStatus>,
    /// The readings sealed last, the newest first.
    pub last_readings: Vec<LastReading>,
    /// Whether a process has the outbox open at the moment: the daemon runs.
    pub running: bool,
}

/// A reading, for `vagen-gateway status`.
#[derive(Clone, Debug, Serialize)]
pub struct LastReading {
    /// Its number.
    pub seq: Seq,
    /// Which device measured.
    pub device: DeviceId,
    /// What it says.
    pub measurement: TimedMeasurement,
    /// When its receipt came.
    pub receipted_at: Option<Timestamp>,
}

/// The last frame that gave no measurement.
#[derive(Clone, Debug, Serialize)]
pub struct LastUndecoded {
    /// When it was heard.
    pub at: Timestamp,
    /// Which device sent it.
    pub device: String,
    /// The characteristic.
    pub characteristic: String,
    /// The bytes.
    pub hex: String,
    /// Why.
    pub reason: String,
}

/// One device, for `vagen-gateway status`.
#[derive(Clone, Debug, Serialize)]
pub struct DeviceStatus {
    /// Who it is.
    #[serde(flatten)]
    pub identity: DeviceIdentity,
    /// When it was last heard.
    pub last_seen: Timestamp,
    /// Its battery, %.
    pub battery_percent: Option<u8>,
}

/// Why there is no status.
#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    /// No such file.
    #[error("there is no outbox at {path}")]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// Not an outbox, or not readable.
    #[error("outbox {path} cannot be read: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
}

/// Reads the state of the outbox at `path`.
///
/// # Errors
/// [`StatusError`] when there is none or it cannot be read.
pub fn status(path: &Path) -> Result<Status, StatusError> {
    if !path.is_file() {
        return Err(StatusError::Missing { path: path.to_owned() });
    }
    // Read-write, because SQLite cannot read a write-ahead log whose index it may not make; nothing is written.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(path, flags)
        .and_then(|db| read(&db))
        .map(|status| Status { running: is_in_use(path), ..status })
        .map_err(|source| StatusError::Unreadable { path: path.to_owned(), source })
}

fn read(db: &Connection) -> rusqlite::Result<Status> {
    let parsed = |text: String| text.parse().map_err(|_| rusqlite::Error::InvalidQuery);
    let (gateway, outbox, created_at, last_seq): (String, String, i64, i64) =
        db.query_row("SELECT gateway, id, created_at, last_seq FROM outbox", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })?;
    let (unreceipted, oldest): (i64, Option<i64>) = db.query_row(
        "SELECT count(*), min(sealed_at) FROM envelope WHERE receipted_at IS NULL",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let last_receipt: Option<i64> =
        db.query_row("SELECT max(receipted_at) FROM envelope", [], |row| row.get(0))?;
    let count = |sql: &str| db.query_row(sql, [], |row| row.get::<_, i64>(0)).map(i64::unsigned_abs);
    Ok(Status {
        gateway: gateway.parse().map_err(|_| rusqlite::Error::InvalidQuery)?,
        outbox: parsed(outbox)?,
        created_at: time_of(created_at)?,
        last_seq: last_seq.unsigned_abs(),
        unreceipted: unreceipted.unsigned_abs(),
        oldest_unreceipted_at: oldest.map(time_of).transpose()?,
        last_receipt_at: last_receipt.map(time_of).transpose()?,
        set_aside: count("SELECT count(*) FROM set_aside")?,
        undecoded: count("SELECT coalesce(max(id), 0) FROM undecoded")?,
        last_undecoded: last_undecoded(db)?,
        devices: devices(db)?
            .into_iter()
            .map(|device| DeviceStatus {
                identity: device.identity,
                last_seen: device.last_seen,
                battery_percent: device.battery_percent,
            })
            .collect(),
        last_readings: last_readings(db)?,
        running: false,
    })
}

fn last_readings(db: &Connection) -> rusqlite::Result<Vec<LastReading>> {
    let mut query =
        db.prepare("SELECT body, receipted_at FROM envelope WHERE void = 0 ORDER BY seq DESC LIMIT ?1")?;
    let rows = query.query_map([LAST_READINGS], |row| {
        let envelope: Envelope = serde_json::from_str(&row.get::<_, String>(0)?)
            .map_err(|error| rusqlite::Error::FromSqlConversionFailure(0, Type::Text, Box::new(error)))?;
        let receipted_at: Option<i64> = row.get(1)?;
        Ok(LastReading {
            seq: envelope.seq,
            device: envelope.device.id,
            measurement: envelope.measurement,
            receipted_at: receipted_at.map(time_of).transpose()?,
        })
    })?;
    rows.collect()
}

fn last_undecoded(db: &Connection) -> rusqlite::Result<Option<LastUndecoded>> {
    let mut query =
        db.prepare("SELECT at, device, characteristic, hex, reason FROM undecoded ORDER BY id DESC LIMIT 1")?;
    let mut rows = query.query_map([], |row| {
        Ok(LastUndecoded {
            at: time_of(row.get(0)?)?,
            device: row.get(1)?,
            characteristic: row.get(2)?,
            hex: row.get(3)?,
            reason: row.get(4)?,
        })
    })?;
    rows.next().transpose()
}

pub(super) fn devices(db: &Connection) -> rusqlite::Result<Vec<KnownDevice>> {
    let mut query =
        db.prepare("SELECT id, model, serial, last_seen, battery_percent FROM device ORDER BY id")?;
    let rows = query.query_map([], |row| {
        let id: String = row.get(0)?;
        Ok(KnownDevice {
            identity: DeviceIdentity {
                id: id.parse().map_err(|_| rusqlite::Error::InvalidQuery)?,
                model: row.get(1)?,
                serial: row.get(2)?,
            },
            last_seen: time_of(row.get(3)?)?,
            battery_percent: row.get(4)?,
        })
    })?;
    rows.collect()
}
