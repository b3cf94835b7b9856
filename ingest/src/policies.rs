//! The policies that readings are judged by, each under its name.
//!
//! **Invariant:** the recommended policy is always among them, so that no reading goes unjudged.

use std::collections::BTreeMap;
use std::sync::Arc;

use alerts::Policy;

/// The policies of this installation.
#[derive(Clone, Debug)]
pub struct Policies {
    by_name: Arc<BTreeMap<String, Policy>>,
    recommended: Arc<Policy>,
}

impl Policies {
    /// The product's recommended policy, and `others`. One of the same name takes the place of the recommended one.
    #[must_use]
    pub fn new(others: impl IntoIterator<Item = Policy>) -> Self {
        let recommended = Policy::recommended().clone();
        let all = std::iter::once(recommended.clone()).chain(others);
        Self {
            by_name: Arc::new(all.map(|policy| (policy.name().to_owned(), policy)).collect()),
            recommended: Arc::new(recommended),
        }
    }

    /// The policy called `name`. The register refuses names that are not here; should a store hold one nevertheless, such
    /// as after a policy file was taken away, the recommended policy judges and the log says so.
    #[must_use]
    pub fn get(&self, name: &str) -> &Policy {
        self.by_name.get(name).unwrap_or_else(|| {
            tracing::error!(policy = name, "no such policy; the recommended one judges in its place");
            &self.recommended
        })
    }

    /// Every name, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }
}

impl Default for Policies {
    fn default() -> Self {
        Self::new([])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_name_is_judged_by_the_recommended_policy() {
        let policies = Policies::default();
        assert_eq!(policies.get("recommended").name(), "recommended");
        assert_eq!(policies.get("taken-away").name(), "recommended");
        assert_eq!(policies.names().collect::<Vec<_>>(), ["recommended"]);
    }
}
