//! From publishing to the nurse's worklist: a thousand envelopes a second, a few of them measurements that open a task, and two
//! nurses with their worklists open.
//!
//! Both do what the page does: they listen to `/live` and fetch the rows of `/worklist` when a task is announced. One fetches at
//! once, so that the server's part is seen; the other first waits as the page's script does, so that several changes are one
//! fetch, and that is what a nurse sees.
//!
//! **Invariant:** time runs from just before the envelope is written to the socket until the last byte of rows that hold its task.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use reqwest::Client;
use tokio::sync::Notify;

use crate::Options;
use crate::envelopes::{Envelopes, House, PASSWORD, gateway_id};
use crate::postgres::Postgres;
use crate::processes::{Broker, cpu_us, load_average};
use crate::report::{median, percentile};
use crate::vagen::{self, Site};
use crate::wire::{Connection, Packet};

const GATEWAYS: usize = 50;
/// What is published.
const RATED: Pace = Pace { envelopes_per_s: 1_000, tasks_per_s: 4, seconds: 60 };
/// Enough to see that it runs, also where the machine is busy and the build is not optimised.
const SHORT: Pace = Pace { envelopes_per_s: 50, tasks_per_s: 1, seconds: 10 };
/// What `live.js` waits for more changes.
const PAGE_WAITS: Duration = Duration::from_millis(40);
/// Until the nurses' pages listen; and how long the homes stay to hear the last receipts.
const LISTENING: Duration = Duration::from_secs(1);
/// How long a task may take before the run has failed.
const PATIENCE: Duration = Duration::from_secs(60);
/// A nurse a unit; patients take turns, so tasks do.
const NURSES: [(usize, &str, Duration); 2] =
    [(0, "fetched at once", Duration::ZERO), (1, "as the page fetches", PAGE_WAITS)];

/// How much a second, and for how long.
#[derive(Clone, Copy, Debug)]
struct Pace {
    envelopes_per_s: u64,
    tasks_per_s: u64,
    seconds: u64,
}

/// When what concerned which patient.
type Times = Arc<Mutex<HashMap<usize, Instant>>>;

/// Measures each store and gives the table.
pub(crate) fn of(options: &Options) -> Result<String> {
    let pace = if options.short { SHORT } else { RATED };
    let Pace { envelopes_per_s, tasks_per_s, seconds } = pace;
    let folder = tempfile::tempdir()?;
    let mut text = format!(
        "\n### Publish to worklist: {envelopes_per_s} envelopes/s, {tasks_per_s} tasks/s, {seconds} s\n\n\
         | store | the rows are | tasks | p50 ms | p99 ms | max ms | vagen's CPU µs an envelope, pages included |\n|---|---|---|---|---|---|---|\n"
    );
    let mut stores = vec![("SQLite", String::new())];
    let mut servers = Vec::new();
    if vagen::knows_postgres()? {
        let postgres = Postgres::start(folder.path())?;
        stores.push(("PostgreSQL", format!("store = \"{}\"\n", postgres.database()?)));
        servers.push(postgres);
    }
    for (store, more) in stores {
        let folder = folder.path().join(store);
        for row in run(&folder, &more, options.patients, pace)? {
            println!("  {store}, {row}");
            text.push_str(&format!("| {store} | {row} |\n"));
        }
    }
    Ok(text)
}

fn run(folder: &std::path::Path, more: &str, patients: usize, pace: Pace) -> Result<Vec<String>> {
    std::fs::create_dir_all(folder)?;
    let tasks = usize::try_from(pace.seconds * pace.tasks_per_s)?;
    let broker = Broker::start(folder)?;
    let site = Site::new(&folder.join("house"), broker.port, more)?;
    // Those in crisis weigh nothing, so that nothing else has put them on the list.
    site.apply(&House { gateways: GATEWAYS, patients: patients + tasks }.register(NURSES.len()))?;
    let serving = site.serve()?;
    let published = Times::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let nurses = runtime.block_on(async {
        let mut nurses = Vec::new();
        for (unit, _, waits) in NURSES {
            nurses.push(Nurse::sign_in(&serving.http, unit, waits).await?);
        }
        Ok::<_, anyhow::Error>(nurses)
    })?;
    let cpu_before = cpu_us(serving.process.pid())?;
    let homes = {
        let (port, published) = (broker.port, Arc::clone(&published));
        std::thread::spawn(move || publish(port, patients, pace, &published))
    };
    let seen = runtime.block_on(watch(nurses, patients, tasks))?;
    let sent = homes.join().map_err(|_| anyhow::anyhow!("the homes panicked"))??;
    let cpu = (cpu_us(serving.process.pid())? - cpu_before) / sent as f64;
    let published = published.lock().unwrap_or_else(PoisonError::into_inner);
    NURSES.iter().zip(seen).map(|((_, how, _), seen)| row(how, &published, &seen, cpu)).collect()
}

fn row(
    how: &str,
    published: &HashMap<usize, Instant>,
    seen: &HashMap<usize, Instant>,
    cpu: f64,
) -> Result<String> {
    let mut took_ms = Vec::new();
    for (patient, at) in seen {
        let sent = published.get(patient).context("a task of somebody who sent nothing")?;
        took_ms.push(at.duration_since(*sent).as_secs_f64() * 1_000.0);
    }
    took_ms.sort_by(f64::total_cmp);
    let worst = took_ms.last().copied().unwrap_or(f64::NAN);
    Ok(format!(
        "{how} | {} | {:.0} | {:.0} | {worst:.0} | {cpu:.0}",
        took_ms.len(),
        median(&took_ms),
        percentile(&took_ms, 0.99)
    ))
}

