//! Policies over a made cohort: how many events they foresee, how early, and at what price in false tasks.
//!
//! `cargo bench --bench cohort` makes the whole report on the judging seeds and writes it under the target folder. After `--`:
//! `--people N` (patient-years in all, default 1,500), `--policy FILE`, and `--tuning`, which prints the variants on the tuning
//! seeds and nothing else. Nobody tunes on the judging seeds.

#![allow(clippy::print_stdout, clippy::cast_precision_loss, clippy::cast_possible_truncation)]

mod assumptions;
mod channels;
mod chart;
mod dice;
mod home;
mod judge;
mod life;
mod report;
mod runs;
mod textbook;

use std::path::{Path, PathBuf};
use std::time::Instant;

use alerts::Policy;
use anyhow::{Context as _, Result, bail};

use assumptions::{Assumptions, variants};
use channels::{Channel, Draft};
use judge::Tally;
use report::{Findings, Outcome, Row};
use runs::Cohort;
use textbook::TEXTBOOKS;

/// Seeds on which numbers of a policy may be set.
const TUNING_SEEDS: [u64; 3] = [1001, 1002, 1003];
/// Seeds on which they are judged.
const JUDGING_SEEDS: [u64; 3] = [9401, 9402, 9403];
/// Seeds on which earlier versions and drafts were judged, so that they have been looked at.
const SEEN_SEEDS: [u64; 6] = [9101, 9102, 9103, 9301, 9302, 9303];
/// Thresholds of the curves, against the policy's own, loose to strict.
const THRESHOLDS: [f64; 11] = [0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 1.0, 1.2, 1.5, 2.0];
/// Where weight alone opens a case, in the person's noise, loose to strict.
const WEIGHT_ALONE: [f64; 9] = [0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.4, 1.7, 2.0];

/// What was asked for.
struct Options {
    people: usize,
    policy: PathBuf,
    tuning: bool,
}

impl Options {
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self> {
        let policy = Path::new(env!("CARGO_MANIFEST_DIR")).join("alerts/policies/recommended.toml");
        let mut options = Self { people: 1500, policy, tuning: false };
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--people" => options.people = arguments.next().context("--people N")?.parse()?,
                "--policy" => options.policy = arguments.next().context("--policy FILE")?.into(),
                "--tuning" => options.tuning = true,
                // Cargo says so to every benchmark.
                "--bench" => {}
                other => bail!("unknown option {other} (known: --people N, --policy FILE, --tuning)"),
            }
        }
        Ok(options)
    }

    fn cohort<'a>(&self, assumptions: &'a Assumptions) -> Cohort<'a> {
        let seeds: &'static [u64] = if self.tuning { &TUNING_SEEDS } else { &JUDGING_SEEDS };
        Cohort { assumptions, seeds, people_per_seed: self.people.div_ceil(seeds.len()) }
    }
}

fn main() -> Result<()> {
    let options = Options::read(std::env::args().skip(1))?;
    let text = std::fs::read_to_string(&options.policy)
        .with_context(|| format!("reading {}", options.policy.display()))?;
    let policy = Policy::parse(&text)?;
    let begun = Instant::now();
    let outcomes = over_variants(&policy, &options, begun);
    if options.tuning {
        return Ok(());
    }
    let findings = compare(&policy, &text, outcomes, &options, begun);
    let folder = write(&findings)?;
    println!("{:4.0} s  report in {}", begun.elapsed().as_secs_f64(), folder.display());
    Ok(())
}

fn over_variants(policy: &Policy, options: &Options, begun: Instant) -> Vec<Outcome> {
    variants()
        .into_iter()
        .map(|variant| {
            let run = options.cohort(&variant.assumptions).replay(policy);
            say(begun, variant.name, &run.sum());
            Outcome { variant, run }
        })
        .collect()
}

