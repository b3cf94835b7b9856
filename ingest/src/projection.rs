//! The seam behind which a projection of the record lives, such as a time-series database for long charts.
//!
//! A projection is fed committed readings in the order of their arrival, never of their measuring, so that what comes late is not
//! skipped. Its cursor is kept in the store and moves after the projection took a run of readings; so after a crash some come
//! again, and a projection must take the same reading twice without harm.
//!
//! **Invariant:** the cursor never passes a reading that the projection did not take.

use std::future::Future;
use std::time::Duration;

use care::live::{Change, Feed};
use care::readings::{self, Recorded};
use care::store::{Store, StoreError, numbers};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{sleep, timeout};

use crate::stop::Stop;

const READINGS_AT_ONCE: i64 = 1_000;
const LOOK_AT_LEAST: Duration = Duration::from_secs(30);
const PAUSE_MIN: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// Why a projection did not take readings. They are offered again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct ProjectionError {
    /// What went wrong, without patient values.
    pub what: String,
}

/// A copy of the record in another shape. Losing it loses nothing.
pub trait Projection: Send {
    /// Its name, for its cursor; never changed.
    fn name(&self) -> &str;

    /// Takes `readings`, all or as good as none, in order of arrival. The same may come again.
    ///
    /// # Errors
    /// [`ProjectionError`]; the same readings are offered again.
    fn take(&mut self, readings: &[Recorded]) -> impl Future<Output = Result<(), ProjectionError>> + Send;
}

/// Why a step was not made.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// The projection did not take them.
    #[error(transparent)]
    Projection(#[from] ProjectionError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Feeds `projection` the next run of readings. Gives how many it took; 0 when it has all.
///
/// # Errors
/// [`StepError`]; the cursor stands where it stood.
pub async fn step(store: &Store, projection: &mut impl Projection) -> Result<usize, StepError> {
    let cursor = format!("projection.{}", projection.name());
    let run = {
        let mut reader = store.read().await?;
        let after = numbers::get(&mut reader, &cursor).await?;
        readings::journal(&mut reader, after, READINGS_AT_ONCE, None, None).await?
    };
    let Some(last) = run.last() else { return Ok(0) };
    projection.take(&run).await?;
    let mut tx = store.write().await?;
    numbers::set(&mut tx, &cursor, last.arrival).await?;
    tx.commit().await?;
    Ok(run.len())
}

/// Lets `projection` begin from the first reading again, such as after it was lost.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn rebuild(store: &Store, projection: &impl Projection) -> Result<(), StoreError> {
    let mut tx = store.write().await?;
    numbers::set(&mut tx, &format!("projection.{}", projection.name()), 0).await?;
    tx.commit().await
}

/// Feeds `projection` until asked to stop: at once when readings were admitted, and again after a while when
/// it or the store failed.
pub async fn run(store: Store, mut projection: impl Projection, feed: Feed, stop: Stop) {
    let mut news = feed.listen();
    let mut pause = PAUSE_MIN;
    loop {
        let stepped = tokio::select! {
            stepped = step(&store, &mut projection) => stepped,
            () = stop.asked() => return,
        };
        let wait = async {
            match stepped {
                Ok(0) => {
                    pause = PAUSE_MIN;
                    // No news for a while is no error: look by oneself.
                    let _ = timeout(LOOK_AT_LEAST, heard_of_readings(&mut news)).await;
                }
                Ok(_) => pause = PAUSE_MIN,
                Err(error) => {
                    metrics::counter!("vagen_projection_failures_total").increment(1);
                    tracing::warn!(projection = projection.name(), %error, "a projection lags behind");
                    sleep(pause).await;
                    pause = (pause * 2).min(PAUSE_MAX);
                }
            }
        };
        tokio::select! {
            () = wait => {}
            () = stop.asked() => return,
        }
    }
}

async fn heard_of_readings(news: &mut Receiver<Change>) {
    loop {
        match news.recv().await {
            Ok(Change::Reading { .. }) | Err(RecvError::Lagged(_)) => return,
            Ok(Change::Task { .. } | Change::Message { .. } | Change::Health) => {}
            Err(RecvError::Closed) => return sleep(LOOK_AT_LEAST).await,
        }
    }
}
