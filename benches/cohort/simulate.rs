//! A made cohort: a year of home measuring by people with heart failure, some of whom are admitted.
//!
//! Figures and where they come from: person's noise of weight log-normal, median 0.45 kg, log-SD 0.4, heavy tail 2 %;
//! gain in the 14 days before an admission 0.9 +/- 2.1 kg (Zhang 2009), from about day -30 and diverging in the last
//! week (Chaudhry 2007); home blood pressure 8.6 mmHg within a person (Ohasama); 0.6 events a patient-year; 20-40 % of
//! days missing, more towards the end. How symptoms, pulse and harmless episodes move is our own guess, so figures
//! from here compare policies with each other; they promise nothing about people.

/// A line of history, and how it came to be.
pub(crate) struct Cohort {
    pub(crate) lines: Vec<String>,
    /// Admissions: patient number and day.
    pub(crate) events: Vec<(usize, f64)>,
}

/// SplitMix64 (Steele, Lea and Flood 2014): the same cohort from the same seed on every machine.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn uniform(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn normal(&mut self, mean: f64, sd: f64) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        mean + sd * radius * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

struct Person {
    weight_kg: f64,
    weight_noise_kg: f64,
    systolic: f64,
    pulse: f64,
    habits: [f64; 5],
    missing: f64,
}

/// Something that pulls a person off their usual, for better or worse.
struct Course {
    day: f64,
    admitted: bool,
    gain_kg: f64,
    symptoms: f64,
    pulse: f64,
    systolic: f64,
    /// Days from onset to the peak.
    rise_days: f64,
}

const SYMPTOMS: [&str; 5] = ["breathlessness", "orthopnoea", "swelling", "dizziness", "fatigue"];
const STAY_DAYS: f64 = 7.0;
const DAYS: usize = 365;

pub(crate) fn cohort(patients: usize, seed: u64) -> Cohort {
    let mut cohort = Cohort { lines: Vec::new(), events: Vec::new() };
    for patient in 0..patients {
        let mut dice = Dice::new(seed.wrapping_mul(1_000_003).wrapping_add(patient as u64));
        live_a_year(patient, &mut dice, &mut cohort);
    }
    cohort
}

fn person(dice: &mut Dice) -> Person {
    let mut habits = [0.0; 5];
    for (habit, mean) in habits.iter_mut().zip([0.6, 0.25, 0.4, 0.3, 0.8]) {
        *habit = (mean + dice.normal(0.0, 0.5)).max(0.0);
    }
    Person {
        weight_kg: dice.normal(82.0, 15.0).clamp(45.0, 140.0),
        weight_noise_kg: 0.45 * dice.normal(0.0, 0.4).exp(),
        systolic: dice.normal(122.0, 13.0),
        pulse: dice.normal(70.0, 8.0),
        habits,
        missing: 0.2 + 0.2 * dice.uniform(),
    }
}

fn courses(dice: &mut Dice) -> Vec<Course> {
    let mut courses = Vec::new();
    let mut day = 0.0;
    loop {
        // Admissions at 0.6 a year and harmless episodes at 1.5 a year share one stream.
        day += -(1.0 - dice.uniform()).ln() * 365.0 / 2.1;
        if day >= DAYS as f64 {
            return courses;
        }
        let admitted = dice.uniform() < 0.6 / 2.1;
        let strength = if admitted { (dice.normal(1.1, 0.8)).max(0.0) } else { 0.0 };
        courses.push(Course {
            day,
            admitted,
            gain_kg: if admitted { dice.normal(0.9, 2.1) } else { dice.normal(0.3, 0.8) },
            symptoms: if admitted { strength } else { dice.normal(0.3, 0.4).max(0.0) },
            pulse: 4.0 * strength,
            systolic: if dice.uniform() < 0.5 { -5.0 * strength } else { 4.0 * strength },
            rise_days: 6.0 + 14.0 * dice.uniform(),
        });
        day += if admitted { STAY_DAYS } else { 10.0 };
    }
}

