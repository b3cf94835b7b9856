//! A bounded, ordered series of one quantity, where each value carries what speaks against using it.
//!
//! **Invariant:** points are sorted by time, then by reading; no reading is there twice.

use std::collections::VecDeque;

use vitals::{Reading, ReadingId, Timestamp};

use crate::state::{Verdict, Weights, seconds_between, utc_day};

/// What speaks against a value. It stays in the chart and is shown; trends leave it out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Doubt {
    /// No living adult has such a value.
    Impossible,
    /// The device itself calls it invalid or questionable, or a demonstration.
    DeviceDoubts,
    /// When it was measured is not known: a clock jumped or was never set.
    Time,
    /// Further from the median of the last seven days than a person's weight moves.
    FarFromUsual {
        /// That median, kg.
        median_kg: f64,
        /// What the weight would be if the scale had shown the wrong unit, kg, where that fits the median.
        other_unit_kg: Option<f64>,
    },
}

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// When it was measured.
    pub at: Timestamp,
    /// Its reading.
    pub id: ReadingId,
    /// The value, in the series' unit.
    pub value: f64,
    /// What speaks against it.
    pub doubt: Option<Doubt>,
}

/// Values of one quantity, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series(pub(super) VecDeque<Point>);

impl Series {
    /// Every value, doubted ones too, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Point> + ExactSizeIterator {
        self.0.iter()
    }

    /// The values that trends may use, oldest first.
    pub fn trusted(&self) -> impl DoubleEndedIterator<Item = &Point> {
        self.0.iter().filter(|point| point.doubt.is_none())
    }

    /// The latest value, doubted or not.
    #[must_use]
    pub fn latest(&self) -> Option<&Point> {
        self.0.back()
    }

    /// The value of this reading.
    #[must_use]
    pub fn of(&self, reading: &Reading) -> Option<&Point> {
        let key = (reading.at, &reading.id);
        let place = self.0.partition_point(|held| (held.at, &held.id) < key);
        self.0.get(place).filter(|held| (held.at, &held.id) == key)
    }

    /// Puts a point in its place and says which that is; `None` if it was there.
    pub(super) fn insert(&mut self, point: Point) -> Option<usize> {
        let place = self.0.partition_point(|held| (held.at, &held.id) < (point.at, &point.id));
        let held = self.0.get(place).is_some_and(|held| held.at == point.at && held.id == point.id);
        if held {
            return None;
        }
        self.0.insert(place, point);
        Some(place)
    }

    /// Judges anew which of these weights are usable; after each of `discharges` a person has a new weight.
    pub(super) fn judge_weights(&mut self, discharges: &[Timestamp]) {
        let Some(epoch) = self.0.front().map(|first| first.at) else { return };
        let mut discharges = discharges.iter().peekable();
        let mut weights = Weights::default();
        for place in 0..self.0.len() {
            let Some(point) = self.0.get_mut(place) else { return };
            if matches!(point.doubt, Some(Doubt::Impossible | Doubt::DeviceDoubts | Doubt::Time)) {
                continue;
            }
            while discharges.next_if(|discharge| **discharge <= point.at).is_some() {
                weights = Weights::default();
            }
            let mut admitted = Vec::new();
            let verdict =
                weights.take(seconds_between(epoch, point.at), utc_day(point.at), point.value, |earlier| {
                    admitted.push(earlier.at_s);
                });
            point.doubt = match verdict {
                Verdict::Usable => None,
                Verdict::Far { median_kg, other_unit_kg } => {
                    Some(Doubt::FarFromUsual { median_kg, other_unit_kg })
                }
            };
            for earlier in self.0.range_mut(..place) {
                if admitted.contains(&seconds_between(epoch, earlier.at))
                    && matches!(earlier.doubt, Some(Doubt::FarFromUsual { other_unit_kg: None, .. }))
                {
                    earlier.doubt = None;
                }
            }
        }
    }

    /// Lets go of what was measured before `oldest`.
    pub(super) fn forget_before(&mut self, oldest: Timestamp) {
        while self.0.front().is_some_and(|point| point.at < oldest) {
            self.0.pop_front();
        }
    }
}
