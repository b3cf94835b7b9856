//! Enrolment's edge: the question over HTTPS, and the files.
//!
//! **Invariant:** each file is replaced whole and for its owner alone; a power cut leaves the old one or the new one.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

use crate::enrol::identity::{Identity, IdentityError, NewKey};
use crate::enrol::server::Server;
use crate::enrol::{Granted, settings};

/// The authorities that Debian believes, with those that the installation added.
const SYSTEM_ROOTS: &str = "/etc/ssl/certs/ca-certificates.crt";
const ANSWER_BYTES_MAX: u64 = 64 * 1024;
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// Why a box did not enrol, or did not renew. One line for whoever stands at it.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// No answer.
    #[error("{server} does not answer: {why}")]
    Unreachable {
        /// Who was asked.
        server: String,
        /// Why not.
        why: String,
    },
    /// The server says no.
    #[error("the server refuses: {what}")]
    Refused {
        /// Its HTTP status.
        status: u16,
        /// Its words.
        what: String,
    },
    /// The server's answer cannot be used.
    #[error("the answer of the server cannot be used: {0}")]
    Unusable(String),
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file holds something else than it should.
    #[error("{}: {what}", path.display())]
    Wrong {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The key or the certificate cannot be used.
    #[error(transparent)]
    Identity(#[from] IdentityError),
}

/// Where everything is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// The folder for the certificate, its key and the authority.
    pub folder: PathBuf,
    /// The configuration.
    pub config: PathBuf,
}

impl Places {
    /// Certificate and key, in one file.
    #[must_use]
    pub fn identity(&self) -> PathBuf {
        self.folder.join("gateway.pem")
    }

    /// Who vouches for the broker.
    #[must_use]
    pub fn ca(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }
}

/// Asks `server` with `code` for a certificate over a key made here, keeps it, and puts it into the configuration. `ca` is who
/// vouches for the server; without it the system says.
///
/// # Errors
/// [`EnrolError`]; the code is spent only if the server answered, and what was there before is in place until the new is whole.
pub async fn enrol(
    server: &Server,
    code: &str,
    ca: Option<&Path>,
    places: &Places,
) -> Result<Granted, EnrolError> {
    let before = match fs::read_to_string(&places.config) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(source) => return Err(EnrolError::File { path: places.config.clone(), source }),
    };
    make_folder(&places.folder).map_err(file(&places.folder))?;
    // Before the code is spent: a folder that cannot be written is found out now.
    let trial = places.folder.join(".enrol");
    put(&trial, "")?;
    fs::remove_file(&trial).map_err(file(&trial))?;
    let key = NewKey::make()?;
    let (request, _) = key.request()?;
    let granted = ask(server, ca, "/enrol", json!({ "code": code, "csr": request })).await?;
    let identity = key.with_certificate(&granted.certificate)?;
    put(&places.ca(), &granted.ca)?;
    put(&places.identity(), identity.text())?;
    // It holds no secret, and whoever runs the service reads it.
    put_as(&places.config, &configured(&before, server, ca, places, &granted)?, 0o644)?;
    Ok(granted)
}

/// Makes the folder for its owner alone. Made by root, it is the service's: that renews what is in it.
fn make_folder(folder: &Path) -> std::io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder.parent() {
        fs::create_dir_all(parent)?;
    }
    DirBuilder::new().mode(0o700).create(folder)?;
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    match service_user(&users).filter(|_| fs::metadata(folder).is_ok_and(|made| made.uid() == 0)) {
        Some((user, group)) => chown(folder, Some(user), Some(group)),
        None => Ok(()),
    }
}

