//! Switching a policy on: a named clinician, for whom, from when, and why.
//!
//! **Invariant:** what stood at a moment that has passed is never changed by what is switched on later.

use crate::store::sql;
use jiff::civil::Date;
use vitals::Timestamp;

use super::{Activation, Book, Scope};
use crate::access::{self, Action, Decision, PolicyWish, Subject};
use crate::audit::{self, Entry};
use crate::clock::zone;
use crate::language::Words;
use crate::people;
use crate::store::{Store, StoreError, Tx, numbers};

/// The most characters of a reason.
pub const REASON_CHARS_MAX: usize = 1000;
/// How far ahead one can decide, days.
const AHEAD_DAYS_MAX: i64 = 90;

/// Why a policy was not switched on. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum SwitchError {
    /// The person may not. It was logged.
    #[error("access denied: {}", why.en)]
    Denied {
        /// Why.
        why: Words,
    },
    /// There is no such policy, unit, organisation or patient.
    #[error("there is no such policy, unit, organisation or patient")]
    NotFound,
    /// No reason was given, or one that is too long.
    #[error("a reason of 1 to {REASON_CHARS_MAX} characters is needed")]
    Reason,
    /// The policy is not valid on that day.
    #[error("the policy is valid from {from} until {}", until.map_or_else(|| "further notice".to_owned(), |day| day.to_string()))]
    NotValid {
        /// The first day.
        from: Date,
        /// The last day, if there is one.
        until: Option<Date>,
    },
    /// It would stand from a moment that has passed, or from too far ahead.
    #[error("it may stand from now until {AHEAD_DAYS_MAX} days ahead")]
    From,
    /// The same stands already.
    #[error("the same stands already")]
    Stands,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is to be switched on.
#[derive(Clone, Debug)]
pub struct Switch {
    /// For whom.
    pub scope: Scope,
    /// Name and version; `None`: what is switched on more widely stands again.
    pub policy: Option<(String, String)>,
    /// From when; now, where it is not said.
    pub from: Option<Timestamp>,
    /// Why.
    pub reason: String,
}

/// Switches on what `switch` says, for `subject`.
///
/// # Errors
/// [`SwitchError`]; then nothing was changed.
pub async fn switch_on(
    store: &Store,
    subject: &Subject,
    switch: &Switch,
    now: Timestamp,
) -> Result<Activation, SwitchError> {
    let reason = switch.reason.trim();
    if reason.is_empty() || reason.chars().count() > REASON_CHARS_MAX {
        return Err(SwitchError::Reason);
    }
    let from = switch.from.unwrap_or(now).max(now);
    if from > now.plus_days(AHEAD_DAYS_MAX) {
        return Err(SwitchError::From);
    }
    let mut tx = store.write().await?;
    let decision = decide(&mut tx, subject, &switch.scope, now).await?.ok_or(SwitchError::NotFound)?;
    let patient = match &switch.scope {
        Scope::Patient(id) => Some(id),
        Scope::Programme(_) | Scope::Unit(_) => None,
    };
    let what = switch
        .policy
        .as_ref()
        .map_or_else(|| "none".to_owned(), |(name, version)| format!("{name} {version}"));
    let said = format!("{what} for {} {}: {}", switch.scope.key(), switch.scope.target(), decision.why.en);
    let logged = Decision { allowed: decision.allowed, why: Words::new(said.clone(), said) };
    audit::append(&mut tx, &Entry::by(subject, "policy switch on", patient, &logged), now).await?;
    if !decision.allowed {
        tx.commit().await?;
        return Err(SwitchError::Denied { why: decision.why });
    }
    may_stand(&mut tx, switch, from).await?;
    let activation = insert(&mut tx, subject, switch, reason, from, now).await?;
    tx.commit().await?;
    Ok(activation)
}

/// Whether `subject` may switch something on for `scope`; `None` where there is no such scope.
async fn decide(
    tx: &mut Tx,
    subject: &Subject,
    scope: &Scope,
    now: Timestamp,
) -> Result<Option<Decision>, StoreError> {
    let by_role = access::decide_policies(subject, &PolicyWish::SwitchOn(scope));
    let Scope::Patient(patient) = scope else { return Ok(Some(by_role)) };
    let Some(facts) = people::facts(tx, patient).await? else { return Ok(None) };
    let decision = access::decide(subject, &facts, Action::Write, now);
    Ok(Some(if by_role.allowed { decision } else { by_role }))
}

async fn may_stand(tx: &mut Tx, switch: &Switch, from: Timestamp) -> Result<(), SwitchError> {
    let book = Book::load(tx).await?;
    let stands = book.switched_on(&switch.scope, from).and_then(|one| one.policy.clone());
    if stands == switch.policy {
        return Err(SwitchError::Stands);
    }
    let Some((name, version)) = &switch.policy else { return Ok(()) };
    let policy = book.get(name, version).ok_or(SwitchError::NotFound)?;
    let day = from.to_jiff().to_zoned(zone()).date();
    let (from, until) = (policy.valid_from(), policy.valid_until());
    if day < from || until.is_some_and(|until| day > until) {
        return Err(SwitchError::NotValid { from, until });
    }
    Ok(())
}

async fn insert(
    tx: &mut Tx,
    subject: &Subject,
    switch: &Switch,
    reason: &str,
    from: Timestamp,
    now: Timestamp,
) -> Result<Activation, StoreError> {
    let activation = Activation {
        id: numbers::next(tx, "policy_activation").await?,
        scope: switch.scope.clone(),
        policy: switch.policy.clone(),
        from,
        at: now,
        by: subject.id.clone(),
        by_name: subject.name.clone(),
        role: subject.role().map_or("", access::Role::key).to_owned(),
        reason: reason.to_owned(),
    };
    let hash = match &activation.policy {
        Some((name, version)) => super::shelf::kept(tx, name, version).await?.map(|kept| kept.hash),
        None => None,
    };
    sql::query(
        "INSERT INTO policy_activation (id, scope, target, policy, version, hash, from_at, at, actor, name, role, reason)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    )
    .bind(activation.id)
    .bind(activation.scope.key())
    .bind(activation.scope.target())
    .bind(activation.policy.as_ref().map(|policy| policy.0.as_str()))
    .bind(activation.policy.as_ref().map(|policy| policy.1.as_str()))
    .bind(hash)
    .bind(activation.from.as_millis())
    .bind(activation.at.as_millis())
    .bind(&activation.by)
    .bind(&activation.by_name)
    .bind(&activation.role)
    .bind(&activation.reason)
    .execute(tx)
    .await?;
    Ok(activation)
}
