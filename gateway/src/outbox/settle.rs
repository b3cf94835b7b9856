//! Settling: what the server's receipts, its requests and its refusals do to the outbox.
//!
//! A receipted envelope stays as history for a while, so that a server restored from a backup can ask for it again. A number
//! that cannot be sent is declared void, and what it held is set aside, never deleted.
//!
//! **Invariant:** only a receipt marks a number as settled, and only a request to resend takes the mark away.

use rusqlite::TransactionBehavior;
use vitals::envelope::{Envelope, Version1};
use vitals::{GatewayId, OutboxId, Seq, Timestamp, Void};

use super::{Outbox, StoreError, VOIDS_PER_REQUEST_MAX, number, seq_of};

/// What a receipt came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receipted {
    /// This many numbers were settled by it.
    Settled(u64),
    /// The server has seen numbers that this file does not know: the file is older than what was sent from it.
    /// The outbox has taken a new id and resends what was unreceipted under new numbers.
    Forgotten {
        /// How many were sealed anew.
        resealed: u64,
    },
}

/// What a request to resend came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Numbers that will be sent again.
    pub again: u64,
    /// Numbers that are no longer kept and were declared void.
    pub voided: u64,
}

impl Outbox {
    /// Settles every number up to and including `through`.
    ///
    /// # Errors
    /// [`StoreError`]; nothing was settled then.
    pub fn receipt(&mut self, through: u64, now: Timestamp) -> Result<Receipted, StoreError> {
        if through > self.depth.last_seq {
            let resealed = self.start_anew(now)?;
            self.look()?;
            self.tell(
                &format!(
                    "the outbox was older than what was sent from it; it counts anew, {resealed} readings"
                ),
                now,
            )?;
            return Ok(Receipted::Forgotten { resealed });
        }
        if self.depth.head.is_none_or(|head| head.get() > through) {
            return Ok(Receipted::Settled(0));
        }
        let transaction = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let settled = transaction.execute(
            "UPDATE envelope SET receipted_at = ?1 WHERE seq <= ?2 AND receipted_at IS NULL",
            (now.as_millis(), number(through)),
        )?;
        transaction.commit()?;
        self.look()?;
        Ok(Receipted::Settled(settled as u64))
    }

    /// Deletes what was receipted longer ago than history is kept, and says how many that were. `now` is the time of a clock that
    /// is known to be right: one that nobody set must neither empty the history nor keep it for ever, so a receipt that lies in
    /// its future was dated by such a one, and counts from now.
    ///
    /// # Errors
    /// [`StoreError`]; nothing was deleted then.
    pub fn age_history(&mut self, now: Timestamp) -> Result<u64, StoreError> {
        let kept_from = now.plus_days(-i64::from(self.limits.history_days)).as_millis();
        let transaction = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction
            .execute("UPDATE envelope SET receipted_at = ?1 WHERE receipted_at > ?1", [now.as_millis()])?;
        let aged = transaction.execute("DELETE FROM envelope WHERE receipted_at < ?1", [kept_from])?;
        transaction.commit()?;
        self.rows = self.rows.saturating_sub(aged as u64);
        Ok(aged as u64)
    }

