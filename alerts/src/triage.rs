//! From findings to changes in a patient's cases. A stub that grows.

use jiff::tz::TimeZone;
use vitals::Timestamp;

use crate::finding::Finding;
use crate::policy::Policy;
use crate::rules::Trigger;
use crate::task::{ClosedCase, OpenCase, TaskChange};

/// Everything a triage rests on.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    /// The limits, due times and competences.
    pub policy: &'a Policy,
    /// The patient's open cases.
    pub open: &'a [OpenCase],
    /// The patient's cases closed of late, as far back as the longest cooldown.
    pub closed: &'a [ClosedCase],
    /// What made somebody ask.
    pub trigger: Trigger<'a>,
    /// The time of asking.
    pub now: Timestamp,
    /// The office's time zone.
    pub zone: &'a TimeZone,
    /// Whether a case without findings for the policy's `case_quiet_days` counts as closed: in a replay, where nobody acts.
    pub quiet_closes: bool,
}

/// The changes that follow, closings first.
#[must_use]
pub fn triage(_situation: &Situation<'_>, _findings: Vec<Finding>) -> Vec<TaskChange> {
    Vec::new()
}
