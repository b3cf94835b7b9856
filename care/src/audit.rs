//! The log of who did what with whose record, and why they might. Append-only, each row bound to the one before it by a
//! hash, so that a row changed or taken out afterwards shows.

use crate::store::sql::{self, Connection, Row};
use sha2::{Digest, Sha256};
use vitals::{PatientId, Timestamp, hex};

use crate::access::{Decision, Subject, SubjectKind};
use crate::people;
use crate::store::{Reader, StoreError, Tx, numbers};

/// One thing done, or refused.
#[derive(Clone, Debug)]
pub struct Entry {
    /// `staff`, `patient`, `proxy` or `system`.
    pub actor_kind: String,
    /// The person's id; the operating-system user for `system`.
    pub actor: String,
    /// The role, or empty.
    pub role: String,
    /// The unit's id, or empty.
    pub unit: String,
    /// The organisation's id, or empty.
    pub organisation: String,
    /// What was done.
    pub action: String,
    /// Whose record.
    pub patient: Option<PatientId>,
    /// `allowed` or `denied`.
    pub decision: String,
    /// Why, in English.
    pub reason: String,
}

impl Entry {
    /// What `subject` did, and what was decided.
    #[must_use]
    pub fn by(subject: &Subject, action: &str, patient: Option<&PatientId>, decision: &Decision) -> Self {
        let (role, unit, organisation) = match &subject.kind {
            SubjectKind::Staff { role, unit, organisation, .. } => {
                (role.key(), unit.clone(), organisation.clone())
            }
            SubjectKind::Patient | SubjectKind::Proxy { .. } => ("", String::new(), String::new()),
        };
        Self {
            actor_kind: subject.kind_key().to_owned(),
            actor: subject.id.clone(),
            role: role.to_owned(),
            unit,
            organisation,
            action: action.to_owned(),
            patient: patient.cloned(),
            decision: if decision.allowed { "allowed" } else { "denied" }.to_owned(),
            reason: decision.why.en.clone(),
        }
    }

    /// What a person at the command line did, by their operating-system user.
    #[must_use]
    pub fn at_the_command_line(user: &str, action: &str, patient: Option<&PatientId>) -> Self {
        Self {
            actor_kind: "system".to_owned(),
            actor: user.to_owned(),
            role: String::new(),
            unit: String::new(),
            organisation: String::new(),
            action: action.to_owned(),
            patient: patient.cloned(),
            decision: "allowed".to_owned(),
            reason: "command line".to_owned(),
        }
    }

    /// The bytes that the hash covers: every field, each preceded by its length, so that none can run into the next.
    fn digest(&self, before: &str, at: Timestamp) -> String {
        let at = at.as_millis().to_string();
        let patient = self.patient.as_ref().map_or("", PatientId::as_str);
        let fields: [&str; 11] = [
            before,
            &at,
            &self.actor_kind,
            &self.actor,
            &self.role,
            &self.unit,
            &self.organisation,
            &self.action,
            patient,
            &self.decision,
            &self.reason,
        ];
        let mut hasher = Sha256::new();
        for field in fields {
            hasher.update(field.len().to_be_bytes());
            hasher.update(field.as_bytes());
        }
        hex::encode(&hasher.finalize())
    }
}

/// One row as it was written.
#[derive(Clone, Debug)]
pub struct Logged {
    /// Counts from 1.
    pub id: i64,
    /// When.
    pub at: Timestamp,
    /// What.
    pub entry: Entry,
    /// The hash over this row and the one before it.
    pub hash: String,
}

/// Whether the log holds the same as `entry` from after `since`: who, as what, did what with whose record, and why they might.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn has_since(
    connection: &mut Connection,
    entry: &Entry,
    since: Timestamp,
) -> Result<bool, StoreError> {
    let found: Option<i64> = sql::query_scalar(
        "SELECT 1 FROM audit WHERE patient = $1 AND at > $2 AND actor_kind = $3 AND actor = $4 AND role = $5 AND unit = $6
         AND action = $7 AND decision = $8 AND reason = $9 LIMIT 1",
    )
    .bind(entry.patient.as_ref().map(PatientId::as_str))
    .bind(since.as_millis())
    .bind(&entry.actor_kind)
    .bind(&entry.actor)
    .bind(&entry.role)
    .bind(&entry.unit)
    .bind(&entry.action)
    .bind(&entry.decision)
    .bind(&entry.reason)
    .fetch_optional(connection)
    .await?;
    Ok(found.is_some())
}

