//! What a policy achieves over a cohort, judged as the published interface says: sensitive is a task in the 14 days before an
//! event, false a task with no event in the 14 days after nor the 12 before, those of one patient within 72 h counted once.

use alerts::replay::{Replay, Replayed};
use alerts::{Policy, Problem};
use jiff::tz::TimeZone;

use crate::simulate::{Cohort, day_of};

/// What a policy achieves, judged as the published interface says.
pub(crate) struct Figures {
    /// The share of events with a task in the 14 days before.
    pub(crate) sensitivity: f64,
    /// False tasks a patient-year.
    pub(crate) false_per_year: f64,
    /// The sensitivity that so many tasks would have by chance alone.
    pub(crate) chance: f64,
    /// The share of events found three days before or more.
    pub(crate) early: f64,
}

/// Replays `policy` over `cohort`.
pub(crate) fn run(policy: &Policy, cohort: &Cohort) -> Replayed {
    let zone = TimeZone::get("Europe/Stockholm").expect("bundled");
    let mut replay = Replay::new(policy.clone(), zone);
    for line in &cohort.lines {
        replay.feed(line).expect("the simulator writes good lines");
    }
    replay.finish()
}

/// Judges the tasks that `counts`.
pub(crate) fn judge(
    cohort: &Cohort,
    replayed: &Replayed,
    patients: usize,
    counts: impl Fn(Problem) -> bool,
) -> Figures {
    let mut opened: Vec<Vec<f64>> = vec![Vec::new(); patients];
    for task in replayed.tasks.iter().filter(|task| counts(task.problem)) {
        let patient: usize = task.patient.as_str()[1..].parse().expect("a number");
        opened[patient].push(day_of(task.opened_at));
    }
    let (mut found, mut early) = (0.0, 0.0);
    for (patient, event) in &cohort.events {
        let lead = opened[*patient]
            .iter()
            .map(|day| event - day)
            .filter(|lead| (0.0..=14.0).contains(lead))
            .fold(None, |most: Option<f64>, lead| Some(most.map_or(lead, |most| most.max(lead))));
        found += f64::from(u8::from(lead.is_some()));
        early += f64::from(u8::from(lead.is_some_and(|lead| lead >= 3.0)));
    }
    let mut wrong = 0.0;
    for (patient, days) in opened.iter_mut().enumerate() {
        days.sort_by(f64::total_cmp);
        let mut last: Option<f64> = None;
        for day in days.iter() {
            let near =
                |event: &&(usize, f64)| event.0 == patient && (-12.0..=14.0).contains(&(event.1 - day));
            let is_false = !cohort.events.iter().any(|event| near(&event));
            if is_false && last.is_none_or(|last| day - last > 3.0) {
                wrong += 1.0;
            }
            if is_false {
                last = Some(*day);
            }
        }
    }
    let events = cohort.events.len() as f64;
    let false_per_year = wrong / patients as f64;
    Figures {
        sensitivity: found / events,
        false_per_year,
        chance: 1.0 - (-false_per_year * 14.0 / 365.0).exp(),
        early: early / events,
    }
}