    /// Takes up again the numbers from `from` to `to`; those no longer kept become voids. Numbers never given are ignored.
    ///
    /// # Errors
    /// [`StoreError`]; nothing changed then.
    pub fn resend(&mut self, from: Seq, to: Seq, now: Timestamp) -> Result<Asked, StoreError> {
        let (from, to) = (number(from.get()), number(to.get().min(self.depth.last_seq)));
        if from > to {
            return Ok(Asked::default());
        }
        let transaction = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let again = transaction
            .execute("UPDATE envelope SET receipted_at = NULL WHERE seq BETWEEN ?1 AND ?2", [from, to])?;
        let gaps: Vec<i64> = transaction
            .prepare(
                "WITH RECURSIVE wanted (seq) AS (SELECT ?1 UNION ALL SELECT seq + 1 FROM wanted WHERE seq < ?2)
                 SELECT seq FROM wanted WHERE seq NOT IN (SELECT seq FROM envelope) LIMIT ?3",
            )?
            .query_map([from, to, number(VOIDS_PER_REQUEST_MAX)], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        for gap in &gaps {
            let body = void_body(&self.gateway, &self.id, seq_of(*gap)?, "no longer kept")?;
            transaction.execute(
                "INSERT INTO envelope (seq, sealed_at, body, void) VALUES (?1, ?2, ?3, 1)",
                (gap, now.as_millis(), body),
            )?;
        }
        transaction.commit()?;
        self.rows += gaps.len() as u64;
        self.look()?;
        Ok(Asked { again: again as u64, voided: gaps.len() as u64 })
    }

    /// Declares an unreceipted number void and sets its envelope aside. The void is sent until it is receipted.
    /// Returns whether anything changed: a number that is void already, or settled, stays as it is.
    ///
    /// # Errors
    /// [`StoreError`]; nothing changed then.
    pub fn void(&mut self, seq: Seq, reason: &str, now: Timestamp) -> Result<bool, StoreError> {
        let body = void_body(&self.gateway, &self.id, seq, reason)?;
        let transaction = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let moved = transaction.execute(
            "INSERT INTO set_aside (seq, body, reason, at)
             SELECT seq, body, ?2, ?3 FROM envelope WHERE seq = ?1 AND void = 0 AND receipted_at IS NULL",
            (number(seq.get()), reason, now.as_millis()),
        )?;
        if moved > 0 {
            transaction.execute(
                "UPDATE envelope SET body = ?2, void = 1 WHERE seq = ?1",
                (number(seq.get()), body),
            )?;
        }
        transaction.commit()?;
        Ok(moved > 0)
    }

    /// Whether this gateway's database once bore that name: the file broke, or counted anew. What it held has other
    /// numbers now.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn was(&self, id: &OutboxId) -> Result<bool, StoreError> {
        let mut query = self.db.prepare("SELECT 1 FROM former WHERE id = ?1")?;
        Ok(query.exists([id.as_str()])?)
    }

    /// Takes a number for nothing but a word to the server: a void under which there never was an envelope. The server
    /// opens a task for it, so that what happened in a home is seen by somebody.
    ///
    /// # Errors
    /// [`StoreError`]; no number was taken then.
    pub fn tell(&mut self, words: &str, now: Timestamp) -> Result<Seq, StoreError> {
        let seq = seq_of(number(self.depth.last_seq + 1))?;
        let body = void_body(&self.gateway, &self.id, seq, words)?;
        let transaction = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute(
            "INSERT INTO envelope (seq, sealed_at, body, void) VALUES (?1, ?2, ?3, 1)",
            (number(seq.get()), now.as_millis(), body),
        )?;
        transaction.execute("UPDATE outbox SET last_seq = ?1", [number(seq.get())])?;
        transaction.commit()?;
        self.rows += 1;
        self.look()?;
        Ok(seq)
    }

    /// The file is older than what was sent from it (a restored disk, a card that lied about writing). Going on
    /// counting would give numbers that the server has already decided to other measurements, so the outbox takes
    /// a new id and counts from 1 again. Readings the server has it recognises by the device's time and bytes.
    fn start_anew(&mut self, now: Timestamp) -> Result<u64, StoreError> {
        let id: OutboxId = uuid::Uuid::new_v4()
            .to_string()
            .parse()
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
        let transaction = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let bodies: Vec<String> = transaction
            .prepare("SELECT body FROM envelope WHERE receipted_at IS NULL AND void = 0 ORDER BY seq")?
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        transaction.execute_batch(
            "INSERT OR IGNORE INTO former (id) SELECT id FROM outbox; DELETE FROM envelope; DELETE FROM heard;",
        )?;
        let mut last = 0_u64;
        for body in bodies {
            let mut envelope: Envelope = serde_json::from_str(&body)
                .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
            last += 1;
            envelope.seq = seq_of(number(last))?;
            envelope.outbox = id.clone();
            let body = serde_json::to_string(&envelope)
                .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
            transaction.execute(
                "INSERT INTO envelope (seq, sealed_at, body) VALUES (?1, ?2, ?3)",
                (number(last), envelope.sealed_at.as_millis(), body),
            )?;
        }
        transaction.execute(
            "UPDATE outbox SET id = ?1, created_at = ?2, last_seq = ?3",
            (id.as_str(), now.as_millis(), number(last)),
        )?;
        transaction.commit()?;
        self.id = id;
        self.rows = last;
        Ok(last)
    }
}

fn void_body(gateway: &GatewayId, outbox: &OutboxId, seq: Seq, reason: &str) -> rusqlite::Result<String> {
    let void =
        Void { v: Version1, gateway: gateway.clone(), outbox: outbox.clone(), seq, void: reason.to_owned() };
    serde_json::to_string(&void).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}
