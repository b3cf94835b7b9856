//! What years of data cost: CPU time a reading into a store that holds a lot, beside one that holds little; and the memory that
//! a patient who sends takes in the process.
//!
//! A patient has a thousand readings in the store that holds a lot, so it has a patient for each thousand. Those who send are the
//! same few in both; each sends once before anything is measured, so that what a patient's first reading after a start costs, which
//! reads their history, stands apart.
//!
//! **Invariant:** both stores have the same register and get the same readings.

use std::path::Path;
use std::time::Instant;

use anyhow::Result;

use crate::Options;
use crate::envelopes::{DAY_MS, House, Times};
use crate::fill::{Place, fill};
use crate::postgres::Postgres;
use crate::processes::{Broker, Process, cpu_us, load_average, resident_bytes, tree_cpu_us};
use crate::publisher::Order;
use crate::report::{Figure, Series, spread};
use crate::roles::Role;
use crate::setups::now_ms;
use crate::vagen::{self, Site};

const GATEWAYS: usize = 50;
const UNITS: usize = 10;
const LITTLE: u64 = 100_000;
const MUCH: u64 = 10_000_000;
const READINGS_OF_A_PATIENT: u64 = 1_000;
const MESSAGES: u64 = 50_000;
/// Histories end, and what is measured here begins, so many days ago: recent enough that nobody counts as silent.
const BEGAN_DAYS: i64 = 3;
/// Far more often than in life, so that it all fits into those days.
const STEP_MS: i64 = 600_000;
/// Those who send in the measurement of memory, at first and in the end.
const ACTIVE: [usize; 2] = [1_000, 20_000];

/// Measures each store and gives the tables.
pub(crate) fn of(options: &Options) -> Result<String> {
    let folder = tempfile::tempdir()?;
    let mut text = with(options, "SQLite", None, folder.path())?;
    if vagen::knows_postgres()? {
        let postgres = Postgres::start(folder.path())?;
        text.push_str(&with(options, "PostgreSQL", Some(&postgres), folder.path())?);
    }
    text.push_str(&memory(options, folder.path())?);
    Ok(text)
}

fn with(options: &Options, store: &str, postgres: Option<&Postgres>, folder: &Path) -> Result<String> {
    let (little, much) =
        if options.short { (1_000, 20_000) } else { (LITTLE, options.stored.unwrap_or(MUCH)) };
    let messages = options.messages.unwrap_or(MESSAGES);
    let patients = options.patients.max(usize::try_from(much / READINGS_OF_A_PATIENT)?);
    let mut houses = Vec::new();
    for readings in [little, much] {
        let folder = folder.join(format!("{store}-{readings}"));
        let house = Aged::new(&folder, patients, options.patients, postgres)?;
        house.age(readings)?;
        houses.push((format!("{store}, {readings} stored"), house));
    }
    let mut series = Series::default();
    for round in 0..options.rounds {
        println!("{store}, round {} of {}, load average {}", round + 1, options.rounds, load_average());
        for turn in 0..houses.len() {
            let place = (turn + round) % houses.len();
            let (name, house) = &mut houses[place];
            series.add(place, name, house.take(messages)?);
        }
    }
    let ratios = spread(&series.cpu_ratios(1, 0), 2);
    let title = format!("Into a store that holds many readings: {messages} of {} patients", options.patients);
    Ok(format!("{}\nCPU a reading, many to few: {ratios}\n", series.table(&title, 0)))
}

/// A house that has been in use.
struct Aged<'a> {
    broker: Broker,
    site: Site,
    postgres: Option<(&'a Postgres, String)>,
    data: std::path::PathBuf,
    patients: usize,
    /// Those who send.
    house: House,
    numbered: u64,
    times: Times,
}

