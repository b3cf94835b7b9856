//! Patients and the units around them, as the store knows them. Reads only; who may read is [`crate::access`]'s to say.

use crate::store::sql::{self, Connection, List, Query, Row};
use vitals::{PatientId, Timestamp};

use crate::language::Language;
use crate::store::StoreError;

/// A unit that takes part in a patient's care.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelatedUnit {
    /// The unit.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its organisation.
    pub organisation: String,
    /// The organisation's name.
    pub organisation_name: String,
    /// `region`, `municipality`, `primary_care` or `provider`.
    pub organisation_kind: String,
}

/// One medicine for a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Medication {
    /// The medicine.
    pub name: String,
    /// The dose in words.
    pub dose: String,
    /// From when.
    pub from: Timestamp,
    /// Until when; `None` while it goes on.
    pub until: Option<Timestamp>,
    /// Who prescribed or changed it.
    pub changed_by: String,
}

/// What is known of a patient beside the measurements.
#[derive(Clone, Debug, PartialEq)]
pub struct PatientFacts {
    /// The patient.
    pub id: PatientId,
    /// Their name.
    pub name: String,
    /// The language they read.
    pub language: Language,
    /// The policy that judges their readings.
    pub policy: String,
    /// Their date of birth, `1937-01-31`.
    pub born: Option<String>,
    /// The units with a care relation, the one that answers for the record first.
    pub units: Vec<RelatedUnit>,
    /// When they consented to sharing across organisations.
    pub consent_from: Option<Timestamp>,
    /// When that consent ends or ended.
    pub consent_until: Option<Timestamp>,
    /// Limits of their own, as JSON of the policy's overrides.
    pub overrides: Option<String>,
    /// Their plan in words.
    pub plan_text: Option<String>,
    /// Who wrote it.
    pub plan_by: Option<String>,
    /// When it last changed.
    pub plan_changed: Option<Timestamp>,
    /// When they came into the register: from then on something is expected of them.
    pub enrolled_at: Timestamp,
}

impl PatientFacts {
    /// Since when the patient's consent to sharing holds, if it does at `now`.
    #[must_use]
    pub fn consent_at(&self, now: Timestamp) -> Option<Timestamp> {
        self.consent_from.filter(|from| *from <= now && self.consent_until.is_none_or(|until| now < until))
    }

    /// Age in whole years at `now`, where the date of birth is known.
    #[must_use]
    pub fn age_years(&self, now: Timestamp) -> Option<i16> {
        let born: jiff::civil::Date = self.born.as_deref()?.parse().ok()?;
        let today = now.to_jiff().to_zoned(crate::clock::zone()).date();
        let had_birthday = (today.month(), today.day()) >= (born.month(), born.day());
        Some(today.year() - born.year() - i16::from(!had_birthday)).filter(|years| *years >= 0)
    }
}

/// The facts about `patient`; `None` when there is no such patient.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn facts(
    connection: &mut Connection,
    patient: &PatientId,
) -> Result<Option<PatientFacts>, StoreError> {
    let row = sql::query(
        "SELECT id, name, language, policy, born, consent_from, consent_until, overrides, plan_text, plan_by, plan_changed, enrolled_at
         FROM patient WHERE id = $1",
    )
    .bind(patient.as_str())
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let units = related_units(connection, patient).await?;
    Ok(Some(facts_of(&row, units)?))
}

/// Everybody whose care `unit` takes part in, by name. Who may be shown to whom is [`crate::access::decide`]'s to say.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn of_unit(connection: &mut Connection, unit: &str) -> Result<Vec<PatientFacts>, StoreError> {
    among_those(connection, "SELECT patient FROM patient_unit WHERE unit = $1 AND until_at IS NULL", unit)
        .await
}

/// Everybody whose care a unit of `organisation` takes part in, by name.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn of_organisation(
    connection: &mut Connection,
    organisation: &str,
) -> Result<Vec<PatientFacts>, StoreError> {
    let sql = "SELECT patient FROM patient_unit WHERE until_at IS NULL
               AND unit IN (SELECT id FROM unit WHERE organisation = $1)";
    among_those(connection, sql, organisation).await
}

/// What is known of each of `patients` that the register has.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn all_of(
    connection: &mut Connection,
    patients: &[&PatientId],
) -> Result<Vec<PatientFacts>, StoreError> {
    let which = format!("SELECT value FROM {}", sql::each(connection.dialect(), 1));
    let ids = List::of_texts(patients.iter().map(|id| id.as_str()));
    let [people, units] =
        among(&which).map(|sql| sql::query(sqlx::AssertSqlSafe(sql)).bind_list(ids.clone()));
    with_units(connection, people, units).await
}

/// The patients whose ids `which`, a literal of this module, selects for `id`.
async fn among_those(
    connection: &mut Connection,
    which: &str,
    id: &str,
) -> Result<Vec<PatientFacts>, StoreError> {
    let [people, units] = among(which).map(|sql| sql::query(sqlx::AssertSqlSafe(sql)).bind(id));
    with_units(connection, people, units).await
}

