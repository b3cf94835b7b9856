//! Two policies over the same history: which tasks are the same, which are new, which vanish. Pure.
//!
//! **Invariant:** a task is paired at most once; every task of either side is in a pair.

use std::collections::BTreeMap;

use alerts::replay::ReplayTask;
use alerts::{Priority, Problem};
use vitals::{PatientId, Timestamp};

/// Two tasks about the same that open within this of each other are the same case: physIQ, findings within 72 h join one.
const SAME_MS: i64 = 3 * Timestamp::DAY_MS;

/// A task as far as a comparison needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    /// When it opens.
    pub opened_at: Timestamp,
    /// What it is about.
    pub problem: Problem,
    /// How urgent.
    pub priority: Priority,
}

impl From<&ReplayTask> for Tried {
    fn from(task: &ReplayTask) -> Self {
        Self { opened_at: task.opened_at, problem: task.problem, priority: task.priority }
    }
}

/// A case under what stands, under what is tried, or under both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// Under what stands.
    pub stands: Option<Tried>,
    /// Under what is tried.
    pub tried: Option<Tried>,
}

/// One patient's comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct Compared {
    /// Who.
    pub patient: PatientId,
    /// Their name.
    pub name: String,
    /// What stands for them: name and version.
    pub stands: (String, String),
    /// Limits of their own that the policy tried cannot use.
    pub unusable: Vec<String>,
    /// Every case, in order of time.
    pub pairs: Vec<Pair>,
    /// How many tasks staff really got in those days.
    pub real: usize,
    /// Days of those that the patient was followed.
    pub days: f64,
}

impl Compared {
    /// How many tasks there are under what stands.
    #[must_use]
    pub fn standing(&self) -> usize {
        self.pairs.iter().filter(|pair| pair.stands.is_some()).count()
    }

    /// How many there would have been.
    #[must_use]
    pub fn would_be(&self) -> usize {
        self.pairs.iter().filter(|pair| pair.tried.is_some()).count()
    }

    /// How many of them are new.
    #[must_use]
    pub fn added(&self) -> usize {
        self.pairs.iter().filter(|pair| pair.stands.is_none()).count()
    }

    /// How many vanish.
    #[must_use]
    pub fn vanished(&self) -> usize {
        self.pairs.iter().filter(|pair| pair.tried.is_none()).count()
    }

    /// Whether anything differs, urgency included.
    #[must_use]
    pub fn differs(&self) -> bool {
        self.pairs.iter().any(|pair| match (&pair.stands, &pair.tried) {
            (Some(stands), Some(tried)) => stands.priority != tried.priority,
            (None, _) | (_, None) => true,
        })
    }
}

/// Everybody's comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// Patients, those who differ most first.
    pub patients: Vec<Compared>,
    /// How many more the policy would stand for, whom the person who asked may not read.
    pub others: usize,
}

impl Outcome {
    /// Years of history, all patients together.
    #[must_use]
    pub fn patient_years(&self) -> f64 {
        self.patients.iter().map(|one| one.days).sum::<f64>() / 365.25
    }

    /// Puts those who differ most first, then by name.
    pub(super) fn sort(&mut self) {
        self.patients.sort_by(|a, b| {
            let differing = |one: &Compared| std::cmp::Reverse((one.added() + one.vanished(), one.differs()));
            differing(a).cmp(&differing(b)).then_with(|| a.name.cmp(&b.name))
        });
    }
}

/// How many tasks of each kind there are under what stands, and would be: by what `key` gives of a task.
#[must_use]
pub fn count_by<K: Ord>(outcome: &Outcome, key: impl Fn(&Tried) -> K) -> BTreeMap<K, (usize, usize)> {
    let mut counts: BTreeMap<K, (usize, usize)> = BTreeMap::new();
    for pair in outcome.patients.iter().flat_map(|one| &one.pairs) {
        if let Some(stands) = &pair.stands {
            counts.entry(key(stands)).or_default().0 += 1;
        }
        if let Some(tried) = &pair.tried {
            counts.entry(key(tried)).or_default().1 += 1;
        }
    }
    counts
}

