//! A QuestDB server on loopback, in a directory of its own, and questions to it in its own language.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::wait_for;

/// A running server; killed when it is dropped, its data stay.
pub struct QuestDb {
    child: Child,
    /// `http://127.0.0.1:port`.
    pub url: String,
}

/// The server's program. `tests/run` fetches it and says where it is.
fn jar() -> PathBuf {
    let jar = std::env::var_os("VAGEN_QUESTDB_JAR").map(PathBuf::from);
    jar.expect(
        "VAGEN_QUESTDB_JAR names QuestDB's jar: run tests/run, or fetch org.questdb:questdb from Maven",
    )
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port").port()
}

/// The command that runs the server on `data` at `port`.
pub fn command(data: &Path, port: u16) -> Command {
    std::fs::create_dir_all(data.join("conf")).expect("a directory");
    let configuration = format!(
        "http.bind.to=127.0.0.1:{port}\npg.enabled=false\nhttp.min.enabled=false\nline.tcp.enabled=false\n\
             line.udp.enabled=false\ntelemetry.enabled=false\nmetrics.enabled=false\ncairo.commit.mode=sync\n\
             shared.worker.count=1\n"
    );
    std::fs::write(data.join("conf/server.conf"), configuration).expect("the configuration is written");
    let log =
        std::fs::File::options().append(true).create(true).open(data.join("questdb.log")).expect("a log");
    let mut command = Command::new("java");
    command
        .args(["-Xmx512m", "-XX:+UseParallelGC", "-p"])
        .arg(jar())
        .args(["-m", "io.questdb/io.questdb.ServerMain", "-d"])
        .arg(data)
        .stdin(Stdio::null())
        .stderr(log.try_clone().expect("a log"))
        .stdout(log);
    command
}

/// What the server at `url` answers to `query`.
pub fn ask(url: &str, query: &str) -> Result<Vec<Vec<Value>>, String> {
    let mut response =
        ureq::get(format!("{url}/exec")).query("query", query).call().map_err(|error| error.to_string())?;
    let body = response.body_mut().with_config().limit(1024 * 1024 * 1024);
    let text = body.read_to_string().map_err(|error| error.to_string())?;
    let answer: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    match &answer["dataset"] {
        Value::Array(_) => {
            serde_json::from_value(answer["dataset"].clone()).map_err(|error| error.to_string())
        }
        _ => Ok(Vec::new()),
    }
}

impl QuestDb {
    /// Starts the server on `data` at `port` and waits until it answers.
    pub fn start(data: &Path, port: u16) -> Self {
        let child = command(data, port).spawn().expect("java starts");
        let server = Self { child, url: format!("http://127.0.0.1:{port}") };
        wait_for("QuestDB", || server.ask("SELECT 1").ok());
        server
    }

    /// What the server answers to `query`.
    pub fn ask(&self, query: &str) -> Result<Vec<Vec<Value>>, String> {
        ask(&self.url, query)
    }

    /// Does what `statement` says, and waits until its effect can be read.
    pub fn tell(&self, statement: &str) {
        self.ask(statement).unwrap_or_else(|error| panic!("{statement}: {error}"));
        wait_for("QuestDB to apply it", || {
            let tables = self.ask("SELECT count() FROM wal_tables() WHERE writerTxn != sequencerTxn").ok()?;
            (tables[0][0] == 0).then_some(())
        });
    }

    /// Kills it as a power cut would.
    pub fn kill(mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it can be waited for");
    }
}

impl Drop for QuestDb {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
