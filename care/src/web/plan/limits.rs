//! Every number of the patient's policy with room for one of their own beside it.

use alerts::{Overrides, Policy};

use super::Written;
use crate::web::format::number;
use crate::web::text::Text;

/// One number.
pub(crate) struct Limit {
    /// The field: `blood_pressure.systolic_high_mmhg`.
    pub(crate) name: String,
    /// In words.
    pub(crate) word: String,
    /// What the policy says, with its unit.
    pub(crate) policy: String,
    /// The range it may lie in.
    pub(crate) range: String,
    /// What stands in the field.
    pub(crate) own: String,
    /// The unit.
    pub(crate) unit: String,
}

/// The numbers of one rule.
pub(crate) struct Section {
    /// In words.
    pub(crate) word: String,
    /// Whether it is shown at once: it has a number of the patient's own, or is one that people change.
    pub(crate) open: bool,
    /// The numbers.
    pub(crate) limits: Vec<Limit>,
    /// How many of them are the patient's own.
    pub(crate) own: usize,
}

/// The unit a key ends in, in words.
pub(crate) fn unit(key: &str, text: Text) -> String {
    let unit = [("_kg", "kg"), ("_mmhg", "mmHg"), ("_percent", "%"), ("_per_min", "/min")];
    if let Some((_, unit)) = unit.iter().find(|(end, _)| key.ends_with(end)) {
        return (*unit).to_owned();
    }
    if key.ends_with("days") || key.ends_with("days_max") || key.ends_with("days_min") {
        text.t("unit-days")
    } else if key.ends_with("hours") {
        text.t("unit-hours")
    } else if key.ends_with("_points") {
        text.t("unit-points")
    } else {
        String::new()
    }
}

/// A number with its unit.
pub(crate) fn with_unit(value: f64, key: &str, text: Text) -> String {
    let unit = unit(key, text);
    let number = number(value, text.0);
    if unit.is_empty() { number } else { format!("{number}{}{unit}", crate::web::format::THIN) }
}

/// The word for a number of a policy.
pub(crate) fn word(key: &str, text: Text) -> String {
    text.t(&format!("parameter-{}", key.replace('_', "-")))
}

/// The word for a rule of a policy.
pub(crate) fn section_word(section: &str, text: Text) -> String {
    text.t(&format!("rule-{}", section.replace('_', "-")))
}

/// Every number of `policy`, with those of `own` and what was written and not taken.
pub(crate) fn sections(policy: &Policy, own: &Overrides, written: &Written, text: Text) -> Vec<Section> {
    let mut sections: Vec<(&'static str, Section)> = Vec::new();
    for one in policy.parameters() {
        let name = one.name();
        let held = own.get(&name);
        let limit = Limit {
            word: word(one.key, text),
            policy: with_unit(one.value, one.key, text),
            range: format!("{}–{}", number(one.min, text.0), number(one.max, text.0)),
            own: written
                .get(&name)
                .cloned()
                .unwrap_or_else(|| held.map_or_else(String::new, |value| number(value, text.0))),
            unit: unit(one.key, text),
            name,
        };
        if sections.last().is_none_or(|(section, _)| *section != one.section) {
            let word = section_word(one.section, text);
            sections.push((one.section, Section { word, open: false, limits: Vec::new(), own: 0 }));
        }
        if let Some((_, section)) = sections.last_mut() {
            section.own += usize::from(!limit.own.is_empty());
            section.open = section.own > 0;
            section.limits.push(limit);
        }
    }
    // The one that people change least, and that has most numbers, comes last.
    sections.sort_by_key(|(section, _)| *section == "decompensation");
    sections.into_iter().map(|(_, section)| section).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::Language;

    /// A number that a policy may have and no page has words for would be a limit nobody can read.
    #[test]
    fn every_number_of_every_policy_has_words_in_both_languages() {
        for text in [Text(Language::Sv), Text(Language::En)] {
            for one in Policy::shipped().iter().flat_map(Policy::parameters) {
                assert!(!word(one.key, text).starts_with('['), "{}", one.name());
                assert!(!section_word(one.section, text).starts_with('['), "{}", one.section);
            }
        }
    }

    #[test]
    fn a_number_stands_beside_the_policys_with_its_unit() {
        let mut own = Overrides::new();
        own.set("blood_pressure.systolic_high_mmhg", 150.0);
        let sections = sections(Policy::recommended(), &own, &Written::new(), Text(Language::Sv));
        let pressure = sections.iter().find(|section| section.own == 1).expect("one with a limit of its own");
        let high = pressure.limits.iter().find(|limit| !limit.own.is_empty()).expect("the limit");
        // The policy's own: BEAT-HF, 170 without symptoms.
        assert_eq!(
            (high.policy.as_str(), high.own.as_str(), high.range.as_str()),
            ("170\u{202f}mmHg", "150", "110–250")
        );
        assert!(pressure.open && sections.last().is_some_and(|last| last.limits.len() > 30));
    }
}
