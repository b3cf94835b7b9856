//! Faults of real processes: gateways, servers, broker, PostgreSQL and QuestDB are killed with SIGKILL again and again in one run,
//! while disks run full, the network lets nothing through in one direction, and the broker comes back without its sessions. In the
//! end the count must match to the reading.
//!
//! Everything is the program that a user has, unmodified: several `vagen-gateway` with their outboxes on disk, fed by captures in
//! place of a radio; two `vagen serve` over one store; mosquitto; PostgreSQL; QuestDB. An init system's part is played here: what
//! ended is started again.
//!
//! **What is expected, exactly.** Every measurement in every capture that was handed to a gateway, once. A capture is played until
//! the gateway ends with status 0, which says that everything in it is sealed and receipted; after a kill it is played again from
//! its first line, as a device goes on offering what nobody took from it. So a measurement that was read from the capture and not
//! sealed when the process died comes again, and one that was sealed comes again as well and must be recognised. That this does not
//! hide a loss is held apart: after each kill the outbox is read as it lies on the disk, and what was sealed there must be in
//! PostgreSQL in the end under that number of that outbox, with those bytes. In the end therefore: measurements handed out = numbers of the
//! outboxes = receipts = readings in PostgreSQL, each once, with their bytes, times and values = assessed = rows in QuestDB, one a value,
//! each once; every task that the chapters must open is there once and no other is; `vagen reconcile` has no difference and nothing to explain.
//!
//! ```sh
//! cargo test --test faults                                # 30 kills, a minute and a half
//! VAGEN_TESTS_LONG=1 cargo test --test faults             # 300 kills, some twelve to sixteen minutes
//! VAGEN_FAULTS_SEED=7 cargo test --test faults            # another plan
//! ```
//!
//! It needs Linux, root or user namespaces, and Debian's iproute2, nftables, util-linux, mosquitto, postgresql and a Java for
//! QuestDB; `tests/run` installs them. A run that failed leaves its folder, with every log, and says where.

#![allow(clippy::print_stdout, reason = "the run says what it does")]

mod count;
mod enclosure;
mod homes;
mod measured;
mod plan;
mod program;
#[allow(dead_code, reason = "the simulation uses all of it")]
#[path = "../simulation/random.rs"]
mod random;
mod run;
mod servers;
#[path = "../support/mod.rs"]
mod support;

use std::path::Path;

use homes::Homes;
use plan::{Plan, ROUND};
use run::Run;
use servers::Servers;

const HOMES: usize = 6;
const SEED: u64 = 1;

fn number(name: &str, default: u64) -> u64 {
    let Ok(text) = std::env::var(name) else { return default };
    text.parse().unwrap_or_else(|_| panic!("{name}={text:?} is not a number"))
}

#[test]
fn whoever_is_killed_nothing_is_lost_and_nothing_counted_twice() {
    if let Some(folder) = enclosure::inside() {
        enclosure::end_with_the_outer();
        return run(&folder);
    }
    let folder = tempfile::tempdir().expect("a folder");
    // PostgreSQL does not run as root, and must reach its folder.
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(folder.path(), open).expect("permissions");
    if !enclosure::enter("whoever_is_killed_nothing_is_lost_and_nothing_counted_twice", folder.path()) {
        panic!("it failed; every log is in {}", folder.keep().display());
    }
}

fn run(folder: &Path) {
    let rounds = if support::long() { 10 } else { 1 };
    let seed = number("VAGEN_FAULTS_SEED", SEED);
    let kills = rounds * ROUND;
    println!("{kills} kills, seed {seed} (VAGEN_FAULTS_SEED)");
    // More chapters than a home can play: each takes it two seconds, and a kill comes every three.
    let chapters_max = 40 + 3 * kills / 2;
    let networks = enclosure::Networks::new();
    let servers = Servers::start(folder, &networks, &measured::register(HOMES, chapters_max));
    let homes = Homes::new(folder, HOMES, chapters_max);
    let mut run = Run::new(servers, homes, networks);
    run.carry_out(Plan::of(seed, rounds));
    println!("{}", run.told());
    let counted = count::count(&run.homes, &run.servers);
    run.judge(kills);
    println!("{counted}");
}
