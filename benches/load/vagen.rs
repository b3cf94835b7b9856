//! `vagen serve` as it is measured: the program as released, over a broker of its own, with one of its stores.
//!
//! **Invariant:** what is counted at the end is asked of the store by `vagen status`, not of the process that served.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::processes::{Process, wait_for};

/// Where one house is kept, and what it is connected to.
pub(crate) struct Site {
    folder: PathBuf,
    config: PathBuf,
}

/// A house, serving.
pub(crate) struct Serving {
    pub(crate) process: Process,
    /// Where its pages are, as a URL.
    pub(crate) http: String,
}

fn vagen() -> Command {
    Command::new(env!("CARGO_BIN_EXE_vagen"))
}

/// Whether this build can keep its store in PostgreSQL.
pub(crate) fn knows_postgres() -> Result<bool> {
    let printed = vagen().args(["serve", "--print-config"]).output()?;
    Ok(String::from_utf8_lossy(&printed.stdout).lines().any(|line| line.starts_with("store =")))
}

impl Site {
    /// A house in `folder`, which is made, with more lines of configuration such as a store's or a projection's.
    pub(crate) fn new(folder: &Path, broker_port: u16, more: &str) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        let config = folder.join("serve.toml");
        let text = format!(
            "data = \"{}\"\nhttp = \"127.0.0.1:0\"\nbroker = \"mqtt://127.0.0.1:{broker_port}\"\nlog = \"warn\"\n{more}\n[gateways]\npace_kib_per_s = 0\n[canary]\nevery_s = 0\n",
            folder.join("data").display()
        );
        std::fs::write(&config, text)?;
        Ok(Self { folder: folder.to_owned(), config })
    }

    /// Makes the store agree with `register`.
    pub(crate) fn apply(&self, register: &str) -> Result<()> {
        let file = self.folder.join("register.toml");
        std::fs::write(&file, register)?;
        self.run(&["admin", "apply", &file.display().to_string()]).map(drop)
    }

    /// Starts serving, without waiting for it.
    pub(crate) fn start(&self) -> Result<Process> {
        let mut command = vagen();
        command.arg("serve").arg("--config").arg(&self.config).arg("--ready-file").arg(self.ready_file());
        let _ = std::fs::remove_file(self.ready_file());
        command.stdin(Stdio::null()).stdout(Stdio::null());
        Process::start("vagen serve", &mut command, Some(&self.folder.join("serve.log")))
    }

    /// Starts serving and waits until everything answers.
    pub(crate) fn serve(&self) -> Result<Serving> {
        let mut process = self.start()?;
        let ready: Value = wait_for("vagen serve", || {
            process.lives().with_context(|| self.said())?;
            let text = std::fs::read_to_string(self.ready_file()).ok();
            Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
        })?;
        let http = ready["http"].as_str().context("no address")?.to_owned();
        Ok(Serving { process, http })
    }

    /// How the store stands.
    pub(crate) fn status(&self) -> Result<Value> {
        Ok(serde_json::from_slice(&self.run(&["status", "--json"])?)?)
    }

    /// Fails unless exactly `readings` are stored, and nothing in quarantine or held to be a duplicate.
    pub(crate) fn holds(&self, readings: u64) -> Result<Value> {
        let status = self.status()?;
        ensure!(
            status["readings"] == readings
                && status["duplicates"] == 0
                && status["quarantined"] == serde_json::json!({}),
            "{readings} were sent; readings, duplicates, quarantined are {}, {}, {}; {}",
            status["readings"],
            status["duplicates"],
            status["quarantined"],
            self.said()
        );
        Ok(status)
    }

    /// The last that the server said.
    fn said(&self) -> String {
        let text = std::fs::read_to_string(self.folder.join("serve.log")).unwrap_or_default();
        text.lines().rev().take(5).collect::<Vec<_>>().join("\n")
    }

    fn ready_file(&self) -> PathBuf {
        self.folder.join("ready.json")
    }

    fn run(&self, arguments: &[&str]) -> Result<Vec<u8>> {
        let output = vagen().args(arguments).arg("--config").arg(&self.config).output()?;
        ensure!(output.status.success(), "vagen {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(output.stdout)
    }
}
