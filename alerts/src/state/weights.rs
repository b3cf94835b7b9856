//! The last weighings, and which of them are this person's.
//!
//! A weight further than max(4 kg, 5 %) from the median of the last seven days is kept but not used: most often somebody
//! else stood on the scale, or it showed pounds. A second weighing that agrees with the odd one admits both. After
//! seven days without a usable weighing, distance alone says nothing, and only a wrong unit is looked for.
//! (Technique caused 54 % of false alerts in one telehealth sample; the wrong person on the scale is the most frequent
//! complaint of users of home scales.) A weight that fits a wrong unit is not admitted by a second like it: the scale, not
//! the person, says the same twice.
//!
//! [`KEPT`] weighings are looked back on: a week and a half of daily ones. Who weighs more often is looked back on as far:
//! when there is no room, one of two usable weighings of the same day (UTC) goes before any day does. The lower one stays, for
//! that is what a gain is measured from.
//!
//! **Invariant:** what is doubted depends on the weighings and their order in time, not on their order of arrival.

use super::trend::DAY_S;

/// How many weighings are remembered.
pub(crate) const KEPT: usize = 10;
/// How far back the median looks, and how long a gap silences the test of distance.
const WEEK_S: i32 = 7 * DAY_S;
/// A usable weighing older than this no longer tells a wrong unit.
const FORGOTTEN_S: i32 = 120 * DAY_S;
const FAR_G: i32 = 4_000;
const FAR_PARTS: i32 = 20;
/// Two odd weighings that lie this close speak for each other, g.
const AGREE_G: i32 = 1_500;
const POUNDS_IN_KG: f64 = 2.2046;
/// A weight that this share from the median after a change of unit counts as shown in that unit.
const UNIT_SHARE: f64 = 0.03;

/// What is said of a weighing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Verdict {
    /// It is used.
    Usable,
    /// It is far from the usual.
    Far {
        /// The median of the last seven days, or after a gap the last usable one, kg.
        median_kg: f64,
        /// What it would be if the scale had shown the wrong unit, kg, where that fits.
        other_unit_kg: Option<f64>,
    },
}

/// One weighing: in one word the last ten bits of its day, nineteen of grams, and two of what is said of it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Weighing {
    pub(crate) at_s: i32,
    word: i32,
}

const STANDING: i32 = 0b11;
const USABLE: i32 = 0;
const ODD: i32 = 1;
const OTHER_UNIT: i32 = 2;

const GRAMS: i32 = 0x7_FFFF;
const DAYS: i32 = 0x3FF;

impl Weighing {
    const fn new(at_s: i32, day: i32, grams: i32, standing: i32) -> Self {
        Self { at_s, word: ((day & DAYS) << 21) | ((grams & GRAMS) << 2) | standing }
    }

    pub(crate) const fn grams(self) -> i32 {
        (self.word >> 2) & GRAMS
    }

    /// The same weighing, used.
    const fn admitted(self) -> Self {
        Self { word: self.word & !STANDING, ..self }
    }

    /// Whether it was on the same day as `other`.
    const fn shares_day(self, other: Self) -> bool {
        self.word >> 21 == other.word >> 21 && (self.at_s.saturating_sub(other.at_s)).abs() < DAY_S
    }

    pub(crate) const fn is_usable(self) -> bool {
        self.word & STANDING == USABLE
    }

    pub(crate) fn kg(self) -> f64 {
        f64::from(self.grams()) / 1000.0
    }
}

/// The latest weighing and the lowest one before it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Jump {
    pub(crate) gain_kg: f64,
    pub(crate) latest_kg: f64,
    pub(crate) lowest_kg: f64,
    pub(crate) days: f64,
}

/// See the module. Newest first.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Weights {
    entries: [Weighing; KEPT],
    len: u8,
}

