//! Answers counted: what is left of old ones once they are a habit, and a day's worst ones while they are young.
//!
//! It knows no policy and no rule; [`super::habit`] says what counts, and when.
//!
//! **Invariant:** a question that was not answered is not counted.

use super::habit::SCORED;
use super::sample::Answers;

/// The old answers to one symptom: how many, and their sum, both in hundredths so that they are small. Habits forget, so
/// that neither comes near its end.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Tally {
    count: u16,
    sum: u16,
}

const UNIT: f32 = 100.0;

impl Tally {
    pub(super) fn parts(self) -> (f32, f32) {
        (f32::from(self.count) / UNIT, f32::from(self.sum) / UNIT)
    }

    pub(super) fn keep(&mut self, share: f32) {
        let (count, sum) = self.parts();
        *self = Self { count: fixed(count * share), sum: fixed(sum * share) };
    }

    pub(super) fn add(&mut self, grade: u8) {
        let (count, sum) = self.parts();
        *self = Self { count: fixed(count + 1.0), sum: fixed(sum + f32::from(grade)) };
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn fixed(number: f32) -> u16 {
    // Numbers are not negative; a cast cuts, and holds at the ends.
    (number * UNIT + 0.5) as u16
}

/// The old answers to all symptoms together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Total {
    pub(super) count: f32,
    pub(super) sum: f32,
    pub(super) squares: f32,
}

impl Total {
    pub(super) fn keep(&mut self, share: f32) {
        *self = Self { count: self.count * share, sum: self.sum * share, squares: self.squares * share };
    }

    pub(super) fn add(&mut self, total: f32) {
        self.count += 1.0;
        self.sum += total;
        self.squares += total * total;
    }
}

/// A day's worst answers: three bits for each of [`SCORED`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Worst(u32);

/// The same in the three bytes that they fill.
pub(super) type Packed = [u8; 3];

impl From<Packed> for Worst {
    fn from([low, middle, high]: Packed) -> Self {
        Self(u32::from_le_bytes([low, middle, high, 0]))
    }
}

impl From<Worst> for Packed {
    fn from(worst: Worst) -> Self {
        let [low, middle, high, _] = worst.0.to_le_bytes();
        [low, middle, high]
    }
}

impl Worst {
    const ANSWERED: u32 = 0b100;

    pub(super) fn of(answers: Answers) -> Self {
        SCORED.iter().enumerate().fold(Self::default(), |day, (place, symptom)| match answers.get(*symptom) {
            Some(grade) => Self(day.0 | ((Self::ANSWERED | u32::from(grade)) << (3 * place))),
            None => day,
        })
    }

    pub(super) const fn get(self, place: usize) -> Option<u8> {
        let bits = self.0 >> (3 * place);
        // Two bits hold a grade.
        #[allow(clippy::cast_possible_truncation)]
        if bits & Self::ANSWERED == 0 { None } else { Some((bits & 0b11) as u8) }
    }

    /// The worse of the two, symptom by symptom.
    pub(super) fn join(self, other: Self) -> Self {
        (0..SCORED.len()).fold(Self::default(), |joined, place| {
            let shift = 3 * place;
            // With the bit that says "answered" on top, the larger is the worse, and any answer beats none.
            let (one, two) = ((self.0 >> shift) & 0b111, (other.0 >> shift) & 0b111);
            Self(joined.0 | (one.max(two) << shift))
        })
    }

    /// Whether nothing was answered but "none".
    pub(super) const fn all_none(self) -> bool {
        const GRADES: u32 = 0o33_333_333;
        self.0 & GRADES == 0
    }
}
