//! Textbook detectors of worsening heart failure, each on raw weighings and in a few lines of its own.
//!
//! They share no code with the product, so that it is compared with the literature and not with itself. An alarm is a
//! weighing at which the detector's figure lies above its threshold.
//!
//! **Invariant:** a detector looks back only.

use crate::home::{Home, What};

/// A detector with a threshold of its own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Detector {
    /// Gain over the lowest weighing of the last `days`, kg (ESC 2021: 2 kg in 3 days; 1.36 kg, 3 lb, in 1 day).
    Gain { days: f64 },
    /// Moving-average convergence/divergence (Zhang 2009): an average of N short days less one of N long days, kg.
    Macd { short_days: f64, long_days: f64 },
    /// Cumulative sum of standardised weights above `k` (Page 1954; Adamson 2003 on impedance).
    Cusum { k: f64 },
}

/// A detector as the literature sets it, with what it was found to do on another made cohort.
pub(crate) struct Textbook {
    pub(crate) name: &'static str,
    pub(crate) detector: Detector,
    pub(crate) threshold: f64,
    pub(crate) elsewhere: &'static str,
    /// Thresholds for a curve.
    pub(crate) sweep: [f64; 9],
}

/// The five that everything else has to beat.
#[rustfmt::skip]
pub(crate) const TEXTBOOKS: [Textbook; 5] = [
    Textbook { name: "2 kg in 3 days", detector: Detector::Gain { days: 3.0 }, threshold: 2.0, elsewhere: "0.21 at 5.3", sweep: [1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0] },
    Textbook { name: "1.36 kg in 1 day", detector: Detector::Gain { days: 1.0 }, threshold: 1.36, elsewhere: "0.21 at 7.4", sweep: [0.7, 1.0, 1.36, 1.8, 2.2, 2.6, 3.0, 4.0, 5.0] },
    Textbook { name: "MACD 3/14, 0.7 kg", detector: Detector::Macd { short_days: 3.0, long_days: 14.0 }, threshold: 0.7, elsewhere: "0.40 at 5.4", sweep: [0.3, 0.5, 0.7, 0.9, 1.1, 1.3, 1.6, 2.0, 2.5] },
    Textbook { name: "MACD 5/20, 0.6 kg", detector: Detector::Macd { short_days: 5.0, long_days: 20.0 }, threshold: 0.6, elsewhere: "0.38 at 5.1", sweep: [0.3, 0.45, 0.6, 0.75, 0.9, 1.1, 1.4, 1.8, 2.3] },
    Textbook { name: "CUSUM k = 1, h = 5", detector: Detector::Cusum { k: 1.0 }, threshold: 5.0, elsewhere: "0.13 at 0.2", sweep: [0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0, 10.0] },
];

const BASELINE_DAYS: f64 = 30.0;
const BASELINE_COUNT_MIN: usize = 7;

impl Detector {
    /// The days on which the figure lies above `threshold`, in order.
    pub(crate) fn alarms(self, home: &Home, threshold: f64) -> Vec<f64> {
        let mut weighings: Vec<(f64, f64)> = Vec::new();
        for entry in &home.entries {
            if let What::Weight { kg } = entry.what {
                weighings.push((entry.day, kg));
            }
        }
        weighings.sort_by(|one, other| one.0.total_cmp(&other.0));
        match self {
            Self::Gain { days } => gains(&weighings, days, threshold),
            Self::Macd { short_days, long_days } => macd(&weighings, short_days, long_days, threshold),
            Self::Cusum { k } => cusum(&weighings, k, threshold),
        }
    }
}

fn gains(weighings: &[(f64, f64)], days: f64, threshold: f64) -> Vec<f64> {
    let gain = |place: usize| {
        let (day, kg) = weighings[place];
        let window = weighings[..place].iter().rev().take_while(|earlier| day - earlier.0 <= days + 0.3);
        window.map(|earlier| kg - earlier.1).fold(0.0, f64::max)
    };
    (0..weighings.len()).filter(|place| gain(*place) > threshold).map(|place| weighings[place].0).collect()
}

fn macd(weighings: &[(f64, f64)], short_days: f64, long_days: f64, threshold: f64) -> Vec<f64> {
    let Some(first) = weighings.first() else { return Vec::new() };
    let (mut short, mut long) = (first.1, first.1);
    let mut alarms = Vec::new();
    for (day, kg) in weighings {
        short += 2.0 / (short_days + 1.0) * (kg - short);
        long += 2.0 / (long_days + 1.0) * (kg - long);
        if short - long > threshold {
            alarms.push(*day);
        }
    }
    alarms
}

/// Each weighing against a slow average of those before, in standard deviations of such differences; the sum begins anew
/// after an alarm.
fn cusum(weighings: &[(f64, f64)], k: f64, threshold: f64) -> Vec<f64> {
    let Some(first) = weighings.first() else { return Vec::new() };
    let share = 2.0 / (BASELINE_DAYS + 1.0);
    let (mut mean, mut variance) = (first.1, 0.25_f64);
    let (mut sum, mut alarms) = (0.0_f64, Vec::new());
    for (place, (day, kg)) in weighings.iter().enumerate() {
        let residual = kg - mean;
        if place >= BASELINE_COUNT_MIN {
            sum = (sum + residual / variance.sqrt() - k).max(0.0);
            if sum > threshold {
                alarms.push(*day);
                sum = 0.0;
            }
        }
        mean += share * residual;
        variance += share * (residual * residual - variance);
    }
    alarms
}
