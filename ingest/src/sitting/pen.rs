//! The transaction of a sitting, which writes readings while the next are judged.
//!
//! Rows are handed over in runs; the database works on one run while the sitting goes on, until it needs the transaction itself.
//!
//! **Invariant:** whoever gets the transaction gets it with everything in it that was handed over; what could not be written is told
//! to the next who asks, and the transaction is gone with it.

use care::admission::readings::{ROWS_USUAL, Rows};
use care::store::{StoreError, Tx};
use tokio::task::{JoinError, JoinHandle};

/// See the module.
pub(super) enum Pen {
    /// Nothing is being written.
    Resting(Tx),
    /// A run is being written.
    Writing(JoinHandle<Result<Tx, StoreError>>),
    /// A run could not be written.
    Broken,
}

impl Pen {
    /// The transaction, once what it writes is written.
    ///
    /// # Errors
    /// [`StoreError`] of a run; the sitting must then be dropped.
    pub(super) async fn rest(&mut self) -> Result<&mut Tx, StoreError> {
        if let Self::Writing(run) = self {
            let written = run.await;
            *self = match written.unwrap_or_else(panicked) {
                Ok(tx) => Self::Resting(tx),
                Err(error) => {
                    *self = Self::Broken;
                    return Err(error);
                }
            };
        }
        match self {
            Self::Resting(tx) => Ok(tx),
            Self::Writing(_) | Self::Broken => Err(broken()),
        }
    }

    /// As [`Pen::rest`], the transaction itself.
    pub(super) async fn lay_down(mut self) -> Result<Tx, StoreError> {
        self.rest().await?;
        match self {
            Self::Resting(tx) => Ok(tx),
            Self::Writing(_) | Self::Broken => Err(broken()),
        }
    }

    /// Hands `rows`, the last of which is the `last`th of all, over where they are a run and none is being written. Says whether it did.
    ///
    /// # Errors
    /// [`StoreError`] of the run before; the sitting must then be dropped.
    pub(super) async fn hand_over(&mut self, rows: &mut Rows, last: i64) -> Result<bool, StoreError> {
        if rows.len() < ROWS_USUAL || matches!(self, Self::Writing(run) if !run.is_finished()) {
            return Ok(false);
        }
        self.rest().await?;
        if let Self::Resting(mut tx) = std::mem::replace(self, Self::Broken) {
            let mut run = std::mem::take(rows);
            *self = Self::Writing(tokio::spawn(async move {
                run.write(&mut tx, last).await?;
                Ok(tx)
            }));
        }
        Ok(true)
    }
}

/// A fault of ours in another task is one here.
fn panicked(error: JoinError) -> Result<Tx, StoreError> {
    match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(ended) => Err(StoreError::Unreadable { what: "a run of readings", detail: ended.to_string() }),
    }
}

fn broken() -> StoreError {
    StoreError::Unreadable { what: "a transaction", detail: "an earlier write of it failed".to_owned() }
}
