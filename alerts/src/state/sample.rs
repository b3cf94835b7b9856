//! One reading as the rules see it: small, copied freely, without names.
//!
//! Values, answers and what speaks against them are kept; words, ids and everything no rule asks about are not.
//!
//! **Invariant:** a value that was not received is not there, and nothing here judges health.

use std::collections::{BTreeMap, BTreeSet};

use vitals::{
    ClockClass, Content, Flag, Kind, Outcome, Quantity, Reading, Severity, Symptom, SymptomAnswers,
    Timestamp, Values,
};

use crate::chart::ChartEvent;

/// One reading, or something that staff entered, as the rules see it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    pub(crate) at: Timestamp,
    pub(crate) source: Source,
    pub(crate) outcome: Outcome,
    pub(crate) doubt: Option<SampleDoubt>,
    /// Whether the sensor itself reports a weak signal or movement.
    pub(crate) weak_signal: bool,
    /// Whether it holds any value at all, followed by a rule or not.
    pub(crate) has_values: bool,
    numbers: [Number; 3],
}

/// Where a sample comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Source {
    /// A device.
    Vitals(Kind),
    /// The symptom form.
    Form,
    /// Staff: a stay in hospital began.
    Admission,
    /// Staff: it ended.
    Discharge,
    /// Staff: nothing is expected for a while.
    Pause,
    /// Staff: monitoring ended.
    End,
}

/// What a device or its clock says against everything in a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SampleDoubt {
    /// The device calls it invalid or questionable, or a demonstration.
    Device,
    /// When it was measured is not known.
    Time,
}

/// The bits of a number, or none. Values are finite, so that "not a number" is free to say so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Number(u64);

const NONE: Number = Number(f64::NAN.to_bits());

impl Number {
    const fn get(self) -> Option<f64> {
        let number = f64::from_bits(self.0);
        if number.is_nan() { None } else { Some(number) }
    }
}

/// Where a quantity stands among a sample's numbers.
const fn place_of(kind: Kind, quantity: Quantity) -> Option<usize> {
    match (kind, quantity) {
        (Kind::Weight | Kind::BodyComposition, Quantity::WeightKg)
        | (Kind::BloodPressure, Quantity::SystolicMmhg)
        | (Kind::PulseOximetry, Quantity::Spo2Percent) => Some(0),
        (Kind::BloodPressure, Quantity::DiastolicMmhg) => Some(1),
        (Kind::BloodPressure | Kind::PulseOximetry, Quantity::PulsePerMin) => Some(2),
        (_, _) => None,
    }
}

impl Sample {
    /// An empty measured sample.
    pub(crate) const fn empty(at: Timestamp, source: Source) -> Self {
        Self {
            at,
            source,
            outcome: Outcome::Measured,
            doubt: None,
            weak_signal: false,
            has_values: false,
            numbers: [NONE; 3],
        }
    }

    /// `reading` as the rules see it.
    #[must_use]
    pub fn of(reading: &Reading) -> Self {
        match &reading.content {
            Content::Symptoms(answers) => Self::form(reading.at, Answers::of(answers)),
            Content::Vitals { kind, outcome, values, absent: _, flags, clock } => {
                let mut sample = Self::empty(reading.at, Source::Vitals(*kind));
                sample.outcome = *outcome;
                if !flags.is_empty() || *clock != ClockClass::Synced {
                    sample.flag(flags, *clock);
                }
                for (quantity, number) in values.iter() {
                    sample.set(*kind, quantity, number);
                }
                sample.has_values = !values.is_empty();
                sample
            }
        }
    }

    /// What staff entered; `None` for readings, limits and schedules.
    pub(crate) fn of_staff(event: &ChartEvent) -> Option<Self> {
        let (source, until) = match event {
            ChartEvent::Reading(_) | ChartEvent::Override { .. } | ChartEvent::Schedule { .. } => {
                return None;
            }
            ChartEvent::Admission { .. } => (Source::Admission, None),
            ChartEvent::Discharge { .. } => (Source::Discharge, None),
            ChartEvent::Pause { until, .. } => (Source::Pause, Some(*until)),
            ChartEvent::End { .. } => (Source::End, None),
        };
        let mut sample = Self::empty(event.at(), source);
        if let Some(until) = until {
            sample.numbers[0] = Number(until.as_millis().cast_unsigned());
        }
        Some(sample)
    }

    /// A symptom form.
    pub(crate) const fn form(at: Timestamp, answers: Answers) -> Self {
        let mut sample = Self::empty(at, Source::Form);
        sample.numbers[0] = Number(answers.0);
        sample
    }

