//! `vagen status`: the store at a glance.

use std::io::{self, Write};

use serde_json::Value;

use crate::cli::StatusArguments;
use crate::cli::store::with_store;
use crate::failure::{Failure, OrFail};

pub(crate) fn run(arguments: &StatusArguments) -> Result<(), Failure> {
    let status = with_store(&arguments.store, async |store, _| {
        let mut reader = store.read().await.or_fail()?;
        care::export::status(&mut reader).await.or_fail()
    })?;
    let mut out = io::stdout().lock();
    if arguments.json { writeln!(out, "{status}").or_fail() } else { for_people(&status, &mut out).or_fail() }
}

fn for_people(status: &Value, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "readings     {}", status["readings"])?;
    writeln!(out, "duplicates   {}", status["duplicates"])?;
    writeln!(out, "open tasks   {}", status["open_tasks"])?;
    for (reason, count) in status["quarantined"].as_object().into_iter().flatten() {
        writeln!(out, "quarantined  {count} {reason}")?;
    }
    for gateway in status["gateways"].as_array().into_iter().flatten() {
        let heard = gateway["last_heartbeat"].as_str().unwrap_or("never");
        writeln!(out, "gateway      {} last heard {heard}", gateway["id"].as_str().unwrap_or_default())?;
    }
    for outbox in status["outboxes"].as_array().into_iter().flatten() {
        let text = |key: &str| outbox[key].as_str().unwrap_or_default().to_owned();
        writeln!(
            out,
            "outbox       {} {} receipted through {}",
            text("gateway"),
            text("outbox"),
            outbox["through"]
        )?;
    }
    Ok(())
}
