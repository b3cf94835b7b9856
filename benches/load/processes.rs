//! The processes that are measured: started on loopback, asked for their CPU time and memory, and ended by their id.
//!
//! CPU time is what the operating system says, all threads together, in steps of a hundredth of a second.
//!
//! **Invariant:** what was started here has ended when its owner is dropped.

use std::collections::HashSet;
use std::fs::File;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

/// Linux counts CPU time in these for whoever reads it.
const TICK_US: f64 = 10_000.0;
/// How long anything may take that is not measured.
const PATIENCE: Duration = Duration::from_secs(120);

/// A process that ends with its owner.
pub(crate) struct Process {
    child: Child,
    name: &'static str,
}

impl Process {
    /// Starts `command`; what it says on stderr goes to `log`, or is shown.
    pub(crate) fn start(name: &'static str, command: &mut Command, log: Option<&Path>) -> Result<Self> {
        if let Some(log) = log {
            command.stderr(File::create(log)?);
        }
        let child = command.spawn().with_context(|| format!("starting {name}"))?;
        Ok(Self { child, name })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its ends to talk to it, where they were piped.
    pub(crate) fn pipes(&mut self) -> Result<(ChildStdin, ChildStdout)> {
        let ends = self.child.stdin.take().zip(self.child.stdout.take());
        ends.with_context(|| format!("{} has no pipes", self.name))
    }

    /// Fails if it has ended.
    pub(crate) fn lives(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("{} ended: {status}", self.name),
        }
    }

    /// Asks it to stop and waits until it has.
    pub(crate) fn terminate(mut self) -> Result<()> {
        let asked = Command::new("kill").arg(self.pid().to_string()).status()?;
        ensure!(asked.success(), "{} cannot be told to stop", self.name);
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Stops the process `pid` where it is, or lets it go on.
pub(crate) fn freeze(pid: u32, stop: bool) -> Result<()> {
    let signal = if stop { "-STOP" } else { "-CONT" };
    let sent = Command::new("kill").arg(signal).arg(pid.to_string()).status()?;
    ensure!(sent.success(), "kill {signal} {pid}: {sent}");
    Ok(())
}

/// CPU time of the process `pid` so far, µs.
pub(crate) fn cpu_us(pid: u32) -> Result<f64> {
    Ok(Stat::of(pid)?.own_ticks * TICK_US)
}

/// CPU time of the process `pid` and of every process that came from it so far, µs, those included that have ended.
pub(crate) fn tree_cpu_us(pid: u32) -> Result<f64> {
    let mut ticks = Stat::of(pid)?.with_ended();
    let mut family = HashSet::from([pid]);
    loop {
        let before = family.len();
        for entry in std::fs::read_dir("/proc")?.flatten() {
            let Some(one) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            let Ok(stat) = Stat::of(one) else { continue };
            if family.contains(&stat.parent) && family.insert(one) {
                ticks += stat.with_ended();
            }
        }
        if family.len() == before {
            return Ok(ticks * TICK_US);
        }
    }
}

/// CPU time of those that the process `pid` started and that have ended, µs.
pub(crate) fn ended_children_us(pid: u32) -> Result<f64> {
    Ok(Stat::of(pid)?.ended_ticks * TICK_US)
}

/// Memory of the process `pid` that is in RAM, bytes.
pub(crate) fn resident_bytes(pid: u32) -> Result<f64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib * 1024.0)
}

struct Stat {
    parent: u32,
    own_ticks: f64,
    ended_ticks: f64,
}

impl Stat {
    fn of(pid: u32) -> Result<Self> {
        let text = std::fs::read_to_string(format!("/proc/{pid}/stat"))
            .with_context(|| format!("process {pid} is gone"))?;
        // The name may hold anything, also brackets and blanks; after the last bracket come numbers.
        let (_, rest) = text.rsplit_once(')').context("a stat without a name")?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let number = |at: usize| -> Result<f64> { Ok(fields.get(at).context("a short stat")?.parse()?) };
        Ok(Self {
            parent: fields.get(1).context("a short stat")?.parse()?,
            own_ticks: number(11)? + number(12)?,
            ended_ticks: number(13)? + number(14)?,
        })
    }

    fn with_ended(&self) -> f64 {
        self.own_ticks + self.ended_ticks
    }
}

/// The load average of the last minute.
pub(crate) fn load_average() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Asks every 20 ms until there is an answer.
pub(crate) fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask()? {
            return Ok(answer);
        }
        ensure!(Instant::now() < deadline, "waited {PATIENCE:?} for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A mosquitto of its own, with no message in it.
pub(crate) struct Broker {
    pub(crate) process: Process,
    pub(crate) port: u16,
}

/// Why each line is not the default: the windows hold more than a store's largest batch, a backlog is not dropped, and nothing
/// is written to a disk whose speed is somebody else's measurement.
const MOSQUITTO: &str = "allow_anonymous true\nmax_inflight_messages 20000\nmax_queued_messages 0\nmax_queued_bytes 0\n\
                         set_tcp_nodelay true\npersistence false\nlog_type error\nlog_dest stderr\n";

impl Broker {
    /// Starts one; its configuration goes to `folder`.
    pub(crate) fn start(folder: &Path) -> Result<Self> {
        let (port, file) = (free_port()?, folder.join("mosquitto.conf"));
        std::fs::write(&file, format!("listener {port} 127.0.0.1\n{MOSQUITTO}"))?;
        let program = ["/usr/sbin/mosquitto", "mosquitto"].into_iter().find(|at| Path::new(at).exists());
        let mut command = Command::new(program.unwrap_or("mosquitto"));
        command.arg("-c").arg(&file).stdin(Stdio::null()).stdout(Stdio::null());
        let mut process = Process::start("mosquitto", &mut command, None)?;
        wait_for("mosquitto", || {
            process.lives()?;
            Ok(std::net::TcpStream::connect(("127.0.0.1", port)).ok())
        })?;
        Ok(Self { process, port })
    }
}
