//! The whole chain on a virtual clock: gateways with their outboxes, the wire, a broker, the server and its store, and every fault
//! that a seed can think of. `README.md` beside this file says what is real in it, what it holds against the code, and how to see
//! a failure again.

mod broker;
mod disk;
mod home;
mod ledger;
mod measuring;
mod mount;
mod plan;
mod random;
mod server;
mod trace;
mod world;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use gateway::fault::Flaw as HomeFlaw;
use ingest::fault::Flaw as ServerFlaw;

use disk::Image;
use mount::Rack;
use world::{Build, Failure, Outcome};

const WORKERS: usize = 2;
const CRASHES: u64 = 2_000;
const CRASHES_LONG: u64 = 100_000;
/// How many seeds a wrong build has to be caught in.
const CAUGHT_WITHIN: u64 = 60;

/// Every way of being wrong, and the words by which it is caught.
const WRONG: [(Build, &[&str]); 11] = [
    (Build::Server(ServerFlaw::AckBeforeCommit), &["was acknowledged before it was decided"]),
    (Build::Server(ServerFlaw::ReceiptBeforeCommit), &["is receipted through"]),
    (Build::Server(ServerFlaw::ReceiptOverGap), &["is receipted through"]),
    (Build::Server(ServerFlaw::ThroughInMemory), &["the store went back", "goes back", "not drained"]),
    (Build::Server(ServerFlaw::NoDeduplication), &["is stored 2 times"]),
    (Build::Server(ServerFlaw::CursorOnMeasuringTime), &["is nowhere"]),
    (Build::Server(ServerFlaw::NoEpoch), &["was acknowledged before it was decided"]),
    (Build::Server(ServerFlaw::SilentVoid), &["is void and nobody was told"]),
    (Build::Home(HomeFlaw::DeleteOnPuback), &["let go of numbers"]),
    (Build::Home(HomeFlaw::NoSync), &["and its outbox ends at", "began another outbox", "was found broken"]),
    (Build::Home(HomeFlaw::ReceiptTakenForAll), &["let go of numbers"]),
];

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text:?} is not a number")))
}

/// The one seed that is asked for.
fn asked_for() -> Option<u64> {
    number("VAGEN_SIMULATION_SEED")
}

fn rack() -> (Rack, Image) {
    let rack = Rack::mount().unwrap_or_else(|error| panic!("{error:#}"));
    let template = world::template(&rack);
    (rack, template)
}

fn run(rack: &Rack, template: &Image, seed: u64, build: Build) -> Result<Outcome, Box<Failure>> {
    let aloud = asked_for().is_some();
    catch_unwind(AssertUnwindSafe(|| world::run(rack, template, seed, build, aloud))).unwrap_or_else(
        |panic| {
            let what = panic.downcast_ref::<String>().cloned();
            let what = what.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
            let what = what.unwrap_or_else(|| "something panicked".to_owned());
            Err(Box::new(Failure { seed, what, trace: String::new() }))
        },
    )
}

/// Says what a run did, to whoever looks on: also while it passes.
fn say(line: &str) {
    // One who closed the other end does not want to know.
    let _ = writeln!(std::io::stderr(), "simulation: {line}");
}

/// What many seeds came to.
#[derive(Default)]
struct Total {
    seeds: u64,
    cuts: BTreeMap<&'static str, u64>,
    sum: Outcome,
    failures: Vec<Failure>,
}

impl Total {
    fn add(&mut self, outcome: Result<Outcome, Box<Failure>>) {
        self.seeds += 1;
        match outcome {
            Ok(one) => {
                for (cut, count) in &one.cuts {
                    *self.cuts.entry(cut).or_default() += count;
                }
                self.sum.readings += one.readings;
                self.sum.restores += one.restores;
                self.sum.voids += one.voids;
                self.sum.quarantined += one.quarantined;
                self.sum.tasks += one.tasks;
                self.sum.virtual_ms += one.virtual_ms;
                self.sum.happenings += one.happenings;
            }
            Err(failure) => self.failures.push(*failure),
        }
    }

