//! The thread that writes rows over ILP/HTTP.
//!
//! It waits for rows, never for the store: a server that is slow or gone holds up nobody but the projection.
//!
//! **Invariant:** an answer of `Ok` means that the server took every row of the run.

use ::questdb::ingress::{Buffer, Sender, TimestampMicros};
use tokio::sync::mpsc::Receiver;
use vitals::Timestamp;

use super::{Address, CANARY_TABLE, Job, Load, Row, Server, TABLE};
use crate::projection::ProjectionError;

/// A sender, once the table is there.
struct Open {
    sender: Sender,
    buffer: Buffer,
}

/// Takes runs of rows until nobody can hand in more.
pub(super) fn run(address: &Address, mut jobs: Receiver<Job>) {
    let mut open: Option<Open> = None;
    while let Some((load, answer)) = jobs.blocking_recv() {
        let result = write(address, &mut open, &load);
        if result.is_err() {
            open = None;
        }
        // Whoever asked may have been stopped meanwhile.
        drop(answer.send(result));
    }
}

fn write(address: &Address, open: &mut Option<Open>, load: &Load) -> Result<(), ProjectionError> {
    let at_hand = match open.take() {
        Some(at_hand) => at_hand,
        None => prepare(address)?,
    };
    let Open { sender, buffer } = open.insert(at_hand);
    buffer.clear();
    match load {
        Load::Rows(rows) => fill(buffer, rows),
        Load::Canary(sealed_at) => fill_canary(buffer, *sealed_at),
    }
    .map_err(failed)?;
    sender.flush(buffer).map_err(failed)
}

fn prepare(address: &Address) -> Result<Open, ProjectionError> {
    let server = Server::new(address.clone());
    server.make_table().map_err(|error| ProjectionError { what: error.to_string() })?;
    let sender = Sender::from_conf(address.sender_configuration()).map_err(failed)?;
    let buffer = sender.new_buffer();
    Ok(Open { sender, buffer })
}

fn fill(buffer: &mut Buffer, rows: &[Row]) -> Result<(), ::questdb::Error> {
    for row in rows {
        buffer
            .table(TABLE)?
            .symbol("patient", &row.patient)?
            .symbol("kind", &row.kind)?
            .symbol("quantity", &row.quantity)?
            .symbol("outcome", &row.outcome)?
            .symbol("clock", &row.clock)?
            .column_i64("arrival", row.arrival)?;
        if let Some(value) = row.value {
            buffer.column_f64("value", value)?;
        }
        buffer
            .column_ts("received_at", TimestampMicros::new(row.received_at.as_millis() * 1000))?
            .column_str("reading", &row.reading)?
            .at(TimestampMicros::new(row.at.as_millis() * 1000))?;
    }
    Ok(())
}

/// The row's own time never changes, so that each canary takes the place of the one before it.
fn fill_canary(buffer: &mut Buffer, sealed_at: Timestamp) -> Result<(), ::questdb::Error> {
    buffer
        .table(CANARY_TABLE)?
        .column_ts("sealed_at", TimestampMicros::new(sealed_at.as_millis() * 1000))?
        .at(TimestampMicros::new(0))
}

fn failed(error: ::questdb::Error) -> ProjectionError {
    ProjectionError { what: format!("QuestDB: {}", error.msg()) }
}
