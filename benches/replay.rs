//! How fast `vagen replay --summary` is from a file to its figures, JSON and all: the program itself, on made people.
//!
//! `cargo bench --bench replay`. After `--`: `--people N` (default 4,000, a year each, some 2.4 million readings), `--runs N`, and
//! `--vagen FILE`, another build of the program. People come five hundred at a time, their lines in order of arrival, as an
//! export has them.

#![allow(missing_docs, clippy::print_stdout, clippy::cast_precision_loss, clippy::cast_possible_truncation)]

#[path = "cohort/assumptions.rs"]
#[allow(dead_code)]
mod assumptions;
#[path = "cohort/dice.rs"]
#[allow(dead_code)]
mod dice;
#[path = "cohort/home.rs"]
#[allow(dead_code)]
mod home;
#[path = "cohort/life.rs"]
#[allow(dead_code)]
mod life;

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use assumptions::Assumptions;
use home::Home;

/// Neither tuned on nor judged on.
const SEED: u64 = 77;
/// People whose lines are mixed.
const TOGETHER: usize = 500;

/// What was asked for.
struct Options {
    people: usize,
    runs: usize,
    vagen: PathBuf,
}

impl Options {
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self> {
        let vagen = option_env!("CARGO_BIN_EXE_vagen").unwrap_or("vagen").into();
        let mut options = Self { people: 4000, runs: 5, vagen };
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().with_context(|| format!("{argument} needs a value"));
            match argument.as_str() {
                "--people" => options.people = value()?.parse()?,
                "--runs" => options.runs = value()?.parse()?,
                "--vagen" => options.vagen = value()?.into(),
                // Cargo says so to every benchmark.
                "--bench" => {}
                other => bail!("unknown option {other} (known: --people N, --runs N, --vagen FILE)"),
            }
        }
        ensure!(options.runs > 0, "at least one run");
        Ok(options)
    }
}

fn main() -> Result<()> {
    let options = Options::read(std::env::args().skip(1))?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("readings.jsonl");
    let bytes = write(&file, options.people)?;
    let mut speeds = Vec::new();
    for _ in 0..options.runs {
        let summary = replay(&options.vagen, &file)?;
        let figure = |key: &str| summary[key].as_f64().with_context(|| format!("{key} in the summary"));
        let (readings, per_second) = (figure("readings")?, figure("readings_per_second")?);
        println!(
            "{readings} readings of {} people, {:.0} MB, in {:.2} s: {per_second:.0} a second",
            options.people,
            bytes as f64 / 1e6,
            figure("wall_s")?
        );
        speeds.push(per_second);
    }
    speeds.sort_by(f64::total_cmp);
    println!("median {:.2} million readings a second", speeds[speeds.len() / 2] / 1e6);
    Ok(())
}

fn write(file: &Path, people: usize) -> Result<u64> {
    let assumed = Assumptions::default();
    let mut out = BufWriter::new(File::create(file)?);
    for first in (0..people).step_by(TOGETHER) {
        let mut lines: Vec<(f64, String)> = Vec::new();
        for number in first..people.min(first + TOGETHER) {
            let home = Home::of(&assumed, SEED, number);
            let arrived = home.entries.iter().map(|entry| entry.arrived).chain([f64::MAX]);
            lines.extend(arrived.zip(home.lines(number)));
        }
        lines.sort_by(|one, other| one.0.total_cmp(&other.0));
        for (_, line) in lines {
            writeln!(out, "{line}")?;
        }
    }
    out.flush()?;
    Ok(std::fs::metadata(file)?.len())
}

fn replay(vagen: &Path, file: &Path) -> Result<Value> {
    let output = Command::new(vagen).args(["replay", "--summary"]).arg(file).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(serde_json::from_slice(&output.stdout)?)
}
