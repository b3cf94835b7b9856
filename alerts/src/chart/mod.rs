//! One patient's [`Chart`]: what the rules may look back on, bounded to about 120 days.
//!
//! It keeps values with what speaks against them, and judges no health: limits live in policies. Readings may come in
//! any order and more than once; a late one takes its place, and what depends on the order is worked out again here, so
//! a caller need not rebuild.
//!
//! **Invariants:** the chart of a history is the same in whatever order its readings arrived, as long as none
//! arrives more than the chart's length late. Failed, unstable and empty measurements give no values.

mod event;
mod presence;
mod series;
mod trend;
mod values;
mod weights;

use std::collections::VecDeque;

use jiff::tz::TimeZone;
use vitals::{Content, Kind, Outcome, PatientId, Quantity, Reading, ReadingId, SymptomAnswers, Timestamp};

pub use event::ChartEvent;
pub(crate) use presence::whole;
pub use series::{Doubt, Point, Series};
pub(crate) use trend::{Smoothed, Smoothing, smooth};
pub use trend::{TrendPoint, WeightBand};

use crate::policy::{Overrides, Policy, Silence};
use presence::Presence;

/// How far back a chart reaches from its latest event, days.
pub const CHART_DAYS: i64 = 120;

/// How an event took its place in the chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Folded {
    /// Nothing later was there.
    InOrder,
    /// Something later was there; what depends on the order was worked out again. Nothing is left for the caller to do.
    Late,
    /// The chart already held it; nothing changed.
    Duplicate,
}

/// A symptom form.
#[derive(Clone, Debug, PartialEq)]
pub struct Form {
    /// When it was answered.
    pub at: Timestamp,
    /// Its reading.
    pub id: ReadingId,
    /// Its answers.
    pub answers: SymptomAnswers,
}

/// That somebody tried to measure, and how it went.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Attempt {
    pub(crate) at: Timestamp,
    pub(crate) id: ReadingId,
    pub(crate) kind: Kind,
    pub(crate) failed: bool,
}

/// Bounded state of one patient.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    patient: PatientId,
    latest_at: Option<Timestamp>,
    weight: Series,
    systolic: Series,
    diastolic: Series,
    pulse: Series,
    spo2: Series,
    forms: VecDeque<Form>,
    attempts: VecDeque<Attempt>,
    presence: Presence,
    overrides: Overrides,
    overrides_at: Option<Timestamp>,
}

impl Chart {
    /// An empty chart.
    #[must_use]
    pub fn new(patient: PatientId) -> Self {
        Self {
            patient,
            latest_at: None,
            weight: Series::default(),
            systolic: Series::default(),
            diastolic: Series::default(),
            pulse: Series::default(),
            spo2: Series::default(),
            forms: VecDeque::new(),
            attempts: VecDeque::new(),
            presence: Presence::default(),
            overrides: Overrides::default(),
            overrides_at: None,
        }
    }

