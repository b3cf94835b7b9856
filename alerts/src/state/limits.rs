//! Fixed limits, asked of the state at the moment a value is folded ([`super::limit`] says what counts).
//!
//! **Invariant:** a value inside every limit costs two comparisons and is remembered.

use vitals::{Quantity, Symptom};

use super::limit::{Feeling, Side};
use super::trend::DAY_S;
use super::waiting::whole;
use super::{Glance, LastValue, Moment, SCORED, Sample, State, Tuning, sense};

/// Answers count this far above habit when they move a limit and the policy does not say otherwise, grades.
const ABOVE_HABIT: f32 = 0.75;
/// How many answers of "none" the habit starts from that limits are moved against.
const HABIT_PRIOR_COUNT: f32 = 2.0;

/// What a rule asks beside its limits.
struct Asks {
    symptom_hours: f64,
    above_habit: Option<f64>,
    repeat_days: f64,
    repeat_hours_min: Option<f64>,
    hold_days_max: Option<f64>,
    /// Whether one extreme value is enough.
    alone: bool,
}

const SYSTOLIC: usize = 0;
const DIASTOLIC: usize = 1;
const PULSE: usize = 2;
const SPO2: usize = 3;

/// A value, when, and where its like is remembered.
#[derive(Clone, Copy)]
struct Value {
    value: f64,
    place: usize,
    /// The person's slow average, where there is one.
    usual: Option<f32>,
    moment: Moment,
}

impl State {
    pub(super) fn sense_pressure(&mut self, sample: &Sample, moment: Moment, tuning: &Tuning) -> Glance {
        let Some(rule) = &tuning.rules.blood_pressure else { return Glance::QUIET };
        let [systolic_inside, diastolic_inside, _] = tuning.inside;
        let systolic = sample.usable(Quantity::SystolicMmhg);
        let diastolic = sample.usable(Quantity::DiastolicMmhg);
        let both = Glance::SYSTOLIC_LOW.and(Glance::SYSTOLIC_HIGH);
        let systolic =
            systolic.filter(|value| !self.is_calm(*value, SYSTOLIC, systolic_inside, both, moment));
        let diastolic = diastolic.filter(|value| {
            !self.is_calm(*value, DIASTOLIC, diastolic_inside, Glance::DIASTOLIC_HIGH, moment)
        });
        if systolic.is_none() && diastolic.is_none() {
            return Glance::QUIET;
        }
        let Some([low, high, diastolic_high]) = self.pressure_sides(tuning) else { return Glance::QUIET };
        let asks = Asks {
            symptom_hours: rule.symptom_hours,
            above_habit: rule.above_habit,
            repeat_days: rule.repeat_days,
            repeat_hours_min: rule.repeat_hours_min,
            hold_days_max: rule.hold_days_max,
            alone: true,
        };
        let mut glance = Glance::QUIET;
        if let Some(value) = systolic {
            let sides = [(low, Glance::SYSTOLIC_LOW), (high, Glance::SYSTOLIC_HIGH)];
            let value = Value { value, place: SYSTOLIC, usual: self.usual_systolic(tuning), moment };
            glance = glance.and(self.sense_limits(&sides, value, &asks, tuning));
        }
        if let Some(value) = diastolic {
            let value = Value { value, place: DIASTOLIC, usual: None, moment };
            let side = (diastolic_high, Glance::DIASTOLIC_HIGH);
            glance = glance.and(self.sense_limits(&[side], value, &asks, tuning));
        }
        glance
    }

