//! `vagen-gateway status`: the outbox, the links, what came last.
//!
//! **Invariant:** reads only; an outbox that a daemon holds is shown as it is.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use gateway::config::{self, Overrides};
use gateway::io::links;
use gateway::links::{DeviceLink, Links};
use gateway::outbox::{LastReading, Status, status};
use vitals::Timestamp;

use super::{Failure, OUTBOX_HERE, enrol, failed, say, wrong};

pub(super) fn show(config: Option<&Path>, outbox: Option<PathBuf>, json: bool) -> Result<(), Failure> {
    let config =
        config.map(|file| config::read(Some(file), Overrides::default())).transpose().map_err(wrong)?;
    let path = outbox.or_else(|| config.as_ref().map(|config| config.outbox.clone()));
    let path = path.unwrap_or_else(|| OUTBOX_HERE.into());
    let status = status(&path).map_err(wrong)?;
    // What a daemon that runs no more wrote down is no state of anything.
    let links = links::read(&path).filter(|_| status.running);
    let certificate = config.as_ref().and_then(enrol::certificate);
    if json {
        let mut object = serde_json::to_value(&status).map_err(failed)?;
        object["links"] = serde_json::to_value(&links).map_err(failed)?;
        object["certificate"] = serde_json::json!(certificate);
        return say(&format!("{object}\n"));
    }
    let certificate = certificate.map_or_else(String::new, |said| format!("certificate      {said}\n"));
    say(&(table(&status)
        + &certificate
        + &linked(&status, links.as_ref())
        + &readings(&status.last_readings)))
}

fn time(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "-".to_owned(), |at| at.to_string())
}

fn table(status: &Status) -> String {
    let mut text = String::new();
    let rows = [
        ("gateway", status.gateway.to_string()),
        ("daemon", if status.running { "runs" } else { "does not run" }.to_owned()),
        ("outbox", status.outbox.to_string()),
        ("last number", status.last_seq.to_string()),
        ("without receipt", status.unreceipted.to_string()),
        ("  oldest sealed", time(status.oldest_unreceipted_at)),
        ("last receipt", time(status.last_receipt_at)),
        ("set aside", status.set_aside.to_string()),
        ("undecodable", status.undecoded.to_string()),
    ];
    // Writing to a string cannot fail.
    for (what, value) in rows {
        let _ = writeln!(text, "{what:<16} {value}");
    }
    if let Some(last) = &status.last_undecoded {
        let _ = writeln!(
            text,
            "  last at {} from {} on {}: {} ({})",
            last.at, last.device, last.characteristic, last.reason, last.hex
        );
    }
    text
}

fn linked(status: &Status, links: Option<&Links>) -> String {
    let mut text = String::new();
    if let Some(links) = links {
        let broker = match (&links.broker.trouble, links.broker.connected) {
            (_, true) => format!("connected since {}", time(links.broker.since)),
            (Some(why), false) => format!("not connected since {}: {why}", time(links.broker.since)),
            (None, false) => "not tried yet".to_owned(),
        };
        let _ = writeln!(text, "{:<16} {broker}", "broker");
        let air = match &links.trouble {
            Some(trouble) => trouble.clone(),
            None => format!("listening with {}", links.adapters.join(", ")),
        };
        let _ = writeln!(text, "{:<16} {air}", "Bluetooth");
    }
    for device in &status.devices {
        let model = device.identity.model.as_deref().unwrap_or("unknown model");
        let battery =
            device.battery_percent.map_or_else(String::new, |percent| format!(", battery {percent} %"));
        let link = links.and_then(|links| links.devices.get(&device.identity.id));
        let link = link.map_or_else(String::new, link_words);
        let _ = writeln!(
            text,
            "device {} {model}, last heard {}{battery}{link}",
            device.identity.id, device.last_seen
        );
    }
    text
}

fn link_words(link: &DeviceLink) -> String {
    let bond = match link.bonded {
        Some(true) => ", bonded",
        Some(false) => ", no bond",
        None => "",
    };
    let mut text = format!(", {} since {} ({}{bond})", link.state.text(), link.since, link.adapter);
    if link.failures > 0 {
        let _ = write!(text, ", {} connections in a row came to nothing", link.failures);
    }
    if let Some(trouble) = &link.trouble {
        let _ = write!(text, ": {trouble}");
    }
    text
}

fn readings(last: &[LastReading]) -> String {
    let mut text = String::new();
    for LastReading { seq, device, measurement, receipted_at } in last {
        let values = serde_json::to_value(&measurement.values).unwrap_or_default();
        let receipt = receipted_at.map_or_else(|| "no receipt yet".to_owned(), |at| format!("receipt {at}"));
        let _ = writeln!(
            text,
            "reading {seq} {device} {} {} {values}, {receipt}",
            measurement.measured_at, measurement.kind
        );
    }
    text
}
