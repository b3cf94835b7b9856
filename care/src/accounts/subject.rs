//! Who an account belongs to: staff in their unit and role, a patient, or next of kin.

use crate::store::sql::{self, Connection, Row};
use vitals::Timestamp;

use crate::access::{Role, Subject, SubjectKind};
use crate::language::Language;
use crate::people;
use crate::store::StoreError;

/// The person behind `login`; `None` when there is no such account, or its person has left.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub(super) async fn subject_of(
    connection: &mut Connection,
    login: &str,
    now: Timestamp,
) -> Result<Option<Subject>, StoreError> {
    let row = sql::query("SELECT kind, subject, must_change FROM account WHERE login = $1")
        .bind(login)
        .fetch_optional(&mut *connection)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let (kind, id, must_change): (String, String, i64) =
        (row.try_get("kind")?, row.try_get("subject")?, row.try_get("must_change")?);
    let found = match kind.as_str() {
        "staff" => staff(connection, &id, now).await?,
        "patient" => patient(connection, &id).await?,
        "proxy" => proxy(connection, &id, now).await?,
        other => return Err(StoreError::unreadable("an account's kind", other)),
    };
    Ok(found.map(|(name, language, kind)| Subject {
        id,
        name,
        login: login.to_owned(),
        language,
        kind,
        must_change: must_change != 0,
    }))
}

type Found = Option<(String, Language, SubjectKind)>;

async fn staff(connection: &mut Connection, id: &str, now: Timestamp) -> Result<Found, StoreError> {
    let row = sql::query(
        "SELECT staff.name AS name, staff.role AS role, unit.id AS unit, unit.name AS unit_name, unit.organisation AS organisation
         FROM staff JOIN unit ON unit.id = staff.unit
         WHERE staff.id = $1 AND (staff.until_at IS NULL OR staff.until_at > $2)",
    )
    .bind(id)
    .bind(now.as_millis())
    .fetch_optional(connection)
    .await?;
    row.map(|row| {
        let role: String = row.try_get("role")?;
        let kind = SubjectKind::Staff {
            role: Role::from_key(&role).ok_or_else(|| StoreError::unreadable("a role", &role))?,
            unit: row.try_get("unit")?,
            unit_name: row.try_get("unit_name")?,
            organisation: row.try_get("organisation")?,
        };
        Ok((row.try_get("name")?, Language::default(), kind))
    })
    .transpose()
}

fn language_of(row: &Row) -> Result<Language, StoreError> {
    let language: String = row.try_get("language")?;
    Language::from_key(&language).ok_or_else(|| StoreError::unreadable("a language", &language))
}

async fn patient(connection: &mut Connection, id: &str) -> Result<Found, StoreError> {
    let row = sql::query("SELECT name, language FROM patient WHERE id = $1")
        .bind(id)
        .fetch_optional(connection)
        .await?;
    row.map(|row| Ok((row.try_get("name")?, language_of(&row)?, SubjectKind::Patient))).transpose()
}

async fn proxy(connection: &mut Connection, id: &str, now: Timestamp) -> Result<Found, StoreError> {
    let row = sql::query(
        "SELECT proxy.name AS name, proxy.patient AS patient, patient.language AS language
         FROM proxy JOIN patient ON patient.id = proxy.patient
         WHERE proxy.id = $1 AND (proxy.until_at IS NULL OR proxy.until_at > $2)",
    )
    .bind(id)
    .bind(now.as_millis())
    .fetch_optional(connection)
    .await?;
    row.map(|row| {
        let patient = people::patient_id(row.try_get("patient")?)?;
        Ok((row.try_get("name")?, language_of(&row)?, SubjectKind::Proxy { patient }))
    })
    .transpose()
}