impl Weights {
    /// The weighings remembered, newest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Weighing> + '_ {
        self.entries.iter().take(usize::from(self.len)).copied()
    }

    /// Those that are used, newest first.
    pub(crate) fn usable(&self) -> impl Iterator<Item = Weighing> + '_ {
        self.iter().filter(|weighing| weighing.is_usable())
    }

    /// Takes in the next weighing, at `at_s` on `day` (UTC), `kg` between 20 and 350. Says what it is worth, and shows each
    /// earlier odd one that it admits.
    pub(crate) fn take(&mut self, at_s: i32, day: i32, kg: f64, mut admits: impl FnMut(Weighing)) -> Verdict {
        let grams = to_grams(kg);
        let mut verdict = self.distance(at_s, grams);
        let is_odd = matches!(verdict, Verdict::Far { other_unit_kg: None, .. });
        if is_odd && self.confirm(at_s, grams, &mut admits) {
            verdict = Verdict::Usable;
        }
        let standing = match verdict {
            Verdict::Usable => USABLE,
            Verdict::Far { other_unit_kg: None, .. } => ODD,
            Verdict::Far { other_unit_kg: Some(_), .. } => OTHER_UNIT,
        };
        let gone = self.least_needed();
        self.entries.copy_within(..gone, 1);
        self.entries[0] = Weighing::new(at_s, day, grams, standing);
        #[allow(clippy::cast_possible_truncation)]
        let most = KEPT as u8;
        self.len = (self.len + 1).min(most);
        verdict
    }

    /// The place that a further weighing may take: the last, or of the oldest day with two usable ones the higher.
    fn least_needed(&self) -> usize {
        if usize::from(self.len) < KEPT {
            return KEPT - 1;
        }
        let pairs = self.entries.windows(2).enumerate().rev();
        let mut alike = pairs.filter_map(|(place, pair)| match pair {
            [later, earlier] if later.is_usable() && earlier.is_usable() && later.shares_day(*earlier) => {
                Some(if later.grams() <= earlier.grams() { place + 1 } else { place })
            }
            _ => None,
        });
        alike.next().unwrap_or(KEPT - 1)
    }

    fn distance(&self, at_s: i32, grams: i32) -> Verdict {
        let (mut least, mut most, mut count) = (i32::MAX, i32::MIN, 0);
        for weighing in self.within(at_s, WEEK_S) {
            let held = weighing.grams();
            (least, most, count) = (least.min(held), most.max(held), count + 1);
        }
        if count > 0 {
            // The median lies between the least and the most: near both is near it.
            let near = far_g(least);
            if most - grams <= near && grams - least <= near {
                return Verdict::Usable;
            }
            return self.distance_to_median(at_s, grams);
        }
        let kg = f64::from(grams) / 1000.0;
        let last = self.within(at_s, FORGOTTEN_S).next();
        match last.and_then(|last| Some((last.kg(), other_unit(kg, last.kg())?))) {
            Some((median_kg, other_kg)) => Verdict::Far { median_kg, other_unit_kg: Some(other_kg) },
            None => Verdict::Usable,
        }
    }

    fn distance_to_median(&self, at_s: i32, grams: i32) -> Verdict {
        let mut recent: Vec<f64> = self.within(at_s, WEEK_S).map(Weighing::kg).collect();
        let Some(median_kg) = median(&mut recent) else { return Verdict::Usable };
        let kg = f64::from(grams) / 1000.0;
        let far_kg = (f64::from(FAR_G) / 1000.0).max(median_kg / f64::from(FAR_PARTS));
        // To the gram: differences of floating-point kilograms must not pass a limit they only reach.
        if ((kg - median_kg).abs() * 1000.0).round() <= (far_kg * 1000.0).round() {
            return Verdict::Usable;
        }
        Verdict::Far { median_kg, other_unit_kg: other_unit(kg, median_kg) }
    }

    fn within(&self, at_s: i32, span_s: i32) -> impl Iterator<Item = Weighing> + '_ {
        self.usable().filter(move |weighing| at_s.saturating_sub(weighing.at_s) < span_s)
    }

    /// Whether a weighing of the last seven days that is odd agrees, or one that was admitted this way; then those are
    /// admitted.
    fn confirm(&mut self, at_s: i32, grams: i32, admits: &mut impl FnMut(Weighing)) -> bool {
        let mut agrees = false;
        for earlier in self.entries.iter_mut().take(usize::from(self.len)) {
            if at_s.saturating_sub(earlier.at_s) >= WEEK_S {
                break;
            }
            if earlier.at_s >= at_s || (earlier.grams() - grams).abs() > AGREE_G {
                continue;
            }
            match earlier.word & STANDING {
                USABLE => agrees = true,
                ODD => {
                    *earlier = earlier.admitted();
                    admits(*earlier);
                    agrees = true;
                }
                _ => {}
            }
        }
        agrees
    }

    /// How far the latest usable weighing lies above the lowest of the `days` before it, half a day's grace included: a
    /// weighing at nine is within three days of one at eight.
    pub(crate) fn jump(&self, days: f64) -> Option<Jump> {
        let mut usable = self.usable();
        let latest = usable.next()?;
        #[allow(clippy::cast_possible_truncation)]
        let span_s = ((days + 0.5) * f64::from(DAY_S)) as i32;
        let lowest = usable
            .take_while(|weighing| latest.at_s.saturating_sub(weighing.at_s) <= span_s)
            .min_by_key(|weighing| weighing.grams())?;
        Some(Jump {
            gain_kg: f64::from(latest.grams() - lowest.grams()) / 1000.0,
            latest_kg: latest.kg(),
            lowest_kg: lowest.kg(),
            days: f64::from(latest.at_s.saturating_sub(lowest.at_s)) / f64::from(DAY_S),
        })
    }
}

