//! The record of readings in QuestDB, for long charts and for the reports of a population.
//!
//! A projection: written from committed readings in order of arrival, over ILP/HTTP by a thread of its own, to a table whose
//! keys make the same row twice one row. What decides reads the store and never this. Knows no limit and no task.
//!
//! **Invariant:** [`Projection::take`] succeeds only after the server said that it has the rows; with
//! `cairo.commit.mode=sync` there they are on its disk.

mod address;
mod check;
mod compare;
mod rows;
mod series;
mod server;
mod writer;

use std::thread::JoinHandle;

use care::readings::Filed;
use tokio::sync::{mpsc, oneshot};
use vitals::Timestamp;

pub use address::{Address, AddressError, Login};
pub use check::{CheckError, Checked, check};
pub use compare::{Difference, Field, compare};
pub use rows::{Row, rows_of};
pub use series::LongAnswers;
pub use server::{CommitMode, QueryError, Server};

use crate::projection::{Projection, ProjectionError};

/// The table that holds a row for each value of each reading.
pub const TABLE: &str = "vagen_reading";
/// The table that holds the canary: one row for ever, so that no chart and no report can count it.
pub const CANARY_TABLE: &str = "vagen_canary";

/// Runs of readings that wait for the thread; one is enough, for the next is not read before the last was taken.
const WAITING_MAX: usize = 1;

/// A run of rows on its way to the thread, and where the answer goes.
type Job = (Load, oneshot::Sender<Result<(), ProjectionError>>);

/// What the thread is to write.
#[derive(Debug)]
enum Load {
    /// Rows of readings.
    Rows(Vec<Row>),
    /// The canary that was sealed then.
    Canary(Timestamp),
}

/// The projection to one QuestDB server.
#[derive(Debug)]
pub struct QuestDb {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl QuestDb {
    /// A projection to the server at `address`. Nothing is sent before the first readings; the table is made then.
    ///
    /// # Errors
    /// [`ProjectionError`] when the system gives no thread.
    pub fn new(address: Address) -> Result<Self, ProjectionError> {
        let (jobs, taken) = mpsc::channel(WAITING_MAX);
        let thread = std::thread::Builder::new()
            .name("questdb".to_owned())
            .spawn(move || writer::run(&address, taken))
            .map_err(|error| ProjectionError { what: format!("no thread for QuestDB: {error}") })?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }
}

impl Projection for QuestDb {
    fn name(&self) -> &str {
        "questdb"
    }

    async fn take(&mut self, readings: &[Filed]) -> Result<(), ProjectionError> {
        self.write(Load::Rows(
            readings.iter().flat_map(|filed| rows_of(filed.arrival, &filed.reading)).collect(),
        ))
        .await
    }

    async fn take_canary(&mut self, sealed_at: Timestamp) -> Result<(), ProjectionError> {
        self.write(Load::Canary(sealed_at)).await
    }
}

impl QuestDb {
    async fn write(&mut self, load: Load) -> Result<(), ProjectionError> {
        let gone = || ProjectionError { what: "the thread that writes to QuestDB has ended".to_owned() };
        let jobs = self.jobs.as_ref().ok_or_else(gone)?;
        let (answer, answered) = oneshot::channel();
        jobs.send((load, answer)).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

impl Drop for QuestDb {
    fn drop(&mut self) {
        // The thread ends by itself once nobody can hand it anything; it is not waited for, since a server that does
        // not answer may hold it until its time is out.
        drop(self.jobs.take());
        drop(self.thread.take());
    }
}
