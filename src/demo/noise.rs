//! Chance that comes out the same every time: a small generator seeded by whom and when it is for.
//!
//! **Invariant:** the same seed gives the same numbers, on every machine.

/// A stream of chance (SplitMix64, Steele, Lea and Flood 2014).
#[derive(Clone, Debug)]
pub(crate) struct Noise(u64);

impl Noise {
    /// The stream of `who` on `day`.
    pub(crate) fn of(who: usize, day: i64) -> Self {
        let who = u64::try_from(who).unwrap_or(u64::MAX);
        let mut noise = Self(who.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ day.cast_unsigned());
        // Neighbouring seeds give neighbouring first numbers only until they are mixed.
        noise.next();
        noise
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Evenly from 0 to 1.
    pub(crate) fn fraction(&mut self) -> f64 {
        let top = u32::try_from(self.next() >> 32).unwrap_or(u32::MAX);
        f64::from(top) / f64::from(u32::MAX)
    }

    /// Around 0 with the standard deviation `spread`, and never beyond two of them: the demo's homes have no bad luck that
    /// the story did not plan.
    pub(crate) fn around(&mut self, spread: f64) -> f64 {
        // The sum of twelve even fractions has a variance of 1.
        let sum: f64 = (0..12).map(|_| self.fraction()).sum();
        (sum - 6.0).clamp(-2.0, 2.0) * spread
    }

    /// Yes with the chance `share`.
    pub(crate) fn happens(&mut self, share: f64) -> bool {
        self.fraction() < share
    }

    /// A whole number from 0 to one less than `count`.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        let count = u64::try_from(count).unwrap_or(1).max(1);
        usize::try_from(self.next() % count).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_and_another_gives_another() {
        let first = |who, day| Noise::of(who, day).next();
        assert_eq!(first(1, -3), first(1, -3));
        assert_ne!(first(1, -3), first(2, -3));
        assert_ne!(first(1, -3), first(1, -2));
    }

    #[test]
    fn noise_has_the_spread_it_is_asked_for() {
        let mut noise = Noise::of(1, 1);
        let drawn: Vec<f64> = (0..4000).map(|_| noise.around(3.0)).collect();
        let mean = drawn.iter().sum::<f64>() / 4000.0;
        let variance = drawn.iter().map(|one| (one - mean).powi(2)).sum::<f64>() / 4000.0;
        assert!(mean.abs() < 0.2, "{mean}");
        // Cut at two deviations, a normal distribution keeps a variance of 0.77 + 0.18 = 0.92 of the whole.
        assert!((7.0..9.5).contains(&variance), "{variance}");
        assert!(drawn.iter().all(|one| one.abs() <= 6.0));
    }
}