/// Publishes at the pace, whatever the broker does; gives how many.
fn publish(port: u16, patients: usize, pace: Pace, published: &Times) -> Result<u64> {
    let mut connection = Connection::open(port, "homes")?;
    connection.subscribe((0..GATEWAYS).map(|gateway| format!("vagen/v1/{}/down", gateway_id(gateway))))?;
    let now_ms = || jiff::Timestamp::now().as_millisecond();
    let house = House { gateways: GATEWAYS, patients };
    let messages = pace.seconds * pace.envelopes_per_s;
    let envelopes = Envelopes::new(house, house.daily(messages, now_ms()));
    let (mut payload, begun, mut crises) = (String::new(), Instant::now() + LISTENING, 0);
    for number in 0..messages {
        let due = begun + Duration::from_micros(number * 1_000_000 / pace.envelopes_per_s);
        while let Some(left) = due.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            connection.patience(Some(left.max(Duration::from_micros(200))))?;
            if let Some(Packet::Message(id, _, _)) = connection.poll()? {
                connection.acknowledge(id);
            }
        }
        let gateway = usize::try_from(number)? % GATEWAYS;
        let seq = number / GATEWAYS as u64 + 1;
        payload.clear();
        if (number + 1) % (pace.envelopes_per_s / pace.tasks_per_s) == 0 {
            let patient = patients + crises;
            crises += 1;
            envelopes.crisis(&mut payload, (gateway, seq), patient, now_ms())?;
            published.lock().unwrap_or_else(PoisonError::into_inner).insert(patient, Instant::now());
        } else {
            envelopes.weighing(&mut payload, gateway, seq)?;
        }
        let id = u16::try_from(number % 65_535)? + 1;
        connection.publish(id, &format!("vagen/v1/{}/up", gateway_id(gateway)), payload.as_bytes());
        connection.flush()?;
    }
    // Who hangs up with receipts unread resets the connection, and the last messages may be lost with it.
    let ends = Instant::now() + LISTENING;
    connection.patience(Some(Duration::from_millis(10)))?;
    while Instant::now() < ends {
        if let Some(Packet::Message(id, _, _)) = connection.poll()? {
            connection.acknowledge(id);
            connection.flush()?;
        }
    }
    Ok(messages)
}

/// A nurse with the worklist open.
struct Nurse {
    client: Client,
    base: String,
    waits: Duration,
}

impl Nurse {
    async fn sign_in(base: &str, unit: usize, waits: Duration) -> Result<Self> {
        let client = Client::builder().cookie_store(true).build()?;
        let login = format!("nurse{unit}");
        let form = [("login", login.as_str()), ("password", PASSWORD)];
        let answer = client.post(format!("{base}/login")).form(&form).send().await?;
        ensure!(answer.status().is_success(), "{login} cannot sign in: {}", answer.status());
        Ok(Self { client, base: base.to_owned(), waits })
    }

    /// Listens, and tells `changed` of each task.
    async fn listen(&self, changed: &Notify) -> Result<()> {
        let mut stream =
            self.client.get(format!("{}/live?kinds=task,message,health", self.base)).send().await?;
        let mut text = String::new();
        while let Some(bytes) = stream.chunk().await? {
            text.push_str(&String::from_utf8_lossy(&bytes));
            while let Some(end) = text.find("\n\n") {
                let event: String = text.drain(..end + 2).collect();
                if event.contains("event: task") || event.contains("event: again") {
                    changed.notify_one();
                }
            }
        }
        anyhow::bail!("the event stream ended")
    }

    /// Fetches the rows on each change, until `tasks` patients from `first` on were seen.
    async fn fetch(&self, changed: &Notify, first: usize, tasks: usize) -> Result<HashMap<usize, Instant>> {
        let mut seen = HashMap::new();
        while seen.len() < tasks {
            let heard = tokio::time::timeout(PATIENCE, changed.notified()).await;
            heard.with_context(|| format!("{} of {tasks} tasks were seen", seen.len()))?;
            tokio::time::sleep(self.waits).await;
            let asked =
                self.client.get(format!("{}/worklist?fragment=1", self.base)).header("x-fragment", "1");
            let rows = asked.send().await?.error_for_status()?.text().await?;
            let now = Instant::now();
            for rest in rows.split("href=\"/patients/p").skip(1) {
                let number: String = rest.chars().take_while(char::is_ascii_digit).collect();
                let patient = number.parse()?;
                if patient >= first {
                    seen.entry(patient).or_insert(now);
                }
            }
        }
        Ok(seen)
    }
}

/// Has the nurses watch until each has seen the tasks of their unit: of patients from `first` on, `tasks` in all.
async fn watch(nurses: Vec<Nurse>, first: usize, tasks: usize) -> Result<Vec<HashMap<usize, Instant>>> {
    let each = tasks / nurses.len();
    let watching = nurses.into_iter().map(|nurse| {
        tokio::spawn(async move {
            let changed = Notify::new();
            tokio::select! {
                seen = nurse.fetch(&changed, first, each) => seen,
                ended = nurse.listen(&changed) => ended.map(|()| HashMap::new()),
            }
        })
    });
    let watching: Vec<_> = watching.collect();
    println!("  load average {}", load_average());
    let mut seen = Vec::new();
    for one in watching {
        seen.push(one.await??);
    }
    Ok(seen)
}
