//! Numbers the store hands out inside a transaction: the next row of a table that counts, and named counters.

use crate::store::sql;
use crate::store::{Reader, StoreError, Tx};

/// Adds `by` to the counter `name` and gives its new value; a counter that is not there starts at 0.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn count(tx: &mut Tx, name: &str, by: i64) -> Result<i64, StoreError> {
    let value = sql::query_scalar::<i64>(
        "INSERT INTO counter (name, value) VALUES ($1, $2)
         ON CONFLICT (name) DO UPDATE SET value = counter.value + excluded.value RETURNING value",
    )
    .bind(name)
    .bind(by)
    .fetch_one(tx)
    .await?;
    Ok(value)
}

/// Sets the counter `name`.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn set(tx: &mut Tx, name: &str, value: i64) -> Result<(), StoreError> {
    sql::query(
        "INSERT INTO counter (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    )
    .bind(name)
    .bind(value)
    .execute(tx)
    .await?;
    Ok(())
}

/// Sets the counter `name` to `to` if it still is `from`, and says whether it was. A counter that is not there is 0.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn step(tx: &mut Tx, name: &str, from: i64, to: i64) -> Result<bool, StoreError> {
    let done = sql::query(
        "INSERT INTO counter (name, value) SELECT $1, $3 WHERE $2 = 0 OR EXISTS (SELECT 1 FROM counter WHERE name = $1)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE counter.value = $2",
    )
    .bind(name)
    .bind(from)
    .bind(to)
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The counter `name`; 0 when it was never counted.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn get(reader: &mut Reader, name: &str) -> Result<i64, StoreError> {
    let value = sql::query_scalar::<i64>("SELECT value FROM counter WHERE name = $1")
        .bind(name)
        .fetch_optional(reader)
        .await?;
    Ok(value.unwrap_or(0))
}

/// The number of the next row in the table that `name` counts.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn next(tx: &mut Tx, name: &str) -> Result<i64, StoreError> {
    count(tx, name, 1).await
}
