//! Tasks: a case that care staff answer for, from the findings that opened it to the outcome that closed it.
//!
//! Rules open and join tasks inside the transaction that admits a reading ([`changes`]); people take, hand over, rest and
//! close them ([`acts`], [`rest`]); time moves those that nobody takes up the ladder ([`ladder`]). All of it leaves an event
//! in the task's history; nothing is ever taken out of it.

use crate::store::sql::{self, Connection, Row};
use alerts::follow_through::Sign;
use alerts::{Competence, Priority, Problem, Reason};
use vitals::{PatientId, ReadingId, Timestamp};

use crate::people;
use crate::store::StoreError;

pub mod acts;
mod cases;
pub mod changes;
pub mod ladder;
pub mod outcome;
pub mod rest;

pub use acts::{ActError, close, hand_over, note, release, take};
pub use cases::{Cases, cases_of};
pub use changes::{GatewayCase, apply, close_gateway, open_gateway};
pub use outcome::Outcome;

/// Whether somebody must still act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Somebody must.
    Open,
    /// Nobody need any more.
    Closed,
}

impl Status {
    /// `open` or `closed`.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
        }
    }
}

/// One finding as it joined a task.
#[derive(Clone, Debug, PartialEq)]
pub struct Joined {
    /// Why, in numbers and words.
    pub reason: Reason,
    /// What it was about by itself.
    pub problem: Problem,
    /// How soon by itself.
    pub priority: Priority,
    /// When it was found.
    pub at: Timestamp,
    /// Whether it rests on a late reading.
    pub late: bool,
    /// The readings it rests on.
    pub readings: Vec<ReadingId>,
    /// The policy that made it and what had switched that on, where that was kept.
    pub policy: Option<String>,
    /// See [`Task::activation`].
    pub activation: Option<i64>,
}

/// One event of a task's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskEvent {
    /// When.
    pub at: Timestamp,
    /// Who: a name, or `Vågen`.
    pub actor: String,
    /// What, as a key: `opened reopened joined raised taken released handed_over noted snoozed woken escalated
    /// emergency_shown closed`.
    pub action: String,
    /// In words, or empty.
    pub note: String,
}

/// A task as it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// Its id.
    pub id: String,
    /// Whose case; `None` for a gateway that no patient is known to use.
    pub patient: Option<PatientId>,
    /// The gateway it is about, for problem `gateway`.
    pub gateway: Option<String>,
    /// What it is about.
    pub problem: Problem,
    /// The highest priority so far.
    pub priority: Priority,
    /// Whether it is open.
    pub status: Status,
    /// When it opened.
    pub opened_at: Timestamp,
    /// When somebody must have acted.
    pub due_at: Timestamp,
    /// When a finding last joined.
    pub last_finding_at: Timestamp,
    /// When it closed.
    pub closed_at: Option<Timestamp>,
    /// An [`Outcome`]'s key, or why it closed by itself.
    pub outcome: Option<String>,
    /// What the person who closed it wrote.
    pub outcome_note: Option<String>,
    /// The date to follow up, `2026-01-31`.
    pub follow_up: Option<String>,
    /// The unit it lies with.
    pub unit: Option<String>,
    /// That unit's name.
    pub unit_name: Option<String>,
    /// The member of staff who took it.
    pub owner: Option<String>,
    /// Their name.
    pub owner_name: Option<String>,
    /// Who can help.
    pub competence: Competence,
    /// The policy that opened it.
    pub policy: String,
    /// That policy's version.
    pub policy_version: String,
    /// What had switched it on; `None` where the register or the product said so.
    pub activation: Option<i64>,
    /// The case of the same kind that closed shortly before.
    pub former: Option<String>,
    /// Until when it rests, where somebody lets it.
    pub snoozed_until: Option<Timestamp>,
    /// Why it rests.
    pub snoozed_why: Option<String>,
    /// How many steps of the ladder have come.
    pub escalated: usize,
}

impl Task {
    /// Whether it rests at `now`, so that nobody need look.
    #[must_use]
    pub fn rests_at(&self, now: Timestamp) -> bool {
        self.status == Status::Open && self.snoozed_until.is_some_and(|until| now < until)
    }
}