/// Everything that is measured on the base case.
fn compare(
    policy: &Policy,
    text: &str,
    outcomes: Vec<Outcome>,
    options: &Options,
    begun: Instant,
) -> Findings {
    let base = outcomes[0].variant.assumptions;
    let cohort = options.cohort(&base);
    let whole = Draft::of(text);
    let cost = outcomes[0].run.sum().false_per_year();
    let curve = |draft: &Draft| -> Vec<Tally> {
        THRESHOLDS.iter().map(|times| cohort.replay(&draft.clone().scaled(*times).policy()).sum()).collect()
    };
    let row = |name: String, draft: &Draft| {
        let at_its_threshold = cohort.replay(&draft.policy()).sum();
        let at_equal_cost = at_equal_cost(&cohort, draft, cost);
        say(begun, &name, &at_its_threshold);
        Row { name, at_its_threshold, at_equal_cost }
    };
    let textbook = TEXTBOOKS
        .iter()
        .map(|one| {
            let at = |threshold: f64| Tally::sum(&cohort.judge(|home| one.detector.alarms(home, threshold)));
            let tally = at(one.threshold);
            say(begun, one.name, &tally);
            (tally, one.sweep.iter().map(|threshold| at(*threshold)).collect())
        })
        .collect();
    let left_out = Channel::ALL
        .into_iter()
        .map(|channel| row(format!("without {}", channel.name()), &whole.clone().without(channel)))
        .collect();
    let alone = Channel::ALL
        .into_iter()
        .map(|channel| row(format!("{} alone", channel.name()), &whole.clone().only(channel)))
        .collect();
    println!("{:4.0} s  curves", begun.elapsed().as_secs_f64());
    Findings {
        policy: format!("{} {}", policy.name(), policy.version()),
        command: "cargo bench --bench cohort".to_owned(),
        seeds: JUDGING_SEEDS.map(|seed| seed.to_string()).join(", "),
        seen_seeds: SEEN_SEEDS.map(|seed| seed.to_string()).join(", "),
        seen: over_seen(policy, &outcomes, options),
        years: outcomes[0].run.sum().years,
        policy_curve: curve(&whole),
        weight_curve: WEIGHT_ALONE
            .iter()
            .map(|noises| cohort.replay(&whole.clone().weight_alone_at(*noises).policy()).sum())
            .collect(),
        outcomes,
        textbook,
        left_out,
        alone,
    }
}

/// The policy over the same variants of people on the seeds that were looked at before.
fn over_seen(policy: &Policy, outcomes: &[Outcome], options: &Options) -> Vec<Tally> {
    let on_seen = |outcome: &Outcome| {
        let cohort = Cohort { seeds: &SEEN_SEEDS, ..options.cohort(&outcome.variant.assumptions) };
        cohort.replay(policy).sum()
    };
    outcomes.iter().map(on_seen).collect()
}

/// The draft with its threshold moved until it gives `cost` false tasks a year; `None` where no threshold does.
fn at_equal_cost(cohort: &Cohort<'_>, draft: &Draft, cost: f64) -> Option<Tally> {
    let (mut loose, mut strict) = (0.02, 2.0);
    let mut best: Option<Tally> = None;
    for _ in 0..6 {
        let times = f64::midpoint(loose, strict);
        let tally = cohort.replay(&draft.clone().scaled(times).policy()).sum();
        if tally.false_per_year() > cost {
            loose = times;
        } else {
            strict = times;
            best = Some(tally);
        }
    }
    best.filter(|tally| tally.false_per_year() > 0.8 * cost)
}

/// Writes the report and says where.
fn write(findings: &Findings) -> Result<PathBuf> {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target"), PathBuf::from);
    let folder = target.join("cohort");
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("README.md"), findings.page())?;
    std::fs::write(folder.join("roc.svg"), findings.curves())?;
    std::fs::write(folder.join("variants.svg"), findings.ranges())?;
    Ok(folder)
}

fn say(begun: Instant, name: &str, tally: &Tally) {
    println!(
        "{:4.0} s  {name:50} sensitivity {:.2}  3 days {:.2}  5 days {:.2}  false {:.2}  chance {:.2}",
        begun.elapsed().as_secs_f64(),
        tally.sensitivity(),
        tally.early_3(),
        tally.early_5(),
        tally.false_per_year(),
        tally.chance()
    );
}
