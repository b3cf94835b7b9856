//! The commands: `run`, `enrol`, `record`, `scan`, `pair`, `status`.
//!
//! **Invariant:** everything that can be wrong with arguments, configuration and capture is found before the first
//! log line, so that the complaint is the only line on stderr.

pub(crate) mod air;
mod enrol;
mod status;

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use gateway::config::{self, Config, Overrides};
use gateway::io::capture::{CapturePlayer, Pace};
use gateway::io::clock::Clock;
use gateway::io::radio::Radio;
use gateway::io::service;
use gateway::vigil::Vigil;
use gateway::{Ended, Gateway, StartError};
use tokio::signal::unix::{SignalKind, signal};

use crate::pair::{self, Pair};

/// Where the outbox is when neither a file nor the command line says.
pub(crate) const OUTBOX_HERE: &str = "./vagen-gateway.db";

/// Why a command did not do its work.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The arguments or the input are wrong.
    Wrong(String),
    /// The work failed.
    Failed(String),
}

/// A program that can be made to work wrongly says so.
const VERSION: &str = if cfg!(feature = "flaws") {
    concat!(env!("CARGO_PKG_VERSION"), " with flaws")
} else {
    env!("CARGO_PKG_VERSION")
};

/// Hears health devices over Bluetooth and carries what they measure to the server.
#[derive(Debug, Parser)]
#[command(name = "vagen-gateway", version = VERSION, about)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway, or play a capture in place of the radio and exit once every envelope has its receipt.
    Run(Run),
    /// Write what the radio hears to a new capture file, until Ctrl-C.
    Record {
        /// The file to write; it must not exist.
        file: PathBuf,
    },
    /// Enrol this box with a code that staff issued: make a key, get a certificate, write the configuration.
    Enrol(enrol::Enrol),
    /// List the devices in the air, and which of them are supported.
    Scan {
        /// How long to listen, s.
        #[arg(long, default_value_t = 15)]
        for_s: u64,
        /// As JSON, a device a line.
        #[arg(long)]
        json: bool,
    },
    /// Guide a person through pairing a device.
    Pair(Pair),
    /// Say what the outbox holds and how the links stand.
    Status {
        /// The gateway's configuration, for the outbox's place.
        #[arg(long)]
        config: Option<PathBuf>,
        /// The outbox itself.
        #[arg(long)]
        outbox: Option<PathBuf>,
        /// As one JSON object.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
struct Run {
    /// The configuration file. Without one, --gateway and --broker are needed.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Play this capture in place of the radio.
    #[arg(long)]
    capture: Option<PathBuf>,
    /// How fast to play it.
    #[arg(long, value_enum, default_value_t = PaceName::Fast)]
    pace: PaceName,
    /// How long a capture may wait for its receipts after it could have been played, s.
    #[arg(long, default_value_t = 60)]
    timeout_s: u64,
    /// Print every configuration key with its default and what it does.
    #[arg(long)]
    print_config: bool,
    /// In place of the configuration's `gateway`.
    #[arg(long)]
    gateway: Option<String>,
    /// In place of the configuration's `broker`.
    #[arg(long)]
    broker: Option<String>,
    /// In place of the configuration's `outbox`; without a configuration ./vagen-gateway.db.
    #[arg(long)]
    outbox: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum PaceName {
    /// As fast as the events can be taken.
    Fast,
    /// With the pauses it was recorded with.
    Real,
}

/// Does what the arguments say.
pub(crate) async fn carry_out(arguments: Arguments) -> Result<(), Failure> {
    match arguments.command {
        Command::Run(run) if run.print_config => say(&config::print()),
        Command::Run(run) => self::run(run).await,
        Command::Enrol(asked) => enrol::enrol(asked).await,
        Command::Record { file } => air::record(&file).await,
        Command::Scan { for_s, json } => air::scan(Duration::from_secs(for_s), json).await,
        Command::Pair(pair) => pair::guide(pair).await,
        Command::Status { config, outbox, json } => status::show(config.as_deref(), outbox, json),
    }
}

async fn run(run: Run) -> Result<(), Failure> {
    let outbox = run.outbox.or_else(|| run.config.is_none().then(|| OUTBOX_HERE.into()));
    let overrides = Overrides { gateway: run.gateway, outbox, broker: run.broker };
    let config = config::read(run.config.as_deref(), overrides).map_err(wrong)?;
    let pace = match run.pace {
        PaceName::Fast => Pace::Fast,
        PaceName::Real => Pace::Real,
    };
    match run.capture {
        Some(file) => {
            let player = CapturePlayer::open(&file, pace).map_err(wrong)?;
            play(config, player, Duration::from_secs(run.timeout_s)).await
        }
        None => {
            service::log(config.log_level);
            daemon(config).await
        }
    }
}

/// The gateway as a service, until it is told to stop.
async fn daemon(config: Config) -> Result<(), Failure> {
    let (clock, vigil) = (Clock::system(config.assume_clock_synced), Vigil::default());
    let stop = told_to_stop()?;
    let radio = Radio::start_watched(clock.clone(), vigil.clone());
    let (links, outbox) = (radio.links(), config.outbox.clone());
    let gateway = Gateway::open(config, radio, clock).map_err(not_started)?.watched_by(vigil.clone());
    let reporting = service::report(vigil, gateway.depth());
    let writing = gateway::io::links::keep_written(outbox, links, gateway.broker());
    let running = gateway.run(async {
        stop.await;
        service::stopping();
    });
    tokio::select! {
        done = running => done.map(|_| ()).map_err(failed),
        // These two go on for as long as they are asked.
        () = reporting => Ok(()),
        () = writing => Ok(()),
    }
}

/// What starting again may mend is a failure; what it cannot is wrong, and systemd leaves it be.
fn not_started(error: StartError) -> Failure {
    match &error {
        StartError::Open(error) if error.may_pass() => failed(error),
        StartError::Open(_) => wrong(error),
        StartError::Store(_) => failed(error),
    }
}

async fn play(mut config: Config, player: CapturePlayer, timeout: Duration) -> Result<(), Failure> {
    // A recording keeps nothing back, room or not.
    config.limits.reserve_bytes = 0;
    let timeout = timeout.saturating_add(player.lasts());
    let (clock, level) = (player.clock(), config.log_level);
    let gateway = Gateway::open(config, player, clock).map_err(not_started)?;
    service::log(level);
    let depth = gateway.depth();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = gateway.run(async {
        // Dropped without a word when the time is up: stop either way.
        let _ = stopped.await;
    });
    let signal = told_to_stop()?;
    tokio::pin!(running);
    let mut late = false;
    let (ended, tally) = tokio::select! {
        done = &mut running => done,
        () = signal => { drop(stop); running.await }
        () = tokio::time::sleep(timeout) => { late = true; drop(stop); running.await }
    }
    .map_err(failed)?;
    let depth = *depth.borrow();
    say(&format!(
        "{}\n",
        serde_json::json!({
            "sealed": tally.sealed, "known": tally.known, "undecoded": tally.undecoded,
            "last_seq": depth.last_seq, "unreceipted": depth.unreceipted,
        })
    ))?;
    match ended {
        Ended::Stopped if late => Err(Failure::Failed(format!(
            "{} of {} envelopes have no receipt after {} s",
            depth.unreceipted,
            depth.last_seq,
            timeout.as_secs()
        ))),
        Ended::Stopped | Ended::Drained => Ok(()),
    }
}

/// Ready when the process is told to stop.
pub(crate) fn told_to_stop() -> Result<impl Future<Output = ()>, Failure> {
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Writes a result.
pub(crate) fn say(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(failed)
}

#[allow(clippy::needless_pass_by_value)] // for map_err
pub(crate) fn wrong(error: impl ToString) -> Failure {
    Failure::Wrong(error.to_string())
}

#[allow(clippy::needless_pass_by_value)] // for map_err
pub(crate) fn failed(error: impl ToString) -> Failure {
    Failure::Failed(error.to_string())
}
