//! A policy with some of its channels left out, or with another threshold: data changed, never code.
//!
//! **Invariant:** what comes out is a policy that [`Policy::parse`] accepts.

use alerts::Policy;
use toml::Table;

/// Where signs of worsening come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Channel {
    Weight,
    Symptoms,
    Pulse,
    Pressure,
    Silence,
}

/// A detector's section, its numbers that give points, and sections of limits of its own.
type Parts = (&'static [&'static str], &'static [&'static str]);

impl Channel {
    pub(crate) const ALL: [Self; 5] =
        [Self::Weight, Self::Symptoms, Self::Pulse, Self::Pressure, Self::Silence];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Weight => "weight",
            Self::Symptoms => "symptoms",
            Self::Pulse => "pulse",
            Self::Pressure => "pressure",
            Self::Silence => "silence",
        }
    }

    const fn parts(self) -> Parts {
        match self {
            Self::Weight => (&["weight_points", "jump_points"], &["weight_jump"]),
            Self::Symptoms => (
                &[
                    "breathlessness_points",
                    "orthopnoea_points",
                    "swelling_points",
                    "fatigue_points",
                    "dizziness_points",
                    "cough_points",
                    "palpitations_points",
                    "worse_points",
                ],
                &["symptoms"],
            ),
            Self::Pulse => (&["pulse_points"], &["pulse"]),
            Self::Pressure => (&["systolic_points"], &["blood_pressure"]),
            Self::Silence => (&["silence_points"], &[]),
        }
    }
}

/// The averages of weight where it is asked alone, days: a few against some weeks, as in the policy, but shorter, since no
/// other sign helps to tell a rise from a chance. Set on the tuning seeds.
pub(crate) const ALONE_DAYS: [f64; 2] = [3.0, 25.0];

/// A policy as data that may be changed.
#[derive(Clone)]
pub(crate) struct Draft(Table);

impl Draft {
    /// The draft of a policy's text.
    pub(crate) fn of(text: &str) -> Self {
        let mut table: Table = text.parse().expect("a policy is TOML");
        // Worked examples are of the policy as it stands.
        table.remove("example");
        Self(table)
    }

    /// Without one channel.
    pub(crate) fn without(mut self, channel: Channel) -> Self {
        let (points, sections) = channel.parts();
        let rules = self.0.get_mut("rules").and_then(toml::Value::as_table_mut).expect("a policy has rules");
        for section in sections {
            rules.remove(*section);
        }
        let detector = rules.get_mut("decompensation").and_then(toml::Value::as_table_mut);
        for (key, value) in detector.into_iter().flatten() {
            if points.contains(&key.as_str()) {
                *value = toml::Value::Float(0.0);
            }
        }
        self
    }

    /// With one channel only.
    pub(crate) fn only(self, channel: Channel) -> Self {
        Channel::ALL.into_iter().filter(|other| *other != channel).fold(self, Self::without)
    }

    /// With weight alone, opening where its averages differ by `noises` of the person's noise; the same for everybody, and in cases
    /// that close after three days, as a textbook detector's alarms within 72 hours count once.
    pub(crate) fn weight_alone_at(self, noises: f64) -> Self {
        let mut alone = self.only(Channel::Weight);
        alone.0.insert("case_quiet_days".to_owned(), toml::Value::Integer(3));
        let detector = alone.0.get_mut("rules").and_then(|rules| rules.get_mut("decompensation"));
        let detector = detector.and_then(toml::Value::as_table_mut).expect("the detector");
        let number = |key: &str| detector.get(key).and_then(number_of).expect("a number");
        // Points grow from nothing at no difference, so that they reach the alarm there.
        let full = noises * number("weight_points") / number("alarm_points");
        let [fast_days, slow_days] = ALONE_DAYS;
        let changes = [
            ("weight_from", 0.0),
            ("weight_full", full),
            ("weight_fast_days", fast_days),
            ("weight_slow_days", slow_days),
            ("personal_share", 0.0),
        ];
        for (key, value) in changes {
            detector.insert(key.to_owned(), toml::Value::Float(value));
        }
        alone
    }

    /// With the sum that opens a case, and those that depend on it, this many times as large.
    pub(crate) fn scaled(mut self, times: f64) -> Self {
        let rules = self.0.get_mut("rules").and_then(toml::Value::as_table_mut).expect("a policy has rules");
        let detector = rules.get_mut("decompensation").and_then(toml::Value::as_table_mut);
        for (key, value) in detector.into_iter().flatten() {
            let moves = ["alarm_points", "urgent_points"].contains(&key.as_str());
            if let (true, Some(number)) = (moves, number_of(value)) {
                *value = toml::Value::Float(number * times);
            }
        }
        self
    }

    /// The policy.
    pub(crate) fn policy(&self) -> Policy {
        Policy::parse(&self.0.to_string()).expect("a changed policy is a policy")
    }
}

fn number_of(value: &toml::Value) -> Option<f64> {
    value.as_float().or(value.as_integer().map(|whole| whole as f64))
}
