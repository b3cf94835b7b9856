//! The passing of time: patients not heard of, gateways not heard from, and the state of the chain itself.
//!
//! Silence is counted while somebody listens. After a start or a lost broker, what homes have kept comes in first; before that,
//! nobody is called silent.
//!
//! **Invariant:** a moment at which time alone yields a finding is judged once, at that moment's own time, also when it fell
//! into a pause of this process.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use alerts::{Finding, Priority, Problem, Reason, Trigger};
use care::admission::gateways as signs;
use care::health::Part;
use care::language::Words;
use care::live::Change;
use care::store::numbers;
use care::tasks;
use tokio::sync::Mutex;
use tokio::time::{Instant, MissedTickBehavior, interval};
use vitals::{PatientId, Timestamp};

use crate::commit::{nothing_is_stored, probe, send};
use crate::follow_through::follow_through;
use crate::gateways;
use crate::link::{Gate, Outlet, no_broker};
use crate::replaced;
use crate::resend::Asked;
use crate::sitting::{Desk, SittingError};
use crate::stop::Stop;

/// The rule in the reason of a task about a gateway that is not heard.
pub(crate) const SILENT_RULE: &str = "gateway_silent";
/// Two heartbeats missed and then some: a gateway that died is a task within half an hour of its last word.
const GATEWAY_SILENT_MS: i64 = 25 * Timestamp::MINUTE_MS;
const GAPS_EVERY: Duration = Duration::from_secs(2);
/// How long homes have to send what they kept before anybody is called silent.
const SETTLE: Duration = Duration::from_secs(120);
/// How long a patient's next moment is believed before it is asked for again: a plan may have changed.
const BELIEVED_MS: i64 = Timestamp::HOUR_MS;
const STEPS_MAX: usize = 64;
const JUDGED_AT: &str = "watch.judged_at";

/// See the module.
#[derive(Debug)]
pub(crate) struct Watch {
    desk: Arc<Desk>,
    moments: Mutex<Moments>,
}

/// What is known of the moments to come.
#[derive(Debug, Default)]
struct Moments {
    by_patient: HashMap<PatientId, Moment>,
    /// Up to when time has been judged, for patients not yet in the map.
    judged_at: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug)]
struct Moment {
    judged_at: Timestamp,
    look_again_at: Timestamp,
}

/// What drives the watch by the clock.
pub(crate) struct Ticker<O> {
    pub(crate) watch: Arc<Watch>,
    pub(crate) gate: Arc<Gate<O>>,
    pub(crate) asked: Arc<Asked>,
    pub(crate) listening: Arc<AtomicBool>,
    pub(crate) every: Duration,
    pub(crate) stop: Stop,
}

impl<O: Outlet> Ticker<O> {
    /// Ticks until the service stops.
    pub(crate) async fn run(self) {
        let mut gaps = interval(GAPS_EVERY);
        let mut looks = interval(self.every);
        gaps.set_missed_tick_behavior(MissedTickBehavior::Delay);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard = None;
        loop {
            tokio::select! {
                _ = gaps.tick() => self.ask_for_gaps().await,
                _ = looks.tick() => self.look(&mut heard).await,
                () = self.stop.asked() => return,
            }
        }
    }

    pub(crate) async fn ask_for_gaps(&self) {
        let desk = &self.watch.desk;
        if !desk.share.borrow().is_keeper() {
            return;
        }
        match self.asked.for_gaps(&desk.store, desk.clock.now()).await {
            Ok(asks) => {
                for ask in asks {
                    send(self.gate.outlet(), &ask.gateway, &ask.message());
                }
            }
            Err(error) => tracing::warn!(%error, "cannot look for gaps"),
        }
    }

    async fn look(&self, heard: &mut Option<(Instant, Timestamp)>) {
        let desk = &self.watch.desk;
        let now = desk.clock.now();
        self.watch.try_store(now).await;
        let is_keeper = desk.share.borrow().is_keeper();
        if is_keeper {
            self.watch.try_replaced(now).await;
        }
        if !self.report_broker(now) || !is_keeper {
            *heard = None;
            return self.watch.works(now);
        }
        let (since, since_at) = *heard.get_or_insert((Instant::now(), now));
        if since.elapsed() < SETTLE {
            return self.watch.works(now);
        }
        if now.millis_since(since_at) < GATEWAY_SILENT_MS {
            self.watch.try_patients(now).await;
        } else {
            self.watch.try_everything(now).await;
        }
    }
}

