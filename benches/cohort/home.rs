//! What a home measures of a life, day by day, and the lines that a replay reads.
//!
//! **Invariant:** entries are in the order in which they arrive; times of measuring are what the lines say.

use crate::assumptions::Assumptions;
use crate::dice::Dice;
use crate::life::{DAYS, Life, SYMPTOMS};

const POUNDS_IN_KG: f64 = 2.2046;

/// What happened at a home.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum What {
    Weight { kg: f64 },
    Pressure { systolic: f64, diastolic: f64, pulse: f64 },
    Form { grades: [u8; 5] },
    Admission,
    Discharge,
}

/// What happened, when, and when it arrived; days from the start.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) day: f64,
    pub(crate) arrived: f64,
    pub(crate) what: What,
}

/// A person's year as it was received.
pub(crate) struct Home {
    pub(crate) entries: Vec<Entry>,
    /// The days of the events to be foreseen.
    pub(crate) events: Vec<f64>,
}

/// What wanders from day to day.
#[derive(Default)]
struct Wander {
    kg: f64,
    systolic: f64,
    pulse: f64,
    symptoms: f64,
}

impl Home {
    /// The home of the person with this number.
    pub(crate) fn of(assumed: &Assumptions, seed: u64, number: usize) -> Self {
        let life = Life::of(assumed, seed, number);
        let mut entries = Vec::new();
        let mut wander = Wander::default();
        let mut silent = false;
        for day in 0..DAYS {
            let mut dice = Dice::of(seed, number, 100 + day as u64);
            wander.step(assumed, &mut dice);
            let time = day as f64 + dice.between(0.24, 0.32);
            silent = life.is_silent(day, silent, assumed, &mut dice);
            if !silent && !life.is_in_hospital(time, assumed) {
                measure(&life, time, &wander, assumed, &mut dice, &mut entries);
            }
        }
        if assumed.stay_is_told > 0.0 {
            for day in life.admissions() {
                let discharged = day + assumed.stay_days - 0.1;
                entries.push(Entry { day, arrived: day, what: What::Admission });
                entries.push(Entry { day: discharged, arrived: discharged, what: What::Discharge });
            }
        }
        entries.retain(|entry| entry.arrived < DAYS as f64);
        entries.sort_by(|one, other| one.arrived.total_cmp(&other.arrived));
        let mut events: Vec<f64> = life.events().collect();
        events.sort_by(f64::total_cmp);
        Self { entries, events }
    }

