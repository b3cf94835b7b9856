//! The commands: `run`, `enrol`, `record`, `scan`, `status`.
//!
//! **Invariant:** everything that can be wrong with arguments, configuration and capture is found before the first
//! log line, so that the complaint is the only line on stderr.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use devices::{Settings, models};
use gateway::config::{self, Config, LogLevel, Overrides};
use gateway::home::{Duty, Home, Rules};
use gateway::io::capture::{CapturePlayer, Pace};
use gateway::io::clock::{self, Clock};
use gateway::io::radio::Radio;
use gateway::io::service;
use gateway::outbox::{Status, status};
use gateway::source::BleSource;
use gateway::vigil::Vigil;
use gateway::{Ended, Gateway, StartError, capture};
use tokio::signal::unix::{SignalKind, signal};

mod enrol;

/// Where the outbox is when neither a file nor the command line says.
const OUTBOX_HERE: &str = "./vagen-gateway.db";

/// Why a command did not do its work.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The arguments or the input are wrong.
    Wrong(String),
    /// The work failed.
    Failed(String),
}

/// Hears health devices over Bluetooth and carries what they measure to the server.
#[derive(Debug, Parser)]
#[command(name = "vagen-gateway", version, about)]
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
    /// List the devices in the air.
    Scan {
        /// How long to listen, s.
        #[arg(long, default_value_t = 15)]
        for_s: u64,
    },
    /// Say what the outbox holds.
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
        Command::Record { file } => record(&file).await,
        Command::Enrol(asked) => enrol::enrol(asked).await,
        Command::Scan { for_s } => scan(Duration::from_secs(for_s)).await,
        Command::Status { config, outbox, json } => show_status(config.as_deref(), outbox, json),
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
    let gateway = Gateway::open(config, radio, clock).map_err(not_started)?.watched_by(vigil.clone());
    let reporting = service::report(vigil, gateway.depth());
    let running = gateway.run(async {
        stop.await;
        service::stopping();
    });
    tokio::select! {
        done = running => done.map(|_| ()).map_err(failed),
        // It reports for as long as it is asked.
        () = reporting => Ok(()),
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

/// Listens like the daemon, talks to devices like the daemon, and writes it all down instead of sealing it.
async fn record(file: &Path) -> Result<(), Failure> {
    let mut written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(file)
        .map_err(|error| Failure::Wrong(format!("{}: {error}", file.display())))?;
    service::log(LogLevel::Info);
    let mut radio = Radio::start(Clock::system(false));
    // A recording never sets a device's clock: it shall show what the gateway will meet.
    let mut home =
        Home::new(Rules::default(), Settings { gateway_synced: false, local_offset_s: 0 }, Vec::new());
    let stop = told_to_stop()?;
    tokio::pin!(stop);
    loop {
        let tick = tokio::time::sleep(Duration::from_secs(1));
        let duties = tokio::select! {
            () = &mut stop => return Ok(()),
            heard = radio.next() => {
                let Some(heard) = heard else { return Ok(()) };
                if let Some(line) = capture::line_of(&heard) {
                    writeln!(written, "{line}").map_err(|error| failed(format!("{}: {error}", file.display())))?;
                }
                home.handle(heard)
            }
            () = tick => home.handle_timeout(clock::system_now()),
        };
        for duty in duties {
            if let Duty::Act(device, action) = duty {
                radio.act(&device, action).await;
            }
        }
    }
}

async fn scan(listen: Duration) -> Result<(), Failure> {
    service::log(LogLevel::Warn);
    let mut radio = Radio::start(Clock::system(false));
    let mut seen = std::collections::BTreeSet::new();
    let until = tokio::time::sleep(listen);
    tokio::pin!(until);
    loop {
        let heard = tokio::select! {
            () = &mut until => return Ok(()),
            heard = radio.next() => heard,
        };
        let Some(heard) = heard else { return Ok(()) };
        let name = heard.name.unwrap_or_default();
        if seen.insert((heard.device.clone(), name.clone())) {
            let model = models::find(&name).map_or("-", |model| model.name);
            say(&format!("{}\t{model}\t{name}\n", heard.device))?;
        }
    }
}

fn show_status(config: Option<&Path>, outbox: Option<PathBuf>, json: bool) -> Result<(), Failure> {
    let config =
        config.map(|file| config::read(Some(file), Overrides::default())).transpose().map_err(wrong)?;
    let path = outbox.or_else(|| config.as_ref().map(|config| config.outbox.clone()));
    let status = status(&path.unwrap_or_else(|| OUTBOX_HERE.into())).map_err(wrong)?;
    let certificate = config.as_ref().and_then(enrol::certificate);
    if json {
        let mut value = serde_json::to_value(&status).map_err(failed)?;
        value["certificate"] = serde_json::json!(certificate);
        return say(&format!("{value}\n"));
    }
    let certificate = certificate.map_or_else(String::new, |said| format!("certificate      {said}\n"));
    say(&(table(&status) + &certificate))
}

fn table(status: &Status) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    let time = |at: Option<vitals::Timestamp>| at.map_or_else(|| "-".to_owned(), |at| at.to_string());
    let rows = [
        ("gateway", status.gateway.to_string()),
        ("outbox", status.outbox.to_string()),
        ("last number", status.last_seq.to_string()),
        ("without receipt", status.unreceipted.to_string()),
        ("  oldest sealed", time(status.oldest_unreceipted_at)),
        ("last receipt", time(status.last_receipt_at)),
        ("set aside", status.set_aside.to_string()),
        ("undecodable", status.undecoded.to_string()),
    ];
    // Writing to a string cannot fail.
    for (what, value) in rows {
        let _ = writeln!(text, "{what:<16} {value}");
    }
    if let Some(last) = &status.last_undecoded {
        let _ = writeln!(
            text,
            "  last at {} from {} on {}: {} ({})",
            last.at, last.device, last.characteristic, last.reason, last.hex
        );
    }
    for device in &status.devices {
        let model = device.identity.model.as_deref().unwrap_or("unknown model");
        let battery =
            device.battery_percent.map_or_else(String::new, |percent| format!(", battery {percent} %"));
        let _ =
            writeln!(text, "device {} {model}, last heard {}{battery}", device.identity.id, device.last_seen);
    }
    text
}

/// Ready when the process is told to stop.
fn told_to_stop() -> Result<impl Future<Output = ()>, Failure> {
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

fn say(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(failed)
}

#[allow(clippy::needless_pass_by_value)] // for map_err
fn wrong(error: impl ToString) -> Failure {
    Failure::Wrong(error.to_string())
}

#[allow(clippy::needless_pass_by_value)] // for map_err
fn failed(error: impl ToString) -> Failure {
    Failure::Failed(error.to_string())
}
