//! `vagen demo`: the whole product on loopback in one process, with simulated homes and invented people.
//!
//! Broker, ingest, store and dashboard are those of `serve`. What is simulated ends at the radio: virtual devices send real
//! frames, and the gateway library, MQTT and everything after it cannot tell.
//!
//! **Invariant:** it touches no store that it did not make, and listens on loopback unless told otherwise.

use std::time::Duration;

use anyhow::Context as _;
use care::clock::Clock;
use care::health::Part;
use vitals::Timestamp;

use crate::cli::DemoArguments;
use crate::failure::{Failure, OrFail};
use crate::ready::Login;
use crate::serve::config::{Config, LogFormat};
use crate::serve::{self, Running, log_to_stderr, on_all_cores, write_ready};

mod acts;
mod clock;
mod folder;
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
use folder::{Folder, Told};
use history::History;
use live::{Live, Pace};
use plan::{Calendar, HISTORY_DAYS};
use readback::Nurse;
use street::Street;

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
    log_to_stderr(LOG, LogFormat::Text)?;
    let (folder, so_far) = Folder::claim(&config.data)?;
    let ended = on_all_cores(demo(arguments, &config, &folder, so_far));
    // The directory goes when everything that wrote in it has ended.
    if let Some(temporary) = temporary {
        temporary.close().context("removing the temporary directory").or_fail()?;
    }
    ended
}

async fn demo(
    arguments: &DemoArguments,
    config: &Config,
    folder: &Folder,
    so_far: Option<Told>,
) -> Result<(), Failure> {
    let mut told_to_stop = serve::Told::listen()?;
    let clock = StoryClock::new(Clock::system());
    let started_at = clock.now();
    let plot = Plot::new(started_at, so_far);
    if plot.has_something_to_tell() {
        clock.set(plot.begins());
    }
    let telling = clock.clone();
    let running = Running::start(config, Clock::told_by(move || telling.now())).await?;
    let stage = Stage { running: &running, folder, clock: &clock, arguments };
    let shown = async {
        running.answers().await;
        if so_far.is_none() {
            register::apply(&running.store, plot.begins(), started_at).await.or_fail()?;
        }
        if plot.has_something_to_tell() {
            stage.tell_history(&plot, started_at).await.or_fail()?;
            folder.remember(plot.told())?;
        }
        stage.go_live().await
    };
    let patience = arguments.until_task.then(|| Duration::from_secs(arguments.timeout_s));
    let ended = tokio::select! {
        ended = shown => ended,
        () = told_to_stop.stop_requested() => Ok(()),
        () = wears_out(patience) => Err(Failure::work(anyhow::anyhow!(
            "no task with an open dialogue within {} s", arguments.timeout_s
        ))),
    };
    running.stop().await;
    ended
}

/// Which days of the story are to be told before it goes on live.
#[derive(Clone, Debug)]
struct Plot {
    calendar: Calendar,
    first_day: i64,
    last_day: i64,
}

impl Plot {
    /// All of it, or what has happened since it was told last: people go on measuring while the demo is away, though not
    /// for longer than the story is.
    fn new(now: Timestamp, so_far: Option<Told>) -> Self {
        let zone = care::clock::zone();
        match so_far {
            None => Self { calendar: Calendar::new(now, zone), first_day: -HISTORY_DAYS, last_day: 0 },
            Some(told) => {
                let calendar = Calendar::with_day_0(told.day_0, zone);
                let last_day = calendar.day_of(now);
                let first_day = (calendar.day_at(told.through) + 1).max(last_day - HISTORY_DAYS);
                Self { calendar, first_day, last_day }
            }
        }
    }

    const fn has_something_to_tell(&self) -> bool {
        self.first_day <= self.last_day
    }

    /// The midnight at which it begins.
    fn begins(&self) -> Timestamp {
        self.calendar.moment(self.first_day, 0, 0)
    }

    fn told(&self) -> Told {
        Told { day_0: self.calendar.date(0), through: self.calendar.date(self.last_day) }
    }
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
    folder: &'a Folder,
    clock: &'a StoryClock,
    arguments: &'a DemoArguments,
}

impl Stage<'_> {
    fn street(&self, now: Option<Timestamp>) -> anyhow::Result<Street> {
        Street::open(&self.folder.homes(), &self.running.mqtt, now)
    }

    async fn tell_history(&self, plot: &Plot, until: Timestamp) -> anyhow::Result<()> {
        let street = self.street(Some(plot.begins()))?;
        let (running, clock, calendar) = (self.running, self.clock, &plot.calendar);
        // Whoever waits for the task reads stderr only when it does not come.
        let aloud = !self.arguments.until_task;
        History { running, clock, calendar, street, until, aloud }.tell(plot.first_day, plot.last_day).await
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
            let nurse = Nurse::sign_in(self.running.http.clone(), &logins[0]).await.or_fail()?;
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
        "Vågen demo: {}\n\n  {:<20} {:<8} password{rows}\n\n\
         Everybody in it is invented. Aino's blood pressure is falling: watch the worklist. Ctrl-C ends it.",
        running.http, "role", "login"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// To add a case, add a row: when it starts, how far it was told on the first 30 March, and the days to tell.
    #[test]
    fn days_are_told_once() {
        let told = |through: &str| {
            let day = |text: &str| text.parse().expect("a date");
            Some(Told { day_0: day("2026-03-30"), through: day(through) })
        };
        let rows = [
            ("2026-03-30T09:00:00Z", None, -35, 0),
            // The same day again: nothing.
            ("2026-03-30T15:00:00Z", told("2026-03-30"), 1, 0),
            // Half past midnight in Sweden, two days later.
            ("2026-03-31T22:30:00Z", told("2026-03-30"), 1, 2),
            ("2026-04-05T09:00:00Z", told("2026-04-02"), 4, 6),
            // Half a year later: five weeks are enough.
            ("2026-09-30T09:00:00Z", told("2026-03-30"), 184 - 35, 184),
        ];
        for (now, so_far, first_day, last_day) in rows {
            let plot = Plot::new(now.parse().expect("a time"), so_far);
            assert_eq!((plot.first_day, plot.last_day), (first_day, last_day), "{now}");
            assert_eq!(plot.has_something_to_tell(), first_day <= last_day);
        }
    }
}