/// Writes `entry` at the end of the log.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn append(tx: &mut Tx, entry: &Entry, now: Timestamp) -> Result<(), StoreError> {
    let before = sql::query_scalar::<String>("SELECT hash FROM audit ORDER BY id DESC LIMIT 1")
        .fetch_optional(tx)
        .await?
        .unwrap_or_default();
    let id = numbers::next(tx, "audit").await?;
    sql::query(
        "INSERT INTO audit (id, at, actor_kind, actor, role, unit, organisation, action, patient, decision, reason, hash)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    )
    .bind(id)
    .bind(now.as_millis())
    .bind(&entry.actor_kind)
    .bind(&entry.actor)
    .bind(&entry.role)
    .bind(&entry.unit)
    .bind(&entry.organisation)
    .bind(&entry.action)
    .bind(entry.patient.as_ref().map(PatientId::as_str))
    .bind(&entry.decision)
    .bind(&entry.reason)
    .bind(entry.digest(&before, now))
    .execute(tx)
    .await?;
    Ok(())
}

/// The log, oldest first: all of it, or one patient's, from `since` on.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn rows(
    reader: &mut Reader,
    patient: Option<&PatientId>,
    since: Option<Timestamp>,
) -> Result<Vec<Logged>, StoreError> {
    sql::query(
        "SELECT id, at, actor_kind, actor, role, unit, organisation, action, patient, decision, reason, hash FROM audit
         WHERE ($1 IS NULL OR patient = $1) AND ($2 IS NULL OR at >= $2) ORDER BY id",
    )
    .bind(patient.map(PatientId::as_str))
    .bind(since.map(Timestamp::as_millis))
    .fetch_all(reader)
    .await?
    .iter()
    .map(logged)
    .collect()
}

fn logged(row: &Row) -> Result<Logged, StoreError> {
    let patient: Option<String> = row.try_get("patient")?;
    Ok(Logged {
        id: row.try_get("id")?,
        at: people::time(row.try_get("at")?)?,
        entry: Entry {
            actor_kind: row.try_get("actor_kind")?,
            actor: row.try_get("actor")?,
            role: row.try_get("role")?,
            unit: row.try_get("unit")?,
            organisation: row.try_get("organisation")?,
            action: row.try_get("action")?,
            patient: patient.map(|id| people::patient_id(&id)).transpose()?,
            decision: row.try_get("decision")?,
            reason: row.try_get("reason")?,
        },
        hash: row.try_get("hash")?,
    })
}

/// Walks the whole log and names the first row whose hash does not follow from the one before it.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn first_broken(reader: &mut Reader) -> Result<Option<i64>, StoreError> {
    let mut before = String::new();
    for row in rows(reader, None, None).await? {
        if row.entry.digest(&before, row.at) != row.hash {
            return Ok(Some(row.id));
        }
        before = row.hash;
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_changed_row_shows() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let store = crate::store::trial::open(directory.path()).await.expect("opens");
        let now = Timestamp::from_millis(1_000).expect("in range");
        let mut tx = store.write().await.expect("a transaction");
        for action in ["export readings", "export tasks", "export audit"] {
            append(&mut tx, &Entry::at_the_command_line("operator", action, None), now)
                .await
                .expect("appends");
        }
        tx.commit().await.expect("commits");
        let mut reader = store.read().await.expect("reads");
        assert_eq!(first_broken(&mut reader).await.expect("walks"), None);
        let mut tx = store.write().await.expect("a transaction");
        sql::query("UPDATE audit SET actor = 'somebody else' WHERE id = 2")
            .execute(&mut tx)
            .await
            .expect("updates");
        tx.commit().await.expect("commits");
        assert_eq!(first_broken(&mut reader).await.expect("walks"), Some(2));
    }
}
