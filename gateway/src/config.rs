//! The gateway's configuration: one TOML file, read once, before a socket or a database opens.
//!
//! Every key is in [`KEYS`] with its default and what it does, which is what `--print-config` prints. A key that is
//! not known is refused: a misspelt one must not pass for its default.
//!
//! **Invariant:** a [`Config`] names a gateway, an outbox file and a broker that can be dialled.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use devices::session::Consent;
use serde::Deserialize;
use vitals::{DeviceId, GatewayId};

use crate::home::Rules;
use crate::outbox::Limits;

/// Everything a gateway needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Who it is.
    pub gateway: GatewayId,
    /// Its database.
    pub outbox: PathBuf,
    /// Where it delivers.
    pub broker: Broker,
    /// Which devices it listens to, and their consent codes.
    pub home: Rules,
    /// How much the database may keep.
    pub limits: Limits,
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
            home: Rules::default(),
            limits: Limits::default(),
            log_level: LogLevel::default(),
            assume_clock_synced: false,
        }
    }
}

/// An MQTT broker: `mqtt://host:port`, or `mqtts://host:port` with certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broker {
    /// Its name or address.
    pub host: String,
    /// Its port; 1883, or 8883 with TLS, where the URL names none.
    pub port: u16,
    /// Present for `mqtts`.
    pub tls: Option<TlsFiles>,
}

/// Certificates, as PEM files. Read anew at every connection, so that a renewed one is taken up by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// Who may vouch for the broker.
    pub ca: PathBuf,
    /// The gateway's certificate and its private key.
    pub client: Option<(PathBuf, PathBuf)>,
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

/// Every key: its name, its default as TOML (empty where it must be given), and what it does.
pub const KEYS: &[(&str, &str, &str)] = &[
    (
        "gateway",
        "",
        "Who this gateway is: the name in its topics, 1 to 64 letters, digits, '.', '_' or '-'. Must be given.",
    ),
    (
        "outbox",
        "\"/var/lib/vagen-gateway/outbox.db\"",
        "The database that holds every reading until the server's receipt.",
    ),
    (
        "broker",
        "",
        "Where readings go: \"mqtt://host:port\", or \"mqtts://host:port\" with certificates. Must be given.",
    ),
    (
        "ca",
        "",
        "PEM file with the authority that vouches for the broker. Needed by mqtts, refused with mqtt.",
    ),
    ("certificate", "", "PEM file with this gateway's certificate, for mqtts. Goes with \"key\"."),
    ("key", "", "PEM file with its private key."),
    (
        "devices",
        "",
        "The only devices to listen to, by address: [\"54:6C:0E:00:00:01\"]. Left out: any that is supported.",
    ),
    (
        "consents",
        "",
        "Codes of scales that say nothing without: { \"54:6C:0E:00:00:01\" = { user = 1, code = 1234 } }.",
    ),
    (
        "history_days",
        "90",
        "How long a receipted reading is kept, so that a restored server can ask for it again.",
    ),
    (
        "outbox_rows_max",
        "100000",
        "The most readings on disk. With that many unreceipted, new ones wait and the log says so.",
    ),
    (
        "log_level",
        "\"info\"",
        "error, warn, info, debug or trace. Values of readings appear at debug and below only.",
    ),
    (
        "assume_clock_synced",
        "false",
        "Take the system's clock for right where the system cannot say whether it is.",
    ),
];

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
    devices: Option<Vec<String>>,
    consents: Option<BTreeMap<String, ConsentFile>>,
    history_days: Option<u32>,
    outbox_rows_max: Option<u64>,
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
    let outbox = overrides.outbox.or(file.outbox).unwrap_or_else(|| OUTBOX_DEFAULT.into());
    let defaults = Limits::default();
    let limits = Limits {
        rows_max: file.outbox_rows_max.unwrap_or(defaults.rows_max),
        history_days: file.history_days.unwrap_or(defaults.history_days),
    };
    if limits.rows_max == 0 {
        return Err(refused("outbox_rows_max", "must be at least 1".to_owned()));
    }
    let home = rules(file.devices, file.consents).map_err(|(key, error)| refused(key, error.to_string()))?;
    Ok(Config {
        home,
        limits,
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

/// Why a text is no broker.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not mqtt://host:port or mqtts://host:port")]
pub struct BrokerError(String);

impl FromStr for Broker {
    type Err = BrokerError;

    fn from_str(text: &str) -> Result<Self, BrokerError> {
        let wrong = || BrokerError(text.chars().take(80).collect());
        let (scheme, rest) = text.split_once("://").ok_or_else(wrong)?;
        let (tls, default_port) = match scheme {
            "mqtt" => (None, 1883),
            "mqtts" => (Some(TlsFiles::default()), 8883),
            _ => return Err(wrong()),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        // An IPv6 address stands in brackets: its colons are not the port's.
        let (host, port) = match (rest.rsplit_once(':'), rest.ends_with(']')) {
            (Some((host, port)), false) => {
                (host, port.parse().ok().filter(|port| *port != 0).ok_or_else(wrong)?)
            }
            (Some(_), true) | (None, _) => (rest, default_port),
        };
        let bracketed = host.starts_with('[') && host.ends_with(']');
        let plain =
            host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
        if host.is_empty() || !(bracketed || plain) {
            return Err(wrong());
        }
        Ok(Self { host: host.to_owned(), port, tls })
    }
}

/// Every key with its default and a line on what it does, as a file that can be edited.
#[must_use]
pub fn print() -> String {
    KEYS.iter()
        .map(|(key, default, what)| match *default {
            "" => format!("# {what}\n# {key} =\n\n"),
            default => format!("# {what}\n{key} = {default}\n\n"),
        })
        .collect()
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

    /// Rows by RFC 3986 (authority) and the ports registered for MQTT.
    #[test]
    fn a_broker_is_a_url() {
        let rows = [
            ("mqtt://127.0.0.1:1883", Some(("127.0.0.1", 1883, false))),
            ("mqtt://broker", Some(("broker", 1883, false))),
            ("mqtts://broker.example", Some(("broker.example", 8883, true))),
            ("mqtt://[::1]:2883", Some(("[::1]", 2883, false))),
            ("mqtt://[::1]", Some(("[::1]", 1883, false))),
            ("mqtt://broker:1883/", Some(("broker", 1883, false))),
            ("broker:1883", None),
            ("http://broker:1883", None),
            ("mqtt://", None),
            ("mqtt://broker:99999", None),
            ("mqtt://broker:0", None),
            ("mqtt://user@broker", None),
            ("mqtt://bro ker", None),
        ];
        for (text, expected) in rows {
            let broker = text.parse::<Broker>().ok();
            let got = broker.as_ref().map(|it| (it.host.as_str(), it.port, it.tls.is_some()));
            assert_eq!(got, expected, "{text}");
        }
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
