//! Weighings out of advertisements: a scale repeats what it has to say many times a second, and each weighing is told once.
//!
//! One weighing carries one time of the scale's clock and goes through settled, impedance measured, and stepped off. Knows
//! no other device and no clock of its own.
//!
//! What was told outlives a restart, because a scale goes on repeating it.
//!
//! **Invariant:** a second weighing is never taken for a repeat of the first: repeats share the scale's time and weight.

use std::collections::VecDeque;

use vitals::{Flag, Outcome, Quantity, Timestamp};

use super::waiting::Waiting;
use crate::decode::{DecodeError, Decoded, decode};
use crate::format::{Format, Uuid16};
use crate::memory::{HeldFrame, KnownWeighing};
use crate::models::Model;

/// How long the scale may take to measure the impedance after the weight has settled.
const IMPEDANCE_WITHIN_MS: i64 = 10 * Timestamp::SECOND_MS;
/// What settles after a person has stepped off is no person.
const PERSON_KG_MIN: f64 = 5.0;
/// The weight of one weighing may still move this much.
const SAME_WEIGHING_KG: f64 = 0.5;
const TOLD_MAX: usize = 64;
/// A scale repeats its last weighing only; a few more cost little.
const REMEMBERED: usize = 8;
/// How long a scale without a clock goes on repeating a weighing after its person has stepped off.
const RECALLED_FOR_MS: i64 = Timestamp::MINUTE_MS;

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

/// Whether `later` repeats what `told` said. What was told before a restart counts as told for a short while only where the
/// scale has no clock: nobody heard whether another person stepped on meanwhile.
fn is_repeat(told: &KnownWeighing, later: &KnownWeighing, is_recalled: bool) -> bool {
    let same_time = match (told.device_time, later.device_time) {
        (Some(one), Some(two)) => one == two,
        (None, None) => {
            let apart_ms = later.heard_at.millis_since(told.heard_at);
            told.round == later.round && (!is_recalled || (0..=RECALLED_FOR_MS).contains(&apart_ms))
        }
        (Some(_), None) | (None, Some(_)) => false,
    };
    same_time && (told.weight_kg - later.weight_kg).abs() <= SAME_WEIGHING_KG
}

/// The advertisements of one scale.
#[derive(Clone, Debug, Default)]
pub(super) struct Broadcast {
    /// What was told, and whether by an earlier session.
    told: VecDeque<(KnownWeighing, bool)>,
    pending: Option<(KnownWeighing, Waiting, Timestamp)>,
    round: u64,
    is_settling: bool,
    /// The frame that was set aside last, so that its repeats are not.
    set_aside: Vec<u8>,
}

impl Broadcast {
    pub(super) fn hear(&mut self, frame: HeldFrame, model: Option<&Model>) -> Vec<Told> {
        let waiting = match Waiting::read(frame, model) {
            Ok(waiting) => waiting,
            Err((HeldFrame { format, bytes, .. }, error)) => {
                let is_new = self.is_new(&bytes);
                return is_new.then_some(Told::Undecodable { format, bytes, error }).into_iter().collect();
            }
        };
        let weighing = self.weighing(&waiting);
        let (format, kg) = (waiting.format, weighing.weight_kg);
        match waiting.decoded.measurement.outcome {
            Outcome::Unstable => self.settling(format, waiting.bytes),
            Outcome::Stub | Outcome::Failed => self.ignore(format, waiting.bytes, "nothing was weighed"),
            Outcome::Measured if kg < PERSON_KG_MIN => {
                self.ignore(format, waiting.bytes, "lighter than any person: what is left when one steps off")
            }
            Outcome::Measured => {
                self.is_settling = false;
                self.settled(weighing, waiting)
            }
        }
    }

    fn weighing(&self, waiting: &Waiting) -> KnownWeighing {
        let measurement = &waiting.decoded.measurement;
        KnownWeighing {
            device_time: measurement.device_time,
            round: self.round,
            weight_kg: measurement.values.get(Quantity::WeightKg).unwrap_or_default(),
            heard_at: waiting.heard_at,
        }
    }

    /// Takes in what an earlier session told.
    pub(super) fn recall(&mut self, weighings: Vec<KnownWeighing>) {
        self.round = weighings.iter().map(|weighing| weighing.round).fold(self.round, u64::max);
        for weighing in weighings.into_iter().rev() {
            self.told.push_front((weighing, true));
        }
        self.told.truncate(TOLD_MAX);
    }

    /// What the next session should know.
    pub(super) fn last_told(&self) -> Vec<KnownWeighing> {
        let skipped = self.told.len().saturating_sub(REMEMBERED);
        self.told.iter().skip(skipped).map(|(weighing, _)| *weighing).collect()
    }

    /// The weighing that waits for its impedance.
    pub(super) fn pending(&self) -> Option<&Waiting> {
        self.pending.as_ref().map(|(_, waiting, _)| waiting)
    }

    /// Counts a weighing as told that an earlier session heard and did not tell.
    pub(super) fn note(&mut self, waiting: &Waiting) {
        self.told.push_back((self.weighing(waiting), true));
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

    fn settled(&mut self, weighing: KnownWeighing, waiting: Waiting) -> Vec<Told> {
        if self.told.iter().any(|(told, is_recalled)| is_repeat(told, &weighing, *is_recalled)) {
            return Vec::new();
        }
        let (mut told, first) = match self.pending.take() {
            Some((pending, first, _)) if is_repeat(&pending, &weighing, false) => (Vec::new(), Some(first)),
            Some((pending, other, _)) => (vec![self.tell(pending, other)], None),
            None => (Vec::new(), None),
        };
        let until =
            first.as_ref().map_or(waiting.heard_at, |first| first.heard_at).plus_millis(IMPEDANCE_WITHIN_MS);
        let is_stepped_off = waiting.decoded.measurement.flags.contains(&Flag::Removed);
        let is_whole = waiting.format != Format::Xiaomi181b || speaks_of_impedance(&waiting.decoded);
        let waiting = match first {
            Some(first) if is_whole => {
                Waiting { heard_at: first.heard_at, gateway_synced: first.gateway_synced, ..waiting }
            }
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

    fn tell(&mut self, weighing: KnownWeighing, waiting: Waiting) -> Told {
        if self.told.len() >= TOLD_MAX {
            self.told.pop_front();
        }
        self.told.push_back((weighing, false));
        Told::Weighing(waiting)
    }
}

fn speaks_of_impedance(decoded: &Decoded) -> bool {
    let measurement = &decoded.measurement;
    measurement.values.get(Quantity::ImpedanceOhm).is_some()
        || measurement.absent.contains_key(&Quantity::ImpedanceOhm)
}
