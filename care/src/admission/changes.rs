//! What changed since admission last looked: so that what it keeps at hand between transactions is what the store has, also
//! where another process wrote.
//!
//! The register, plans and tasks note each change themselves, by triggers; readings are counted as they arrive.
//!
//! **Invariant:** nothing that was committed before a transaction began is missed by it.

use crate::store::sql::{self, Connection};
use vitals::PatientId;

use crate::people::patient_id;
use crate::store::StoreError;

/// How far the store is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// The number of the last change.
    pub changed: i64,
    /// The last reading.
    pub arrival: i64,
    /// The last policy file, and the last that was switched on.
    pub policies: (i64, i64),
}

/// How far the store is.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn marks(connection: &mut Connection) -> Result<Marks, StoreError> {
    let (changed, arrival, files, activations) = sql::query_as(
        "SELECT (SELECT COALESCE(MAX(value), 0) FROM counter WHERE name = 'changed'),
            (SELECT COALESCE(MAX(value), 0) FROM counter WHERE name = 'reading.arrival'),
            (SELECT COALESCE(MAX(id), 0) FROM policy_file), (SELECT COALESCE(MAX(id), 0) FROM policy_activation)",
    )
    .fetch_one(connection)
    .await?;
    Ok(Marks { changed, arrival, policies: (files, activations) })
}

/// What a change was about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    /// This patient: who they are, their plan, their tasks.
    Patient(PatientId),
    /// The device of this address: who has it.
    Device(String),
    /// The gateway of this name.
    Gateway(String),
    /// The units and organisations.
    House,
}

/// What the changes after `version` were about.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn since(connection: &mut Connection, version: i64) -> Result<Vec<About>, StoreError> {
    let rows: Vec<(String, String)> =
        sql::query_as("SELECT what, id FROM changed WHERE version > $1 ORDER BY version")
            .bind(version)
            .fetch_all(connection)
            .await?;
    rows.into_iter()
        .map(|(what, id)| {
            Ok(match what.as_str() {
                "patient" => About::Patient(patient_id(&id)?),
                "device" => About::Device(id),
                "gateway" => About::Gateway(id),
                "house" => About::House,
                other => return Err(StoreError::unreadable("what changed", other)),
            })
        })
        .collect()
}

/// Whose readings arrived after the place `arrival`, and from which device.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn arrived(
    connection: &mut Connection,
    arrival: i64,
) -> Result<Vec<(PatientId, Option<String>)>, StoreError> {
    let rows: Vec<(String, Option<String>)> =
        sql::query_as("SELECT DISTINCT patient, device FROM reading WHERE arrival > $1")
            .bind(arrival)
            .fetch_all(connection)
            .await?;
    rows.into_iter().map(|(patient, device)| Ok((patient_id(&patient)?, device))).collect()
}
