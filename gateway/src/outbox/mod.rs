//! The outbox: what a home has measured, on disk, in sequence, until the server's receipt.
//!
//! One SQLite file. [`Outbox::seal`] gives a measurement its number and returns only once disk holds both;
//! [`Outbox::receipt`] marks what the server has durably decided. It refuses to know the network: an acknowledgement
//! by a broker is nothing here. It reads no clock.
//!
//! **Invariant:** numbers run from 1 to [`Depth::last_seq`] without gaps and are never used twice under one outbox id;
//! a number without a receipt always has a message that can be sent.

mod memory;
mod open;
mod room;
mod seal;
mod settle;
mod shared;
mod status;

use std::fs::File;

use rusqlite::{Connection, ErrorCode, OptionalExtension};
use vitals::{DeviceIdentity, GatewayId, OutboxId, RawFrame, Seq, TimedMeasurement, Timestamp};

pub use open::{OpenError, Opened};
pub use room::{Limit, Limits, MIB, RESERVE_BYTES, SESSION_ROWS};
pub use seal::SealError;
pub use settle::{Asked, Receipted};
pub use shared::SharedOutbox;
pub use status::{LastReading, Status, StatusError, status};

/// How far an outbox has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    /// The last number given; 0 while there is none.
    pub last_seq: u64,
    /// How many numbers have no receipt.
    pub unreceipted: u64,
    /// The lowest number without a receipt.
    pub head: Option<Seq>,
}

/// The most undecodable frames kept; older ones are only counted.
pub const UNDECODED_ROWS_MAX: u64 = 10_000;
/// The most numbers declared void in answer to one request to resend; the server asks again for the rest.
pub const VOIDS_PER_REQUEST_MAX: u64 = 10_000;

/// A measurement on its way into the outbox.
#[derive(Clone, Debug, PartialEq)]
pub struct Sealing {
    /// Which device measured.
    pub device: DeviceIdentity,
    /// What, placed in time.
    pub measurement: TimedMeasurement,
    /// The frame it came from.
    pub raw: RawFrame,
    /// When the frame was heard, by the gateway's clock.
    pub heard_at: Timestamp,
    /// How many frames of this device were heard at exactly `heard_at` before this one.
    pub heard_ordinal: u32,
}

/// What sealing came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sealed {
    /// A new number, now on disk.
    New(Seq),
    /// The same frame was sealed before under this number: a device replaying its memory.
    Known(Seq),
}

/// A frame that gave no measurement. Its bytes are kept for whoever asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undecoded {
    /// When it was heard.
    pub at: Timestamp,
    /// Which device sent it, 12 hex digits.
    pub device: String,
    /// The characteristic, or a word for where else the bytes came from.
    pub characteristic: String,
    /// The bytes, as lower-case hex.
    pub hex: String,
    /// Why it could not be decoded.
    pub reason: String,
}

/// One message that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// Its number.
    pub seq: Seq,
    /// The envelope, or the void that stands for it, as JSON.
    pub body: String,
}

/// Why the disk did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No room on the disk. Retried by the caller: room may come back.
    #[error("the disk is full")]
    DiskFull,
    /// Anything else SQLite says.
    #[error("the outbox file failed: {0}")]
    Failed(rusqlite::Error),
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        if error.sqlite_error_code() == Some(ErrorCode::DiskFull) {
            Self::DiskFull
        } else {
            Self::Failed(error)
        }
    }
}

/// An open outbox. One process at a time holds it.
#[derive(Debug)]
pub struct Outbox {
    db: Connection,
    id: OutboxId,
    gateway: GatewayId,
    limits: Limits,
    depth: Depth,
    /// How many envelopes are on disk, receipted or not.
    rows: u64,
    reserve: room::Reserve,
    _lock: File,
}

impl Outbox {
    /// The name of this database, for life.
    #[must_use]
    pub fn id(&self) -> &OutboxId {
        &self.id
    }

    /// The gateway it belongs to.
    #[must_use]
    pub fn gateway(&self) -> &GatewayId {
        &self.gateway
    }

    /// How far it has come.
    #[must_use]
    pub fn depth(&self) -> Depth {
        self.depth
    }

