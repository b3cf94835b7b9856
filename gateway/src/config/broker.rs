//! Where readings go: a broker, as a URL and certificates.
//!
//! **Invariant:** a [`Broker`] that was read has a host and a port that can be dialled.

use std::path::PathBuf;
use std::str::FromStr;

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

#[cfg(test)]
mod tests {
    use super::*;

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
}
