//! A patient's plan: limits of their own, pauses, stays in hospital, target weight, schedule, diuretic plan and words, each a
//! row that says who, when and why ([`write`]), and what follows from the rows ([`Plan`], and the events of a chart).
//!
//! What the rules must know of is an event of the patient's history, in its order of arrival, exported as a replay reads it.
//! What a number means for health is the policy's to say; here it is only kept within the range the policy states.
//!
//! **Invariant:** nothing is overwritten: a later row says something new, and the earlier one stays.

mod event;
mod schedule;
pub mod write;

use alerts::Overrides;
use vitals::{PatientId, Timestamp};

pub use event::{PlanEvent, all, chart_events, history, latest, schedules};
pub use schedule::{Measured, Schedule};
pub use write::{PlanError, given_by_register, record};

use crate::access::Subject;

/// One thing that staff say about a patient's monitoring.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// The patient's own limits from now on, all of them; none takes them away.
    Limits(Overrides),
    /// Measuring is paused: silence is excused meanwhile.
    Pause {
        /// From when.
        from: Timestamp,
        /// Until when.
        until: Timestamp,
    },
    /// A pause is over before its end.
    PauseEnd {
        /// Which pause, by its event's number.
        pause: i64,
    },
    /// Admitted to hospital.
    Admission {
        /// When.
        at: Timestamp,
    },
    /// Home from hospital.
    Discharge {
        /// When.
        at: Timestamp,
    },
    /// The weight to aim at, kg; `None` takes it away.
    TargetWeight(Option<f64>),
    /// Which measurements on which days.
    Schedule(Schedule),
    /// The diuretic plan as prescribed, in words for the patient; empty takes it away.
    Diuretic(String),
    /// The plan in words.
    Text(String),
}

impl Said {
    /// The key in the store.
    #[must_use]
    pub const fn key(&self) -> &'static str {
        match self {
            Self::Limits(_) => "limits",
            Self::Pause { .. } => "pause",
            Self::PauseEnd { .. } => "pause_end",
            Self::Admission { .. } => "admission",
            Self::Discharge { .. } => "discharge",
            Self::TargetWeight(_) => "target_weight",
            Self::Schedule(_) => "schedule",
            Self::Diuretic(_) => "diuretic",
            Self::Text(_) => "text",
        }
    }

    /// Whether it is a clinician's to say; the rest is said by whoever works with the patient.
    #[must_use]
    pub const fn is_clinical(&self) -> bool {
        match self {
            Self::Limits(_) | Self::TargetWeight(_) | Self::Diuretic(_) | Self::Text(_) => true,
            Self::Pause { .. }
            | Self::PauseEnd { .. }
            | Self::Admission { .. }
            | Self::Discharge { .. }
            | Self::Schedule(_) => false,
        }
    }
}

/// A change of a plan, as it is asked for.
#[derive(Clone, Debug)]
pub struct PlanChange {
    /// Whose.
    pub patient: PatientId,
    /// What.
    pub said: Said,
    /// Who.
    pub author: Subject,
    /// Why.
    pub reason: String,
}

/// A stay or a pause that is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Absence {
    /// The number of its event.
    pub id: i64,
    /// From when.
    pub from: Timestamp,
    /// Until when, where that is known.
    pub until: Option<Timestamp>,
}

/// What a patient's plan says at a moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Their own limits.
    pub limits: Overrides,
    /// The weight to aim at, kg.
    pub target_kg: Option<f64>,
    /// Which measurements on which days.
    pub schedule: Schedule,
    /// The diuretic plan.
    pub diuretic: Option<String>,
    /// Pauses that are not over, the first to begin first.
    pub pauses: Vec<Absence>,
    /// The stay in hospital that is on.
    pub admitted: Option<Absence>,
}

impl Plan {
    /// What `events`, oldest first, come to at `now`.
    #[must_use]
    pub fn of(events: &[PlanEvent], now: Timestamp) -> Self {
        let mut plan = Self::default();
        for event in events {
            match &event.said {
                Said::Limits(limits) => plan.limits.clone_from(limits),
                Said::TargetWeight(kg) => plan.target_kg = *kg,
                Said::Schedule(schedule) => plan.schedule.clone_from(schedule),
                Said::Diuretic(text) => plan.diuretic = Some(text.clone()).filter(|text| !text.is_empty()),
                Said::Text(_) | Said::PauseEnd { .. } => {}
                Said::Pause { from, until } => {
                    let until = event.ended_at.map_or(*until, |ended| ended.min(*until));
                    if until > now {
                        plan.pauses.push(Absence { id: event.id, from: *from, until: Some(until) });
                    }
                }
                Said::Admission { at } => {
                    plan.admitted = Some(Absence { id: event.id, from: *at, until: None });
                }
                Said::Discharge { at } => {
                    plan.admitted = plan.admitted.filter(|stay| stay.from > *at);
                }
            }
        }
        plan.pauses.sort_by_key(|pause| pause.from);
        plan
    }
}