    /// Sets a number that a rule follows; others only say that there was one.
    pub(crate) fn set(&mut self, kind: Kind, quantity: Quantity, number: f64) {
        self.has_values = true;
        if let Some(place) = place_of(kind, quantity)
            && let Some(held) = self.numbers.get_mut(place)
        {
            *held = Number(number.to_bits());
        }
    }

    /// Takes down what the device and its clock say against the values.
    pub(crate) fn flag(&mut self, flags: &BTreeSet<Flag>, clock: ClockClass) {
        const DOUBTS: [Flag; 7] = [
            Flag::Questionable,
            Flag::Invalid,
            Flag::Demonstration,
            Flag::TestData,
            Flag::Calibrating,
            Flag::Unavailable,
            Flag::EarlyEstimate,
        ];
        const WEAK: [Flag; 3] = [Flag::LowPerfusion, Flag::Movement, Flag::Ongoing];
        let time_unknown = match clock {
            ClockClass::Synced | ClockClass::OffsetCorrected => false,
            // Sent while it was measured, the time of reception is the time of measuring.
            ClockClass::ClockUnset | ClockClass::None => flags.contains(&Flag::FromStorage),
            ClockClass::Discontinuity | ClockClass::GatewayUnsynced => true,
        };
        self.doubt = if DOUBTS.iter().any(|flag| flags.contains(flag)) {
            Some(SampleDoubt::Device)
        } else {
            time_unknown.then_some(SampleDoubt::Time)
        };
        self.weak_signal = WEAK.iter().any(|flag| flags.contains(flag));
    }

    /// The content as far as rules ask about it; `None` for what staff entered.
    pub(crate) fn to_content(self) -> Option<Content> {
        let kind = match self.source {
            Source::Vitals(kind) => kind,
            Source::Form => return Some(Content::Symptoms(self.answers()?.to_answers())),
            Source::Admission | Source::Discharge | Source::Pause | Source::End => return None,
        };
        let mut values: Values =
            FOLLOWED.iter().filter_map(|quantity| Some((*quantity, self.number(kind, *quantity)?))).collect();
        if self.has_values && values.is_empty() {
            // Something was measured that no rule follows; which it was makes no difference here.
            values = [(Quantity::PerfusionPercent, 0.0)].into_iter().collect();
        }
        let mut flags = BTreeSet::new();
        let clock = match self.doubt {
            Some(SampleDoubt::Time) => ClockClass::Discontinuity,
            Some(SampleDoubt::Device) | None => ClockClass::Synced,
        };
        if self.doubt == Some(SampleDoubt::Device) {
            flags.insert(Flag::Questionable);
        }
        if self.weak_signal {
            flags.insert(Flag::LowPerfusion);
        }
        Some(Content::Vitals { kind, outcome: self.outcome, values, absent: BTreeMap::new(), flags, clock })
    }

    fn number(&self, kind: Kind, quantity: Quantity) -> Option<f64> {
        self.numbers.get(place_of(kind, quantity)?).copied().and_then(Number::get)
    }

    /// When it was measured or answered.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        self.at
    }

    /// Whether a person did something: measured, tried to, or answered. What a device does by itself is none of theirs.
    pub(crate) fn is_sign_of_life(&self) -> bool {
        match self.source {
            Source::Form => true,
            Source::Vitals(Kind::Clock) => false,
            Source::Vitals(_) => self.outcome != Outcome::Stub,
            Source::Admission | Source::Discharge | Source::Pause | Source::End => false,
        }
    }

    /// Whether a measurement was tried and gave nothing.
    pub(crate) fn is_failure(&self) -> bool {
        let Source::Vitals(kind) = self.source else { return false };
        match self.outcome {
            Outcome::Failed => kind != Kind::Clock,
            Outcome::Measured => expects_value(kind) && self.numbers == [NONE; 3],
            Outcome::Unstable | Outcome::Stub => false,
        }
    }

    /// Whether it counts as an attempt that ended, well or badly.
    pub(crate) fn is_attempt(&self, of: Kind) -> bool {
        self.source == Source::Vitals(of) && matches!(self.outcome, Outcome::Failed | Outcome::Measured)
    }

    /// The answers, of a symptom form.
    pub(crate) fn answers(&self) -> Option<Answers> {
        let [first, ..] = self.numbers;
        (self.source == Source::Form).then_some(Answers(first.0))
    }

    /// Until when, of a pause.
    pub(crate) fn until(&self) -> Option<Timestamp> {
        let [first, ..] = self.numbers;
        let millis = (self.source == Source::Pause).then(|| first.0.cast_signed())?;
        Timestamp::from_millis(millis).ok()
    }

    /// The measured value of a quantity that rules follow, doubted or not.
    pub(crate) fn measured(&self, quantity: Quantity) -> Option<f64> {
        let Source::Vitals(kind) = self.source else { return None };
        if self.outcome != Outcome::Measured {
            return None;
        }
        self.number(kind, quantity)
    }

    /// The measured value of a quantity that nothing in this sample speaks against.
    pub(crate) fn usable(&self, quantity: Quantity) -> Option<f64> {
        let value = self.measured(quantity)?;
        (self.doubt.is_none() && !self.is_impossible(quantity, value)).then_some(value)
    }

    /// Whether a living adult cannot have this value, or the two pressures stand the wrong way round.
    pub(crate) fn is_impossible(&self, quantity: Quantity, value: f64) -> bool {
        !is_possible(quantity, value)
            || (matches!(quantity, Quantity::SystolicMmhg | Quantity::DiastolicMmhg) && self.is_crossed())
    }

    fn is_crossed(&self) -> bool {
        match (self.measured(Quantity::SystolicMmhg), self.measured(Quantity::DiastolicMmhg)) {
            (Some(systolic), Some(diastolic)) => systolic <= diastolic,
            (Some(_) | None, _) => false,
        }
    }
}

