//! From a patient's chart to findings, and from findings to changes in their tasks. Pure: the complete input goes in,
//! `now` included, and everything that follows comes out; the same live and in a replay of history.
//!
//! **Invariant:** nothing here reads a clock, a file or a database.

pub mod finding;
pub mod task;

pub use finding::{Competence, Finding, Priority, Problem, Reason};
pub use task::{AutoClose, ClosedCase, OpenCase, TaskChange};
