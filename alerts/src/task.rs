//! Cases and the changes to them: what [`crate::triage`] reads and writes.

use serde::{Deserialize, Serialize};
use vitals::Timestamp;

use crate::finding::{Competence, Finding, Priority, Problem, keyed};

/// A case that is open for the patient, as triage needs to know it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OpenCase {
    /// The task's id, opaque here.
    pub id: String,
    /// What it is about.
    pub problem: Problem,
    /// The highest priority so far.
    pub priority: Priority,
    /// When it opened.
    pub opened_at: Timestamp,
    /// When a finding last joined.
    pub last_finding_at: Timestamp,
    /// The rules that have joined, so that a repeat is told from news.
    pub rules: Vec<String>,
}

/// A case that closed, as far as cooldowns need to know it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClosedCase {
    /// What it was about.
    pub problem: Problem,
    /// Its highest priority.
    pub priority: Priority,
    /// When it closed.
    pub closed_at: Timestamp,
}

keyed! {
    /// Why a case closed without a person closing it.
    AutoClose {
        /// No finding joined for the policy's `case_quiet_days`. Only where nobody acts: in a replay.
        Quiet = "quiet",
        /// What was missing came: a reading after silence, a measured value after a failed one.
        Resolved = "resolved",
    }
}

/// One change to the patient's tasks.
#[derive(Clone, Debug, PartialEq)]
pub enum TaskChange {
    /// Opens a case.
    Open {
        /// What it is about.
        problem: Problem,
        /// How soon.
        priority: Priority,
        /// When it opens.
        at: Timestamp,
        /// When somebody must have acted: the policy's due time, in office hours.
        due_at: Timestamp,
        /// Who can help.
        competence: Competence,
        /// What it rests on; at least one.
        findings: Vec<Finding>,
    },
    /// Adds findings to an open case.
    Join {
        /// The case.
        case: String,
        /// Its priority from now on.
        priority: Priority,
        /// Its due time from now on, if that moved; it only moves earlier.
        due_at: Option<Timestamp>,
        /// What joined; at least one.
        findings: Vec<Finding>,
    },
    /// Closes a case.
    Close {
        /// The case.
        case: String,
        /// Why.
        why: AutoClose,
        /// When.
        at: Timestamp,
    },
}