    fn say(&self, began: Instant) {
        let Outcome { readings, restores, voids, quarantined, tasks, virtual_ms, happenings, .. } = &self.sum;
        let crashes: u64 = self.cuts.values().sum();
        say(&format!(
            "{} seeds, {crashes} crashes {:?}, {readings} readings stored, {quarantined} quarantined, {voids} void, {tasks} tasks, \
             {restores} restores, {happenings} happenings in {:.1} virtual days, {:.0} s",
            self.seeds,
            self.cuts,
            *virtual_ms as f64 / 86_400_000.0,
            began.elapsed().as_secs_f64()
        ));
    }
}

/// Nothing is lost, nothing counts twice, nothing is told before it is durable, and everything drains, whatever happens.
#[test]
fn whatever_a_seed_thinks_of_nothing_is_lost_and_nothing_counts_twice() {
    if let Some(seed) = asked_for() {
        let (rack, template) = rack();
        match run(&rack, &template, seed, Build::Sound) {
            Ok(outcome) => say(&format!("seed {seed}: {outcome:?}")),
            Err(failure) => panic!("{failure}"),
        }
        return;
    }
    let long = std::env::var_os("VAGEN_TESTS_LONG").is_some();
    let crashes = number("VAGEN_SIMULATION_CRASHES").unwrap_or(if long { CRASHES_LONG } else { CRASHES });
    let (began, next) = (Instant::now(), AtomicU64::new(number("VAGEN_SIMULATION_FROM").unwrap_or(1)));
    let total = Mutex::new(Total::default());
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                let (rack, template) = rack();
                loop {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    let outcome = run(&rack, &template, seed, Build::Sound);
                    let mut total = total.lock().expect("the total");
                    total.add(outcome);
                    if total.seeds % 100 == 0 {
                        total.say(began);
                    }
                    if total.cuts.values().sum::<u64>() >= crashes || total.failures.len() >= 3 {
                        return;
                    }
                }
            });
        }
    });
    let total = total.into_inner().expect("the total");
    total.say(began);
    for failure in &total.failures {
        say(&failure.to_string());
    }
    let seeds: Vec<u64> = total.failures.iter().map(|failure| failure.seed).collect();
    assert!(seeds.is_empty(), "seeds that failed: {seeds:?}");
    for cut in
        ["at the disk", "at the wire", "at a step of the commit", "while starting", "at a time of chance"]
    {
        assert!(total.cuts.get(cut).is_some_and(|count| *count > 0), "never cut {cut}");
    }
    assert!(total.sum.restores > 0 && total.sum.voids > 0 && total.sum.quarantined > 0);
}

/// The same seed does the same, to the last word of what happened.
#[test]
fn a_seed_is_a_run() {
    if asked_for().is_some() {
        return;
    }
    let (rack, template) = rack();
    for seed in 1..=8 {
        let [first, second] = [(); 2].map(|()| run(&rack, &template, seed, Build::Sound));
        let [first, second] = [first, second].map(|one| one.unwrap_or_else(|failure| panic!("{failure}")));
        assert_eq!((first.sum, first.happenings), (second.sum, second.happenings), "seed {seed}");
    }
}

/// A proof that lets a broken build pass proves nothing.
#[test]
fn builds_that_are_wrong_on_purpose_are_caught() {
    if asked_for().is_some() {
        return;
    }
    let next = AtomicU64::new(0);
    let let_through = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                let (rack, template) = rack();
                loop {
                    let index = usize::try_from(next.fetch_add(1, Ordering::SeqCst)).expect("few");
                    let Some((wrong, words)) = WRONG.get(index) else { return };
                    let caught =
                        (1..=CAUGHT_WITHIN).find_map(|seed| run(&rack, &template, seed, *wrong).err());
                    match caught {
                        Some(failure) => {
                            let Failure { seed, what, .. } = *failure;
                            say(&format!("{wrong:?}: caught by seed {seed}: {what}"));
                            assert!(
                                words.iter().any(|one| what.contains(one)),
                                "{wrong:?} is caught for another reason: {what}"
                            );
                            if let Err(failure) = run(&rack, &template, seed, Build::Sound) {
                                panic!("what is sound fails by the same seed: {failure}");
                            }
                        }
                        None => let_through.lock().expect("the list").push(*wrong),
                    }
                }
            });
        }
    });
    let let_through = let_through.into_inner().expect("the list");
    assert!(let_through.is_empty(), "not caught within {CAUGHT_WITHIN} seeds: {let_through:?}");
}
