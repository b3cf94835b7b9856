//! Readings a second: live and from a backlog beside a subscriber that only drains, and from a backlog beside Telegraf.
//!
//! Within a round every setup runs once, and the next round begins with another, so that what else the machine does falls on
//! all of them.

use anyhow::Result;

use crate::envelopes::House;
use crate::postgres::Postgres;
use crate::questdb::QuestDb;
use crate::report::Series;
use crate::setups::{Mode, Run, Servers, Setup};
use crate::{Options, vagen};

const GATEWAYS: usize = 50;
const LIVE_MESSAGES: u64 = 100_000;
const BACKLOG_MESSAGES: u64 = 1_000_000;
const PEER_MESSAGES: u64 = 200_000;
/// QuestDB compiles itself while it runs; the first rows cost several times what the later do.
const WARMING_MESSAGES: u64 = 20_000;

/// Live, beside the drain.
pub(crate) fn live(options: &Options) -> Result<String> {
    beside_the_drain(options, Mode::Live, LIVE_MESSAGES, "Live")
}

/// From a backlog, beside the drain.
pub(crate) fn backlog(options: &Options) -> Result<String> {
    beside_the_drain(options, Mode::Backlog, BACKLOG_MESSAGES, "From a backlog")
}

fn beside_the_drain(options: &Options, mode: Mode, messages: u64, title: &str) -> Result<String> {
    let folder = tempfile::tempdir()?;
    let mut setups = vec![Setup::Drain, Setup::Sqlite];
    let mut servers = Servers::default();
    if vagen::knows_postgres()? {
        servers.postgres = Some(Postgres::start(folder.path())?);
        setups.push(Setup::Postgres);
    } else {
        println!("this build knows no `store`: PostgreSQL is left out");
    }
    rounds(options, &servers, &setups, mode, messages, title, 0)
}

/// From a backlog, beside Telegraf, with and without the projection.
pub(crate) fn against_telegraf(options: &Options) -> Result<String> {
    let folder = tempfile::tempdir()?;
    let servers = Servers { questdb: Some(QuestDb::start(folder.path())?), ..Servers::default() };
    let setups = [Setup::Telegraf, Setup::Sqlite, Setup::SqliteProjected];
    let warming = Run { servers: &servers, house: house(options), messages: WARMING_MESSAGES };
    warming.of(Setup::Telegraf, Mode::Backlog)?;
    warming.of(Setup::SqliteProjected, Mode::Backlog)?;
    rounds(options, &servers, &setups, Mode::Backlog, PEER_MESSAGES, "Beside Telegraf, from a backlog", 0)
}

fn rounds(
    options: &Options,
    servers: &Servers,
    setups: &[Setup],
    mode: Mode,
    messages: u64,
    title: &str,
    to: usize,
) -> Result<String> {
    let messages = options.messages.unwrap_or(messages);
    let run = Run { servers, house: house(options), messages };
    let mut series = Series::default();
    for round in 0..options.rounds {
        println!(
            "{title}, round {} of {}, load average {}",
            round + 1,
            options.rounds,
            crate::processes::load_average()
        );
        for turn in 0..setups.len() {
            let place = (turn + round) % setups.len();
            series.add(place, setups[place].name(), run.of(setups[place], mode)?);
        }
    }
    let House { gateways, patients } = run.house;
    let about = format!("{title}: {messages} readings of {patients} patients behind {gateways} gateways");
    Ok(series.table(&about, to))
}

fn house(options: &Options) -> House {
    House { gateways: GATEWAYS, patients: options.patients }
}
