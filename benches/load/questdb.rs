//! A QuestDB server of its own on loopback, which syncs what it commits, and questions to it.
//!
//! `VAGEN_QUESTDB_JAR` says where the program is. A row is durable when it was taken and visible a little later; counting is done
//! gently, twice a second, because a server that is asked all the time is a slower one.
//!
//! **Invariant:** the tables are gone before each run.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::processes::{Process, free_port, wait_for};

/// What the product projects to.
pub(crate) const VAGEN_TABLE: &str = "vagen_reading";
/// What the peer writes.
pub(crate) const TELEGRAF_TABLE: &str = "telegraf_reading";

const ASK_EVERY: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_secs(1_800);

/// The server.
pub(crate) struct QuestDb {
    pub(crate) process: Process,
    pub(crate) port: u16,
}

impl QuestDb {
    /// Starts one on a directory in `folder`.
    pub(crate) fn start(folder: &Path) -> Result<Self> {
        let jar = std::env::var_os("VAGEN_QUESTDB_JAR").map(PathBuf::from);
        let jar =
            jar.context("VAGEN_QUESTDB_JAR does not name QuestDB's jar (org.questdb:questdb, from Maven)")?;
        let (data, port) = (folder.join("questdb"), free_port()?);
        std::fs::create_dir_all(data.join("conf"))?;
        let configuration = format!(
            "http.bind.to=127.0.0.1:{port}\npg.enabled=false\nhttp.min.enabled=false\nline.tcp.enabled=false\n\
             line.udp.enabled=false\ntelemetry.enabled=false\nmetrics.enabled=false\ncairo.commit.mode=sync\n\
             shared.worker.count=2\n"
        );
        std::fs::write(data.join("conf/server.conf"), configuration)?;
        let mut command = Command::new("java");
        command.args(["-Xmx512m", "-XX:+UseParallelGC", "-p"]).arg(jar);
        command.args(["-m", "io.questdb/io.questdb.ServerMain", "-d"]).arg(&data);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let process = Process::start("QuestDB", &mut command, Some(&folder.join("questdb.log")))?;
        let mut server = Self { process, port };
        wait_for("QuestDB", || {
            server.process.lives()?;
            Ok(server.ask("SELECT 1").ok())
        })?;
        Ok(server)
    }

    /// Where it is, for the product's configuration.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Drops the tables of both.
    pub(crate) fn empty(&self) -> Result<()> {
        for table in [VAGEN_TABLE, TELEGRAF_TABLE] {
            self.ask(&format!("DROP TABLE IF EXISTS {table}"))?;
        }
        Ok(())
    }

    /// Waits until `rows` rows of `table` can be seen.
    pub(crate) fn holds(&self, table: &str, rows: u64) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = 0;
        while seen < rows {
            ensure!(Instant::now() < deadline, "{table} has {seen} of {rows} rows");
            std::thread::sleep(ASK_EVERY);
            // There is no table before the first row.
            seen = self
                .ask(&format!("SELECT count() FROM {table}"))
                .ok()
                .and_then(|count| count.as_u64())
                .unwrap_or(0);
        }
        ensure!(seen == rows, "{table} has {seen} rows, {rows} were sent");
        Ok(())
    }

    /// The first value of the answer to `query`.
    fn ask(&self, query: &str) -> Result<Value> {
        let mut response = ureq::get(format!("{}/exec", self.url())).query("query", query).call()?;
        let answer: Value = serde_json::from_str(&response.body_mut().read_to_string()?)?;
        Ok(answer["dataset"][0][0].clone())
    }
}
