//! The store as JSON lines, for scripts, for a replay, and for whoever must be able to take the data elsewhere.
//!
//! The keys are promised to others and only grow. Each export leaves an entry in the audit log before its first line.

mod history;

use crate::store::sql::{self, Connection, Row};
use std::io::{self, Write};

use alerts::Reason;
use serde::Serialize;
use serde_json::{Value, json};
use vitals::{Content, PatientId, ReadingId, Timestamp};

pub(crate) use history::lines as history_lines;

use crate::audit::{self, Entry};
use crate::conversations::{self, AuthorKind, Message};
use crate::people;
use crate::policies;
use crate::readings::Recorded;
use crate::store::{Reader, Store, StoreError};
use crate::tasks::{self, Joined, Task};

/// What can be exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Readings, in the form that a replay reads.
    Readings,
    /// Tasks with their conversations.
    Tasks,
    /// What could not be admitted.
    Quarantine,
    /// Who did what.
    Audit,
}

impl What {
    /// `readings`, `tasks`, `quarantine` or `audit`.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Readings => "readings",
            Self::Tasks => "tasks",
            Self::Quarantine => "quarantine",
            Self::Audit => "audit",
        }
    }
}

/// Which rows: one patient's, from a time on, or all.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// One patient's.
    pub patient: Option<PatientId>,
    /// Received, opened or done at or after this.
    pub since: Option<Timestamp>,
}

/// Why an export stopped.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// There is no such patient.
    #[error("there is no patient {0}")]
    NoSuchPatient(PatientId),
    /// What is in quarantine belongs to nobody yet.
    #[error("quarantine cannot be filtered by patient: what is there belongs to nobody yet")]
    QuarantineHasNoPatient,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The lines could not be written.
    #[error("cannot write the export: {0}")]
    Write(#[from] io::Error),
}

const PAGE: i64 = 1000;

/// Writes `what` to `out`, one JSON object a line, and logs first that `user` did so.
///
/// # Errors
/// [`ExportError`]; lines written before it stand.
pub async fn export(
    store: &Store,
    what: What,
    filter: &Filter,
    user: &str,
    now: Timestamp,
    out: &mut dyn Write,
) -> Result<(), ExportError> {
    if what == What::Quarantine && filter.patient.is_some() {
        return Err(ExportError::QuarantineHasNoPatient);
    }
    let mut tx = store.write().await?;
    if let Some(patient) = &filter.patient
        && people::facts(&mut tx, patient).await?.is_none()
    {
        return Err(ExportError::NoSuchPatient(patient.clone()));
    }
    let action = format!("export {}", what.key());
    audit::append(&mut tx, &Entry::at_the_command_line(user, &action, filter.patient.as_ref()), now).await?;
    tx.commit().await?;
    let mut reader = store.read().await?;
    match what {
        What::Readings => history::export(&mut reader, filter, out).await,
        What::Tasks => export_tasks(&mut reader, filter, out).await,
        What::Quarantine => export_quarantine(&mut reader, filter, out).await,
        What::Audit => export_audit(&mut reader, filter, out).await,
    }
}

fn line(out: &mut dyn Write, value: &impl Serialize) -> Result<(), ExportError> {
    serde_json::to_writer(&mut *out, value).map_err(io::Error::from)?;
    Ok(out.write_all(b"\n")?)
}

/// A reading as `export readings` prints it and a replay reads it.
#[derive(Serialize)]
struct ReadingLine<'a> {
    patient: &'a PatientId,
    at: Timestamp,
    kind: &'static str,
    values: Value,
    id: &'a ReadingId,
    outcome: &'static str,
    absent: Value,
    flags: Value,
    clock: Option<&'static str>,
    received_at: Timestamp,
    gateway: Option<&'a str>,
    outbox: Option<&'a str>,
    seq: Option<u64>,
    raw: Option<Value>,
    /// Which question tree was answered, and how; for readings that came of a dialogue.
    #[serde(skip_serializing_if = "Option::is_none")]
    dialogue: Option<Value>,
}

