//! The configuration of everything that has a certificate: the dashboard's HTTPS, the way to the broker, and home boxes.
//!
//! **Invariant:** a certificate is never named without its key, nor a key without its certificate.

use std::path::{Path, PathBuf};

use care::enrolment::authority::GatewayLife;
use ingest::pace::Pace;
use serde::Deserialize;

use crate::failure::{Failure, OrFail};

/// Every key with its default and a line on what it does.
pub(crate) const PRINTED: &str = r#"
# HTTPS by the server itself: its certificate chain and its key, as PEM files. Read again on SIGHUP. Empty: HTTP.
[tls]
certificate = ""
key = ""

# How a broker with TLS (mqtts://) is believed, and who this server is there. Empty: by its own authority, which signs for both.
[broker_tls]
ca = ""
certificate = ""
key = ""

# Home boxes. `broker` is what a box is told when it enrols, such as "mqtts://broker.example.org:8883"; empty: the server's own.
# `files` is where `vagen broker config` wrote; the revocation list in it is kept current. Empty: broker, in the data directory.
# `reload` is a command that makes the broker read it, such as ["systemctl", "reload", "mosquitto"]. Empty: somebody else sees to it.
# The authority that signs for boxes is made in the data directory, unless these name a self-signed certificate and its key.
# `certificate_life` is how long a box's certificate counts, "1 minute" to "400 days". A box renews it at two thirds; one that is
# without network for longer than the last third needs a new code.
# `pace_kib_per_s` and `burst_kib` are what a box may send for ever and at once, KiB; who sends more gets its receipts up to five
# seconds later, and nothing is refused. A `pace_kib_per_s` of 0: as much as it will.
[gateways]
broker = ""
pace_kib_per_s = 64
burst_kib = 4096
files = ""
reload = []
authority_certificate = ""
authority_key = ""
certificate_life = "90 days"
"#;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PairFile {
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BrokerTlsFile {
    ca: Option<PathBuf>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GatewaysFile {
    broker: Option<String>,
    files: Option<PathBuf>,
    reload: Option<Vec<String>>,
    authority_certificate: Option<PathBuf>,
    authority_key: Option<PathBuf>,
    certificate_life: Option<String>,
    pace_kib_per_s: Option<u32>,
    burst_kib: Option<u32>,
}

/// A certificate and its key, as PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// How a broker with TLS is spoken to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct BrokerTls {
    /// Who vouches for it; `None`: our own authority.
    pub(crate) ca: Option<PathBuf>,
    /// Who we are there; `None`: whom our own authority says.
    pub(crate) identity: Option<Pair>,
}

/// What concerns home boxes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Gateways {
    /// The broker's address as boxes know it; `None`: as this server knows it.
    pub(crate) broker: Option<String>,
    /// The broker's files; `None`: in the data directory.
    pub(crate) files: Option<PathBuf>,
    /// What makes the broker read them.
    pub(crate) reload: Vec<String>,
    /// The authority's files; `None`: in the data directory.
    pub(crate) authority: Option<Pair>,
    /// How long a box's certificate counts.
    pub(crate) certificate_life: GatewayLife,
}

impl Gateways {
    /// Where the broker's files are, with the store in `data`.
    pub(crate) fn files(&self, data: &Path) -> PathBuf {
        self.files.clone().unwrap_or_else(|| data.join("broker"))
    }
}

/// An empty path is as good as none: that is how the printed configuration writes it.
fn named(path: Option<PathBuf>) -> Option<PathBuf> {
    path.filter(|path| !path.as_os_str().is_empty())
}

pub(super) fn pair(
    what: &str,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
) -> Result<Option<Pair>, Failure> {
    match (named(certificate), named(key)) {
        (Some(certificate), Some(key)) => Ok(Some(Pair { certificate, key })),
        (None, None) => Ok(None),
        (Some(_), None) => Err(Failure::input(format_args!("{what}: the certificate needs its key"))),
        (None, Some(_)) => Err(Failure::input(format_args!("{what}: the key needs its certificate"))),
    }
}

impl PairFile {
    pub(super) fn read(self) -> Result<Option<Pair>, Failure> {
        pair("tls", self.certificate, self.key)
    }
}

impl BrokerTlsFile {
    pub(super) fn read(self) -> Result<BrokerTls, Failure> {
        let identity = pair("broker_tls", self.certificate, self.key)?;
        Ok(BrokerTls { ca: named(self.ca), identity })
    }
}

impl GatewaysFile {
    /// How much a box may send; `None`: as much as it will.
    pub(super) fn pace(&self) -> Result<Option<Pace>, Failure> {
        let usual = Pace::default();
        let pace = Pace {
            kib_per_s: self.pace_kib_per_s.unwrap_or(usual.kib_per_s),
            burst_kib: self.burst_kib.unwrap_or(usual.burst_kib),
        };
        match pace {
            Pace { kib_per_s: 0, .. } => Ok(None),
            // An envelope of the largest size must pass at once.
            Pace { burst_kib: ..256, .. } => {
                Err(Failure::input(format_args!("gateways.burst_kib {} is less than 256", pace.burst_kib)))
            }
            pace => Ok(Some(pace)),
        }
    }

    pub(super) fn read(self) -> Result<Gateways, Failure> {
        let life = self.certificate_life.as_deref().map(str::parse).transpose();
        Ok(Gateways {
            broker: self.broker.filter(|url| !url.is_empty()),
            files: named(self.files),
            reload: self.reload.unwrap_or_default(),
            authority: pair("gateways: authority", self.authority_certificate, self.authority_key)?,
            certificate_life: life.or_wrong_input("gateways: certificate_life")?.unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// To add a case, add a row: the words of the table, and what is said where they do not go together.
    #[test]
    fn a_certificate_goes_with_its_key() {
        let rows = [
            ("", Ok(None)),
            ("certificate = \"\"\nkey = \"\"", Ok(None)),
            ("certificate = \"c\"\nkey = \"k\"", Ok(Some(Pair { certificate: "c".into(), key: "k".into() }))),
            ("certificate = \"c\"", Err("tls: the certificate needs its key")),
            ("key = \"k\"\ncertificate = \"\"", Err("tls: the key needs its certificate")),
        ];
        for (text, expected) in rows {
            let read = toml::from_str::<PairFile>(text).expect("TOML").read();
            match (read, expected) {
                (Ok(read), Ok(expected)) => assert_eq!(read, expected, "{text}"),
                (Err(Failure::Input(said)), Err(expected)) => assert_eq!(said, expected, "{text}"),
                (read, expected) => panic!("{text}: {read:?}, not {expected:?}"),
            }
        }
    }

    #[test]
    fn a_life_out_of_bounds_is_said_with_its_key() {
        let of = |life: &str| {
            toml::from_str::<GatewaysFile>(&format!("certificate_life = {life:?}")).expect("TOML").read()
        };
        assert!(matches!(of("30 days"), Ok(read) if read.certificate_life.millis() == 30 * 86_400_000));
        let Err(Failure::Input(said)) = of("2 years") else { panic!("it was taken") };
        assert!(said.starts_with("gateways: certificate_life: \"2 years\" is not"), "{said}");
    }
}
