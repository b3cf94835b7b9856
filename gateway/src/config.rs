//! The gateway's configuration: one TOML file, read once, before a socket or a database opens.
//!
//! Every key is in [`KEYS`] with its default and what it does, which is what `--print-config` prints. A key that is
//! not known is refused: a misspelt one must not pass for its default.
//!
//! **Invariant:** a [`Config`] names a gateway, an outbox file and a broker that can be dialled.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use devices::session::Consent;
use serde::Deserialize;
use vitals::{DeviceId, GatewayId};

use crate::home::Rules;
use crate::io::signal::Setup;
use crate::outbox::{Limits, MIB, RESERVE_BYTES};

mod broker;
mod keys;
mod renewal;
mod signal;

pub use broker::{Broker, BrokerError, TlsFiles};
pub use keys::{KEYS, print};
pub use renewal::Renewal;

/// Everything a gateway needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Who it is.
    pub gateway: GatewayId,
    /// Its database.
    pub outbox: PathBuf,
    /// Where it delivers.
    pub broker: Broker,
    /// Who renews its certificate.
    pub renewal: Option<Renewal>,
    /// Which devices it listens to, and their consent codes.
    pub home: Rules,
    /// How much the database may keep.
    pub limits: Limits,
    /// What the person at home sees and hears.
    pub signal: Setup,
    /// What goes to the log.
    pub log_level: LogLevel,
    /// Whether the system's clock counts as right without asking the system.
    pub assume_clock_synced: bool,
}

impl Config {
    /// A gateway with every default.
    #[must_use]
    pub fn new(gateway: GatewayId, outbox: PathBuf, broker: Broker) -> Self {
        Self {
            gateway,
            outbox,
            broker,
            renewal: None,
            home: Rules::default(),
            limits: Limits::default(),
            signal: Setup::default(),
            log_level: LogLevel::default(),
            assume_clock_synced: false,
        }
    }
}

/// How much goes to the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// What somebody must act on.
    Error,
    /// What somebody should know.
    Warn,
    /// What happens.
    #[default]
    Info,
    /// How it happens. The one level that may hold values.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    /// Its word.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// Why there is no configuration. Each is one line that names the file and the key.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{file}: {source}")]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Not TOML, or a key that is not known or of the wrong kind.
    #[error("{file}: line {line}: {message}")]
    Malformed {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        message: String,
    },
    /// A key's value cannot be.
    #[error("{file}: {key}: {message}")]
    Refused {
        /// The file, or `arguments`.
        file: PathBuf,
        /// The key.
        key: &'static str,
        /// What is wrong with it.
        message: String,
    },
}

/// Where the outbox is when a file does not say.
pub const OUTBOX_DEFAULT: &str = "/var/lib/vagen-gateway/outbox.db";

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    gateway: Option<String>,
    outbox: Option<PathBuf>,
    broker: Option<String>,
    ca: Option<PathBuf>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    server: Option<String>,
    server_ca: Option<PathBuf>,
    devices: Option<Vec<String>>,
    consents: Option<BTreeMap<String, ConsentFile>>,
    history_days: Option<u32>,
    outbox_rows_max: Option<u64>,
    outbox_mib_max: Option<u32>,
    signal_lamp: Option<String>,
    signal_buzzer: Option<String>,
    signal_player: Option<Vec<String>>,
    signal_sounds: Option<PathBuf>,
    signal_quiet: Option<String>,
    signal_wrong_after_h: Option<u32>,
    log_level: Option<LogLevel>,
    assume_clock_synced: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConsentFile {
    user: u8,
    code: u16,
}

/// What the command line says in place of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// In place of `gateway`.
    pub gateway: Option<String>,
    /// In place of `outbox`.
    pub outbox: Option<PathBuf>,
    /// In place of `broker`.
    pub broker: Option<String>,
}

/// Reads the configuration from `file`, where there is one, and lets `overrides` have the last word.
///
/// # Errors
/// [`ConfigError`], one line.
pub fn read(file: Option<&Path>, overrides: Overrides) -> Result<Config, ConfigError> {
    let text = match file {
        Some(path) => std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { file: path.to_owned(), source })?,
        None => String::new(),
    };
    parse(&text, file.unwrap_or(Path::new("arguments")), overrides)
}

