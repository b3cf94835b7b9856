//! Saying something about a patient's monitoring: checked, decided, logged and written in the caller's transaction.
//!
//! **Invariant:** what is written lies within what the patient's policy allows, and says who and why.

use crate::store::sql;
use alerts::{Overrides, Policy};
use vitals::{PatientId, Timestamp};

use super::{PlanChange, PlanEvent, Said};
use crate::access::{self, Action, Decision, Subject};
use crate::actor::Actor;
use crate::admission::readings::ARRIVALS;
use crate::audit::{self, Entry};
use crate::language::Words;
use crate::people::PatientFacts;
use crate::store::{StoreError, Tx, numbers};

/// The most characters of a reason.
pub const REASON_CHARS_MAX: usize = 1000;
/// The most characters of a plan in words, or of a diuretic plan.
pub const TEXT_CHARS_MAX: usize = 4000;
/// The weights one can aim at, kg.
pub const TARGET_KG: (f64, f64) = (25.0, 300.0);
/// How long a pause may be, days: a longer absence is asked about again.
pub const PAUSE_DAYS_MAX: i64 = 120;
/// How far back something may be said to have happened, days.
const BACK_DAYS_MAX: i64 = 60;

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// There is no such patient.
    #[error("there is no such patient")]
    NotFound,
    /// The person may not. It was logged.
    #[error("access denied: {}", why.en)]
    Denied {
        /// Why.
        why: Words,
    },
    /// No reason was given, or one that is too long.
    #[error("a reason of 1 to {REASON_CHARS_MAX} characters is needed")]
    Reason,
    /// A limit that the patient's policy cannot use.
    #[error("the policy cannot use {}", keys.join(", "))]
    Limits {
        /// Which.
        keys: Vec<String>,
    },
    /// A weight nobody aims at.
    #[error("a target weight lies from {} to {} kg", TARGET_KG.0, TARGET_KG.1)]
    Target,
    /// A pause that ends before it begins, is over, or is too long; or an event too long ago, or to come.
    #[error("{what}")]
    Times {
        /// What is wrong.
        what: &'static str,
    },
    /// The words are too long.
    #[error("at most {TEXT_CHARS_MAX} characters")]
    TooLong,
    /// The pause is none of the patient's, or over.
    #[error("there is no such pause")]
    NoSuchPause,
    /// What is asked for holds already.
    #[error("nothing would change")]
    Same,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Writes `change` about the patient in `facts`, whom `policy` stands for. Denied, it commits nothing but the log: the caller
/// commits in either case.
///
/// # Errors
/// [`PlanError`]; then nothing was written but, for [`PlanError::Denied`], the log.
pub async fn record(
    tx: &mut Tx,
    facts: &PatientFacts,
    policy: &Policy,
    change: &PlanChange,
    now: Timestamp,
) -> Result<i64, PlanError> {
    let PlanChange { patient, said, author, reason } = change;
    let decision = decide(author, facts, said, now);
    let action = format!("plan {}", said.key());
    audit::append(tx, &Entry::by(author, &action, Some(patient), &decision), now).await?;
    if !decision.allowed {
        return Err(PlanError::Denied { why: decision.why });
    }
    let reason = reason.trim();
    if reason.is_empty() || reason.chars().count() > REASON_CHARS_MAX {
        return Err(PlanError::Reason);
    }
    let history = super::history(tx, patient).await?;
    check(said, &history, policy, now)?;
    let id = insert(tx, patient, said, Actor::Person(author), reason, now).await?;
    keep_in_facts(tx, facts, said, author, now).await?;
    Ok(id)
}

fn decide(author: &Subject, facts: &PatientFacts, said: &Said, now: Timestamp) -> Decision {
    let decision = access::decide(author, facts, Action::Write, now);
    let Some(role) = author.role() else {
        return Decision { allowed: false, why: Words::new("endast personal", "staff only") };
    };
    if decision.allowed && said.is_clinical() && !access::is_clinician(role) {
        let why = Words::new(
            "kräver hjärtsviktssköterska eller läkare",
            "takes a heart-failure nurse or a physician",
        );
        return Decision { allowed: false, why };
    }
    decision
}

