//! One transaction of admission and what it needs at hand: the states of the patients it touches, their facts and open
//! cases, and the sequences it moves.
//!
//! States are small and kept in memory between transactions. A sitting takes out those that it changes and puts them back
//! after its commit; one that fails simply never puts them back, and they are built from the store again when next needed.
//! A late reading, another policy or other limits rebuild a state from the store; the readings that a finding speaks of are
//! fetched when there is one.
//!
//! **Invariant:** no state in memory holds a reading that is not committed.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use alerts::{
    ChartEvent, ClosedCase, Finding, Glance, Input, LocalDays, OpenCase, Overrides, Policy, Problem, Recent,
    Sample, Situation, State, TaskChange, Trigger, Tuning, assess, triage,
};
use care::clock::Clock;
use care::health::Health;
use care::live::{Change, Feed};
use care::people::{self, PatientFacts};
use care::store::{Store, StoreError, Tx};
use care::{conversations, readings, tasks};
use jiff::tz::TimeZone;
use tokio::sync::{Mutex, MutexGuard};
use vitals::{PatientId, Reading, Timestamp};

use crate::policies::Policies;
use crate::sequences::Sequences;
use crate::tally::Tally;

/// How far back the readings are fetched that a finding may speak of.
const RECENT_DAYS: i64 = 160;
/// When there are more states than this in memory, all are let go; they come back from the store as needed. Each has some
/// seven hundred bytes.
const STATES_MAX: usize = 200_000;

/// Why a sitting did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SittingError {
    /// The store failed. The same will work when it does.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A rule failed on this input, and will again: a fault of ours.
    #[error("judging failed: {what}")]
    Fault {
        /// What it said.
        what: String,
    },
}

/// What every transaction of admission shares.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) store: Store,
    pub(crate) policies: Policies,
    pub(crate) zone: TimeZone,
    pub(crate) clock: Clock,
    pub(crate) feed: Feed,
    pub(crate) health: Health,
    days: LocalDays,
    states: Mutex<HashMap<PatientId, Known>>,
}

/// A patient's state in memory, and what of the register it was built from.
#[derive(Clone, Debug)]
struct Known {
    state: State,
    tuning: Arc<Tuning>,
    policy: String,
    overrides: Option<String>,
    enrolled_at: Timestamp,
}

/// A patient as this transaction sees them.
struct Present {
    facts: Arc<PatientFacts>,
    open: Vec<OpenCase>,
    closed: Vec<ClosedCase>,
}

/// One transaction.
pub(crate) struct Sitting<'a> {
    desk: &'a Desk,
    kept: MutexGuard<'a, HashMap<PatientId, Known>>,
    taken: HashMap<PatientId, Known>,
    present: HashMap<PatientId, Present>,
    changes: Vec<Change>,
    began: Instant,
    pub(crate) tx: Tx,
    pub(crate) sequences: Sequences,
    pub(crate) tally: Tally,
}

impl Desk {
    pub(crate) fn new(store: Store, policies: Policies, clock: Clock, feed: Feed, health: Health) -> Self {
        let (states, zone) = (Mutex::new(HashMap::new()), care::clock::zone());
        Self { store, policies, days: LocalDays::new(zone.clone()), zone, clock, feed, health, states }
    }

    /// Begins a transaction; waits for the one before it.
    pub(crate) async fn sit(&self) -> Result<Sitting<'_>, StoreError> {
        let mut kept = self.states.lock().await;
        if kept.len() > STATES_MAX {
            kept.clear();
        }
        let tx = self.store.write().await?;
        Ok(Sitting {
            desk: self,
            kept,
            taken: HashMap::new(),
            present: HashMap::new(),
            changes: Vec::new(),
            began: Instant::now(),
            tx,
            sequences: Sequences::default(),
            tally: Tally::default(),
        })
    }
}

