//! Room: how much an outbox may keep, what makes way, and when it says no before anybody has sent it anything.
//!
//! Receipted history makes way, oldest first; then the memory of replays that the server recognises as well. A small
//! file beside the database holds a place on the disk, so that a full disk is noticed while there is still room for
//! what a device is just sending.
//!
//! **Invariant:** an envelope without a receipt is never deleted here, however old it is and however full the disk.

use std::fmt;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use rusqlite::Transaction;

use super::{Outbox, SealError, number};

/// How much an outbox may keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most envelopes on disk, receipted or not. With that many unreceipted, sealing is refused.
    pub rows_max: u64,
    /// The most bytes the database may use. With that many in use by what is unreceipted, sealing is refused. The
    /// write-ahead log (4 MiB) and the held place come on top.
    pub bytes_max: u64,
    /// The place held on the disk for what a device is just sending, bytes; 0 where nothing is heard that could be
    /// left in its device.
    pub reserve_bytes: u64,
    /// How long a receipted envelope is kept to answer a request to resend, days.
    pub history_days: u32,
}

impl Default for Limits {
    /// 100 000 envelopes (about 70 MB; fifty years of a couple's mornings), 256 MiB, no held place, and 90 days.
    fn default() -> Self {
        Self { rows_max: 100_000, bytes_max: 256 * MIB, reserve_bytes: 0, history_days: 90 }
    }
}

/// One mebibyte.
pub const MIB: u64 = 1024 * 1024;
/// The place a home box holds: a reading takes some twenty kilobytes of write-ahead log, and a session brings 100.
pub const RESERVE_BYTES: u64 = 4 * MIB;
/// The most readings one session with a device brings: the largest memory among known cuffs holds 100.
pub const SESSION_ROWS: u64 = 100;
/// What those take with all that belongs to them, bytes.
const SESSION_BYTES: u64 = 256 * 1024;
/// History that makes way in one step, rows.
const STEP_ROWS: i64 = 64;

/// A limit that was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// This many envelopes wait for their receipts.
    Rows(u64),
    /// What waits for its receipt takes this many bytes.
    Bytes(u64),
    /// The disk has no room, whoever took it.
    Disk,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rows(rows_max) => write!(f, "{rows_max} envelopes wait for their receipts"),
            Self::Bytes(bytes_max) => {
                write!(f, "what waits for its receipt takes {} MiB", bytes_max.div_ceil(MIB))
            }
            Self::Disk => f.write_str("the disk is full"),
        }
    }
}

impl Outbox {
    /// Which limit a session with a device might meet, asked before the device is spoken to; `None` with room for
    /// [`SESSION_ROWS`] readings. Takes back the place on the disk where there is one again.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError) when the file cannot be read.
    pub fn lacks(&mut self) -> Result<Option<Limit>, super::StoreError> {
        let Limits { rows_max, bytes_max, .. } = self.limits;
        if self.depth.unreceipted + SESSION_ROWS.min(rows_max / 4) >= rows_max {
            return Ok(Some(Limit::Rows(rows_max)));
        }
        let history = self.rows.saturating_sub(self.depth.unreceipted);
        let used = used_bytes(&self.db)?;
        if history < SESSION_ROWS && used + SESSION_BYTES.min(bytes_max / 8) >= bytes_max {
            return Ok(Some(Limit::Bytes(bytes_max)));
        }
        if let Err(error) = self.reserve.take() {
            tracing::debug!(%error, "no place on the disk");
            return Ok(Some(Limit::Disk));
        }
        Ok(None)
    }

    /// Proves that the database can be written, by writing it: the number it had.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError) when it cannot.
    pub fn touch(&mut self) -> Result<(), super::StoreError> {
        self.db.execute("UPDATE outbox SET last_seq = last_seq", [])?;
        Ok(())
    }
}

/// Deletes the oldest receipted envelopes where a limit asks for it, and says how many; an unreceipted one never.
pub(super) fn make_room(transaction: &Transaction<'_>, limits: Limits, rows: u64) -> Result<u64, SealError> {
    let mut made = 0;
    let surplus = (rows + 1).saturating_sub(limits.rows_max);
    if surplus > 0 {
        made = forget_history(transaction, number(surplus))?;
        if made < surplus {
            return Err(SealError::Full(Limit::Rows(limits.rows_max)));
        }
    }
    while used_bytes(transaction)? >= limits.bytes_max {
        let step = forget_history(transaction, STEP_ROWS)?;
        made += step;
        if step == 0 && forget_replays(transaction)? == 0 {
            return Err(SealError::Full(Limit::Bytes(limits.bytes_max)));
        }
    }
    Ok(made)
}

fn forget_history(transaction: &Transaction<'_>, rows: i64) -> rusqlite::Result<u64> {
    let deleted = transaction.execute(
        "DELETE FROM envelope WHERE seq IN
           (SELECT seq FROM envelope WHERE receipted_at IS NOT NULL ORDER BY seq LIMIT ?1)",
        [rows],
    )?;
    Ok(deleted as u64)
}

fn forget_replays(transaction: &Transaction<'_>) -> rusqlite::Result<usize> {
    transaction.execute(
        "DELETE FROM heard WHERE key IN
           (SELECT key FROM heard WHERE seq NOT IN (SELECT seq FROM envelope) ORDER BY seq LIMIT ?1)",
        [STEP_ROWS],
    )
}

fn used_bytes(db: &rusqlite::Connection) -> rusqlite::Result<u64> {
    let pragma = |name: &str| db.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let pages = pragma("page_count")? - pragma("freelist_count")?;
    Ok(pages.saturating_mul(pragma("page_size")?).unsigned_abs())
}

/// A file of zeros that holds a place on the disk.
#[derive(Debug)]
pub(super) struct Reserve {
    path: PathBuf,
    bytes: u64,
    held: bool,
}

impl Reserve {
    /// The place beside the database at `path`; held when an earlier run left it so.
    pub(super) fn beside(path: &Path, bytes: u64) -> Self {
        let mut name = path.as_os_str().to_owned();
        name.push(".reserve");
        let path = PathBuf::from(name);
        let held = fs::metadata(&path).is_ok_and(|it| it.len() == bytes);
        Self { path, bytes, held }
    }

    /// Holds the place, for real: written and synchronised.
    pub(super) fn take(&mut self) -> std::io::Result<()> {
        if self.held || self.bytes == 0 {
            return Ok(());
        }
        let written = File::create(&self.path).and_then(|mut file| {
            let block = [0_u8; 16 * 1024];
            let mut left = self.bytes;
            while left > 0 {
                let step = usize::try_from(left).map_or(block.len(), |left| left.min(block.len()));
                file.write_all(&block[..step])?;
                left -= step as u64;
            }
            file.sync_all()
        });
        if written.is_err() {
            // Half a place is none, and others may need it; what cannot be removed is written over the next time.
            let _ = fs::remove_file(&self.path);
        }
        self.held = written.is_ok();
        written
    }

    /// Gives the place up for something that matters more. Says whether there was one.
    pub(super) fn give_up(&mut self) -> bool {
        let had = self.held && fs::remove_file(&self.path).is_ok();
        self.held = false;
        had
    }
}
