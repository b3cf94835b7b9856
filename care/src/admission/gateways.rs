//! Signs of life of gateways: heartbeats as they came, who was heard when, and whose readings a gateway brings.

use crate::store::sql::{self, Connection};
use vitals::{GatewayId, Heartbeat, PatientId, Timestamp};

use crate::people::{patient_id, time};
use crate::store::{StoreError, Tx};

/// Keeps `heartbeat` as the last of its gateway.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn beat(tx: &mut Tx, heartbeat: &Heartbeat, received_at: Timestamp) -> Result<(), StoreError> {
    let devices = serde_json::to_string(&heartbeat.devices)
        .map_err(|error| StoreError::unreadable("the devices of a heartbeat", error))?;
    sql::query(
        "INSERT INTO heartbeat (gateway, at, received_at, outbox, last_seq, unreceipted, version, clock_synced, devices)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (gateway) DO UPDATE SET at = excluded.at, received_at = excluded.received_at,
            outbox = excluded.outbox, last_seq = excluded.last_seq, unreceipted = excluded.unreceipted,
            version = excluded.version, clock_synced = excluded.clock_synced, devices = excluded.devices",
    )
    .bind(heartbeat.gateway.as_str())
    .bind(heartbeat.at.as_millis())
    .bind(received_at.as_millis())
    .bind(heartbeat.outbox.as_str())
    .bind(i64::try_from(heartbeat.last_seq).unwrap_or(i64::MAX))
    .bind(i64::try_from(heartbeat.unreceipted).unwrap_or(i64::MAX))
    .bind(heartbeat.version.as_deref())
    .bind(heartbeat.clock_synced.map(i64::from))
    .bind(devices)
    .execute(tx)
    .await?;
    Ok(())
}

/// A gateway and when it was last heard: a heartbeat or a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Which.
    pub gateway: GatewayId,
    /// When.
    pub at: Timestamp,
}

const LAST_HEARD: &str = "SELECT gateway, MAX(at) AS at FROM
    (SELECT gateway, heard_at AS at FROM stream UNION ALL SELECT gateway, received_at AS at FROM heartbeat) AS words
    GROUP BY gateway";

/// The gateways of the register that were alive once and not heard since `before`, unless a finding of `rule` has said
/// so of this silence already.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn silent(
    connection: &mut Connection,
    before: Timestamp,
    rule: &str,
) -> Result<Vec<Heard>, StoreError> {
    let sql = format!(
        "SELECT heard.gateway AS gateway, heard.at AS at FROM ({LAST_HEARD}) AS heard
         JOIN gateway ON gateway.id = heard.gateway
         WHERE heard.at < $1 AND NOT EXISTS (
            SELECT 1 FROM task JOIN finding ON finding.task = task.id
            WHERE task.problem = 'gateway' AND task.gateway = heard.gateway AND finding.rule = $2
            AND finding.at > heard.at)
         ORDER BY heard.gateway"
    );
    heard(connection, sql, before, rule).await
}

/// The gateways with an open task of `rule` that were heard after it was last found, and since `since`.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn heard_again(
    connection: &mut Connection,
    since: Timestamp,
    rule: &str,
) -> Result<Vec<Heard>, StoreError> {
    let sql = format!(
        "SELECT heard.gateway AS gateway, heard.at AS at FROM ({LAST_HEARD}) AS heard
         JOIN task ON task.gateway = heard.gateway AND task.problem = 'gateway' AND task.status = 'open'
         WHERE heard.at >= $1 AND heard.at >
            (SELECT MAX(finding.at) FROM finding WHERE finding.task = task.id AND finding.rule = $2)
         ORDER BY heard.gateway"
    );
    heard(connection, sql, since, rule).await
}

async fn heard(
    connection: &mut Connection,
    sql: String,
    time_limit: Timestamp,
    rule: &str,
) -> Result<Vec<Heard>, StoreError> {
    sql::query(sqlx::AssertSqlSafe(sql))
        .bind(time_limit.as_millis())
        .bind(rule)
        .fetch_all(connection)
        .await?
        .iter()
        .map(|row| {
            let gateway: &str = row.try_get("gateway")?;
            Ok(Heard {
                gateway: gateway.parse().map_err(|error| StoreError::unreadable("a gateway id", error))?,
                at: time(row.try_get("at")?)?,
            })
        })
        .collect()
}

/// The patient whose reading `gateway` brought last: the last number of one of its outboxes; `None` when it brought none.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn last_patient(tx: &mut Tx, gateway: &GatewayId) -> Result<Option<PatientId>, StoreError> {
    sql::query_scalar::<String>(
        "SELECT patient FROM stream JOIN reading ON reading.stream = stream.id
            AND reading.seq = (SELECT MAX(seq) FROM reading AS last WHERE last.stream = stream.id)
         WHERE gateway = $1 ORDER BY arrival DESC LIMIT 1",
    )
    .bind(gateway.as_str())
    .fetch_optional(tx)
    .await?
    .as_deref()
    .map(patient_id)
    .transpose()
}

/// Every gateway of the register, in the order of their ids.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn all(connection: &mut Connection) -> Result<Vec<GatewayId>, StoreError> {
    let ids: Vec<String> =
        sql::query_scalar("SELECT id FROM gateway ORDER BY id").fetch_all(connection).await?;
    ids.iter().map(|id| id.parse().map_err(|error| StoreError::unreadable("a gateway id", error))).collect()
}

/// Every patient of the register, in the order of their ids.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn patients(connection: &mut Connection) -> Result<Vec<PatientId>, StoreError> {
    let ids: Vec<String> =
        sql::query_scalar("SELECT id FROM patient ORDER BY id").fetch_all(connection).await?;
    ids.iter().map(|id| patient_id(id)).collect()
}
