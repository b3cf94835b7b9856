//! Who takes the messages: the limit, the product with each of its stores and with the projection running, and the peer. Each can be
//! run live and from a backlog, and says what one run gave.
//!
//! **Invariant:** every run has a broker, a house and a session of its own, and a run of the product counts only when its store
//! holds every reading and every gateway its receipt.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::envelopes::House;
use crate::postgres::Postgres;
use crate::processes::{Broker, Process, cpu_us, freeze, tree_cpu_us};
use crate::publisher::Order;
use crate::questdb::{QuestDb, TELEGRAF_TABLE, VAGEN_TABLE};
use crate::report::Figure;
use crate::roles::Role;
use crate::telegraf::Telegraf;
use crate::vagen::Site;

/// Connections that the homes share.
const CONNECTIONS: usize = 4;
const UNITS: usize = 10;

/// Who takes the messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Setup {
    /// Takes and acknowledges, nothing else.
    Drain,
    /// The product, its store in SQLite.
    Sqlite,
    /// The product, its store in PostgreSQL.
    Postgres,
    /// The product with SQLite, projecting to QuestDB.
    SqliteProjected,
    /// Telegraf, writing to QuestDB.
    Telegraf,
}

impl Setup {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Drain => "drain only",
            Self::Sqlite => "vagen, SQLite",
            Self::Postgres => "vagen, PostgreSQL",
            Self::SqliteProjected => "vagen, SQLite, projecting to QuestDB",
            Self::Telegraf => "Telegraf to QuestDB",
        }
    }
}

impl Setup {
    /// The process that takes.
    const fn taker(self) -> &'static str {
        match self {
            Self::Drain => "drain",
            Self::Telegraf => "telegraf",
            Self::Sqlite | Self::Postgres | Self::SqliteProjected => "vagen",
        }
    }
}

/// Live or from a backlog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Published while they are taken.
    Live,
    /// Published before, and waiting in the broker.
    Backlog,
}

/// The servers that runs share.
#[derive(Default)]
pub(crate) struct Servers {
    pub(crate) postgres: Option<Postgres>,
    pub(crate) questdb: Option<QuestDb>,
}

/// One run.
pub(crate) struct Run<'a> {
    pub(crate) servers: &'a Servers,
    pub(crate) house: House,
    pub(crate) messages: u64,
}

/// Who takes, running.
enum Taker {
    Drain(Role),
    Vagen(Process),
    Telegraf(Telegraf),
}

impl Taker {
    fn pid(&self) -> u32 {
        match self {
            Self::Drain(role) => role.process.pid(),
            Self::Vagen(process) => process.pid(),
            Self::Telegraf(telegraf) => telegraf.process.pid(),
        }
    }
}

