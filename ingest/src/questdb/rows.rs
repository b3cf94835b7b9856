//! A reading as rows of the table: one for each value or answer, and one without a value where there is none.
//!
//! A failed measurement has a row too, so that a gap in a chart and a failure can be told apart, and so that every reading
//! can be counted there. RR intervals stay in the store alone: they are many a reading and no chart draws them.
//!
//! **Invariant:** a reading gives the same rows whenever it is asked for, at least one, and no two with the same key.

use care::readings::Recorded;
use vitals::{Content, Quantity, ReadingId, Timestamp};

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
    pub patient: String,
    /// The kind of reading.
    pub kind: String,
    /// Which quantity or symptom, by its key in JSON.
    pub quantity: String,
    /// The value in the quantity's unit, or the grade of the symptom.
    pub value: Option<f64>,
    /// How the measuring went.
    pub outcome: String,
    /// How far the time can be trusted.
    pub clock: String,
    /// When it arrived.
    pub received_at: Timestamp,
    /// The reading's id.
    pub reading: String,
}

/// The rows of a reading.
#[must_use]
pub fn rows_of(recorded: &Recorded) -> Vec<Row> {
    let reading = &recorded.reading;
    let (kind, outcome, clock, values): (_, _, _, Vec<(&str, f64)>) = match &reading.content {
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
    let row = |quantity: &str, value| Row {
        at: reading.at,
        arrival: recorded.arrival,
        patient: reading.patient.as_str().to_owned(),
        kind: kind.to_owned(),
        quantity: quantity.to_owned(),
        value,
        outcome: outcome.to_owned(),
        clock: clock.to_owned(),
        received_at: reading.received_at,
        reading: ReadingId::to_string(&reading.id),
    };
    if values.is_empty() {
        return vec![row(NOTHING, None)];
    }
    values.into_iter().map(|(quantity, value)| row(quantity, Some(value))).collect()
}