impl Sitting<'_> {
    /// What is known of `patient` at `now`; `None` when the register has no such person.
    pub(crate) async fn facts(
        &mut self,
        patient: &PatientId,
        now: Timestamp,
    ) -> Result<Option<Arc<PatientFacts>>, StoreError> {
        if let Some(present) = self.present.get(patient) {
            return Ok(Some(Arc::clone(&present.facts)));
        }
        let Some(facts) = people::facts(&mut self.tx, patient).await? else { return Ok(None) };
        let (open, closed) = tasks::open_cases(&mut self.tx, patient, now).await?;
        let facts = Arc::new(facts);
        self.present.insert(patient.clone(), Present { facts: Arc::clone(&facts), open, closed });
        Ok(Some(facts))
    }

    /// Takes the state of the patient in `facts` at hand, as the store has it before anything this call is followed by.
    pub(crate) async fn open_chart(
        &mut self,
        facts: &PatientFacts,
        now: Timestamp,
    ) -> Result<(), SittingError> {
        let patient = &facts.id;
        if self.taken.contains_key(patient) {
            return Ok(());
        }
        let kept = self.kept.remove(patient).filter(|known| known.enrolled_at == facts.enrolled_at);
        let stands = kept
            .as_ref()
            .is_some_and(|known| known.overrides == facts.overrides && known.policy == facts.policy);
        let limits_changed = !stands && (kept.is_some() || facts.overrides.is_some());
        let known = match kept.filter(|_| stands) {
            Some(known) => known,
            None => self.build(facts).await?,
        };
        self.taken.insert(patient.clone(), known);
        if limits_changed { self.judge_limits(facts, now).await } else { Ok(()) }
    }

    async fn build(&mut self, facts: &PatientFacts) -> Result<Known, SittingError> {
        let desk = self.desk;
        let history = self.history(facts, None).await?;
        let tuning = Arc::new(Tuning::of(desk.policies.get(&facts.policy), &own_limits(facts)));
        let state = guarded(|| State::rebuild(&history, &tuning, &desk.days))?;
        Ok(Known {
            state,
            tuning,
            policy: facts.policy.clone(),
            overrides: facts.overrides.clone(),
            enrolled_at: facts.enrolled_at,
        })
    }

    /// The readings of the patient in `facts` that arrived since `since`, or all.
    async fn history(
        &mut self,
        facts: &PatientFacts,
        since: Option<Timestamp>,
    ) -> Result<Recent, SittingError> {
        let since = since.unwrap_or_else(|| Timestamp::from_jiff(jiff::Timestamp::MIN));
        let readings = readings::chart_events(&mut self.tx, &facts.id, since).await?;
        // Silence counts from enrolment, as from the end of a pause, for somebody who never sends anything.
        let enrolment = ChartEvent::Pause { at: facts.enrolled_at, until: facts.enrolled_at };
        Ok(Recent::of(std::iter::once(&enrolment).chain(&readings)))
    }

    /// Folds `reading`, which is written already, into its patient's state, and carries out what follows.
    pub(crate) async fn follow(
        &mut self,
        facts: &PatientFacts,
        reading: Reading,
    ) -> Result<(), SittingError> {
        let glance = self.fold(facts, &reading).await?;
        let trigger = Trigger::Reading(&reading);
        self.judge_what(|_| true, facts, (trigger, glance), reading.received_at).await?;
        self.changes.push(Change::Reading { patient: facts.id.to_string() });
        Ok(())
    }

    /// Folds `reading` in; what it sets off.
    async fn fold(&mut self, facts: &PatientFacts, reading: &Reading) -> Result<Glance, SittingError> {
        let (desk, sample) = (self.desk, Sample::of(reading));
        let Some(known) = self.taken.get_mut(&facts.id) else { return Err(not_open()) };
        if !known.state.is_late(&sample) {
            return guarded(|| known.state.take(&sample, &known.tuning, &desk.days));
        }
        let history = self.history(facts, None).await?;
        let Some(known) = self.taken.get_mut(&facts.id) else { return Err(not_open()) };
        let (state, glance) =
            guarded(|| known.state.rebuild_with(reading, &history, &known.tuning, &desk.days))?;
        known.state = state;
        Ok(glance)
    }

    /// Asks the rules about the patient in `facts`, whose chart is open, and carries out what follows.
    pub(crate) async fn judge(
        &mut self,
        facts: &PatientFacts,
        trigger: Trigger<'_>,
        now: Timestamp,
    ) -> Result<(), SittingError> {
        self.judge_what(|_| true, facts, (trigger, Glance::QUIET), now).await
    }

    /// Asks the rules whether the limits of the patient in `facts`, just changed, can be used. Silence is not asked about:
    /// it has its own moments, and what a home has kept may still be on its way.
    async fn judge_limits(&mut self, facts: &PatientFacts, now: Timestamp) -> Result<(), SittingError> {
        let clock = (Trigger::Clock, Glance::QUIET);
        self.judge_what(|finding| finding.problem == Problem::Technical, facts, clock, now).await
    }

    async fn judge_what(
        &mut self,
        counts: fn(&Finding) -> bool,
        facts: &PatientFacts,
        (trigger, glance): (Trigger<'_>, Glance),
        now: Timestamp,
    ) -> Result<(), SittingError> {
        let (desk, policy) = (self.desk, self.desk.policies.get(&facts.policy));
        let recent = match glance.is_quiet() {
            true => Recent::default(),
            false => self.history(facts, Some(now.plus_days(-RECENT_DAYS))).await?,
        };
        let (Some(known), Some(present)) = (self.taken.get(&facts.id), self.present.get(&facts.id)) else {
            return Err(not_open());
        };
        let (changes, silent_since) = guarded(|| {
            let (tuning, state, recent, days) = (&*known.tuning, &known.state, &recent, &desk.days);
            let input = Input { policy, tuning, state, recent, glance, trigger, now, days };
            let situation = Situation {
                policy,
                open: &present.open,
                closed: &present.closed,
                trigger,
                now,
                zone: &desk.zone,
                quiet_closes: false,
            };
            let mut findings = assess(&input);
            findings.retain(counts);
            let reminds = findings.iter().any(Finding::asks_for_reminder);
            let changes = triage(&situation, findings);
            // The conversation of a task begins with the same.
            let reminds = reminds && !has_silence_task(&present.open, &changes);
            (changes, known.state.silent_since(&known.tuning, now).filter(|_| reminds))
        })?;
        if let Some(since) = silent_since {
            self.changes.extend(conversations::remind(&mut self.tx, facts, since, now).await?);
        }
        if changes.is_empty() {
            return Ok(());
        }
        self.changes.extend(tasks::apply(&mut self.tx, facts, policy, changes).await?);
        let (open, closed) = tasks::open_cases(&mut self.tx, &facts.id, now).await?;
        if let Some(present) = self.present.get_mut(&facts.id) {
            (present.open, present.closed) = (open, closed);
        }
        Ok(())
    }

    /// When the passing of time alone would next concern the patient in `facts`, whose chart is open, after `after`.
    pub(crate) fn next_check(&self, facts: &PatientFacts, after: Timestamp) -> Option<Timestamp> {
        let known = self.taken.get(&facts.id)?;
        known.state.next_check(&known.tuning, &self.desk.days, after)
    }

    /// The policy of the patient in `facts`; the recommended one where no patient is known.
    pub(crate) fn policy(&self, facts: Option<&PatientFacts>) -> &Policy {
        match facts {
            Some(facts) => self.desk.policies.get(&facts.policy),
            None => Policy::recommended(),
        }
    }

    /// The zone of office hours.
    pub(crate) fn zone(&self) -> &TimeZone {
        &self.desk.zone
    }

    /// Lets go of the cases at hand of `patient`, because one was changed without asking them.
    pub(crate) fn forget_cases(&mut self, patient: &PatientId) {
        self.present.remove(patient);
    }

    /// Adds to what is announced after the commit.
    pub(crate) fn announce(&mut self, changes: impl IntoIterator<Item = Change>) {
        self.changes.extend(changes);
    }

    /// Whether anything was written that somebody will hear of.
    pub(crate) fn has_news(&self) -> bool {
        !self.changes.is_empty()
    }

    /// Ends without a trace in the store. Only for a sitting that wrote and folded nothing: what was read is kept at hand.
    pub(crate) fn leave(mut self) {
        self.kept.extend(self.taken);
    }

    /// Makes everything durable, then tells whoever listens.
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        let Self { desk, mut kept, taken, changes, began, tx, tally, present: _, sequences: _ } = self;
        tx.commit().await?;
        kept.extend(taken);
        drop(kept);
        tally.publish(began.elapsed());
        for change in changes {
            desk.feed.announce(change);
        }
        Ok(())
    }
}

