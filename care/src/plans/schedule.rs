//! Which measurements are expected on which days of the week. A kind that is left out is measured as usual.

use std::collections::{BTreeMap, BTreeSet};

use alerts::{MeasuringDays, Weekdays};
use jiff::ToSpan;
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

    /// What the rules must know of it: the days on which anything is measured, and on which weight is.
    #[must_use]
    pub fn measuring_days(&self) -> MeasuringDays {
        let of = |measured| self.0.get(&measured).and_then(|days| Weekdays::of(days.iter().copied()));
        let others = [of(Measured::BloodPressure), of(Measured::PulseOximetry)];
        MeasuringDays::of(of(Measured::Weight), others.into_iter().flatten())
    }

    /// Whether the short form is due on `today`, when it was answered last on `last`: on a day of the patient's own, or else
    /// every `every_days`.
    #[must_use]
    pub fn form_is_due(&self, last: Option<Date>, every_days: u32, today: Date) -> bool {
        match self.expects(Measured::Symptoms, today) {
            Some(expected) => expected && last != Some(today),
            None => last.is_none_or(|last| last.saturating_add(i64::from(every_days).days()) <= today),
        }
    }

    /// Whether `today` is the first day since `last` on which the short form is due. Nobody is asked twice for the same.
    #[must_use]
    pub fn form_is_first_due(&self, last: Date, every_days: u32, today: Date) -> bool {
        let is_due = |day: &Date| self.form_is_due(Some(last), every_days, *day);
        days_after(last, today).find(is_due) == Some(today)
    }

    /// Whether everything is as usual.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The days after `last`, up to and with `today`.
fn days_after(last: Date, today: Date) -> impl Iterator<Item = Date> {
    std::iter::successors(last.tomorrow().ok(), |day| day.tomorrow().ok())
        .take_while(move |day| *day <= today)
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
    fn own(measured: Measured, days: &[u8]) -> Schedule {
        let mut schedule = Schedule::default();
        schedule.set(measured, days.iter().copied());
        schedule
    }

    /// To add a case, add a row: the days of the patient's own, the day of the last answer and the present one, whether the form is
    /// due, and whether for the first time. By the calendar: 20 April 2026 is a Monday; the policy asks every second day.
    #[test]
    fn the_form_is_due_on_days_of_ones_own_or_by_the_policy() {
        let rows: [(&[u8], u32, u32, bool, bool); 9] = [
            (&[], 20, 21, false, false),
            (&[], 20, 22, true, true),
            (&[], 20, 23, true, false),
            (&[4], 20, 22, false, false),
            (&[4], 20, 23, true, true),
            (&[4], 23, 23, false, false),
            (&[4], 16, 30, true, false),
            (&[1, 4], 20, 23, true, true),
            (&[1, 4], 20, 27, true, false),
        ];
        let day = |day: u32| format!("2026-04-{day:02}").parse::<Date>().expect("a day");
        for (days, last, today, due, first) in rows {
            let (schedule, last, today) = (own(Measured::Symptoms, days), day(last), day(today));
            assert_eq!(schedule.form_is_due(Some(last), 2, today), due, "{days:?} {last} {today}");
            assert_eq!(schedule.form_is_first_due(last, 2, today), first, "{days:?} {last} {today}");
        }
    }

    /// Days by what is measured, and the days of anything and of weight.
    type Row<'a> = (&'a [(Measured, &'a [u8])], &'a [u8], &'a [u8]);

    /// To add a case, add a row: days by what is measured, and the weekdays on which anything, and weight, is asked for. Weighing is
    /// every day's where nothing is said of it; the form is no measurement. By the calendar: 20 April 2026 is a Monday.
    #[test]
    fn the_rules_know_the_days_of_measuring() {
        let every: &[u8] = &[1, 2, 3, 4, 5, 6, 7];
        let rows: [Row<'_>; 4] = [
            (&[], every, every),
            (&[(Measured::Weight, &[1, 4])], &[1, 4], &[1, 4]),
            (
                &[(Measured::Weight, &[1]), (Measured::BloodPressure, &[3]), (Measured::Symptoms, &[7])],
                &[1, 3],
                &[1],
            ),
            (&[(Measured::BloodPressure, &[3])], every, every),
        ];
        let asked = |days: Weekdays| -> Vec<u8> {
            (1..=7)
                .filter(|day| days.has(jiff::civil::date(2026, 4, 19 + i8::try_from(*day).expect("a day"))))
                .collect()
        };
        for (days, any, weight) in rows {
            let mut schedule = Schedule::default();
            days.iter().for_each(|(measured, days)| schedule.set(*measured, days.iter().copied()));
            let known = schedule.measuring_days();
            assert_eq!((asked(known.any), asked(known.weight)), (any.to_vec(), weight.to_vec()), "{days:?}");
            // What an export writes, a replay reads.
            let text = serde_json::to_string(&schedule).expect("JSON");
            assert_eq!(serde_json::from_str::<MeasuringDays>(&text).ok(), Some(known), "{text}");
        }
    }
}