fn parse(text: &str, name: &Path, overrides: Overrides) -> Result<Config, ConfigError> {
    let file: File = toml::from_str(text).map_err(|error| malformed(text, name, &error))?;
    let refused =
        |key: &'static str, message: String| ConfigError::Refused { file: name.to_owned(), key, message };
    let missing = |key: &'static str| refused(key, "must be given".to_owned());
    let gateway = overrides.gateway.or(file.gateway).ok_or_else(|| missing("gateway"))?;
    let broker = overrides.broker.or(file.broker).ok_or_else(|| missing("broker"))?;
    let gateway = gateway.parse::<GatewayId>().map_err(|error| refused("gateway", error.to_string()))?;
    let mut broker = broker.parse::<Broker>().map_err(|error| refused("broker", error.to_string()))?;
    match (&mut broker.tls, file.ca, file.certificate, file.key) {
        (Some(_), None, _, _) => return Err(refused("ca", "is needed by mqtts".to_owned())),
        (Some(_), Some(_), Some(_), None) => return Err(missing("key")),
        (Some(_), Some(_), None, Some(_)) => return Err(missing("certificate")),
        (Some(tls), Some(ca), certificate, key) => {
            *tls = TlsFiles { ca, client: certificate.zip(key) };
        }
        (None, None, None, None) => {}
        (None, _, _, _) => {
            return Err(refused("broker", "certificates are given, but the URL is not mqtts://".to_owned()));
        }
    }
    let renewal = renewal::read(file.server.as_deref(), file.server_ca, broker.tls.as_ref())
        .map_err(|(key, message)| refused(key, message))?;
    let outbox = overrides.outbox.or(file.outbox).unwrap_or_else(|| OUTBOX_DEFAULT.into());
    let defaults = Limits::default();
    let limits = Limits {
        rows_max: file.outbox_rows_max.unwrap_or(defaults.rows_max),
        bytes_max: file.outbox_mib_max.map_or(defaults.bytes_max, |mib| u64::from(mib) * MIB),
        reserve_bytes: RESERVE_BYTES,
        history_days: file.history_days.unwrap_or(defaults.history_days),
    };
    if limits.bytes_max == 0 {
        return Err(refused("outbox_mib_max", "must be at least 1".to_owned()));
    }
    if limits.rows_max == 0 {
        return Err(refused("outbox_rows_max", "must be at least 1".to_owned()));
    }
    let home = rules(file.devices, file.consents).map_err(|(key, error)| refused(key, error.to_string()))?;
    let signal = signal::setup(signal::Keys {
        lamp: file.signal_lamp,
        buzzer: file.signal_buzzer,
        player: file.signal_player,
        sounds: file.signal_sounds,
        quiet: file.signal_quiet,
        wrong_after_h: file.signal_wrong_after_h,
    })
    .map_err(|(key, message)| refused(key, message))?;
    Ok(Config {
        renewal,
        home,
        limits,
        signal,
        log_level: file.log_level.unwrap_or_default(),
        assume_clock_synced: file.assume_clock_synced.unwrap_or_default(),
        ..Config::new(gateway, outbox, broker)
    })
}

fn rules(
    devices: Option<Vec<String>>,
    consents: Option<BTreeMap<String, ConsentFile>>,
) -> Result<Rules, (&'static str, vitals::IdError)> {
    let address = |key: &'static str, text: &str| DeviceId::from_address(text).map_err(|error| (key, error));
    let allowed =
        devices.map(|listed| listed.iter().map(|text| address("devices", text)).collect()).transpose()?;
    let consents = consents
        .unwrap_or_default()
        .into_iter()
        .map(|(text, ConsentFile { user, code })| Ok((address("consents", &text)?, Consent { user, code })))
        .collect::<Result<_, _>>()?;
    Ok(Rules { allowed, consents })
}

