//! A [`Policy`]: clinical limits as versioned data, with due times, competences, sources and its own worked examples.
//!
//! It knows how to be read and checked; it does not know what its numbers are used for. A key it does not know is
//! refused, because a limit that was misspelt would otherwise be a limit that silently does not hold.
//!
//! **Invariant:** every number of a parsed policy lies within the range its parameter states, lower limits lie below
//! upper ones, and every problem has a competence.

mod example;
mod overrides;
mod parameters;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use jiff::civil;
use serde::Deserialize;

pub use example::{Example, ExampleError, Expected};
pub use overrides::Overrides;
pub use parameters::{
    BloodPressure, Decompensation, Device, Oxygen, Pulse, Rules, Silence, SymptomFlags, WeightCusum,
    WeightJump, WeightMacd, WeightSlope,
};

use crate::finding::{Competence, Priority, Problem};

/// A policy, parsed and checked.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    name: String,
    version: String,
    author: String,
    valid_from: civil::Date,
    #[serde(default)]
    valid_until: Option<civil::Date>,
    case_quiet_days: f64,
    cooldown_days: f64,
    late_after_minutes: f64,
    symptom_form_days: u32,
    due: Due,
    competence: BTreeMap<Problem, Competence>,
    #[serde(default)]
    rules: Rules,
    #[serde(default, rename = "source")]
    sources: Vec<Source>,
    #[serde(default, rename = "example")]
    examples: Vec<Example>,
}

/// How soon a person must have acted, in the office's hours.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Due {
    /// The office opens, local time.
    pub opens: civil::Time,
    /// The office closes, local time.
    pub closes: civil::Time,
    /// An urgent task is due after this much office time, hours.
    pub urgent_office_hours: f64,
    /// A soon task is due at the end of this office day after the present one.
    pub soon_office_days: u32,
    /// A routine task is due at the end of this office day after the present one.
    pub routine_office_days: u32,
}

/// A text that numbers of the policy rest on.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The name that comments in the policy use.
    pub key: String,
    /// What it is and where to find it.
    pub text: String,
}

/// Why a text is not a policy.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PolicyError {
    /// Not TOML, an unknown key, a missing key or one of the wrong kind; the message names the key and the line.
    #[error("{message}")]
    Form {
        /// What and where.
        message: String,
    },
    /// A number outside the range in which it can be meant.
    #[error("{key} is {value}, must be from {min} to {max}")]
    OutOfRange {
        /// Which number.
        key: String,
        /// What it is.
        value: f64,
        /// The least it may be.
        min: f64,
        /// The greatest it may be.
        max: f64,
    },
    /// Two numbers in the wrong order.
    #[error("{lower} must be below {upper}")]
    Order {
        /// The one that should be lower.
        lower: &'static str,
        /// The one that should be higher.
        upper: &'static str,
    },
    /// A problem that nobody is named to help with.
    #[error("competence.{} is missing", problem.key())]
    NoCompetence {
        /// The problem.
        problem: Problem,
    },
    /// A text that must not be empty.
    #[error("{key} must not be empty")]
    Empty {
        /// Which text.
        key: &'static str,
    },
}

static RECOMMENDED: LazyLock<Policy> = LazyLock::new(|| {
    Policy::parse(include_str!("../../policies/recommended.toml"))
        .expect("the shipped policy is part of the program, and a test reads it")
});

