//! Worked examples that a policy carries with it: history in, tasks out.
//!
//! An example says by itself why its answer is right. It is run by the same replay as real history.
//!
//! **Invariant:** an example that passes lists every task its history opens, and no other.

use jiff::tz::TimeZone;
use serde::Deserialize;
use vitals::Timestamp;

use super::Policy;
use crate::finding::{Priority, Problem};
use crate::replay::{Replay, ReplayError, ReplayTask};

/// A worked example.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Example {
    /// What it shows.
    pub name: String,
    /// Where the expected tasks come from.
    pub source: String,
    /// When the first of `weights_kg` was weighed; the others follow a day apart.
    #[serde(default)]
    pub from: Option<Timestamp>,
    /// Weights of patient `p`, kg, one a day.
    #[serde(default)]
    pub weights_kg: Vec<f64>,
    /// Further lines as `vagen replay` reads them, also of patient `p`.
    #[serde(default)]
    pub lines: Vec<String>,
    /// The tasks, in the order in which they open.
    pub tasks: Vec<Expected>,
}

/// A task that an example expects.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// What it is about.
    pub problem: Problem,
    /// Its highest priority.
    pub priority: Priority,
    /// It opens no earlier.
    pub opened_from: Timestamp,
    /// It opens no later.
    pub opened_until: Timestamp,
    /// Rules that must be among its reasons.
    #[serde(default)]
    pub rules: Vec<String>,
}

/// Why an example does not hold.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ExampleError {
    /// One of its lines cannot be read.
    #[error("example {name:?}: {error}")]
    Line {
        /// The example.
        name: String,
        /// What is wrong.
        error: ReplayError,
    },
    /// The tasks differ.
    #[error("example {name:?}: expected {expected}, got {got}")]
    Differs {
        /// The example.
        name: String,
        /// What should have opened.
        expected: String,
        /// What did.
        got: String,
    },
}

impl Example {
    /// Runs the example.
    ///
    /// # Errors
    /// [`ExampleError`] when a line cannot be read or the tasks differ from those expected.
    pub fn check(&self, policy: &Policy, zone: &TimeZone) -> Result<(), ExampleError> {
        let mut replay = Replay::new(policy.clone(), zone.clone());
        for line in self.history() {
            replay.feed(&line).map_err(|error| ExampleError::Line { name: self.name.clone(), error })?;
        }
        let got = replay.finish().tasks;
        let same = got.len() == self.tasks.len()
            && got.iter().zip(&self.tasks).all(|(task, expected)| expected.matches(task));
        if same {
            return Ok(());
        }
        Err(ExampleError::Differs {
            name: self.name.clone(),
            expected: format!("{:#?}", self.tasks),
            got: format!("{got:#?}"),
        })
    }

    /// Every line in order of arrival: weights and the others merged by time.
    fn history(&self) -> Vec<String> {
        let mut lines: Vec<(String, String)> = Vec::new();
        if let Some(from) = self.from {
            for (day, kg) in (0i64..).zip(&self.weights_kg) {
                let at = from.plus_days(day).to_string();
                let line =
                    format!(r#"{{"patient":"p","at":"{at}","kind":"weight","values":{{"weight_kg":{kg}}}}}"#);
                lines.push((at, line));
            }
        }
        for line in &self.lines {
            lines.push((arrival_of(line), line.clone()));
        }
        lines.sort_by(|one, other| one.0.cmp(&other.0));
        lines.into_iter().map(|(_, line)| line).collect()
    }
}

/// The arrival a line names, or nothing: then it comes first and the replay says what is wrong with it.
fn arrival_of(line: &str) -> String {
    #[derive(Deserialize)]
    struct Times {
        at: Timestamp,
        received_at: Option<Timestamp>,
    }
    serde_json::from_str::<Times>(line)
        .map_or_else(|_| String::new(), |times| times.received_at.unwrap_or(times.at).to_string())
}

impl Expected {
    fn matches(&self, task: &ReplayTask) -> bool {
        task.problem == self.problem
            && task.priority == self.priority
            && (self.opened_from..=self.opened_until).contains(&task.opened_at)
            && self.rules.iter().all(|rule| task.reasons.iter().any(|reason| &reason.rule == rule))
    }
}
