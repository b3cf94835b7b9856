//! A copy of a data directory that can be put back: the store as it was at one moment, and the files beside it.
//!
//! The copy is made while the store is in use. A store on a PostgreSQL server is in it as an SQLite file, so that a backup can be put
//! back into either. It says of each file how long it is and what its hash is, so that one that was
//! damaged or is incomplete is noticed before anything is put back. It holds health data and keys: keep it as the store is kept.
//!
//! **Invariants:** a backup without its manifest was not finished and is refused. A restore never touches a store that is there.

use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use vitals::Timestamp;

use super::copy::{self, CopyError};
use super::{Address, FILE_NAME, Store, StoreError};
use crate::canary;

/// The file in a backup that lists the others. Written last.
pub const MANIFEST: &str = "manifest.json";
const FORMAT: u32 = 1;
const MANIFEST_BYTES_MAX: u64 = 4 << 20;
/// Folders within folders that are looked into; a data directory has one level.
const DEPTH_MAX: usize = 4;

/// What a backup holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The form of the backup; this is 1.
    pub format: u32,
    /// The version of Vågen that made it.
    pub version: String,
    /// When it was begun.
    pub created_at: Timestamp,
    /// Every file, by its path in the data directory.
    pub files: Vec<Held>,
}

/// One file of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Where it belongs in the data directory.
    pub path: PathBuf,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256, in hex.
    pub sha256: String,
    /// Its permissions, as Unix has them.
    pub mode: u32,
}

/// Why no backup was made, or nothing was put back.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The rows of a store could not be copied.
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The place for the backup or for the restored store is taken. Nothing was changed.
    #[error("{} is there already; nothing was changed", path.display())]
    Taken {
        /// What is there.
        path: PathBuf,
    },
    /// The backup cannot be used. Nothing was put back.
    #[error("{} is no whole backup: {what}; nothing was put back", path.display())]
    NotWhole {
        /// The backup.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> BackupError + '_ {
    move |source| BackupError::File { path: path.to_owned(), source }
}

/// Copies the open `store` and the files of the data directory `data` to the new directory `to`.
///
/// # Errors
/// [`BackupError`]; a directory without a manifest may be left behind, which no restore takes.
pub async fn back_up(store: &Store, data: &Path, to: &Path, now: Timestamp) -> Result<Manifest, BackupError> {
    if to.exists() {
        return Err(BackupError::Taken { path: to.to_owned() });
    }
    make_directory(to)?;
    let copy = to.join(FILE_NAME);
    match store.address() {
        Address::Directory(_) => store.copy_to(&copy).await?,
        Address::Server(_) => {
            let file = Store::open(to).await?;
            let copied = copy::copy(store, &file, |_| ()).await;
            file.close().await;
            copied?;
        }
    }
    std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(0o600)).map_err(at(&copy))?;
    std::fs::File::open(&copy).and_then(|file| file.sync_all()).map_err(at(&copy))?;
    let mut files = vec![held(to, Path::new(FILE_NAME))?];
    for path in if data.exists() { beside(data, Path::new(""), 0)? } else { Vec::new() } {
        put(&data.join(&path), &to.join(&path))?;
        files.push(held(to, &path)?);
    }
    let manifest =
        Manifest { format: FORMAT, version: env!("CARGO_PKG_VERSION").to_owned(), created_at: now, files };
    let path = to.join(MANIFEST);
    let text = serde_json::to_vec_pretty(&manifest).map_err(|error| at(&path)(error.into()))?;
    write_new(&path, 0o600, &mut text.as_slice())?;
    sync_directory(to)?;
    Ok(manifest)
}

/// Puts the backup at `from` back as the data directory `to`, which must hold no store. Where the store is to be on a `server`, its
/// rows go there, and what is there must be empty.
///
/// # Errors
/// [`BackupError`]; then there is no store at `to`, and the server's is as it was.
pub async fn restore(from: &Path, to: &Path, server: Option<&Address>) -> Result<Manifest, BackupError> {
    let manifest = whole(from)?;
    for one in &manifest.files {
        let path = to.join(&one.path);
        if path.exists() {
            return Err(BackupError::Taken { path });
        }
    }
    make_directory(to)?;
    // The store comes last: without it the directory is not one that anything opens.
    let (stores, others): (Vec<_>, Vec<_>) =
        manifest.files.iter().partition(|one| one.path == Path::new(FILE_NAME));
    for one in others.into_iter().chain(stores) {
        put(&from.join(&one.path), &to.join(&one.path))?;
    }
    sync_directory(to)?;
    let done = match (sound(to).await, server) {
        (Ok(()), Some(server)) => onto(to, server).await,
        (sound, _) => sound,
    };
    if done.is_err() || server.is_some() {
        for name in ["", "-wal", "-shm"] {
            let file = to.join(format!("{FILE_NAME}{name}"));
            if file.exists() {
                std::fs::remove_file(&file).map_err(at(&file))?;
            }
        }
    }
    done.map(|()| manifest)
}