    /// The chart of a whole history.
    #[must_use]
    pub fn rebuild<'a>(patient: PatientId, events: impl IntoIterator<Item = &'a ChartEvent>) -> Self {
        let mut chart = Self::new(patient);
        for event in events {
            chart.fold(event);
        }
        chart
    }

    /// Takes an event in.
    pub fn fold(&mut self, event: &ChartEvent) -> Folded {
        let at = event.at();
        let late = self.latest_at.is_some_and(|latest| at < latest);
        let latest = self.latest_at.map_or(at, |latest| latest.max(at));
        let oldest = latest.plus_days(-CHART_DAYS);
        let is_new = match event {
            ChartEvent::Reading(reading) => at < oldest || self.fold_reading(reading, late),
            ChartEvent::Admission { at } => self.presence.admit(*at),
            ChartEvent::Discharge { at } => self.presence.discharge(*at),
            ChartEvent::Pause { at, until } => self.presence.pause(*at, *until),
            ChartEvent::Override { at, overrides } => self.override_limits(*at, overrides),
            ChartEvent::End { at } => {
                self.presence.ended = self.presence.ended.max(Some(*at));
                true
            }
        };
        self.latest_at = Some(latest);
        self.forget_before(oldest);
        match (is_new, late) {
            (false, _) => Folded::Duplicate,
            (true, true) => Folded::Late,
            (true, false) => Folded::InOrder,
        }
    }

    fn override_limits(&mut self, at: Timestamp, overrides: &Overrides) -> bool {
        if self.overrides_at.is_some_and(|held| at < held) {
            return true;
        }
        let is_new = self.overrides_at != Some(at) || &self.overrides != overrides;
        self.overrides_at = Some(at);
        self.overrides.clone_from(overrides);
        is_new
    }

    /// Whether the reading was new.
    fn fold_reading(&mut self, reading: &Reading, late: bool) -> bool {
        match &reading.content {
            Content::Symptoms(answers) => self.fold_form(reading, answers),
            Content::Vitals { kind, outcome, values, absent: _, flags, clock } => match outcome {
                Outcome::Stub => true,
                Outcome::Unstable => {
                    self.presence.hear(reading.at);
                    true
                }
                Outcome::Failed => self.fold_attempt(reading, *kind, true),
                Outcome::Measured => {
                    let points = values::points_of(reading, *kind, values, values::doubt_of(flags, *clock));
                    let empty = points.is_empty() && values::expects_value(*kind);
                    let is_new = self.fold_attempt(reading, *kind, empty);
                    if is_new {
                        self.fold_points(points, late);
                    }
                    is_new
                }
            },
        }
    }

    fn fold_form(&mut self, reading: &Reading, answers: &SymptomAnswers) -> bool {
        let key = (reading.at, &reading.id);
        let place = self.forms.partition_point(|held| (held.at, &held.id) < key);
        if self.forms.get(place).is_some_and(|held| (held.at, &held.id) == key) {
            return false;
        }
        let form = Form { at: reading.at, id: reading.id.clone(), answers: answers.clone() };
        self.forms.insert(place, form);
        self.presence.hear(reading.at);
        true
    }

    fn fold_attempt(&mut self, reading: &Reading, kind: Kind, failed: bool) -> bool {
        if kind == Kind::Clock {
            return true;
        }
        let key = (reading.at, &reading.id);
        let place = self.attempts.partition_point(|held| (held.at, &held.id) < key);
        if self.attempts.get(place).is_some_and(|held| (held.at, &held.id) == key) {
            return false;
        }
        let attempt = Attempt { at: reading.at, id: reading.id.clone(), kind, failed };
        self.attempts.insert(place, attempt);
        self.presence.hear(reading.at);
        true
    }

    fn fold_points(&mut self, points: Vec<(Quantity, Point)>, late: bool) {
        for (quantity, point) in points {
            let place = self.series_mut(quantity).and_then(|series| series.insert(point));
            let Some(place) = place.filter(|_| quantity == Quantity::WeightKg) else { continue };
            if late {
                weights::judge_all(&mut self.weight.0);
            } else {
                weights::judge_from(&mut self.weight.0, place);
            }
        }
    }

    fn series_mut(&mut self, quantity: Quantity) -> Option<&mut Series> {
        let series = [
            (Quantity::WeightKg, &mut self.weight),
            (Quantity::SystolicMmhg, &mut self.systolic),
            (Quantity::DiastolicMmhg, &mut self.diastolic),
            (Quantity::PulsePerMin, &mut self.pulse),
            (Quantity::Spo2Percent, &mut self.spo2),
        ];
        series.into_iter().find(|(held, _)| *held == quantity).map(|(_, series)| series)
    }

    fn forget_before(&mut self, oldest: Timestamp) {
        for series in
            [&mut self.weight, &mut self.systolic, &mut self.diastolic, &mut self.pulse, &mut self.spo2]
        {
            series.forget_before(oldest);
        }
        while self.forms.front().is_some_and(|form| form.at < oldest) {
            self.forms.pop_front();
        }
        while self.attempts.front().is_some_and(|attempt| attempt.at < oldest) {
            self.attempts.pop_front();
        }
        self.presence.forget_before(oldest);
    }
}

/// What a rule or a page asks a chart.
impl Chart {
    /// Whose it is.
    #[must_use]
    pub const fn patient(&self) -> &PatientId {
        &self.patient
    }

    /// Weights, kg.
    #[must_use]
    pub const fn weight(&self) -> &Series {
        &self.weight
    }

    /// Systolic pressures, mmHg.
    #[must_use]
    pub const fn systolic(&self) -> &Series {
        &self.systolic
    }

    /// Diastolic pressures, mmHg.
    #[must_use]
    pub const fn diastolic(&self) -> &Series {
        &self.diastolic
    }

    /// Resting pulses, /min, from cuffs and finger clips. A chest strap's heart rate may be taken while walking and is not
    /// among them.
    #[must_use]
    pub const fn pulse(&self) -> &Series {
        &self.pulse
    }

