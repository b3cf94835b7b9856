//! Whose measurement it is, by who had the device then. Pure.
//!
//! A device that one person has is simple. One that several have tells them apart by its user slots; where it does not, a
//! weight may, and only if it fits exactly one of them. Everything else is doubt, and doubt is quarantined: a value in the
//! wrong record is worse than one that waits for a person.
//!
//! **Invariant:** nobody is chosen who did not have the device at the time.

use care::admission::wearers::Wearer;
use vitals::PatientId;

/// How many weights make a person's usual one.
pub const RECENT_WEIGHTS: u32 = 7;
const TOLERANCE_KG: f64 = 4.0;
const TOLERANCE_SHARE: f64 = 0.05;

/// Who may have measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Nobody had the device then, or nobody as this user of it.
    Nobody,
    /// This person.
    One(PatientId),
    /// This person, who has a slot of their own, while the reading came without one: unless the weight says otherwise.
    OneUnlessContradicted(PatientId),
    /// One of these; the weight must tell which.
    OneOf(Vec<PatientId>),
}

/// Who may have measured as user `slot` of a device that `wearers` had at the time.
#[must_use]
pub fn choose(wearers: &[Wearer], slot: Option<u8>) -> Choice {
    let in_slot = |wanted: Option<u8>| people(wearers.iter().filter(|wearer| wearer.slot == wanted));
    match slot {
        Some(_) => {
            let own = in_slot(slot);
            one_of(if own.is_empty() { in_slot(None) } else { own })
        }
        None => match one_of(people(wearers.iter())) {
            Choice::One(patient) if !wearers.iter().any(|wearer| wearer.slot.is_none()) => {
                Choice::OneUnlessContradicted(patient)
            }
            choice => choice,
        },
    }
}

fn people<'a>(wearers: impl Iterator<Item = &'a Wearer>) -> Vec<PatientId> {
    let mut people: Vec<PatientId> = wearers.map(|wearer| wearer.patient.clone()).collect();
    people.sort();
    people.dedup();
    people
}

fn one_of(mut people: Vec<PatientId>) -> Choice {
    match people.len() {
        0 => Choice::Nobody,
        1 => people.pop().map_or(Choice::Nobody, Choice::One),
        2.. => Choice::OneOf(people),
    }
}

/// Whether `weight_kg` lies within 4 kg or 5 % of the median of `recent_kg`; `None` when there is nothing to compare.
#[must_use]
pub fn fits(weight_kg: f64, recent_kg: &[f64]) -> Option<bool> {
    let mut sorted = recent_kg.to_vec();
    sorted.sort_by(f64::total_cmp);
    let median = match sorted.len() {
        0 => return None,
        odd if odd % 2 == 1 => sorted[odd / 2],
        even => f64::midpoint(sorted[even / 2 - 1], sorted[even / 2]),
    };
    Some((weight_kg - median).abs() <= TOLERANCE_KG.max(median * TOLERANCE_SHARE))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who has it, as which user.
    type Row = (&'static str, Option<u8>);

    fn wearer((patient, slot): &Row) -> Wearer {
        Wearer { patient: id(patient), slot: *slot }
    }

    fn id(patient: &str) -> PatientId {
        patient.parse().expect("a patient id")
    }

    /// To add a case, add a row: who has it, the reading's slot, the answer. Worked by hand from the register's words:
    /// "slot = 1: that user of the device; absent: any".
    #[test]
    fn slots_tell_people_apart_and_doubt_stays_doubt() {
        let one = |patient| Choice::One(id(patient));
        let rows: [(&[Row], Option<u8>, Choice); 11] = [
            (&[], None, Choice::Nobody),
            (&[("a", None)], None, one("a")),
            (&[("a", None)], Some(2), one("a")),
            (&[("a", Some(1))], Some(1), one("a")),
            (&[("a", Some(1))], Some(2), Choice::Nobody),
            (&[("a", Some(1))], None, Choice::OneUnlessContradicted(id("a"))),
            (&[("a", Some(1)), ("b", Some(2))], Some(2), one("b")),
            (&[("a", Some(1)), ("b", None)], Some(1), one("a")),
            (&[("a", Some(1)), ("b", None)], Some(3), one("b")),
            (&[("a", Some(1)), ("b", Some(2))], None, Choice::OneOf(vec![id("a"), id("b")])),
            (&[("a", Some(1)), ("a", None)], None, one("a")),
        ];
        for (wearers, slot, expected) in rows {
            let wearers: Vec<Wearer> = wearers.iter().map(wearer).collect();
            assert_eq!(choose(&wearers, slot), expected, "{wearers:?} {slot:?}");
        }
    }

    /// Worked by hand: the larger of 4 kg and 5 % of the median.
    #[test]
    fn a_weight_fits_its_person() {
        let rows: [(f64, &[f64], Option<bool>); 6] = [
            (80.0, &[], None),
            (84.0, &[80.0], Some(true)),
            (84.1, &[80.0], Some(false)),
            (126.0, &[120.0, 119.0, 121.0], Some(true)),
            (126.1, &[120.0, 119.0, 121.0], Some(false)),
            (78.0, &[60.0, 80.0, 81.0, 79.0], Some(true)),
        ];
        for (weight, recent, expected) in rows {
            assert_eq!(fits(weight, recent), expected, "{weight} {recent:?}");
        }
    }
}
