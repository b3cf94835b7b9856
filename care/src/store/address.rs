//! Where a store is: a directory, or a PostgreSQL server. A password in it is never shown.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;

/// Where a store is.
#[derive(Clone, Debug)]
pub enum Address {
    /// A directory with an SQLite file in it.
    Directory(PathBuf),
    /// A database on a PostgreSQL server.
    Server(Box<PgConnectOptions>),
}

/// Why a text names no store.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// It begins like no address of a store.
    #[error("{0:?} is neither sqlite:DIRECTORY nor postgres://USER@HOST/DATABASE")]
    Unknown(String),
    /// It is one of PostgreSQL, and wrong.
    #[error("the address of the PostgreSQL store is wrong: {0}")]
    Server(String),
}

impl FromStr for Address {
    type Err = AddressError;

    /// `sqlite:DIRECTORY`, or `postgres://USER@HOST/DATABASE` with the parameters that libpq knows, such as `sslmode`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            let options: PgConnectOptions =
                text.parse().map_err(|error: sqlx::Error| AddressError::Server(without_url(&error)))?;
            if options.get_database().is_none_or(str::is_empty) {
                return Err(AddressError::Server("it names no database".to_owned()));
            }
            return Ok(Self::Server(Box::new(options)));
        }
        // What a scheme alone would say is no reason to print what may hold a password.
        let scheme = || text.split_once(':').map_or(text, |(scheme, _)| scheme).to_owned();
        match text.strip_prefix("sqlite:").map(|rest| rest.strip_prefix("//").unwrap_or(rest)) {
            Some(directory) if !directory.is_empty() => Ok(Self::Directory(directory.into())),
            Some(_) | None => Err(AddressError::Unknown(scheme())),
        }
    }
}

fn without_url(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Configuration(source) => source.to_string(),
        other => other.to_string(),
    }
}

impl Address {
    /// The same with `password`, which is in nothing that is printed.
    #[must_use]
    pub fn with_password(self, password: &str) -> Self {
        match self {
            Self::Directory(directory) => Self::Directory(directory),
            Self::Server(options) => Self::Server(Box::new(options.password(password))),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(directory) => write!(out, "{}", directory.display()),
            Self::Server(options) => {
                let database = options.get_database().unwrap_or_default();
                let (user, host, port) = (options.get_username(), options.get_host(), options.get_port());
                write!(out, "postgres://{user}@{host}:{port}/{database}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// To add a case, add a row: what is written, and how it is shown; `None` for what is refused.
    #[test]
    fn addresses_are_read_and_shown_without_their_password() {
        let rows = [
            ("sqlite:vagen-data", Some("vagen-data")),
            ("sqlite:///var/lib/vagen", Some("/var/lib/vagen")),
            (
                "postgres://vagen:hidden@127.0.0.1:5433/vagen?sslmode=disable",
                Some("postgres://vagen@127.0.0.1:5433/vagen"),
            ),
            ("postgresql://vagen@db.example/v", Some("postgres://vagen@db.example:5432/v")),
            ("postgres://vagen@127.0.0.1", None),
            ("mysql://a:hidden@b/c", None),
            ("sqlite:", None),
            ("", None),
        ];
        for (text, expected) in rows {
            let read = text.parse::<Address>();
            assert_eq!(read.as_ref().ok().map(ToString::to_string).as_deref(), expected, "{text}");
            if let Err(error) = read {
                assert!(!error.to_string().contains("hidden"), "{error}");
            }
        }
    }
}