fn malformed(text: &str, name: &Path, error: &toml::de::Error) -> ConfigError {
    let start = error.span().map_or(0, |span| span.start);
    let line = text.bytes().take(start).filter(|byte| *byte == b'\n').count() + 1;
    let words: Vec<&str> = error.message().split_whitespace().collect();
    let key = text.lines().nth(line - 1).and_then(|line| line.split_once('=')).map(|(key, _)| key.trim());
    let message = match key {
        Some(key) if !words.iter().any(|word| word.contains(key)) => format!("{key}: {}", words.join(" ")),
        Some(_) | None => words.join(" "),
    };
    ConfigError::Malformed { file: name.to_owned(), line, message }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINIMAL: &str = "gateway = \"gw-0001\"\nbroker = \"mqtt://127.0.0.1:1883\"\n";

    fn of(text: &str) -> Result<Config, String> {
        parse(text, Path::new("g.toml"), Overrides::default()).map_err(|error| error.to_string())
    }

    #[test]
    fn two_keys_are_enough() {
        let config = of(MINIMAL).expect("a configuration");
        assert_eq!(config.gateway.as_str(), "gw-0001");
        assert_eq!(config.broker, Broker { host: "127.0.0.1".into(), port: 1883, tls: None });
        assert_eq!(config.outbox, PathBuf::from(OUTBOX_DEFAULT));
    }

    /// Added to the two needed keys: what the person at the box is told. Rows by what each key's line promises.
    #[test]
    fn what_is_wrong_is_said_in_one_line() {
        let rows = [
            ("galeway = 1", "g.toml: line 3: unknown field `galeway`"),
            ("history_days = \"long\"", "g.toml: line 3: history_days: invalid type"),
            ("history_days = -1", "g.toml: line 3: history_days: invalid value"),
            ("outbox_rows_max = 0", "g.toml: outbox_rows_max: must be at least 1"),
            ("outbox_mib_max = 0", "g.toml: outbox_mib_max: must be at least 1"),
            ("signal_lamp = \"GPIO17\"", "g.toml: signal_lamp: \"GPIO17\" is not /dev/gpiochipN:LINE"),
            ("signal_buzzer = \"/dev/x\"", "g.toml: signal_buzzer: \"/dev/x\" is not"),
            ("signal_player = []", "g.toml: signal_player: must name a program"),
            ("signal_quiet = \"22-7\"", "g.toml: signal_quiet: \"22-7\" is not HH:MM-HH:MM"),
            ("signal_wrong_after_h = 0", "g.toml: signal_wrong_after_h: must be at least 1"),
            ("log_level = \"loud\"", "g.toml: line 3: log_level: unknown variant `loud`"),
            ("devices = [\"kitchen scale\"]", "g.toml: devices: device id"),
            ("consents = { scale = { user = 1, code = 1 } }", "g.toml: consents: device id"),
            (
                "consents = { \"54:6C:0E:00:00:01\" = { user = 1 } }",
                "g.toml: line 3: consents: missing field `code`",
            ),
            ("ca = \"ca.pem\"", "g.toml: broker: certificates are given, but the URL is not mqtts://"),
            ("x = [", "g.toml: line 3:"),
        ];
        for (line, expected) in rows {
            let error = of(&format!("{MINIMAL}{line}\n")).expect_err(line);
            assert!(error.starts_with(expected), "{line}: {error}");
            assert!(!error.contains('\n'), "one line: {error}");
        }
        assert_eq!(of(""), Err("g.toml: gateway: must be given".into()));
        assert_eq!(of("gateway = \"gw\""), Err("g.toml: broker: must be given".into()));
        assert_eq!(
            of("gateway = \"gw/1\"\nbroker = \"mqtt://h\""),
            Err("g.toml: gateway: gateway id \"gw/1\" must be 1 to 64 letters, digits, '.', '_' or '-'"
                .into())
        );
        assert_eq!(
            of("gateway = \"gw\"\nbroker = \"mqtts://h\""),
            Err("g.toml: ca: is needed by mqtts".into())
        );
    }

    /// The printed configuration, with what must be given, is one that is read, and holds every default.
    #[test]
    fn the_printed_keys_are_the_keys() {
        let printed = print();
        assert_eq!(of(&format!("{printed}{MINIMAL}")).expect("reads"), of(MINIMAL).expect("reads"));
        for (key, _, _) in KEYS {
            let error = of(&format!("{MINIMAL}{key} = {{ x = 1 }}\n")).expect_err("no key is such a table");
            assert!(!error.contains("unknown field"), "{key}: {error}");
        }
        let unknown = of("x = 1").expect_err("unknown");
        for named in unknown.split('`').skip(3).step_by(2) {
            assert!(KEYS.iter().any(|(key, _, _)| *key == named), "{named} is read but not printed");
        }
    }

    #[test]
    fn the_command_line_has_the_last_word() {
        let overrides = Overrides {
            gateway: Some("gw-0002".into()),
            outbox: Some("there.db".into()),
            broker: Some("mqtt://elsewhere:1".into()),
        };
        let config = parse(MINIMAL, Path::new("g.toml"), overrides).expect("a configuration");
        assert_eq!(
            (config.gateway.as_str(), config.outbox, config.broker.port),
            ("gw-0002", "there.db".into(), 1)
        );
    }
}
