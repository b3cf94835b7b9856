//! What rules do to tasks, inside the transaction that admits a reading.
//!
//! **Invariant:** a task that rests is woken by what is worse than all it rests on, in the same transaction.

use crate::store::sql;
use alerts::policy::OrganisationKind;
use alerts::{AutoClose, Competence, Finding, Policy, Priority, Problem, TaskChange};
use vitals::{GatewayId, PatientId, Timestamp};

use crate::conversations;
use crate::live::Change;
use crate::people::{PatientFacts, RelatedUnit};
use crate::policies::Signed;
use crate::store::{StoreError, Tx, numbers};
use crate::tasks::rest;

/// Who acts when no person does, in histories and conversations.
pub const SYSTEM: &str = "Vågen";

/// Carries out `changes` for the patient in `facts`, and opens the conversation of each task that opens.
///
/// # Errors
/// [`StoreError`]; the caller's transaction must then be dropped.
pub async fn apply(
    tx: &mut Tx,
    facts: &PatientFacts,
    signed: impl Into<Signed<'_>>,
    changes: Vec<TaskChange>,
) -> Result<Vec<Change>, StoreError> {
    let signed = signed.into();
    let mut announced = Vec::new();
    for change in changes {
        let task = match change {
            TaskChange::Open { problem, priority, at, due_at, competence, findings } => {
                let unit = unit_for(facts, signed.policy, competence).map(|unit| unit.id.clone());
                let new = NewTask {
                    patient: Some(&facts.id),
                    gateway: None,
                    problem,
                    priority,
                    at,
                    due_at,
                    unit: unit.as_deref(),
                    competence,
                };
                let task = insert(tx, signed, &new, &findings).await?;
                conversations::open(tx, facts, &task, problem, &findings, at).await?;
                announced.push(Change::Message { task: Some(task.clone()), patient: facts.id.to_string() });
                task
            }
            TaskChange::Join { case, priority, due_at, findings } => {
                rest::wake_if_worse(tx, &case, &findings).await?;
                join(tx, signed, &case, priority, due_at, &findings).await?;
                case
            }
            TaskChange::Close { case, why, at } => {
                close_by_itself(tx, &case, why, at).await?;
                case
            }
        };
        announced.push(Change::Task { task, patient: Some(facts.id.to_string()) });
    }
    Ok(announced)
}

/// The patient's unit that has `competence` by the policy, the first choice first; else the one that answers for the record.
pub(crate) fn unit_for<'a>(
    facts: &'a PatientFacts,
    policy: &Policy,
    competence: Competence,
) -> Option<&'a RelatedUnit> {
    let kinds = policy.follow_through().and_then(|follow| follow.units.get(&competence));
    let of_kind =
        |kind: &OrganisationKind| facts.units.iter().find(|unit| unit.organisation_kind == kind.key());
    kinds.into_iter().flatten().find_map(of_kind).or_else(|| facts.units.first())
}

struct NewTask<'a> {
    patient: Option<&'a PatientId>,
    gateway: Option<&'a GatewayId>,
    problem: Problem,
    priority: Priority,
    at: Timestamp,
    due_at: Timestamp,
    unit: Option<&'a str>,
    competence: Competence,
}

async fn insert(
    tx: &mut Tx,
    signed: Signed<'_>,
    new: &NewTask<'_>,
    findings: &[Finding],
) -> Result<String, StoreError> {
    let id = uuid::Uuid::new_v4().to_string();
    let former = former(tx, signed.policy, new).await?;
    sql::query(
        "INSERT INTO task (id, patient, gateway, problem, priority, status, opened_at, due_at, last_finding_at, unit,
                           competence, policy, policy_version, activation, former)
         VALUES ($1, $2, $3, $4, $5, 'open', $6, $7, $6, $8, $9, $10, $11, $12, $13)",
    )
    .bind(&id)
    .bind(new.patient.map(PatientId::as_str))
    .bind(new.gateway.map(GatewayId::as_str))
    .bind(new.problem.key())
    .bind(new.priority.key())
    .bind(new.at.as_millis())
    .bind(new.due_at.as_millis())
    .bind(new.unit)
    .bind(new.competence.key())
    .bind(signed.policy.name())
    .bind(signed.policy.version())
    .bind(signed.activation)
    .bind(former.as_deref())
    .execute(tx)
    .await?;
    add_findings(tx, signed, &id, findings).await?;
    event(tx, &id, new.at, SYSTEM, if former.is_some() { "reopened" } else { "opened" }, "").await?;
    Ok(id)
}

