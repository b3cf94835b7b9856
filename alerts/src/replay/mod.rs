//! A policy over history, with no clock but the data's. A stub that grows.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use serde::Serialize;
use vitals::{PatientId, ReadingId, Timestamp};

use crate::finding::{Priority, Problem, Reason};
use crate::policy::Policy;

/// A task that would have been opened, with its keys in the order they are written.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReplayTask {
    /// Whose.
    pub patient: PatientId,
    /// When it opened.
    pub opened_at: Timestamp,
    /// When it counts as closed; `None` when still open at the end of the data.
    pub closed_at: Option<Timestamp>,
    /// Its highest priority.
    pub priority: Priority,
    /// What it is about.
    pub problem: Problem,
    /// Why, each rule once.
    pub reasons: Vec<Reason>,
    /// The readings it rests on.
    pub reading_ids: Vec<ReadingId>,
}

/// A replay in figures.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// How many readings were judged.
    pub readings: u64,
    /// How many patients.
    pub patients: u64,
    /// Years of history, all patients together.
    pub patient_years: f64,
    /// Tasks by problem.
    pub tasks_by_problem: BTreeMap<Problem, u64>,
    /// Tasks by priority.
    pub tasks_by_priority: BTreeMap<Priority, u64>,
    /// All tasks for each patient-year.
    pub tasks_per_patient_year: f64,
    /// How long it took, s.
    pub wall_s: f64,
    /// Readings judged each second.
    pub readings_per_second: f64,
}

/// A line that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct ReplayError {
    /// Counted from 1.
    pub line: u64,
    /// What is wrong.
    pub message: String,
}

/// A replay under way.
#[derive(Debug)]
pub struct Replay {
    _policy: Policy,
    _zone: TimeZone,
}

/// What a replay gives.
#[derive(Debug)]
pub struct Replayed {
    /// Tasks: patients in order of first appearance, in time order for each.
    pub tasks: Vec<ReplayTask>,
    summary: Summary,
}

impl Replayed {
    /// The figures, given how long it took.
    #[must_use]
    pub fn summary(&self, _wall_s: f64) -> Summary {
        self.summary.clone()
    }
}

impl Replay {
    /// A replay of `policy` in `zone`.
    #[must_use]
    pub fn new(policy: Policy, zone: TimeZone) -> Self {
        Self { _policy: policy, _zone: zone }
    }

    /// Takes the next line; a blank one is counted and skipped.
    ///
    /// # Errors
    /// [`ReplayError`] with the line's number when it is malformed.
    pub fn feed(&mut self, _line: &str) -> Result<(), ReplayError> {
        Ok(())
    }

    /// Ends the data.
    #[must_use]
    pub fn finish(self) -> Replayed {
        Replayed {
            tasks: Vec::new(),
            summary: Summary {
                readings: 0,
                patients: 0,
                patient_years: 0.0,
                tasks_by_problem: BTreeMap::new(),
                tasks_by_priority: BTreeMap::new(),
                tasks_per_patient_year: 0.0,
                wall_s: 0.0,
                readings_per_second: 0.0,
            },
        }
    }
}
