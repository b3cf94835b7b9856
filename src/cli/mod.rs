//! The arguments of `vagen`, one type a command, and where each command is run.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use vitals::{PatientId, Timestamp};

use crate::failure::Failure;

mod admin;
mod backup;
mod broker;
mod copy;
mod decode;
mod export;
mod migrate;
mod models;
mod policy;
mod project;
mod reconcile;
mod replay;
mod status;
mod store;

/// Vågen: remote patient monitoring for heart failure.
///
/// A weighing at home becomes a conversation with a nurse: gateways publish readings over MQTT, rules judge them, tasks
/// with a dialogue open for care staff. Begin with `vagen demo`: the whole product on this machine, with invented patients.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the whole product on loopback, with simulated homes and invented patients
    Demo(DemoArguments),
    /// Run the product: broker, ingest, alerts and dashboard
    Serve(ServeArguments),
    /// Say who is who: organisations, staff, patients, gateways, devices
    #[command(subcommand)]
    Admin(AdminCommand),
    /// Keep policies of this installation's own
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// The MQTT broker that gateways reach from outside
    #[command(subcommand)]
    Broker(BrokerCommand),
    /// Print readings, tasks, quarantine or the audit log as JSON lines
    Export(ExportArguments),
    /// Print the store at a glance
    Status(StatusArguments),
    /// Bring the projection in QuestDB up to date, build it again, or compare it with the store
    Project(ProjectArguments),
    /// Hold what gateways sent, what is stored, judged and projected against each other, and name every difference
    Reconcile(StoreArguments),
    /// Run a policy over history and print the tasks it would have opened
    Replay(ReplayArguments),
    /// Bring the store's schema up to date, without serving
    Migrate(MigrateArguments),
    /// Move a store between a directory and a PostgreSQL server
    #[command(subcommand)]
    Store(StoreCommand),
    /// Copy the store and the files beside it to a new directory, also while `serve` runs
    Backup(BackupArguments),
    /// Put a backup back where there is no store
    Restore(RestoreArguments),
    /// Decode one frame of a device, offline
    Decode(DecodeArguments),
    /// List the device models that are known, with their quirks
    Models(ModelsArguments),
}

