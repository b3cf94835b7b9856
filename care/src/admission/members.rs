//! The processes that share one store, and which share of the gateways each of them hears.
//!
//! Rows in, rows out. Who is believed to be gone, and who takes what, is decided by the room that receives.

use crate::store::sql::{self, Connection};
use crate::store::{StoreError, Tx};

/// One process and how often it has beaten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name, a new one at each start.
    pub id: String,
    /// Counts up while it lives.
    pub beat: i64,
}

/// Adds the member `id`.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn join(tx: &mut Tx, id: &str) -> Result<(), StoreError> {
    sql::query("INSERT INTO member (id, beat) VALUES ($1, 0)").bind(id).execute(tx).await?;
    Ok(())
}

/// Counts one beat of `id`. Says whether it still is a member.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn beat(tx: &mut Tx, id: &str) -> Result<bool, StoreError> {
    let done = sql::query("UPDATE member SET beat = beat + 1 WHERE id = $1").bind(id).execute(tx).await?;
    Ok(done.rows_affected() == 1)
}

/// Whether `id` still is a member.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn is_member(connection: &mut Connection, id: &str) -> Result<bool, StoreError> {
    let found: Option<i64> =
        sql::query_scalar("SELECT 1 FROM member WHERE id = $1").bind(id).fetch_optional(connection).await?;
    Ok(found.is_some())
}

/// Removes the member `id`; what it heard is heard by nobody until it is taken.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn remove(tx: &mut Tx, id: &str) -> Result<(), StoreError> {
    sql::query("UPDATE share SET member = NULL WHERE member = $1").bind(id).execute(tx).await?;
    sql::query("DELETE FROM member WHERE id = $1").bind(id).execute(tx).await?;
    Ok(())
}

/// Every member, by name.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn all(connection: &mut Connection) -> Result<Vec<Member>, StoreError> {
    let rows: Vec<(String, i64)> =
        sql::query_as("SELECT id, beat FROM member ORDER BY id").fetch_all(connection).await?;
    Ok(rows.into_iter().map(|(id, beat)| Member { id, beat }).collect())
}

/// Who hears which share; one that is not named was never taken.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn shares(connection: &mut Connection) -> Result<Vec<(i64, Option<String>)>, StoreError> {
    Ok(sql::query_as("SELECT id, member FROM share ORDER BY id").fetch_all(connection).await?)
}

/// Says who hears the share `id` from now on.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn assign(tx: &mut Tx, id: i64, member: Option<&str>) -> Result<(), StoreError> {
    sql::query(
        "INSERT INTO share (id, member) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET member = excluded.member",
    )
    .bind(id)
    .bind(member)
    .execute(tx)
    .await?;
    Ok(())
}
