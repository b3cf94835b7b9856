//! Stores for tests: a file in the test's own directory or, where the environment names a PostgreSQL server, a database of its own
//! there. The same tests so run on both. In no release.

use std::path::Path;
use std::process::Command;

use sha2::{Digest, Sha256};

use super::{Address, Store, StoreError};

/// The environment variable with the URL of a server on which databases may be made, up to and without the database's name.
pub const SERVER: &str = "VAGEN_TEST_POSTGRES";

/// The URL of the database that stands for `directory`, made if it is missing; `None` when tests run on SQLite.
///
/// # Panics
/// When the server does not make it: the test cannot go on.
#[must_use]
pub fn url(directory: &Path) -> Option<String> {
    let server = std::env::var(SERVER).ok().filter(|server| !server.is_empty())?;
    let hash = vitals::hex::encode(&Sha256::digest(directory.as_os_str().as_encoded_bytes()));
    let name = format!("t{}", hash.get(..24).unwrap_or_default());
    let known = psql(&server, &format!("SELECT 1 FROM pg_database WHERE datname = '{name}'"));
    if known.trim().is_empty() {
        psql(&server, &format!("CREATE DATABASE {name} TEMPLATE template0"));
    }
    Some(format!("{server}/{name}"))
}

/// Where the store of the test in `directory` is.
///
/// # Panics
/// As [`url`].
#[must_use]
pub fn address(directory: &Path) -> Address {
    match url(directory) {
        Some(url) => url.parse().unwrap_or_else(|error| panic!("{SERVER}: {error}")),
        None => Address::Directory(directory.to_owned()),
    }
}

/// Opens the store of the test in `directory`.
///
/// # Errors
/// As [`Store::at`].
pub async fn open(directory: &Path) -> Result<Store, StoreError> {
    Store::at(&address(directory)).await
}

fn psql(server: &str, sql: &str) -> String {
    let output = Command::new("psql")
        .args(["-X", "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1", "-c", sql, "-d"])
        .arg(format!("{server}/postgres"))
        .output()
        .unwrap_or_else(|error| panic!("psql: {error}"));
    assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