impl Policy {
    /// Reads a policy.
    ///
    /// # Errors
    /// [`PolicyError`] naming the key and what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let mut policy: Self = toml::from_str(text)
            .map_err(|error| PolicyError::Form { message: error.to_string().trim_end().to_owned() })?;
        policy.check()?;
        Ok(policy)
    }

    /// The product's recommended policy.
    #[must_use]
    pub fn recommended() -> &'static Self {
        &RECOMMENDED
    }

    /// Every policy that comes with the product, the recommended one first.
    #[must_use]
    pub fn shipped() -> &'static [Self] {
        static SHIPPED: LazyLock<[Policy; 2]> = LazyLock::new(|| {
            let jump = Policy::parse(include_str!("../../policies/esc-2kg-3d.toml"));
            [Policy::recommended().clone(), jump.expect("a test reads every file of policies/")]
        });
        &*SHIPPED
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its version, as shown with every reason.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Who answers for it.
    #[must_use]
    pub fn author(&self) -> &str {
        &self.author
    }

    /// The first day it may be used.
    #[must_use]
    pub const fn valid_from(&self) -> civil::Date {
        self.valid_from
    }

    /// The last day it may be used, if one is set.
    #[must_use]
    pub const fn valid_until(&self) -> Option<civil::Date> {
        self.valid_until
    }

    /// What its numbers rest on.
    #[must_use]
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// Its worked examples.
    #[must_use]
    pub fn examples(&self) -> &[Example] {
        &self.examples
    }

    /// In a replay, a case counts as closed when nothing joined it for this long, ms.
    #[must_use]
    pub fn case_quiet_ms(&self) -> i64 {
        millis(self.case_quiet_days, vitals::Timestamp::DAY_MS)
    }

    /// After staff closed a case, the same problem at no higher priority opens no new one for this long, ms.
    #[must_use]
    pub fn cooldown_ms(&self) -> i64 {
        millis(self.cooldown_days, vitals::Timestamp::DAY_MS)
    }

    /// A reading that arrives this long after it was measured is marked late, ms.
    #[must_use]
    pub fn late_after_ms(&self) -> i64 {
        millis(self.late_after_minutes, vitals::Timestamp::MINUTE_MS)
    }

    /// The short symptom form comes every this many days, unless the patient's plan says otherwise.
    #[must_use]
    pub const fn symptom_form_days(&self) -> u32 {
        self.symptom_form_days
    }

    /// How soon a person must have acted.
    #[must_use]
    pub const fn due(&self) -> &Due {
        &self.due
    }

    /// Who can help with `problem`.
    #[must_use]
    pub fn competence(&self, problem: Problem) -> Competence {
        self.competence.get(&problem).copied().unwrap_or(Competence::HeartFailureNurse)
    }

    /// The policy's rules.
    #[must_use]
    pub const fn rules(&self) -> &Rules {
        &self.rules
    }

    /// The rules with a patient's own limits laid over them, and the keys of those that fit nowhere.
    #[must_use]
    pub(crate) fn rules_for<'a>(&'a self, overrides: &'a Overrides) -> (Cow<'a, Rules>, Vec<String>) {
        if overrides.is_empty() {
            return (Cow::Borrowed(&self.rules), Vec::new());
        }
        let (rules, unused) = overrides.over(&self.rules);
        (Cow::Owned(rules), unused)
    }

    fn check(&mut self) -> Result<(), PolicyError> {
        for (key, text) in [("name", &self.name), ("version", &self.version), ("author", &self.author)] {
            if text.trim().is_empty() {
                return Err(PolicyError::Empty { key });
            }
        }
        let ranges = [
            ("case_quiet_days", self.case_quiet_days, 0.5, 365.0),
            ("cooldown_days", self.cooldown_days, 0.0, 365.0),
            ("late_after_minutes", self.late_after_minutes, 1.0, 10_080.0),
            ("symptom_form_days", f64::from(self.symptom_form_days), 1.0, 60.0),
            ("due.urgent_office_hours", self.due.urgent_office_hours, 0.0, 24.0),
            ("due.soon_office_days", f64::from(self.due.soon_office_days), 0.0, 30.0),
            ("due.routine_office_days", f64::from(self.due.routine_office_days), 0.0, 60.0),
        ];
        for (key, value, min, max) in ranges {
            in_range(key, value, min, max)?;
        }
        if let Some(problem) = Problem::ALL.iter().find(|problem| !self.competence.contains_key(problem)) {
            return Err(PolicyError::NoCompetence { problem: *problem });
        }
        below("due.opens", self.due.opens < self.due.closes, "due.closes")?;
        self.check_rules()
    }

    fn check_rules(&mut self) -> Result<(), PolicyError> {
        let mut result = Ok(());
        self.rules.visit(|parameter| {
            let key = format!("rules.{}.{}", parameter.section, parameter.key);
            let checked = in_range(&key, *parameter.value, parameter.min, parameter.max);
            if result.is_ok() {
                result = checked;
            }
        });
        result?;
        orders(&self.rules)
    }
}

fn in_range(key: &str, value: f64, min: f64, max: f64) -> Result<(), PolicyError> {
    if value >= min && value <= max {
        Ok(())
    } else {
        Err(PolicyError::OutOfRange { key: key.to_owned(), value, min, max })
    }
}

const fn below(lower: &'static str, holds: bool, upper: &'static str) -> Result<(), PolicyError> {
    if holds { Ok(()) } else { Err(PolicyError::Order { lower, upper }) }
}

/// What must lie below what. Also asked of a patient's own limits, which could turn a pair around.
fn orders(rules: &Rules) -> Result<(), PolicyError> {
    if let Some(d) = &rules.decompensation {
        below("weight_fast_days", d.weight_fast_days < d.weight_slow_days, "weight_slow_days")?;
        below("vital_fast_days", d.vital_fast_days < d.vital_slow_days, "vital_slow_days")?;
        below("weight_from", d.weight_from < d.weight_full, "weight_full")?;
        below("vital_from", d.vital_from < d.vital_full, "vital_full")?;
        below("symptom_from", d.symptom_from < d.symptom_full, "symptom_full")?;
        below("habit_from_days", d.habit_from_days < d.habit_until_days, "habit_until_days")?;
    }
    if let Some(macd) = &rules.weight_macd {
        below("fast_days", macd.fast_days < macd.slow_days, "slow_days")?;
    }
    if let Some(bp) = &rules.blood_pressure {
        below("systolic_low_mmhg", bp.systolic_low_mmhg < bp.systolic_high_mmhg, "systolic_high_mmhg")?;
        below(
            "systolic_low_symptoms_mmhg",
            bp.systolic_low_symptoms_mmhg < bp.systolic_high_symptoms_mmhg,
            "systolic_high_symptoms_mmhg",
        )?;
    }
    if let Some(pulse) = &rules.pulse {
        below("low_per_min", pulse.low_per_min < pulse.high_per_min, "high_per_min")?;
        below(
            "low_symptoms_per_min",
            pulse.low_symptoms_per_min < pulse.high_symptoms_per_min,
            "high_symptoms_per_min",
        )?;
    }
    if let Some(s) = &rules.silence {
        below("message_days", s.message_days < s.call_patient_days, "call_patient_days")?;
        below("call_patient_days", s.call_patient_days < s.call_next_of_kin_days, "call_next_of_kin_days")?;
        below("call_next_of_kin_days", s.call_next_of_kin_days < s.clinician_days, "clinician_days")?;
    }
    Ok(())
}

#[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
fn millis(count: f64, unit_ms: i64) -> i64 {
    (count * unit_ms as f64).round() as i64
}

impl Due {
    /// How many office days after the present one a task of this priority may wait.
    pub(crate) const fn office_days(&self, priority: Priority) -> u32 {
        match priority {
            Priority::Urgent => 0,
            Priority::Soon => self.soon_office_days,
            Priority::Routine => self.routine_office_days,
        }
    }
}
