//! `vagen project`: the projection in QuestDB, brought up to date, built again, or compared with the store.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use care::store::Store;
use ingest::projection::{self, Projection};
use ingest::questdb::{Address, Difference, Field, QuestDb, Row, Server, check};
use serde_json::{Value, json};

use crate::cli::ProjectArguments;
use crate::cli::store::with_store;
use crate::failure::{Failure, OrFail};
use crate::serve::config;

const SAY_EVERY: Duration = Duration::from_secs(1);

pub(crate) fn run(arguments: &ProjectArguments) -> Result<(), Failure> {
    let address = config::questdb(&arguments.store)?.ok_or_else(|| {
        Failure::input("no QuestDB is configured: name it as `questdb` in a file given with --config")
    })?;
    with_store(&arguments.store, async |store, _| {
        if arguments.check {
            compare(&store, address).await
        } else {
            feed(&store, address, arguments.rebuild).await
        }
    })
}

async fn feed(store: &Store, address: Address, rebuild: bool) -> Result<(), Failure> {
    let mut questdb = QuestDb::new(address.clone()).or_fail()?;
    if rebuild {
        let server = Server::new(address);
        tokio::task::spawn_blocking(move || server.drop_table()).await.or_fail()?.or_fail()?;
        projection::rebuild(store, &questdb).await.or_fail()?;
    }
    let mut said = Said::default();
    let mut readings = 0;
    loop {
        let taken = projection::step(store, &mut questdb).await.or_fail()?;
        if taken == 0 {
            break;
        }
        readings += taken;
        let lag = projection::lag(store, questdb.name()).await.or_fail()?;
        said.progress(format_args!("{readings} readings written, {lag} to go"));
    }
    writeln!(io::stdout(), "{}", json!({ "readings": readings })).or_fail()
}

async fn compare(store: &Store, address: Address) -> Result<(), Failure> {
    let server = Server::new(address);
    let mut said = Said::default();
    let checked = check(store, &server, "questdb", |done, all| {
        said.progress(format_args!("{done} of {all} patients compared"));
    })
    .await
    .or_fail()?;
    let mut out = io::stdout().lock();
    for difference in &checked.differences {
        writeln!(out, "{}", line(difference)).or_fail()?;
    }
    let found = checked.differences.len();
    let summary = json!({ "rows": checked.rows, "lag_readings": checked.lag, "differences": found });
    writeln!(out, "{summary}").or_fail()?;
    if found == 0 {
        return Ok(());
    }
    Err(Failure::work(anyhow::anyhow!(
        "{found} rows differ; `vagen project --rebuild` writes the table again"
    )))
}

fn line(difference: &Difference) -> Value {
    let row = |what: &str, row: &Row| {
        json!({ "difference": what, "patient": &*row.patient, "reading": &*row.reading, "arrival": row.arrival,
                "at": row.at, "kind": row.kind, "quantity": row.quantity })
    };
    match difference {
        Difference::Missing(missing) => row("missing", missing),
        Difference::Extra(extra) => row("extra", extra),
        Difference::Altered(altered, fields) => {
            let mut line = row("altered", altered);
            line["fields"] = fields.iter().map(field).collect();
            line
        }
    }
}

fn field(field: &Field) -> Value {
    match field {
        Field::Value(store, table) => json!({ "column": "value", "store": store, "questdb": table }),
        Field::Column(name, store, table) => json!({ "column": name, "store": store, "questdb": table }),
    }
}

/// Progress on stderr, once a second, where somebody looks.
#[derive(Default)]
struct Said(Option<Instant>);

impl Said {
    #[allow(clippy::print_stderr)]
    fn progress(&mut self, what: std::fmt::Arguments<'_>) {
        let due = self.0.is_none_or(|at| at.elapsed() >= SAY_EVERY);
        if due && io::stderr().is_terminal() {
            eprintln!("{what}");
            self.0 = Some(Instant::now());
        }
    }
}
