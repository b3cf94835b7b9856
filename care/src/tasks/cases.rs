//! The cases of patients as triage needs them: what is open, by which rules, and what closed of late. Read, for many at once.

use std::collections::HashMap;

use alerts::{ClosedCase, OpenCase};
use vitals::{PatientId, Timestamp};

use crate::store::sql::{self, List};
use crate::store::{StoreError, Tx};
use crate::tasks::{self, Status};

const CLOSED_DAYS: i64 = 60;

/// What triage needs of one patient: the open cases, and those that closed in the last 60 days.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cases {
    /// Open, oldest first.
    pub open: Vec<OpenCase>,
    /// Closed of late.
    pub closed: Vec<ClosedCase>,
}

impl Cases {
    /// Forgets those that closed too long before `now` to matter.
    pub fn age(&mut self, now: Timestamp) {
        self.closed.retain(|case| case.closed_at.plus_days(CLOSED_DAYS) >= now);
    }
}

/// The cases of each of `patients` that has any, as triage needs them at `now`.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn cases_of(
    tx: &mut Tx,
    patients: &[&PatientId],
    now: Timestamp,
) -> Result<HashMap<PatientId, Cases>, StoreError> {
    let ids = List::of_texts(patients.iter().map(|id| id.as_str()));
    let tasks = tasks::late(tx, ids, now.plus_days(-CLOSED_DAYS)).await?;
    let open = tasks.iter().filter(|task| task.status == Status::Open).map(|task| task.id.as_str());
    let mut rules = rules_of(tx, open.collect()).await?;
    let mut cases: HashMap<PatientId, Cases> = HashMap::new();
    for task in tasks {
        let Some(patient) = task.patient else { continue };
        let of = cases.entry(patient).or_default();
        match (task.status, task.closed_at) {
            (Status::Open, _) => of.open.push(OpenCase {
                rules: rules.remove(&task.id).unwrap_or_default(),
                id: task.id,
                problem: task.problem,
                priority: task.priority,
                opened_at: task.opened_at,
                last_finding_at: task.last_finding_at,
            }),
            (Status::Closed, Some(closed_at)) => {
                of.closed.push(ClosedCase { problem: task.problem, priority: task.priority, closed_at });
            }
            (Status::Closed, None) => {}
        }
    }
    Ok(cases)
}

/// The rules that spoke in each of `tasks`, in the order they first did.
async fn rules_of(tx: &mut Tx, tasks: Vec<&str>) -> Result<HashMap<String, Vec<String>>, StoreError> {
    let mut rules: HashMap<String, Vec<String>> = HashMap::new();
    if tasks.is_empty() {
        return Ok(rules);
    }
    let each = sql::each(tx.dialect(), 1);
    let sql = format!(
        "SELECT task, rule FROM finding WHERE task IN (SELECT value FROM {each})
         GROUP BY task, rule ORDER BY task, MIN(id)"
    );
    let rows: Vec<(String, String)> =
        sql::query_as(sqlx::AssertSqlSafe(sql)).bind_list(List::of_texts(tasks)).fetch_all(tx).await?;
    for (task, rule) in rows {
        rules.entry(task).or_default().push(rule);
    }
    Ok(rules)
}