    /// The lines of this home.
    pub(crate) fn lines(&self, patient: usize) -> Vec<String> {
        let mut lines: Vec<String> = self.entries.iter().map(|entry| entry.line(patient)).collect();
        lines.push(format!(r#"{{"patient":"p{patient}","at":"{}","kind":"end"}}"#, stamp(DAYS as f64)));
        lines
    }
}

impl Wander {
    fn step(&mut self, assumed: &Assumptions, dice: &mut Dice) {
        let mut walk = |at: &mut f64, sd: f64, memory_days: f64| {
            let keep = (-1.0 / memory_days).exp();
            *at = keep * *at + dice.normal(0.0, sd * (1.0 - keep * keep).sqrt());
        };
        walk(&mut self.kg, assumed.drift_sd_kg, assumed.drift_memory_days);
        walk(&mut self.systolic, assumed.systolic_wander_mmhg, 20.0);
        walk(&mut self.pulse, assumed.pulse_wander_per_min, 20.0);
        walk(&mut self.symptoms, assumed.symptom_wander_grade, 10.0);
    }
}

impl Life {
    fn events(&self) -> impl Iterator<Item = f64> + '_ {
        self.courses.iter().filter(|course| course.kind == crate::life::Kind::Event).map(|course| course.day)
    }

    /// Whether the day is silent: gaps of the assumed mean length, making the assumed share of days in all.
    fn is_silent(&self, day: usize, was: bool, assumed: &Assumptions, dice: &mut Dice) -> bool {
        let into_year = if day < 14 { 0.0 } else { day as f64 / DAYS as f64 };
        let half = 0.5 * assumed.missing_growth;
        let pulled = self.pull(day as f64, assumed).missing;
        let share = (self.person.missing * (1.0 - half + 2.0 * half * into_year) + pulled).clamp(0.0, 0.9);
        let stays = 1.0 - 1.0 / assumed.missing_run_days;
        let begins = (share * (1.0 - stays) / (1.0 - share)).min(1.0);
        dice.happens(if was { stays } else { begins })
    }
}

fn measure(
    life: &Life,
    time: f64,
    wander: &Wander,
    assumed: &Assumptions,
    dice: &mut Dice,
    entries: &mut Vec<Entry>,
) {
    let pull = life.pull(time, assumed);
    let person = &life.person;
    let arrived_after = if dice.happens(assumed.late_share) { 3.0 } else { 0.0 };
    let mut say = |minutes: f64, what: What| {
        let day = time + minutes / 1440.0;
        entries.push(Entry { day, arrived: day + arrived_after, what });
    };
    let tail = if dice.happens(assumed.weight_tail) { 4.0 } else { 1.0 };
    let own_kg = person.weight_kg + wander.kg + pull.kg + dice.normal(0.0, person.weight_noise_kg * tail);
    let somebody_kg = person.weight_kg + dice.normal(-5.0, 15.0);
    let kg = if dice.happens(assumed.other_person) { somebody_kg } else { own_kg };
    let in_pounds = life.pounds.iter().any(|from| time >= *from && time < from + 3.0);
    if !dice.happens(assumed.weight_skipped) {
        say(0.0, What::Weight { kg: if in_pounds { kg * POUNDS_IN_KG } else { kg } });
    }
    let systolic = person.systolic_mmhg
        + wander.systolic
        + pull.systolic
        + dice.normal(0.0, assumed.systolic_noise_mmhg);
    let diastolic =
        0.6 * (person.systolic_mmhg + wander.systolic) + dice.normal(0.0, assumed.diastolic_noise_mmhg);
    let pulse =
        person.pulse_per_min + wander.pulse + pull.pulse + dice.normal(0.0, person.pulse_noise_per_min);
    if person.has_cuff {
        say(3.0, What::Pressure { systolic, diastolic, pulse });
    }
    let due = (time.floor() % assumed.form_every_days) < 1.0 && person.answers;
    let skipped = dice.happens(assumed.form_skipped);
    let mut grades = [0; 5];
    for (place, grade) in grades.iter_mut().enumerate() {
        let level = person.habits[place] + SYMPTOMS[place].1 * wander.symptoms + pull.symptoms[place];
        *grade = (level + dice.normal(0.0, person.answer_noise)).round().clamp(0.0, 3.0) as u8;
    }
    if due && !skipped {
        say(6.0, What::Form { grades });
    }
}

impl Entry {
    fn line(&self, patient: usize) -> String {
        let (kind, values) = match &self.what {
            What::Weight { kg } => ("weight", format!(r#""weight_kg":{kg:.1}"#)),
            What::Pressure { systolic, diastolic, pulse } => (
                "blood_pressure",
                format!(
                    r#""systolic_mmhg":{systolic:.0},"diastolic_mmhg":{diastolic:.0},"pulse_per_min":{pulse:.0}"#
                ),
            ),
            What::Form { grades } => {
                let answers: Vec<String> = SYMPTOMS
                    .iter()
                    .zip(grades)
                    .map(|((name, _), grade)| format!(r#""{name}":{grade}"#))
                    .collect();
                ("symptoms", answers.join(","))
            }
            What::Admission => {
                return format!(
                    r#"{{"patient":"p{patient}","at":"{}","kind":"admission"}}"#,
                    stamp(self.day)
                );
            }
            What::Discharge => {
                return format!(
                    r#"{{"patient":"p{patient}","at":"{}","kind":"discharge"}}"#,
                    stamp(self.day)
                );
            }
        };
        let (at, received_at) = (stamp(self.day), stamp(self.arrived));
        format!(
            r#"{{"patient":"p{patient}","at":"{at}","received_at":"{received_at}","kind":"{kind}","values":{{{values}}}}}"#
        )
    }
}

/// Day 0 is 2025-01-01T00:00:00Z.
fn stamp(day: f64) -> String {
    start().plus_millis((day * 86_400_000.0) as i64).to_string()
}

/// Days from day 0.
pub(crate) fn day_of(time: vitals::Timestamp) -> f64 {
    time.days_since(start())
}

fn start() -> vitals::Timestamp {
    vitals::Timestamp::from_millis(1_735_689_600_000).expect("a time")
}