impl<O> Ticker<O> {
    /// Reports whether messages are heard, and says so. Whoever polls the link reports it too and may do so at this very
    /// moment; so it is looked at again after reporting, and the last word is never the older one.
    fn report_broker(&self, now: Timestamp) -> bool {
        let desk = &self.watch.desk;
        loop {
            let listening = self.listening.load(Ordering::SeqCst);
            let news = if listening {
                desk.health.whole(Part::Broker, now)
            } else {
                desk.health.broken(Part::Broker, now, no_broker())
            };
            if news {
                desk.feed.announce(Change::Health);
            }
            if self.listening.load(Ordering::SeqCst) == listening {
                return listening;
            }
        }
    }
}

impl Watch {
    pub(crate) fn new(desk: Arc<Desk>) -> Self {
        Self { desk, moments: Mutex::new(Moments::default()) }
    }

    async fn try_patients(&self, now: Timestamp) {
        let looked = self.patients(now).await;
        self.report(looked, now);
    }

    async fn try_everything(&self, now: Timestamp) {
        let looked = self.everything(now).await;
        self.report(looked, now);
    }

    /// Tells of boxes that were replaced; that needs no broker.
    async fn try_replaced(&self, now: Timestamp) {
        if let Err(error) = replaced::tell(&self.desk, now).await {
            tracing::error!(%error, "what a replaced gateway still held could not be told; it is tried again");
        }
    }

    fn report(&self, looked: Result<(), SittingError>, now: Timestamp) {
        match looked {
            Ok(()) => self.works(now),
            Err(error) => {
                tracing::error!(%error, "the passing of time was not judged");
                if self.desk.health.broken(Part::Watch, now, stands_still()) {
                    self.desk.feed.announce(Change::Health);
                }
            }
        }
    }

    /// Writes something of no meaning, so that a store that takes nothing is known before anybody needs it.
    async fn try_store(&self, now: Timestamp) {
        let news = match probe(&self.desk.store).await {
            Ok(()) => self.desk.health.whole(Part::Store, now),
            Err(error) => {
                tracing::error!(%error, "the store takes nothing");
                self.desk.health.broken(Part::Store, now, nothing_is_stored())
            }
        };
        if news {
            self.desk.feed.announce(Change::Health);
        }
    }

    fn works(&self, now: Timestamp) {
        if self.desk.health.whole(Part::Watch, now) {
            self.desk.feed.announce(Change::Health);
        }
    }

    /// Judges the time up to `now`: boxes that were replaced, patients, then gateways.
    ///
    /// # Errors
    /// [`SittingError`] when the store or a rule failed; what was judged before that stays judged.
    pub(crate) async fn everything(&self, now: Timestamp) -> Result<(), SittingError> {
        replaced::tell(&self.desk, now).await?;
        self.patients(now).await?;
        self.gateways_silent(now).await?;
        self.gateways_heard(now).await
    }

    async fn patients(&self, now: Timestamp) -> Result<(), SittingError> {
        let mut moments = self.moments.lock().await;
        let (patients, judged_at) = self.begin(moments.judged_at, now).await?;
        moments.judged_at = Some(judged_at);
        let mut failed = None;
        let changed = self.desk.take_changed();
        for patient in patients {
            let before = moments.by_patient.get(&patient).copied();
            if before.is_some_and(|moment| now < moment.look_again_at) && !changed.contains(&patient) {
                continue;
            }
            let after = before.map_or(judged_at, |moment| moment.judged_at);
            match self.patient(&patient, after, now).await {
                Ok(moment) => {
                    moments.by_patient.insert(patient, moment);
                }
                // One patient's chart must not keep the others from being watched.
                Err(error) => failed = Some(error),
            }
        }
        if let Some(error) = failed {
            return Err(error);
        }
        follow_through(&self.desk, now).await?;
        let mut tx = self.desk.store.write().await?;
        numbers::set(&mut tx, JUDGED_AT, now.as_millis()).await?;
        Ok(tx.commit().await?)
    }