/// Where the store is.
#[derive(Clone, Debug, Args)]
pub(crate) struct StoreArguments {
    /// The directory that holds the store [default: the config file's, else vagen-data]
    #[arg(long, value_name = "DIR", env = "VAGEN_DATA")]
    pub(crate) data: Option<PathBuf>,
    /// A configuration file; `vagen serve --print-config` prints one
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// Where to listen, and whom to tell.
#[derive(Clone, Debug, Args)]
pub(crate) struct ListenArguments {
    /// The dashboard's address; port 0 picks a free one [default: 127.0.0.1:8080]
    #[arg(long, value_name = "[HOST:]PORT")]
    pub(crate) http: Option<String>,
    /// The embedded broker's address; port 0 picks a free one [default: 127.0.0.1:1883]
    #[arg(long, value_name = "[HOST:]PORT")]
    pub(crate) mqtt: Option<String>,
    /// A JSON file to write once everything answers
    #[arg(long, value_name = "FILE")]
    pub(crate) ready_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct DemoArguments {
    #[command(flatten)]
    pub(crate) listen: ListenArguments,
    /// Keep the data in this directory; otherwise a temporary one is used and removed
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Stop when a measured deterioration has become a task with an open dialogue, and print that task
    #[arg(long)]
    pub(crate) until_task: bool,
    /// Give up after this many seconds (with --until-task)
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub(crate) timeout_s: u64,
}

#[derive(Debug, Args)]
pub(crate) struct ServeArguments {
    #[command(flatten)]
    pub(crate) store: StoreArguments,
    #[command(flatten)]
    pub(crate) listen: ListenArguments,
    /// An external MQTT broker instead of the embedded one, such as mqtt://127.0.0.1:1883
    #[arg(long, value_name = "URL", conflicts_with = "mqtt")]
    pub(crate) broker: Option<String>,
    /// Print every key of the configuration with its default and what it does, and stop
    #[arg(long)]
    pub(crate) print_config: bool,
}

impl ServeArguments {
    /// Nothing but where the store and the configuration are.
    pub(crate) fn at(store: StoreArguments) -> Self {
        let listen = ListenArguments { http: None, mqtt: None, ready_file: None };
        Self { store, listen, broker: None, print_config: false }
    }
}

#[derive(Debug, Subcommand)]
enum BrokerCommand {
    /// Write what mosquitto needs so that each certificate has its own topics: configuration, access list, certificates
    Config(BrokerConfigArguments),
}

#[derive(Debug, Args)]
pub(crate) struct BrokerConfigArguments {
    /// The directory to write; made if it is missing [default: the config file's gateways.files, else broker in the data directory]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Where the broker listens for gateways [default: the port of the broker's address, on every interface]
    #[arg(long, value_name = "[HOST:]PORT")]
    pub(crate) listen: Option<String>,
    /// A further name or address of the broker, beside those in the configuration; may be given again
    #[arg(long = "name", value_name = "HOST")]
    pub(crate) names: Vec<String>,
    /// The user that mosquitto becomes when root starts it [default: mosquitto's own]
    #[arg(long, value_name = "USER")]
    pub(crate) user: Option<String>,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
}

#[derive(Debug, Subcommand)]
enum AdminCommand {
    /// Make the store agree with a register in TOML: adds and changes, never removes
    Apply(ApplyArguments),
}

#[derive(Debug, Args)]
pub(crate) struct ApplyArguments {
    /// The register
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
}

#[derive(Debug, Subcommand)]
enum PolicyCommand {
    /// Read a policy, run its examples and keep it; it judges nobody until it is switched on in the dashboard
    Add(PolicyAddArguments),
    /// Print every policy that is kept or comes with the product, one JSON object a line
    List(PolicyListArguments),
}

#[derive(Debug, Args)]
pub(crate) struct PolicyAddArguments {
    /// The policy, in TOML
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
}

#[derive(Debug, Args)]
pub(crate) struct PolicyListArguments {
    #[command(flatten)]
    pub(crate) store: StoreArguments,
}

/// What to export.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ExportWhat {
    /// Readings, in the form that `vagen replay` reads
    Readings,
    /// Tasks with their conversations
    Tasks,
    /// What could not be admitted, and why
    Quarantine,
    /// Who did what with whose record
    Audit,
}

#[derive(Debug, Args)]
pub(crate) struct ExportArguments {
    /// What to export
    pub(crate) what: ExportWhat,
    /// One patient's only
    #[arg(long, value_name = "ID")]
    pub(crate) patient: Option<PatientId>,
    /// Received, opened or done at or after this time (RFC 3339)
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<Timestamp>,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArguments {
    /// One JSON object instead of lines for people
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
}

#[derive(Debug, Args)]
pub(crate) struct MigrateArguments {
    #[command(flatten)]
    pub(crate) store: StoreArguments,
}

#[derive(Debug, Subcommand)]
enum StoreCommand {
    /// Copy every row to an empty store, and read the copy again; nothing may write to the source meanwhile what is to be kept
    Copy(CopyArguments),
}

#[derive(Debug, Args)]
pub(crate) struct CopyArguments {
    /// Where it is: sqlite:DIRECTORY or postgres://USER@HOST/DATABASE
    #[arg(long, value_name = "URL", env = "VAGEN_COPY_FROM", hide_env_values = true)]
    pub(crate) from: String,
    /// Where it goes; made if it is missing, and refused if it holds anything
    #[arg(long, value_name = "URL", env = "VAGEN_COPY_TO", hide_env_values = true)]
    pub(crate) to: String,
}

#[derive(Debug, Args)]
pub(crate) struct BackupArguments {
    /// The directory to make. It will hold health data and keys
    #[arg(value_name = "TO")]
    pub(crate) to: PathBuf,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
}

#[derive(Debug, Args)]
pub(crate) struct RestoreArguments {
    /// The backup
    #[arg(value_name = "FROM")]
    pub(crate) from: PathBuf,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
}

#[derive(Debug, Args)]
pub(crate) struct ProjectArguments {
    /// Remove the table and write it again from the store
    #[arg(long)]
    pub(crate) rebuild: bool,
    /// Write nothing: compare every row with the store, and print what differs as JSON lines
    #[arg(long, conflicts_with = "rebuild")]
    pub(crate) check: bool,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
}

#[derive(Debug, Args)]
pub(crate) struct ReplayArguments {
    /// The policy; left out, the product's recommended one
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// Print one JSON object of figures instead of the tasks
    #[arg(long)]
    pub(crate) summary: bool,
    /// Readings as JSON lines; `-` for stdin
    #[arg(value_name = "READINGS.jsonl")]
    pub(crate) readings: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct DecodeArguments {
    /// A characteristic (2a9d, 2a35, ...) or a vendor format (xiaomi-181d, transtek-8a21, omron-record, ...)
    #[arg(value_name = "CHARACTERISTIC")]
    pub(crate) characteristic: String,
    /// The frame in hex; spaces and dashes are ignored
    #[arg(value_name = "HEX", required = true)]
    pub(crate) hex: Vec<String>,
    /// The device's model or advertised name, to apply its quirks
    #[arg(long, value_name = "NAME")]
    pub(crate) model: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ModelsArguments {
    /// One JSON object a line instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}

/// Runs the command.
pub(crate) fn run(arguments: Arguments) -> Result<(), Failure> {
    match arguments.command {
        Command::Demo(arguments) => crate::demo::run(&arguments),
        Command::Serve(arguments) => crate::serve::serve(&arguments),
        Command::Admin(AdminCommand::Apply(arguments)) => admin::apply(&arguments),
        Command::Policy(PolicyCommand::Add(arguments)) => policy::add(&arguments),
        Command::Policy(PolicyCommand::List(arguments)) => policy::list(&arguments),
        Command::Broker(BrokerCommand::Config(arguments)) => broker::config(&arguments),
        Command::Export(arguments) => export::run(&arguments),
        Command::Status(arguments) => status::run(&arguments),
        Command::Migrate(arguments) => migrate::run(&arguments),
        Command::Store(StoreCommand::Copy(arguments)) => copy::run(&arguments),
        Command::Backup(arguments) => backup::back_up(&arguments),
        Command::Restore(arguments) => backup::restore(&arguments),
        Command::Project(arguments) => project::run(&arguments),
        Command::Reconcile(arguments) => reconcile::run(&arguments),
        Command::Replay(arguments) => replay::run(&arguments),
        Command::Decode(arguments) => decode::run(&arguments),
        Command::Models(arguments) => models::run(&arguments),
    }
}
