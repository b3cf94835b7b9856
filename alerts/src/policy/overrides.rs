//! One patient's own limits.
//!
//! They use the keys of the policy's rules. A key that fits nothing is kept and reported by the caller, never dropped:
//! somebody meant a limit by it.
//!
//! **Invariant:** laying overrides over rules gives rules that hold every invariant of a policy.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use super::orders;
use super::parameters::Rules;

/// Limits by key: `blood_pressure.systolic_high_mmhg`. Read from an object of numbers, nested as in a policy or with
/// dots; written with dots.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Overrides(BTreeMap<String, Option<f64>>);

const KEYS_MAX: usize = 200;
const DEPTH_MAX: usize = 4;

impl Overrides {
    /// No limits of one's own.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the limit `key`, such as `blood_pressure.systolic_high_mmhg`.
    pub fn set(&mut self, key: &str, value: f64) {
        self.0.insert(key.to_owned(), Some(value));
    }

    /// The limit `key`, if it is set.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<f64> {
        self.0.get(key).copied().flatten()
    }

    /// Every limit that is a number, by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> + '_ {
        self.0.iter().filter_map(|(key, value)| Some((key.as_str(), (*value)?)))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `rules` with these laid over them, and the keys that could not be used: unknown here, no number, out of
    /// range, or turning a pair of limits around. In that last case none is used.
    pub(super) fn over(&self, rules: &Rules) -> (Rules, Vec<String>) {
        let mut laid = *rules;
        let mut used = Vec::new();
        laid.visit(|parameter| {
            let key = format!("{}.{}", parameter.section, parameter.key);
            if let Some(value) = self.get(&key)
                && value >= parameter.min
                && value <= parameter.max
            {
                *parameter.value = value;
                used.push(key);
            }
        });
        if orders(&laid).is_err() {
            return (*rules, self.0.keys().cloned().collect());
        }
        (laid, self.0.keys().filter(|key| !used.contains(key)).cloned().collect())
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Node {
    Number(f64),
    Table(BTreeMap<String, Node>),
    Other(serde::de::IgnoredAny),
}

impl<'de> Deserialize<'de> for Overrides {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut overrides = Self::new();
        for (key, node) in BTreeMap::<String, Node>::deserialize(deserializer)? {
            let key = if key == "rules" { String::new() } else { key };
            overrides.take(key, node, 1);
        }
        if overrides.0.len() > KEYS_MAX {
            return Err(serde::de::Error::custom(format_args!("more than {KEYS_MAX} limits")));
        }
        Ok(overrides)
    }
}

impl Overrides {
    fn take(&mut self, key: String, node: Node, depth: usize) {
        match node {
            Node::Number(value) => {
                self.0.insert(key, Some(value));
            }
            Node::Table(table) if depth < DEPTH_MAX => {
                for (inner, node) in table {
                    let joined = if key.is_empty() { inner } else { format!("{key}.{inner}") };
                    self.take(joined, node, depth + 1);
                }
            }
            Node::Table(_) | Node::Other(_) => {
                self.0.insert(key, None);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;

    /// To add a case, add a row: what was written, the systolic limit that then holds, the keys that could not be
    /// used. The policy's own limit is 170 (BEAT-HF); the rest by hand.
    #[test]
    fn a_patients_own_limits_lie_over_the_policys() {
        let rows: [(&str, f64, &[&str]); 8] = [
            ("{}", 170.0, &[]),
            (r#"{"blood_pressure.systolic_high_mmhg":150}"#, 150.0, &[]),
            (r#"{"blood_pressure":{"systolic_high_mmhg":150.5}}"#, 150.5, &[]),
            (r#"{"rules":{"blood_pressure":{"systolic_high_mmhg":150}}}"#, 150.0, &[]),
            (
                r#"{"blood_pressure":{"systolic_hihg_mmhg":150}}"#,
                170.0,
                &["blood_pressure.systolic_hihg_mmhg"],
            ),
            (r#"{"blood_pressure.systolic_high_mmhg":1500}"#, 170.0, &["blood_pressure.systolic_high_mmhg"]),
            (r#"{"blood_pressure.systolic_high_mmhg":"150"}"#, 170.0, &["blood_pressure.systolic_high_mmhg"]),
            (
                r#"{"blood_pressure":{"systolic_high_mmhg":111,"systolic_low_mmhg":120}}"#,
                170.0,
                &["blood_pressure.systolic_high_mmhg", "blood_pressure.systolic_low_mmhg"],
            ),
        ];
        for (text, expected, unused) in rows {
            let overrides: Overrides = serde_json::from_str(text).expect(text);
            let (rules, left) = Policy::recommended().rules_for(&overrides);
            let systolic = rules.blood_pressure.map(|bp| bp.systolic_high_mmhg);
            assert_eq!(systolic, Some(expected), "{text}");
            assert_eq!(left, unused, "{text}");
        }
    }

    #[test]
    fn limits_read_back_as_written() {
        let mut overrides = Overrides::new();
        overrides.set("pulse.high_per_min", 120.0);
        let text = serde_json::to_string(&overrides).expect("an object");
        assert_eq!(text, r#"{"pulse.high_per_min":120.0}"#);
        assert_eq!(serde_json::from_str::<Overrides>(&text).ok(), Some(overrides));
    }
}
