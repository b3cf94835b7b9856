//! `vagen replay`: what a policy would have done.
//!
//! The input is read in blocks of whole lines, and every block is shown to a few workers; each judges its own patients. So
//! memory is bounded by the blocks under way, and what is printed does not depend on how many workers there are.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Instant;

use alerts::Policy;
use alerts::replay::{Replay, Replayed};

use crate::cli::ReplayArguments;
use crate::failure::{Failure, OrFail};

/// The most bytes one line may have; a reading has some hundred.
const LINE_BYTES_MAX: usize = 1024 * 1024;
/// How much is read at once.
const BLOCK_BYTES: usize = 4 * LINE_BYTES_MAX;
/// Blocks that wait for a worker.
const BLOCKS_WAITING: usize = 2;
/// Each worker looks at every line, so that more of them soon gain nothing.
const WORKERS_MAX: usize = 4;

pub(crate) fn run(arguments: &ReplayArguments) -> Result<(), Failure> {
    let policy = match &arguments.policy {
        Some(file) => {
            let text = std::fs::read_to_string(file).or_wrong_input(file.display())?;
            Policy::parse(&text).or_wrong_input(file.display())?
        }
        None => Policy::recommended().clone(),
    };
    let started = Instant::now();
    let workers = thread::available_parallelism().map_or(1, usize::from).min(WORKERS_MAX);
    let replayed = if arguments.readings == Path::new("-") {
        replay(&policy, io::stdin().lock(), workers)?
    } else {
        let file = File::open(&arguments.readings).or_wrong_input(arguments.readings.display())?;
        replay(&policy, file, workers)?
    };
    let wall_s = started.elapsed().as_secs_f64();
    print(&replayed, arguments.summary.then_some(wall_s)).or_fail()
}

type Block = Arc<Vec<u8>>;

/// A line that cannot be taken: its number, and what is wrong.
type Wrong = (u64, String);

fn replay(policy: &Policy, input: impl Read, workers: usize) -> Result<Replayed, Failure> {
    thread::scope(|scope| {
        let (mut senders, mut running) = (Vec::new(), Vec::new());
        for number in 0..workers {
            let (sender, receiver) = sync_channel::<Block>(BLOCKS_WAITING);
            let replay = Replay::shared(policy.clone(), care::clock::zone(), number as u64, workers as u64);
            senders.push(sender);
            running.push(scope.spawn(move || work(replay, &receiver)));
        }
        let read = show(input, &senders);
        drop(senders);
        let mut shares = Vec::new();
        let mut wrong: Option<Wrong> = None;
        for worker in running {
            match worker
                .join()
                .map_err(|_| Failure::work(anyhow::anyhow!("a worker of the replay failed")))?
            {
                Ok(share) => shares.push(share),
                Err(error) => wrong = wrong.into_iter().chain([error]).min(),
            }
        }
        read.or_fail()?;
        match wrong {
            Some((_, message)) => Err(Failure::input(message)),
            None => Ok(Replayed::join(shares)),
        }
    })
}

/// Shows every worker the input, block by block, until it ends or one of them has found something wrong.
fn show(mut input: impl Read, workers: &[SyncSender<Block>]) -> io::Result<()> {
    let mut rest = Vec::new();
    loop {
        let mut block = std::mem::take(&mut rest);
        let read = input.by_ref().take(BLOCK_BYTES as u64).read_to_end(&mut block)?;
        let end = block.iter().rposition(|byte| *byte == b'\n').map_or(0, |place| place + 1);
        let is_last = read == 0;
        if !is_last && block.len() - end <= LINE_BYTES_MAX {
            rest = block.split_off(end);
        }
        let block = Arc::new(block);
        // One that stopped has found its line; the others must see as far, in case theirs comes before it.
        let stopped = workers.iter().filter(|worker| worker.send(Arc::clone(&block)).is_err()).count();
        if is_last || stopped > 0 {
            return Ok(());
        }
    }
}

/// Feeds one share with every block; the first line that cannot be taken ends it.
fn work(mut replay: Replay, blocks: &Receiver<Block>) -> Result<Replayed, Wrong> {
    let mut number = 0;
    for block in blocks {
        // Text is searched for the ends of its lines many bytes at a time; a block that is not all text, byte by byte.
        if let Ok(text) = str::from_utf8(&block) {
            for line in text.split_inclusive('\n') {
                number += 1;
                feed(&mut replay, number, line)?;
            }
        } else {
            for line in block.split_inclusive(|byte| *byte == b'\n') {
                number += 1;
                let text =
                    str::from_utf8(line).map_err(|error| (number, format!("line {number}: {error}")))?;
                feed(&mut replay, number, text)?;
            }
        }
    }
    Ok(replay.finish())
}

fn feed(replay: &mut Replay, number: u64, line: &str) -> Result<(), Wrong> {
    if line.len() >= LINE_BYTES_MAX {
        return Err((number, format!("line {number}: longer than {LINE_BYTES_MAX} bytes")));
    }
    replay.feed(line.trim_end_matches(['\r', '\n'])).map_err(|error| (error.line, error.to_string()))
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Three hundred lines of five patients, two of them ill in the same way.
    fn history() -> String {
        let mut text = String::new();
        for day in 1..=28 {
            for patient in 0..5 {
                let kg = 78.0
                    + 0.2 * f64::from(day % 3)
                    + if patient < 2 { f64::from(day - 20).max(0.0) * 0.5 } else { 0.0 };
                text.push_str(&format!(
                    r#"{{"patient":"p{patient}","at":"2026-02-{day:02}T06:00:00Z","kind":"weight","values":{{"weight_kg":{kg:.1}}}}}"#
                ));
                text.push('\n');
            }
        }
        text
    }

    /// What one worker prints is what the contract says; any number of them must print the same.
    #[test]
    fn the_number_of_workers_changes_nothing() {
        let (policy, text) = (Policy::recommended(), history());
        let alone = replay(policy, text.as_bytes(), 1).expect("a history");
        assert!(alone.tasks.iter().any(|task| task.patient.as_str() == "p1"), "{:?}", alone.tasks);
        for workers in 2..=4 {
            assert_eq!(
                replay(policy, text.as_bytes(), workers).ok(),
                Some(alone.clone()),
                "{workers} workers"
            );
        }
    }

    /// The first wrong line is named, whoever meets it, and whatever is wrong further down.
    #[test]
    fn the_first_wrong_line_is_named() {
        let good = history();
        let rows: [(Vec<u8>, &str); 5] = [
            (b"{".to_vec(), "line 141: "),
            (br#"{"patient":"p1","at":"2026-03-01","kind":"end"}"#.to_vec(), "line 141: "),
            (
                br#"{"at":"2026-03-01T00:00:00Z","patient":"p4","kind":"mood","values":{}}"#.to_vec(),
                "line 141: kind",
            ),
            (vec![b'"', 0xFF, b'"'], "line 141: invalid utf-8"),
            (vec![b' '; 3 * LINE_BYTES_MAX], "line 141: longer than"),
        ];
        for (bad, expected) in rows {
            let text = [good.as_bytes(), &bad, b"\n[]\n{\n"].concat();
            for workers in 1..=3 {
                let Err(Failure::Input(message)) = replay(Policy::recommended(), &*text, workers) else {
                    panic!("{expected}: taken by {workers}");
                };
                assert!(message.starts_with(expected), "{message:.80}");
            }
        }
    }
}
