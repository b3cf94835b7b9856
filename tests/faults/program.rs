//! A program under somebody's care, as an init system gives it: started when it is due, and again when it ended.
//!
//! **Invariant:** a kill is counted only where the system says that it was this signal that ended the process.

use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// After how long an init system starts what ended by itself.
const RESTARTED_AFTER: Duration = Duration::from_secs(1);

/// A program, whether it runs or not.
pub(crate) struct Program {
    pub(crate) name: String,
    log: PathBuf,
    running: Option<Child>,
    due: Instant,
    pub(crate) kills: usize,
    /// How it ended where nobody had killed it.
    pub(crate) ended: Vec<ExitStatus>,
}

impl Program {
    /// A program called `name` that writes its log to `folder`, and is due at once.
    pub(crate) fn new(name: &str, folder: &Path) -> Self {
        let log = folder.join(format!("{name}.log"));
        Self { name: name.to_owned(), log, running: None, due: Instant::now(), kills: 0, ended: Vec::new() }
    }

    /// What it said.
    pub(crate) fn said(&self) -> String {
        std::fs::read(&self.log)
            .map_or_else(|_| String::new(), |bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Whether it runs.
    pub(crate) fn runs(&self) -> bool {
        self.running.is_some()
    }

    /// Starts it by `command` when it is due, and gives how it ended when it did.
    pub(crate) fn tend(&mut self, command: impl FnOnce() -> Command) -> Option<ExitStatus> {
        let Some(child) = &mut self.running else {
            if self.due <= Instant::now() {
                self.running = Some(self.start(command()));
            }
            return None;
        };
        let status = child.try_wait().expect("it can be asked")?;
        self.running = None;
        self.due = Instant::now() + RESTARTED_AFTER;
        Some(status)
    }

    /// Starts it without delay at the next look.
    pub(crate) fn due_now(&mut self) {
        self.due = Instant::now();
    }

    /// Kills it with SIGKILL; it is due again after `away`. Whether it was this that ended it.
    pub(crate) fn kill(&mut self, away: Duration) -> bool {
        let Some(mut child) = self.running.take() else { return false };
        let _ = child.kill();
        let status = child.wait().expect("it can be waited for");
        let is_killed = status.signal() == Some(9);
        if is_killed {
            self.kills += 1;
        } else {
            self.ended.push(status);
        }
        self.due = Instant::now() + away;
        is_killed
    }

    fn start(&self, mut command: Command) -> Child {
        let log = std::fs::File::options().append(true).create(true).open(&self.log).expect("a log");
        let output = log.try_clone().expect("a log");
        command.stdin(Stdio::null()).stdout(output).stderr(log);
        command.spawn().unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if let Some(child) = &mut self.running {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
