//! `vagen reconcile`: what gateways say, what is decided, stored, judged and projected, held against each other.

use std::io::{self, Write};

use ingest::questdb::Server;
use ingest::reconcile::{Reconciled, reconcile};
use serde_json::json;

use crate::cli::StoreArguments;
use crate::cli::store::with_store;
use crate::failure::{Failure, OrFail};
use crate::serve::config;

pub(crate) fn run(arguments: &StoreArguments) -> Result<(), Failure> {
    let questdb = config::questdb(arguments)?.map(Server::new);
    with_store(arguments, async |store, _| {
        let found = reconcile(&store, questdb.as_ref()).await.or_fail()?;
        print(&found)?;
        match found.differences.len() {
            0 => Ok(()),
            1 => Err(Failure::work(anyhow::anyhow!("1 difference is not explained"))),
            more => Err(Failure::work(anyhow::anyhow!("{more} differences are not explained"))),
        }
    })
}

/// The differences and a summary as JSON lines, and the summary in words on stderr.
#[allow(clippy::print_stderr)]
fn print(found: &Reconciled) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    for difference in &found.differences {
        writeln!(out, "{}", serde_json::to_string(difference).or_fail()?).or_fail()?;
    }
    let differences = found.differences.len();
    let summary = json!({ "looked": found.looked, "explained": found.explained, "differences": differences });
    writeln!(out, "{summary}").or_fail()?;
    let looked = &found.looked;
    let projected = looked.questdb_rows.map_or_else(String::new, |rows| format!(", {rows} rows in QuestDB"));
    eprintln!(
        "{} outboxes, {} decided numbers, {} readings, {} marks of what the rules were given{projected}",
        looked.outboxes, looked.decided, looked.readings, looked.assessed
    );
    let explained = &found.explained;
    eprintln!(
        "explained: {} wait in outboxes, {} duplicates, {} quarantined, {} void, {} readmitted, {} of replaced boxes, \
         {} answers, {} from before marks, {} not projected yet",
        explained.waiting_in_outboxes,
        explained.duplicates,
        explained.quarantined,
        explained.void,
        explained.readmitted,
        explained.of_replaced_boxes,
        explained.answers,
        explained.before_marks,
        explained.projection_lag
    );
    Ok(())
}
