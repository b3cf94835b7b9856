//! The store's readings and the table in QuestDB, row by row.
//!
//! **Invariant:** what is wrong with a reading itself is not told again as a difference of its rows.

use care::store::Store;

use super::{Difference as Found, Place, ReconcileError, Reconciled, Wrong};
use crate::questdb::{Difference, Field, Row, Server, check};

/// Compares every row up to the projection's cursor.
pub(super) async fn compare(
    store: &Store,
    server: &Server,
    found: &mut Reconciled,
) -> Result<(), ReconcileError> {
    let checked = check(store, server, "questdb", |_, _| {}).await?;
    found.looked.questdb_rows = Some(checked.rows);
    found.explained.projection_lag = u64::try_from(checked.lag).unwrap_or(0);
    for difference in checked.differences {
        let (wrong, row, why) = match difference {
            Difference::Missing(row) => (Wrong::Missing, row, "the table has not".to_owned()),
            Difference::Extra(row) => (Wrong::Extra, row, "the table has, and the store has not".to_owned()),
            Difference::Altered(row, fields) => (Wrong::Altered, row, columns(&fields)),
        };
        if !found.named.contains(&row.arrival) {
            found.differences.push(named(&row, wrong, &why));
        }
    }
    Ok(())
}

fn named(row: &Row, wrong: Wrong, why: &str) -> Found {
    let why = format!("{}: {why}", row.quantity);
    Found::new(Place::Questdb, wrong, why).of(row.arrival, Some(&row.reading))
}

/// Which columns differ, without what stands in them.
fn columns(fields: &[Field]) -> String {
    let names: Vec<&str> = fields
        .iter()
        .map(|field| match field {
            Field::Value(_, _) => "value",
            Field::Column(name, _, _) => name,
        })
        .collect();
    format!("the table has another {}", names.join(", "))
}
