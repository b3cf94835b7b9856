//! The broker's files: a mosquitto configuration that binds each certificate to its own topics, and what it names.
//!
//! | file | what it is |
//! |---|---|
//! | `mosquitto.conf` | the listener: TLS 1.3, client certificates, who is who by their common name |
//! | `acl` | each gateway its own three topics, the server everybody's |
//! | `ca.pem`, `crl.pem` | whose certificates count, and which do not |
//! | `broker.pem`, `broker.key` | the broker's own certificate, made anew at half of its time |
//!
//! **Invariant:** each file is replaced whole; a broker that reads one finds the old or the new.

use std::collections::BTreeSet;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use care::enrolment::authority::{self, Purpose, SERVER_NAME};
use care::enrolment::{Authority, revocation};
use care::store::Store;
use ingest::link::Address;
use vitals::Timestamp;

use crate::failure::{Failure, OrFail};
use crate::serve::config::Config;
use crate::serve::enrolment::broker_urls;

/// The revocation list.
pub(crate) const LIST: &str = "crl.pem";
const CERTIFICATE: &str = "broker.pem";
const KEY: &str = "broker.key";

/// What was asked for.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// Where to write.
    pub(crate) folder: PathBuf,
    /// Where the broker listens.
    pub(crate) listen: Option<String>,
    /// Names of it beside those in its addresses.
    pub(crate) more_names: Vec<String>,
    /// Which user it becomes.
    pub(crate) user: Option<String>,
}

/// Writes every file, and gives their paths.
pub(crate) async fn write(
    store: &Store,
    authority: &Authority,
    config: &Config,
    asked: &Asked,
    now: Timestamp,
) -> Result<Vec<PathBuf>, Failure> {
    let addresses = addresses(config)?;
    let mut names: BTreeSet<String> = addresses.iter().map(|address| address.host.clone()).collect();
    names.extend(asked.more_names.iter().cloned());
    if names.is_empty() {
        names = this_machine();
    }
    let folder = &asked.folder;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o750).create(folder);
    made.map_err(|error| Failure::work(anyhow::anyhow!("{}: {error}", folder.display())))?;
    let folder = &folder.canonicalize().or_fail()?;
    let listener = match &asked.listen {
        Some(text) => listener(text)?,
        None => addresses.first().map_or(8883, |address| address.port).to_string(),
    };
    let list = revocation::list(store, authority, now).await.or_fail()?;
    certify(folder, authority, &names, now)?;
    put(&folder.join("ca.pem"), authority.certificate_pem())?;
    put(&folder.join(LIST), &list.pem)?;
    put(&folder.join("acl"), &access_list())?;
    put(&folder.join("mosquitto.conf"), &configuration(folder, &listener, asked.user.as_deref()))?;
    let files = ["mosquitto.conf", "acl", "ca.pem", LIST, CERTIFICATE, KEY];
    Ok(files.iter().map(|name| folder.join(name)).collect())
}

/// Makes the broker's certificate anew in `folder` where it is missing, for other names, or past half of its time. Says whether
/// it was.
pub(crate) fn certify(
    folder: &Path,
    authority: &Authority,
    names: &BTreeSet<String>,
    now: Timestamp,
) -> Result<bool, Failure> {
    let (certificate, key) = (folder.join(CERTIFICATE), folder.join(KEY));
    let held = std::fs::read_to_string(&certificate).unwrap_or_default();
    if key.exists() && authority::is_current(authority, &held, names, now) {
        return Ok(false);
    }
    let identity =
        authority.make(&Purpose::Broker(names.clone()), now).or_wrong_input("the broker's name")?;
    put(&key, &identity.key_pem)?;
    put(&certificate, &identity.issued.pem)?;
    Ok(true)
}

/// As [`certify`], for a broker whose files are kept current: under the names it has, and those in the configuration.
pub(crate) fn certify_again(
    folder: &Path,
    authority: &Authority,
    config_names: &BTreeSet<String>,
    now: Timestamp,
) -> Result<bool, Failure> {
    let held = std::fs::read_to_string(folder.join(CERTIFICATE)).unwrap_or_default();
    let held = authority::names_in(&held).unwrap_or_default();
    certify(folder, authority, &held.union(config_names).cloned().collect(), now)
}

