//! A patient followed in memory: the state, the history of the last months, and what is needed to take in what comes late.
//!
//! What comes late, or at the same moment as another, takes its place in the history, and the state is rebuilt from the
//! last copy of it before that moment. A change of the patient's own limits rebuilds it from all that is kept.
//!
//! **Invariant:** the state is the same in whatever order events arrived, as long as none arrives more than
//! [`LATE_DAYS_MAX`] days late and limits that shape averages do not change after that long.

use std::collections::VecDeque;
use std::sync::Arc;

use vitals::Timestamp;

use super::recent::{Entry, Recent};
use super::{Glance, LocalDays, Source, State, Tuning};
use crate::chart::ChartEvent;

/// What arrives later than this counts no more in averages, days.
pub const LATE_DAYS_MAX: i64 = 120;
/// A copy of the state is kept for every so many days.
const COPY_DAYS: i64 = 40;

/// See the module.
#[derive(Clone, Debug)]
pub struct Followed {
    tuning: Arc<Tuning>,
    state: State,
    /// The state before the latest moment.
    before: State,
    /// States as they were before each of these moments, oldest first; the first is before all that is kept.
    copies: VecDeque<(Timestamp, State)>,
    recent: Recent,
}

/// How an entry took its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Took {
    /// It is new; what it set off.
    New(Glance),
    /// It was there already.
    Duplicate,
}

impl Followed {
    /// Somebody who was never heard of, judged by `tuning`.
    #[must_use]
    pub fn new(tuning: Arc<Tuning>) -> Self {
        Self {
            tuning,
            state: State::new(),
            before: State::new(),
            copies: VecDeque::new(),
            recent: Recent::default(),
        }
    }

    /// The state.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// The history of the last months.
    #[must_use]
    pub const fn recent(&self) -> &Recent {
        &self.recent
    }

    /// What it is judged by.
    #[must_use]
    pub const fn tuning(&self) -> &Arc<Tuning> {
        &self.tuning
    }

    /// Judges by `tuning` from now on, and everything that is kept anew.
    pub fn retune(&mut self, tuning: Arc<Tuning>, days: &LocalDays) {
        self.tuning = tuning;
        self.copies.clear();
        (self.state, self.before) = (State::new(), State::new());
        self.refold(0, usize::MAX, days);
    }

    /// Takes an event in; what it set off, or `None` when it was there already. Limits are no event here: see
    /// [`Followed::retune`].
    pub fn fold(&mut self, event: &ChartEvent, days: &LocalDays) -> Option<Glance> {
        match self.take(Entry::of(event)?, days) {
            Took::New(glance) => Some(glance),
            Took::Duplicate => None,
        }
    }

    /// Takes an entry in.
    pub(crate) fn take(&mut self, entry: Entry, days: &LocalDays) -> Took {
        let sample = entry.sample;
        if self.state.is_late(&sample) {
            return self.take_late(entry, days);
        }
        if !matches!(sample.source, Source::Pause | Source::End) {
            self.before = self.state;
            self.copy(sample.at);
        }
        if self.recent.insert(entry).is_none() {
            return Took::Duplicate;
        }
        Took::New(self.state.take(&sample, &self.tuning, days))
    }

    /// Keeps a copy of the state before `at` when the last one is old, and lets go of what is too old to be rebuilt.
    fn copy(&mut self, at: Timestamp) {
        if !self.is_copy_due(at) {
            return;
        }
        self.copies.push_back((at, self.state));
        let oldest = at.plus_days(-LATE_DAYS_MAX);
        while let Some((second, _)) = self.copies.get(1).filter(|(second, _)| *second <= oldest) {
            self.recent.forget_before(*second);
            self.copies.pop_front();
        }
    }

    fn is_copy_due(&self, at: Timestamp) -> bool {
        self.copies.back().is_none_or(|(last, _)| at >= last.plus_days(COPY_DAYS))
    }

    fn take_late(&mut self, entry: Entry, days: &LocalDays) -> Took {
        let at = entry.sample.at;
        let is_forgotten = |(first, state): &(Timestamp, State)| at < *first && state.latest_at().is_some();
        if self.copies.front().is_some_and(is_forgotten) {
            // Older than anything that can be rebuilt: judged by itself on what is known, and not kept.
            let mut aside = self.state;
            return Took::New(aside.take(&entry.sample, &self.tuning, days));
        }
        let Some(place) = self.recent.insert(entry) else { return Took::Duplicate };
        let held = self.state;
        let set_off = if self.state.latest_at() == Some(at) {
            self.state = self.before;
            self.refold(self.recent.place_from(at), place, days)
        } else {
            self.rebuild_from(place, days)
        };
        let glance = self.state.glance_against(&held, set_off);
        Took::New(glance)
    }

    /// Rebuilds from the last copy before the entry at `place`; what that entry set off.
    fn rebuild_from(&mut self, place: usize, days: &LocalDays) -> Glance {
        let at = self.recent.get(place).map(|entry| entry.sample.at);
        while self.copies.back().is_some_and(|(copied, _)| at.is_some_and(|at| *copied > at)) {
            self.copies.pop_back();
        }
        let (from, state) = match self.copies.back() {
            Some((copied, state)) => (self.recent.place_from(*copied), *state),
            None => (0, State::new()),
        };
        (self.state, self.before) = (state, state);
        self.refold(from, place, days)
    }

    /// Folds everything from index `from` on; what the entry at `place` set off, itself or by those after it.
    fn refold(&mut self, from: usize, place: usize, days: &LocalDays) -> Glance {
        let (mut glance, mut without) = (Glance::QUIET, None);
        for index in from..self.recent.len() {
            if let Some(at) = self.recent.get(index).map(|entry| entry.sample.at)
                && self.state.latest_at() != Some(at)
            {
                self.before = self.state;
                if self.is_copy_due(at) {
                    self.copies.push_back((at, self.state));
                }
            }
            let Some(sample) = self.recent.get(index).map(|entry| entry.sample) else { continue };
            if index == place {
                without = Some(self.state);
                glance = self.state.take(&sample, &self.tuning, days);
                continue;
            }
            let set_off = self.state.take(&sample, &self.tuning, days);
            if let Some(without) = &mut without {
                glance = glance.and(set_off.let_in(without.take(&sample, &self.tuning, days)));
            }
        }
        glance
    }
}

#[cfg(test)]
mod tests;
