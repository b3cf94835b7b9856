//! The reconciliation each night, and what it found across the staff pages until the next one finds nothing.
//!
//! What it found last stands in the store, so that a restart forgets no difference. Repairs nothing.
//!
//! **Invariant:** the part is whole only while the last reconciliation found nothing that is not explained.

use std::time::Duration;

use care::clock::{Clock, zone};
use care::health::{Health, Part};
use care::language::Words;
use care::live::{Change, Feed};
use care::store::{Store, StoreError, numbers};
use ingest::questdb::Server;
use ingest::reconcile::reconcile;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};
use vitals::Timestamp;

/// When it was last done, and how many differences it found.
const DONE_AT: &str = "reconcile.done_at";
const FOUND: &str = "reconcile.found";
/// The hour of the night, by the clock of the office.
const HOUR: i8 = 3;
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// After one that came to no end.
const AGAIN_AFTER_MS: i64 = Timestamp::HOUR_MS;

/// What it needs of the house.
pub(crate) struct Reconciling {
    pub(crate) store: Store,
    pub(crate) questdb: Option<Server>,
    pub(crate) health: Health,
    pub(crate) feed: Feed,
    pub(crate) clock: Clock,
}

impl Reconciling {
    /// Starts it; it runs until it is aborted.
    pub(crate) fn start(self) -> JoinHandle<()> {
        tokio::spawn(self.run())
    }

    async fn run(self) {
        let mut ticks = interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut done_at, mut failed_at) = (None, None::<Timestamp>);
        loop {
            ticks.tick().await;
            let now = self.clock.now();
            match self.last().await {
                Ok((at, found)) => {
                    done_at = at;
                    if at.is_some() && failed_at.is_none() {
                        self.report(found, now);
                    }
                }
                // A store that does not answer is said by whoever needs it.
                Err(error) => tracing::debug!(%error, "the last reconciliation is not known"),
            }
            let pauses = failed_at.is_some_and(|at| now.millis_since(at) < AGAIN_AFTER_MS);
            if pauses || !is_due(done_at, now) {
                continue;
            }
            // The first is of what is here alone: a projection may just have begun.
            let questdb = self.questdb.as_ref().filter(|_| done_at.is_some());
            match self.once(questdb, now).await {
                Ok(found) => {
                    failed_at = None;
                    self.report(found, now);
                }
                Err(error) => {
                    failed_at = Some(now);
                    tracing::error!(error, "the reconciliation came to no end");
                    self.is_broken(came_to_no_end(), now);
                }
            }
        }
    }

    async fn last(&self) -> Result<(Option<Timestamp>, i64), StoreError> {
        let mut reader = self.store.read().await?;
        let at = numbers::get(&mut reader, DONE_AT).await?;
        let found = numbers::get(&mut reader, FOUND).await?;
        Ok((Timestamp::from_millis(at).ok().filter(|_| at > 0), found))
    }

    async fn once(&self, questdb: Option<&Server>, now: Timestamp) -> Result<i64, String> {
        let done = reconcile(&self.store, questdb).await.map_err(|error| error.to_string())?;
        for one in &done.differences {
            tracing::error!(
                store = ?one.store, difference = ?one.difference, gateway = one.gateway, outbox = one.outbox, seq = one.seq,
                arrival = one.arrival, reading = one.reading, why = one.why, "not explained by the reconciliation"
            );
        }
        let found = i64::try_from(done.differences.len()).unwrap_or(i64::MAX);
        tracing::info!(readings = done.looked.readings, differences = found, "reconciled");
        self.keep(now, found).await.map_err(|error| error.to_string())?;
        Ok(found)
    }

    async fn keep(&self, now: Timestamp, found: i64) -> Result<(), StoreError> {
        let mut tx = self.store.write().await?;
        numbers::set(&mut tx, DONE_AT, now.as_millis()).await?;
        numbers::set(&mut tx, FOUND, found).await?;
        tx.commit().await
    }

    fn report(&self, found: i64, now: Timestamp) {
        #[allow(clippy::cast_precision_loss)]
        metrics::gauge!("vagen_reconcile_differences").set(found as f64);
        if found != 0 {
            self.is_broken(differs(found), now);
        } else if self.health.whole(Part::Reconciliation, now) {
            self.feed.announce(Change::Health);
        }
    }

    fn is_broken(&self, what: Words, now: Timestamp) {
        if self.health.broken(Part::Reconciliation, now, what) {
            self.feed.announce(Change::Health);
        }
    }
}

/// Whether a night's hour has passed since it was done. A store that was never reconciled is at once.
fn is_due(done_at: Option<Timestamp>, now: Timestamp) -> bool {
    let local = |at: Timestamp| at.to_jiff().to_zoned(zone());
    let here = local(now);
    match done_at {
        None => true,
        Some(at) if at > now => here.hour() == HOUR,
        Some(at) => {
            let night = here.with().hour(HOUR).minute(0).second(0).subsec_nanosecond(0).build();
            let Ok(night) = night else { return false };
            let night = if night > here { night.yesterday().unwrap_or(night) } else { night };
            local(at) < night
        }
    }
}

fn came_to_no_end() -> Words {
    Words::new(
        "Avstämningen mellan mottagare, databas och bedömning kunde inte göras. Den görs om inom en timme.",
        "The reconciliation between gateways, store and judging could not be done. It is tried again within the hour.",
    )
}

fn differs(found: i64) -> Words {
    Words::new(
        format!(
            "Avstämningen fann {found} rader som skiljer sig mellan mottagare, databas och bedömning. Den som sköter driften kör vagen reconcile."
        ),
        format!(
            "The reconciliation found {found} rows that differ between gateways, store and judging. Whoever runs the system runs vagen reconcile."
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// To add a case, add a row: when it was last done, when it is looked, and whether it is due. Stockholm is UTC+1 in January.
    #[test]
    fn it_is_done_once_a_night() {
        let rows = [
            (None, "2026-01-02T12:00:00Z", true),
            (Some("2026-01-02T02:00:05Z"), "2026-01-02T02:30:00Z", false),
            (Some("2026-01-02T02:00:05Z"), "2026-01-03T01:59:00Z", false),
            (Some("2026-01-02T02:00:05Z"), "2026-01-03T02:00:00Z", true),
            // The process was down that night.
            (Some("2026-01-02T02:00:05Z"), "2026-01-03T10:00:00Z", true),
            // The clock was set back.
            (Some("2027-01-02T02:00:05Z"), "2026-01-03T10:00:00Z", false),
            (Some("2027-01-02T02:00:05Z"), "2026-01-03T02:00:00Z", true),
        ];
        for (done, now, due) in rows {
            let done = done.map(|text| text.parse().expect("a time"));
            assert_eq!(is_due(done, now.parse().expect("a time")), due, "{done:?} {now}");
        }
    }
}
