//! One patient's [`Chart`]: what the pages show and feedback looks back on, bounded to about 120 days.
//!
//! It keeps values with what speaks against them, and judges no health: limits live in policies, and what rules decide on
//! in [`crate::state`]. Readings may come in any order and more than once; a late one takes its place, and what depends on
//! the order is worked out again here, so a caller need not rebuild.
//!
//! **Invariants:** the chart of a history is the same in whatever order its readings arrived, as long as none
//! arrives more than the chart's length late. Failed, unstable and empty measurements give no values.

mod event;
mod series;
mod trend;

use vitals::{PatientId, Quantity, Timestamp};

pub use event::ChartEvent;
pub use series::{Doubt, Point, Series};
pub use trend::{TrendPoint, WeightBand};

use crate::policy::Overrides;
use crate::state::{Entry, FOLLOWED, Recent, Sample, SampleDoubt, Source};

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

/// Bounded history of one patient.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    patient: PatientId,
    latest_at: Option<Timestamp>,
    /// Of [`FOLLOWED`], in its order.
    series: [Series; FOLLOWED.len()],
    recent: Recent,
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
            series: Default::default(),
            recent: Recent::default(),
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
            ChartEvent::Override { at, overrides } => self.override_limits(*at, overrides),
            // What a page shows of a chart does not rest on which days were asked for.
            ChartEvent::Schedule { .. } => return Folded::InOrder,
            ChartEvent::Reading(_)
            | ChartEvent::Admission { .. }
            | ChartEvent::Discharge { .. }
            | ChartEvent::Pause { .. }
            | ChartEvent::End { .. } => at < oldest || self.fold_entry(event),
        };
        self.latest_at = Some(latest);
        self.recent.forget_before(oldest);
        for series in &mut self.series {
            series.forget_before(oldest);
        }
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

    /// Whether the event was new.
    fn fold_entry(&mut self, event: &ChartEvent) -> bool {
        let Some(entry) = Entry::of(event) else { return true };
        let sample = entry.sample;
        if self.recent.insert(entry).is_none() {
            return false;
        }
        if let ChartEvent::Reading(reading) = event {
            for (quantity, series) in FOLLOWED.iter().zip(&mut self.series) {
                if let Some(value) = sample.measured(*quantity) {
                    let doubt = doubt_of(&sample, *quantity, value);
                    series.insert(Point { at: reading.at, id: reading.id.clone(), value, doubt });
                }
            }
        }
        let moves_weights =
            sample.source == Source::Discharge || sample.measured(Quantity::WeightKg).is_some();
        if moves_weights {
            self.judge_weights();
        }
        true
    }

    /// Judges which weighings are this person's, as the state does.
    fn judge_weights(&mut self) {
        let discharges: Vec<Timestamp> = self
            .recent
            .iter()
            .filter(|entry| entry.sample.source == Source::Discharge)
            .map(|entry| entry.sample.at)
            .collect();
        let [weight, ..] = &mut self.series;
        weight.judge_weights(&discharges);
    }
}

/// What speaks against a value by itself.
fn doubt_of(sample: &Sample, quantity: Quantity, value: f64) -> Option<Doubt> {
    if sample.is_impossible(quantity, value) {
        return Some(Doubt::Impossible);
    }
    sample.doubt.map(|doubt| match doubt {
        SampleDoubt::Device => Doubt::DeviceDoubts,
        SampleDoubt::Time => Doubt::Time,
    })
}

/// What a page asks a chart.
impl Chart {
    /// Whose it is.
    #[must_use]
    pub const fn patient(&self) -> &PatientId {
        &self.patient
    }

    /// Weights, kg.
    #[must_use]
    pub const fn weight(&self) -> &Series {
        &self.series[0]
    }

    /// Systolic pressures, mmHg.
    #[must_use]
    pub const fn systolic(&self) -> &Series {
        &self.series[1]
    }

    /// Diastolic pressures, mmHg.
    #[must_use]
    pub const fn diastolic(&self) -> &Series {
        &self.series[2]
    }

    /// Resting pulses, /min, from cuffs and finger clips. A chest strap's heart rate may be taken while walking and is not
    /// among them.
    #[must_use]
    pub const fn pulse(&self) -> &Series {
        &self.series[3]
    }

    /// Oxygen saturations, %.
    #[must_use]
    pub const fn spo2(&self) -> &Series {
        &self.series[4]
    }

    /// The patient's own limits.
    #[must_use]
    pub const fn overrides(&self) -> &Overrides {
        &self.overrides
    }

    /// The time of the latest event.
    #[must_use]
    pub const fn latest_at(&self) -> Option<Timestamp> {
        self.latest_at
    }

    /// The readings and events that it holds.
    #[must_use]
    pub const fn recent(&self) -> &Recent {
        &self.recent
    }

    fn last_discharge(&self) -> Option<Timestamp> {
        self.recent
            .iter()
            .rev()
            .find(|entry| entry.sample.source == Source::Discharge)
            .map(|entry| entry.sample.at)
    }
}

#[cfg(test)]
mod tests;
