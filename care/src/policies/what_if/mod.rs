//! What a policy would have done: run over the last 90 days of patients' history, their own limits and absences included, beside
//! the policy that stands for each of them, before it is switched on.
//!
//! The history goes through the same replay as `vagen replay`, in the lines an export writes ([`gather`]); what comes out is
//! compared task by task ([`compare`]); [`jobs`] runs that in the background, bounded and cancellable. Nobody acts on tasks
//! in a replay, so both sides are what the rules alone would have opened; what staff really got stands beside it.
//!
//! **Invariant:** nothing of a record is read that the person who asks may not read, and each record read is logged.

mod compare;
mod gather;
mod jobs;

pub use compare::{Compared, Outcome, Pair, Tried, count_by};
pub use gather::{Asked, Whom, whom};
pub use jobs::{Job, Jobs, Progress, StartError};

/// How far back it looks, days.
pub const DAYS: i64 = 90;
/// How much more history the rules get to know what is usual, days: as much as a chart holds, and some.
const BEFORE_DAYS: i64 = 130;
/// The most patients of one run.
pub const PATIENTS_MAX: usize = 3000;
