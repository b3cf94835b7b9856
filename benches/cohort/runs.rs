//! A policy or a textbook detector over a cohort, person by person, on two threads.
//!
//! Homes are made when they are needed and let go, so that a cohort of any size fits in memory.
//!
//! **Invariant:** what comes back is in the order of the people, whatever thread they were judged on.

use std::collections::BTreeMap;

use alerts::replay::Replay;
use alerts::{Policy, Problem};
use jiff::tz::TimeZone;

use crate::assumptions::Assumptions;
use crate::home::{Home, day_of};
use crate::judge::{Tally, judge};
use crate::life::DAYS;

const THREADS: usize = 2;
const YEARS: f64 = DAYS as f64 / 365.0;

/// Which people: so many of each of these seeds, under these assumptions.
#[derive(Clone, Copy)]
pub(crate) struct Cohort<'a> {
    pub(crate) assumptions: &'a Assumptions,
    pub(crate) seeds: &'a [u64],
    pub(crate) people_per_seed: usize,
}

/// What a policy gave over a cohort.
pub(crate) struct Run {
    /// One tally a person.
    pub(crate) people: Vec<Tally>,
    /// Tasks by problem, a patient-year.
    pub(crate) tasks_per_year: BTreeMap<Problem, f64>,
}

impl Run {
    /// All people together.
    pub(crate) fn sum(&self) -> Tally {
        Tally::sum(&self.people)
    }
}

impl Cohort<'_> {
    /// Asks `each` of every home, in order.
    pub(crate) fn map<T: Send>(&self, each: impl Fn(&Home) -> T + Sync) -> Vec<T> {
        let people: Vec<(u64, usize)> = self
            .seeds
            .iter()
            .flat_map(|seed| (0..self.people_per_seed).map(|number| (*seed, number)))
            .collect();
        let part = people.len().div_ceil(THREADS).max(1);
        std::thread::scope(|scope| {
            let each = &each;
            let parts: Vec<_> = people
                .chunks(part)
                .map(|part| {
                    scope.spawn(move || {
                        let homes =
                            part.iter().map(|(seed, number)| Home::of(self.assumptions, *seed, *number));
                        homes.map(|home| each(&home)).collect::<Vec<T>>()
                    })
                })
                .collect();
            parts.into_iter().flat_map(|part| part.join().expect("a part of a cohort")).collect()
        })
    }

    /// Replays `policy` over every home; every clinical task counts.
    pub(crate) fn replay(&self, policy: &Policy) -> Run {
        let zone = TimeZone::get("Europe/Stockholm").expect("bundled");
        let judged = self.map(|home| replay(policy, &zone, home));
        let count = judged.len().max(1) as f64;
        let mut run = Run { people: Vec::with_capacity(judged.len()), tasks_per_year: BTreeMap::new() };
        for (tally, problems) in judged {
            run.people.push(tally);
            for problem in problems {
                *run.tasks_per_year.entry(problem).or_insert(0.0) += 1.0 / (count * YEARS);
            }
        }
        run
    }

    /// Judges what `alarms` gives for each home.
    pub(crate) fn judge(&self, alarms: impl Fn(&Home) -> Vec<f64> + Sync) -> Vec<Tally> {
        self.map(|home| judge(&alarms(home), &home.events, YEARS))
    }
}

fn replay(policy: &Policy, zone: &TimeZone, home: &Home) -> (Tally, Vec<Problem>) {
    let mut replay = Replay::new(policy.clone(), zone.clone());
    for line in home.lines(0) {
        replay.feed(&line).expect("the simulator writes good lines");
    }
    let tasks = replay.finish().tasks;
    let clinical = tasks.iter().filter(|task| task.problem.is_clinical());
    let mut opened: Vec<f64> = clinical.map(|task| day_of(task.opened_at)).collect();
    opened.sort_by(f64::total_cmp);
    (judge(&opened, &home.events, YEARS), tasks.iter().map(|task| task.problem).collect())
}