/// The case of the same kind that closed so lately, by the policy, that this is the same trouble again.
async fn former(tx: &mut Tx, policy: &Policy, new: &NewTask<'_>) -> Result<Option<String>, StoreError> {
    let (Some(follow), Some(patient)) = (policy.follow_through(), new.patient) else { return Ok(None) };
    Ok(sql::query_scalar(
        "SELECT id FROM task WHERE patient = $1 AND problem = $2 AND status = 'closed' AND closed_at > $3
         ORDER BY closed_at DESC, id LIMIT 1",
    )
    .bind(patient.as_str())
    .bind(new.problem.key())
    .bind(new.at.plus_millis(-follow.reopen_ms()).as_millis())
    .fetch_optional(tx)
    .await?)
}

async fn join(
    tx: &mut Tx,
    signed: Signed<'_>,
    task: &str,
    priority: Priority,
    due_at: Option<Timestamp>,
    findings: &[Finding],
) -> Result<(), StoreError> {
    let Some(at) = findings.iter().map(|finding| finding.at).max() else { return Ok(()) };
    let before = sql::query("SELECT priority FROM task WHERE id = $1").bind(task).fetch_one(tx).await?;
    let before: String = before.try_get("priority")?;
    sql::query(
        "UPDATE task SET priority = $2, last_finding_at = CASE WHEN last_finding_at > $3 THEN last_finding_at ELSE $3 END,
                due_at = CASE WHEN $4 < due_at THEN $4 ELSE due_at END WHERE id = $1",
    )
    .bind(task)
    .bind(priority.key())
    .bind(at.as_millis())
    .bind(due_at.map(Timestamp::as_millis))
    .execute(tx)
    .await?;
    add_findings(tx, signed, task, findings).await?;
    let raised = Priority::from_key(&before).is_some_and(|before| before < priority);
    event(tx, task, at, SYSTEM, if raised { "raised" } else { "joined" }, "").await
}

async fn close_by_itself(tx: &mut Tx, task: &str, why: AutoClose, at: Timestamp) -> Result<(), StoreError> {
    sql::query(
        "UPDATE task SET status = 'closed', closed_at = $2, outcome = $3 WHERE id = $1 AND status = 'open'",
    )
    .bind(task)
    .bind(at.as_millis())
    .bind(why.key())
    .execute(tx)
    .await?;
    event(tx, task, at, SYSTEM, "closed", why.key()).await
}

async fn add_findings(
    tx: &mut Tx,
    signed: Signed<'_>,
    task: &str,
    findings: &[Finding],
) -> Result<(), StoreError> {
    for finding in findings {
        let id = numbers::next(tx, "finding").await?;
        sql::query(
            "INSERT INTO finding (id, task, problem, priority, at, late, rule, policy_version, observed, limit_value, unit,
                                  text_sv, text_en, policy, activation)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
        )
        .bind(id)
        .bind(task)
        .bind(finding.problem.key())
        .bind(finding.priority.key())
        .bind(finding.at.as_millis())
        .bind(i64::from(finding.late))
        .bind(&finding.reason.rule)
        .bind(&finding.reason.policy_version)
        .bind(finding.reason.observed)
        .bind(finding.reason.limit)
        .bind(&finding.reason.unit)
        .bind(&finding.reason.text_sv)
        .bind(&finding.reason.text_en)
        .bind(signed.policy.name())
        .bind(signed.activation)
        .execute(tx)
        .await?;
        for (position, reading) in (0_i64..).zip(&finding.readings) {
            sql::query("INSERT INTO finding_reading (finding, position, reading) VALUES ($1, $2, $3)")
                .bind(id)
                .bind(position)
                .bind(reading.as_str())
                .execute(tx)
                .await?;
        }
    }
    Ok(())
}