/// How far from a week's weights is far, g.
fn far_g(median_g: i32) -> i32 {
    FAR_G.max(median_g / FAR_PARTS)
}

#[allow(clippy::cast_possible_truncation)]
fn to_grams(kg: f64) -> i32 {
    // Weights are not negative, so that half a gram and a cut round.
    (kg * 1000.0 + 0.5) as i32
}

fn other_unit(kg: f64, usual_kg: f64) -> Option<f64> {
    [kg / POUNDS_IN_KG, kg * POUNDS_IN_KG]
        .into_iter()
        .find(|candidate| (candidate - usual_kg).abs() <= UNIT_SHARE * usual_kg)
}

/// The middle value; `None` for none.
pub(crate) fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    values.get(values.len() / 2 - 1).map(|lower| f64::midpoint(*lower, upper))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Weighings a day, hours between them, the days of the rule, and the gain that must be seen: by hand, 80.0 kg in the mornings
    /// of the first day and 0.5 kg more each day, 0.2 kg more at each later weighing of a day; the last is a morning's.
    #[test]
    fn a_gain_over_days_is_seen_however_often_somebody_weighs() {
        let rows = [
            (1, 0, 3.0, 3, 1.5, "once a day: the morning three days before"),
            (6, 2, 3.0, 3, 1.5, "six times: the same morning, for it is the lowest of its day"),
            (6, 2, 7.0, 7, 3.5, "a week"),
            (9, 2, 3.0, 9, 1.5, "nine times, after nine days"),
            (2, 10, 7.0, 8, 3.5, "morning and afternoon"),
        ];
        for (times, hours, span_days, until, expected_kg, why) in rows {
            let mut weights = Weights::default();
            for day in 0..until {
                for time in 0..times {
                    let kg = 80.0 + 0.5 * f64::from(day) + 0.2 * f64::from(time);
                    weights.take((24 * day + 6 + hours * time) * 3600, day, kg, |_| ());
                }
            }
            weights.take((24 * until + 6) * 3600, until, 80.0 + 0.5 * f64::from(until), |_| ());
            let gain_kg = weights.jump(span_days).map(|jump| jump.gain_kg);
            let is_seen = gain_kg.is_some_and(|gain_kg| (gain_kg - expected_kg).abs() < 1e-9);
            assert!(is_seen, "{why}: {gain_kg:?}");
        }
    }
}
