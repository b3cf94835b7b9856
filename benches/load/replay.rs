//! `vagen replay` over a made history, beside what only reads the same file: readings a second and CPU time.
//!
//! A patient has a weighing and a pressure a day and a form every second day, for a year.
//!
//! **Invariant:** the program's own count of readings is that of the file.

use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::Options;
use crate::report::{Figure, Series};

const PATIENTS: u64 = 4_000;
const DAYS: u64 = 365;

/// Measures and gives the table.
pub(crate) fn of(options: &Options) -> Result<String> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("history.jsonl");
    let patients = if options.short { 40 } else { PATIENTS };
    let readings = write(&file, patients)?;
    let mut series = Series::default();
    for round in 0..options.rounds {
        println!(
            "Replay, round {} of {}, load average {}",
            round + 1,
            options.rounds,
            crate::processes::load_average()
        );
        series.add(0, "vagen replay", replayed(&file, readings)?);
        series.add(1, "reading the lines (wc -l)", read(&file, readings)?);
    }
    let bytes = std::fs::metadata(&file)?.len();
    let about = format!("Replay: {readings} readings of {patients} patients, {} MB", bytes / 1_000_000);
    Ok(series.table(&about, 1))
}

/// Writes the history; gives how many readings it has.
fn write(file: &Path, patients: u64) -> Result<u64> {
    let mut to = BufWriter::new(std::fs::File::create(file)?);
    let first: jiff::civil::Date = jiff::civil::date(2025, 1, 1);
    let mut readings = 0;
    for day in 0..DAYS {
        let date = first.checked_add(jiff::Span::new().days(i64::try_from(day)?))?;
        for patient in 0..patients {
            let wave = (patient * 31 + day * 17) % 11;
            let minute = patient % 60;
            writeln!(
                to,
                "{{\"patient\":\"p{patient}\",\"at\":\"{date}T06:{minute:02}:00.000Z\",\"kind\":\"weight\",\
                 \"values\":{{\"weight_kg\":{}.{wave}}}}}",
                60 + patient % 40
            )?;
            writeln!(
                to,
                "{{\"patient\":\"p{patient}\",\"at\":\"{date}T06:{minute:02}:30.000Z\",\"kind\":\"blood_pressure\",\
                 \"values\":{{\"systolic_mmhg\":{},\"diastolic_mmhg\":{},\"pulse_per_min\":{}}}}}",
                118 + wave,
                74 + wave / 2,
                66 + wave
            )?;
            readings += 2;
            if day % 2 == 0 {
                writeln!(
                    to,
                    "{{\"patient\":\"p{patient}\",\"at\":\"{date}T06:{minute:02}:50.000Z\",\"kind\":\"symptoms\",\
                     \"values\":{{\"breathlessness\":{},\"orthopnoea\":0,\"swelling\":0,\"dizziness\":0,\"fatigue\":1,\
                     \"worse_than_yesterday\":0}}}}",
                    wave / 9
                )?;
                readings += 1;
            }
        }
    }
    to.flush()?;
    Ok(readings)
}

fn replayed(file: &Path, readings: u64) -> Result<Figure> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vagen"));
    command.args(["replay", "--summary"]).arg(file);
    let (output, figure) = timed(&mut command, "vagen replay", readings)?;
    let summary: Value = serde_json::from_slice(&output)?;
    ensure!(summary["readings"] == readings, "{} of {readings} readings were judged", summary["readings"]);
    Ok(figure)
}

fn read(file: &Path, readings: u64) -> Result<Figure> {
    Ok(timed(Command::new("wc").arg("-l").arg(file), "wc", readings)?.1)
}

/// Runs `command` to its end: what it printed, and its rate and CPU time by wall clock and operating system.
fn timed(command: &mut Command, name: &'static str, readings: u64) -> Result<(Vec<u8>, Figure)> {
    let (before, begun) = (ended_children_us()?, Instant::now());
    let output = command.stderr(Stdio::inherit()).output().with_context(|| format!("running {name}"))?;
    let took = begun.elapsed();
    ensure!(output.status.success(), "{name}: {}", output.status);
    let cpu_us = (ended_children_us()? - before) / readings as f64;
    Ok((output.stdout, Figure { rate: readings as f64 / took.as_secs_f64(), cpu_us: vec![(name, cpu_us)] }))
}

fn ended_children_us() -> Result<f64> {
    crate::processes::ended_children_us(std::process::id())
}
