//! The configuration of `serve`: a TOML file, flags over it, defaults under it. Read once; unknown keys are refused.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};

use care::alarm::Settings;
use care::store::Address;
use ingest::pace::Pace;
use ingest::questdb;
use serde::Deserialize;

use crate::cli::{ServeArguments, StoreArguments};
use crate::failure::{Failure, OrFail};
use crate::serve::alarm;

mod canary;
mod tls;

pub(crate) use canary::Canary;
pub(crate) use tls::{BrokerTls, Gateways, Pair};

/// Where the store is when nobody says.
const DATA: &str = "vagen-data";
const HTTP: &str = "127.0.0.1:8080";
const MQTT: &str = "127.0.0.1:1883";

/// Every key with its default and a line on what it does.
const PRINTED: &str = r#"# The directory that holds the store, and the keys of the gateways' authority. Made if it is missing. Relative to where vagen is started.
data = "vagen-data"

# A PostgreSQL database that holds the store instead of a file in `data`, such as "postgres://vagen@db.example/vagen?sslmode=verify-full".
# Empty: the file. The password in a file whose first line it is.
store = ""
store_password_file = ""

# The dashboard's address, as [HOST:]PORT; port 0 picks a free one. From outside it needs TLS: a proxy in front, or [tls] below.
http = "127.0.0.1:8080"

# The embedded MQTT broker's address, as [HOST:]PORT. It has no access control: loopback only. Not used with `broker`.
mqtt = "127.0.0.1:1883"

# An external MQTT 3.1.1 broker instead of the embedded one, such as "mqtt://127.0.0.1:1883". Empty: the embedded one.
broker = ""

# A QuestDB server, for long charts and reports, such as "http://127.0.0.1:9000". Empty: none. Set cairo.commit.mode=sync there.
questdb = ""

# Who asks QuestDB, where it wants to know: a name, and a file whose first line is the password. Empty: nobody.
questdb_user = ""
questdb_password_file = ""

# Whether browsers reach the dashboard over HTTPS through a proxy in front: cookies are then sent over nothing else.
https = false

# What is logged to stderr: error, warn, info, debug or trace, or a filter such as "info,ingest=debug".
log = "info"

# How: "text", or "json" for one object a line. With `ingest=debug` in the filter a reading's id follows it from its envelope to its task.
log_format = "text"
"#;

/// Every key of every table.
pub(crate) fn printed() -> String {
    format!("{PRINTED}{}{}{}", tls::PRINTED, alarm::PRINTED, canary::PRINTED)
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    data: Option<PathBuf>,
    store: Option<String>,
    store_password_file: Option<PathBuf>,
    http: Option<String>,
    mqtt: Option<String>,
    broker: Option<String>,
    questdb: Option<String>,
    questdb_user: Option<String>,
    questdb_password_file: Option<PathBuf>,
    https: Option<bool>,
    log: Option<String>,
    log_format: Option<LogFormat>,
    tls: Option<tls::PairFile>,
    broker_tls: Option<tls::BrokerTlsFile>,
    gateways: Option<tls::GatewaysFile>,
    alarm: Option<alarm::Table>,
    canary: Option<canary::Table>,
}

/// How what is logged is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LogFormat {
    /// A line for people.
    #[default]
    Text,
    /// A JSON object a line.
    Json,
}

/// Which broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Broker {
    /// In this process, on loopback.
    Embedded(SocketAddr),
    /// Somewhere else.
    External(String),
}

/// Everything `serve` needs to know.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) data: PathBuf,
    pub(crate) store: Address,
    pub(crate) http: SocketAddr,
    pub(crate) broker: Broker,
    pub(crate) questdb: Option<questdb::Address>,
    pub(crate) alarm: Option<Settings>,
    pub(crate) https: bool,
    pub(crate) log: String,
    pub(crate) log_format: LogFormat,
    pub(crate) tls: Option<Pair>,
    pub(crate) broker_tls: BrokerTls,
    pub(crate) gateways: Gateways,
    /// How much a box may send; `None`: as much as it will.
    pub(crate) pace: Option<Pace>,
    pub(crate) canary: Option<Canary>,
    /// Whether the stores are held against each other each night.
    pub(crate) reconciles: bool,
}

impl Config {
    /// The file's, overridden by the flags.
    pub(crate) fn of(arguments: &ServeArguments) -> Result<Self, Failure> {
        let file = read(arguments.store.config.as_deref())?;
        let listen = &arguments.listen;
        let url = arguments
            .broker
            .clone()
            .or_else(|| file.broker.clone())
            .filter(|url| !url.is_empty() && listen.mqtt.is_none());
        let broker = match url {
            Some(url) => Broker::External(url),
            None => {
                Broker::Embedded(loopback(listen.mqtt.as_deref().or(file.mqtt.as_deref()).unwrap_or(MQTT))?)
            }
        };
        let questdb = questdb_of(&file)?;
        let Place { data, store } = place_of(&arguments.store, &file)?;
        let tls = file.tls.unwrap_or_default().read()?;
        let gateways = file.gateways.unwrap_or_default();
        Ok(Self {
            questdb,
            alarm: file.alarm.as_ref().map(alarm::Table::settings).transpose()?.flatten(),
            data,
            store,
            http: address("http", listen.http.as_deref().or(file.http.as_deref()).unwrap_or(HTTP))?,
            broker,
            https: file.https.unwrap_or(false) || tls.is_some(),
            log: file.log.unwrap_or_else(|| "info".to_owned()),
            log_format: file.log_format.unwrap_or_default(),
            tls,
            broker_tls: file.broker_tls.unwrap_or_default().read()?,
            pace: gateways.pace()?,
            gateways: gateways.read()?,
            canary: file.canary.unwrap_or_default().read()?,
            reconciles: true,
        })
    }