    /// Every patient, and since when time has not been judged: since the process before this one stopped, or since now.
    async fn begin(
        &self,
        judged_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(Vec<PatientId>, Timestamp), SittingError> {
        let mut reader = self.desk.store.read().await?;
        let patients = signs::patients(&mut reader).await?;
        let judged_at = match judged_at {
            Some(judged_at) => judged_at,
            None => match numbers::get(&mut reader, JUDGED_AT).await? {
                0 => now,
                millis => Timestamp::from_millis(millis).unwrap_or(now).min(now),
            },
        };
        Ok((patients, judged_at))
    }

    /// Judges every moment of `patient` after `after` and up to `now`.
    async fn patient(
        &self,
        patient: &PatientId,
        after: Timestamp,
        now: Timestamp,
    ) -> Result<Moment, SittingError> {
        let mut sitting = self.desk.sit_as_member().await?;
        let later = now.plus_millis(BELIEVED_MS);
        let Some(facts) = sitting.facts(patient, now).await? else {
            return Ok(Moment { judged_at: now, look_again_at: later });
        };
        sitting.open_chart(&facts, now).await?;
        let mut judged_at = after.max(facts.enrolled_at);
        let mut next = sitting.next_check(&facts, judged_at);
        let mut steps = 0;
        while let Some(at) = next.filter(|at| *at <= now && *at > judged_at && steps < STEPS_MAX) {
            sitting.judge(&facts, Trigger::Clock, at).await?;
            judged_at = at;
            steps += 1;
            next = sitting.next_check(&facts, judged_at);
        }
        let remind = sitting.remind(&facts, now).await?;
        let look_again_at = next.into_iter().chain(remind).fold(later, Timestamp::min);
        if steps == 0 && !sitting.has_news() {
            sitting.leave();
        } else {
            sitting.commit().await?;
        }
        let judged_at = if look_again_at > now { now.max(judged_at) } else { judged_at };
        Ok(Moment { judged_at, look_again_at })
    }

    async fn gateways_silent(&self, now: Timestamp) -> Result<(), SittingError> {
        let before = now.plus_millis(-GATEWAY_SILENT_MS);
        let silent = signs::silent(&mut *self.desk.store.read().await?, before, SILENT_RULE).await?;
        for signs::Heard { gateway, at } in silent {
            let mut sitting = self.desk.sit_as_member().await?;
            let minutes = now.millis_since(at) / Timestamp::MINUTE_MS;
            let finding = Finding {
                problem: Problem::Gateway,
                priority: Priority::Soon,
                at: now,
                late: false,
                reason: Reason {
                    rule: SILENT_RULE.to_owned(),
                    policy_version: String::new(),
                    observed: i32::try_from(minutes).ok().map(f64::from),
                    limit: Some(25.0),
                    unit: "min".to_owned(),
                    text_sv: format!("Hemmets mottagare {gateway} har inte hörts på {minutes} minuter"),
                    text_en: format!("Gateway {gateway} has not been heard for {minutes} minutes"),
                },
                readings: Vec::new(),
            };
            gateways::open_task(&mut sitting, &gateway, finding, now).await?;
            sitting.commit().await?;
        }
        Ok(())
    }

    async fn gateways_heard(&self, now: Timestamp) -> Result<(), SittingError> {
        let since = now.plus_millis(-GATEWAY_SILENT_MS);
        let heard = signs::heard_again(&mut *self.desk.store.read().await?, since, SILENT_RULE).await?;
        for signs::Heard { gateway, .. } in heard {
            let mut sitting = self.desk.sit_as_member().await?;
            let change = tasks::close_gateway(sitting.store().await?, &gateway, SILENT_RULE, now).await?;
            sitting.announce(change);
            sitting.commit().await?;
        }
        Ok(())
    }
}

fn stands_still() -> Words {
    Words::new(
        "Bevakningen av uteblivna mätningar står still.",
        "Watching for missing measurements has stopped.",
    )
}