fn reading_line(row: &Recorded) -> ReadingLine<'_> {
    let Recorded { reading, origin, .. } = row;
    let (values, outcome, absent, flags, clock) = match &reading.content {
        Content::Vitals { outcome, values, absent, flags, clock, .. } => {
            (json!(values), outcome.key(), json!(absent), json!(flags), Some(clock.key()))
        }
        Content::Symptoms(answers) => (json!(answers), "measured", json!({}), json!([]), None),
    };
    let origin = origin.as_ref();
    ReadingLine {
        patient: &reading.patient,
        at: reading.at,
        kind: reading.kind_key(),
        values,
        id: &reading.id,
        outcome,
        absent,
        flags,
        clock,
        received_at: reading.received_at,
        gateway: origin.map(|origin| origin.gateway.as_str()),
        outbox: origin.map(|origin| origin.outbox.as_str()),
        seq: origin.map(|origin| origin.seq),
        raw: origin.map(|origin| json!({ "characteristic": origin.raw_format, "hex": origin.raw_hex })),
        dialogue: None,
    }
}

/// A task as `export tasks` prints it, and as its page gives it to a program.
#[derive(Clone, Debug, Serialize)]
pub struct TaskLine {
    patient: Option<PatientId>,
    opened_at: Timestamp,
    closed_at: Option<Timestamp>,
    priority: &'static str,
    problem: &'static str,
    reasons: Vec<Reason>,
    reading_ids: Vec<ReadingId>,
    id: String,
    status: &'static str,
    owner: Option<String>,
    unit: Option<String>,
    due_at: Timestamp,
    former: Option<String>,
    snoozed_until: Option<Timestamp>,
    escalated: usize,
    outcome: Option<String>,
    conversation: Vec<MessageLine>,
    policy: String,
    policy_version: String,
    policy_switched_on_by: Option<String>,
    policy_switched_on_at: Option<Timestamp>,
}

#[derive(Clone, Debug, Serialize)]
struct MessageLine {
    author: String,
    author_kind: &'static str,
    at: Timestamp,
    text: String,
}

/// The task as `export tasks` prints it.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn task_line(connection: &mut Connection, task: Task) -> Result<TaskLine, StoreError> {
    let joined = tasks::joined(connection, &task.id).await?;
    let messages = conversations::of_task(connection, &task.id).await?;
    let switched_on = match task.activation {
        Some(id) => policies::activation(connection, id).await?,
        None => None,
    };
    Ok(TaskLine {
        policy: task.policy,
        policy_version: task.policy_version,
        policy_switched_on_at: switched_on.as_ref().map(|one| one.at),
        policy_switched_on_by: switched_on.map(|one| one.by_name),
        reasons: tasks::standing(&joined).into_iter().map(|one| one.reason.clone()).collect(),
        reading_ids: reading_ids(&joined),
        conversation: messages.into_iter().map(message_line).collect(),
        patient: task.patient,
        opened_at: task.opened_at,
        closed_at: task.closed_at,
        priority: task.priority.key(),
        problem: task.problem.key(),
        id: task.id,
        status: task.status.key(),
        owner: task.owner,
        unit: task.unit,
        due_at: task.due_at,
        former: task.former,
        snoozed_until: task.snoozed_until,
        escalated: task.escalated,
        outcome: task.outcome,
    })
}

fn reading_ids(joined: &[Joined]) -> Vec<ReadingId> {
    let mut ids: Vec<ReadingId> = Vec::new();
    for id in joined.iter().flat_map(|one| &one.readings) {
        if !ids.contains(id) {
            ids.push(id.clone());
        }
    }
    ids
}

/// A message in one text: what it says, then each question it puts.
fn message_line(message: Message) -> MessageLine {
    let questions = message.questions.iter().map(|asked| format!("\n{asked}")).collect::<String>();
    MessageLine {
        author: match message.author_kind {
            AuthorKind::System => "system".to_owned(),
            AuthorKind::Patient | AuthorKind::Proxy | AuthorKind::Staff => message.author_name,
        },
        author_kind: message.author_kind.key(),
        at: message.at,
        text: message.body + &questions,
    }
}

async fn export_tasks(reader: &mut Reader, filter: &Filter, out: &mut dyn Write) -> Result<(), ExportError> {
    for task in tasks::list(reader, filter.patient.as_ref(), filter.since).await? {
        line(out, &task_line(reader, task).await?)?;
    }
    Ok(())
}

