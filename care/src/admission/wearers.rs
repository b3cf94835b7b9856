//! Who wore a device at a time, and what they usually weigh.

use crate::store::sql::{self, Connection, List};
use vitals::{DeviceId, GatewayId, PatientId, Quantity, Timestamp, Values};

use crate::people::{optional_time, patient_id, time};
use crate::readings::weeks;
use crate::store::StoreError;

/// So far back the weights that are asked for are looked for first: nearly everybody has weighed that often since.
const USUALLY_WITHIN_DAYS: i64 = 56;

/// One person who wore a device at the time asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wearer {
    /// Who.
    pub patient: PatientId,
    /// As which user of the device; `None` for any.
    pub slot: Option<u8>,
}

/// Those of `gateways` that are in the register.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn gateways_known(
    connection: &mut Connection,
    gateways: &[&GatewayId],
) -> Result<Vec<GatewayId>, StoreError> {
    let each = sql::each(connection.dialect(), 1);
    let sql = format!("SELECT id FROM gateway WHERE id IN (SELECT value FROM {each})");
    let ids: Vec<String> = sql::query_scalar(sqlx::AssertSqlSafe(sql))
        .bind_list(List::of_texts(gateways.iter().map(|id| id.as_str())))
        .fetch_all(connection)
        .await?;
    ids.into_iter()
        .map(|id| id.parse().map_err(|error| StoreError::unreadable("a gateway id", error)))
        .collect()
}

/// Whether `gateway` is in the register.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn gateway_known(connection: &mut Connection, gateway: &GatewayId) -> Result<bool, StoreError> {
    Ok(!gateways_known(connection, &[gateway]).await?.is_empty())
}

/// A time for which somebody had a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loan {
    /// Who, as which user of it.
    pub wearer: Wearer,
    /// Its start.
    pub from: Timestamp,
    /// Its end; `None` while it lasts.
    pub until: Option<Timestamp>,
}

/// Everybody who wore a device at `at`, of all its `loans`: from the start of a loan, until before its end.
#[must_use]
pub fn at(loans: &[Loan], at: Timestamp) -> Vec<Wearer> {
    let mut wearers: Vec<Wearer> = loans
        .iter()
        .filter(|loan| loan.from <= at && loan.until.is_none_or(|until| at < until))
        .map(|loan| loan.wearer.clone())
        .collect();
    wearers.dedup();
    wearers
}

/// Every loan of `devices`, by patient and slot.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn loans(
    connection: &mut Connection,
    devices: &[&DeviceId],
) -> Result<Vec<(DeviceId, Loan)>, StoreError> {
    let each = sql::each(connection.dialect(), 1);
    let sql = format!(
        "SELECT device, patient, slot, from_at, until_at FROM worn_by
         WHERE device IN (SELECT value FROM {each}) ORDER BY device, patient, slot"
    );
    sql::query(sqlx::AssertSqlSafe(sql))
        .bind_list(List::of_texts(devices.iter().map(|id| id.as_str())))
        .fetch_all(connection)
        .await?
        .iter()
        .map(|row| {
            let device: &str = row.try_get("device")?;
            let slot: i64 = row.try_get("slot")?;
            let wearer =
                Wearer { patient: patient_id(row.try_get("patient")?)?, slot: u8::try_from(slot).ok() };
            let device = device.parse().map_err(|error| StoreError::unreadable("a device id", error))?;
            let (from, until) = (time(row.try_get("from_at")?)?, optional_time(row.try_get("until_at")?)?);
            Ok((device, Loan { wearer, from, until }))
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
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut rows =
        rows_of_weights(connection, patient, before.plus_days(-USUALLY_WITHIN_DAYS), (before, limit)).await?;
    if rows.len() < wanted {
        let ever = Timestamp::from_jiff(jiff::Timestamp::MIN);
        rows = rows_of_weights(connection, patient, ever, (before, limit)).await?;
    }
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

async fn rows_of_weights(
    connection: &mut Connection,
    patient: &PatientId,
    from: Timestamp,
    (to, limit): (Timestamp, u32),
) -> Result<Vec<(i64, String)>, StoreError> {
    let (weeks, within) = (weeks::between(2, 3), weeks::within(connection.dialect()));
    let sql = format!(
        "{weeks}SELECT at, vals FROM reading WHERE {within} AND patient = $1 AND at >= $2 AND at <= $3 AND kind = 'weight'
            AND outcome = 'measured' ORDER BY at DESC LIMIT $4"
    );
    Ok(sql::query_as(sqlx::AssertSqlSafe(sql))
        .bind(patient.as_str())
        .bind(from.as_millis())
        .bind(to.as_millis())
        .bind(i64::from(limit))
        .fetch_all(connection)
        .await?)
}
