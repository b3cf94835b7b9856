//! One patient's way through a replay.
//!
//! **Invariant:** time only moves forward: an event that names an earlier arrival than the one before arrives with it.

use std::sync::Arc;

use vitals::{PatientId, Reading, Timestamp};

use super::answered::Answered;
use super::line::What;
use super::{Bench, ReplayTask};
use crate::finding::{Finding, Priority, Problem};
use crate::policy::Overrides;
use crate::rules::{Input, Trigger, assess};
use crate::schedule::MeasuringDays;
use crate::state::{Entry, Followed, Glance, Took, Tuning};
use crate::task::{OpenCase, TaskChange};
use crate::triage::{Situation, triage};

/// The state, the cases and the tasks of one patient.
#[derive(Debug)]
pub(super) struct PatientReplay {
    patient: PatientId,
    /// The number of the line on which they first appeared.
    pub(super) first_line: u64,
    followed: Followed,
    limits: Option<(Timestamp, Overrides)>,
    schedule: Option<(Timestamp, MeasuringDays)>,
    open: Vec<OpenCase>,
    tasks: Vec<ReplayTask>,
    began: Timestamp,
    now: Timestamp,
    /// Up to when the passing of time has been judged.
    checked: Timestamp,
}

impl PatientReplay {
    pub(super) fn new(patient: PatientId, first_line: u64, began: Timestamp, tuning: &Arc<Tuning>) -> Self {
        Self {
            patient,
            first_line,
            followed: Followed::new(Arc::clone(tuning)),
            limits: None,
            schedule: None,
            open: Vec::new(),
            tasks: Vec::new(),
            began,
            now: began,
            checked: began,
        }
    }

    /// Whether this is the patient so called.
    pub(super) fn is(&self, name: &str) -> bool {
        self.patient.as_str() == name
    }

    /// Takes the next line; whether it was a reading.
    pub(super) fn take(&mut self, what: What, received_at: Timestamp, bench: &Bench) -> bool {
        let arrival = received_at.max(self.now);
        self.pass_time(arrival, bench);
        self.now = arrival;
        self.checked = arrival;
        match what {
            What::Limits(at, overrides) => {
                if self.limits.as_ref().is_none_or(|(held, _)| at >= *held) {
                    self.limits = Some((at, overrides));
                    self.retune(bench);
                }
                self.judge(Trigger::Clock, Glance::QUIET, bench);
                false
            }
            What::Schedule(at, days) => {
                if self.schedule.is_none_or(|(held, _)| at >= held) {
                    self.schedule = Some((at, days));
                    self.retune(bench);
                }
                self.judge(Trigger::Clock, Glance::QUIET, bench);
                false
            }
            What::Entry(entry) => self.take_entry(entry, None, bench),
            What::Dialogue(Some(entry), answered) => self.take_entry(entry, answered.as_deref(), bench),
            What::Dialogue(None, answered) => {
                let found = answered.and_then(|one| one.finding(bench.policy.version(), self.now));
                self.settle(Trigger::Clock, found.into_iter().collect(), bench);
                false
            }
        }
    }

    fn take_entry(&mut self, entry: Entry, answered: Option<&Answered>, bench: &Bench) -> bool {
        let is_reading = entry.is_reading();
        let sample = entry.sample;
        // A name is copied only where a finding may need it.
        let spare = (!self.open.is_empty() || self.followed.state().is_late(&sample)).then(|| entry.clone());
        match self.followed.take(entry, &bench.days) {
            Took::New(glance) if is_reading && (answered.is_some() || self.is_asked(glance)) => {
                let latest =
                    || self.followed.recent().get(self.followed.recent().len().checked_sub(1)?).cloned();
                if let Some(reading) =
                    spare.or_else(latest).and_then(|entry| entry.to_reading(&self.patient, self.now))
                {
                    let trigger = Trigger::Reading(&reading);
                    let mut findings = self.assess(trigger, glance, bench);
                    findings.extend(answered.and_then(|one| one.finding(bench.policy.version(), self.now)));
                    self.settle(trigger, findings, bench);
                }
            }
            Took::New(_) | Took::Duplicate => {}
        }
        is_reading
    }

    /// Whether anything can follow: a finding, or the closing of a case.
    fn is_asked(&self, glance: Glance) -> bool {
        !glance.is_quiet()
            || self.open.iter().any(|case| match case.problem {
                // A reading may be what was missing.
                Problem::Silence | Problem::MissingMeasurement | Problem::Device => true,
                // Nothing closes these but quiet, which is looked after when the next finding comes.
                Problem::Decompensation
                | Problem::BloodPressure
                | Problem::Pulse
                | Problem::Oxygen
                | Problem::Symptoms
                | Problem::DataQuality
                | Problem::Gateway
                | Problem::Technical => false,
            })
    }

    /// Judges by the limits and the days of the patient's own that hold now.
    fn retune(&mut self, bench: &Bench) {
        let none = Overrides::default();
        let limits = self.limits.as_ref().map_or(&none, |(_, limits)| limits);
        let days = self.schedule.map_or_else(MeasuringDays::default, |(_, days)| days);
        let tuning = Tuning::of(&bench.policy, limits).measuring_on(days);
        self.followed.retune(Arc::new(tuning), &bench.days);
    }