/// What time it is, ms since 1970 UTC.
pub(crate) fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// CPU time of every process of a run so far, µs.
struct Clocks(Vec<(&'static str, f64)>);

impl Run<'_> {
    /// Runs `setup` in `mode` and says what it gave.
    pub(crate) fn of(&self, setup: Setup, mode: Mode) -> Result<Figure> {
        let folder = tempfile::tempdir()?;
        let broker = Broker::start(folder.path())?;
        let site = self.site(setup, folder.path(), broker.port)?;
        if let Some(questdb) = &self.servers.questdb {
            questdb.empty()?;
        }
        let figure = match mode {
            Mode::Live => self.live(setup, &broker, site.as_ref())?,
            Mode::Backlog => self.backlog(setup, &broker, site.as_ref())?,
        };
        if let Some(site) = site {
            site.holds(self.messages)?;
        }
        Ok(figure)
    }

    fn site(&self, setup: Setup, folder: &Path, port: u16) -> Result<Option<Site>> {
        let more = match (setup, &self.servers.postgres, &self.servers.questdb) {
            (Setup::Drain | Setup::Telegraf, _, _) => return Ok(None),
            (Setup::Postgres, Some(postgres), _) => format!("store = \"{}\"\n", postgres.database()?),
            (Setup::SqliteProjected, _, Some(questdb)) => format!("questdb = \"{}\"\n", questdb.url()),
            (Setup::Postgres | Setup::SqliteProjected | Setup::Sqlite, _, _) => String::new(),
        };
        let site = Site::new(&folder.join("house"), port, &more)?;
        site.apply(&self.house.register(UNITS))?;
        Ok(Some(site))
    }

    fn live(&self, setup: Setup, broker: &Broker, site: Option<&Site>) -> Result<Figure> {
        let taker = self.take(setup, broker, site, true)?;
        let mut homes = self.homes(setup, broker)?;
        let before = self.clocks(setup, broker, &homes, taker.pid())?;
        let begun = Instant::now();
        homes.begin()?;
        homes.says("published")?;
        self.done(setup, &homes, &taker)?;
        let (took, after) = (begun.elapsed(), self.clocks(setup, broker, &homes, taker.pid())?);
        Ok(self.figure(took, &before, &after))
    }

    /// Processes over a shared store keep no session while they are away, since gateways send again what has no receipt. So that there
    /// is a backlog, the one with PostgreSQL is there, subscribed and frozen.
    fn frozen(&self, setup: Setup, broker: &Broker, site: Option<&Site>) -> Result<Figure> {
        let taker = self.take(setup, broker, site, true)?;
        freeze(taker.pid(), true)?;
        let mut homes = self.homes(setup, broker)?;
        homes.begin()?;
        homes.says("published")?;
        let before = self.clocks(setup, broker, &homes, taker.pid())?;
        let begun = Instant::now();
        freeze(taker.pid(), false)?;
        self.done(setup, &homes, &taker)?;
        let (took, after) = (begun.elapsed(), self.clocks(setup, broker, &homes, taker.pid())?);
        Ok(self.figure(took, &before, &after))
    }

    fn backlog(&self, setup: Setup, broker: &Broker, site: Option<&Site>) -> Result<Figure> {
        if setup == Setup::Postgres {
            return self.frozen(setup, broker, site);
        }
        self.leave_a_session(setup, broker, site)?;
        let mut homes = self.homes(setup, broker)?;
        homes.begin()?;
        homes.says("published")?;
        let before = self.clocks(setup, broker, &homes, 0)?;
        let begun = Instant::now();
        let taker = self.take(setup, broker, site, false)?;
        self.done(setup, &homes, &taker)?;
        let (took, after) = (begun.elapsed(), self.clocks(setup, broker, &homes, taker.pid())?);
        Ok(self.figure(took, &before, &after))
    }

    fn homes(&self, setup: Setup, broker: &Broker) -> Result<Role> {
        Role::homes(Order {
            port: broker.port,
            house: self.house,
            connections: CONNECTIONS,
            messages: self.messages,
            numbered: 0,
            times: self.house.daily(self.messages, now_ms()),
            receipts: !matches!(setup, Setup::Drain | Setup::Telegraf),
        })
    }

    /// Starts who takes; waits until it listens only where `ready`.
    fn take(&self, setup: Setup, broker: &Broker, site: Option<&Site>, ready: bool) -> Result<Taker> {
        Ok(match (setup, site, &self.servers.questdb) {
            (Setup::Telegraf, _, Some(questdb)) => {
                Taker::Telegraf(Telegraf::start(broker.port, questdb, ready)?)
            }
            (_, Some(site), _) if ready => Taker::Vagen(site.serve()?.process),
            (_, Some(site), _) => Taker::Vagen(site.start()?),
            (_, None, _) => {
                let role = Role::drain(broker.port, self.messages)?;
                role.says("ready")?;
                Taker::Drain(role)
            }
        })
    }

    /// Has who takes subscribe and go, so that the broker collects for it.
    fn leave_a_session(&self, setup: Setup, broker: &Broker, site: Option<&Site>) -> Result<()> {
        match (setup, site, &self.servers.questdb) {
            (Setup::Telegraf, _, Some(questdb)) => {
                Telegraf::start(broker.port, questdb, true)?.process.terminate()
            }
            (_, Some(site), _) => site.serve()?.process.terminate(),
            (_, None, _) => {
                let role = Role::drain(broker.port, 0)?;
                role.says("ready")?;
                role.ends()
            }
        }
    }

    /// Waits until all that was published is where it should be.
    fn done(&self, setup: Setup, homes: &Role, taker: &Taker) -> Result<()> {
        match taker {
            Taker::Drain(role) => role.says("drained"),
            Taker::Vagen(_) => {
                homes.says("receipted")?;
                match &self.servers.questdb {
                    Some(questdb) if setup == Setup::SqliteProjected => {
                        questdb.holds(VAGEN_TABLE, self.messages)
                    }
                    Some(_) | None => Ok(()),
                }
            }
            Taker::Telegraf(_) => match &self.servers.questdb {
                Some(questdb) => questdb.holds(TELEGRAF_TABLE, self.messages),
                None => anyhow::bail!("Telegraf without QuestDB"),
            },
        }
    }

    /// `taker` is 0 while it does not run.
    fn clocks(&self, setup: Setup, broker: &Broker, homes: &Role, taker: u32) -> Result<Clocks> {
        let of_taker = if taker == 0 { 0.0 } else { cpu_us(taker)? };
        let mut clocks = vec![
            (setup.taker(), of_taker),
            ("broker", cpu_us(broker.process.pid())?),
            ("homes", cpu_us(homes.process.pid()).unwrap_or(f64::NAN)),
        ];
        if let (Setup::Postgres, Some(postgres)) = (setup, &self.servers.postgres) {
            clocks.push(("postgres", tree_cpu_us(postgres.process.pid())?));
        }
        if let (Setup::SqliteProjected | Setup::Telegraf, Some(questdb)) = (setup, &self.servers.questdb) {
            clocks.push(("questdb", cpu_us(questdb.process.pid())?));
        }
        Ok(Clocks(clocks))
    }

    fn figure(&self, took: Duration, before: &Clocks, after: &Clocks) -> Figure {
        let messages = self.messages as f64;
        let each = before.0.iter().zip(&after.0);
        Figure {
            rate: messages / took.as_secs_f64(),
            cpu_us: each.map(|(before, after)| (before.0, (after.1 - before.1) / messages)).collect(),
        }
    }
}