/// Copies the store in `directory` to `server`.
async fn onto(directory: &Path, server: &Address) -> Result<(), BackupError> {
    let (from, to) = (Store::open_existing(directory).await?, Store::at(server).await?);
    let copied = copy::copy(&from, &to, |_| ()).await;
    from.close().await;
    to.close().await;
    copied?;
    Ok(())
}

/// Opens the store once, which also brings the schema of an older version up to date, and has it look itself over.
async fn sound(directory: &Path) -> Result<(), BackupError> {
    let store = Store::open_existing(directory).await?;
    let found = store.look_over().await;
    store.close().await;
    match found? {
        None => Ok(()),
        Some(what) => Err(BackupError::NotWhole { path: directory.join(FILE_NAME), what }),
    }
}

/// The manifest of a backup whose every file is as it says.
fn whole(from: &Path) -> Result<Manifest, BackupError> {
    let not_whole = |what: String| BackupError::NotWhole { path: from.to_owned(), what };
    let path = from.join(MANIFEST);
    let file = std::fs::File::open(&path).map_err(|error| not_whole(format!("{MANIFEST}: {error}")))?;
    let mut text = Vec::new();
    file.take(MANIFEST_BYTES_MAX).read_to_end(&mut text).map_err(at(&path))?;
    let manifest: Manifest =
        serde_json::from_slice(&text).map_err(|error| not_whole(format!("{MANIFEST}: {error}")))?;
    if manifest.format != FORMAT {
        return Err(not_whole(format!("its form is {}, this version knows {FORMAT}", manifest.format)));
    }
    if !manifest.files.iter().any(|one| one.path == Path::new(FILE_NAME)) {
        return Err(not_whole(format!("{FILE_NAME} is not in it")));
    }
    for one in &manifest.files {
        let is_plain = one.path.components().all(|part| matches!(part, Component::Normal(_)));
        if !is_plain {
            return Err(not_whole(format!("{} leads out of it", one.path.display())));
        }
        let found = held(from, &one.path).map_err(|error| not_whole(error.to_string()))?;
        if (found.bytes, &found.sha256) != (one.bytes, &one.sha256) {
            return Err(not_whole(format!("{} is not as it was written", one.path.display())));
        }
    }
    Ok(manifest)
}

/// The files of a data directory that are not the store's own, by their path in it.
fn beside(root: &Path, folder: &Path, depth: usize) -> Result<Vec<PathBuf>, BackupError> {
    let mut found = Vec::new();
    let place = root.join(folder);
    for entry in std::fs::read_dir(&place).map_err(at(&place))? {
        let entry = entry.map_err(at(&place))?;
        let path = folder.join(entry.file_name());
        let kind = entry.file_type().map_err(at(&place))?;
        let is_store = depth == 0 && entry.file_name().to_string_lossy().starts_with(FILE_NAME);
        // The canary's outbox is written all the time, and nothing is lost with it.
        let is_canary = depth == 0 && entry.file_name() == canary::FOLDER;
        if is_canary {
            continue;
        }
        if kind.is_dir() && depth < DEPTH_MAX {
            found.extend(beside(root, &path, depth + 1)?);
        } else if kind.is_file() && !is_store {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn held(root: &Path, path: &Path) -> Result<Held, BackupError> {
    let place = root.join(path);
    let mut file = std::fs::File::open(&place).map_err(at(&place))?;
    let mode = file.metadata().map_err(at(&place))?.permissions().mode() & 0o777;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    let mut bytes = 0;
    loop {
        let read = file.read(&mut buffer).map_err(at(&place))?;
        if read == 0 {
            break;
        }
        bytes += read as u64;
        hash.update(&buffer[..read]);
    }
    Ok(Held { path: path.to_owned(), bytes, sha256: vitals::hex::encode(&hash.finalize()), mode })
}

fn put(from: &Path, to: &Path) -> Result<(), BackupError> {
    if let Some(parent) = to.parent() {
        make_directory(parent)?;
    }
    let mut file = std::fs::File::open(from).map_err(at(from))?;
    let mode = file.metadata().map_err(at(from))?.permissions().mode() & 0o777;
    write_new(to, mode, &mut file)
}

fn write_new(path: &Path, mode: u32, content: &mut impl Read) -> Result<(), BackupError> {
    let mut write = || {
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
        io::copy(content, &mut file)?;
        file.flush()?;
        file.sync_all()
    };
    write().map_err(at(path))
}

fn make_directory(path: &Path) -> Result<(), BackupError> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(at(path))
}

fn sync_directory(path: &Path) -> Result<(), BackupError> {
    std::fs::File::open(path).and_then(|directory| directory.sync_all()).map_err(at(path))
}
