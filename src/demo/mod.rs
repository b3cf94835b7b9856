//! `vagen demo`: the whole product on loopback in one process, with simulated homes and invented people.
//!
//! Broker, ingest, store and dashboard are those of `serve`. What is simulated ends at the radio: virtual devices send real
//! frames, and the gateway library, MQTT and everything after it cannot tell.
//!
//! **Invariant:** it touches no store that it did not make, and listens on loopback unless told otherwise.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use care::clock::Clock;
use care::health::Part;
use care::store::FILE_NAME;
use vitals::Timestamp;

use crate::cli::DemoArguments;
use crate::failure::{Failure, OrFail};
use crate::ready::Login;
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
/// What is logged. The broker takes each gateway that hangs up for an error of its own.
const LOG: &str = "warn,rumqttd=off";

/// `vagen demo`.
pub(crate) fn run(arguments: &DemoArguments) -> Result<(), Failure> {
    let (data, temporary) = match &arguments.data {
        Some(data) => (data.clone(), None),
        None => {
            let temporary = tempfile::tempdir().context("a temporary directory").or_fail()?;
            (temporary.path().to_owned(), Some(temporary))
        }
    };
    let listen = &arguments.listen;
    let config = Config::of_demo(listen.http.as_deref(), listen.mqtt.as_deref(), data)?;
    log_to_stderr(LOG)?;
    let is_new = claim(&config.data)?;
    let ended = on_all_cores(demo(arguments, &config, is_new));
    // The directory goes when everything that wrote in it has ended.
    if let Some(temporary) = temporary {
        temporary.close().context("removing the temporary directory").or_fail()?;
    }
    ended
}

/// Makes `data` a demo's directory. Says whether a history is still to be told in it.
///
/// # Errors
/// [`Failure::Input`] when a store is there that no demo made.
fn claim(data: &Path) -> Result<bool, Failure> {
    let whole = |failed: &str| format!("cannot {failed} in {}", data.display());
    match std::fs::read_to_string(data.join(MARK)) {
        Ok(mark) if mark == MARK_WHOLE => return Ok(false),
        // A history that was broken off is told anew.
        Ok(_) => clear(data).with_context(|| whole("clear away a broken-off history")).or_fail()?,
        Err(_) if data.join(FILE_NAME).exists() => {
            return Err(Failure::input(format_args!(
                "--data {}: holds a store that is not a demo's; choose another directory",
                data.display()
            )));
        }
        Err(_) => {}
    }
    std::fs::create_dir_all(data).with_context(|| whole("make a directory")).or_fail()?;
    mark(data, MARK_BEGUN)?;
    Ok(true)
}

fn mark(data: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(data.join(MARK), text)
        .with_context(|| format!("cannot write in {}", data.display()))
        .or_fail()
}

/// Removes what a demo's history consists of, and nothing else.
fn clear(data: &Path) -> std::io::Result<()> {
    let absent_is_fine = |done: std::io::Result<()>| match done {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        done => done,
    };
    for tail in ["", "-wal", "-shm"] {
        absent_is_fine(std::fs::remove_file(data.join(format!("{FILE_NAME}{tail}"))))?;
    }
    absent_is_fine(std::fs::remove_dir_all(data.join(HOMES)))
}

async fn demo(arguments: &DemoArguments, config: &Config, is_new: bool) -> Result<(), Failure> {
    let mut told = Told::listen()?;
    let clock = StoryClock::new(Clock::system());
    let started_at = clock.now();
    let calendar = Calendar::new(started_at, care::clock::zone());
    let first_day = calendar.moment(-HISTORY_DAYS, 0, 0);
    if is_new {
        clock.set(first_day);
    }
    let telling = clock.clone();
    let running = Running::start(config, Clock::told_by(move || telling.now())).await?;
    let stage = Stage { running: &running, config, clock: &clock, arguments };
    let shown = async {
        running.answers().await;
        if is_new {
            stage.tell_history(&calendar, first_day, started_at).await.or_fail()?;
            mark(&config.data, MARK_WHOLE)?;
        }
        stage.go_live().await
    };
    let patience = arguments.until_task.then(|| Duration::from_secs(arguments.timeout_s));
    let ended = tokio::select! {
        ended = shown => ended,
        () = told.to_stop() => Ok(()),
        () = wears_out(patience) => Err(Failure::work(anyhow::anyhow!(
            "no task with an open dialogue within {} s", arguments.timeout_s
        ))),
    };
    running.stop().await;
    ended
}

