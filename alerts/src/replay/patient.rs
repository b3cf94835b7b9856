//! One patient's way through a replay.
//!
//! **Invariant:** time only moves forward: an event that names an earlier arrival than the one before arrives with it.

use jiff::tz::TimeZone;
use vitals::{PatientId, Timestamp};

use super::ReplayTask;
use crate::chart::{Chart, ChartEvent, Folded};
use crate::finding::{Finding, Priority};
use crate::policy::Policy;
use crate::rules::{Input, Trigger, assess};
use crate::task::{OpenCase, TaskChange};
use crate::triage::{Situation, triage};

/// The chart, the cases and the tasks of one patient.
#[derive(Debug)]
pub(super) struct PatientReplay {
    chart: Chart,
    open: Vec<OpenCase>,
    tasks: Vec<ReplayTask>,
    began: Timestamp,
    now: Timestamp,
    next_check: Option<Timestamp>,
}

impl PatientReplay {
    pub(super) fn new(patient: PatientId, began: Timestamp) -> Self {
        Self {
            chart: Chart::new(patient),
            open: Vec::new(),
            tasks: Vec::new(),
            began,
            now: began,
            next_check: None,
        }
    }

    /// Takes the next event, known at `known_at`; whether it was a reading.
    pub(super) fn take(
        &mut self,
        event: ChartEvent,
        known_at: Timestamp,
        policy: &Policy,
        zone: &TimeZone,
    ) -> bool {
        let arrival = known_at.max(self.now);
        self.pass_time(arrival, policy, zone);
        self.now = arrival;
        let event = arrived(event, arrival);
        let folded = self.chart.fold(&event);
        let is_reading = match (&event, folded) {
            (ChartEvent::Reading(_), Folded::Duplicate) => return true,
            (ChartEvent::Reading(reading), Folded::InOrder | Folded::Late) => {
                self.judge(Trigger::Reading(reading), policy, zone);
                true
            }
            (ChartEvent::Override { .. }, _) => {
                self.judge(Trigger::Clock, policy, zone);
                false
            }
            (
                ChartEvent::Admission { .. }
                | ChartEvent::Discharge { .. }
                | ChartEvent::Pause { .. }
                | ChartEvent::End { .. },
                _,
            ) => false,
        };
        self.next_check = self.chart.next_check(policy, zone, self.now);
        is_reading
    }

    /// Runs every check that falls due up to `until`.
    fn pass_time(&mut self, until: Timestamp, policy: &Policy, zone: &TimeZone) {
        while let Some(check) = self.next_check.filter(|check| *check <= until) {
            self.now = check;
            self.judge(Trigger::Clock, policy, zone);
            self.next_check = self.chart.next_check(policy, zone, check);
        }
    }

    fn judge(&mut self, trigger: Trigger<'_>, policy: &Policy, zone: &TimeZone) {
        let input = Input { policy, chart: &self.chart, trigger, now: self.now, zone };
        let findings = assess(&input);
        if findings.is_empty() && self.open.is_empty() {
            return;
        }
        let situation = Situation {
            policy,
            open: &self.open,
            closed: &[],
            trigger,
            now: self.now,
            zone,
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
                    patient: self.chart.patient().clone(),
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

    /// Years from the first arrival to the last.
    pub(super) fn years(&self) -> f64 {
        self.now.days_since(self.began) / 365.25
    }

    pub(super) fn finish(mut self, policy: &Policy) -> Vec<ReplayTask> {
        for case in &self.open {
            let quiet_at = case.last_finding_at.plus_millis(policy.case_quiet_ms());
            if quiet_at <= self.now
                && let Some(task) = task_of(&mut self.tasks, &case.id)
            {
                task.closed_at = Some(quiet_at);
            }
        }
        self.tasks
    }
}

/// The event with the arrival it really had: never before one that came earlier.
fn arrived(event: ChartEvent, arrival: Timestamp) -> ChartEvent {
    match event {
        ChartEvent::Reading(mut reading) => {
            reading.received_at = arrival;
            ChartEvent::Reading(reading)
        }
        ChartEvent::Admission { .. }
        | ChartEvent::Discharge { .. }
        | ChartEvent::Pause { .. }
        | ChartEvent::Override { .. }
        | ChartEvent::End { .. } => event,
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