/// The names that the configuration gives the broker.
pub(crate) fn broker_names(config: &Config) -> Result<BTreeSet<String>, Failure> {
    Ok(addresses(config)?.into_iter().map(|address| address.host).collect())
}

fn addresses(config: &Config) -> Result<Vec<Address>, Failure> {
    let with_tls = broker_urls(config).into_iter().filter(|url| url.starts_with("mqtts://"));
    with_tls.map(|url| url.parse::<Address>().or_wrong_input("broker")).collect()
}

/// What a broker on this machine is called when nobody says.
fn this_machine() -> BTreeSet<String> {
    let own = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let own = Some(own.trim().to_owned()).filter(|own| !own.is_empty());
    own.into_iter().chain(["localhost".to_owned(), "127.0.0.1".to_owned()]).collect()
}

/// `[HOST:]PORT` as mosquitto writes it: the port, then the address.
fn listener(text: &str) -> Result<String, Failure> {
    let (host, port) = text.rsplit_once(':').unwrap_or(("", text));
    let port: u16 = port
        .parse()
        .map_err(|_| Failure::input(format_args!("listen {text:?} is not [HOST:]PORT, such as 8883")))?;
    Ok(format!("{port} {}", host.trim_start_matches('[').trim_end_matches(']')).trim_end().to_owned())
}

fn access_list() -> String {
    format!(
        "# Written by `vagen broker config`. A user is the common name of a client certificate.\n\
         # The server hears every gateway and answers each. No gateway's id can hold a colon.\n\
         user {SERVER_NAME}\n\
         topic read vagen/v1/+/up\n\
         topic read vagen/v1/+/heartbeat\n\
         topic write vagen/v1/+/down\n\
         \n\
         # Each gateway speaks and hears under its own name only.\n\
         pattern write vagen/v1/%u/up\n\
         pattern write vagen/v1/%u/heartbeat\n\
         pattern read vagen/v1/%u/down\n"
    )
}

fn configuration(folder: &Path, listener: &str, user: Option<&str>) -> String {
    let user = user.map_or_else(String::new, |user| format!("user {user}\n"));
    let folder = folder.display();
    format!(
        "# Written by `vagen broker config`, for mosquitto 2.\n\
         {user}per_listener_settings true\n\
         \n\
         listener {listener}\n\
         tls_version tlsv1.3\n\
         cafile {folder}/ca.pem\n\
         crlfile {folder}/{LIST}\n\
         certfile {folder}/{CERTIFICATE}\n\
         keyfile {folder}/{KEY}\n\
         require_certificate true\n\
         allow_anonymous false\n\
         # Who a client is, its certificate says; and its session is named so too, whatever it calls itself. So nobody can take\n\
         # another's session, and the server, which can sign for anybody, can end one.\n\
         use_identity_as_username true\n\
         use_username_as_clientid true\n\
         acl_file {folder}/acl\n\
         \n\
         # Nothing here needs to survive a restart: what has no receipt is sent again. But a burst must not be dropped.\n\
         persistence false\n\
         max_inflight_messages 100\n\
         max_queued_messages 100000\n\
         # The server reads larger packets than the broker takes: none can end its session again and again.\n\
         message_size_limit 1048576\n\
         max_packet_size 2097152\n"
    )
}

/// Replaces a file whole. The broker's group may read it; nobody else may.
pub(crate) fn put(path: &Path, text: &str) -> Result<(), Failure> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let put = || {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(text.as_bytes())?;
        file.as_file().set_permissions(std::fs::Permissions::from_mode(0o640))?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok::<(), std::io::Error>(())
    };
    put().map_err(|error| Failure::work(anyhow::anyhow!("{}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// To add a case, add a row: what was asked, and mosquitto's words (mosquitto.conf(5), `listener port [bind address]`).
    #[test]
    fn a_listener_is_a_port_and_perhaps_an_address() {
        let rows = [
            ("8883", Some("8883")),
            ("127.0.0.1:8884", Some("8884 127.0.0.1")),
            ("[::1]:8883", Some("8883 ::1")),
            ("broker", None),
            ("8883\ninclude_dir /", None),
        ];
        for (text, expected) in rows {
            assert_eq!(listener(text).ok().as_deref(), expected, "{text}");
        }
    }
}
