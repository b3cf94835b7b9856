//! What the rules decide on: a fixed, small [`State`] for each patient, folded reading by reading.
//!
//! It holds averages, the person's own noise and habits, the last weighings, which days were silent and what has already
//! been told, all in [`STATE_BYTES_MAX`] bytes without anything on the heap. [`State::take`] folds one [`Sample`] in and
//! answers with a [`Glance`]: which rules, if any, have something to say. Only then need anybody look anything up, for the
//! words and the ids ([`crate::assess`], [`Recent`]). The state is what scores rest on in every path: live, in a replay, and
//! rebuilt.
//!
//! It knows no names, no texts and no tasks. Samples come in order of time; what comes late is for [`Followed`], or for
//! whoever keeps the history, who then rebuilds.
//!
//! **Invariants:** a state folded reading by reading equals the one rebuilt from the whole history; folding costs the same
//! whatever came before; no sample makes it fail.

mod days;
mod fold;
mod followed;
mod glance;
mod habit;
mod limit;
mod limits;
mod presence;
mod recent;
mod sample;
mod score;
mod sense;
mod slope;
mod tally;
mod textbook;
mod trend;
mod tuning;
mod waiting;
mod weights;

use vitals::{Reading, Timestamp};

pub use days::LocalDays;
pub(crate) use followed::Took;
pub use followed::{Followed, LATE_DAYS_MAX};
pub use glance::Glance;
pub(crate) use habit::{SCORED, Stand};
pub(crate) use limit::{Beyond, Feeling, Side};
pub use recent::Recent;
pub(crate) use recent::{Entry, Name};
pub use sample::Sample;
pub(crate) use sample::{Answers, FOLLOWED, SampleDoubt, Source};
pub(crate) use score::Height;
pub(crate) use trend::{Smoothed, Smoothing, Swing, Trend, seconds_between, utc_day};
pub(crate) use tuning::Signs;
pub use tuning::Tuning;
pub use waiting::Missed;
pub(crate) use waiting::{Waiting, silent_days, whole};
pub(crate) use weights::{Jump, Verdict, Weighing, Weights};

use habit::Habits;
use presence::Presence;
use score::{Measured, Own, Points};
use textbook::Textbook;

/// The most bytes a patient's state may have.
pub const STATE_BYTES_MAX: usize = 512;
const _: () = assert!(size_of::<State>() <= STATE_BYTES_MAX, "a state must stay small");

/// A value kept for the one after it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct LastValue {
    value: f32,
    at_s: i32,
}

/// One patient, as far as the rules decide on them. See the module.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct State {
    /// The time of the latest that has an order, ms since 1970; `i64::MIN` before the first.
    latest_ms: i64,
    /// The first reading's time, which seconds are counted from; `i64::MIN` before it.
    epoch_ms: i64,
    presence: Presence,
    weight: Trend,
    pulse: Trend,
    systolic: Trend,
    swing: Swing,
    textbook: Textbook,
    weights: Weights,
    habits: Habits,
    points: Points,
    own: Own,
    /// The local day for which points of symptoms and silence hold.
    day: i32,
    /// The last day with a red flag.
    red_flag_day: i32,
    last: [LastValue; 4],
    height: Height,
    /// The limits that have counted and not been left since.
    held: Glance,
    glance: Glance,
    /// The day on which the last of them counted.
    held_day: i32,
}

impl Default for State {
    fn default() -> Self {
        Self::new()
    }
}

impl State {
    /// Of somebody who was never heard of.
    #[must_use]
    pub fn new() -> Self {
        Self {
            latest_ms: i64::MIN,
            epoch_ms: i64::MIN,
            presence: Presence::default(),
            weight: Trend::default(),
            pulse: Trend::default(),
            systolic: Trend::default(),
            swing: Swing::default(),
            textbook: Textbook::default(),
            weights: Weights::default(),
            habits: Habits::default(),
            points: Points::default(),
            own: Own::default(),
            day: i32::MIN,
            red_flag_day: i32::MIN,
            last: [LastValue::default(); 4],
            height: Height::LOW,
            held: Glance::QUIET,
            glance: Glance::QUIET,
            held_day: i32::MIN,
        }
    }

