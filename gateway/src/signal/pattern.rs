//! The patterns: which pulses say what, for eyes and ears that are eighty years old.
//!
//! Pulses of a tenth of a second and more, never faster than three a second (below what can trigger a seizure: WCAG 2.2,
//! 2.3.1), told apart by count and length rather than by speed.
//!
//! **Invariant:** no two signs share a pattern on the same output.

use std::time::{Duration, Instant};

/// What is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// The reading is on the box's disk.
    Received,
    /// The server has it.
    Delivered,
    /// Something is wrong.
    Wrong,
}

impl Sign {
    /// The name of its sound file, without the ending.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Delivered => "delivered",
            Self::Wrong => "wrong",
        }
    }
}

/// Pulses: on and off in turn, ms, beginning with on; again from the start after the last, or once.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Shape {
    steps_ms: &'static [u64],
    repeats: bool,
}

/// How often the buzzer says again that something is wrong.
pub(super) const BUZZER_WRONG_EVERY: Duration = Duration::from_secs(2 * 3_600);

pub(super) const LAMP_WRONG: Shape = Shape { steps_ms: &[150, 250, 150, 4_450], repeats: true };
const LAMP_RECEIVED: Shape = Shape { steps_ms: &[250, 250, 250, 250, 250, 500], repeats: false };
const LAMP_DELIVERED: Shape = Shape { steps_ms: &[8_000, 500], repeats: false };
const BUZZER_RECEIVED: Shape = Shape { steps_ms: &[120, 500], repeats: false };
const BUZZER_DELIVERED: Shape = Shape { steps_ms: &[120, 200, 120, 500], repeats: false };
const BUZZER_WRONG: Shape = Shape { steps_ms: &[700, 400, 700, 400, 700, 500], repeats: false };

pub(super) fn lamp(sign: Sign) -> &'static Shape {
    match sign {
        Sign::Received => &LAMP_RECEIVED,
        Sign::Delivered => &LAMP_DELIVERED,
        Sign::Wrong => &LAMP_WRONG,
    }
}

pub(super) fn buzzer(sign: Sign) -> &'static Shape {
    match sign {
        Sign::Received => &BUZZER_RECEIVED,
        Sign::Delivered => &BUZZER_DELIVERED,
        Sign::Wrong => &BUZZER_WRONG,
    }
}

impl Shape {
    fn length(&self) -> Duration {
        Duration::from_millis(self.steps_ms.iter().sum())
    }
}

/// A shape that begins at a moment.
#[derive(Debug)]
pub(super) struct Wave {
    shape: &'static Shape,
    start: Instant,
}

impl Wave {
    pub(super) fn new(shape: &'static Shape, start: Instant) -> Self {
        Self { shape, start }
    }

    pub(super) fn has(&self, shape: &'static Shape) -> bool {
        self.shape == shape
    }

    /// When it is over; `None` when it goes on until it is taken away.
    pub(super) fn end(&self) -> Option<Instant> {
        (!self.shape.repeats).then(|| self.start + self.shape.length())
    }

    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.end().is_some_and(|end| end <= now)
    }

    pub(super) fn is_on(&self, now: Instant) -> bool {
        now >= self.start && self.step(now).is_some_and(|(step, _)| step % 2 == 0)
    }

    /// When the level next changes.
    pub(super) fn next_edge(&self, now: Instant) -> Option<Instant> {
        if now < self.start {
            return Some(self.start);
        }
        self.step(now).map(|(_, left)| now + left)
    }

    /// Which step `now` is in, and how much of it is left.
    fn step(&self, now: Instant) -> Option<(usize, Duration)> {
        if self.is_over(now) {
            return None;
        }
        let length_ns = self.shape.length().as_nanos();
        let mut into_ns = now.saturating_duration_since(self.start).as_nanos() % length_ns;
        for (step, ms) in self.shape.steps_ms.iter().enumerate() {
            let step_ns = Duration::from_millis(*ms).as_nanos();
            if into_ns < step_ns {
                let left = u64::try_from(step_ns - into_ns).unwrap_or(u64::MAX);
                return Some((step, Duration::from_nanos(left)));
            }
            into_ns -= step_ns;
        }
        None
    }
}
