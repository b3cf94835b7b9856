//! From a patient's chart to findings, and from findings to changes in their tasks. Pure: the complete input goes in,
//! `now` included, and everything that follows comes out; the same live and in a replay of history.
//!
//! The way through: each reading is folded into a small [`State`], which decides; where a rule of the [`Policy`] has
//! something to say, [`assess`] puts it into words as [`Finding`]s; [`triage`] turns those into [`TaskChange`]s on the
//! patient's cases. A [`Chart`] holds what pages show.
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
pub mod schedule;
pub mod state;
pub mod task;
pub mod triage;
mod words;

pub use chart::{Chart, ChartEvent, Folded};
pub use finding::{Competence, Finding, Priority, Problem, Reason};
pub use policy::{FollowThrough, Overrides, Policy, PolicyError};
pub use rules::{Input, Trigger, assess};
pub use schedule::{MeasuringDays, Weekdays};
pub use state::{Followed, Glance, LocalDays, Missed, Recent, Sample, State, Tuning};
pub use task::{AutoClose, ClosedCase, OpenCase, TaskChange};
pub use triage::{Situation, triage};
pub use words::Bilingual;
