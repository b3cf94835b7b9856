//! What a policy says of the time after a finding: how long cases stay together, who is told when nobody acts, when the
//! patient is reminded, and which of the patient's units has which competence.
//!
//! **Invariant:** the steps of the ladder come in rising order, and every number lies in the range in which it can be meant.

use std::collections::BTreeMap;

use jiff::civil;
use serde::{Deserialize, Serialize};

use super::{PolicyError, in_range};
use crate::finding::{Competence, keyed};

keyed! {
    /// What kind of organisation a unit belongs to.
    OrganisationKind {
        /// A region.
        Region = "region",
        /// A municipality.
        Municipality = "municipality",
        /// Primary care.
        PrimaryCare = "primary_care",
        /// Another provider.
        Provider = "provider",
    }
}

keyed! {
    /// Who is told of a task that nobody has taken in time.
    EscalateTo {
        /// Everybody of the unit it lies with: it stands first in their lists.
        Unit = "unit",
        /// The unit that answers for the record; the task moves there.
        AnsweringUnit = "answering_unit",
        /// A physician of the patient's units; the task moves there.
        Physician = "physician",
    }
}

/// One step of the ladder.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Escalation {
    /// So much office time after the due time, hours.
    pub office_hours: f64,
    /// Who is told.
    pub to: EscalateTo,
}

/// The time after a finding.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FollowThrough {
    /// Findings within this time say how things stand now, hours; older ones how they stood.
    pub join_hours: f64,
    /// A case that opens so soon after one of its kind closed says so and links to it, days.
    pub reopen_days: f64,
    /// A task may rest at most so long, days.
    pub snooze_days_max: f64,
    /// Questions that were begun and left with something reported are judged as they stand after this, minutes.
    pub left_after_minutes: f64,
    /// Reminders to the patient go out from this local time on.
    pub remind_from: civil::Time,
    /// Each patient at a time of their own within this, minutes, so that not everybody measures at once.
    pub remind_spread_minutes: f64,
    /// The ladder for a task that nobody has taken at its due time.
    #[serde(default)]
    pub escalation: Vec<Escalation>,
    /// The kinds of organisation whose unit has a competence, the first choice first. Where the patient has none of
    /// them, the unit that answers for the record.
    #[serde(default)]
    pub units: BTreeMap<Competence, Vec<OrganisationKind>>,
}

impl FollowThrough {
    pub(super) fn check(&self) -> Result<(), PolicyError> {
        let ranges = [
            ("follow_through.join_hours", self.join_hours, 1.0, 720.0),
            ("follow_through.reopen_days", self.reopen_days, 0.0, 365.0),
            ("follow_through.snooze_days_max", self.snooze_days_max, 0.0, 90.0),
            ("follow_through.left_after_minutes", self.left_after_minutes, 5.0, 1440.0),
            ("follow_through.remind_spread_minutes", self.remind_spread_minutes, 0.0, 480.0),
        ];
        for (key, value, min, max) in ranges {
            in_range(key, value, min, max)?;
        }
        for step in &self.escalation {
            in_range("follow_through.escalation.office_hours", step.office_hours, 0.0, 200.0)?;
        }
        let rises = |pair: &[Escalation]| pair[0].office_hours < pair[1].office_hours;
        if self.escalation.windows(2).all(rises) {
            Ok(())
        } else {
            Err(PolicyError::Order { lower: "a step of follow_through.escalation", upper: "the next" })
        }
    }

    /// How long findings say how things stand now, ms.
    #[must_use]
    pub fn join_ms(&self) -> i64 {
        super::millis(self.join_hours, vitals::Timestamp::HOUR_MS)
    }

    /// How long after a closing a case of its kind links to it, ms.
    #[must_use]
    pub fn reopen_ms(&self) -> i64 {
        super::millis(self.reopen_days, vitals::Timestamp::DAY_MS)
    }

    /// How long a task may rest, ms.
    #[must_use]
    pub fn snooze_ms_max(&self) -> i64 {
        super::millis(self.snooze_days_max, vitals::Timestamp::DAY_MS)
    }

    /// How long questions may be left in the middle, ms.
    #[must_use]
    pub fn left_after_ms(&self) -> i64 {
        super::millis(self.left_after_minutes, vitals::Timestamp::MINUTE_MS)
    }
}