/// Pairs the tasks of both sides: about the same, and opened within three days.
#[must_use]
pub(super) fn pairs(stands: Vec<Tried>, mut tried: Vec<Tried>) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for one in stands {
        let near = |other: &Tried| {
            other.problem == one.problem && other.opened_at.millis_since(one.opened_at).abs() <= SAME_MS
        };
        let nearest = (0..tried.len())
            .filter(|index| near(&tried[*index]))
            .min_by_key(|index| tried[*index].opened_at.millis_since(one.opened_at).abs());
        let other = nearest.map(|index| tried.remove(index));
        pairs.push(Pair { stands: Some(one), tried: other });
    }
    pairs.extend(tried.into_iter().map(|one| Pair { stands: None, tried: Some(one) }));
    pairs.sort_by_key(|pair| pair.stands.as_ref().or(pair.tried.as_ref()).map(|one| one.opened_at));
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(day: i64, problem: Problem, priority: Priority) -> Tried {
        let opened_at = Timestamp::from_millis(day * Timestamp::DAY_MS).expect("in range");
        Tried { opened_at, problem, priority }
    }

    /// Tasks of one side, by day and problem.
    type Side = &'static [(i64, Problem)];

    /// To add a case, add a row: days and problems under both, then how many stay, are new and vanish. By hand.
    #[test]
    fn cases_are_paired_by_what_they_are_about_and_when() {
        use Problem::{Decompensation as D, Silence as S};
        let rows: [(Side, Side, (usize, usize, usize)); 6] = [
            (&[], &[], (0, 0, 0)),
            (&[(10, D)], &[(13, D)], (1, 0, 0)),
            (&[(10, D)], &[(14, D)], (0, 1, 1)),
            (&[(10, D)], &[(10, S)], (0, 1, 1)),
            (&[(10, D), (12, D)], &[(12, D)], (1, 0, 1)),
            (&[(10, D)], &[(8, D), (11, D)], (1, 1, 0)),
        ];
        for (stands, would, expected) in rows {
            let of = |side: Side| {
                side.iter().map(|(day, problem)| tried(*day, *problem, Priority::Soon)).collect::<Vec<_>>()
            };
            let pairs = pairs(of(stands), of(would));
            let count = |wanted: fn(&Pair) -> bool| pairs.iter().filter(|pair| wanted(pair)).count();
            let got = (
                count(|pair| pair.stands.is_some() && pair.tried.is_some()),
                count(|pair| pair.stands.is_none()),
                count(|pair| pair.tried.is_none()),
            );
            assert_eq!(got, expected, "{stands:?} {would:?}");
        }
    }

    #[test]
    fn a_case_that_only_becomes_more_urgent_differs_and_both_sides_are_counted() {
        let stands = vec![tried(10, Problem::Pulse, Priority::Soon)];
        let would =
            vec![tried(10, Problem::Pulse, Priority::Urgent), tried(40, Problem::Oxygen, Priority::Soon)];
        let compared = Compared {
            patient: "p1".parse().expect("an id"),
            name: "Svea Test".to_owned(),
            stands: ("recommended".to_owned(), "1".to_owned()),
            unusable: Vec::new(),
            pairs: pairs(stands, would),
            real: 1,
            days: 90.0,
        };
        assert!(compared.differs());
        assert_eq!(
            (compared.standing(), compared.would_be(), compared.added(), compared.vanished()),
            (1, 2, 1, 0)
        );
        let at = Timestamp::from_millis(0).expect("in range");
        let outcome = Outcome { from: at, until: at, patients: vec![compared], others: 0 };
        let by_priority = count_by(&outcome, |one| one.priority);
        assert_eq!(by_priority[&Priority::Soon], (1, 1));
        assert_eq!(by_priority[&Priority::Urgent], (0, 1));
        assert!((outcome.patient_years() - 90.0 / 365.25).abs() < 1e-9);
    }
}
