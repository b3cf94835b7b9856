//! A policy over history, exactly as the live pipeline would run it, with no clock but the data's.
//!
//! Readings are judged when they arrive. Between two arrivals of a patient the checks for silence run at their own
//! times. Nobody acts on tasks here, so a case counts as closed when no finding has joined it for the policy's
//! `case_quiet_days`, or when what was missing came.
//!
//! A task lists each rule's reason once, as it was when that rule first joined, and every reading that its findings rest
//! on in the order in which they were first named.
//!
//! **Invariant:** what is kept for a patient is bounded but for their tasks; lines are taken one at a time.

mod line;
mod patient;

use std::collections::{BTreeMap, HashMap};

use jiff::tz::TimeZone;
use serde::Serialize;
use vitals::{PatientId, ReadingId, Timestamp};

use crate::finding::{Priority, Problem, Reason};
use crate::policy::Policy;
use patient::PatientReplay;

/// A task that would have been opened, with its keys in the order in which they are written.
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

/// A replay in figures, with its keys in the order in which they are written.
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
    policy: Policy,
    zone: TimeZone,
    lines: u64,
    readings: u64,
    places: HashMap<PatientId, usize>,
    patients: Vec<PatientReplay>,
}

/// What a replay gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Replayed {
    /// Tasks: patients in order of first appearance, in time order for each.
    pub tasks: Vec<ReplayTask>,
    readings: u64,
    patients: u64,
    patient_years: f64,
}

impl Replay {
    /// A replay of `policy`, where days are days in `zone`.
    #[must_use]
    pub fn new(policy: Policy, zone: TimeZone) -> Self {
        Self { policy, zone, lines: 0, readings: 0, places: HashMap::new(), patients: Vec::new() }
    }

    /// Takes the next line; a blank one is counted and passed over.
    ///
    /// # Errors
    /// [`ReplayError`] with the line's number when it is malformed. Nothing of that line is taken.
    pub fn feed(&mut self, text: &str) -> Result<(), ReplayError> {
        self.lines += 1;
        if text.trim().is_empty() {
            return Ok(());
        }
        let line::Told { patient, event, known_at } =
            line::parse(text, self.lines).map_err(|message| ReplayError { line: self.lines, message })?;
        let place = match self.places.get(&patient) {
            Some(place) => *place,
            None => {
                self.patients.push(PatientReplay::new(patient.clone(), known_at));
                self.places.insert(patient, self.patients.len() - 1);
                self.patients.len() - 1
            }
        };
        if let Some(patient) = self.patients.get_mut(place) {
            self.readings += u64::from(patient.take(event, known_at, &self.policy, &self.zone));
        }
        Ok(())
    }

    /// Ends the data.
    #[must_use]
    pub fn finish(self) -> Replayed {
        let patients = u64::try_from(self.patients.len()).unwrap_or(u64::MAX);
        let patient_years = self.patients.iter().map(PatientReplay::years).sum();
        let tasks = self.patients.into_iter().flat_map(|patient| patient.finish(&self.policy)).collect();
        Replayed { tasks, readings: self.readings, patients, patient_years }
    }
}

impl Replayed {
    /// The figures, given how long it took.
    #[must_use]
    pub fn summary(&self, wall_s: f64) -> Summary {
        let mut tasks_by_problem = BTreeMap::new();
        let mut tasks_by_priority = BTreeMap::new();
        for task in &self.tasks {
            *tasks_by_problem.entry(task.problem).or_insert(0) += 1;
            *tasks_by_priority.entry(task.priority).or_insert(0) += 1;
        }
        #[allow(clippy::cast_precision_loss)]
        let (tasks, readings) = (self.tasks.len() as f64, self.readings as f64);
        let rate = |count: f64, over: f64| if over > 0.0 { count / over } else { 0.0 };
        Summary {
            readings: self.readings,
            patients: self.patients,
            patient_years: self.patient_years,
            tasks_by_problem,
            tasks_by_priority,
            tasks_per_patient_year: rate(tasks, self.patient_years),
            wall_s,
            readings_per_second: rate(readings, wall_s),
        }
    }
}
