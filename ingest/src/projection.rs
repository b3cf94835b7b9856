//! The seam behind which a projection of the record lives, such as a time-series database for long charts.
//!
//! A projection is fed committed readings in the order of their arrival, never of their measuring, so that what comes late is not
//! skipped. Its cursor is kept in the store and moves after the projection took a run of readings; so after a crash some come
//! again, and a projection must take the same reading twice without harm.
//!
//! **Invariant:** the cursor never passes a reading that the projection did not take.

use std::future::Future;
use std::time::{Duration, Instant};

use care::canary;
use care::clock::Clock;
use care::health::{Health, Part, unseen};
use care::live::{Change, Feed};
use care::readings::{self, Filed};
use care::store::{Reader, Store, StoreError, numbers};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{sleep, timeout};
use vitals::Timestamp;

use crate::canary::Walk;
use crate::stop::Stop;

/// Large enough that the cost of a flush is lost among its rows.
const READINGS_AT_ONCE: i64 = 5_000;
const LOOK_AT_LEAST: Duration = Duration::from_secs(30);
const PAUSE_MIN: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(30);

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
    fn take(&mut self, readings: &[Filed]) -> impl Future<Output = Result<(), ProjectionError>> + Send;

    /// Takes the canary that was sealed at `sealed_at`, by the same way, to where no reading is.
    ///
    /// # Errors
    /// [`ProjectionError`]; it, or a later one, is offered again.
    fn take_canary(
        &mut self,
        sealed_at: Timestamp,
    ) -> impl Future<Output = Result<(), ProjectionError>> + Send;
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
    let cursor = cursor(projection.name());
    let (after, run) = {
        let mut reader = store.read().await?;
        let after = numbers::get(&mut reader, &cursor).await?;
        (after, readings::filed(&mut reader, after, READINGS_AT_ONCE).await?)
    };
    let Some(last) = run.last() else { return Ok(0) };
    projection.take(&run).await?;
    let mut tx = store.write().await?;
    // Somebody may have let it begin again meanwhile: then the cursor stays where they put it.
    numbers::step(&mut tx, &cursor, after, last.arrival).await?;
    tx.commit().await?;
    Ok(run.len())
}

/// Hands `projection` the newest canary that was committed, unless it has it.
///
/// # Errors
/// [`StepError`]; it is offered again.
pub async fn step_canary(store: &Store, projection: &mut impl Projection) -> Result<(), StepError> {
    let name = canary_cursor(projection.name());
    let newest = {
        let mut reader = store.read().await?;
        let taken = numbers::get(&mut reader, &name).await?;
        canary::newest(&mut reader, None).await?.filter(|newest| newest.sealed_at.as_millis() > taken)
    };
    let Some(newest) = newest else { return Ok(()) };
    projection.take_canary(newest.sealed_at).await?;
    let mut tx = store.write().await?;
    numbers::set(&mut tx, &name, newest.sealed_at.as_millis()).await?;
    Ok(tx.commit().await?)
}

/// When the last canary was sealed that the projection called `name` took; `None` while it took none.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn canary_of(reader: &mut Reader, name: &str) -> Result<Option<Timestamp>, StoreError> {
    let millis = numbers::get(reader, &canary_cursor(name)).await?;
    Ok(Timestamp::from_millis(millis).ok().filter(|_| millis > 0))
}

/// Lets `projection` begin from the first reading again, such as after it was lost.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn rebuild(store: &Store, projection: &impl Projection) -> Result<(), StoreError> {
    let mut tx = store.write().await?;
    numbers::set(&mut tx, &cursor(projection.name()), 0).await?;
    tx.commit().await
}

/// What the loop that feeds a projection needs of the house.
#[derive(Clone, Debug)]
pub struct Feeding {
    /// The store.
    pub store: Store,
    /// Where news of readings is heard.
    pub feed: Feed,
    /// Where the projection's state is reported.
    pub health: Health,
    /// What time it is.
    pub clock: Clock,
    /// Who lets it be fed at once.
    pub walk: Walk,
    /// How long a projection may fail before that is said: a restart of the server is no news.
    pub broken_after: Duration,
}

impl Feeding {
    /// Feeds `projection` until asked to stop: at once when readings were admitted, and again after a while when
    /// it or the store failed. One that has failed for long is reported as broken.
    pub async fn run(self, mut projection: impl Projection, stop: Stop) {
        let mut news = self.feed.listen();
        let mut pause = PAUSE_MIN;
        let mut failing_since: Option<Instant> = None;
        loop {
            let stepped = tokio::select! {
                stepped = self.step(&mut projection) => stepped,
                () = stop.asked() => return,
            };
            match &stepped {
                Ok(_) => {
                    failing_since = None;
                    pause = PAUSE_MIN;
                    self.works();
                }
                Err(error) => {
                    metrics::counter!("vagen_projection_failures_total").increment(1);
                    tracing::warn!(projection = projection.name(), %error, "a projection lags behind");
                    if failing_since.get_or_insert_with(Instant::now).elapsed() >= self.broken_after {
                        self.is_broken();
                    }
                }
            }
            self.measure_lag(&projection).await;
            let wait = async {
                match stepped {
                    // No news for a while is no error: look by oneself.
                    Ok(0) => drop(timeout(LOOK_AT_LEAST, heard_of_readings(&mut news)).await),
                    Ok(_) => {}
                    Err(_) => {
                        sleep(pause).await;
                        pause = (pause * 2).min(PAUSE_MAX);
                    }
                }
            };
            tokio::select! {
                () = wait => {}
                () = self.walk.nudged() => {}
                () = stop.asked() => return,
            }
        }
    }

    async fn step(&self, projection: &mut impl Projection) -> Result<usize, StepError> {
        let taken = step(&self.store, projection).await?;
        step_canary(&self.store, projection).await?;
        Ok(taken)
    }

    fn works(&self) {
        if self.health.whole(Part::Projection, self.clock.now()) {
            self.feed.announce(Change::Health);
        }
    }

    fn is_broken(&self) {
        if self.health.broken(Part::Projection, self.clock.now(), unseen(Part::Projection)) {
            self.feed.announce(Change::Health);
        }
    }

    async fn measure_lag(&self, projection: &impl Projection) {
        // A store that does not answer is reported by whoever needs it.
        if let Ok(lag) = lag(&self.store, projection.name()).await {
            #[allow(clippy::cast_precision_loss)]
            metrics::gauge!("vagen_projection_lag_readings").set(lag as f64);
        }
    }
}

/// How many readings of the record the projection called `name` has not taken yet.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn lag(store: &Store, name: &str) -> Result<i64, StoreError> {
    let mut reader = store.read().await?;
    let all = readings::last_arrival(&mut reader).await?;
    Ok(all - cursor_of(&mut reader, name).await?)
}

/// The place in the journal up to which the projection called `name` has taken everything.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn cursor_of(reader: &mut Reader, name: &str) -> Result<i64, StoreError> {
    numbers::get(reader, &cursor(name)).await
}

fn canary_cursor(name: &str) -> String {
    format!("projection.{name}.canary")
}

fn cursor(name: &str) -> String {
    format!("projection.{name}")
}

async fn heard_of_readings(news: &mut Receiver<Change>) {
    loop {
        match news.recv().await {
            Ok(Change::Reading { .. }) | Err(RecvError::Lagged(_)) => return,
            Ok(Change::Task { .. } | Change::Message { .. } | Change::Health | Change::Much) => {}
            Err(RecvError::Closed) => return sleep(LOOK_AT_LEAST).await,
        }
    }
}
