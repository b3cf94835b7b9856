//! The authority's files: a folder that only its owner can enter, with a certificate and a key.
//!
//! **Invariant:** the folder is there whole or not at all, whoever else makes one at the same moment.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use super::AuthorityError;

pub(super) const CERTIFICATE: &str = "ca.pem";
pub(super) const KEY: &str = "ca.key";

pub(super) fn read(path: &Path) -> Result<String, AuthorityError> {
    fs::read_to_string(path).map_err(|source| AuthorityError::File { path: path.to_owned(), source })
}

/// Puts a new authority into `folder`. Whoever comes second leaves the first one's in place.
pub(super) fn keep(folder: &Path, certificate_pem: &str, key_pem: &str) -> Result<(), AuthorityError> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |source| AuthorityError::File { path, source }
    };
    if let Some(parent) = folder.parent() {
        fs::create_dir_all(parent).map_err(at(parent))?;
    }
    let making = folder.with_extension(uuid::Uuid::new_v4().simple().to_string());
    DirBuilder::new().mode(0o700).create(&making).map_err(at(&making))?;
    let written =
        write(&making.join(KEY), key_pem).and_then(|()| write(&making.join(CERTIFICATE), certificate_pem));
    let placed = written.and_then(|()| fs::rename(&making, folder));
    if let Err(error) = placed {
        // What was made is of no use, and what cannot be taken away is an empty folder's worth of bytes.
        let _ = fs::remove_dir_all(&making);
        if !folder.join(CERTIFICATE).exists() {
            return Err(at(folder)(error));
        }
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
