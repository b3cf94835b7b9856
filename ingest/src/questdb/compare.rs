//! The store and the table, side by side, row by row.
//!
//! **Invariant:** nothing found means that both hold the same rows with the same values.

use std::borrow::Cow;
use std::collections::BTreeMap;

use vitals::Timestamp;

use super::Row;

/// Which part of a row differs.
#[derive(Clone, Debug, PartialEq)]
pub enum Field {
    /// The value: what the store has, and what the table has.
    Value(Option<f64>, Option<f64>),
    /// Another column: its name, what the store has, and what the table has.
    Column(&'static str, String, String),
}

/// One row that is not the same on both sides.
#[derive(Clone, Debug, PartialEq)]
pub enum Difference {
    /// The store has it, the table does not.
    Missing(Row),
    /// The table has it, the store does not.
    Extra(Row),
    /// Both have it, and they differ.
    Altered(Row, Vec<Field>),
}

/// What differs, in order of arrival and quantity. The order of the rows given does not matter.
#[must_use]
pub fn compare(store: Vec<Row>, table: Vec<Row>) -> Vec<Difference> {
    let key = |row: &Row| (row.arrival, row.quantity.clone(), row.at);
    let mut held: BTreeMap<(i64, Cow<'static, str>, Timestamp), Row> =
        table.into_iter().map(|row| (key(&row), row)).collect();
    let mut found = BTreeMap::new();
    for row in store {
        let key = key(&row);
        match held.remove(&key) {
            None => {
                found.insert(key, Difference::Missing(row));
            }
            Some(other) => {
                let fields = differing(&row, &other);
                if !fields.is_empty() {
                    found.insert(key, Difference::Altered(row, fields));
                }
            }
        }
    }
    found.extend(held.into_iter().map(|(key, row)| (key, Difference::Extra(row))));
    found.into_values().collect()
}

fn differing(store: &Row, table: &Row) -> Vec<Field> {
    let mut fields = Vec::new();
    let same = match (store.value, table.value) {
        (Some(one), Some(other)) => one.total_cmp(&other).is_eq(),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    };
    if !same {
        fields.push(Field::Value(store.value, table.value));
    }
    let columns = [
        ("patient", &*store.patient, &*table.patient),
        ("kind", &*store.kind, &*table.kind),
        ("outcome", &*store.outcome, &*table.outcome),
        ("clock", &*store.clock, &*table.clock),
        ("reading", &*store.reading, &*table.reading),
    ];
    for (name, one, other) in columns {
        if one != other {
            fields.push(Field::Column(name, one.to_owned(), other.to_owned()));
        }
    }
    if store.received_at != table.received_at {
        let text = |time: Timestamp| time.to_string();
        fields.push(Field::Column("received_at", text(store.received_at), text(table.received_at)));
    }
    fields
}