const SELECT: &str = "SELECT task.id AS id, patient, gateway, problem, priority, status, opened_at, due_at, last_finding_at,
 closed_at, outcome, outcome_note, follow_up, task.unit AS unit, unit.name AS unit_name, owner, staff.name AS owner_name,
 competence, policy, policy_version, activation, former, snoozed_until, snoozed_why, escalated
 FROM task LEFT JOIN unit ON unit.id = task.unit LEFT JOIN staff ON staff.id = task.owner ";

fn sql(rest: &str) -> sqlx::AssertSqlSafe<String> {
    // Both halves are literals of this crate; values are bound.
    sqlx::AssertSqlSafe(format!("{SELECT}{rest}"))
}

/// The task `id`.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn get(connection: &mut Connection, id: &str) -> Result<Option<Task>, StoreError> {
    let row = sql::query(sql("WHERE task.id = $1")).bind(id).fetch_optional(connection).await?;
    row.as_ref().map(task_of).transpose()
}

/// Every task, oldest first; one patient's, or all; opened at or after `since`.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn list(
    connection: &mut Connection,
    patient: Option<&PatientId>,
    since: Option<Timestamp>,
) -> Result<Vec<Task>, StoreError> {
    sql::query(sql(
        "WHERE ($1 IS NULL OR patient = $1) AND ($2 IS NULL OR opened_at >= $2) ORDER BY opened_at, task.id",
    ))
    .bind(patient.map(PatientId::as_str))
    .bind(since.map(Timestamp::as_millis))
    .fetch_all(connection)
    .await?
    .iter()
    .map(task_of)
    .collect()
}

/// The tasks of `patients` that are open or closed since `since`, oldest first.
async fn late(
    connection: &mut Connection,
    patients: sql::List<'_>,
    since: Timestamp,
) -> Result<Vec<Task>, StoreError> {
    let each = sql::each(connection.dialect(), 1);
    let rest = format!(
        "WHERE patient IN (SELECT value FROM {each}) AND (status = 'open' OR closed_at >= $2) ORDER BY opened_at, task.id"
    );
    sql::query(sql(&rest))
        .bind_list(patients)
        .bind(since.as_millis())
        .fetch_all(connection)
        .await?
        .iter()
        .map(task_of)
        .collect()
}

/// Every open task, the most urgent and then the first due on top.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn open(connection: &mut Connection) -> Result<Vec<Task>, StoreError> {
    let mut tasks = sql::query(sql("WHERE status = 'open'"))
        .fetch_all(connection)
        .await?
        .iter()
        .map(task_of)
        .collect::<Result<Vec<_>, _>>()?;
    tasks.sort_by(|a, b| (b.priority, a.due_at, &a.id).cmp(&(a.priority, b.due_at, &b.id)));
    Ok(tasks)
}

fn task_of(row: &Row) -> Result<Task, StoreError> {
    let text = |column: &str| row.try_get::<String, _>(column);
    let patient: Option<String> = row.try_get("patient")?;
    let status = text("status")?;
    Ok(Task {
        id: text("id")?,
        patient: patient.map(|id| people::patient_id(&id)).transpose()?,
        gateway: row.try_get("gateway")?,
        problem: word("a problem", &text("problem")?, Problem::from_key)?,
        priority: word("a priority", &text("priority")?, Priority::from_key)?,
        status: if status == Status::Open.key() { Status::Open } else { Status::Closed },
        opened_at: people::time(row.try_get("opened_at")?)?,
        due_at: people::time(row.try_get("due_at")?)?,
        last_finding_at: people::time(row.try_get("last_finding_at")?)?,
        closed_at: people::optional_time(row.try_get("closed_at")?)?,
        outcome: row.try_get("outcome")?,
        outcome_note: row.try_get("outcome_note")?,
        follow_up: row.try_get("follow_up")?,
        unit: row.try_get("unit")?,
        unit_name: row.try_get("unit_name")?,
        owner: row.try_get("owner")?,
        owner_name: row.try_get("owner_name")?,
        competence: word("a competence", &text("competence")?, Competence::from_key)?,
        policy: text("policy")?,
        policy_version: text("policy_version")?,
        activation: row.try_get("activation")?,
        former: row.try_get("former")?,
        snoozed_until: people::optional_time(row.try_get("snoozed_until")?)?,
        snoozed_why: row.try_get("snoozed_why")?,
        escalated: usize::try_from(row.try_get::<i64, _>("escalated")?).unwrap_or(0),
    })
}