    /// The state of a whole history.
    #[must_use]
    pub fn rebuild(history: &Recent, tuning: &Tuning, days: &LocalDays) -> Self {
        let mut state = Self::new();
        for entry in history.iter() {
            state.take(&entry.sample, tuning, days);
        }
        state
    }

    /// The state of a whole history that has just taken in a late `reading`, where `self` is the state without it; and what
    /// that reading set off, at its own time or by what it lets readings after it set off.
    #[must_use]
    pub fn rebuild_with(
        &self,
        reading: &Reading,
        history: &Recent,
        tuning: &Tuning,
        days: &LocalDays,
    ) -> (Self, Glance) {
        let name = Name::of(&reading.id);
        let (mut state, mut set_off, mut without) = (Self::new(), Glance::QUIET, None::<Self>);
        for entry in history.iter() {
            if entry.name == name {
                without = Some(state);
                set_off = state.take(&entry.sample, tuning, days);
                continue;
            }
            let glance = state.take(&entry.sample, tuning, days);
            if let Some(without) = &mut without {
                set_off = set_off.and(glance.let_in(without.take(&entry.sample, tuning, days)));
            }
        }
        (state, state.glance_against(self, set_off))
    }

    /// What a late reading set off: at its own time `set_off`, but whether the combined signs are news is a matter of now.
    pub(crate) fn glance_against(&self, before: &Self, set_off: Glance) -> Glance {
        let is_news =
            self.height.level > before.height.level || self.height.priority > before.height.priority;
        set_off.without(Glance::DECOMPENSATION).and(Glance::DECOMPENSATION.when(is_news))
    }

    /// The time of the latest reading, admission or discharge.
    #[must_use]
    pub fn latest_at(&self) -> Option<Timestamp> {
        Timestamp::from_millis(self.latest_ms).ok()
    }

    /// Whether `sample` belongs before something that is folded already, so that the state must be rebuilt with it. Two
    /// samples of one moment have an order as well, which only their names tell: that counts as late.
    #[must_use]
    pub fn is_late(&self, sample: &Sample) -> bool {
        match sample.source {
            Source::Vitals(_) | Source::Form | Source::Admission | Source::Discharge => {
                sample.at.as_millis() <= self.latest_ms
            }
            Source::Pause | Source::End => sample.at.as_millis() < self.latest_ms,
        }
    }

    /// What the latest reading set off.
    #[must_use]
    pub const fn glance(&self) -> Glance {
        self.glance
    }

    /// Folds the next sample in, and says what it sets off. Samples come in order of time.
    pub fn take(&mut self, sample: &Sample, tuning: &Tuning, days: &LocalDays) -> Glance {
        match sample.source {
            Source::Vitals(_) | Source::Form => {}
            Source::Admission | Source::Discharge | Source::Pause | Source::End => {
                self.take_from_staff(sample);
                return Glance::QUIET;
            }
        }
        if self.epoch_ms == i64::MIN {
            self.epoch_ms = sample.at.as_millis();
        }
        self.latest_ms = self.latest_ms.max(sample.at.as_millis());
        let moment = self.moment(sample.at, days);
        if sample.is_sign_of_life() {
            self.presence.hear(sample.at, moment.day);
        }
        if moment.day != self.day {
            self.begin_day(moment.day, tuning);
        }
        self.glance = match sample.source {
            Source::Vitals(kind) => self.take_vitals(sample, kind, moment, tuning),
            Source::Form => self.take_form(sample, moment, tuning),
            Source::Admission | Source::Discharge | Source::Pause | Source::End => Glance::QUIET,
        };
        self.glance
    }

    fn moment(&self, at: Timestamp, days: &LocalDays) -> Moment {
        let at_s = Timestamp::from_millis(self.epoch_ms).map_or(0, |epoch| seconds_between(epoch, at));
        Moment { at_s, day: days.day(at) }
    }

