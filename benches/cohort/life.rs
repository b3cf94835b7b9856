//! Who a person is, and what happens to them in a year: admissions, passing troubles, colds, meals, new scales.
//!
//! Nothing here is measured yet; `home` does that.
//!
//! **Invariant:** a life is drawn before its first day is measured, so a change of how measuring goes leaves it alone.

use crate::assumptions::Assumptions;
use crate::dice::Dice;

/// Length of a followed life, days.
pub(crate) const DAYS: usize = 365;

/// The symptoms on a form, and how strongly each follows a worsening.
pub(crate) const SYMPTOMS: [(&str, f64); 5] =
    [("breathlessness", 1.0), ("orthopnoea", 0.9), ("swelling", 0.8), ("dizziness", 0.4), ("fatigue", 0.7)];
const HABITS: [f64; 5] = [0.6, 0.25, 0.4, 0.3, 0.8];
/// How a cold feels, symptom by symptom.
const COLD: [f64; 5] = [0.7, 0.2, 0.0, 0.4, 1.0];
const GONE_DAYS: f64 = 5.0;

/// Who somebody is.
pub(crate) struct Person {
    pub(crate) weight_kg: f64,
    pub(crate) weight_noise_kg: f64,
    pub(crate) trend_kg_per_year: f64,
    pub(crate) systolic_mmhg: f64,
    pub(crate) pulse_per_min: f64,
    pub(crate) pulse_noise_per_min: f64,
    pub(crate) pulse_response: f64,
    pub(crate) has_cuff: bool,
    pub(crate) habits: [f64; 5],
    pub(crate) answer_noise: f64,
    pub(crate) answers: bool,
    pub(crate) missing: f64,
    pub(crate) winter_day: f64,
}

/// Something that pulls a person off their usual.
pub(crate) struct Course {
    pub(crate) day: f64,
    pub(crate) kind: Kind,
    gain_kg: f64,
    symptoms: f64,
    pulse: f64,
    systolic: f64,
    fast_days: f64,
}

/// What a course is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It ends in an admission for heart failure: an event.
    Event,
    /// It ends in another admission.
    OtherAdmission,
    /// It passes by itself.
    Benign,
    /// A respiratory infection.
    Cold,
    /// A salty meal.
    Meal,
}

/// How far a person is pulled off at a moment.
#[derive(Default)]
pub(crate) struct Pull {
    pub(crate) kg: f64,
    pub(crate) symptoms: [f64; 5],
    pub(crate) pulse: f64,
    pub(crate) systolic: f64,
    /// Added to the probability of a day without anything.
    pub(crate) missing: f64,
}

/// A person and their year.
pub(crate) struct Life {
    pub(crate) person: Person,
    pub(crate) courses: Vec<Course>,
    /// When the weight that the scale shows moves for good, by how much, and over how many days.
    pub(crate) shifts: Vec<(f64, f64, f64)>,
    /// When the scale shows pounds for three days.
    pub(crate) pounds: Vec<f64>,
}

impl Life {
    /// The life of a person with this number.
    pub(crate) fn of(assumed: &Assumptions, seed: u64, number: usize) -> Self {
        let person = person(assumed, &mut Dice::of(seed, number, 1));
        let courses = courses(assumed, seed, number);
        let mut dice = Dice::of(seed, number, 3);
        let days = DAYS as f64;
        let mut shifts = Vec::new();
        for day in dice.days_of(assumed.diuretic_changes_per_year, days) {
            shifts.push((day, dice.normal(0.0, assumed.diuretic_change_sd_kg), 5.0));
        }
        for day in dice.days_of(assumed.scale_changes_per_year, days) {
            shifts.push((day, dice.normal(0.0, assumed.scale_change_sd_kg), 0.0));
        }
        for course in courses.iter().filter(|course| course.is_admission()) {
            shifts.push((course.day + 1.0, dice.normal(0.0, assumed.dry_weight_sd_kg), 0.0));
        }
        let pounds = dice.days_of(assumed.pounds_per_year, days);
        Self { person, courses, shifts, pounds }
    }