    /// The demo's: loopback, flags only.
    pub(crate) fn of_demo(http: Option<&str>, mqtt: Option<&str>, data: PathBuf) -> Result<Self, Failure> {
        Ok(Self {
            store: Address::Directory(data.clone()),
            data,
            http: address("http", http.unwrap_or(HTTP))?,
            broker: Broker::Embedded(loopback(mqtt.unwrap_or(MQTT))?),
            questdb: None,
            alarm: None,
            https: false,
            log: "warn".to_owned(),
            log_format: LogFormat::Text,
            tls: None,
            broker_tls: BrokerTls::default(),
            gateways: Gateways::default(),
            pace: None,
            canary: None,
            reconciles: false,
        })
    }
}

/// The configuration that a command other than `serve` was pointed at.
pub(crate) fn of_command(arguments: &StoreArguments) -> Result<Config, Failure> {
    Config::of(&ServeArguments::at(arguments.clone()))
}

/// The data directory, and where the store is.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) data: PathBuf,
    pub(crate) store: Address,
}

/// Where a command was pointed at.
pub(crate) fn place(arguments: &StoreArguments) -> Result<Place, Failure> {
    place_of(arguments, &read(arguments.config.as_deref())?)
}

fn place_of(arguments: &StoreArguments, file: &File) -> Result<Place, Failure> {
    let data = arguments.data.clone().or_else(|| file.data.clone()).unwrap_or_else(|| DATA.into());
    let url = file.store.as_deref().filter(|url| !url.is_empty() && arguments.data.is_none());
    let Some(url) = url else { return Ok(Place { store: Address::Directory(data.clone()), data }) };
    let store: Address = url.parse().or_wrong_input("store")?;
    let password = secret("store_password_file", file.store_password_file.as_deref())?;
    let store = match password {
        Some(password) => store.with_password(&password),
        None => store,
    };
    Ok(Place { data, store })
}

/// The QuestDB server that a command was pointed at.
pub(crate) fn questdb(arguments: &StoreArguments) -> Result<Option<questdb::Address>, Failure> {
    questdb_of(&read(arguments.config.as_deref())?)
}

fn questdb_of(file: &File) -> Result<Option<questdb::Address>, Failure> {
    let Some(url) = file.questdb.as_deref().filter(|url| !url.is_empty()) else { return Ok(None) };
    let address: questdb::Address = url.parse().or_wrong_input("questdb")?;
    let Some(user) = file.questdb_user.clone().filter(|user| !user.is_empty()) else {
        return Ok(Some(address));
    };
    let password = secret("questdb_password_file", file.questdb_password_file.as_deref())?
        .ok_or_else(|| Failure::input("questdb_password_file is missing beside questdb_user"))?;
    Ok(Some(address.with_login(questdb::Login { user, password })))
}

/// The first line of a file that holds a secret, where one is named.
pub(crate) fn secret(key: &str, file: Option<&Path>) -> Result<Option<String>, Failure> {
    let Some(file) = file.filter(|file| !file.as_os_str().is_empty()) else { return Ok(None) };
    let text = std::fs::read_to_string(file).or_wrong_input(format_args!("{key} {}", file.display()))?;
    Ok(text.lines().next().map(str::to_owned))
}

fn read(file: Option<&Path>) -> Result<File, Failure> {
    let Some(file) = file else { return Ok(File::default()) };
    let text = std::fs::read_to_string(file).or_wrong_input(file.display())?;
    toml::from_str(&text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        Failure::input(format_args!("{}: line {line}: {}", file.display(), error.message()))
    })
}

fn address(key: &str, text: &str) -> Result<SocketAddr, Failure> {
    let wrong = || Failure::input(format_args!("{key} {text:?} is not [HOST:]PORT, such as 127.0.0.1:8080"));
    if let Ok(port) = text.parse::<u16>() {
        return Ok(SocketAddr::from(([127, 0, 0, 1], port)));
    }
    text.to_socket_addrs().map_err(|_| wrong())?.next().ok_or_else(wrong)
}

