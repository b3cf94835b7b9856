//! Sealing: a measurement gets its number, once, and disk holds both before the caller hears of it.
//!
//! A device that keeps a memory replays it in every session. Such a replay is recognised by the device's own time
//! and bytes and gets its first number back. It refuses to guess: where the device's clock is unset, or gives no
//! time, only the very same frame at the very same moment (a capture played again) counts as the same.
//!
//! **Invariant:** one transaction gives the number, stores the envelope and remembers the frame.

use rusqlite::{OptionalExtension, Transaction, TransactionBehavior};
use vitals::envelope::{ClockClass, ENVELOPE_BYTES_MAX, Envelope, FRAME_BYTES_MAX, Version1};
use vitals::{Seq, Timestamp};

use super::room::make_room;
use super::{Limit, Outbox, Sealed, Sealing, StoreError, number, seq_of};

/// The most frames remembered for recognising replays; beyond, the oldest are forgotten and the server recognises them.
const HEARD_ROWS_MAX: u64 = 200_000;

/// Why a measurement was not sealed. The caller still holds it.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// As many unreceipted envelopes as may be kept. Retried: a receipt makes room.
    #[error("the outbox is full: {0}")]
    Full(Limit),
    /// Larger than the interface carries. Never succeeds.
    #[error("the envelope would have {bytes} bytes, at most {bytes_max} are carried")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// The disk did not do as asked. Retried.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<rusqlite::Error> for SealError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Outbox {
    /// Seals a measurement: when this returns `Ok`, it survives a power cut.
    ///
    /// Calling it again with the same measurement, after an error or a crash, gives the same number.
    ///
    /// # Errors
    /// [`SealError`]; nothing was stored then, or it was and the next call says [`Sealed::Known`].
    pub fn seal(&mut self, sealing: &Sealing, now: Timestamp) -> Result<Sealed, SealError> {
        match self.attempt(sealing, now) {
            // The place held on the disk is held for this.
            Err(SealError::Store(StoreError::DiskFull)) if self.reserve.give_up() => {
                self.attempt(sealing, now)
            }
            done => done,
        }
    }

    fn attempt(&mut self, sealing: &Sealing, now: Timestamp) -> Result<Sealed, SealError> {
        if sealing.raw.bytes.len() > FRAME_BYTES_MAX {
            return Err(SealError::TooLarge { bytes: sealing.raw.bytes.len(), bytes_max: FRAME_BYTES_MAX });
        }
        let key = replay_key(sealing);
        let transaction = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if let Some(seq) = known(&transaction, &key)? {
            return Ok(Sealed::Known(seq));
        }
        let made = make_room(&transaction, self.limits, self.rows)?;
        let last: i64 = transaction.query_row("SELECT last_seq FROM outbox", [], |row| row.get(0))?;
        let seq = seq_of(last.saturating_add(1))?;
        let envelope = Envelope {
            v: Version1,
            gateway: self.gateway.clone(),
            outbox: self.id.clone(),
            seq,
            sealed_at: now,
            device: sealing.device.clone(),
            measurement: sealing.measurement.clone(),
            raw: sealing.raw.clone(),
        };
        let body = serde_json::to_string(&envelope)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
        if body.len() > ENVELOPE_BYTES_MAX {
            return Err(SealError::TooLarge { bytes: body.len(), bytes_max: ENVELOPE_BYTES_MAX });
        }
        store(&transaction, seq, now, &body, &key)?;
        transaction.commit()?;
        self.rows = self.rows + 1 - made;
        self.look()?;
        Ok(Sealed::New(seq))
    }
}

/// What makes two frames the same measurement. A device's time that the device never set says nothing.
fn replay_key(sealing: &Sealing) -> String {
    let measurement = &sealing.measurement;
    let slot = measurement.user_slot.map_or_else(|| "-".to_owned(), |slot| slot.to_string());
    let when = match (measurement.device_time, measurement.clock) {
        (
            Some(time),
            ClockClass::Synced
            | ClockClass::OffsetCorrected
            | ClockClass::Discontinuity
            | ClockClass::None
            | ClockClass::GatewayUnsynced,
        ) => time.to_string(),
        (None, _) | (Some(_), ClockClass::ClockUnset) => {
            format!("heard {} {}", sealing.heard_at.as_millis(), sealing.heard_ordinal)
        }
    };
    format!(
        "{} {slot} {} {when} {} {}",
        sealing.device.id,
        measurement.kind,
        sealing.raw.characteristic,
        sealing.raw.hex()
    )
}

fn known(transaction: &Transaction<'_>, key: &str) -> rusqlite::Result<Option<Seq>> {
    let seq = transaction
        .prepare("SELECT seq FROM heard WHERE key = ?1")?
        .query_row([key], |row| row.get(0))
        .optional()?;
    seq.map(seq_of).transpose()
}

fn store(
    transaction: &Transaction<'_>,
    seq: Seq,
    now: Timestamp,
    body: &str,
    key: &str,
) -> rusqlite::Result<()> {
    let seq = number(seq.get());
    transaction.prepare("INSERT INTO envelope (seq, sealed_at, body) VALUES (?1, ?2, ?3)")?.execute((
        seq,
        now.as_millis(),
        body,
    ))?;
    transaction.prepare("INSERT INTO heard (key, seq) VALUES (?1, ?2)")?.execute((key, seq))?;
    transaction
        .prepare("DELETE FROM heard WHERE seq <= ?1")?
        .execute([seq.saturating_sub(number(HEARD_ROWS_MAX))])?;
    transaction.prepare("UPDATE outbox SET last_seq = ?1")?.execute([seq])?;
    Ok(())
}
