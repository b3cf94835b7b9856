//! `vagen demo`: the whole product on loopback in one process, with simulated homes and invented people.
//!
//! Broker, ingest, store and dashboard are those of `serve`. What is simulated ends at the radio: virtual devices send real
//! frames, and the gateway library, MQTT and everything after it cannot tell.
//!
//! **Invariant:** it touches no store that it did not make, and listens on loopback unless told otherwise.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use care::clock::Clock;
use care::health::Part;
use care::store::FILE_NAME;
use vitals::Timestamp;

use crate::cli::DemoArguments;
use crate::failure::{Failure, OrFail};
use crate::serve::config::Config;
use crate::serve::{Running, Told, log_to_stderr, on_all_cores, write_ready};

mod acts;
mod clock;
mod frames;
mod history;
mod homes;
mod live;
mod noise;
mod people;
mod peripheral;
mod plan;
mod readback;
mod register;
mod street;

use clock::StoryClock;
use history::History;
use live::{Live, Pace};
use plan::{Calendar, HISTORY_DAYS};
use readback::Nurse;
use street::Street;

/// The file that says whose the directory is: a demo's, and whether its history was told to the end.
const MARK: &str = "demo.json";
const MARK_BEGUN: &str = "{\"history\":\"begun\"}\n";
const MARK_WHOLE: &str = "{\"history\":\"whole\"}\n";
const HOMES: &str = "homes";

/// `vagen demo`.
pub(crate) fn run(arguments: &DemoArguments) -> Result<(), Failure> {
    let temporary = match &arguments.data {
        Some(_) => None,
        None => Some(tempfile::tempdir().context("a temporary directory").or_fail()?),
    };
    let data = match (&arguments.data, &temporary) {
        (Some(data), _) => data.clone(),
        (None, Some(temporary)) => temporary.path().to_owned(),
        (None, None) => PathBuf::from("."),
    };
    let listen = &arguments.listen;
    let config = Config::of_demo(listen.http.as_deref(), listen.mqtt.as_deref(), data)?;
    log_to_stderr(&config.log)?;
    let to_tell = claim(&config.data)?;
    let ended = on_all_cores(async {
        let mut told = Told::listen()?;
        tokio::select! {
            done = demo(arguments, &config, to_tell) => done,
            () = told.to_stop() => Ok(()),
        }
    });
    // The directory goes when everything that wrote in it has ended.
    if let Some(temporary) = temporary {
        temporary.close().context("removing the temporary directory").or_fail()?;
    }
    ended
}
