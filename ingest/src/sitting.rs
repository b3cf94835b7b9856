//! One transaction of admission and what it needs at hand: the states of the patients it touches, their facts and open
//! cases, and the sequences it moves.
//!
//! States are small and kept in memory between transactions. A sitting takes out those that it changes and puts them back
//! after its commit; one that fails simply never puts them back, and they are built from the store again when next needed.
//! A late reading, another policy or other limits rebuild a state from the store; the readings that a finding speaks of are
//! fetched when there is one.
//!
//! **Invariant:** no state in memory holds a reading that is not committed.

mod at_hand;
mod chart;
mod foresight;
mod guard;
mod judging;
mod pen;
mod record;
mod tuning;

use std::collections;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use alerts::{
    Competence, Finding, Glance, LocalDays, Missed, Policy, Problem, Sample, State, Trigger, Tuning,
};
use care::admission::readings::Rows;
use care::admission::{assessed, members, quarantine};
use care::clock::Clock;
use care::health::Health;
use care::live::{Change, Feed};
use care::people::PatientFacts;
use care::policies::{Book, Standing};
use care::store::{Store, StoreError};
use care::tasks;
use foldhash::{HashMap, HashSet};
use jiff::tz::TimeZone;
use tokio::sync::{Mutex, MutexGuard, watch};
use vitals::{DeviceId, DeviceTime, PatientId, Reading, Timestamp};

use at_hand::{AtHand, Present};
use guard::{guarded, not_open};
use pen::Pen;

use crate::canary::Walk;
use crate::intake::cases_for;
use crate::policies::Policies;
use crate::sequences::Sequences;
use crate::service::House;
use crate::share::Share;
use crate::tally::Tally;

/// How far back the readings are fetched that a finding may speak of.
const RECENT_DAYS: i64 = 160;

/// Why a sitting did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SittingError {
    /// The store failed. The same will work when it does.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Other processes took this one for gone and hear its share; until it has joined anew it commits nothing of what it heard.
    #[error("this process no longer takes part; it joins anew")]
    Removed,
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
    pub(crate) share: watch::Receiver<Share>,
    pub(crate) walk: Walk,
    days: LocalDays,
    changed: std::sync::Mutex<collections::HashSet<PatientId>>,
    at_hand: Mutex<AtHand>,
}

/// A patient's state in memory, and what it was built from and judged by.
#[derive(Clone, Debug)]
struct Known {
    state: State,
    tuning: Arc<Tuning>,
    policy: (String, String),
    plan: i64,
    enrolled_at: Timestamp,
}

/// One transaction.
pub(crate) struct Sitting<'a> {
    desk: &'a Desk,
    kept: MutexGuard<'a, AtHand>,
    taken: HashMap<PatientId, Box<Known>>,
    present: HashMap<PatientId, Present>,
    /// Those who were let go of in this transaction, because of what it wrote.
    estranged: HashSet<PatientId>,
    measured: HashMap<DeviceId, Option<DeviceTime>>,
    told: HashSet<PatientId>,
    changes: Vec<Change>,
    began: Instant,
    /// The arrival and the mark of each reading that the rules were given.
    assessed: Vec<(i64, u32)>,
    book: Arc<Book>,
    pen: Pen,
    rows: Rows,
    /// Whose readings are among [`Sitting::rows`].
    waiting: HashSet<PatientId>,
    arrival: i64,
    pub(crate) sequences: Sequences,
    pub(crate) tally: Tally,
}

impl Desk {
    pub(crate) fn new(house: House, share: watch::Receiver<Share>) -> Self {
        let House { store, policies, clock, feed, health } = house;
        let (at_hand, zone) = (Mutex::default(), care::clock::zone());
        let (days, changed) = (LocalDays::new(zone.clone()), std::sync::Mutex::default());
        let walk = Walk::default();
        Self { store, policies, days, zone, clock, feed, health, share, walk, changed, at_hand }
    }

    /// Notes that something was said about `patient` that may move their next moment.
    pub(crate) fn plan_changed(&self, patient: PatientId) {
        self.changed.lock().unwrap_or_else(PoisonError::into_inner).insert(patient);
    }

    /// Those noted since it was last asked.
    pub(crate) fn take_changed(&self) -> collections::HashSet<PatientId> {
        std::mem::take(&mut self.changed.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Begins a transaction for what this process alone may do: what it heard of its share, and what the keeper does for all.
    ///
    /// # Errors
    /// [`SittingError::Removed`] when others do it by now.
    pub(crate) async fn sit_as_member(&self) -> Result<Sitting<'_>, SittingError> {
        let mut sitting = self.sit().await?;
        let member = self.share.borrow().member().map(str::to_owned);
        match member {
            Some(member) if !members::is_member(sitting.store().await?, &member).await? => {
                Err(SittingError::Removed)
            }
            Some(_) | None => Ok(sitting),
        }
    }

    /// Begins a transaction; waits for the one before it.
    pub(crate) async fn sit(&self) -> Result<Sitting<'_>, StoreError> {
        let mut kept = self.at_hand.lock().await;
        let mut tx = self.store.write().await?;
        let marks = kept.catch_up(&mut tx).await?;
        let book = self.policies.book(&mut tx, marks.policies).await?;
        Ok(Sitting {
            desk: self,
            book,
            kept,
            taken: HashMap::default(),
            present: HashMap::default(),
            estranged: HashSet::default(),
            measured: HashMap::default(),
            told: HashSet::default(),
            changes: Vec::new(),
            began: Instant::now(),
            assessed: Vec::new(),
            pen: Pen::Resting(tx),
            rows: Rows::default(),
            waiting: HashSet::default(),
            arrival: marks.arrival,
            sequences: Sequences::default(),
            tally: Tally::default(),
        })
    }
}