    /// Unreceipted messages after number `after`, lowest first, at most `rows_max` and `bytes_max` of JSON; always at
    /// least one when there is one.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn due(&self, after: u64, rows_max: usize, bytes_max: usize) -> Result<Vec<Due>, StoreError> {
        let mut query = self.db.prepare(
            "SELECT seq, body FROM envelope WHERE receipted_at IS NULL AND seq > ?1 ORDER BY seq LIMIT ?2",
        )?;
        let mut rows = query.query((number(after), number(rows_max as u64)))?;
        let (mut due, mut bytes) = (Vec::new(), 0);
        while let Some(row) = rows.next()? {
            let one = Due { seq: seq_of(row.get(0)?)?, body: row.get(1)? };
            bytes += one.body.len();
            if bytes > bytes_max && !due.is_empty() {
                break;
            }
            due.push(one);
        }
        Ok(due)
    }

    /// Keeps a frame that gave no measurement.
    ///
    /// # Errors
    /// [`StoreError`] when it could not be stored.
    pub fn keep_undecoded(&mut self, frame: &Undecoded) -> Result<(), StoreError> {
        let transaction = self.db.transaction()?;
        transaction.execute(
            "INSERT INTO undecoded (at, device, characteristic, hex, reason) VALUES (?1, ?2, ?3, ?4, ?5)",
            (frame.at.as_millis(), &frame.device, &frame.characteristic, &frame.hex, &frame.reason),
        )?;
        // The ids go on counting, so the highest is how many there ever were.
        transaction.execute(
            "DELETE FROM undecoded WHERE id <= (SELECT max(id) FROM undecoded) - ?1",
            [number(UNDECODED_ROWS_MAX)],
        )?;
        Ok(transaction.commit()?)
    }

    /// Remembers what was last known of a device.
    ///
    /// # Errors
    /// [`StoreError`] when it could not be stored.
    pub fn remember_device(&mut self, device: &KnownDevice) -> Result<(), StoreError> {
        self.db.execute(
            "INSERT INTO device (id, model, serial, last_seen, battery_percent) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (id) DO UPDATE SET model = excluded.model, serial = excluded.serial,
               last_seen = excluded.last_seen, battery_percent = excluded.battery_percent",
            (
                device.identity.id.as_str(),
                &device.identity.model,
                &device.identity.serial,
                device.last_seen.as_millis(),
                device.battery_percent,
            ),
        )?;
        Ok(())
    }

    /// Every device ever heard.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn devices(&self) -> Result<Vec<KnownDevice>, StoreError> {
        status::devices(&self.db).map_err(StoreError::from)
    }

    fn look(&mut self) -> Result<(), StoreError> {
        let last_seq: i64 = self.db.query_row("SELECT last_seq FROM outbox", [], |row| row.get(0))?;
        let (unreceipted, head): (i64, Option<i64>) = self.db.query_row(
            "SELECT count(*), min(seq) FROM envelope WHERE receipted_at IS NULL",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        self.depth = Depth {
            last_seq: last_seq.unsigned_abs(),
            unreceipted: unreceipted.unsigned_abs(),
            head: head.map(seq_of).transpose()?,
        };
        Ok(())
    }
}

/// What was last known of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownDevice {
    /// Who it is.
    pub identity: DeviceIdentity,
    /// When it was last heard.
    pub last_seen: Timestamp,
    /// Its battery, %.
    pub battery_percent: Option<u8>,
}

/// A number as SQLite holds it. Ours stay below 2^53.
fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn seq_of(stored: i64) -> Result<Seq, rusqlite::Error> {
    let out_of_range = || rusqlite::Error::IntegralValueOutOfRange(0, stored);
    Seq::new(u64::try_from(stored).map_err(|_| out_of_range())?).map_err(|_| out_of_range())
}

fn time_of(stored: i64) -> Result<Timestamp, rusqlite::Error> {
    Timestamp::from_millis(stored).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(0, stored))
}

fn one_text(db: &Connection, sql: &str) -> rusqlite::Result<Option<String>> {
    db.query_row(sql, [], |row| row.get(0)).optional()
}

#[cfg(test)]
mod model_test;
#[cfg(test)]
mod room_test;
#[cfg(test)]
mod tests;
