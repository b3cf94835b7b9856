//! Policies: those that come with the product and those an installation owns, and which of them stands for whom, switched on
//! by whom and why.
//!
//! A file is kept whole under its name and version, and a version never changes ([`shelf`]). Switching on is a row that is
//! added, never a setting that is overwritten ([`switching`]); so for any patient and any moment there is one answer to what
//! stood ([`Book::standing`]). What a policy says about health is not known here.
//!
//! From the narrowest to the widest: what is switched on for the patient; a policy other than the recommended one that the
//! register names for them; what is switched on for the unit that answers for the record; for that unit's organisation (its
//! programme); the recommended policy.
//!
//! **Invariant:** nothing here deletes or overwrites a policy or what was switched on.

mod book;
pub mod shelf;
pub mod switching;
pub mod what_if;

use std::sync::Arc;

use alerts::Policy;
use vitals::{PatientId, Timestamp};

pub use book::{Book, activation};

/// For whom a policy is switched on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Every patient whose record this organisation answers for.
    Programme(String),
    /// Every patient whose record this unit answers for.
    Unit(String),
    /// This patient.
    Patient(PatientId),
}

impl Scope {
    /// `programme`, `unit` or `patient`.
    #[must_use]
    pub const fn key(&self) -> &'static str {
        match self {
            Self::Programme(_) => "programme",
            Self::Unit(_) => "unit",
            Self::Patient(_) => "patient",
        }
    }

    /// The organisation's, unit's or patient's id.
    #[must_use]
    pub fn target(&self) -> &str {
        match self {
            Self::Programme(id) | Self::Unit(id) => id,
            Self::Patient(id) => id.as_str(),
        }
    }

    /// The scope with this key and target.
    #[must_use]
    pub fn of(key: &str, target: &str) -> Option<Self> {
        match key {
            "programme" => Some(Self::Programme(target.to_owned())),
            "unit" => Some(Self::Unit(target.to_owned())),
            "patient" => target.parse().ok().map(Self::Patient),
            _ => None,
        }
    }
}

/// A policy switched on, by whom and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activation {
    /// Counts from 1.
    pub id: i64,
    /// For whom.
    pub scope: Scope,
    /// Name and version; `None` where it says that what is switched on more widely stands again.
    pub policy: Option<(String, String)>,
    /// From when it stands.
    pub from: Timestamp,
    /// When it was decided.
    pub at: Timestamp,
    /// Who decided, by id.
    pub by: String,
    /// Their name then.
    pub by_name: String,
    /// Their role's key then.
    pub role: String,
    /// Why.
    pub reason: String,
}

/// What stands for a patient at a moment.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The policy.
    pub policy: Arc<Policy>,
    /// What switched it on; `None` where the register or the product says so.
    pub activation: Option<Activation>,
    /// Name and version of the policy that should stand but that this version of the product cannot read. The recommended
    /// one stands in its place, and somebody must be told.
    pub unreadable: Option<String>,
}

impl Standing {
    /// The product's recommended policy, where no patient is known.
    #[must_use]
    pub fn recommended() -> Self {
        Self { policy: book::recommended(), activation: None, unreadable: None }
    }
}

/// A policy as it signs what it finds: with what switched it on.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'a> {
    /// The policy.
    pub policy: &'a Policy,
    /// The activation behind it.
    pub activation: Option<i64>,
}

impl<'a> From<&'a Policy> for Signed<'a> {
    fn from(policy: &'a Policy) -> Self {
        Self { policy, activation: None }
    }
}

impl<'a> From<&'a Standing> for Signed<'a> {
    fn from(standing: &'a Standing) -> Self {
        Self { policy: &standing.policy, activation: standing.activation.as_ref().map(|one| one.id) }
    }
}
