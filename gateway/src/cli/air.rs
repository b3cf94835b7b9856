//! `vagen-gateway record` and `scan`: what is in the air, written down or listed.
//!
//! **Invariant:** neither sets a device's clock.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use devices::session::{Event, is_worth_connecting};
use devices::{Format, Model, Settings, Uuid16, models};
use gateway::capture;
use gateway::config::LogLevel;
use gateway::home::{Duty, Home, Rules};
use gateway::io::clock::{self, Clock};
use gateway::io::radio::Radio;
use gateway::io::service;
use gateway::source::{BleSource, RadioEvent};
use vitals::DeviceId;

use super::{Failure, failed, say, told_to_stop};

/// Listens like the daemon, talks to devices like the daemon, and writes it all down instead of sealing it.
pub(super) async fn record(file: &Path) -> Result<(), Failure> {
    let mut written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(file)
        .map_err(|error| Failure::Wrong(format!("{}: {error}", file.display())))?;
    service::log(LogLevel::Info);
    tracing::warn!("a device may delete what it has sent: readings heard now are in {} only", file.display());
    let mut radio = Radio::start(Clock::system(false));
    // A recording never sets a device's clock: it shall show what the gateway will meet.
    let mut home =
        Home::new(Rules::default(), Settings { gateway_synced: false, local_offset_s: 0 }, Vec::new());
    let stop = told_to_stop()?;
    tokio::pin!(stop);
    loop {
        let tick = tokio::time::sleep(Duration::from_secs(1));
        let duties = tokio::select! {
            () = &mut stop => return written.sync_all().map_err(failed),
            heard = radio.next() => {
                let Some(heard) = heard else { return Ok(()) };
                if let Some(line) = capture::line_of(&heard) {
                    writeln!(written, "{line}").map_err(|error| failed(format!("{}: {error}", file.display())))?;
                }
                home.handle(heard)
            }
            () = tick => home.handle_timeout(clock::system_now()),
        };
        for duty in duties {
            if let Duty::Act(device, action) = duty {
                radio.act(&device, action).await;
            }
        }
    }
}

/// What is known of a device in the air.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) name: Option<String>,
    services: BTreeSet<Uuid16>,
    data: BTreeSet<Uuid16>,
}

/// How a device is supported.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Support {
    /// By its model.
    Model(&'static Model),
    /// By the specification, as far as its advertisement tells.
    Standard,
    /// Its records are known, and lie in its memory, where nothing of ours fetches them.
    Unfetched(&'static Model),
    /// It is not.
    No,
}

impl Heard {
    /// Adds what an event tells; false where that was nothing new.
    pub(crate) fn learn(&mut self, heard: &RadioEvent) -> bool {
        let before = self.clone();
        if heard.name.is_some() {
            self.name.clone_from(&heard.name);
        }
        if let Event::Advertised { service_uuids, service_data } = &heard.event {
            self.services.extend(service_uuids);
            self.data.extend(service_data.keys());
        }
        *self != before
    }

    pub(crate) fn support(&self) -> Support {
        let model = self.name.as_deref().and_then(models::find);
        if let Some(model) = model.filter(|model| model.is_fetched()) {
            return Support::Model(model);
        }
        let services: Vec<Uuid16> = self.services.iter().copied().collect();
        let by_data = self.data.iter().any(|uuid| Format::of_service_data(*uuid).is_some());
        if by_data || is_worth_connecting(None, &services) {
            return Support::Standard;
        }
        model.map_or(Support::No, Support::Unfetched)
    }
}

impl Support {
    /// As a technician reads it.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Model(model) => model.name,
            Self::Standard => "yes, by the standard",
            Self::Unfetched(_) => "no, it is decoded only",
            Self::No => "no",
        }
    }

    /// Whether its readings can be had.
    pub(crate) fn is_there(self) -> bool {
        match self {
            Self::Model(_) | Self::Standard => true,
            Self::Unfetched(_) | Self::No => false,
        }
    }
}

pub(super) async fn scan(listen: Duration, json: bool) -> Result<(), Failure> {
    service::log(LogLevel::Warn);
    let mut radio = Radio::start(Clock::system(false));
    let mut seen: BTreeMap<DeviceId, Heard> = BTreeMap::new();
    let (until, stop) = (tokio::time::sleep(listen), told_to_stop()?);
    tokio::pin!(until, stop);
    loop {
        let heard = tokio::select! {
            () = &mut until => break,
            () = &mut stop => break,
            heard = radio.next() => heard,
        };
        let Some(heard) = heard else { break };
        seen.entry(heard.device.clone()).or_default().learn(&heard);
    }
    let trouble = radio.links().borrow().trouble.clone();
    if let (true, Some(trouble)) = (seen.is_empty(), trouble) {
        return Err(Failure::Failed(trouble));
    }
    if !json {
        say(&format!("{:<14}{:<24}{:>8}  {}\n", "device", "supported", "signal", "name"))?;
    }
    for (device, heard) in &seen {
        say(&line(device, heard, radio.signal_dbm(device), json))?;
    }
    Ok(())
}

fn line(device: &DeviceId, heard: &Heard, signal_dbm: Option<i16>, json: bool) -> String {
    let support = heard.support();
    if json {
        let model = match support {
            Support::Model(model) | Support::Unfetched(model) => Some(model.name),
            Support::Standard | Support::No => None,
        };
        let object = serde_json::json!({
            "id": device, "name": heard.name, "supported": support.is_there(), "model": model,
            "signal_dbm": signal_dbm,
        });
        return format!("{object}\n");
    }
    let signal = signal_dbm.map_or_else(|| "-".to_owned(), |dbm| format!("{dbm} dBm"));
    let name = heard.name.as_deref().unwrap_or("-");
    format!("{:<14}{:<24}{signal:>8}  {name}\n", device.as_str(), support.text())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a device advertises and whether it can be read. Services by the Bluetooth assigned numbers: 1810 blood pressure,
    /// 181D weight scale, 110B audio sink; 181B data by Xiaomi's scales.
    #[test]
    fn support_is_told_by_name_service_or_data() {
        type Row = (Option<&'static str>, &'static [u16], &'static [u16], &'static str);
        let rows: [Row; 8] = [
            (Some("A&D_UA-651BLE_000002"), &[], &[], "A&D UA-651BLE"),
            (Some("HEM-7142T2"), &[], &[], "no, it is decoded only"),
            (Some("HEM-7142T2"), &[0x1810], &[], "yes, by the standard"),
            (Some("Nobody"), &[0x1810], &[], "yes, by the standard"),
            (None, &[0x181D], &[], "yes, by the standard"),
            (None, &[], &[0x181B], "yes, by the standard"),
            (Some("Headphones"), &[0x110B], &[], "no"),
            (None, &[], &[], "no"),
        ];
        for (name, services, data, expected) in rows {
            let mut heard = Heard::default();
            heard.learn(&RadioEvent {
                at: vitals::Timestamp::from_millis(0).expect("a time"),
                device: "546c0e000001".parse().expect("an id"),
                hides_address: false,
                name: name.map(str::to_owned),
                event: Event::Advertised {
                    service_uuids: services.iter().copied().map(Uuid16).collect(),
                    service_data: data.iter().map(|uuid| (Uuid16(*uuid), vec![0])).collect(),
                },
            });
            assert_eq!(heard.support().text(), expected, "{name:?} {services:?} {data:?}");
        }
    }
}
