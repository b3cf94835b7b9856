//! One transaction of admission and what it needs at hand: the charts of the patients it touches, their facts and open
//! cases, and the sequences it moves.
//!
//! Charts are kept in memory between transactions. A sitting takes out those that it changes and puts them back after its
//! commit; one that fails simply never puts them back, and they are built from the store again when next needed.
//!
//! **Invariant:** no chart in memory holds a reading that is not committed.

use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use alerts::{
    Chart, ChartEvent, ClosedCase, Finding, Input, OpenCase, Policy, Priority, Problem, Reason, Situation,
    TaskChange, Trigger, assess, triage,
};
use care::clock::Clock;
use care::health::Health;
use care::live::{Change, Feed};
use care::people::{self, PatientFacts};
use care::policies::{Book, Standing};
use care::store::{Store, StoreError, Tx};
use care::{conversations, plans, readings, tasks};
use jiff::tz::TimeZone;
use tokio::sync::{Mutex, MutexGuard};
use vitals::{PatientId, Reading, Timestamp};

use crate::policies::Policies;
use crate::sequences::Sequences;
use crate::tally::Tally;

/// How far back a chart is built from: beyond the 120 days it holds, for readings that arrive late.
const CHART_DAYS: i64 = 200;
/// When there are more charts than this in memory, all are let go; they come back from the store as needed.
const CHARTS_MAX: usize = 20_000;

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
    charts: Mutex<HashMap<PatientId, Known>>,
    changed: std::sync::Mutex<HashSet<PatientId>>,
}

/// A patient's chart in memory, and what it was built from and judged by.
#[derive(Clone, Debug)]
struct Known {
    chart: Chart,
    policy: (String, String),
    plan: i64,
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
    book: Arc<Book>,
    pub(crate) tx: Tx,
    pub(crate) sequences: Sequences,
    pub(crate) tally: Tally,
}

impl Desk {
    pub(crate) fn new(store: Store, policies: Policies, clock: Clock, feed: Feed, health: Health) -> Self {
        let charts = Mutex::new(HashMap::new());
        let changed = std::sync::Mutex::default();
        Self { store, policies, zone: care::clock::zone(), clock, feed, health, charts, changed }
    }

    /// Notes that something was said about `patient` that may move their next moment.
    pub(crate) fn plan_changed(&self, patient: PatientId) {
        self.changed.lock().unwrap_or_else(PoisonError::into_inner).insert(patient);
    }

