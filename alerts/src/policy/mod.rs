//! Policies: clinical limits as versioned data. A stub that grows.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A policy, parsed and checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    name: String,
    version: String,
}

/// Why a text is not a policy.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PolicyError {
    /// Not TOML, an unknown key, or a key of the wrong kind; the message names the key and the line.
    #[error("{message}")]
    Form {
        /// What and where.
        message: String,
    },
}

impl Policy {
    /// Reads a policy.
    ///
    /// # Errors
    /// [`PolicyError`] naming the key and what is wrong with it.
    pub fn parse(_text: &str) -> Result<Self, PolicyError> {
        Ok(Self { name: "recommended".into(), version: "1".into() })
    }

    /// The product's recommended policy.
    #[must_use]
    pub fn recommended() -> &'static Self {
        static POLICY: std::sync::LazyLock<Policy> =
            std::sync::LazyLock::new(|| Policy { name: "recommended".into(), version: "1".into() });
        &POLICY
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
}

/// One patient's own limits: the policy's rule parameters by their key (`blood_pressure.systolic_high_mmhg`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Overrides(BTreeMap<String, f64>);
