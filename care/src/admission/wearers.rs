//! Who wore a device at a time, and what they usually weigh.

use crate::store::sql::{self, Connection};
use vitals::{DeviceId, GatewayId, PatientId, Quantity, Timestamp, Values};

use crate::people::{patient_id, time};
use crate::store::{StoreError, Tx};

/// One person who wore a device at the time asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wearer {
    /// Who.
    pub patient: PatientId,
    /// As which user of the device; `None` for any.
    pub slot: Option<u8>,
}

/// Whether `gateway` is in the register.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn gateway_known(tx: &mut Tx, gateway: &GatewayId) -> Result<bool, StoreError> {
    Ok(sql::query_scalar::<i64>("SELECT 1 FROM gateway WHERE id = $1")
        .bind(gateway.as_str())
        .fetch_optional(&mut **tx)
        .await?
        .is_some())
}

/// Everybody who wore `device` at `at`: from the start of a loan, until before its end.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn at(tx: &mut Tx, device: &DeviceId, at: Timestamp) -> Result<Vec<Wearer>, StoreError> {
    sql::query(
        "SELECT DISTINCT patient, slot FROM worn_by
         WHERE device = $1 AND from_at <= $2 AND (until_at IS NULL OR $2 < until_at) ORDER BY patient, slot",
    )
    .bind(device.as_str())
    .bind(at.as_millis())
    .fetch_all(&mut **tx)
    .await?
    .iter()
    .map(|row| {
        let slot: i64 = row.try_get("slot")?;
        Ok(Wearer { patient: patient_id(row.try_get("patient")?)?, slot: u8::try_from(slot).ok() })
    })
    .collect()
}

/// The last `limit` weights of `patient` up to `before`, newest first: when, and kg.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn weights(
    connection: &mut Connection,
    patient: &PatientId,
    before: Timestamp,
    limit: u32,
) -> Result<Vec<(Timestamp, f64)>, StoreError> {
    let rows: Vec<(i64, String)> = sql::query_as(
        "SELECT at, vals FROM reading WHERE patient = $1 AND at <= $2 AND kind = 'weight' AND outcome = 'measured'
         ORDER BY at DESC LIMIT $3",
    )
    .bind(patient.as_str())
    .bind(before.as_millis())
    .bind(i64::from(limit))
    .fetch_all(connection)
    .await?;
    let mut weights = Vec::with_capacity(rows.len());
    for (at, row) in rows {
        let values: Values = serde_json::from_str(&row)
            .map_err(|error| StoreError::unreadable("the values of a reading", error))?;
        if let Some(kg) = values.get(Quantity::WeightKg) {
            weights.push((time(at)?, kg));
        }
    }
    Ok(weights)
}
