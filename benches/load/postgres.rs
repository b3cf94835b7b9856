//! A PostgreSQL server of its own on loopback: a commit is on disk before it is answered (`fsync`, `synchronous_commit`).
//!
//! It refuses to run as root, so root hands it over to the user `postgres`.
//!
//! **Invariant:** one server a bench, one database a run.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use crate::processes::{Process, free_port, wait_for};

const CONFIGURATION: &str = "fsync = on\nsynchronous_commit = on\nfull_page_writes = on\nshared_buffers = 1GB\n\
                             max_wal_size = 4GB\nlisten_addresses = '127.0.0.1'\nlog_min_messages = warning\n";

/// The server.
pub(crate) struct Postgres {
    pub(crate) process: Process,
    port: u16,
    programs: PathBuf,
    databases: std::cell::Cell<u32>,
}

impl Postgres {
    /// Makes a cluster in `folder` and starts the server on it.
    pub(crate) fn start(folder: &Path) -> Result<Self> {
        let (data, port) = (folder.join("postgres"), free_port()?);
        std::fs::create_dir_all(&data)?;
        let programs = programs()?;
        let as_root = std::fs::metadata("/proc/self").is_ok_and(|own| {
            use std::os::unix::fs::MetadataExt as _;
            own.uid() == 0
        });
        if as_root {
            // The way to the folder is nobody's secret: what is in it is made up.
            run(Command::new("chmod").arg("755").arg(folder))?;
            run(Command::new("chown").arg("postgres").arg(&data))?;
        }
        let command = |program: &str| {
            let program = programs.join(program);
            if as_root {
                let mut command = Command::new("setpriv");
                command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]).arg(program);
                command
            } else {
                Command::new(program)
            }
        };
        run(command("initdb")
            .args(["-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "-D"])
            .arg(&data))?;
        let file = data.join("postgresql.conf");
        let sockets = format!("port = {port}\nunix_socket_directories = '{}'\n", data.display());
        let text = std::fs::read_to_string(&file)?;
        std::fs::write(&file, format!("{text}\n{CONFIGURATION}{sockets}"))?;
        let mut server = command("postgres");
        server.arg("-D").arg(&data).stdin(Stdio::null()).stdout(Stdio::null());
        let mut process = Process::start("postgres", &mut server, Some(&folder.join("postgres.log")))?;
        wait_for("postgres", || {
            process.lives()?;
            Ok(std::net::TcpStream::connect(("127.0.0.1", port)).ok())
        })?;
        Ok(Self { process, port, programs, databases: std::cell::Cell::new(0) })
    }

    /// Makes a database and gives its URL.
    pub(crate) fn database(&self) -> Result<String> {
        let name = format!("run{}", self.databases.replace(self.databases.get() + 1));
        wait_for("a database", || {
            let made = self.client("createdb").arg(&name).stderr(Stdio::null()).status()?;
            Ok(made.success().then_some(()))
        })?;
        Ok(format!("postgres://postgres@127.0.0.1:{}/{name}", self.port))
    }

    /// Does what `statements` say in the database at `url`.
    pub(crate) fn tell(&self, url: &str, statements: &str) -> Result<()> {
        run(self.client("psql").args(["-q", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", statements]))
    }

    fn client(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.args(["-h", "127.0.0.1", "-U", "postgres", "-p", &self.port.to_string()]);
        command
    }
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("running {command:?}"))?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// Where the newest installed server's programs are.
fn programs() -> Result<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .context("PostgreSQL is not installed (Debian: postgresql)")?
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .filter(|(_, programs)| programs.join("initdb").exists())
        .collect();
    versions.sort();
    Ok(versions.pop().context("no PostgreSQL server under /usr/lib/postgresql")?.1)
}