async fn export_quarantine(
    reader: &mut Reader,
    filter: &Filter,
    out: &mut dyn Write,
) -> Result<(), ExportError> {
    let rows = sql::query(
        "SELECT gateway, outbox, seq, quarantine.reason AS reason, detail, received_at, raw, device, act,
                quarantine_act.at AS settled_at, name, quarantine_act.reason AS why, reading
         FROM quarantine LEFT JOIN quarantine_act ON quarantine_act.quarantine = quarantine.id
         WHERE ($1 IS NULL OR received_at >= $1) ORDER BY quarantine.id",
    )
    .bind(filter.since.map(Timestamp::as_millis))
    .fetch_all(reader)
    .await
    .map_err(StoreError::from)?;
    for row in &rows {
        line(out, &quarantine_line(row)?)?;
    }
    Ok(())
}

fn quarantine_line(row: &Row) -> Result<Value, StoreError> {
    let text = |column: &str| row.try_get::<String, _>(column);
    Ok(json!({
        "gateway": text("gateway")?,
        "outbox": row.try_get::<Option<String>, _>("outbox")?,
        "seq": row.try_get::<Option<i64>, _>("seq")?,
        "reason": text("reason")?,
        "detail": text("detail")?,
        "received_at": people::time(row.try_get("received_at")?)?,
        "raw": text("raw")?,
        "device": row.try_get::<Option<String>, _>("device")?,
        "state": row.try_get::<Option<String>, _>("act")?.unwrap_or_else(|| "waiting".to_owned()),
        "settled_at": people::optional_time(row.try_get("settled_at")?)?,
        "settled_by": row.try_get::<Option<String>, _>("name")?,
        "settled_why": row.try_get::<Option<String>, _>("why")?,
        "reading": row.try_get::<Option<String>, _>("reading")?,
    }))
}

async fn export_audit(reader: &mut Reader, filter: &Filter, out: &mut dyn Write) -> Result<(), ExportError> {
    for row in audit::rows(reader, filter.patient.as_ref(), filter.since).await? {
        let entry = row.entry;
        line(
            out,
            &json!({
                "id": row.id, "at": row.at, "actor_kind": entry.actor_kind, "actor": entry.actor, "role": entry.role,
                "unit": entry.unit, "organisation": entry.organisation, "action": entry.action,
                "patient": entry.patient, "decision": entry.decision, "reason": entry.reason, "hash": row.hash,
            }),
        )?;
    }
    Ok(())
}

/// The counter of envelopes that were recognised as duplicates.
pub const DUPLICATES: &str = "duplicates";

/// The store at a glance, as `status --json` prints it.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn status(reader: &mut Reader) -> Result<Value, StoreError> {
    let readings: i64 = sql::query_scalar("SELECT COUNT(*) FROM reading").fetch_one(reader).await?;
    let open: i64 =
        sql::query_scalar("SELECT COUNT(*) FROM task WHERE status = 'open'").fetch_one(reader).await?;
    let duplicates = crate::store::numbers::get(reader, DUPLICATES).await?;
    let quarantined = sql::query_as::<(String, i64)>(
        "SELECT reason, COUNT(*) FROM quarantine WHERE id NOT IN
            (SELECT quarantine FROM quarantine_act WHERE act <> 'discarded')
         GROUP BY reason ORDER BY reason",
    )
    .fetch_all(reader)
    .await?;
    let waiting: i64 = sql::query_scalar(
        "SELECT COUNT(*) FROM quarantine WHERE id NOT IN (SELECT quarantine FROM quarantine_act)",
    )
    .fetch_one(reader)
    .await?;
    let outboxes = sql::query_as::<(String, String, i64)>(
        "SELECT gateway, outbox, through FROM stream WHERE gateway <> $1 ORDER BY gateway, outbox",
    )
    .bind(crate::canary::ID)
    .fetch_all(reader)
    .await?;
    let gateways = sql::query_as::<(String, Option<i64>)>(
        "SELECT gateway.id, heartbeat.received_at FROM gateway LEFT JOIN heartbeat ON heartbeat.gateway = gateway.id
         ORDER BY gateway.id",
    )
    .fetch_all(reader)
    .await?;
    let mut beats = Vec::new();
    for (id, at) in gateways {
        beats.push(json!({ "id": id, "last_heartbeat": people::optional_time(at)? }));
    }
    Ok(json!({
        "readings": readings,
        "duplicates": duplicates,
        "quarantined": quarantined.into_iter().collect::<std::collections::BTreeMap<_, _>>(),
        "quarantine_waiting": waiting,
        "open_tasks": open,
        "outboxes": outboxes.into_iter().map(|(gateway, outbox, through)| {
            json!({ "gateway": gateway, "outbox": outbox, "through": through })
        }).collect::<Vec<_>>(),
        "gateways": beats,
    }))
}
