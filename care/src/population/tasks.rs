//! The tasks of some patients, and how soon a person did something about each: took it, wrote, noted, handed it over, let it rest, or
//! closed it. What rules and the ladder do is no act of a person.
//!
//! **Invariant:** a task that still waits counts as slower than every other, so that leaving tasks alone never makes a median better.

use std::collections::{BTreeMap, BTreeSet};

use alerts::Priority;
use vitals::{PatientId, Timestamp};

use super::figures::SMALL;
use crate::store::StoreError;
use crate::store::sql::{self, Connection};
use crate::tasks::changes::SYSTEM;
use crate::tasks::{self, Status, Task};

/// How soon somebody acted on the tasks of one priority.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FirstActs {
    /// Tasks, without those that closed by themselves before anybody acted.
    pub tasks: usize,
    /// Those that still wait for somebody.
    pub waiting: usize,
    /// The median time to the first act, ms; `None` where there are few tasks, or half of them still wait.
    pub median_ms: Option<i64>,
}

/// The tasks of `patients` that opened at `since` or later.
pub(super) async fn opened(
    connection: &mut Connection,
    patients: &[PatientId],
    since: Timestamp,
) -> Result<Vec<Task>, StoreError> {
    let known: BTreeSet<&PatientId> = patients.iter().collect();
    let all = tasks::list(connection, None, Some(since)).await?;
    Ok(all.into_iter().filter(|task| task.patient.as_ref().is_some_and(|id| known.contains(id))).collect())
}

/// How soon somebody acted on each of `tasks`, by their priority.
pub(super) async fn first_acts(
    connection: &mut Connection,
    tasks: &[Task],
) -> Result<BTreeMap<Priority, FirstActs>, StoreError> {
    let mut after: BTreeMap<Priority, Vec<Option<i64>>> = BTreeMap::new();
    for task in tasks {
        let first = first_act(connection, &task.id).await?;
        match (first, task.status) {
            (Some(at), _) => {
                after.entry(task.priority).or_default().push(Some(at - task.opened_at.as_millis()));
            }
            (None, Status::Open) => after.entry(task.priority).or_default().push(None),
            (None, Status::Closed) => {}
        }
    }
    Ok(after.into_iter().map(|(priority, times)| (priority, summed_up(times))).collect())
}

async fn first_act(connection: &mut Connection, task: &str) -> Result<Option<i64>, StoreError> {
    let first = sql::query_scalar::<Option<i64>>(
        "SELECT min(at) FROM (
           SELECT at FROM task_event WHERE task = $1 AND actor <> $2
           UNION ALL SELECT at FROM message WHERE task = $1 AND author_kind = 'staff') AS act",
    )
    .bind(task)
    .bind(SYSTEM)
    .fetch_one(connection)
    .await?;
    Ok(first)
}

/// Those that wait are slower than all others.
fn summed_up(mut times: Vec<Option<i64>>) -> FirstActs {
    times.sort_by_key(|time| time.unwrap_or(i64::MAX));
    let waiting = times.iter().filter(|time| time.is_none()).count();
    let at = |index: usize| times.get(index).copied().flatten();
    let middle = times.len() / 2;
    let median = match times.len() {
        count if count < SMALL => None,
        count if count % 2 == 1 => at(middle),
        _ => at(middle - 1).zip(at(middle)).map(|(below, above)| below + (above - below) / 2),
    };
    FirstActs { tasks: times.len(), waiting, median_ms: median }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// To add a case, add a row: the times, worked by hand.
    #[test]
    fn the_median_counts_those_that_wait() {
        let rows: [(&[Option<i64>], Option<i64>); 5] = [
            (&[Some(5), Some(1), Some(3), Some(2), Some(4)], Some(3)),
            (&[Some(1), Some(2), Some(4), Some(8), Some(9), Some(9)], Some(6)),
            (&[Some(1), Some(2), Some(7), None, None], Some(7)),
            (&[Some(1), Some(2), None, None, None], None),
            (&[Some(1), Some(2), Some(3)], None),
        ];
        for (times, median) in rows {
            assert_eq!(summed_up(times.to_vec()).median_ms, median, "{times:?}");
        }
    }
}
