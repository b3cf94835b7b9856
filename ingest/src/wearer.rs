//! Whose measurement it is, by who had the device then. Pure.
//!
//! A device that one person has is simple. One that several have tells them apart by its user slots; where it does not, a
//! weight may, and only if it fits exactly one of them. Everything else is doubt, and doubt is quarantined: a value in the
//! wrong record is worse than one that waits for a person.
//!
//! **Invariant:** nobody is chosen who did not have the device at the time.

use care::admission::wearers::Wearer;
use vitals::{PatientId, Timestamp};

/// How many weights make a person's usual one.
pub const RECENT_WEIGHTS: u32 = 7;
/// How far back a median looks, and after how long a gap distance alone says nothing, days.
const MEDIAN_DAYS: i64 = 7;
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

/// What a weight says about whether a person weighed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// It is near what they weigh.
    Fits,
    /// It is far from what they weighed within the last week.
    Contradicts,
    /// There is nothing to compare with, or only what is more than a week old: after a gap, distance alone says nothing.
    Unknown,
}

/// Why nobody can be named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// Nobody had the device then, or nobody as this user of it.
    Nobody,
    /// It may be one of these, or nobody's.
    Several {
        /// Why, in words.
        why: &'static str,
        /// Those it may be of.
        people: Vec<PatientId>,
    },
}

impl Choice {
    /// Those whose weight must be asked about, in this order.
    #[must_use]
    pub fn people(&self) -> &[PatientId] {
        match self {
            Self::Nobody | Self::One(_) => &[],
            Self::OneUnlessContradicted(patient) => std::slice::from_ref(patient),
            Self::OneOf(people) => people,
        }
    }
}

/// Who measured, given how the weight fits each of [`Choice::people`]: of several, the one it fits when it contradicts all the
/// others. Anybody it neither fits nor contradicts could be the one.
///
/// # Errors
/// [`Doubt`] where nobody can be named.
pub fn settle(choice: Choice, fits: &[Fit]) -> Result<PatientId, Doubt> {
    let several = |why, people| Err(Doubt::Several { why, people });
    match choice {
        Choice::Nobody => Err(Doubt::Nobody),
        Choice::One(patient) => Ok(patient),
        Choice::OneUnlessContradicted(patient) => match fits.first() {
            Some(Fit::Contradicts) => {
                several("no user slot, and the weight does not fit the one person who had it", vec![patient])
            }
            Some(Fit::Fits | Fit::Unknown) | None => Ok(patient),
        },
        Choice::OneOf(people) => {
            let count = |wanted: Fit| fits.iter().filter(|fit| **fit == wanted).count();
            let place = fits.iter().position(|fit| *fit == Fit::Fits);
            match (count(Fit::Fits), count(Fit::Unknown), place.and_then(|place| people.get(place))) {
                (1, 0, Some(patient)) => Ok(patient.clone()),
                (0, _, _) => several("several people had the device, and nothing tells whose it is", people),
                _ => several("several people had the device, and the weight fits more than one", people),
            }
        }
    }
}

/// How `weight_kg`, measured at `at`, fits a person who weighed `recent`: within 4 kg or 5 % of the median of the last seven
/// days, or, where there is none, of what was last known, which can speak for them and not against them.
#[must_use]
pub fn fit(weight_kg: f64, at: Timestamp, recent: &[(Timestamp, f64)]) -> Fit {
    let since = at.plus_days(-MEDIAN_DAYS);
    let week = recent.iter().filter(|(when, _)| *when > since).map(|(_, kg)| *kg).collect::<Vec<_>>();
    let (median, far) = if week.is_empty() {
        (median(recent.iter().map(|(_, kg)| *kg).collect()), Fit::Unknown)
    } else {
        (median(week), Fit::Contradicts)
    };
    match median {
        Some(median) if (weight_kg - median).abs() <= TOLERANCE_KG.max(median * TOLERANCE_SHARE) => Fit::Fits,
        Some(_) => far,
        None => Fit::Unknown,
    }
}

fn median(mut sorted: Vec<f64>) -> Option<f64> {
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => None,
        odd if odd % 2 == 1 => Some(sorted[odd / 2]),
        even => Some(f64::midpoint(sorted[even / 2 - 1], sorted[even / 2])),
    }
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

    /// How many days before, and how much was weighed.
    type Weighed = &'static [(i64, f64)];

    /// Worked by hand: the larger of 4 kg and 5 % of the median of seven days; older ones can only speak for somebody. To
    /// add a case, add a row: the weight, how many days before and how much was weighed, the answer.
    #[test]
    fn a_weight_fits_its_person() {
        let rows: [(f64, Weighed, Fit); 9] = [
            (80.0, &[], Fit::Unknown),
            (84.0, &[(1, 80.0)], Fit::Fits),
            (84.1, &[(1, 80.0)], Fit::Contradicts),
            (126.0, &[(1, 120.0), (2, 119.0), (3, 121.0)], Fit::Fits),
            (126.1, &[(1, 120.0), (2, 119.0), (3, 121.0)], Fit::Contradicts),
            (78.0, &[(1, 60.0), (2, 80.0), (3, 81.0), (4, 79.0)], Fit::Fits),
            (90.0, &[(6, 80.0)], Fit::Contradicts),
            (90.0, &[(7, 80.0)], Fit::Unknown),
            (81.0, &[(40, 80.0)], Fit::Fits),
        ];
        let at: Timestamp = "2026-04-22T05:04:00Z".parse().expect("a time");
        for (weight, recent, expected) in rows {
            let weighed: Vec<_> = recent.iter().map(|(days, kg)| (at.plus_days(-days), *kg)).collect();
            assert_eq!(fit(weight, at, &weighed), expected, "{weight} {recent:?}");
        }
    }

    /// By hand: among several, only who is fitted while all others are contradicted.
    #[test]
    fn nobody_is_named_because_they_are_nearest() {
        use Fit::{Contradicts, Fits, Unknown};
        let two = || Choice::OneOf(vec![id("a"), id("b")]);
        let rows = [
            (two(), vec![Fits, Contradicts], Some("a")),
            (two(), vec![Contradicts, Fits], Some("b")),
            (two(), vec![Fits, Fits], None),
            (two(), vec![Fits, Unknown], None),
            (two(), vec![Contradicts, Unknown], None),
            (two(), vec![Contradicts, Contradicts], None),
            (Choice::OneUnlessContradicted(id("a")), vec![Unknown], Some("a")),
            (Choice::OneUnlessContradicted(id("a")), vec![Contradicts], None),
            (Choice::One(id("a")), vec![], Some("a")),
            (Choice::Nobody, vec![], None),
        ];
        for (choice, fits, expected) in rows {
            let said = format!("{choice:?} {fits:?}");
            assert_eq!(settle(choice, &fits).ok(), expected.map(id), "{said}");
        }
    }
}