fn check(said: &Said, history: &[PlanEvent], policy: &Policy, now: Timestamp) -> Result<(), PlanError> {
    let plan = super::Plan::of(history, now);
    let happened = |at: Timestamp| {
        if at > now {
            Err(PlanError::Times { what: "it has not happened yet" })
        } else if at < now.plus_days(-BACK_DAYS_MAX) {
            Err(PlanError::Times { what: "it is too long ago" })
        } else {
            Ok(())
        }
    };
    match said {
        Said::Limits(limits) if *limits == plan.limits => Err(PlanError::Same),
        Said::Limits(limits) => match policy.unusable(limits) {
            keys if keys.is_empty() => Ok(()),
            keys => Err(PlanError::Limits { keys }),
        },
        Said::Pause { from, until } => check_pause(*from, *until, now),
        Said::PauseEnd { pause } if plan.pauses.iter().any(|one| one.id == *pause) => Ok(()),
        Said::PauseEnd { .. } => Err(PlanError::NoSuchPause),
        Said::Admission { .. } if plan.admitted.is_some() => Err(PlanError::Same),
        Said::Admission { at } | Said::Discharge { at } => happened(*at),
        Said::TargetWeight(kg) if *kg == plan.target_kg => Err(PlanError::Same),
        Said::TargetWeight(Some(kg)) if !(TARGET_KG.0..=TARGET_KG.1).contains(kg) => Err(PlanError::Target),
        Said::TargetWeight(_) => Ok(()),
        Said::Schedule(schedule) if *schedule == plan.schedule => Err(PlanError::Same),
        Said::Schedule(_) => Ok(()),
        Said::Diuretic(text) | Said::Text(text) if text.chars().count() > TEXT_CHARS_MAX => {
            Err(PlanError::TooLong)
        }
        Said::Diuretic(text) if text.trim() == plan.diuretic.as_deref().unwrap_or_default() => {
            Err(PlanError::Same)
        }
        Said::Diuretic(_) | Said::Text(_) => Ok(()),
    }
}

fn check_pause(from: Timestamp, until: Timestamp, now: Timestamp) -> Result<(), PlanError> {
    let what = if until <= from {
        "a pause ends after it begins"
    } else if until <= now {
        "the pause would be over already"
    } else if from < now.plus_days(-BACK_DAYS_MAX) {
        "it is too long ago"
    } else if until > from.plus_days(PAUSE_DAYS_MAX) {
        "a pause lasts at most 120 days"
    } else {
        return Ok(());
    };
    Err(PlanError::Times { what })
}

/// Writes limits that a register gives, which checked them by itself.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn given_by_register(
    tx: &mut Tx,
    patient: &PatientId,
    limits: Overrides,
    actor: Actor<'_>,
    now: Timestamp,
) -> Result<(), StoreError> {
    insert(tx, patient, &Said::Limits(limits), actor, "", now).await?;
    Ok(())
}

async fn insert(
    tx: &mut Tx,
    patient: &PatientId,
    said: &Said,
    actor: Actor<'_>,
    reason: &str,
    now: Timestamp,
) -> Result<i64, StoreError> {
    let unreadable = |error: serde_json::Error| StoreError::unreadable("a plan", error);
    let (at, until, vals) = match said {
        Said::Limits(limits) => (now, None, serde_json::to_string(limits)),
        Said::Pause { from, until } => (*from, Some(*until), Ok("null".to_owned())),
        Said::PauseEnd { pause } => (now, None, serde_json::to_string(pause)),
        Said::Admission { at } | Said::Discharge { at } => (*at, None, Ok("null".to_owned())),
        Said::TargetWeight(kg) => (now, None, serde_json::to_string(kg)),
        Said::Schedule(schedule) => (now, None, serde_json::to_string(schedule)),
        Said::Diuretic(text) | Said::Text(text) => (now, None, serde_json::to_string(text.trim())),
    };
    let id = numbers::next(tx, "plan_event").await?;
    let arrived = numbers::count(tx, ARRIVALS, 0).await?;
    sql::query(
        "INSERT INTO plan_event (id, patient, kind, at, until_at, vals, recorded_at, after_arrival, actor_kind, actor, name,
                                 reason)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    )
    .bind(id)
    .bind(patient.as_str())
    .bind(said.key())
    .bind(at.as_millis())
    .bind(until.map(Timestamp::as_millis))
    .bind(vals.map_err(unreadable)?)
    .bind(now.as_millis())
    .bind(arrived)
    .bind(actor.kind())
    .bind(actor.id())
    .bind(actor.name())
    .bind(reason)
    .execute(tx)
    .await?;
    Ok(id)
}

/// What the facts about a patient hold of the plan agrees with its rows.
async fn keep_in_facts(
    tx: &mut Tx,
    facts: &PatientFacts,
    said: &Said,
    author: &Subject,
    now: Timestamp,
) -> Result<(), StoreError> {
    let query = match said {
        Said::Limits(limits) => {
            let text =
                serde_json::to_string(limits).map_err(|error| StoreError::unreadable("limits", error))?;
            let text = Some(text).filter(|_| !limits.is_empty());
            sql::query("UPDATE patient SET overrides = $2 WHERE id = $1").bind(facts.id.as_str()).bind(text)
        }
        Said::Text(text) => {
            sql::query("UPDATE patient SET plan_text = $2, plan_by = $3, plan_changed = $4 WHERE id = $1")
                .bind(facts.id.as_str())
                .bind(text.trim().to_owned())
                .bind(&author.name)
                .bind(now.as_millis())
        }
        Said::Pause { .. }
        | Said::PauseEnd { .. }
        | Said::Admission { .. }
        | Said::Discharge { .. }
        | Said::TargetWeight(_)
        | Said::Schedule(_)
        | Said::Diuretic(_) => return Ok(()),
    };
    query.execute(tx).await?;
    Ok(())
}