fn word<T>(what: &'static str, key: &str, from_key: impl Fn(&str) -> Option<T>) -> Result<T, StoreError> {
    from_key(key).ok_or_else(|| StoreError::unreadable(what, key))
}

/// What joined the task, in order.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn joined(connection: &mut Connection, task: &str) -> Result<Vec<Joined>, StoreError> {
    let rows = sql::query(
        "SELECT finding.id AS id, problem, priority, at, late, rule, policy_version, observed, limit_value, unit,
                text_sv, text_en, policy, activation, reading
         FROM finding LEFT JOIN finding_reading ON finding_reading.finding = finding.id
         WHERE task = $1 ORDER BY finding.id, position",
    )
    .bind(task)
    .fetch_all(connection)
    .await?;
    let mut all: Vec<(i64, Joined)> = Vec::new();
    for row in &rows {
        let id: i64 = row.try_get("id")?;
        if all.last().is_none_or(|(last, _)| *last != id) {
            all.push((id, joined_of(row)?));
        }
        let reading: Option<String> = row.try_get("reading")?;
        if let (Some(reading), Some((_, joined))) = (reading, all.last_mut()) {
            joined
                .readings
                .push(reading.parse().map_err(|error| StoreError::unreadable("a reading id", error))?);
        }
    }
    Ok(all.into_iter().map(|(_, joined)| joined).collect())
}

fn joined_of(row: &Row) -> Result<Joined, StoreError> {
    let text = |column: &str| row.try_get::<String, _>(column);
    let late: i64 = row.try_get("late")?;
    Ok(Joined {
        reason: Reason {
            rule: text("rule")?,
            policy_version: text("policy_version")?,
            observed: row.try_get("observed")?,
            limit: row.try_get("limit_value")?,
            unit: text("unit")?,
            text_sv: text("text_sv")?,
            text_en: text("text_en")?,
        },
        problem: word("a problem", &text("problem")?, Problem::from_key)?,
        priority: word("a priority", &text("priority")?, Priority::from_key)?,
        at: people::time(row.try_get("at")?)?,
        late: late != 0,
        readings: Vec::new(),
        policy: row.try_get("policy")?,
        activation: row.try_get("activation")?,
    })
}

/// The latest word of each rule that joined, in the order the rules first spoke: what a nurse reads.
#[must_use]
pub fn standing(joined: &[Joined]) -> Vec<&Joined> {
    let mut latest: Vec<&Joined> = Vec::new();
    for one in joined {
        match latest.iter_mut().find(|seen| seen.reason.rule == one.reason.rule) {
            Some(seen) => *seen = one,
            None => latest.push(one),
        }
    }
    latest
}

/// The findings that joined, as what time does to a case is judged by.
#[must_use]
pub fn signs(joined: &[Joined]) -> Vec<Sign<'_>> {
    joined
        .iter()
        .map(|Joined { reason, priority, at, .. }| Sign {
            rule: &reason.rule,
            priority: *priority,
            at: *at,
            observed: reason.observed,
            limit: reason.limit,
        })
        .collect()
}

/// What happened to the task, in order.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn history(connection: &mut Connection, task: &str) -> Result<Vec<TaskEvent>, StoreError> {
    sql::query("SELECT at, actor, action, note FROM task_event WHERE task = $1 ORDER BY id")
        .bind(task)
        .fetch_all(connection)
        .await?
        .iter()
        .map(|row| {
            Ok(TaskEvent {
                at: people::time(row.try_get("at")?)?,
                actor: row.try_get("actor")?,
                action: row.try_get("action")?,
                note: row.try_get("note")?,
            })
        })
        .collect()
}
