//! What admission costs a reading, without a broker: CPU and wall time of judging, rules and commit over a real store.
//!
//! `cargo bench -p ingest --bench admission -- [--readings N] [--batch N] [--homes N] [STORE]`, where STORE is a directory or
//! `postgres://...` and empty; a temporary directory when left out. The CPU time is that of this process; a server's is its own.

use std::path::Path;
use std::time::{Duration, Instant};

use care::clock::Clock;
use care::health::{Health, Part};
use care::live::Feed;
use care::register::{Register, apply};
use care::store::{Address, Store};
use ingest::{House, Ingest, Options, Policies};
use vitals::{GatewayId, Timestamp};

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Failure = Box<dyn std::error::Error>;
type Message = (GatewayId, Vec<u8>, Timestamp);

/// When the first reading is taken.
const BEGIN: &str = "2026-01-01T07:04:00.000Z";

struct Asked {
    readings: usize,
    batch: usize,
    homes: usize,
    store: Option<String>,
}

impl Asked {
    fn of(arguments: impl Iterator<Item = String>) -> Result<Self, Failure> {
        let mut asked = Self { readings: 100_000, batch: 1_000, homes: 50, store: None };
        let mut arguments = arguments.filter(|argument| argument != "--bench");
        while let Some(argument) = arguments.next() {
            let mut number =
                || -> Result<usize, Failure> { Ok(arguments.next().ok_or("a number is missing")?.parse()?) };
            match argument.as_str() {
                "--readings" => asked.readings = number()?,
                "--batch" => asked.batch = number()?,
                "--homes" => asked.homes = number()?,
                _ => asked.store = Some(argument),
            }
        }
        Ok(asked)
    }
}

fn register(homes: usize) -> String {
    let list = |one: &dyn Fn(usize) -> String| (0..homes).map(one).collect::<Vec<_>>().join(",\n  ");
    format!(
        "organisation = [{{ id = \"region\", name = \"Region Exempel\", kind = \"region\" }}]
unit = [{{ id = \"hf\", organisation = \"region\", name = \"Hjärtsvikt\" }}]
patient = [{}]\ngateway = [{}]\ndevice = [{}]\nworn_by = [{}]\n",
        list(&|home| format!(
            "{{ id = \"p{home}\", name = \"Test {home}\", units = [\"hf\"], language = \"sv\", policy = \"recommended\" }}"
        )),
        list(&|home| format!("{{ id = \"gw-{home}\" }}")),
        list(&|home| format!("{{ id = \"{home:012x}\", model = \"A&D UC-352BLE\" }}")),
        list(&|home| format!(
            "{{ device = \"{home:012x}\", patient = \"p{home}\", from = \"2025-01-01T00:00:00Z\" }}"
        )),
    )
}

/// The `number`th reading of all: home after home, each home one weighing a day, as people weigh.
fn message(number: usize, homes: usize, begin: Timestamp) -> Result<Message, Failure> {
    let (home, turn) = (number % homes, number / homes);
    let at = begin.plus_millis(i64::try_from(turn)? * Timestamp::DAY_MS);
    let shown = at.to_string().get(..19).unwrap_or_default().to_owned();
    let kg = 80.0 + f64::from(u32::try_from(turn % 7)?) / 10.0;
    let payload = format!(
        r#"{{"v":1,"gateway":"gw-{home}","outbox":"5f0c8a54-0f4e-4c53-9a51-{home:012x}","seq":{seq},"sealed_at":"{at}","device":{{"id":"{home:012x}","model":"A&D UC-352BLE","serial":"5170300042"}},"measurement":{{"kind":"weight","outcome":"measured","values":{{"weight_kg":{kg:.1}}},"absent":{{}},"device_time":"{shown}","user_slot":null,"flags":[],"measured_at":"{at}","clock":"offset_corrected","clock_offset_s":0}},"raw":{{"characteristic":"2a9d","hex":"02943eea0701010804{turn:08x}"}}}}"#,
        seq = turn + 1,
    );
    Ok((format!("gw-{home}").parse()?, payload.into_bytes(), at))
}

/// The CPU time of this process so far, to a hundredth of a second.
fn cpu() -> Result<Duration, Failure> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks =
        |place: usize| -> Result<u64, Failure> { Ok(fields.get(place).ok_or("no such field")?.parse()?) };
    Ok(Duration::from_millis((ticks(11)? + ticks(12)?) * 10))
}

async fn run(asked: &Asked) -> Result<(), Failure> {
    let directory = tempfile::tempdir()?;
    let address: Address = match &asked.store {
        Some(url) if url.starts_with("postgres") => url.parse()?,
        Some(place) => Address::Directory(place.into()),
        None => Address::Directory(directory.path().to_owned()),
    };
    let store = Store::at(&address).await?;
    let begin: Timestamp = BEGIN.parse()?;
    let register = Register::parse(&register(asked.homes))?;
    apply(&store, &register, Path::new("."), &["recommended"], "bench", begin).await?;
    let ingest = Ingest::start(
        House {
            store,
            policies: Policies::default(),
            clock: Clock::told_by(move || begin),
            feed: Feed::default(),
            health: Health::of([Part::Broker, Part::Store]),
        },
        // Nobody is there: messages are handed in.
        &Options::embedded(([127, 0, 0, 1], 9).into()),
    )?;
    let mut took = Duration::ZERO;
    let began_cpu = cpu()?;
    let mut making = Duration::ZERO;
    let mut number = 0;
    while number < asked.readings {
        let end = (number + asked.batch).min(asked.readings);
        let made = cpu()?;
        let batch =
            (number..end).map(|number| message(number, asked.homes, begin)).collect::<Result<Vec<_>, _>>()?;
        making += cpu()?.saturating_sub(made);
        let began = Instant::now();
        ingest.take_all(&batch).await?;
        took += began.elapsed();
        number = end;
    }
    let cpu = (cpu()? - began_cpu).saturating_sub(making);
    let each = |time: Duration| time.as_secs_f64() * 1e6 / f64::from(u32::try_from(number).unwrap_or(1));
    let line = format!(
        "{number} readings, {} homes, {} a batch: {:.1} us wall, {:.1} us CPU a reading\n",
        asked.homes,
        asked.batch,
        each(took),
        each(cpu)
    );
    std::io::Write::write_all(&mut std::io::stdout(), line.as_bytes())?;
    ingest.shutdown().await;
    Ok(())
}

fn main() -> Result<(), Failure> {
    let asked = Asked::of(std::env::args().skip(1))?;
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(run(&asked))
}