/// Whether staff have a task about the patient's silence, or get one by `changes`.
fn has_silence_task(open: &[OpenCase], changes: &[TaskChange]) -> bool {
    open.iter().any(|case| case.problem == Problem::Silence)
        || changes.iter().any(|change| match change {
            TaskChange::Open { problem, .. } => *problem == Problem::Silence,
            TaskChange::Join { .. } | TaskChange::Close { .. } => false,
        })
}

/// The patient's own limits, in force for all of the chart. They were written by the register, which checks them; ones that
/// cannot be read are none, and the log says so.
fn own_limits(facts: &PatientFacts) -> Overrides {
    facts.overrides.as_deref().map_or_else(Overrides::default, |text| {
        serde_json::from_str(text).unwrap_or_else(|error| {
            tracing::error!(%error, "a patient's own limits cannot be read; those of the policy hold");
            Overrides::default()
        })
    })
}

fn not_open() -> SittingError {
    SittingError::Fault { what: "judged without an open state".to_owned() }
}

/// Runs a rule. One that panics is an error here, so that a single reading cannot stop the rest.
fn guarded<T>(run: impl FnOnce() -> T) -> Result<T, SittingError> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|panic| {
        let what = panic
            .downcast_ref::<&str>()
            .map(ToString::to_string)
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "a rule panicked".to_owned());
        SittingError::Fault { what }
    })
}
