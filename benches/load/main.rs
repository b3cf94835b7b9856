//! The house under load, beside what limits it and what one would pick instead: `cargo bench --bench load`.
//!
//! After `--` comes what to measure (`live`, `backlog`, `telegraf`, `latency`, `stored`, `replay`; all of them where nothing is
//! named), `--rounds N`, `--messages N`, `--patients N`, `--stored N`, and `--short`, which runs everything small to see that it runs.
//! `benches/README.md` says what is needed, how to read the figures, and what they were.

#![allow(
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)]

mod drain;
mod envelopes;
mod fill;
mod latency;
mod postgres;
mod processes;
mod publisher;
mod questdb;
mod replay;
mod report;
mod roles;
mod setups;
mod stored;
mod telegraf;
mod throughput;
mod vagen;
mod wire;

use anyhow::{Context as _, Result, bail};

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Live,
    Backlog,
    Telegraf,
    Latency,
    Stored,
    Replay,
}

impl What {
    const ALL: [(&'static str, Self); 6] = [
        ("live", Self::Live),
        ("backlog", Self::Backlog),
        ("telegraf", Self::Telegraf),
        ("latency", Self::Latency),
        ("stored", Self::Stored),
        ("replay", Self::Replay),
    ];
}

/// What was asked for.
#[derive(Clone, Debug)]
struct Options {
    what: Vec<What>,
    rounds: usize,
    messages: Option<u64>,
    patients: usize,
    stored: Option<u64>,
    short: bool,
}

impl Options {
    fn read(arguments: &[String]) -> Result<Self> {
        let mut options =
            Self { what: Vec::new(), rounds: 5, messages: None, patients: 1_000, stored: None, short: false };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut number = || arguments.next().with_context(|| format!("{argument} N"));
            match argument.as_str() {
                "--rounds" => options.rounds = number()?.parse()?,
                "--messages" => options.messages = Some(number()?.parse()?),
                "--patients" => options.patients = number()?.parse()?,
                "--stored" => options.stored = Some(number()?.parse()?),
                "--short" => options.short = true,
                // Cargo says so to every benchmark.
                "--bench" => {}
                other => match What::ALL.iter().find(|(name, _)| *name == other) {
                    Some((_, what)) => options.what.push(*what),
                    None => bail!("unknown argument {other}"),
                },
            }
        }
        if options.what.is_empty() {
            options.what = What::ALL.iter().map(|(_, what)| *what).collect();
        }
        if options.short {
            (options.rounds, options.messages) = (1, Some(options.messages.unwrap_or(5_000)));
        }
        Ok(options)
    }
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(played) = roles::play(&arguments) {
        return played;
    }
    let options = Options::read(&arguments)?;
    println!("load average {}", processes::load_average());
    for what in &options.what {
        let table = match what {
            What::Live => throughput::live(&options)?,
            What::Backlog => throughput::backlog(&options)?,
            What::Telegraf => throughput::against_telegraf(&options)?,
            What::Latency => latency::of(&options)?,
            What::Stored => stored::of(&options)?,
            What::Replay => replay::of(&options)?,
        };
        println!("{table}\nload average {}", processes::load_average());
    }
    Ok(())
}