    /// Oxygen saturations, %.
    #[must_use]
    pub const fn spo2(&self) -> &Series {
        &self.spo2
    }

    /// Symptom forms, oldest first.
    pub fn forms(&self) -> impl DoubleEndedIterator<Item = &Form> {
        self.forms.iter()
    }

    /// The patient's own limits.
    #[must_use]
    pub const fn overrides(&self) -> &Overrides {
        &self.overrides
    }

    /// When the patient was last heard of; `None` when never.
    #[must_use]
    pub fn last_heard(&self) -> Option<Timestamp> {
        self.presence.last_heard()
    }

    /// When monitoring ended, if it did.
    #[must_use]
    pub const fn ended(&self) -> Option<Timestamp> {
        self.presence.ended
    }

    /// The time of the latest event.
    #[must_use]
    pub const fn latest_at(&self) -> Option<Timestamp> {
        self.latest_at
    }

    /// Whole silent local days up to `now`; `None` when nothing is expected.
    #[must_use]
    pub fn days_silent(&self, policy: &Policy, zone: &TimeZone, now: Timestamp) -> Option<u32> {
        let since = self.silent_since(policy, now)?;
        Some(presence::silent_days(since, now, &policy.rules().silence?, zone))
    }

    /// The moment from which days of silence count at `now`; `None` when nothing is expected.
    #[must_use]
    pub fn silent_since(&self, policy: &Policy, now: Timestamp) -> Option<Timestamp> {
        self.expected_since(now, &policy.rules().silence?)
    }

    pub(crate) fn attempts(&self) -> impl DoubleEndedIterator<Item = &Attempt> {
        self.attempts.iter()
    }

    pub(crate) fn last_discharge(&self) -> Option<Timestamp> {
        self.presence.last_discharge()
    }

    pub(crate) fn share_silent(&self, until: Timestamp, days: usize) -> f64 {
        self.presence.share_silent(until, days)
    }

    pub(crate) fn days_known(&self, until: Timestamp) -> f64 {
        self.presence.days_known(until)
    }

    pub(crate) fn expected_since(&self, now: Timestamp, limits: &Silence) -> Option<Timestamp> {
        self.presence.expected_since(self.last_heard(), now, limits)
    }

    /// Since when a weight is expected: only of a person who has weighed themselves within the chart's length.
    pub(crate) fn weight_expected_since(&self, now: Timestamp, limits: &Silence) -> Option<Timestamp> {
        let last = self.weight.latest()?.at;
        self.presence.expected_since(Some(last), now, limits)
    }

    /// Whole silent days from `since` to `now`.
    pub(crate) fn silent_days(since: Timestamp, now: Timestamp, limits: &Silence, zone: &TimeZone) -> u32 {
        presence::silent_days(since, now, limits, zone)
    }

    /// When the passing of time alone would next yield a finding, strictly after `after`; `None` when it never would.
    #[must_use]
    pub fn next_check(&self, policy: &Policy, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
        let limits = policy.rules_for(&self.overrides).0.silence?;
        let silence = self.expected_since(after, &limits).map(|since| {
            let steps = [
                limits.message_days,
                limits.call_patient_days,
                limits.call_next_of_kin_days,
                limits.clinician_days,
            ];
            next_step(&steps, since, after, &limits, zone)
        });
        let weight = self
            .weight_expected_since(after, &limits)
            .map(|since| next_step(&[limits.missing_weight_days], since, after, &limits, zone));
        // At the end of the calendar a step can fall before the last one: then there is no next.
        let next = silence.into_iter().chain(weight).filter(|next| *next > after).min()?;
        self.presence.ended.is_none_or(|ended| next <= ended).then_some(next)
    }
}

/// The first of `steps`, or of the weeks after the last of them, whose check falls after `after`.
fn next_step(
    steps: &[f64],
    since: Timestamp,
    after: Timestamp,
    limits: &Silence,
    zone: &TimeZone,
) -> Timestamp {
    let time = |days: i64| presence::check_time(since, days, limits, zone);
    for step in steps {
        let check = time(whole(*step));
        if check > after {
            return check;
        }
    }
    let last = steps.last().map_or(0, |step| whole(*step));
    let passed = (after.millis_since(time(last)) / (7 * Timestamp::DAY_MS)).max(0);
    let near = time(last + 7 * passed);
    if near > after {
        return near;
    }
    let next = time(last + 7 * (passed + 1));
    if next > after { next } else { time(last + 7 * (passed + 2)) }
}

#[cfg(test)]
mod tests;
