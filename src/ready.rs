//! The ready file: tells whoever started the process that everything answers, and where.

use std::path::Path;

use serde::Serialize;

/// A demo login.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Login {
    pub(crate) role: String,
    pub(crate) login: String,
    pub(crate) password: String,
}

#[derive(Debug, Serialize)]
struct Ready<'a> {
    http: String,
    mqtt: &'a str,
    pid: u32,
    #[serde(skip_serializing_if = "<[Login]>::is_empty")]
    logins: &'a [Login],
}

/// Writes the file whole: a reader sees nothing or everything.
pub(crate) fn write(file: &Path, http: &str, mqtt: &str, logins: &[Login]) -> std::io::Result<()> {
    let ready = Ready { http: http.to_owned(), mqtt, pid: std::process::id(), logins };
    let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut whole = tempfile::NamedTempFile::new_in(directory)?;
    serde_json::to_writer(&mut whole, &ready)?;
    whole.persist(file)?;
    Ok(())
}
