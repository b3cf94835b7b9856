//! Servers that tests start, kill and start again: PostgreSQL in a cluster of its own, and mosquitto. Both on loopback.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::{run, signal, stderr, stdout, wait_for};

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}

/// A PostgreSQL server with `fsync=on`.
pub struct Postgres {
    folder: PathBuf,
    port: u16,
    /// Its URL, up to the database's name.
    pub url: String,
}

impl Postgres {
    /// Makes a cluster in `folder` and starts it.
    pub fn start(folder: &Path) -> Self {
        // The server does not run as root, and must reach its folder.
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(folder, open).expect("permissions");
        let port = free_port();
        let mut server = Self { folder: folder.join("postgres"), port, url: String::new() };
        server.start_again();
        server
    }

    /// Starts it again where it was.
    pub fn start_again(&mut self) {
        let output = run(Self::script().arg("start").arg(&self.folder).arg(self.port.to_string()));
        assert!(output.status.success(), "{}", stderr(&output));
        self.url = stdout(&output).trim().to_owned();
    }

    /// The process that all others of the server hang on.
    pub fn pid(&self) -> u32 {
        let text = std::fs::read_to_string(self.folder.join("postmaster.pid")).expect("a server that runs");
        text.lines().next().and_then(|line| line.parse().ok()).expect("a pid")
    }

    /// Kills it as a power cut would.
    pub fn kill(&self) {
        signal(self.pid(), "KILL");
        wait_for("the server to be gone", || {
            TcpStream::connect(("127.0.0.1", self.port)).is_err().then_some(())
        });
    }

    /// Runs `sql` in `database` and gives what it says, a row a line.
    pub fn sql(&self, database: &str, sql: &str) -> String {
        let output = run(Command::new("psql")
            .args(["-X", "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1", "-c", sql, "-d"])
            .arg(format!("{}/{database}", self.url)));
        assert!(output.status.success(), "{sql}: {}", stderr(&output));
        stdout(&output).trim().to_owned()
    }

    /// The script that makes and runs clusters.
    pub fn script() -> Command {
        Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/postgres"))
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let _ = Self::script().arg("stop").arg(&self.folder).output();
    }
}

/// A mosquitto that lets anybody in and keeps nothing over a restart.
pub struct Mosquitto {
    configuration: PathBuf,
    child: Child,
    pub port: u16,
}

impl Mosquitto {
    /// Starts it with its files in `folder`.
    pub fn start(folder: &Path) -> Self {
        let port = free_port();
        let configuration = folder.join(format!("mosquitto-{port}.conf"));
        let text = format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nmax_queued_messages 100000\nmax_inflight_messages 1000\n"
        );
        std::fs::write(&configuration, text).expect("a configuration");
        let child = Self::spawn(&configuration);
        let broker = Self { configuration, child, port };
        broker.answers();
        broker
    }

    /// Its address, as `vagen` takes it.
    pub fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Kills it: its sessions are gone.
    pub fn kill(&mut self) {
        self.child.kill().expect("kill -9");
        self.child.wait().expect("it ends");
    }

    /// Starts it again on its port.
    pub fn start_again(&mut self) {
        self.child = Self::spawn(&self.configuration);
        self.answers();
    }

    fn answers(&self) {
        wait_for("mosquitto", || TcpStream::connect(("127.0.0.1", self.port)).ok());
    }

    /// Where the program is.
    pub fn program() -> &'static str {
        let places = ["/usr/sbin/mosquitto", "/usr/bin/mosquitto", "/usr/local/sbin/mosquitto"];
        places.into_iter().find(|place| Path::new(place).exists()).expect("mosquitto is installed")
    }

    fn spawn(configuration: &Path) -> Child {
        Command::new(Self::program())
            .arg("-c")
            .arg(configuration)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("mosquitto starts")
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