/// Ends when `patience` is over; never where there is no end to it.
async fn wears_out(patience: Option<Duration>) {
    match patience {
        Some(patience) => tokio::time::sleep(patience).await,
        None => std::future::pending().await,
    }
}

/// Where the demo plays.
struct Stage<'a> {
    running: &'a Running,
    config: &'a Config,
    clock: &'a StoryClock,
    arguments: &'a DemoArguments,
}

impl Stage<'_> {
    fn street(&self, now: Option<Timestamp>) -> anyhow::Result<Street> {
        Street::open(&self.config.data.join(HOMES), &self.running.mqtt, now)
    }

    async fn tell_history(
        &self,
        calendar: &Calendar,
        first_day: Timestamp,
        until: Timestamp,
    ) -> anyhow::Result<()> {
        register::apply(&self.running.store, first_day, calendar.moment(0, 0, 0)).await?;
        let street = self.street(Some(first_day))?;
        let (running, clock) = (self.running, self.clock);
        History { running, clock, calendar, street, until }.tell(-HISTORY_DAYS).await
    }

    async fn go_live(&self) -> Result<(), Failure> {
        self.clock.let_go();
        let now = self.clock.now();
        // Everything has just been through the whole chain; the parts look at themselves again within the minute.
        [Part::Broker, Part::Store, Part::Watch].into_iter().for_each(|part| {
            self.running.health.whole(part, now);
        });
        let mut street = self.street(None).or_fail()?;
        let logins = register::logins();
        write_ready(self.arguments.listen.ready_file.as_ref(), self.running, &logins)?;
        let intake = self.running.ingest.intake();
        let until_task = self.arguments.until_task;
        let live = Live {
            store: &self.running.store,
            intake: &*intake,
            street: &mut street,
            clock: self.running.clock.clone(),
            pace: if until_task { Pace::AWAITED } else { Pace::WATCHED },
        };
        if until_task {
            let nurse =
                Nurse::sign_in(format!("http://{}", self.running.http), &logins[0]).await.or_fail()?;
            tokio::select! {
                task = nurse.task(&self.running.store, now) => say(&task.or_fail()?)?,
                () = live.goes_on() => {}
            }
        } else {
            say(&welcome(self.running, &logins))?;
            live.goes_on().await;
        }
        street.close().await;
        Ok(())
    }
}

fn say(text: &str) -> Result<(), Failure> {
    use std::io::Write as _;
    let mut to = std::io::stdout();
    writeln!(to, "{text}").and_then(|()| to.flush()).or_fail()
}

/// Where to look and how to get in.
fn welcome(running: &Running, logins: &[Login]) -> String {
    let rows: String =
        logins.iter().map(|one| format!("\n  {:<20} {:<8} {}", one.role, one.login, one.password)).collect();
    format!(
        "Vågen demo: http://{}\n\n  {:<20} {:<8} password{rows}\n\n\
         Everybody in it is invented. Aino's blood pressure is falling: watch the worklist. Ctrl-C ends it.",
        running.http, "role", "login"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_demos_own_directory_is_taken() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let data = folder.path().join("new");
        assert!(matches!(claim(&data), Ok(true)), "made when it is missing");
        std::fs::write(data.join(FILE_NAME), "half a history").expect("writes");
        std::fs::create_dir(data.join(HOMES)).expect("makes");
        assert!(matches!(claim(&data), Ok(true)), "a history that was broken off is told anew");
        assert!(!data.join(FILE_NAME).exists() && !data.join(HOMES).exists());
        std::fs::write(data.join(FILE_NAME), "a history").expect("writes");
        assert!(mark(&data, MARK_WHOLE).is_ok());
        assert!(matches!(claim(&data), Ok(false)), "a whole history goes on");
        assert!(data.join(FILE_NAME).exists());
        std::fs::remove_file(data.join(MARK)).expect("removes");
        assert!(matches!(claim(&data), Err(Failure::Input(_))), "somebody's store is let be");
        assert!(data.join(FILE_NAME).exists());
    }
}
