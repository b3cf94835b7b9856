//! Telegraf, what one would pick instead: from the same broker to QuestDB, without duplicates recognised, rules or receipts.
//!
//! `VAGEN_TELEGRAF` says where the program is.
//!
//! **Invariant:** it is configured as its users would for throughput: large batches, all the window it can have.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::processes::{Process, wait_for};
use crate::questdb::{QuestDb, TELEGRAF_TABLE};

const CONFIGURATION: &str = include_str!("telegraf.conf");
/// From its word that it is connected until its subscription stands.
const SUBSCRIBING: Duration = Duration::from_millis(500);

/// Telegraf, running.
pub(crate) struct Telegraf {
    pub(crate) process: Process,
    _folder: tempfile::TempDir,
}

impl Telegraf {
    /// Starts it between the broker at `port` and `questdb`; waits until it is subscribed only where `ready`.
    pub(crate) fn start(port: u16, questdb: &QuestDb, ready: bool) -> Result<Self> {
        let program = std::env::var_os("VAGEN_TELEGRAF").map(PathBuf::from);
        let program = program.context("VAGEN_TELEGRAF does not name Telegraf's program")?;
        let folder = tempfile::tempdir()?;
        let (file, log) = (folder.path().join("telegraf.conf"), folder.path().join("telegraf.log"));
        std::fs::write(&file, CONFIGURATION)?;
        let mut command = Command::new(program);
        command.arg("--config").arg(&file).stdin(Stdio::null()).stdout(Stdio::null());
        command.env("MQTT_PORT", port.to_string()).env("QUESTDB_PORT", questdb.port.to_string());
        command.env("TABLE", TELEGRAF_TABLE);
        let mut process = Process::start("telegraf", &mut command, Some(&log))?;
        if ready {
            wait_for("telegraf", || {
                process.lives()?;
                Ok(std::fs::read_to_string(&log)?.contains("Connected").then_some(()))
            })?;
            std::thread::sleep(SUBSCRIBING);
        }
        Ok(Self { process, _folder: folder })
    }
}