impl Course {
    /// How far along it is, 0 to 1, `day` being any day.
    fn share(&self, day: f64) -> f64 {
        let to_peak = self.day - day;
        if to_peak < 0.0 {
            return if self.admitted || to_peak < -5.0 { 0.0 } else { 1.0 + to_peak / 5.0 };
        }
        // A third builds slowly over a month, the rest in the last days.
        let slow = (1.0 - to_peak / 30.0).max(0.0) / 3.0;
        let fast = (1.0 - to_peak / self.rise_days).max(0.0) * 2.0 / 3.0;
        slow + fast
    }
}

fn live_a_year(patient: usize, dice: &mut Dice, cohort: &mut Cohort) {
    let person = person(dice);
    let courses = courses(dice);
    let mut drift_kg = 0.0;
    for day in 0..DAYS {
        drift_kg = 0.97 * drift_kg + dice.normal(0.0, 0.12);
        let time = day as f64 + 0.25 + 0.05 * dice.uniform();
        let in_hospital = courses
            .iter()
            .any(|course| course.admitted && time >= course.day && time < course.day + STAY_DAYS);
        let missing = person.missing * (0.7 + 0.6 * day as f64 / DAYS as f64);
        if in_hospital || dice.uniform() < missing {
            continue;
        }
        let pull = |part: fn(&Course) -> f64| -> f64 {
            courses.iter().map(|course| part(course) * course.share(time)).sum()
        };
        let tail = if dice.uniform() < 0.02 { 4.0 } else { 1.0 };
        let kg = person.weight_kg
            + drift_kg
            + pull(|course| course.gain_kg)
            + dice.normal(0.0, person.weight_noise_kg * tail);
        let systolic = person.systolic + pull(|course| course.systolic) + dice.normal(0.0, 8.6);
        let pulse = person.pulse + pull(|course| course.pulse) + dice.normal(0.0, 5.0);
        let (at, later) = (stamp(time), stamp(time + 0.002));
        let mut say = |at: &str, kind: &str, values: String| {
            cohort.lines.push(format!(
                r#"{{"patient":"p{patient}","at":"{at}","kind":"{kind}","values":{{{values}}}}}"#
            ));
        };
        say(&at, "weight", format!(r#""weight_kg":{kg:.1}"#));
        say(
            &later,
            "blood_pressure",
            format!(
                r#""systolic_mmhg":{systolic:.0},"diastolic_mmhg":{:.0},"pulse_per_min":{pulse:.0}"#,
                0.6 * systolic
            ),
        );
        if day % 2 == 0 {
            let worse = pull(|course| course.symptoms);
            let grade = |habit: f64, pull: f64, dice: &mut Dice| {
                (habit + pull + dice.normal(0.0, 0.45)).round().clamp(0.0, 3.0)
            };
            let answers: Vec<String> = SYMPTOMS
                .iter()
                .zip(person.habits)
                .zip([1.0, 0.9, 0.8, 0.4, 0.7])
                .map(|((name, habit), share)| format!(r#""{name}":{}"#, grade(habit, worse * share, dice)))
                .collect();
            say(&stamp(time + 0.004), "symptoms", answers.join(","));
        }
    }
    for course in courses.iter().filter(|course| course.admitted && course.day < DAYS as f64) {
        cohort.events.push((patient, course.day));
    }
    cohort.lines.push(format!(r#"{{"patient":"p{patient}","at":"{}","kind":"end"}}"#, stamp(DAYS as f64)));
}

/// Day 0 is 2025-01-01T00:00:00Z.
fn stamp(day: f64) -> String {
    let start: vitals::Timestamp = "2025-01-01T00:00:00Z".parse().expect("a time");
    start.plus_millis((day * 86_400_000.0) as i64).to_string()
}

/// Days from day 0.
pub(crate) fn day_of(time: vitals::Timestamp) -> f64 {
    time.days_since("2025-01-01T00:00:00Z".parse().expect("a time"))
}