/// The patients whose ids `which` selects, and their units.
fn among(which: &str) -> [String; 2] {
    let patients = format!(
        "SELECT id, name, language, policy, born, consent_from, consent_until, overrides, plan_text, plan_by, plan_changed, enrolled_at
         FROM patient WHERE id IN ({which}) ORDER BY name, id"
    );
    let units = format!(
        "SELECT patient_unit.patient AS patient, unit.id AS id, unit.name AS name, organisation.id AS organisation,
                organisation.name AS organisation_name, organisation.kind AS organisation_kind
         FROM patient_unit JOIN unit ON unit.id = patient_unit.unit
              JOIN organisation ON organisation.id = unit.organisation
         WHERE patient_unit.until_at IS NULL AND patient_unit.patient IN ({which})
         ORDER BY patient_unit.patient, patient_unit.position"
    );
    [patients, units]
}

async fn with_units(
    connection: &mut Connection,
    people: Query<'_>,
    units: Query<'_>,
) -> Result<Vec<PatientFacts>, StoreError> {
    let rows = people.fetch_all(&mut *connection).await?;
    let mut related: std::collections::BTreeMap<String, Vec<RelatedUnit>> = std::collections::BTreeMap::new();
    for row in &units.fetch_all(connection).await? {
        related.entry(row.try_get("patient")?).or_default().push(related_unit_of(row)?);
    }
    rows.iter()
        .map(|row| {
            let id: String = row.try_get("id")?;
            facts_of(row, related.remove(&id).unwrap_or_default())
        })
        .collect()
}

fn facts_of(row: &Row, units: Vec<RelatedUnit>) -> Result<PatientFacts, StoreError> {
    let language: String = row.try_get("language")?;
    Ok(PatientFacts {
        id: patient_id(row.try_get("id")?)?,
        name: row.try_get("name")?,
        language: Language::from_key(&language)
            .ok_or_else(|| StoreError::unreadable("a language", &language))?,
        policy: row.try_get("policy")?,
        born: row.try_get("born")?,
        units,
        consent_from: optional_time(row.try_get("consent_from")?)?,
        consent_until: optional_time(row.try_get("consent_until")?)?,
        overrides: row.try_get("overrides")?,
        plan_text: row.try_get("plan_text")?,
        plan_by: row.try_get("plan_by")?,
        plan_changed: optional_time(row.try_get("plan_changed")?)?,
        enrolled_at: time(row.try_get("enrolled_at")?)?,
    })
}

async fn related_units(
    connection: &mut Connection,
    patient: &PatientId,
) -> Result<Vec<RelatedUnit>, StoreError> {
    sql::query(
        "SELECT unit.id AS id, unit.name AS name, organisation.id AS organisation,
                organisation.name AS organisation_name, organisation.kind AS organisation_kind
         FROM patient_unit JOIN unit ON unit.id = patient_unit.unit
              JOIN organisation ON organisation.id = unit.organisation
         WHERE patient_unit.patient = $1 AND patient_unit.until_at IS NULL ORDER BY patient_unit.position",
    )
    .bind(patient.as_str())
    .fetch_all(connection)
    .await?
    .iter()
    .map(related_unit_of)
    .collect()
}

fn related_unit_of(row: &Row) -> Result<RelatedUnit, StoreError> {
    Ok(RelatedUnit {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        organisation: row.try_get("organisation")?,
        organisation_name: row.try_get("organisation_name")?,
        organisation_kind: row.try_get("organisation_kind")?,
    })
}

/// The patient's medicines, in order of start, those that ended among them.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn medications(
    connection: &mut Connection,
    patient: &PatientId,
) -> Result<Vec<Medication>, StoreError> {
    sql::query("SELECT name, dose, from_at, until_at, changed_by FROM medication WHERE patient = $1 ORDER BY from_at, name")
        .bind(patient.as_str())
        .fetch_all(connection)
        .await?
        .iter()
        .map(|row| {
            Ok(Medication {
                name: row.try_get("name")?,
                dose: row.try_get("dose")?,
                from: time(row.try_get("from_at")?)?,
                until: optional_time(row.try_get("until_at")?)?,
                changed_by: row.try_get("changed_by")?,
            })
        })
        .collect()
}

/// A time as the store keeps it.
///
/// # Errors
/// [`StoreError::Unreadable`] outside the years 1 to 9999.
pub fn time(millis: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_millis(millis).map_err(|error| StoreError::unreadable("a time", error))
}

/// As [`time`], where there may be none.
///
/// # Errors
/// [`StoreError::Unreadable`] outside the years 1 to 9999.
pub fn optional_time(millis: Option<i64>) -> Result<Option<Timestamp>, StoreError> {
    millis.map(time).transpose()
}

/// A patient's id as the store keeps it.
///
/// # Errors
/// [`StoreError::Unreadable`] for what is no id.
pub fn patient_id(id: &str) -> Result<PatientId, StoreError> {
    id.parse().map_err(|error| StoreError::unreadable("a patient id", error))
}
