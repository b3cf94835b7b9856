//! The roles that this program plays in processes of their own, so that each one's CPU time is told apart, and how they are
//! started and heard.
//!
//! **Invariant:** a role that ends too early, or says nothing for too long, is an error and never a figure.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::processes::Process;
use crate::publisher::Order;
use crate::{drain, publisher};

/// How long the longest part of a run may take.
const PATIENCE: Duration = Duration::from_secs(3_600);

/// Plays the role named first among `arguments`, if it is one.
pub(crate) fn play(arguments: &[String]) -> Option<Result<()>> {
    let (name, rest) = arguments.split_first()?;
    match name.as_str() {
        "role-publish" => Some(Order::read(rest).and_then(publisher::play)),
        "role-drain" => Some(drain_as(rest)),
        _ => None,
    }
}

fn drain_as(arguments: &[String]) -> Result<()> {
    let [port, messages] = arguments else { anyhow::bail!("role-drain PORT MESSAGES") };
    drain::play(port.parse()?, messages.parse()?)
}

/// A role, running.
pub(crate) struct Role {
    pub(crate) process: Process,
    stdin: ChildStdin,
    said: Receiver<String>,
}

impl Role {
    /// Starts the homes of `order`; they are connected when this returns, and wait to be told.
    pub(crate) fn homes(order: Order) -> Result<Self> {
        let role = Self::start("the homes", &order.arguments())?;
        role.says("ready")?;
        Ok(role)
    }

    /// Starts the drain of `messages` from the broker at `port`.
    pub(crate) fn drain(port: u16, messages: u64) -> Result<Self> {
        Self::start("the drain", &["role-drain".to_owned(), port.to_string(), messages.to_string()])
    }

    fn start(name: &'static str, arguments: &[String]) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Process::start(name, &mut command, None)?;
        let (stdin, stdout) = process.pipes()?;
        let (hears, said) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if hears.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Self { process, stdin, said })
    }

    /// Tells it to begin.
    pub(crate) fn begin(&mut self) -> Result<()> {
        self.stdin.write_all(b"go\n").context("telling a role to begin")
    }

    /// Waits until it says `word`.
    pub(crate) fn says(&self, word: &str) -> Result<()> {
        let said = self.said.recv_timeout(PATIENCE).with_context(|| format!("waiting for {word:?}"))?;
        ensure!(said == word, "{said:?} came where {word:?} was expected");
        Ok(())
    }

    /// Waits until it has ended by itself.
    pub(crate) fn ends(self) -> Result<()> {
        crate::processes::wait_for("a role to end", || Ok(self.said.try_recv().is_err().then_some(())))
    }
}
