//! What whole-house tests share: the built commands, a serving process, a browserless HTTP client, and an MQTT client
//! that follows the published interface without using any of our gateway's code.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

pub mod browser;
pub mod mqtt;
pub mod questdb;
pub mod servers;
pub mod web;

/// The longest any single thing here may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Whether the long forms were asked for.
pub fn long() -> bool {
    std::env::var_os("VAGEN_TESTS_LONG").is_some()
}

/// The `vagen` command, built by Cargo for this test.
pub fn vagen() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vagen"));
    command.env_remove("VAGEN_DATA").env_remove("VAGEN_HOLD").stdin(Stdio::null());
    command
}

/// The `vagen-gateway` command, which `tests/run` builds beside it.
pub fn vagen_gateway() -> Command {
    let path = Path::new(env!("CARGO_BIN_EXE_vagen")).with_file_name("vagen-gateway");
    assert!(path.exists(), "{} is missing: cargo build --workspace", path.display());
    let mut command = Command::new(path);
    command.stdin(Stdio::null());
    command
}

/// Runs a command to its end.
pub fn run(command: &mut Command) -> Output {
    command.output().expect("the command starts")
}

/// Standard output as text.
pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("standard output is UTF-8")
}

/// Standard error as text.
pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("standard error is UTF-8")
}

/// Standard output as JSON lines.
pub fn lines(output: &Output) -> Vec<Value> {
    stdout(output).lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect()
}

/// Waits for `what` to give something, looking twenty times a second.
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A `vagen serve` that runs until it is dropped.
pub struct Serving {
    child: Child,
    /// `http://127.0.0.1:port`.
    pub http: String,
    /// `mqtt://127.0.0.1:port`.
    pub mqtt: String,
}

impl Serving {
    /// Starts `vagen serve` on `data` with free ports and waits until it is ready.
    pub fn start(data: &Path) -> Self {
        Self::start_with(data, &["--mqtt", "0"], &[])
    }

    /// As [`Serving::start`], with more arguments and environment.
    pub fn start_with(data: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        Self::start_at(place(data), &data.with_extension("ready.json"), arguments, environment)
    }

    /// As [`Serving::start`], with a configuration of the test's own.
    pub fn start_configured(configuration: &Path, ready: &Path) -> Self {
        Self::start_at(vec!["--config".into(), configuration.into()], ready, &[], &[])
    }

    fn start_at(
        place: Vec<OsString>,
        ready: &Path,
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> Self {
        let _ = std::fs::remove_file(ready);
        let child = spawn_at(place, ready, arguments, environment);
        let mut serving = Self { child, http: String::new(), mqtt: String::new() };
        let ready = wait_for("the ready file", || {
            if let Some(status) = serving.child.try_wait().expect("the child can be asked") {
                panic!("vagen serve ended with {status} before it was ready");
            }
            serde_json::from_str::<Value>(&std::fs::read_to_string(ready).ok()?).ok()
        });
        serving.http = ready["http"].as_str().expect("http").to_owned();
        serving.mqtt = ready["mqtt"].as_str().expect("mqtt").to_owned();
        serving
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The port of its broker.
    pub fn mqtt_port(&self) -> u16 {
        port_of(&self.mqtt)
    }

    /// Kills it as a power cut would: SIGKILL, no goodbye.
    pub fn kill(mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it can be waited for");
    }

    /// Asks it to stop, and gives its status and how long that took.
    pub fn terminate(mut self) -> (std::process::ExitStatus, Duration) {
        let asked = Instant::now();
        signal(self.child.id(), "TERM");
        let status = self.child.wait().expect("it can be waited for");
        (status, asked.elapsed())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The arguments that point a command at the store of `data`: the directory or, where the tests run on PostgreSQL, a
/// configuration that names a database of its own.
pub fn place(data: &Path) -> Vec<OsString> {
    let Some(url) = care::store::trial::url(data) else { return vec!["--data".into(), data.into()] };
    let file = data.with_extension("place.toml");
    std::fs::write(&file, format!("data = {data:?}\nstore = {url:?}\n")).expect("a configuration");
    vec!["--config".into(), file.into()]
}

/// Starts `vagen serve` without waiting for anything.
pub fn spawn(data: &Path, ready: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Child {
    spawn_at(place(data), ready, arguments, environment)
}

fn spawn_at(place: Vec<OsString>, ready: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Child {
    vagen()
        .args(["serve", "--http", "0"])
        .args(place)
        .arg("--ready-file")
        .arg(ready)
        .args(arguments)
        .envs(environment.iter().copied())
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .spawn()
        .expect("vagen serve starts")
}

/// The port at the end of a URL.
pub fn port_of(url: &str) -> u16 {
    url.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a URL that ends in a port")
}

/// Sends a signal by the system's own command.
pub fn signal(pid: u32, name: &str) {
    let status =
        Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).status().expect("kill runs");
    assert!(status.success(), "kill -{name} {pid}");
}

/// Applies a register to the store in `data`.
pub fn apply(data: &Path, register: &str) -> Vec<Value> {
    let file = data.with_extension("register.toml");
    std::fs::write(&file, register).expect("the register is written");
    let output = run(vagen().args(["admin", "apply"]).arg(&file).args(place(data)));
    assert!(output.status.success(), "{}", stderr(&output));
    lines(&output)
}

/// `vagen status --json` of the store in `data`.
pub fn status(data: &Path) -> Value {
    let output = run(vagen().args(["status", "--json"]).args(place(data)));
    assert!(output.status.success(), "{}", stderr(&output));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// `vagen export` of the store in `data`.
pub fn export(data: &Path, what: &str) -> Vec<Value> {
    let output = run(vagen().args(["export", what]).args(place(data)));
    assert!(output.status.success(), "{}", stderr(&output));
    lines(&output)
}

/// A directory that is removed at the end, and the store's place in it.
pub fn house() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let data = directory.path().join("data");
    (directory, data)
}

/// The published example's register, with a password that need not be changed, two units and more devices.
pub const REGISTER: &str = r#"
organisation = [{ id = "region", name = "Region Exempel", kind = "region" },
                { id = "kommun", name = "Exempelkommun", kind = "municipality" }]
unit    = [{ id = "hf", organisation = "region", name = "Hjärtsviktsmottagningen" },
           { id = "home", organisation = "kommun", name = "Hemtjänst Centrum" }]
staff   = [{ id = "anna", unit = "hf", role = "heart_failure_nurse", name = "Anna Test", login = "anna", password = "anna-password" },
           { id = "maria", unit = "home", role = "municipal_nurse", name = "Maria Test", login = "maria", password = "maria-password" }]
patient = [{ id = "p1", name = "Svea Test", units = ["hf", "home"], language = "sv", policy = "recommended", login = "svea", password = "svea-password", consent = { from = "2026-01-01T00:00:00Z" } },
           { id = "p2", name = "Nils Test", units = ["hf"], language = "sv", policy = "recommended", login = "nils", password = "nils-password" }]
gateway = [{ id = "gw-0001" }, { id = "gw-0002" }]
device  = [{ id = "546c0e000001", model = "A&D UC-352BLE" }, { id = "546c0e000002", model = "A&D UA-651BLE" }, { id = "546c0e000003", model = "A&D UC-352BLE" }]
worn_by = [{ device = "546c0e000001", patient = "p1", from = "2020-01-01T00:00:00Z" },
           { device = "546c0e000002", patient = "p1", from = "2020-01-01T00:00:00Z" },
           { device = "546c0e000003", patient = "p2", from = "2020-01-01T00:00:00Z", until = "2026-01-01T00:00:00Z" }]
"#;
