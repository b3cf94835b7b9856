//! The recent history of a patient with its names: what words and ids are made from once a state has something to say.
//!
//! **Invariant:** entries are sorted by time, then by name; none is there twice.

use std::collections::VecDeque;

use vitals::{Quantity, ReadingId, Timestamp};

use super::sample::{Sample, Source};
use super::weights::median;
use crate::chart::ChartEvent;

/// How a reading is called.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Name {
    /// What staff entered has none.
    Staff(Source),
    /// By its line in a file.
    Line(u64),
    /// By its id.
    Given(Box<str>),
}

impl Name {
    /// The id as others see it; `None` for what staff entered.
    pub(crate) fn to_id(&self) -> Option<ReadingId> {
        match self {
            Self::Staff(_) => None,
            Self::Line(number) => format!("line:{number}").parse().ok(),
            Self::Given(id) => id.parse().ok(),
        }
    }

    pub(crate) fn of(id: &ReadingId) -> Self {
        Self::Given(id.as_str().into())
    }
}

/// One sample and its name.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) sample: Sample,
    pub(crate) name: Name,
}

/// Entries of the last months, oldest first. See the module.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recent(VecDeque<Entry>);

/// The usual weight is the median of weighings this old, days.
const USUAL_DAYS: (i64, i64) = (7, 42);
const USUAL_READINGS_MIN: usize = 5;

impl Recent {
    /// The readings and events of a history, in whatever order.
    #[must_use]
    pub fn of<'a>(events: impl IntoIterator<Item = &'a ChartEvent>) -> Self {
        let mut recent = Self::default();
        for event in events {
            if let Some(entry) = Entry::of(event) {
                recent.insert(entry);
            }
        }
        recent
    }

    /// Puts an entry in its place and says which that is; `None` if it was there.
    pub(crate) fn insert(&mut self, entry: Entry) -> Option<usize> {
        let place = match self.0.back() {
            Some(last) if last.key() < entry.key() => self.0.len(),
            Some(_) | None => self.0.partition_point(|held| held.key() < entry.key()),
        };
        if self.0.get(place).is_some_and(|held| held.key() == entry.key()) {
            return None;
        }
        if place == self.0.len() {
            self.0.push_back(entry);
        } else {
            self.0.insert(place, entry);
        }
        Some(place)
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.0.iter()
    }

    pub(crate) fn get(&self, place: usize) -> Option<&Entry> {
        self.0.get(place)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The first place at or after `at`.
    pub(crate) fn place_from(&self, at: Timestamp) -> usize {
        self.0.partition_point(|held| held.sample.at < at)
    }

    /// Lets go of what lies before `at`.
    pub(crate) fn forget_before(&mut self, at: Timestamp) {
        let place = self.place_from(at);
        self.0.drain(..place);
    }

    /// The last usable value of `quantity` before `entry_at` that is not that of `name`, no more than `days` older.
    pub(crate) fn before(
        &self,
        quantity: Quantity,
        at: Timestamp,
        name: &ReadingId,
        days: f64,
    ) -> Option<(f64, ReadingId)> {
        self.0
            .iter()
            .rev()
            .skip_while(|entry| entry.sample.at > at)
            .take_while(|entry| at.days_since(entry.sample.at) <= days)
            .filter_map(|entry| Some((entry.sample.usable(quantity)?, entry.name.to_id()?)))
            .find(|(_, id)| id != name)
    }

    /// The usable values of `quantity` after `at`, oldest first.
    pub(crate) fn after(
        &self,
        quantity: Quantity,
        at: Timestamp,
    ) -> impl Iterator<Item = (f64, Timestamp, ReadingId)> + '_ {
        let later = self.0.range(self.place_from(at)..).filter(move |entry| entry.sample.at > at);
        later.filter_map(move |entry| {
            Some((entry.sample.usable(quantity)?, entry.sample.at, entry.name.to_id()?))
        })
    }

    /// The readings with a usable value of `quantity` in the last `days` days of such readings up to `at`, oldest first.
    pub(crate) fn ids_of(&self, quantity: Quantity, at: Timestamp, days: i64) -> Vec<ReadingId> {
        let mut of = self
            .0
            .iter()
            .rev()
            .filter(|entry| entry.sample.at <= at && entry.sample.usable(quantity).is_some())
            .peekable();
        let Some(from) = of.peek().map(|latest| latest.sample.at.plus_days(-days)) else { return Vec::new() };
        let mut ids: Vec<ReadingId> =
            of.take_while(|entry| entry.sample.at >= from).filter_map(|entry| entry.name.to_id()).collect();
        ids.reverse();
        ids
    }

    /// The usual weight at `at`, kg: the median of weighings one to six weeks before, after the last discharge. `None` while
    /// there are fewer than five.
    pub(crate) fn usual_weight_kg(&self, at: Timestamp, discharged: Option<Timestamp>) -> Option<f64> {
        let from = at.plus_days(-USUAL_DAYS.1);
        let from = discharged.map_or(from, |discharged| from.max(discharged));
        let until = at.plus_days(-USUAL_DAYS.0);
        let mut kilograms: Vec<f64> = self
            .0
            .range(self.place_from(from)..)
            .take_while(|entry| entry.sample.at <= until)
            .filter_map(|entry| entry.sample.usable(Quantity::WeightKg))
            .collect();
        if kilograms.len() < USUAL_READINGS_MIN { None } else { median(&mut kilograms) }
    }
}

impl Entry {
    /// A reading, or what staff entered; `None` for limits and schedules, which are no sample.
    pub(crate) fn of(event: &ChartEvent) -> Option<Self> {
        match event {
            ChartEvent::Reading(reading) => {
                Some(Self { sample: Sample::of(reading), name: Name::of(&reading.id) })
            }
            ChartEvent::Admission { .. }
            | ChartEvent::Discharge { .. }
            | ChartEvent::Pause { .. }
            | ChartEvent::Override { .. }
            | ChartEvent::Schedule { .. }
            | ChartEvent::End { .. } => {
                let sample = Sample::of_staff(event)?;
                Some(Self { sample, name: Name::Staff(sample.source) })
            }
        }
    }

    /// Whether it is a reading, not something that staff entered.
    pub(crate) const fn is_reading(&self) -> bool {
        matches!(self.sample.source, Source::Vitals(_) | Source::Form)
    }

    fn key(&self) -> (Timestamp, &Name) {
        (self.sample.at, &self.name)
    }
}
