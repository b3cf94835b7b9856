//! From findings to changes in a patient's cases: the planner, apart from whoever carries the changes out.
//!
//! One open case a patient and problem. A finding joins the open case of its problem; its priority only rises and its due
//! time only moves earlier. A finding of `symptoms` joins an open decompensation case instead of opening its own. After
//! staff closed a case, the same problem at no higher priority opens no new one for the policy's `cooldown_days`; the
//! findings themselves stay in the record.
//!
//! It knows the cases and the findings; it does not know the chart, the people or the database.
//!
//! **Invariants:** for a patient and problem at most one case is ever open; every change but a closing carries a finding.

use jiff::tz::TimeZone;
use vitals::{Content, Kind, Outcome, Timestamp};

use crate::calendar::{days_between, due_at, local_date};
use crate::finding::{Finding, Priority, Problem};
use crate::policy::Policy;
use crate::rules::Trigger;
use crate::rules::device::rule_name;
use crate::rules::silence::days_past_habit;
use crate::task::{AutoClose, ClosedCase, OpenCase, TaskChange};

/// Everything a triage rests on.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    /// The due times, competences and cooldowns.
    pub policy: &'a Policy,
    /// The patient's open cases.
    pub open: &'a [OpenCase],
    /// The patient's closed cases, as far back as the cooldown.
    pub closed: &'a [ClosedCase],
    /// What made somebody ask.
    pub trigger: Trigger<'a>,
    /// The time of asking.
    pub now: Timestamp,
    /// The office's time zone.
    pub zone: &'a TimeZone,
    /// Whether a case without findings for the policy's `case_quiet_days` counts as closed: in a replay, where nobody
    /// acts. Nobody but staff closes a live clinical case.
    pub quiet_closes: bool,
}

/// The changes that follow, closings first.
#[must_use]
pub fn triage(situation: &Situation<'_>, findings: Vec<Finding>) -> Vec<TaskChange> {
    let mut changes = Vec::new();
    let mut open: Vec<&OpenCase> = Vec::new();
    for case in situation.open {
        match situation.closing(case) {
            Some((why, at)) => changes.push(TaskChange::Close { case: case.id.clone(), why, at }),
            None => open.push(case),
        }
    }
    for (problem, findings) in by_problem(findings, &open) {
        changes.extend(match open.iter().find(|case| case.problem == problem) {
            Some(case) => situation.join(case, findings),
            None => situation.open_case(problem, findings),
        });
    }
    changes
}

/// Findings grouped by the case they belong to, in the order in which each was first found.
fn by_problem(findings: Vec<Finding>, open: &[&OpenCase]) -> Vec<(Problem, Vec<Finding>)> {
    let decompensation = open.iter().any(|case| case.problem == Problem::Decompensation)
        || findings.iter().any(|finding| finding.problem == Problem::Decompensation);
    let mut groups: Vec<(Problem, Vec<Finding>)> = Vec::new();
    for mut finding in findings {
        if finding.problem == Problem::Symptoms && decompensation {
            finding.problem = Problem::Decompensation;
        }
        match groups.iter_mut().find(|(problem, _)| *problem == finding.problem) {
            Some((_, group)) => group.push(finding),
            None => groups.push((finding.problem, vec![finding])),
        }
    }
    groups
}

fn highest(findings: &[Finding]) -> Priority {
    findings.iter().map(|finding| finding.priority).max().unwrap_or(Priority::Routine)
}

/// A repeat of something known about measuring is not news more often than this.
const REPEAT_MS: i64 = 6 * Timestamp::DAY_MS;