    pub(super) fn sense_pulse(&mut self, sample: &Sample, moment: Moment, tuning: &Tuning) -> Glance {
        let (Some(rule), Some(value)) = (&tuning.rules.pulse, sample.usable(Quantity::PulsePerMin)) else {
            return Glance::QUIET;
        };
        let [_, _, inside] = tuning.inside;
        if self.is_calm(value, PULSE, inside, Glance::PULSE_LOW.and(Glance::PULSE_HIGH), moment) {
            return Glance::QUIET;
        }
        let Some([low, high]) = self.pulse_sides(tuning) else { return Glance::QUIET };
        let asks = Asks {
            symptom_hours: rule.symptom_hours,
            above_habit: rule.above_habit,
            repeat_days: rule.repeat_days,
            repeat_hours_min: rule.repeat_hours_min,
            hold_days_max: rule.hold_days_max,
            alone: true,
        };
        let sides = [(low, Glance::PULSE_LOW), (high, Glance::PULSE_HIGH)];
        self.sense_limits(
            &sides,
            Value { value, place: PULSE, usual: self.usual_pulse(tuning), moment },
            &asks,
            tuning,
        )
    }

    pub(super) fn sense_oxygen(&mut self, sample: &Sample, moment: Moment, tuning: &Tuning) -> Glance {
        let (Some(rule), Some(side)) = (&tuning.rules.oxygen, tuning.oxygen) else { return Glance::QUIET };
        let Some(value) = sample.usable(Quantity::Spo2Percent) else { return Glance::QUIET };
        if self.is_calm(value, SPO2, (side.inner(), f64::MAX), Glance::SPO2_LOW, moment) {
            return Glance::QUIET;
        }
        let asks = Asks {
            symptom_hours: 0.0,
            above_habit: None,
            repeat_days: rule.repeat_days,
            repeat_hours_min: rule.repeat_hours_min,
            hold_days_max: rule.hold_days_max,
            alone: !sample.weak_signal,
        };
        self.sense_limits(
            &[(side, Glance::SPO2_LOW)],
            Value { value, place: SPO2, usual: None, moment },
            &asks,
            tuning,
        )
    }

    /// Whether nothing need be asked: the value lies inside every limit and no side is held. It is remembered then.
    fn is_calm(
        &mut self,
        value: f64,
        place: usize,
        (least, most): (f64, f64),
        sides: Glance,
        moment: Moment,
    ) -> bool {
        let calm = value >= least && value <= most && !self.held.has(sides);
        if calm {
            self.remember(value, place, moment);
        }
        calm
    }

    #[allow(clippy::cast_possible_truncation)]
    fn remember(&mut self, value: f64, place: usize, moment: Moment) {
        if let Some(last) = self.last.get_mut(place) {
            *last = LastValue { value: value as f32, at_s: moment.at_s };
        }
    }

    /// The limits of pressure for this person: systolic low, systolic high, diastolic high.
    pub(crate) fn pressure_sides(&self, tuning: &Tuning) -> Option<[Side; 3]> {
        let [low, high, diastolic_high] = tuning.pressure?;
        let margin = tuning.rules.blood_pressure.and_then(|rule| rule.usual_margin_mmhg);
        let usual = margin.and_then(|_| self.usual_systolic(tuning));
        Some([low.about(usual, margin), high.about(usual, margin), diastolic_high])
    }

    /// The limits of pulse for this person: low, high.
    pub(crate) fn pulse_sides(&self, tuning: &Tuning) -> Option<[Side; 2]> {
        let margin = tuning.rules.pulse.and_then(|rule| rule.usual_margin_per_min);
        let usual = margin.and_then(|_| self.usual_pulse(tuning));
        Some(tuning.pulse?.map(|side| side.about(usual, margin)))
    }

    fn usual_systolic(&self, tuning: &Tuning) -> Option<f32> {
        Some(self.systolic_sign(tuning.signs.as_ref()?)?.slow)
    }

    fn usual_pulse(&self, tuning: &Tuning) -> Option<f32> {
        Some(self.pulse_sign(tuning.signs.as_ref()?)?.slow)
    }