/// The embedded broker asks nobody who they are, so it listens to this machine alone.
fn loopback(text: &str) -> Result<SocketAddr, Failure> {
    let address = address("mqtt", text)?;
    if address.ip().is_loopback() {
        Ok(address)
    } else {
        Err(Failure::input(format_args!(
            "mqtt {text:?}: the embedded broker has no access control and listens on loopback only; use `broker` for another"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_printed_configuration_is_read_and_names_every_key() {
        let file: File = toml::from_str(&printed()).expect("it is a configuration");
        let File {
            data,
            store,
            store_password_file,
            http,
            mqtt,
            broker,
            questdb,
            questdb_user,
            questdb_password_file,
            https,
            log,
            log_format,
            tls,
            broker_tls,
            gateways,
            alarm,
            canary,
        } = file;
        assert!(matches!(canary.map(canary::Table::read), Some(Ok(Some(read))) if read == Canary::default()));
        assert!(alarm.is_some_and(|table| table.settings().is_ok_and(|settings| settings.is_none())));
        assert!(matches!(tls.map(tls::PairFile::read), Some(Ok(None))));
        assert!(
            matches!(broker_tls.map(tls::BrokerTlsFile::read), Some(Ok(read)) if read == BrokerTls::default())
        );
        assert!(
            matches!(gateways.as_ref().map(tls::GatewaysFile::pace), Some(Ok(Some(pace))) if pace == Pace::default())
        );
        assert!(
            matches!(gateways.map(tls::GatewaysFile::read), Some(Ok(read)) if read == Gateways::default())
        );
        assert_eq!((store.as_deref(), store_password_file.as_deref()), (Some(""), Some(Path::new(""))));
        assert_eq!((questdb.as_deref(), questdb_user.as_deref()), (Some(""), Some("")));
        assert_eq!(questdb_password_file.as_deref(), Some(Path::new("")));
        assert_eq!(
            (data.as_deref(), http.as_deref(), mqtt.as_deref()),
            (Some(Path::new(DATA)), Some(HTTP), Some(MQTT))
        );
        assert_eq!(log_format, Some(LogFormat::Text));
        assert_eq!((broker.as_deref(), https, log.as_deref()), (Some(""), Some(false), Some("info")));
        assert!(toml::from_str::<File>("colour = 1").is_err(), "unknown keys are refused");
    }

    /// Every key of every table that can be read stands in what is printed, with the line above its table or itself that says
    /// what it does. The keys are those that the types themselves give when they are read.
    #[test]
    fn every_key_that_can_be_read_is_printed() {
        let printed = printed();
        let table: toml::Table = toml::from_str(&printed).expect("it is a configuration");
        let mut tables = 0;
        for &key in keys::of::<File>() {
            let value = table.get(key).unwrap_or_else(|| panic!("{key} is not printed"));
            let inner = match key {
                "tls" => keys::of::<tls::PairFile>(),
                "broker_tls" => keys::of::<tls::BrokerTlsFile>(),
                "gateways" => keys::of::<tls::GatewaysFile>(),
                "alarm" => keys::of::<alarm::Table>(),
                "canary" => keys::of::<canary::Table>(),
                _ => {
                    assert!(!value.is_table(), "{key} is a table that this test does not walk");
                    continue;
                }
            };
            tables += 1;
            for &inner in inner {
                assert!(value.get(inner).is_some(), "{key}.{inner} is not printed");
            }
        }
        assert_eq!(tables, table.values().filter(|value| value.is_table()).count());
        let mut explained = false;
        for line in printed.lines() {
            explained = match line {
                "" => false,
                line if line.starts_with('#') => true,
                line => {
                    assert!(explained, "nothing says what this does: {line}");
                    explained
                }
            };
        }
    }

    /// The keys that a type takes, asked of itself.
    mod keys {
        use serde::de::value::Error;
        use serde::de::{Deserialize, Deserializer, Error as _, Visitor};

        struct Asking<'a>(&'a mut &'static [&'static str]);

        impl<'de> Deserializer<'de> for Asking<'_> {
            type Error = Error;

            fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
                Err(Error::custom("no table"))
            }

            fn deserialize_struct<V: Visitor<'de>>(
                self,
                _: &'static str,
                fields: &'static [&'static str],
                _: V,
            ) -> Result<V::Value, Error> {
                *self.0 = fields;
                Err(Error::custom("asked"))
            }

            serde::forward_to_deserialize_any! {
                bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct
                newtype_struct seq tuple tuple_struct map enum identifier ignored_any
            }
        }

        pub(super) fn of<T: for<'de> Deserialize<'de>>() -> &'static [&'static str] {
            let mut keys: &[&str] = &[];
            let _ = T::deserialize(Asking(&mut keys));
            assert!(!keys.is_empty(), "a table has keys");
            keys
        }
    }

    /// To add a case, add a row: what was written, and where that is.
    #[test]
    fn addresses_are_host_and_port_or_port_alone() {
        let rows = [
            ("8081", Some("127.0.0.1:8081")),
            ("127.0.0.2:0", Some("127.0.0.2:0")),
            ("[::1]:80", Some("[::1]:80")),
            ("70000", None),
            ("nowhere", None),
            ("", None),
        ];
        for (text, expected) in rows {
            assert_eq!(
                address("http", text).ok().map(|address| address.to_string()).as_deref(),
                expected,
                "{text}"
            );
        }
        assert!(loopback("0.0.0.0:1883").is_err());
    }
}
