//! From a patient's chart to findings, and from findings to changes in their tasks. Pure: the complete input goes in,
//! `now` included, and everything that follows comes out; the same live and in a replay of history.
//!
//! The way through: [`ChartEvent`]s are folded into a [`Chart`]; [`assess`] asks every rule of a [`Policy`] what it
//! sees and answers with [`Finding`]s; [`triage`] turns those into [`TaskChange`]s on the patient's cases.
//! [`dialogue`] holds the words to the patient, [`replay`] runs all of it over a file of history.
//!
//! **Invariant:** nothing here reads a clock, a file or a database.

pub mod calendar;
pub mod chart;
pub mod dialogue;
pub mod finding;
pub mod follow_through;
pub mod policy;
pub mod replay;
pub mod rules;
pub mod task;
pub mod triage;
mod words;

pub use chart::{Chart, ChartEvent, Folded};
pub use finding::{Competence, Finding, Priority, Problem, Reason};
pub use policy::{FollowThrough, Overrides, Policy, PolicyError};
pub use rules::{Input, Trigger, assess};
pub use task::{AutoClose, ClosedCase, OpenCase, TaskChange};
pub use triage::{Situation, triage};
pub use words::Bilingual;
