//! Readings on their way into the record: they wait in the sitting and are written together, at the latest before anybody looks.
//!
//! **Invariant:** whoever asks the store within a sitting sees everything that was decided in it before.

use care::admission::readings::Mark;
use care::store::{StoreError, Tx};
use vitals::{Envelope, Reading};

use super::Sitting;

impl Sitting<'_> {
    /// The transaction, with everything in it that was decided so far.
    ///
    /// # Errors
    /// [`StoreError`]; the sitting must then be dropped.
    pub(crate) async fn store(&mut self) -> Result<&mut Tx, StoreError> {
        let tx = self.pen.rest().await?;
        self.rows.write(tx, self.arrival).await?;
        Ok(tx)
    }

    /// The place of the next reading in the order of commit.
    pub(crate) const fn next_arrival(&mut self) -> i64 {
        self.arrival += 1;
        self.arrival
    }

    /// Puts `reading`, which came in `envelope` of `stream`, into the record. `decides` is the fingerprint of the envelope where
    /// the reading decides its number. Gives its place in the order of commit.
    ///
    /// # Errors
    /// [`StoreError`]; the sitting must then be dropped.
    pub(crate) fn write(
        &mut self,
        reading: &Reading,
        envelope: &Envelope,
        stream: i64,
        decides: Option<&str>,
        mark: Option<&Mark>,
    ) -> Result<i64, StoreError> {
        let arrival = self.next_arrival();
        self.rows.add(arrival, reading, envelope, stream, decides, mark)?;
        if let Some(mark) = mark {
            self.note_measured(&envelope.device.id, mark.device_time);
        }
        self.tally.readings += 1;
        Ok(arrival)
    }
}
