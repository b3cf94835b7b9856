//! The server's address: HTTPS, or plain HTTP to this machine alone, because a code and a key's certificate travel by it.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A server that may be asked, without a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server(String);

/// Why a text is no such address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServerError {
    /// Not a URL that is understood.
    #[error("{0:?} is not https://HOST[:PORT]")]
    NotUrl(String),
    /// Plain HTTP to elsewhere.
    #[error("{0:?}: plain http is for this machine only; use https")]
    Plain(String),
}

impl Server {
    /// The address of `path`, which begins with a slash.
    #[must_use]
    pub fn address(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Server {
    type Err = ServerError;

    fn from_str(text: &str) -> Result<Self, ServerError> {
        let text = text.trim_end_matches('/');
        let short = || text.chars().take(80).collect::<String>();
        let (scheme, rest) = text.split_once("://").ok_or_else(|| ServerError::NotUrl(short()))?;
        let authority = rest.split('/').next().unwrap_or_default();
        let fits = !authority.is_empty()
            && rest
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'@' | b'?' | b'#' | b'"' | b'\\'));
        match scheme {
            _ if !fits => Err(ServerError::NotUrl(short())),
            "https" => Ok(Self(text.to_owned())),
            "http" if is_here(authority) => Ok(Self(text.to_owned())),
            "http" => Err(ServerError::Plain(short())),
            _ => Err(ServerError::NotUrl(short())),
        }
    }
}

fn is_here(authority: &str) -> bool {
    let host = match (authority.rsplit_once(':'), authority.ends_with(']')) {
        (Some((host, _)), false) => host,
        (Some(_), true) | (None, _) => authority,
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// To add a case, add a row: an address, and whether a code may be sent there.
    #[test]
    fn a_code_travels_encrypted_or_not_at_all() {
        let rows = [
            ("https://vagen.example.org", Some("https://vagen.example.org")),
            ("https://vagen.example.org:8443/", Some("https://vagen.example.org:8443")),
            ("https://example.org/vagen/", Some("https://example.org/vagen")),
            ("http://127.0.0.1:8080", Some("http://127.0.0.1:8080")),
            ("http://[::1]:8080", Some("http://[::1]:8080")),
            ("http://localhost", Some("http://localhost")),
            ("http://vagen.example.org", None),
            ("http://192.0.2.1", None),
            ("http://localhost.example.org", None),
            ("http://127.0.0.1@example.org", None),
            ("http://127.0.0.1.example.org:80", None),
            ("ftp://127.0.0.1", None),
            ("vagen.example.org", None),
            ("https://", None),
            ("https://a b", None),
            ("https://a\"b", None),
        ];
        for (text, expected) in rows {
            assert_eq!(
                text.parse::<Server>().ok().map(|server| server.to_string()).as_deref(),
                expected,
                "{text}"
            );
        }
    }
}
