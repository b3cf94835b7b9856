//! Chance that repeats: the same cohort from the same seed on every machine.
//!
//! SplitMix64 (Steele, Lea and Flood 2014). Each person has a stream for who they are, one for what happens to them and
//! one for each day, so that a change of one assumption leaves the rest of a life as it was.
//!
//! **Invariant:** what comes out depends on the numbers handed to [`Dice::of`] and on how often it was asked.

/// A stream of chance.
pub(crate) struct Dice(u64);

impl Dice {
    /// The stream with this number of this person in this cohort.
    pub(crate) fn of(seed: u64, person: usize, stream: u64) -> Self {
        let mut dice = Self(
            seed.wrapping_mul(0xD134_2543_DE82_EF95) ^ (person as u64).wrapping_mul(0xA24B_AED4_963E_E407),
        );
        let start = dice.next() ^ stream.wrapping_mul(0x9FB2_1C65_1E98_DF25);
        let mut dice = Self(start);
        dice.next();
        dice
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// From 0 to 1, 1 excluded.
    pub(crate) fn uniform(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// From `low` to `high`.
    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    /// Whether something of this probability happens.
    pub(crate) fn happens(&mut self, probability: f64) -> bool {
        self.uniform() < probability
    }

    /// Normal (Box and Muller 1958).
    pub(crate) fn normal(&mut self, mean: f64, sd: f64) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        mean + sd * radius * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// Log-normal, by its median.
    pub(crate) fn log_normal(&mut self, median: f64, log_sd: f64) -> f64 {
        median * self.normal(0.0, log_sd).exp()
    }

    /// The days within `days` on which something happens `per_year` times a year on average.
    pub(crate) fn days_of(&mut self, per_year: f64, days: f64) -> Vec<f64> {
        let mut happened = Vec::new();
        if per_year <= 0.0 {
            return happened;
        }
        let mut day = 0.0;
        loop {
            day += -(1.0 - self.uniform()).ln() * 365.0 / per_year;
            if day >= days {
                return happened;
            }
            happened.push(day);
        }
    }

    /// A whole number below `count`.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        usize::try_from(self.next() % count as u64).unwrap_or(0)
    }
}