    /// The stay in hospital on `day`, if any.
    pub(crate) fn is_in_hospital(&self, day: f64, assumed: &Assumptions) -> bool {
        self.admissions().any(|admitted| day >= admitted && day < admitted + assumed.stay_days)
    }

    /// The days of admission, for whatever reason.
    pub(crate) fn admissions(&self) -> impl Iterator<Item = f64> + '_ {
        self.courses.iter().filter(|course| course.is_admission()).map(|course| course.day)
    }

    /// How far the person is pulled off at `day`.
    pub(crate) fn pull(&self, day: f64, assumed: &Assumptions) -> Pull {
        let mut pull = Pull::default();
        for course in &self.courses {
            let share = course.share(day, assumed);
            if share == 0.0 {
                continue;
            }
            pull.kg += course.gain_kg * share;
            pull.pulse += course.pulse * share * self.person.pulse_response;
            pull.systolic += course.systolic * share;
            for (place, pulled) in pull.symptoms.iter_mut().enumerate() {
                let felt = if course.kind == Kind::Cold { COLD[place] } else { SYMPTOMS[place].1 };
                *pulled += course.symptoms * felt * share;
            }
            if course.kind == Kind::Event && course.day - day < 7.0 {
                pull.missing += assumed.event_silence;
            }
        }
        let year = std::f64::consts::TAU * (day - self.person.winter_day) / 365.0;
        pull.kg += assumed.season_kg * year.cos() + self.person.trend_kg_per_year * day / 365.0;
        for (from, kg, days) in &self.shifts {
            pull.kg += kg
                * if *days > 0.0 {
                    ((day - from) / days).clamp(0.0, 1.0)
                } else {
                    f64::from(u8::from(day >= *from))
                };
        }
        pull
    }
}

impl Course {
    pub(crate) fn is_admission(&self) -> bool {
        matches!(self.kind, Kind::Event | Kind::OtherAdmission)
    }

    /// How far along it is at `day`: 0 to 1.
    fn share(&self, day: f64, assumed: &Assumptions) -> f64 {
        let to_peak = self.day - day;
        match self.kind {
            Kind::Meal => {
                if to_peak <= 0.0 && to_peak > -2.0 {
                    1.0 + to_peak / 2.0
                } else {
                    0.0
                }
            }
            Kind::Cold => (1.0 - (to_peak + 3.0).abs() / 5.0).max(0.0),
            Kind::Event | Kind::OtherAdmission | Kind::Benign => {
                if to_peak < 0.0 {
                    let gone = 1.0 + to_peak / GONE_DAYS;
                    return if self.is_admission() { 0.0 } else { gone.max(0.0) };
                }
                rise(to_peak, self.fast_days, assumed)
            }
        }
    }
}

/// A slow part over the whole onset and a fast one at its end.
fn rise(to_peak: f64, fast_days: f64, assumed: &Assumptions) -> f64 {
    let slow = assumed.onset_slow_share;
    slow * (1.0 - to_peak / assumed.onset_days).max(0.0) + (1.0 - slow) * (1.0 - to_peak / fast_days).max(0.0)
}

fn person(assumed: &Assumptions, dice: &mut Dice) -> Person {
    let irregular = dice.happens(assumed.irregular_share);
    let blocked = dice.happens(assumed.beta_blocked_share);
    let mut habits = HABITS;
    for habit in &mut habits {
        *habit = dice.normal(*habit, assumed.habit_sd_grade).clamp(0.0, 2.0);
    }
    Person {
        weight_kg: dice.normal(assumed.weight_kg, assumed.weight_sd_kg).clamp(45.0, 140.0),
        weight_noise_kg: dice.log_normal(assumed.weight_noise_kg, assumed.weight_noise_log_sd),
        trend_kg_per_year: dice.normal(0.0, assumed.trend_sd_kg_per_year),
        systolic_mmhg: dice.normal(assumed.systolic_mmhg, assumed.systolic_sd_mmhg),
        pulse_per_min: dice.normal(assumed.pulse_per_min, assumed.pulse_sd_per_min).max(50.0),
        pulse_noise_per_min: assumed.pulse_noise_per_min * if irregular { 2.0 } else { 1.0 },
        pulse_response: if blocked { 1.0 / 3.0 } else { 1.0 },
        has_cuff: dice.happens(assumed.cuff_share),
        habits,
        answer_noise: dice.log_normal(assumed.answer_noise_grade, assumed.answer_noise_log_sd),
        answers: !dice.happens(assumed.formless_share),
        missing: dice.between(assumed.missing_min, assumed.missing_max),
        winter_day: dice.between(0.0, 365.0),
    }
}

