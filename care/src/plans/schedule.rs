//! Which measurements are expected on which days of the week. A kind that is left out is measured as usual.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// What can be scheduled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measured {
    /// Weighing.
    Weight,
    /// Blood pressure.
    BloodPressure,
    /// Oxygen saturation.
    PulseOximetry,
    /// The short form about symptoms.
    Symptoms,
}

impl Measured {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Weight, Self::BloodPressure, Self::PulseOximetry, Self::Symptoms];

    /// The key in the store and in forms.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Weight => "weight",
            Self::BloodPressure => "blood_pressure",
            Self::PulseOximetry => "pulse_oximetry",
            Self::Symptoms => "symptoms",
        }
    }
}

/// Days of the week by what is measured then; 1 is Monday.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Schedule(BTreeMap<Measured, BTreeSet<u8>>);

impl Schedule {
    /// Sets the days of `measured`; no day means as usual. Numbers that are no day are left out.
    pub fn set(&mut self, measured: Measured, days: impl IntoIterator<Item = u8>) {
        let days: BTreeSet<u8> = days.into_iter().filter(|day| (1..=7).contains(day)).collect();
        if days.is_empty() {
            self.0.remove(&measured);
        } else {
            self.0.insert(measured, days);
        }
    }

    /// The days of `measured`, Monday first; `None` where it is as usual.
    #[must_use]
    pub fn days(&self, measured: Measured) -> Option<&BTreeSet<u8>> {
        self.0.get(&measured)
    }

    /// Whether `measured` is expected on `day`; `None` where it is as usual.
    #[must_use]
    pub fn expects(&self, measured: Measured, day: Date) -> Option<bool> {
        let weekday = day.weekday().to_monday_one_offset().unsigned_abs();
        self.0.get(&measured).map(|days| days.contains(&weekday))
    }

    /// Whether everything is as usual.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 22 April 2026 is a Wednesday, 23 April a Thursday (calendar).
    #[test]
    fn a_schedule_speaks_only_of_what_is_in_it() {
        let mut schedule = Schedule::default();
        schedule.set(Measured::Symptoms, [1, 3, 5, 9, 0]);
        let day = |text: &str| text.parse::<Date>().expect("a day");
        assert_eq!(schedule.expects(Measured::Symptoms, day("2026-04-22")), Some(true));
        assert_eq!(schedule.expects(Measured::Symptoms, day("2026-04-23")), Some(false));
        assert_eq!(schedule.expects(Measured::Weight, day("2026-04-22")), None);
        let text = serde_json::to_string(&schedule).expect("JSON");
        assert_eq!(text, r#"{"symptoms":[1,3,5]}"#);
        assert_eq!(serde_json::from_str::<Schedule>(&text).ok(), Some(schedule.clone()));
        schedule.set(Measured::Symptoms, []);
        assert!(schedule.is_empty());
    }
}
