//! The ladder: a task that nobody has taken by its due time is shown to more, step by step, in office hours.
//!
//! Which steps, and when, is the policy's ([`alerts::follow_through::steps`]). A task that somebody has taken, or that rests,
//! stays where it is; one given back goes on from where it was.
//!
//! **Invariant:** each step is taken once and leaves an event at its own time.

use crate::store::sql::{self, Connection};
use alerts::policy::EscalateTo;
use alerts::{Competence, Policy};
use vitals::Timestamp;

use crate::live::Change;
use crate::people::PatientFacts;
use crate::store::{StoreError, Tx};
use crate::tasks::changes::{SYSTEM, event, unit_for};
use crate::tasks::{self, Task};

/// The open tasks past their due time that nobody has and that do not rest.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn unacknowledged(connection: &mut Connection, now: Timestamp) -> Result<Vec<Task>, StoreError> {
    let open = tasks::open(connection).await?;
    let waits = |task: &Task| task.owner.is_none() && task.due_at <= now && !task.rests_at(now);
    Ok(open.into_iter().filter(waits).collect())
}

/// Takes one step of the ladder with `task`, of the patient in `facts`, at the time it came.
///
/// # Errors
/// [`StoreError`]; the caller's transaction must then be dropped.
pub async fn escalate(
    tx: &mut Tx,
    task: &Task,
    facts: Option<&PatientFacts>,
    policy: &Policy,
    (step, to, at): (usize, EscalateTo, Timestamp),
) -> Result<Option<Change>, StoreError> {
    let (unit, competence) = match (to, facts) {
        (EscalateTo::AnsweringUnit, Some(facts)) => (facts.units.first(), None),
        (EscalateTo::Physician, Some(facts)) => {
            (unit_for(facts, policy, Competence::Physician), Some(Competence::Physician))
        }
        (EscalateTo::Unit, _) | (EscalateTo::AnsweringUnit | EscalateTo::Physician, None) => (None, None),
    };
    let moved = sql::query(
        "UPDATE task SET escalated = $2, unit = COALESCE($3, unit), competence = COALESCE($4, competence)
         WHERE id = $1 AND status = 'open' AND owner IS NULL AND escalated = $2 - 1",
    )
    .bind(&task.id)
    .bind(i64::try_from(step).unwrap_or(i64::MAX))
    .bind(unit.map(|unit| unit.id.as_str()))
    .bind(competence.map(Competence::key))
    .execute(tx)
    .await?;
    if moved.rows_affected() == 0 {
        return Ok(None);
    }
    let note = unit.map_or_else(|| task.unit_name.clone().unwrap_or_default(), |unit| unit.name.clone());
    event(tx, &task.id, at, SYSTEM, "escalated", &note).await?;
    let patient = task.patient.as_ref().map(ToString::to_string);
    Ok(Some(Change::Task { task: task.id.clone(), patient }))
}