    fn take_from_staff(&mut self, sample: &Sample) {
        match sample.source {
            Source::Admission => {
                self.latest_ms = self.latest_ms.max(sample.at.as_millis());
                self.presence.admit(sample.at);
                self.own.admitted();
            }
            // Whoever comes home has a new dry weight, and what was told before was answered.
            Source::Discharge => {
                self.latest_ms = self.latest_ms.max(sample.at.as_millis());
                self.presence.discharge(sample.at);
                self.weight.restart();
                self.swing.restart();
                self.weights = Weights::default();
                self.points.weight = 0.0;
                self.height = Height::LOW;
            }
            Source::Pause => {
                if let Some(until) = sample.until() {
                    self.presence.pause(sample.at, until);
                }
            }
            Source::End => self.presence.end(sample.at),
            Source::Vitals(_) | Source::Form => {}
        }
    }

    /// What a new local day alone changes: which answers are recent, and how the week's silence compares.
    fn begin_day(&mut self, day: i32, tuning: &Tuning) {
        if let Some(signs) = tuning.signs.as_ref().filter(|_| self.day != i32::MIN) {
            let passed = usize::try_from(day.saturating_sub(self.day)).unwrap_or(0);
            self.own.pass(passed, &signs.rule);
        }
        self.day = day;
        self.points.symptoms = self.symptom_points(day, tuning);
        self.points.silence =
            tuning.signs.as_ref().map_or(0.0, |signs| self.silence_points(&signs.rule, tuning));
    }

    /// When the passing of time alone would next yield a finding, strictly after `after`; `None` when it never would.
    #[must_use]
    pub fn next_check(&self, tuning: &Tuning, days: &LocalDays, after: Timestamp) -> Option<Timestamp> {
        self.presence.next_check(&tuning.rules.silence?, tuning.measuring, days.zone(), after)
    }

    /// Whether the passing of time alone can yield no finding up to `now`. It may answer "no" where nothing would come;
    /// never the other way round.
    #[must_use]
    pub fn is_early(&self, tuning: &Tuning, days: &LocalDays, now: Timestamp) -> bool {
        tuning.rules.silence.is_none_or(|limits| self.presence.is_early(days.day(now), &limits, days))
    }

    /// What the person was asked for and has not sent at `now`, its whole day included; `None` when nothing is expected.
    #[must_use]
    pub fn missed(&self, tuning: &Tuning, days: &LocalDays, now: Timestamp) -> Option<Missed> {
        let limits = &tuning.rules.silence?;
        if self.presence.ended().is_some_and(|ended| now > ended) {
            return None;
        }
        let since = self.presence.expected_since(now, limits)?;
        Some(self.presence.waiting(limits, tuning.measuring.any).missed(since, now, days.zone()))
    }

    /// The moment of the latest reading.
    pub(crate) fn latest_moment(&self, days: &LocalDays) -> Option<Moment> {
        Some(self.moment(self.latest_at()?, days))
    }

    /// Signs of life and excused absences.
    pub(crate) const fn presence(&self) -> &Presence {
        &self.presence
    }

    /// The last weighings.
    pub(crate) const fn weights(&self) -> &Weights {
        &self.weights
    }

    /// The time of a weighing remembered.
    pub(crate) fn time_of(&self, weighing: Weighing) -> Option<Timestamp> {
        Timestamp::from_millis(self.epoch_ms + i64::from(weighing.at_s) * Timestamp::SECOND_MS).ok()
    }

    const fn measured(&self) -> Measured {
        Measured {
            weight_s: self.weight.sitting_s(),
            pulse_s: self.pulse.sitting_s(),
            systolic_s: self.systolic.sitting_s(),
        }
    }
}

/// A moment as a state counts it: seconds from its first sample, and the patient's local day.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Moment {
    pub(crate) at_s: i32,
    pub(crate) day: i32,
}
