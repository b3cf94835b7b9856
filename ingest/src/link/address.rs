//! Where a broker is, as a configuration says it.
//!
//! **Invariant:** an [`Address`] that was parsed has a host and a port.

/// Where a broker is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Whether it is spoken to through TLS.
    pub tls: bool,
}

/// Why a text is not the address of a broker.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not the address of a broker, such as mqtt://127.0.0.1:1883 or mqtts://broker.example:8883"
)]
pub struct AddressError {
    /// The text.
    pub text: String,
}

impl std::str::FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let error = || AddressError { text: text.to_owned() };
        let (scheme, rest) = text.split_once("://").ok_or_else(error)?;
        let (tls, default_port) = match scheme {
            "mqtt" => (false, 1883),
            "mqtts" => (true, 8883),
            _ => return Err(error()),
        };
        let rest = rest.trim_end_matches('/');
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !host.ends_with(':') => (host, port.parse().map_err(|_| error())?),
            Some(_) | None => (rest, default_port),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() || port == 0 || host.contains(['/', '@', '?', '#']) {
            return Err(error());
        }
        Ok(Self { host: host.to_owned(), port, tls })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// To add a case, add a row. Ports by default: IANA, mqtt 1883 and secure-mqtt 8883.
    #[test]
    fn addresses_name_scheme_host_and_port() {
        let address = |host: &str, port, tls| Some(Address { host: host.to_owned(), port, tls });
        let rows = [
            ("mqtt://127.0.0.1:1883", address("127.0.0.1", 1883, false)),
            ("mqtt://broker.example", address("broker.example", 1883, false)),
            ("mqtts://broker.example/", address("broker.example", 8883, true)),
            ("mqtt://[::1]:1884", address("::1", 1884, false)),
            ("http://127.0.0.1", None),
            ("127.0.0.1:1883", None),
            ("mqtt://", None),
            ("mqtt://host:port", None),
            ("mqtt://user:secret@host", None),
        ];
        for (text, expected) in rows {
            assert_eq!(text.parse::<Address>().ok(), expected, "{text}");
        }
    }
}
