//! The whole store against the whole table, a patient at a time.
//!
//! Readings that the projection has not taken yet are no difference; how many those are is said beside.
//!
//! **Invariant:** every row of both sides up to the cursor was compared with its other.

use std::time::Duration;

use care::readings;
use care::store::{Store, StoreError};
use tokio::time::sleep;
use vitals::PatientId;

use super::{Difference, QueryError, Row, Server, compare, rows_of};
use crate::projection;

const LOOK_EVERY: Duration = Duration::from_millis(200);
/// What the server was still applying after this is not waited for.
const APPLIED_WITHIN: u32 = 150;

/// Why the two could not be compared.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The server did not answer.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The server has not applied what was written within half a minute.
    #[error("QuestDB has not applied what was written after 30 s; try again later")]
    NotApplied,
    /// The process is stopping.
    #[error("interrupted")]
    Interrupted,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checked {
    /// Rows in the store, up to the cursor.
    pub rows: u64,
    /// Readings that the projection has not taken yet.
    pub lag: i64,
    /// What differs.
    pub differences: Vec<Difference>,
}

/// Compares everything. `progress` hears of each patient done: how many of how many.
///
/// # Errors
/// [`CheckError`].
pub async fn check(
    store: &Store,
    server: &Server,
    name: &str,
    mut progress: impl FnMut(usize, usize),
) -> Result<Checked, CheckError> {
    // Read in this order: what is projected meanwhile is then counted as lag, not left out unseen.
    let (through, last, mut patients) = {
        let mut reader = store.read().await?;
        let through = projection::cursor_of(&mut reader, name).await?;
        let last = readings::last_arrival(&mut reader).await?;
        (through, last, readings::patients(&mut reader).await?)
    };
    wait_until_applied(server).await?;
    for known in asked(server, Server::patients).await? {
        // An id that is none of ours is extra all the same, and is looked at below by its text.
        if let Ok(id) = known.parse::<PatientId>()
            && !patients.contains(&id)
        {
            patients.push(id);
        }
    }
    let mut checked = Checked { lag: last - through, ..Checked::default() };
    let all = patients.len();
    for (done, patient) in patients.into_iter().enumerate() {
        let ours = stored(store, &patient, through).await?;
        let theirs = asked(server, move |server: &Server| server.rows(&patient)).await?;
        let theirs: Vec<Row> = theirs.into_iter().filter(|row| row.arrival <= through).collect();
        checked.rows += ours.len() as u64;
        checked.differences.extend(compare(ours, theirs));
        progress(done + 1, all);
    }
    Ok(checked)
}

async fn stored(store: &Store, patient: &PatientId, through: i64) -> Result<Vec<Row>, StoreError> {
    let mut reader = store.read().await?;
    let recorded = readings::journal(&mut reader, 0, i64::MAX, Some(patient), None).await?;
    Ok(recorded
        .iter()
        .filter(|one| one.arrival <= through)
        .flat_map(|one| rows_of(one.arrival, &one.reading))
        .collect())
}

async fn wait_until_applied(server: &Server) -> Result<(), CheckError> {
    for _ in 0..APPLIED_WITHIN {
        if asked(server, Server::is_applied).await? {
            return Ok(());
        }
        sleep(LOOK_EVERY).await;
    }
    Err(CheckError::NotApplied)
}

/// Asks the server from a thread that may wait.
async fn asked<T: Send + 'static>(
    server: &Server,
    question: impl FnOnce(&Server) -> Result<T, QueryError> + Send + 'static,
) -> Result<T, CheckError> {
    let server = server.clone();
    let answer = tokio::task::spawn_blocking(move || question(&server)).await;
    Ok(answer.map_err(|_| CheckError::Interrupted)??)
}
