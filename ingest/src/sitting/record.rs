//! Readings on their way into the record: they wait in the sitting and are written together, at the latest before anybody looks.
//!
//! **Invariant:** whoever asks the store within a sitting sees everything that was decided in it before.

use care::admission::readings::Mark;
use care::store::{StoreError, Tx};
use vitals::{Envelope, PatientId, Reading};

use super::Sitting;

impl Sitting<'_> {
    /// The transaction, with everything in it that was decided so far.
    ///
    /// # Errors
    /// [`StoreError`]; the sitting must then be dropped.
    pub(crate) async fn store(&mut self) -> Result<&mut Tx, StoreError> {
        let tx = self.pen.rest().await?;
        self.rows.write(tx, self.arrival).await?;
        self.waiting.clear();
        Ok(tx)
    }

    /// The transaction, with everything in it that was decided so far about `patient`. What waits about others goes on waiting:
    /// to write it one by one for each who is met for the first time takes longer than all the rest.
    ///
    /// # Errors
    /// [`StoreError`]; the sitting must then be dropped.
    pub(super) async fn store_about(&mut self, patient: &PatientId) -> Result<&mut Tx, StoreError> {
        if self.waiting.contains(patient) { self.store().await } else { self.pen.rest().await }
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
        self.waiting.insert(reading.patient.clone());
        self.tally.readings += 1;
        Ok(arrival)
    }
}
