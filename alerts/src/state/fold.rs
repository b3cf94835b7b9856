//! What each kind of sample changes in a state.
//!
//! **Invariant:** averages take a value in before anything is decided on it, so that the decision and its explanation rest on
//! the same numbers.

use vitals::{Kind, Quantity};

use super::{Glance, Moment, Sample, State, Tuning, Verdict, sense, trend, utc_day};

impl State {
    pub(super) fn take_vitals(
        &mut self,
        sample: &Sample,
        kind: Kind,
        moment: Moment,
        tuning: &Tuning,
    ) -> Glance {
        if sample.is_failure() {
            return Glance::FAILED;
        }
        match kind {
            Kind::Weight | Kind::BodyComposition => self.take_weight(sample, moment, tuning),
            Kind::BloodPressure => self.take_pressure(sample, moment, tuning),
            Kind::PulseOximetry => self.take_oxygen(sample, moment, tuning),
            Kind::CuffPressure | Kind::Temperature | Kind::HeartRate | Kind::Clock => Glance::QUIET,
        }
    }

    fn take_weight(&mut self, sample: &Sample, moment: Moment, tuning: &Tuning) -> Glance {
        if sample.measured(Quantity::WeightKg).is_none() {
            return Glance::QUIET;
        }
        self.presence.weigh(sample.at);
        let Some(kg) = sample.usable(Quantity::WeightKg) else { return Glance::DOUBT };
        let (mut admitted, mut admitted_g) = (0_u8, 0);
        let verdict = self.weights.take(moment.at_s, utc_day(sample.at), kg, |earlier| {
            if moment.at_s.saturating_sub(earlier.at_s) < trend::SITTING_S {
                admitted += 1;
                admitted_g += earlier.grams();
            }
        });
        if verdict != Verdict::Usable {
            return Glance::DOUBT;
        }
        #[allow(clippy::cast_possible_truncation)]
        let ended = self.weight.take(kg as f32, moment.at_s, &tuning.weight);
        // What this weighing admitted was the same sitting; its sum takes them as their mean, once for each.
        for _ in 0..admitted {
            #[allow(clippy::cast_possible_truncation)]
            self.weight.add((f64::from(admitted_g) / 1000.0 / f64::from(admitted)) as f32);
        }
        if let Some(ended) = ended {
            if tuning.rules.weight_macd.is_some() || tuning.rules.weight_cusum.is_some() {
                self.textbook = self.textbook.after(&ended, &tuning.rules);
            }
            if tuning.signs.as_ref().is_some_and(|signs| signs.rule.weight_swing_factor.is_some()) {
                self.swing.take(ended.smoothed.change(), moment.at_s);
            }
        }
        let alone = self.sense_weight(moment, tuning);
        self.points.weight = self.weight_points(tuning);
        alone.and(self.sense_sum(moment, tuning, self.points.weight))
    }

    fn take_pressure(&mut self, sample: &Sample, moment: Moment, tuning: &Tuning) -> Glance {
        let followed = [Quantity::SystolicMmhg, Quantity::DiastolicMmhg, Quantity::PulsePerMin];
        if let (Some(signs), Some(systolic)) = (&tuning.signs, sample.usable(Quantity::SystolicMmhg)) {
            #[allow(clippy::cast_possible_truncation)]
            self.systolic.take(systolic as f32, moment.at_s, &signs.systolic);
            self.points.systolic = self.systolic_points(signs);
        }
        self.take_pulse(sample, moment, tuning);
        doubt(sample, &followed)
            .and(self.sense_pressure(sample, moment, tuning))
            .and(self.sense_pulse(sample, moment, tuning))
            .and(self.sense_sum(moment, tuning, self.points.systolic.max(self.points.pulse)))
    }

    fn take_oxygen(&mut self, sample: &Sample, moment: Moment, tuning: &Tuning) -> Glance {
        self.take_pulse(sample, moment, tuning);
        doubt(sample, &[Quantity::Spo2Percent, Quantity::PulsePerMin])
            .and(self.sense_oxygen(sample, moment, tuning))
            .and(self.sense_pulse(sample, moment, tuning))
            .and(self.sense_sum(moment, tuning, self.points.pulse))
    }

    fn take_pulse(&mut self, sample: &Sample, moment: Moment, tuning: &Tuning) {
        if let (Some(signs), Some(pulse)) = (&tuning.signs, sample.usable(Quantity::PulsePerMin)) {
            #[allow(clippy::cast_possible_truncation)]
            self.pulse.take(pulse as f32, moment.at_s, &signs.pulse);
            self.points.pulse = self.pulse_points(signs);
        }
    }

    pub(super) fn take_form(&mut self, sample: &Sample, moment: Moment, tuning: &Tuning) -> Glance {
        let Some(answers) = sample.answers() else { return Glance::QUIET };
        self.habits.take(moment.day, answers, &tuning.habit);
        if sense::has_red_flag(answers) {
            self.red_flag_day = self.red_flag_day.max(moment.day);
        }
        let alone = self.sense_answers(answers, tuning);
        self.points.symptoms = self.symptom_points(moment.day, tuning);
        alone.and(self.sense_sum(moment, tuning, self.points.symptoms))
    }
}

/// Whether any measured value of `followed` cannot be used.
fn doubt(sample: &Sample, followed: &[Quantity]) -> Glance {
    let is_doubted =
        |quantity: &Quantity| sample.measured(*quantity).is_some() && sample.usable(*quantity).is_none();
    Glance::DOUBT.when(followed.iter().any(is_doubted))
}