impl Situation<'_> {
    fn join(&self, case: &OpenCase, findings: Vec<Finding>) -> Option<TaskChange> {
        let found = highest(&findings);
        let known = findings.iter().all(|finding| case.rules.contains(&finding.reason.rule));
        let soon_again = self.now.millis_since(case.last_finding_at) < REPEAT_MS;
        let by_clock = matches!(self.trigger, Trigger::Clock) && !case.problem.is_clinical();
        if by_clock && known && soon_again && found <= case.priority {
            return None;
        }
        let due_before = due_at(self.policy.due(), case.priority, case.opened_at, self.zone);
        let due_at = (found > case.priority).then(|| self.due(found)).filter(|due| *due < due_before);
        Some(TaskChange::Join { case: case.id.clone(), priority: found.max(case.priority), due_at, findings })
    }

    fn open_case(&self, problem: Problem, findings: Vec<Finding>) -> Option<TaskChange> {
        let priority = highest(&findings);
        if findings.is_empty() || self.is_cooling(problem, priority) || self.is_reminder(problem, &findings) {
            return None;
        }
        Some(TaskChange::Open {
            problem,
            priority,
            at: self.now,
            due_at: self.due(priority),
            competence: self.policy.competence(problem),
            findings,
        })
    }

    fn due(&self, priority: Priority) -> Timestamp {
        due_at(self.policy.due(), priority, self.now, self.zone)
    }

    /// Whether silence has lasted only long enough to remind the patient, with nothing yet for staff to do.
    fn is_reminder(&self, problem: Problem, findings: &[Finding]) -> bool {
        let Some(limits) = self.policy.rules().silence.filter(|_| problem == Problem::Silence) else {
            return false;
        };
        let days = findings.iter().filter_map(|finding| days_past_habit(&finding.reason, &limits));
        days.fold(0.0, f64::max) < limits.task_days
    }

    /// Whether staff closed this problem so lately that no more than the same is no news. Silence and failures close by
    /// themselves, and what is urgent is always news.
    fn is_cooling(&self, problem: Problem, priority: Priority) -> bool {
        let cools = match problem {
            Problem::Decompensation
            | Problem::BloodPressure
            | Problem::Pulse
            | Problem::Oxygen
            | Problem::Symptoms
            | Problem::DataQuality
            | Problem::Technical
            | Problem::Gateway => true,
            Problem::Silence | Problem::MissingMeasurement | Problem::Device => false,
        };
        let since = self.now.plus_millis(-self.policy.cooldown_ms());
        cools
            && !self.quiet_closes
            && priority < Priority::Urgent
            && self
                .closed
                .iter()
                .any(|case| case.problem == problem && case.closed_at > since && priority <= case.priority)
    }

    /// Whether a case closes without anybody's doing, why, and when.
    fn closing(&self, case: &OpenCase) -> Option<(AutoClose, Timestamp)> {
        if self.quiet_closes {
            let quiet_at = case.last_finding_at.plus_millis(self.policy.case_quiet_ms());
            if quiet_at <= self.now {
                return Some((AutoClose::Quiet, quiet_at));
            }
        }
        self.is_resolved(case).then_some((AutoClose::Resolved, self.now))
    }

    /// Whether the trigger is what was missing. A reading that arrives late says nothing about today.
    fn is_resolved(&self, case: &OpenCase) -> bool {
        let Trigger::Reading(reading) = self.trigger else { return false };
        let age_days = days_between(local_date(reading.at, self.zone), local_date(self.now, self.zone));
        if age_days > 1 {
            return false;
        }
        let (kind, measured) = match &reading.content {
            Content::Vitals { kind, outcome, values, .. } => {
                (Some(*kind), *outcome == Outcome::Measured && !values.is_empty())
            }
            Content::Symptoms(_) => (None, false),
        };
        let is_sign_of_life = match &reading.content {
            Content::Symptoms(_) => true,
            Content::Vitals { kind, outcome, .. } => *kind != Kind::Clock && *outcome != Outcome::Stub,
        };
        match case.problem {
            Problem::Silence => is_sign_of_life,
            Problem::MissingMeasurement => measured && kind == Some(Kind::Weight),
            Problem::Device => {
                measured && kind.is_some_and(|kind| case.rules.iter().all(|rule| rule == rule_name(kind)))
            }
            Problem::Decompensation
            | Problem::BloodPressure
            | Problem::Pulse
            | Problem::Oxygen
            | Problem::Symptoms
            | Problem::DataQuality
            | Problem::Gateway
            | Problem::Technical => false,
        }
    }
}

#[cfg(test)]
mod tests;