/// Quantities that rules follow, in the order in which a doubt is told.
pub(crate) const FOLLOWED: [Quantity; 5] = [
    Quantity::WeightKg,
    Quantity::SystolicMmhg,
    Quantity::DiastolicMmhg,
    Quantity::PulsePerMin,
    Quantity::Spo2Percent,
];

/// Whether a finished measurement of this kind without any value counts as failed.
pub(crate) const fn expects_value(kind: Kind) -> bool {
    match kind {
        Kind::Weight | Kind::BloodPressure | Kind::PulseOximetry => true,
        Kind::BodyComposition | Kind::CuffPressure | Kind::Temperature | Kind::HeartRate | Kind::Clock => {
            false
        }
    }
}

/// Whether a living adult at home can have this value. Wider than any limit of a policy, and than what cuffs and clips
/// can show (A&D UA-651: 0-299 mmHg, pulse 40-180 /min).
pub(crate) fn is_possible(quantity: Quantity, value: f64) -> bool {
    let (min, max) = match quantity {
        Quantity::WeightKg => (20.0, 350.0),
        Quantity::SystolicMmhg => (30.0, 300.0),
        Quantity::DiastolicMmhg => (10.0, 200.0),
        Quantity::PulsePerMin => (15.0, 300.0),
        Quantity::Spo2Percent => (30.0, 100.0),
        Quantity::BmiKgPerM2
        | Quantity::HeightM
        | Quantity::FatPercent
        | Quantity::MusclePercent
        | Quantity::MuscleMassKg
        | Quantity::LeanMassKg
        | Quantity::SoftLeanMassKg
        | Quantity::WaterMassKg
        | Quantity::WaterPercent
        | Quantity::BoneKg
        | Quantity::BasalMetabolismKj
        | Quantity::ImpedanceOhm
        | Quantity::MeanArterialMmhg
        | Quantity::PerfusionPercent
        | Quantity::TemperatureCelsius
        | Quantity::RrIntervalS => return true,
    };
    (min..=max).contains(&value)
}

/// The answers of a symptom form: three bits a symptom in the order of [`Symptom::ALL`], two for the grade and one that
/// says that it was answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Answers(u64);

const ANSWERED: u64 = 0b100;
const GRADE: u64 = 0b011;

impl Answers {
    pub(crate) fn of(answers: &SymptomAnswers) -> Self {
        let mut packed = Self::default();
        for (symptom, severity) in answers.iter() {
            packed.set(symptom, severity.grade());
        }
        packed
    }

    /// Sets an answer; a grade above 3 counts as 3.
    pub(crate) const fn set(&mut self, symptom: Symptom, grade: u8) {
        let shift = 3 * symptom as u32;
        let grade = if grade > 3 { 3 } else { grade as u64 };
        self.0 = (self.0 & !(0b111 << shift)) | ((ANSWERED | grade) << shift);
    }

    /// The grade of `symptom`; `None` when it was not answered.
    pub(crate) const fn get(self, symptom: Symptom) -> Option<u8> {
        let bits = self.0 >> (3 * symptom as u32);
        // The grade has two bits.
        #[allow(clippy::cast_possible_truncation)]
        if bits & ANSWERED == 0 { None } else { Some((bits & GRADE) as u8) }
    }

    fn to_answers(self) -> SymptomAnswers {
        Symptom::ALL
            .iter()
            .filter_map(|symptom| Some((*symptom, Severity::new(self.get(*symptom)?)?)))
            .collect()
    }

    /// Whether every answer given is "none".
    pub(crate) const fn all_none(self) -> bool {
        const GRADES: u64 = 0o33_333_333_333;
        self.0 & GRADES == 0
    }
}
