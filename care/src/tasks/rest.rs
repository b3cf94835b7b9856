//! Tasks that rest: let be until a time, for a reason, by somebody who answers for that; woken before by what is worse.
//!
//! **Invariant:** a rest has an end, a reason and a name; it ends with the first finding that is worse than all before it.

use crate::store::sql;
use alerts::follow_through::{Sign, wakes};
use alerts::{Finding, FollowThrough, Priority};
use vitals::Timestamp;

use crate::access::Subject;
use crate::live::Change;
use crate::store::{Store, StoreError, Tx};
use crate::tasks::acts::{self, ActError};
use crate::tasks::changes::{SYSTEM, event};
use crate::tasks::{joined, signs};

/// Lets the task rest until `until`, with a reason. Whoever does so takes the task.
///
/// # Errors
/// [`ActError::Rest`] for a time that has passed or lies further off than the policy allows, [`ActError::Note`] without a
/// reason, and as [`ActError`] says.
pub async fn snooze(
    store: &Store,
    subject: &Subject,
    task: &str,
    (until, why): (Timestamp, &str),
    follow: &FollowThrough,
    now: Timestamp,
) -> Result<Change, ActError> {
    let why = acts::checked(why)?;
    if why.is_empty() {
        return Err(ActError::Note { what: "a rest needs a reason" });
    }
    let latest = now.plus_millis(follow.snooze_ms_max());
    if until <= now || until > latest {
        return Err(ActError::Rest { latest });
    }
    let mut begun = acts::begin(store, subject, task, "snooze", now).await?;
    if begun.task.owner.as_deref().is_some_and(|owner| owner != subject.id) {
        return Err(ActError::Taken { by: begun.task.owner_name.unwrap_or_default() });
    }
    begun.set_owner(Some(&subject.id), subject.unit()).await?;
    sql::query(
        "UPDATE task SET snoozed_until = $2, snoozed_why = $3, snoozed_level = priority WHERE id = $1",
    )
    .bind(task)
    .bind(until.as_millis())
    .bind(why)
    .execute(&mut begun.tx)
    .await
    .map_err(StoreError::from)?;
    let local = until.to_jiff().to_zoned(crate::clock::zone());
    let note = format!("{} {:02}:{:02}: {why}", local.date(), local.hour(), local.minute());
    begun.finish(subject, "snoozed", &note, now).await
}

/// Ends the rest of a task by hand.
///
/// # Errors
/// As [`ActError`] says.
pub async fn wake(store: &Store, subject: &Subject, task: &str, now: Timestamp) -> Result<Change, ActError> {
    let mut begun = acts::begin(store, subject, task, "wake", now).await?;
    end_rest(&mut begun.tx, task).await?;
    begun.finish(subject, "woken", "", now).await
}

async fn end_rest(tx: &mut Tx, task: &str) -> Result<(), StoreError> {
    sql::query(
        "UPDATE task SET snoozed_until = NULL, snoozed_why = NULL, snoozed_level = NULL WHERE id = $1",
    )
    .bind(task)
    .execute(tx)
    .await?;
    Ok(())
}

/// Wakes the task if it rests and one of `findings`, which are about to join it, is worse than all before it.
///
/// # Errors
/// [`StoreError`]; the caller's transaction must then be dropped.
pub(crate) async fn wake_if_worse(tx: &mut Tx, task: &str, findings: &[Finding]) -> Result<(), StoreError> {
    let row = sql::query("SELECT snoozed_level FROM task WHERE id = $1 AND snoozed_until IS NOT NULL")
        .bind(task)
        .fetch_optional(tx)
        .await?;
    let Some(row) = row else { return Ok(()) };
    let level: Option<String> = row.try_get("snoozed_level")?;
    let level = level.as_deref().and_then(Priority::from_key).unwrap_or(Priority::Routine);
    let before = joined(tx, task).await?;
    let before = signs(&before);
    let worse = findings.iter().find(|finding| {
        let sign = Sign {
            rule: &finding.reason.rule,
            priority: finding.priority,
            at: finding.at,
            observed: finding.reason.observed,
            limit: finding.reason.limit,
        };
        wakes(&before, &sign, level)
    });
    let Some(worse) = worse else { return Ok(()) };
    end_rest(tx, task).await?;
    event(tx, task, worse.at, SYSTEM, "woken", &worse.reason.text_sv).await
}
