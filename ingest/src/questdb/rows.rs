//! A reading as rows of the table: one for each value or answer, and one without a value where there is none.
//!
//! A failed measurement has a row too, so that a gap in a chart and a failure can be told apart, and so that every reading
//! can be counted there. RR intervals stay in the store alone: they are many a reading and no chart draws them.
//!
//! **Invariant:** a reading gives the same rows whenever it is asked for, at least one, and no two with the same key.

use std::borrow::Cow;
use std::sync::Arc;

use vitals::{Content, Quantity, Reading, Timestamp};

/// What stands in `quantity` where a reading has no value.
const NOTHING: &str = "none";
/// What stands in `outcome` for answers to the symptom form.
const ANSWERED: &str = "answered";

/// A row. Its key is `(at, arrival, quantity)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// When it was measured.
    pub at: Timestamp,
    /// The reading's place in the journal.
    pub arrival: i64,
    /// Whose it is.
    pub patient: Arc<str>,
    /// The kind of reading.
    pub kind: Cow<'static, str>,
    /// Which quantity or symptom, by its key in JSON.
    pub quantity: Cow<'static, str>,
    /// The value in the quantity's unit, or the grade of the symptom.
    pub value: Option<f64>,
    /// How the measuring went.
    pub outcome: Cow<'static, str>,
    /// How far the time can be trusted.
    pub clock: Cow<'static, str>,
    /// When it arrived.
    pub received_at: Timestamp,
    /// The reading's id.
    pub reading: Arc<str>,
}

/// The rows of `reading`, the `arrival`th.
#[must_use]
pub fn rows_of(arrival: i64, reading: &Reading) -> Vec<Row> {
    let (kind, outcome, clock, values): (_, _, _, Vec<(&'static str, f64)>) = match &reading.content {
        Content::Symptoms(answers) => (
            "symptoms",
            ANSWERED,
            NOTHING,
            answers.iter().map(|(symptom, grade)| (symptom.key(), f64::from(grade.grade()))).collect(),
        ),
        Content::Vitals { kind, outcome, values, clock, .. } => (
            kind.key(),
            outcome.key(),
            clock.key(),
            values.iter().map(|(quantity, value): (Quantity, f64)| (quantity.key(), value)).collect(),
        ),
    };
    let row = |quantity: &'static str, value| Row {
        at: reading.at,
        arrival,
        patient: reading.patient.shared(),
        kind: kind.into(),
        quantity: quantity.into(),
        value,
        outcome: outcome.into(),
        clock: clock.into(),
        received_at: reading.received_at,
        reading: reading.id.shared(),
    };
    if values.is_empty() {
        return vec![row(NOTHING, None)];
    }
    values.into_iter().map(|(quantity, value)| row(quantity, Some(value))).collect()
}