    /// Runs every check that falls due up to `until`.
    fn pass_time(&mut self, until: Timestamp, bench: &Bench) {
        if self.followed.state().is_early(self.followed.tuning(), &bench.days, until) {
            return;
        }
        let tuning = Arc::clone(self.followed.tuning());
        let next = |followed: &Followed, after| followed.state().next_check(&tuning, &bench.days, after);
        let mut check = next(&self.followed, self.checked);
        while let Some(at) = check.filter(|at| *at <= until) {
            (self.now, self.checked) = (at, at);
            self.judge(Trigger::Clock, Glance::QUIET, bench);
            check = next(&self.followed, at);
        }
    }

    fn judge(&mut self, trigger: Trigger<'_>, glance: Glance, bench: &Bench) {
        let findings = self.assess(trigger, glance, bench);
        self.settle(trigger, findings, bench);
    }

    fn assess(&self, trigger: Trigger<'_>, glance: Glance, bench: &Bench) -> Vec<Finding> {
        assess(&Input {
            policy: &bench.policy,
            tuning: self.followed.tuning(),
            state: self.followed.state(),
            recent: self.followed.recent(),
            glance,
            trigger,
            now: self.now,
            days: &bench.days,
        })
    }

    /// Carries out what follows from `findings`.
    fn settle(&mut self, trigger: Trigger<'_>, findings: Vec<Finding>, bench: &Bench) {
        if findings.is_empty() && self.open.is_empty() {
            return;
        }
        let situation = Situation {
            policy: &bench.policy,
            open: &self.open,
            closed: &[],
            trigger,
            now: self.now,
            zone: bench.days.zone(),
            quiet_closes: true,
        };
        for change in triage(&situation, findings) {
            self.change(change);
        }
    }

    fn change(&mut self, change: TaskChange) {
        match change {
            TaskChange::Open { problem, priority, at, due_at: _, competence: _, findings } => {
                let mut task = ReplayTask {
                    patient: self.patient.clone(),
                    opened_at: at,
                    closed_at: None,
                    priority,
                    problem,
                    reasons: Vec::new(),
                    reading_ids: Vec::new(),
                };
                add(&mut task, &findings);
                self.open.push(OpenCase {
                    id: self.tasks.len().to_string(),
                    problem,
                    priority,
                    opened_at: at,
                    last_finding_at: at,
                    rules: task.reasons.iter().map(|reason| reason.rule.clone()).collect(),
                });
                self.tasks.push(task);
            }
            TaskChange::Join { case, priority, due_at: _, findings } => self.join(&case, priority, &findings),
            TaskChange::Close { case, why: _, at } => {
                self.open.retain(|open| open.id != case);
                if let Some(task) = task_of(&mut self.tasks, &case) {
                    task.closed_at = Some(at);
                }
            }
        }
    }

    fn join(&mut self, case: &str, priority: Priority, findings: &[Finding]) {
        let Some(task) = task_of(&mut self.tasks, case) else { return };
        task.priority = priority;
        add(task, findings);
        if let Some(open) = self.open.iter_mut().find(|open| open.id == case) {
            open.priority = priority;
            open.last_finding_at = self.now;
            open.rules = task.reasons.iter().map(|reason| reason.rule.clone()).collect();
        }
    }

    /// From the first arrival to the last, ms.
    pub(super) fn span_ms(&self) -> i64 {
        self.now.millis_since(self.began)
    }

    pub(super) fn finish(mut self, bench: &Bench) -> Vec<ReplayTask> {
        for case in &self.open {
            let quiet_at = case.last_finding_at.plus_millis(bench.policy.case_quiet_ms());
            if quiet_at <= self.now
                && let Some(task) = task_of(&mut self.tasks, &case.id)
            {
                task.closed_at = Some(quiet_at);
            }
        }
        self.tasks
    }
}

impl Entry {
    /// The reading as far as rules and triage ask about it, arrived at `received_at`; `None` for what staff entered.
    fn to_reading(&self, patient: &PatientId, received_at: Timestamp) -> Option<Reading> {
        let (id, content) = (self.name.to_id()?, self.sample.to_content()?);
        Some(Reading { id, patient: patient.clone(), at: self.sample.at, received_at, content })
    }
}

fn task_of<'a>(tasks: &'a mut [ReplayTask], case: &str) -> Option<&'a mut ReplayTask> {
    tasks.get_mut(case.parse::<usize>().ok()?)
}

fn add(task: &mut ReplayTask, findings: &[Finding]) {
    for finding in findings {
        if !task.reasons.iter().any(|reason| reason.rule == finding.reason.rule) {
            task.reasons.push(finding.reason.clone());
        }
        for id in &finding.readings {
            // The latest named are the likeliest to be named again.
            if !task.reading_ids.iter().rev().any(|named| named == id) {
                task.reading_ids.push(id.clone());
            }
        }
    }
}