pub(crate) async fn event(
    tx: &mut Tx,
    task: &str,
    at: Timestamp,
    actor: &str,
    action: &str,
    note: &str,
) -> Result<(), StoreError> {
    let id = numbers::next(tx, "task_event").await?;
    sql::query("INSERT INTO task_event (id, task, at, actor, action, note) VALUES ($1, $2, $3, $4, $5, $6)")
        .bind(id)
        .bind(task)
        .bind(at.as_millis())
        .bind(actor)
        .bind(action)
        .bind(note)
        .execute(tx)
        .await?;
    Ok(())
}

/// Something about a gateway that a person must see to.
#[derive(Clone, Debug)]
pub struct GatewayCase {
    /// The gateway.
    pub gateway: GatewayId,
    /// What was found, and when.
    pub finding: Finding,
    /// When somebody must have acted.
    pub due_at: Timestamp,
    /// Who can help.
    pub competence: Competence,
}

async fn open_gateway_task(
    tx: &mut Tx,
    gateway: &GatewayId,
    patient: Option<&PatientId>,
) -> Result<Option<(String, Priority)>, StoreError> {
    let row = sql::query(
        "SELECT id, priority FROM task WHERE problem = 'gateway' AND status = 'open'
         AND (gateway = $1 OR patient = $2) ORDER BY opened_at LIMIT 1",
    )
    .bind(gateway.as_str())
    .bind(patient.map(PatientId::as_str))
    .fetch_optional(tx)
    .await?;
    row.map(|row| {
        let priority: String = row.try_get("priority")?;
        let priority =
            Priority::from_key(&priority).ok_or_else(|| StoreError::unreadable("a priority", &priority))?;
        Ok((row.try_get("id")?, priority))
    })
    .transpose()
}

/// Opens a task about a gateway, or joins the one that is open. It belongs to `patient`, when one is known to use it.
///
/// # Errors
/// [`StoreError`]; the caller's transaction must then be dropped.
pub async fn open_gateway(
    tx: &mut Tx,
    patient: Option<&PatientFacts>,
    signed: impl Into<Signed<'_>>,
    case: &GatewayCase,
) -> Result<Change, StoreError> {
    let signed = signed.into();
    let id = patient.map(|facts| &facts.id);
    let findings = std::slice::from_ref(&case.finding);
    let task = match open_gateway_task(tx, &case.gateway, id).await? {
        Some((task, priority)) => {
            join(tx, signed, &task, priority.max(case.finding.priority), Some(case.due_at), findings).await?;
            task
        }
        None => {
            let new = NewTask {
                patient: id,
                gateway: Some(&case.gateway),
                problem: Problem::Gateway,
                priority: case.finding.priority,
                at: case.finding.at,
                due_at: case.due_at,
                unit: patient
                    .and_then(|facts| unit_for(facts, signed.policy, case.competence))
                    .map(|unit| unit.id.as_str()),
                competence: case.competence,
            };
            insert(tx, signed, &new, findings).await?
        }
    };
    Ok(Change::Task { task, patient: id.map(ToString::to_string) })
}

/// Closes the task about `gateway`'s silence, if the rule `rule` alone opened it: the gateway was heard again.
///
/// # Errors
/// [`StoreError`]; the caller's transaction must then be dropped.
pub async fn close_gateway(
    tx: &mut Tx,
    gateway: &GatewayId,
    rule: &str,
    now: Timestamp,
) -> Result<Option<Change>, StoreError> {
    let row = sql::query(
        "SELECT id, patient FROM task WHERE problem = 'gateway' AND status = 'open' AND gateway = $1
         AND NOT EXISTS (SELECT 1 FROM finding WHERE finding.task = task.id AND finding.rule <> $2)",
    )
    .bind(gateway.as_str())
    .bind(rule)
    .fetch_optional(tx)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let task: String = row.try_get("id")?;
    let patient: Option<String> = row.try_get("patient")?;
    close_by_itself(tx, &task, AutoClose::Resolved, now).await?;
    Ok(Some(Change::Task { task, patient }))
}