    /// Those noted since it was last asked.
    pub(crate) fn take_changed(&self) -> HashSet<PatientId> {
        std::mem::take(&mut self.changed.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Begins a transaction; waits for the one before it.
    pub(crate) async fn sit(&self) -> Result<Sitting<'_>, StoreError> {
        let mut kept = self.charts.lock().await;
        if kept.len() > CHARTS_MAX {
            kept.clear();
        }
        let mut tx = self.store.write().await?;
        let book = self.policies.book(&mut tx).await?;
        Ok(Sitting {
            desk: self,
            book,
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

    /// Takes the chart of the patient in `facts` at hand, as the store has it before anything this call is followed by.
    pub(crate) async fn open_chart(
        &mut self,
        facts: &PatientFacts,
        now: Timestamp,
    ) -> Result<(), SittingError> {
        let patient = &facts.id;
        if self.taken.contains_key(patient) {
            return Ok(());
        }
        let (plan, standing) = (plans::latest(&mut self.tx, patient).await?, self.standing(facts, now));
        let policy = (standing.policy.name().to_owned(), standing.policy.version().to_owned());
        let kept = self.kept.remove(patient);
        let limits_changed = match &kept {
            Some(known) => known.plan != plan || known.policy != policy,
            None => facts.overrides.is_some() || standing.unreadable.is_some(),
        };
        let known = match kept.filter(|known| known.enrolled_at == facts.enrolled_at && known.plan == plan) {
            Some(known) => Known { policy, ..known },
            None => {
                Known { chart: self.build(facts, now).await?, policy, plan, enrolled_at: facts.enrolled_at }
            }
        };
        self.taken.insert(patient.clone(), known);
        if limits_changed { self.judge_limits(facts, now).await } else { Ok(()) }
    }

    async fn build(&mut self, facts: &PatientFacts, now: Timestamp) -> Result<Chart, SittingError> {
        let (patient, enrolled_at) = (&facts.id, facts.enrolled_at);
        let readings = readings::chart_events(&mut self.tx, patient, now.plus_days(-CHART_DAYS)).await?;
        let plan = plans::chart_events(&mut self.tx, patient).await?;
        // Silence counts from enrolment, as from the end of a pause, for somebody who never sends anything.
        let enrolment = ChartEvent::Pause { at: enrolled_at, until: enrolled_at };
        let events = std::iter::once(&enrolment).chain(&plan).chain(&readings);
        guarded(|| Chart::rebuild(patient.clone(), events))
    }

    /// Takes the chart of the patient in `facts` at hand anew, with everything that was said about their monitoring.
    pub(crate) async fn reopen_chart(
        &mut self,
        facts: &PatientFacts,
        now: Timestamp,
    ) -> Result<(), SittingError> {
        self.taken.remove(&facts.id);
        self.open_chart(facts, now).await
    }

    /// The policy that stands for the patient in `facts` at `now`, and what switched it on.
    pub(crate) fn standing(&self, facts: &PatientFacts, now: Timestamp) -> Standing {
        self.book.standing(facts, now)
    }

    /// Folds `reading`, which is written already, into its patient's chart, and carries out what follows.
    pub(crate) async fn follow(
        &mut self,
        facts: &PatientFacts,
        reading: Reading,
    ) -> Result<(), SittingError> {
        let event = ChartEvent::Reading(reading);
        if let Some(known) = self.taken.get_mut(&facts.id) {
            guarded(|| known.chart.fold(&event))?;
        }
        if let ChartEvent::Reading(reading) = &event {
            self.judge(facts, Trigger::Reading(reading), reading.received_at).await?;
            self.changes.push(Change::Reading { patient: facts.id.to_string() });
        }
        Ok(())
    }

    /// Asks the rules about the patient in `facts`, whose chart is open, and carries out what follows.
    pub(crate) async fn judge(
        &mut self,
        facts: &PatientFacts,
        trigger: Trigger<'_>,
        now: Timestamp,
    ) -> Result<(), SittingError> {
        self.judge_what(|_| true, facts, trigger, now).await
    }

    /// Asks the rules whether the limits of the patient in `facts`, just changed, can be used. Silence is not asked about:
    /// it has its own moments, and what a home has kept may still be on its way.
    async fn judge_limits(&mut self, facts: &PatientFacts, now: Timestamp) -> Result<(), SittingError> {
        self.judge_what(|finding| finding.problem == Problem::Technical, facts, Trigger::Clock, now).await
    }

    async fn judge_what(
        &mut self,
        counts: fn(&Finding) -> bool,
        facts: &PatientFacts,
        trigger: Trigger<'_>,
        now: Timestamp,
    ) -> Result<(), SittingError> {
        let standing = self.standing(facts, now);
        let (desk, policy) = (self.desk, &*standing.policy);
        let (Some(known), Some(present)) = (self.taken.get(&facts.id), self.present.get(&facts.id)) else {
            return Err(SittingError::Fault { what: "judged without an open chart".to_owned() });
        };
        let (changes, silent_since) = guarded(|| {
            let input = Input { policy, chart: &known.chart, trigger, now, zone: &desk.zone };
            let mut findings = assess(&input);
            if let (Trigger::Clock, Some(named)) = (trigger, &standing.unreadable) {
                findings.push(unreadable_policy(policy, named, now));
            }
            findings.retain(counts);
            let reminds = findings.iter().any(Finding::asks_for_reminder);
            let changes = triage(&present.situation(policy, trigger, now, &desk.zone), findings);
            // The conversation of a task begins with the same.
            let reminds = reminds && !has_silence_task(&present.open, &changes);
            (changes, known.chart.silent_since(policy, now).filter(|_| reminds))
        })?;
        if let Some(since) = silent_since {
            self.changes.extend(conversations::remind(&mut self.tx, facts, since, now).await?);
        }
        self.carry_out(facts, &standing, changes, now).await
    }

    /// Carries out what follows from `findings` that no rule of a policy made, about the patient in `facts`.
    pub(crate) async fn found(
        &mut self,
        facts: &PatientFacts,
        findings: Vec<Finding>,
        now: Timestamp,
    ) -> Result<(), SittingError> {
        let standing = self.standing(facts, now);
        let Some(present) = self.present.get(&facts.id) else {
            return Err(SittingError::Fault { what: "found without the patient's facts".to_owned() });
        };
        let situation = present.situation(&standing.policy, Trigger::Clock, now, &self.desk.zone);
        let changes = guarded(|| triage(&situation, findings))?;
        self.carry_out(facts, &standing, changes, now).await
    }

    async fn carry_out(
        &mut self,
        facts: &PatientFacts,
        standing: &Standing,
        changes: Vec<TaskChange>,
        now: Timestamp,
    ) -> Result<(), SittingError> {
        if changes.is_empty() {
            return Ok(());
        }
        self.changes.extend(tasks::apply(&mut self.tx, facts, standing, changes).await?);
        let (open, closed) = tasks::open_cases(&mut self.tx, &facts.id, now).await?;
        if let Some(present) = self.present.get_mut(&facts.id) {
            (present.open, present.closed) = (open, closed);
        }
        Ok(())
    }

    /// When the passing of time alone would next concern the patient in `facts`, whose chart is open, after `after`.
    pub(crate) fn next_check(&self, facts: &PatientFacts, after: Timestamp) -> Option<Timestamp> {
        let standing = self.standing(facts, after);
        self.taken.get(&facts.id)?.chart.next_check(&standing.policy, &self.desk.zone, after)
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
        let Self { desk, mut kept, taken, changes, began, tx, tally, present: _, sequences: _, book: _ } =
            self;
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

impl Present {
    fn situation<'a>(
        &'a self,
        policy: &'a Policy,
        trigger: Trigger<'a>,
        now: Timestamp,
        zone: &'a TimeZone,
    ) -> Situation<'a> {
        Situation { policy, open: &self.open, closed: &self.closed, trigger, now, zone, quiet_closes: false }
    }
}

/// The policy that should stand cannot be read by this version of the product. Closes: by staff, who switch another on.
fn unreadable_policy(policy: &Policy, named: &str, now: Timestamp) -> Finding {
    Finding {
        problem: Problem::Technical,
        priority: Priority::Soon,
        at: now,
        late: false,
        reason: Reason {
            rule: "unusable_policy".to_owned(),
            policy_version: policy.version().to_owned(),
            observed: None,
            limit: None,
            unit: String::new(),
            text_sv: format!("Reglerna {named} kan inte användas; de rekommenderade bedömer i stället"),
            text_en: format!("Policy {named} cannot be used; the recommended one judges in its place"),
        },
        readings: Vec::new(),
    }
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
