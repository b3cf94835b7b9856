//! `vagen replay`: what a policy would have done.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;
use std::time::Instant;

use alerts::Policy;
use alerts::replay::{Replay, Replayed};

use crate::cli::ReplayArguments;
use crate::failure::{Failure, OrFail};

/// The most bytes one line may have; a reading has some hundred.
const LINE_BYTES_MAX: u64 = 1024 * 1024;

pub(crate) fn run(arguments: &ReplayArguments) -> Result<(), Failure> {
    let policy = match &arguments.policy {
        Some(file) => {
            let text = std::fs::read_to_string(file).or_wrong_input(file.display())?;
            Policy::parse(&text).or_wrong_input(file.display())?
        }
        None => Policy::recommended().clone(),
    };
    let started = Instant::now();
    let replayed = if arguments.readings == Path::new("-") {
        feed(Replay::new(policy, care::clock::zone()), io::stdin().lock())?
    } else {
        let file = File::open(&arguments.readings).or_wrong_input(arguments.readings.display())?;
        feed(Replay::new(policy, care::clock::zone()), BufReader::new(file))?
    };
    let wall_s = started.elapsed().as_secs_f64();
    print(&replayed, arguments.summary.then_some(wall_s)).or_fail()
}

fn feed(mut replay: Replay, mut lines: impl BufRead) -> Result<Replayed, Failure> {
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        let read = lines.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line).or_fail()?;
        if read == 0 {
            break;
        }
        if read as u64 == LINE_BYTES_MAX {
            return Err(Failure::input(format_args!("line {number}: longer than {LINE_BYTES_MAX} bytes")));
        }
        let text = str::from_utf8(&line).or_wrong_input(format_args!("line {number}"))?;
        replay.feed(text.trim_end_matches(['\r', '\n'])).map_err(Failure::input)?;
    }
    Ok(replay.finish())
}

fn print(replayed: &Replayed, summary_of_s: Option<f64>) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    if let Some(wall_s) = summary_of_s {
        serde_json::to_writer(&mut out, &replayed.summary(wall_s))?;
        out.write_all(b"\n")?;
    } else {
        for task in &replayed.tasks {
            serde_json::to_writer(&mut out, task)?;
            out.write_all(b"\n")?;
        }
    }
    out.flush()
}
