//! A policy over history, exactly as the live pipeline would run it, with no clock but the data's.
//!
//! Readings are judged when they arrive. Between two arrivals of a patient the checks for silence run at their own
//! times. Nobody acts on tasks here, so a case counts as closed when no finding has joined it for the policy's
//! `case_quiet_days`, or when what was missing came.
//!
//! A task lists each rule's reason once, as it was when that rule first joined, and every reading that its findings rest
//! on in the order in which they were first named.
//!
//! The answers to a dialogue open what they opened live: the end of its question tree is found anew, from the answers alone.
//!
//! A replay can be shared: each share reads the lines of its own patients and passes over the rest, and the shares' results
//! are put together as if one had read them all.
//!
//! **Invariant:** what is kept for a patient is bounded but for their tasks; lines are taken one at a time.

mod answered;
mod line;
mod patient;
mod plain;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::tz::TimeZone;
use serde::Serialize;
use vitals::{PatientId, ReadingId, Timestamp};

use crate::finding::{Priority, Problem, Reason};
use crate::policy::{Overrides, Policy};
use crate::state::{LocalDays, Tuning};
use line::Line;
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

/// What every patient of a replay is judged by.
#[derive(Debug)]
struct Bench {
    policy: Policy,
    tuning: Arc<Tuning>,
    days: LocalDays,
}

/// A replay under way.
#[derive(Debug)]
pub struct Replay {
    bench: Bench,
    share: Share,
    lines: u64,
    readings: u64,
    places: HashMap<Box<str>, usize>,
    patients: Vec<PatientReplay>,
    /// Whose line came last: most files name the same patient many times in a row.
    last: usize,
}

/// Which patients a replay reads: those whose name falls to its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Share {
    number: u64,
    of: u64,
}

impl Share {
    fn has(self, patient: &str) -> bool {
        // FNV-1a: any even spread will do, and a bad one only costs time.
        let hash = patient.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        self.of <= 1 || (hash >> 32) % self.of == self.number
    }
}

/// What a replay gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Replayed {
    /// Tasks: patients in order of first appearance, in time order for each.
    pub tasks: Vec<ReplayTask>,
    /// For each patient: the line of their first appearance and how many of the tasks are theirs.
    patients: Vec<(u64, usize)>,
    readings: u64,
    /// Whole milliseconds, so that the sum is the same in whatever order it is made.
    patient_ms: i64,
}

impl Replay {
    /// A replay of `policy`, where days are days in `zone`.
    #[must_use]
    pub fn new(policy: Policy, zone: TimeZone) -> Self {
        Self::shared(policy, zone, 0, 1)
    }

    /// Share `number` of `of`, counted from 0: it takes every line, but judges its own patients only.
    #[must_use]
    pub fn shared(policy: Policy, zone: TimeZone, number: u64, of: u64) -> Self {
        let tuning = Arc::new(Tuning::of(&policy, &Overrides::default()));
        let bench = Bench { tuning, policy, days: LocalDays::new(zone) };
        let share = Share { number, of };
        Self { bench, share, lines: 0, readings: 0, places: HashMap::new(), patients: Vec::new(), last: 0 }
    }

    /// Takes the next line; a blank one is counted and passed over.
    ///
    /// # Errors
    /// [`ReplayError`] with the line's number when it is malformed, by the share whose it is, or by each where that cannot be
    /// told. Nothing of that line is taken.
    pub fn feed(&mut self, text: &str) -> Result<(), ReplayError> {
        self.lines += 1;
        if self.is_of_another(text) {
            return Ok(());
        }
        let line = match plain::parse(text, self.lines) {
            Some(line) => line,
            None if text.trim().is_empty() => return Ok(()),
            None => {
                line::parse(text, self.lines).map_err(|message| ReplayError { line: self.lines, message })?
            }
        };
        if self.share.has(&line.patient) {
            self.take(line);
        }
        Ok(())
    }

    /// Whether the line begins as most do, with a patient of another share.
    fn is_of_another(&self, text: &str) -> bool {
        let named = text.strip_prefix(r#"{"patient":""#).and_then(|rest| rest.split_once('"'));
        self.share.of > 1
            && named.is_some_and(|(patient, _)| !patient.contains('\\') && !self.share.has(patient))
    }

    fn take(&mut self, line: Line<'_>) {
        let is_last = self.patients.get(self.last).is_some_and(|last| last.is(&line.patient));
        if !is_last {
            self.last = match self.places.get(&*line.patient) {
                Some(place) => *place,
                None => {
                    let Ok(patient) = line.patient.parse() else { return };
                    let new = PatientReplay::new(patient, self.lines, line.received_at, &self.bench.tuning);
                    self.patients.push(new);
                    self.places.insert(line.patient.as_ref().into(), self.patients.len() - 1);
                    self.patients.len() - 1
                }
            };
        }
        if let Some(patient) = self.patients.get_mut(self.last) {
            self.readings += u64::from(patient.take(line.what, line.received_at, &self.bench));
        }
    }

    /// Ends the data.
    #[must_use]
    pub fn finish(self) -> Replayed {
        let patient_ms = self.patients.iter().map(PatientReplay::span_ms).sum();
        let (mut tasks, mut patients) = (Vec::new(), Vec::new());
        for patient in self.patients {
            let first_line = patient.first_line;
            let of_patient = patient.finish(&self.bench);
            patients.push((first_line, of_patient.len()));
            tasks.extend(of_patient);
        }
        Replayed { tasks, patients, readings: self.readings, patient_ms }
    }
}

impl Replayed {
    /// What the shares of one replay gave, put together.
    #[must_use]
    pub fn join(shares: impl IntoIterator<Item = Self>) -> Self {
        let mut patients: Vec<(u64, Vec<ReplayTask>)> = Vec::new();
        let mut joined = Self { tasks: Vec::new(), patients: Vec::new(), readings: 0, patient_ms: 0 };
        for share in shares {
            let mut tasks = share.tasks.into_iter();
            for (first_line, count) in share.patients {
                patients.push((first_line, tasks.by_ref().take(count).collect()));
            }
            joined.readings += share.readings;
            joined.patient_ms += share.patient_ms;
        }
        patients.sort_by_key(|(first_line, _)| *first_line);
        for (first_line, tasks) in patients {
            joined.patients.push((first_line, tasks.len()));
            joined.tasks.extend(tasks);
        }
        joined
    }

    /// The figures, given how long it took.
    #[must_use]
    pub fn summary(&self, wall_s: f64) -> Summary {
        #[allow(clippy::cast_precision_loss)]
        let patient_years = self.patient_ms as f64 / (365.25 * Timestamp::DAY_MS as f64);
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
            patients: u64::try_from(self.patients.len()).unwrap_or(u64::MAX),
            patient_years,
            tasks_by_problem,
            tasks_by_priority,
            tasks_per_patient_year: rate(tasks, patient_years),
            wall_s,
            readings_per_second: rate(readings, wall_s),
        }
    }
}
