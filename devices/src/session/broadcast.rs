//! Weighings out of advertisements: a scale repeats what it has to say many times a second, and each weighing is told once.
//!
//! One weighing carries one time of the scale's clock and goes through settled, impedance measured, and stepped off. Knows
//! no other device and no clock of its own.
//!
//! **Invariant:** a second weighing is never taken for a repeat of the first: repeats share the scale's time and weight.

use std::collections::VecDeque;

use vitals::{DeviceTime, Flag, Outcome, Quantity, Timestamp};

use super::waiting::Waiting;
use crate::decode::{DecodeError, Decoded, decode};
use crate::format::{Format, Uuid16};
use crate::models::Model;

/// How long the scale may take to measure the impedance after the weight has settled.
const IMPEDANCE_WITHIN_MS: i64 = 10 * Timestamp::SECOND_MS;
/// What settles after a person has stepped off is no person.
const PERSON_KG_MIN: f64 = 5.0;
/// The weight of one weighing may still move this much.
const SAME_WEIGHING_KG: f64 = 0.5;
const REMEMBERED: usize = 64;

/// The format of service data under `uuid`, if this device speaks in advertisements: its model does, or nobody knows its
/// model and the bytes read as a scale's.
pub(super) fn format_of(model: Option<&Model>, uuid: Uuid16, bytes: &[u8]) -> Option<Format> {
    Format::of_service_data(uuid).filter(|format| match model {
        Some(model) => model.behaviour.advertisement_only,
        None => decode(*format, bytes, None).is_ok(),
    })
}

/// What came of advertisements.
#[derive(Clone, Debug)]
pub(super) enum Told {
    /// A weighing.
    Weighing(Waiting),
    /// No weighing, and why; told once.
    Ignored { format: Format, bytes: Vec<u8>, reason: &'static str },
    /// Not even a frame; told once.
    Undecodable { format: Format, bytes: Vec<u8>, error: DecodeError },
}

/// What tells one weighing from the next.
#[derive(Clone, Copy, Debug)]
struct Weighing {
    time: Option<DeviceTime>,
    /// Counts what was put on the scale, for a scale without a time.
    round: u64,
    kg: f64,
}

impl Weighing {
    fn is_same(self, other: Self) -> bool {
        let same_time = match (self.time, other.time) {
            (Some(one), Some(two)) => one == two,
            (None, None) => self.round == other.round,
            (Some(_), None) | (None, Some(_)) => false,
        };
        same_time && (self.kg - other.kg).abs() <= SAME_WEIGHING_KG
    }
}

/// The advertisements of one scale.
#[derive(Clone, Debug, Default)]
pub(super) struct Broadcast {
    told: VecDeque<Weighing>,
    pending: Option<(Weighing, Waiting, Timestamp)>,
    round: u64,
    is_settling: bool,
    /// The frame that was set aside last, so that its repeats are not.
    set_aside: Vec<u8>,
}

impl Broadcast {
    pub(super) fn hear(
        &mut self,
        now: Timestamp,
        format: Format,
        bytes: Vec<u8>,
        model: Option<&Model>,
    ) -> Vec<Told> {
        let decoded = match decode(format, &bytes, model) {
            Ok(decoded) => decoded,
            Err(error) => {
                let is_new = self.is_new(&bytes);
                return is_new.then_some(Told::Undecodable { format, bytes, error }).into_iter().collect();
            }
        };
        let kg = decoded.measurement.values.get(Quantity::WeightKg).unwrap_or_default();
        match decoded.measurement.outcome {
            Outcome::Unstable => self.settling(format, bytes),
            Outcome::Stub | Outcome::Failed => self.ignore(format, bytes, "nothing was weighed"),
            Outcome::Measured if kg < PERSON_KG_MIN => {
                self.ignore(format, bytes, "lighter than any person: what is left when one steps off")
            }
            Outcome::Measured => {
                self.is_settling = false;
                let weighing = Weighing { time: decoded.measurement.device_time, round: self.round, kg };
                self.settled(weighing, Waiting { format, bytes, decoded, heard_at: now })
            }
        }
    }

    pub(super) fn deadline(&self) -> Option<Timestamp> {
        self.pending.as_ref().map(|(_, _, until)| *until)
    }

    pub(super) fn handle_timeout(&mut self, now: Timestamp) -> Vec<Told> {
        if self.deadline().is_some_and(|until| until <= now) { self.finish() } else { Vec::new() }
    }

    /// Tells the weighing that still waits for its impedance.
    pub(super) fn finish(&mut self) -> Vec<Told> {
        let pending = self.pending.take();
        pending.map(|(weighing, waiting, _)| self.tell(weighing, waiting)).into_iter().collect()
    }

    fn settling(&mut self, format: Format, bytes: Vec<u8>) -> Vec<Told> {
        if self.is_settling {
            return Vec::new();
        }
        self.is_settling = true;
        self.round += 1;
        vec![Told::Ignored { format, bytes, reason: "a weighing in progress" }]
    }

    fn ignore(&mut self, format: Format, bytes: Vec<u8>, reason: &'static str) -> Vec<Told> {
        let is_new = self.is_new(&bytes);
        is_new.then_some(Told::Ignored { format, bytes, reason }).into_iter().collect()
    }

    fn is_new(&mut self, bytes: &[u8]) -> bool {
        let is_new = self.set_aside != bytes;
        self.set_aside = bytes.to_vec();
        is_new
    }

    fn settled(&mut self, weighing: Weighing, waiting: Waiting) -> Vec<Told> {
        if self.told.iter().any(|told| told.is_same(weighing)) {
            return Vec::new();
        }
        let (mut told, first) = match self.pending.take() {
            Some((pending, first, _)) if pending.is_same(weighing) => (Vec::new(), Some(first)),
            Some((pending, other, _)) => (vec![self.tell(pending, other)], None),
            None => (Vec::new(), None),
        };
        let until =
            first.as_ref().map_or(waiting.heard_at, |first| first.heard_at).plus_millis(IMPEDANCE_WITHIN_MS);
        let is_stepped_off = waiting.decoded.measurement.flags.contains(&Flag::Removed);
        let is_whole = waiting.format != Format::Xiaomi181b || speaks_of_impedance(&waiting.decoded);
        let waiting = match first {
            Some(first) if is_whole => Waiting { heard_at: first.heard_at, ..waiting },
            Some(first) => first,
            None => waiting,
        };
        if is_whole || is_stepped_off {
            told.push(self.tell(weighing, waiting));
        } else {
            self.pending = Some((weighing, waiting, until));
        }
        told
    }

    fn tell(&mut self, weighing: Weighing, waiting: Waiting) -> Told {
        if self.told.len() >= REMEMBERED {
            self.told.pop_front();
        }
        self.told.push_back(weighing);
        Told::Weighing(waiting)
    }
}

fn speaks_of_impedance(decoded: &Decoded) -> bool {
    let measurement = &decoded.measurement;
    measurement.values.get(Quantity::ImpedanceOhm).is_some()
        || measurement.absent.contains_key(&Quantity::ImpedanceOhm)
}
