//! `vagen backup` and `vagen restore`.

use std::io::{self, Write};

use care::store::Address;
use care::store::backup::{self, BackupError, Manifest};
use care::store::copy::CopyError;
use serde_json::json;

use crate::cli::store::{on_one_thread, with_store};
use crate::cli::{BackupArguments, RestoreArguments};
use crate::failure::{Failure, OrFail};
use crate::serve::config::{self, Place};

pub(crate) fn back_up(arguments: &BackupArguments) -> Result<(), Failure> {
    let data = config::place(&arguments.store)?.data;
    let manifest = with_store(&arguments.store, async |store, now| {
        backup::back_up(&store, &data, &arguments.to, now).await.map_err(failure)
    })?;
    say(&manifest)
}

pub(crate) fn restore(arguments: &RestoreArguments) -> Result<(), Failure> {
    let Place { data, store } = config::place(&arguments.store)?;
    let server = matches!(store, Address::Server(_)).then_some(&store);
    let manifest =
        on_one_thread(async { backup::restore(&arguments.from, &data, server).await.map_err(failure) })?;
    say(&manifest)
}

/// A backup that is not whole, or a place that is taken, is wrong input; the rest is work that failed.
fn failure(error: BackupError) -> Failure {
    match error {
        BackupError::NotWhole { .. }
        | BackupError::Taken { .. }
        | BackupError::Copy(CopyError::NotEmpty { .. }) => Failure::input(error),
        BackupError::Store(_) | BackupError::Copy(_) | BackupError::File { .. } => Failure::work(error),
    }
}

fn say(manifest: &Manifest) -> Result<(), Failure> {
    let bytes: u64 = manifest.files.iter().map(|file| file.bytes).sum();
    let line = json!({ "created_at": manifest.created_at, "files": manifest.files.len(), "bytes": bytes });
    writeln!(io::stdout(), "{line}").or_fail()
}
