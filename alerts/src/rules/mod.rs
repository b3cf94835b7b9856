//! What the rules see. A stub that grows.

use jiff::tz::TimeZone;
use vitals::{Reading, Timestamp};

use crate::chart::Chart;
use crate::finding::Finding;
use crate::policy::Policy;

/// What made somebody ask.
#[derive(Clone, Copy, Debug)]
pub enum Trigger<'a> {
    /// This reading arrived; the chart already holds it.
    Reading(&'a Reading),
    /// Time passed, or something other than a reading changed.
    Clock,
}

/// Everything a judgement rests on.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The limits.
    pub policy: &'a Policy,
    /// The patient's chart, with the trigger's reading folded in.
    pub chart: &'a Chart,
    /// What made somebody ask.
    pub trigger: Trigger<'a>,
    /// The time of asking.
    pub now: Timestamp,
    /// The patient's time zone: a day of silence is a day there.
    pub zone: &'a TimeZone,
}

/// What every rule of the policy sees, in a stable order.
#[must_use]
pub fn assess(_input: &Input<'_>) -> Vec<Finding> {
    Vec::new()
}