/// The user and the group of the service, in the words of passwd(5).
fn service_user(users: &str) -> Option<(u32, u32)> {
    let line = users.lines().find_map(|line| line.strip_prefix("vagen-gateway:"))?;
    let mut fields = line.split(':').skip(1);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

fn configured(
    before: &str,
    server: &Server,
    ca: Option<&Path>,
    places: &Places,
    granted: &Granted,
) -> Result<String, EnrolError> {
    let path = |path: &Path| {
        fs::canonicalize(path).map(|path| path.to_string_lossy().into_owned()).map_err(file(path))
    };
    let mut values = vec![("gateway", granted.gateway.clone()), ("broker", granted.broker.clone())];
    // A broker without TLS, on this machine, asks for no certificate.
    if granted.broker.starts_with("mqtts://") {
        let identity = path(&places.identity())?;
        values.extend([("ca", path(&places.ca())?), ("certificate", identity.clone()), ("key", identity)]);
        values.push(("server", server.to_string()));
        if let Some(ca) = ca {
            values.push(("server_ca", path(ca)?));
        }
    }
    let text = if before.is_empty() && places.config.parent() == Some(&places.folder) {
        let outbox = Path::new(&path(&places.folder)?).join("outbox.db");
        format!("outbox = {}\n", toml::Value::from(outbox.to_string_lossy().as_ref()))
    } else {
        before.to_owned()
    };
    Ok(settings::with(&text, &values))
}

/// Sends `body` to `path` of `server` and reads what it grants.
///
/// # Errors
/// [`EnrolError`], by what the server said.
pub async fn ask(server: &Server, ca: Option<&Path>, path: &str, body: Value) -> Result<Granted, EnrolError> {
    let (address, name, roots) = (server.address(path), server.to_string(), roots(ca)?);
    let unreachable = |why: String| EnrolError::Unreachable { server: name.clone(), why };
    let asked = tokio::task::spawn_blocking(move || asked(&address, roots, &body.to_string()));
    let (status, answer) = asked
        .await
        .map_err(|error| unreachable(error.to_string()))?
        .map_err(|error| unreachable(error.to_string()))?;
    if status == 200 {
        return serde_json::from_str(&answer).map_err(|error| EnrolError::Unusable(error.to_string()));
    }
    let said = serde_json::from_str::<Value>(&answer).ok();
    let said = said.as_ref().and_then(|said| said["error"].as_str());
    // Only what can stand on one line of a log: it comes from elsewhere.
    let what: String =
        said.unwrap_or("no reason given").chars().filter(|c| !c.is_control()).take(300).collect();
    Err(EnrolError::Refused { status, what: format!("{what} (HTTP {status})") })
}

fn asked(address: &str, roots: RootCerts, body: &str) -> Result<(u16, String), ureq::Error> {
    let tls = TlsConfig::builder()
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .root_certs(roots)
        .build();
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .timeout_global(Some(ANSWER_WITHIN))
        .tls_config(tls)
        .build()
        .into();
    let mut response = agent
        .post(address)
        .header("content-type", "application/json")
        .header("accept", "application/json")
        .send(body)?;
    let status = response.status().as_u16();
    let text = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string()?;
    Ok((status, text))
}

/// Who may vouch for the server: the authorities in `ca`, else the system's, else those that browsers come with.
fn roots(ca: Option<&Path>) -> Result<RootCerts, EnrolError> {
    let pem = match ca {
        Some(path) => fs::read(path).map_err(file(path))?,
        None => match fs::read(SYSTEM_ROOTS) {
            Ok(pem) => pem,
            Err(_) => return Ok(RootCerts::WebPki),
        },
    };
    let certificate = |item: Result<PemItem<'static>, ureq::Error>| match item {
        Ok(PemItem::Certificate(certificate)) => Some(certificate),
        Ok(_) | Err(_) => None,
    };
    let certificates: Vec<Certificate<'static>> = parse_pem(&pem).filter_map(certificate).collect();
    match (certificates.is_empty(), ca) {
        (false, _) => Ok(RootCerts::new_with_certs(&certificates)),
        (true, None) => Ok(RootCerts::WebPki),
        (true, Some(path)) => {
            Err(EnrolError::Wrong { path: path.to_owned(), what: "holds no certificate".to_owned() })
        }
    }
}

fn file(path: &Path) -> impl FnOnce(std::io::Error) -> EnrolError {
    let path = path.to_owned();
    move |source| EnrolError::File { path, source }
}

/// Replaces the file at `path` whole, readable by its owner alone: whoever owns the folder, so that root may enrol for the service.
///
/// # Errors
/// [`EnrolError::File`]; then the old one is in place.
pub fn put(path: &Path, text: &str) -> Result<(), EnrolError> {
    put_as(path, text, 0o600)
}

fn put_as(path: &Path, text: &str, mode: u32) -> Result<(), EnrolError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let made = folder.join(format!(".{}.new", path.file_name().unwrap_or_default().to_string_lossy()));
    let write = || {
        // One that a power cut left behind is in the way of nobody.
        let _ = fs::remove_file(&made);
        let mut out = OpenOptions::new().write(true).create_new(true).mode(mode).open(&made)?;
        out.write_all(text.as_bytes())?;
        let (own, folders) = (out.metadata()?, fs::metadata(folder)?);
        if (own.uid(), own.gid()) != (folders.uid(), folders.gid()) && own.uid() == 0 {
            chown(&made, Some(folders.uid()), Some(folders.gid()))?;
        }
        out.sync_all()?;
        fs::rename(&made, path)?;
        File::open(folder)?.sync_all()
    };
    write().map_err(file(path))
}

/// Reads the identity in `path`.
///
/// # Errors
/// [`EnrolError`] with the file.
pub fn identity(path: &Path) -> Result<Identity, EnrolError> {
    let text = fs::read_to_string(path).map_err(file(path))?;
    Identity::read(&text)
        .map_err(|error| EnrolError::Wrong { path: path.to_owned(), what: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows by passwd(5): name, password, user, group, and more.
    #[test]
    fn the_services_user_is_found_by_its_whole_name() {
        let rows = [
            (
                "root:x:0:0::/root:/bin/sh\nvagen-gateway:x:997:996::/var/lib/vagen-gateway:/usr/sbin/nologin\n",
                Some((997, 996)),
            ),
            ("vagen-gateway2:x:1:1:::\n", None),
            ("vagen-gateway:x:a:1:::\n", None),
            ("", None),
        ];
        for (users, expected) in rows {
            assert_eq!(service_user(users), expected, "{users}");
        }
    }

    #[test]
    fn a_file_is_replaced_whole_and_for_its_owner_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("gateway.pem");
        for text in ["one", "two"] {
            put(&path, text).expect("writes");
            assert_eq!(fs::read_to_string(&path).expect("reads"), text);
        }
        assert_eq!(fs::metadata(&path).expect("there").mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).expect("reads").count(), 1, "nothing else is left");
        assert!(put(&folder.path().join("no/such"), "x").is_err());
    }
}
