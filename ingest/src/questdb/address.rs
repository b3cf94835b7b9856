//! Where a QuestDB server is, from a URL, and who asks it.
//!
//! **Invariant:** an [`Address`] holds a host that is a name or a number and nothing that a configuration string could
//! take for more.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const PORT: u16 = 9000;
const HOST_CHARS_MAX: usize = 253;

/// A name and a password for the server.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// The user.
    pub user: String,
    /// The password. Never printed.
    pub password: String,
}

impl Login {
    /// The value of an `Authorization` header (RFC 7617).
    pub(super) fn basic(&self) -> String {
        format!("Basic {}", STANDARD.encode(format!("{}:{}", self.user, self.password)))
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("user", &self.user).finish_non_exhaustive()
    }
}

/// Where the server's HTTP port is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    host: String,
    port: u16,
    tls: bool,
    login: Option<Login>,
}

/// Why a text is no address of a QuestDB server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not the URL of a QuestDB server, such as http://127.0.0.1:9000")]
pub struct AddressError {
    text: String,
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let wrong = || AddressError { text: text.chars().take(100).collect() };
        let (tls, rest) = match (text.strip_prefix("http://"), text.strip_prefix("https://")) {
            (Some(rest), _) => (false, rest),
            (None, Some(rest)) => (true, rest),
            (None, None) => return Err(wrong()),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().map_err(|_| wrong())?),
            Some(_) | None => (rest, PORT),
        };
        let is_name = |host: &str| {
            !host.is_empty()
                && host.len() <= HOST_CHARS_MAX
                && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
        };
        let is_number = |host: &str| {
            host.strip_prefix('[')
                .and_then(|host| host.strip_suffix(']'))
                .is_some_and(|host| host.parse::<std::net::Ipv6Addr>().is_ok())
        };
        if port == 0 || !(is_name(host) || is_number(host)) {
            return Err(wrong());
        }
        Ok(Self { host: host.to_owned(), port, tls, login: None })
    }
}

impl Address {
    /// The same server, asked as somebody.
    #[must_use]
    pub fn with_login(self, login: Login) -> Self {
        Self { login: Some(login), ..self }
    }

    pub(super) const fn login(&self) -> Option<&Login> {
        self.login.as_ref()
    }

    /// The configuration of an ILP/HTTP sender. A failed send is offered again by whoever feeds the projection, so the sender
    /// itself does not repeat.
    pub(super) fn sender_configuration(&self) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        let mut text = format!(
            "{scheme}::addr={}:{};protocol_version=2;retry_timeout=0;request_timeout=20000;",
            self.host, self.port
        );
        if let Some(login) = &self.login {
            // A semicolon ends a value there; two of them are one.
            let value = |text: &str| text.replace(';', ";;");
            text.push_str(&format!("username={};password={};", value(&login.user), value(&login.password)));
        }
        text
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}", if self.tls { "https" } else { "http" }, self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// To add a case, add a row: what is written in the configuration, and what it means.
    #[test]
    fn addresses_are_urls_of_a_server_and_nothing_more() {
        let rows = [
            ("http://127.0.0.1:9000", Some("http://127.0.0.1:9000")),
            ("http://questdb.example/", Some("http://questdb.example:9000")),
            ("https://[::1]:9443", Some("https://[::1]:9443")),
            ("https://[::1]", Some("https://[::1]:9000")),
            ("questdb:9000", None),
            ("http://", None),
            ("http://host:0", None),
            ("http://host:99999", None),
            ("http://host;token=x:9000", None),
            ("http://host/exec", None),
            ("http://a:b@host:9000", None),
        ];
        for (text, expected) in rows {
            let read = text.parse::<Address>().ok().map(|address| address.to_string());
            assert_eq!(read.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_password_is_not_printed_and_cannot_add_a_setting() {
        let login = Login { user: "admin".to_owned(), password: "s3;tls_verify=unsafe_off".to_owned() };
        let address: Address = "http://127.0.0.1:9000".parse().expect("an address");
        let address = address.with_login(login);
        assert!(!format!("{address:?} {address}").contains("s3"));
        assert!(address.sender_configuration().ends_with("password=s3;;tls_verify=unsafe_off;"));
    }
}