impl Sitting<'_> {
    /// The policy that opened `task`; the recommended one where it is no longer known.
    pub(crate) fn policy_of(&self, task: &tasks::Task) -> Arc<Policy> {
        self.book.or_recommended(&task.policy, &task.policy_version)
    }

    /// The policy that stands for the patient in `facts` at `now`, and what switched it on.
    pub(crate) fn standing(&self, facts: &PatientFacts, now: Timestamp) -> Standing {
        self.book.standing(facts, now)
    }

    /// Folds the answers of a dialogue, where they are a reading, into the patient's state, and carries out what follows from
    /// them and from the dialogue's own end, `found`, which `competence` can help with.
    pub(crate) async fn follow_answers(
        &mut self,
        facts: &PatientFacts,
        reading: Option<(i64, Reading)>,
        found: Option<Finding>,
        competence: Competence,
        now: Timestamp,
    ) -> Result<(), SittingError> {
        let found = found.map(|finding| (finding, competence));
        let Some((arrival, reading)) = reading else {
            let clock = (Trigger::Clock, Glance::QUIET);
            return self.judge_what(|_| false, facts, clock, found, now).await;
        };
        let glance = self.fold(facts, &reading).await?;
        self.judge_what(|_| true, facts, (Trigger::Reading(&reading), glance), found, now).await?;
        self.assessed.push((arrival, assessed::mark(&reading)));
        self.tell_of(&facts.id);
        Ok(())
    }

    /// The open case of the patient that holds a finding about `problem`.
    pub(crate) fn case_of(&self, patient: &PatientId, problem: Problem) -> Option<String> {
        let open = &self.present.get(patient)?.cases.open;
        let of =
            |wanted: Problem| open.iter().find(|case| case.problem == wanted).map(|case| case.id.clone());
        cases_for(problem).into_iter().find_map(of)
    }

    /// Folds `reading`, which is written already as the `arrival`th, into its patient's state, and carries out what follows.
    pub(crate) async fn follow(
        &mut self,
        facts: &PatientFacts,
        (arrival, reading): (i64, Reading),
    ) -> Result<(), SittingError> {
        let glance = self.fold(facts, &reading).await?;
        let trigger = Trigger::Reading(&reading);
        self.judge_what(|_| true, facts, (trigger, glance), None, reading.received_at).await?;
        self.assessed.push((arrival, assessed::mark(&reading)));
        self.tell_of(&facts.id);
        if self.pen.hand_over(&mut self.rows, self.arrival).await? {
            self.waiting.clear();
        }
        Ok(())
    }

    /// Lets open pages know of new readings, once for each patient.
    fn tell_of(&mut self, patient: &PatientId) {
        if !self.told.contains(patient) {
            self.told.insert(patient.clone());
            self.changes.push(Change::Reading { patient: patient.to_string() });
        }
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

    /// When the passing of time alone would next concern the patient in `facts`, whose chart is open, after `after`.
    pub(crate) fn next_check(&self, facts: &PatientFacts, after: Timestamp) -> Option<Timestamp> {
        let known = self.taken.get(&facts.id)?;
        known.state.next_check(&known.tuning, &self.desk.days, after)
    }

    /// What the patient in `facts`, whose chart is open, was asked for and has not sent; `None` when nothing is expected.
    pub(crate) fn missed(&self, facts: &PatientFacts, now: Timestamp) -> Option<Missed> {
        let known = self.taken.get(&facts.id)?;
        known.state.missed(&known.tuning, &self.desk.days, now)
    }

    /// How far the canary has come.
    pub(crate) fn walk(&self) -> &Walk {
        &self.desk.walk
    }

    /// The zone of office hours.
    pub(crate) fn zone(&self) -> &TimeZone {
        &self.desk.zone
    }

    /// Lets go of the cases at hand of `patient`, because one was changed without asking them.
    pub(crate) fn forget_cases(&mut self, patient: &PatientId) {
        self.present.remove(patient);
        self.estranged.insert(patient.clone());
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
        self.kept.states.extend(self.taken);
        self.kept.people.extend(self.present);
    }

    /// Makes everything durable, then tells whoever listens.
    pub(crate) async fn commit(mut self) -> Result<(), StoreError> {
        self.store().await?;
        let Self {
            desk,
            mut kept,
            taken,
            present,
            measured,
            assessed,
            arrival,
            changes,
            began,
            pen,
            tally,
            ..
        } = self;
        let mut tx = pen.lay_down().await?;
        if let Some(again) = i64::try_from(tally.duplicates).ok().filter(|again| *again > 0) {
            quarantine::count_duplicates(&mut tx, again).await?;
        }
        assessed::note(&mut tx, &assessed).await?;
        tx.commit().await?;
        kept.states.extend(taken);
        kept.people.extend(present);
        kept.measured.extend(measured);
        kept.reached(arrival);
        drop(kept);
        tally.publish(began.elapsed());
        for change in changes {
            desk.feed.announce(change);
        }
        Ok(())
    }
}
