//! Policies over a made cohort: how many events they foresee, how early, and at what price in false tasks.
//!
//! `cargo bench --bench cohort`, with `PATIENTS` (patient-years, default 400), `SEED`, and `POLICIES` (files, by colons). The
//! chance line stands beside every figure. The cohort is an assumption: its figures compare policies, they promise nothing.

#![allow(clippy::print_stdout, clippy::cast_precision_loss, clippy::cast_possible_truncation)]

mod judge;
mod simulate;

use alerts::{Policy, Problem};

fn main() {
    let number =
        |key: &str, otherwise: u64| std::env::var(key).ok().and_then(|n| n.parse().ok()).unwrap_or(otherwise);
    let patients = usize::try_from(number("PATIENTS", 400)).expect("few enough");
    let cohort = simulate::cohort(patients, number("SEED", 1));
    let named = std::env::var("POLICIES").unwrap_or_else(|_| {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/alerts/policies");
        format!("{folder}/recommended.toml:{folder}/esc-2kg-3d.toml")
    });
    for file in named.split(':') {
        let policy = Policy::parse(&std::fs::read_to_string(file).expect(file)).expect(file);
        let begun = std::time::Instant::now();
        let replayed = judge::run(&policy, &cohort);
        let seconds = begun.elapsed().as_secs_f64();
        let show = |what: &str, counts: &dyn Fn(Problem) -> bool| {
            let figures = judge::judge(&cohort, &replayed, patients, counts);
            println!(
                "{} {what}: sensitivity {:.2} (3 days before or more {:.2}), false {:.2} a patient-year, chance {:.2}",
                policy.name(),
                figures.sensitivity,
                figures.early,
                figures.false_per_year,
                figures.chance
            );
        };
        show("clinical", &|problem| problem.is_clinical());
        for problem in Problem::ALL.iter().filter(|problem| problem.is_clinical()) {
            show(problem.key(), &|one| one == *problem);
        }
        println!("{}", serde_json::to_string(&replayed.summary(seconds)).expect("figures"));
    }
}