fn courses(assumed: &Assumptions, seed: u64, number: usize) -> Vec<Course> {
    let days = DAYS as f64;
    let mut dice = Dice::of(seed, number, 2);
    // A log-normal of mean 1 around the cohort's rate.
    let spread = assumed.event_rate_log_sd;
    let frailty = dice.normal(-0.5 * spread * spread, spread).exp();
    let mut courses = Vec::new();
    let mut free_from = 0.0;
    for day in dice.days_of(assumed.events_per_year * frailty, days) {
        let course = event(day, assumed, &mut dice);
        if day >= free_from {
            courses.push(course);
            free_from = day + assumed.stay_days + GONE_DAYS;
        }
    }
    let mut dice = Dice::of(seed, number, 4);
    for day in dice.days_of(assumed.other_admissions_per_year, days) {
        let gain_kg = dice.normal(-0.2, 0.8);
        let is_free =
            courses.iter().all(|course: &Course| (course.day - day).abs() > assumed.stay_days + GONE_DAYS);
        if is_free {
            courses.push(Course { gain_kg, ..passing(day, Kind::OtherAdmission, assumed) });
        }
    }
    for day in dice.days_of(assumed.benign_per_year, days) {
        courses.push(Course {
            gain_kg: dice.normal(assumed.benign_gain_kg, assumed.benign_gain_sd_kg),
            symptoms: dice.normal(assumed.benign_symptoms_grade, assumed.benign_symptoms_sd_grade).max(0.0),
            pulse: dice.normal(assumed.benign_pulse_per_min, assumed.benign_pulse_sd_per_min),
            fast_days: dice.between(assumed.onset_fast_days_min, assumed.onset_fast_days_max),
            ..passing(day, Kind::Benign, assumed)
        });
    }
    for day in dice.days_of(assumed.colds_per_year, days) {
        let strength = dice.between(0.5, 1.5);
        let (symptoms, pulse) = (strength * assumed.cold_grade, strength * assumed.cold_pulse_per_min);
        courses.push(Course { symptoms, pulse, ..passing(day, Kind::Cold, assumed) });
    }
    for day in dice.days_of(assumed.salty_meals_per_year, days) {
        courses.push(Course { gain_kg: dice.between(0.5, 1.5), ..passing(day, Kind::Meal, assumed) });
    }
    courses
}

fn event(day: f64, assumed: &Assumptions, dice: &mut Dice) -> Course {
    let fast_days = dice.between(assumed.onset_fast_days_min, assumed.onset_fast_days_max);
    let fortnight = 1.0 - rise(14.0, fast_days, assumed);
    let sign = if dice.happens(0.5) { -1.0 } else { 1.0 };
    let symptoms = dice.normal(assumed.event_symptoms_grade, assumed.event_symptoms_sd_grade).max(0.0);
    Course {
        day,
        kind: Kind::Event,
        gain_kg: dice.normal(assumed.event_gain_kg, assumed.event_gain_sd_kg) / fortnight,
        symptoms,
        pulse: dice.normal(assumed.event_pulse_per_min, assumed.event_pulse_sd_per_min),
        systolic: sign * assumed.event_systolic_mmhg * symptoms,
        fast_days,
    }
}

fn passing(day: f64, kind: Kind, assumed: &Assumptions) -> Course {
    let fast_days = assumed.onset_fast_days_max;
    Course { day, kind, gain_kg: 0.0, symptoms: 0.0, pulse: 0.0, systolic: 0.0, fast_days }
}