    fn sense_limits(
        &mut self,
        sides: &[(Side, Glance)],
        value: Value,
        asks: &Asks,
        tuning: &Tuning,
    ) -> Glance {
        let moment = value.moment;
        let before = self.last.get(value.place).copied().unwrap_or_default();
        let lasted_s = f64::from(moment.at_s.saturating_sub(before.at_s));
        // No value is 0: that one was never set.
        let is_again = before.value > 0.0 && lasted_s < asks.repeat_hours_min.unwrap_or(0.0) * 3600.0;
        if !is_again {
            self.remember(value.value, value.place, moment);
        }
        let may_repeat = before.value > 0.0 && !is_again && lasted_s <= asks.repeat_days * f64::from(DAY_S);
        let mut glance = Glance::QUIET;
        for (side, bit) in sides {
            self.leave(side, *bit, &value, asks);
            if side.is_inside(value.value) {
                continue;
            }
            let feeling = self.feeling(moment.day, (asks.symptom_hours, asks.above_habit), tuning);
            let counts = side.beyond(value.value, feeling).is_some_and(|beyond| {
                let repeated = may_repeat && side.beyond(f64::from(before.value), feeling).is_some();
                let counts = repeated || (asks.alone && beyond.stands_alone(feeling));
                counts && (beyond.extreme || !self.held.has(*bit))
            });
            if counts {
                glance = glance.and(*bit);
                if side.hysteresis.is_some() && !self.held.has(*bit) {
                    (self.held, self.held_day) = (self.held.and(*bit), moment.day);
                }
            }
        }
        glance
    }

    /// Lets a side that has counted count again, once what is usual has left it or it was long ago.
    fn leave(&mut self, side: &Side, bit: Glance, value: &Value, asks: &Asks) {
        if !self.held.has(bit) {
            return;
        }
        let is_left =
            side.is_left(value.value) && value.usual.is_none_or(|usual| side.is_left(f64::from(usual)));
        let held_days = f64::from(value.moment.day.saturating_sub(self.held_day));
        if is_left || asks.hold_days_max.is_some_and(|most| held_days >= most) {
            self.held = self.held.without(bit);
        }
    }

    /// How the person feels around local day `day`, by answers of `hours` before that lie so far above their habit, and by so
    /// much more as they swing more than most.
    pub(crate) fn feeling(
        &self,
        day: i32,
        (hours, above_habit): (f64, Option<f64>),
        tuning: &Tuning,
    ) -> Feeling {
        let days = i32::try_from(whole(hours / 24.0)).unwrap_or(0);
        if self.red_flag_day >= day.saturating_sub(days) && self.red_flag_day <= day {
            return Feeling::Clear;
        }
        if self.habits.is_calm(day, days) {
            return Feeling::Well;
        }
        let least = above_habit.map_or(ABOVE_HABIT, grades);
        let young = sense::young(tuning);
        let feels = |(place, symptom): (usize, &Symptom)| {
            let grade = self.habits.worst(place, day, days)?;
            let habit = self.habits.habit(place, HABIT_PRIOR_COUNT, young);
            let above = f32::from(grade) - habit >= least * self.swing_of_answers(habit, tuning);
            above.then(|| feeling_of(*symptom, grade))
        };
        SCORED.iter().enumerate().filter_map(feels).max().unwrap_or(Feeling::Well)
    }
}

/// Grades are small numbers.
#[allow(clippy::cast_possible_truncation)]
const fn grades(number: f64) -> f32 {
    number as f32
}

const fn feeling_of(symptom: Symptom, grade: u8) -> Feeling {
    match (symptom, grade) {
        (_, 0) | (Symptom::Fatigue | Symptom::WorseThanYesterday, _) => Feeling::Well,
        (Symptom::Breathlessness | Symptom::Dizziness, 1) => Feeling::Symptoms,
        (Symptom::Orthopnoea | Symptom::Swelling | Symptom::Cough | Symptom::Palpitations, 1) => {
            Feeling::Well
        }
        (
            Symptom::Breathlessness
            | Symptom::Dizziness
            | Symptom::ChestPain
            | Symptom::Fainting
            | Symptom::BreathlessAtRest
            | Symptom::Orthopnoea
            | Symptom::Swelling
            | Symptom::Cough
            | Symptom::Palpitations,
            _,
        ) => Feeling::Clear,
    }
}
