//! Whose history is looked at, and one patient's history through both policies.

use crate::store::sql::Connection;
use std::sync::Arc;

use alerts::Policy;
use alerts::replay::{Replay, ReplayError};
use serde_json::json;
use vitals::Timestamp;

use super::compare::{Compared, Tried, pairs};
use super::{BEFORE_DAYS, DAYS, PATIENTS_MAX};
use crate::access::{self, Action, Subject};
use crate::audit::{self, Entry};
use crate::clock::zone;
use crate::export;
use crate::people::{self, PatientFacts};
use crate::plans::{self, Plan};
use crate::policies::{Book, Scope};
use crate::store::{Store, StoreError};
use crate::tasks;

/// What is asked: this policy, for these patients, as of now.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Name and version.
    pub policy: (String, String),
    /// For whom it might be switched on.
    pub scope: Scope,
    /// Now.
    pub now: Timestamp,
}

/// Those whose history is looked at.
#[derive(Clone, Debug)]
pub struct Whom {
    /// Patients the person who asks may read.
    pub patients: Vec<PatientFacts>,
    /// How many others the scope holds.
    pub others: usize,
}

/// The patients of `scope` that `subject` may read; each is logged as read.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn whom(
    store: &Store,
    subject: &Subject,
    scope: &Scope,
    now: Timestamp,
) -> Result<Whom, StoreError> {
    let mut tx = store.write().await?;
    let all = match scope {
        Scope::Patient(id) => people::facts(&mut tx, id).await?.into_iter().collect(),
        Scope::Unit(unit) => people::of_unit(&mut tx, unit).await?,
        Scope::Programme(organisation) => people::of_organisation(&mut tx, organisation).await?,
    };
    let mut whom = Whom { patients: Vec::new(), others: 0 };
    for facts in all.into_iter().filter(|facts| is_within(scope, facts)) {
        let decision = access::decide(subject, &facts, Action::Read, now);
        if !decision.allowed || whom.patients.len() >= PATIENTS_MAX {
            whom.others += 1;
            continue;
        }
        audit::append(&mut tx, &Entry::by(subject, "read for a policy", Some(&facts.id), &decision), now)
            .await?;
        whom.patients.push(facts);
    }
    tx.commit().await?;
    Ok(whom)
}

/// Whether a policy switched on for `scope` would stand for the patient in `facts`, unless something narrower does.
fn is_within(scope: &Scope, facts: &PatientFacts) -> bool {
    let first = facts.units.first();
    match scope {
        Scope::Patient(id) => facts.id == *id,
        Scope::Unit(unit) => first.is_some_and(|first| first.id == *unit),
        Scope::Programme(organisation) => first.is_some_and(|first| first.organisation == *organisation),
    }
}

/// One patient's history, read and ready to be run.
pub(super) struct History {
    facts: PatientFacts,
    lines: Vec<String>,
    stands: Arc<Policy>,
    tried: Arc<Policy>,
    unusable: Vec<String>,
    real: usize,
    now: Timestamp,
}

/// Reads the history of the patient in `facts`.
pub(super) async fn history(
    connection: &mut Connection,
    book: &Book,
    facts: PatientFacts,
    tried: &Arc<Policy>,
    now: Timestamp,
) -> Result<History, StoreError> {
    let since = now.plus_days(-DAYS - BEFORE_DAYS);
    let mut lines = export::history_lines(connection, &facts.id, since).await?;
    if !lines.is_empty() {
        lines.push(json!({ "patient": facts.id, "at": now, "kind": "end" }).to_string());
    }
    let limits = Plan::of(&plans::history(connection, &facts.id).await?, now).limits;
    let stands = book.standing(&facts, now).policy;
    let real = tasks::list(connection, Some(&facts.id), Some(now.plus_days(-DAYS))).await?.len();
    let unusable = tried.unusable(&limits);
    Ok(History { facts, lines, stands, tried: Arc::clone(tried), unusable, real, now })
}

impl History {
    /// Runs it. Takes as long as two replays.
    pub(super) fn run(self) -> Result<Compared, ReplayError> {
        let from = self.now.plus_days(-DAYS);
        let stands = self.tasks(&self.stands, from)?;
        let tried = self.tasks(&self.tried, from)?;
        let followed_from = self.facts.enrolled_at.max(from).min(self.now);
        Ok(Compared {
            stands: (self.stands.name().to_owned(), self.stands.version().to_owned()),
            pairs: pairs(stands, tried),
            days: self.now.days_since(followed_from),
            unusable: self.unusable,
            real: self.real,
            patient: self.facts.id,
            name: self.facts.name,
        })
    }

    fn tasks(&self, policy: &Policy, from: Timestamp) -> Result<Vec<Tried>, ReplayError> {
        let mut replay = Replay::new(policy.clone(), zone());
        for line in &self.lines {
            replay.feed(line)?;
        }
        let tasks = replay.finish().tasks;
        Ok(tasks.iter().filter(|task| task.opened_at >= from).map(Tried::from).collect())
    }
}
