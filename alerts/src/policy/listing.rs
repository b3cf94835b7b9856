//! A policy's numbers, listed: for a page to show, for a plan's form to offer, for two policies to be compared.
//!
//! It knows which numbers there are and what they may be; what they mean in words is the page's.
//!
//! **Invariant:** what is listed is every number of the policy's rules, in the order of the file, and no other.

use jiff::tz::TimeZone;

use super::{ExampleError, Overrides, Policy};

/// One number of a policy's rules.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Listed {
    /// The rule's section: `blood_pressure`.
    pub section: &'static str,
    /// The key within it, its unit last: `systolic_high_mmhg`.
    pub key: &'static str,
    /// What it is.
    pub value: f64,
    /// The least it may be.
    pub min: f64,
    /// The greatest it may be.
    pub max: f64,
}

impl Listed {
    /// The key of a patient's own limit: `blood_pressure.systolic_high_mmhg`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}.{}", self.section, self.key)
    }
}

impl Policy {
    /// Every number of the rules that this policy has.
    #[must_use]
    pub fn parameters(&self) -> Vec<Listed> {
        let mut listed = Vec::new();
        let mut rules = *self.rules();
        rules.visit(|one| {
            let (section, key, value) = (one.section, one.key, *one.value);
            listed.push(Listed { section, key, value, min: one.min, max: one.max });
        });
        listed
    }

    /// The keys among `overrides` that this policy cannot use: unknown here, out of range, or turning a pair of limits
    /// around, in which case it is all of them.
    #[must_use]
    pub fn unusable(&self, overrides: &Overrides) -> Vec<String> {
        self.rules_for(overrides).1
    }

    /// Runs every worked example, where days are days in `zone`.
    ///
    /// # Errors
    /// [`ExampleError`] of the first that does not hold.
    pub fn check_examples(&self, zone: &TimeZone) -> Result<(), ExampleError> {
        self.examples().iter().try_for_each(|example| example.check(self, zone))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers stand in the shipped file; that none is left out is counted there.
    #[test]
    fn every_number_of_the_rules_is_listed_as_the_file_has_it() {
        let text = include_str!("../../policies/recommended.toml");
        let rules = &text[text.find("[rules.").expect("rules")..text.find("[[source]]").expect("sources")];
        let written: Vec<(&str, f64)> = rules
            .lines()
            .filter_map(|line| line.split('#').next()?.split_once('='))
            .map(|(key, value)| (key.trim(), value.trim().parse().expect("a number")))
            .collect();
        let listed = Policy::recommended().parameters();
        let mut got: Vec<(&str, f64)> = listed.iter().map(|one| (one.key, one.value)).collect();
        let mut expected = written.clone();
        let order =
            |one: &(&str, f64), other: &(&str, f64)| one.0.cmp(other.0).then(one.1.total_cmp(&other.1));
        got.sort_by(order);
        expected.sort_by(order);
        assert_eq!(got, expected);
        assert!(listed.iter().all(|one| one.min <= one.value && one.value <= one.max));
    }

    #[test]
    fn a_limit_that_fits_nowhere_is_named() {
        let mut overrides = Overrides::new();
        overrides.set("pulse.high_per_min", 120.0);
        assert_eq!(Policy::recommended().unusable(&overrides), Vec::<String>::new());
        overrides.set("pulse.hihg_per_min", 120.0);
        assert_eq!(Policy::recommended().unusable(&overrides), ["pulse.hihg_per_min"]);
    }
}