impl<'a> Aged<'a> {
    /// A house of `patients`, of whom `active` send, in `folder`.
    fn new(folder: &Path, patients: usize, active: usize, postgres: Option<&'a Postgres>) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        let broker = Broker::start(folder)?;
        let postgres = match postgres {
            Some(postgres) => Some((postgres, postgres.database()?)),
            None => None,
        };
        let more = postgres.as_ref().map_or_else(String::new, |(_, url)| format!("store = \"{url}\"\n"));
        let (site, begun) = (Site::new(&folder.join("house"), broker.port, &more)?, Instant::now());
        site.apply(&House { gateways: GATEWAYS, patients }.register(UNITS))?;
        println!("  {patients} patients in the register in {:.0} s", begun.elapsed().as_secs_f64());
        let house = House { gateways: GATEWAYS, patients: active };
        let first_day_ms = (now_ms() / DAY_MS - BEGAN_DAYS) * DAY_MS;
        let times = Times { first_day_ms, step_ms: STEP_MS };
        let data = folder.join("house/data");
        Ok(Self { broker, site, postgres, data, patients, house, numbered: 0, times })
    }

    /// Fills its store.
    fn age(&self, readings: u64) -> Result<()> {
        let begun = Instant::now();
        let place = match &self.postgres {
            Some((postgres, url)) => Place::Postgres(postgres, url),
            None => Place::Sqlite(&self.data),
        };
        fill(&place, readings, self.patients as u64, self.times.first_day_ms)?;
        println!("  {readings} readings filled in {:.0} s", begun.elapsed().as_secs_f64());
        self.site.holds(readings).map(drop)
    }

    /// Serves: has everybody who sends send once, then `messages` more, which are measured.
    fn take(&mut self, messages: u64) -> Result<Figure> {
        let serving = self.site.serve()?.process;
        self.send(self.house, self.house.patients as u64)?;
        let (before, begun) = (self.clocks(&serving)?, Instant::now());
        self.send(self.house, messages)?;
        let (took, after) = (begun.elapsed(), self.clocks(&serving)?);
        serving.terminate()?;
        let each = before.iter().zip(after);
        Ok(Figure {
            rate: messages as f64 / took.as_secs_f64(),
            cpu_us: each.map(|(before, after)| (before.0, (after.1 - before.1) / messages as f64)).collect(),
        })
    }

    fn clocks(&self, serving: &Process) -> Result<Vec<(&'static str, f64)>> {
        let mut clocks = vec![("vagen", cpu_us(serving.pid())?)];
        if let Some((postgres, _)) = &self.postgres {
            clocks.push(("postgres", tree_cpu_us(postgres.process.pid())?));
        }
        Ok(clocks)
    }

    /// Has the patients of `house` send `messages`, and waits for the receipts. Numbers and days go on where they were.
    fn send(&mut self, house: House, messages: u64) -> Result<()> {
        let (port, numbered, times) = (self.broker.port, self.numbered, self.times);
        let order = Order { port, house, connections: 4, messages, numbered, times, receipts: true };
        let mut homes = Role::homes(order)?;
        homes.begin()?;
        homes.says("published")?;
        homes.says("receipted")?;
        self.numbered += messages / GATEWAYS as u64;
        Ok(())
    }
}

/// How much more memory the process takes when more patients send.
fn memory(options: &Options, folder: &Path) -> Result<String> {
    let [few, many] = if options.short { ACTIVE.map(|active| active / 10) } else { ACTIVE };
    let mut aged = Aged::new(&folder.join("memory"), many, few, None)?;
    let serving = aged.site.serve()?.process;
    let house = |patients| House { gateways: GATEWAYS, patients };
    // As many messages as will be sent by many, so that buffers and caches have the size that comes with them.
    aged.send(house(few), many as u64)?;
    let before = resident_bytes(serving.pid())?;
    aged.times.first_day_ms += DAY_MS;
    aged.send(house(many), many as u64)?;
    let after = resident_bytes(serving.pid())?;
    let each = (after - before) / (many - few) as f64;
    let mib = |bytes: f64| bytes / f64::from(1 << 20);
    Ok(format!(
        "\nMemory: {:.1} MiB with {few} patients who sent, {:.1} MiB with {many}: {each:.0} bytes a patient, caches included\n",
        mib(before),
        mib(after)
    ))
}
