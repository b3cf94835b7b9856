//! What one reading set off: one bit a rule.
//!
//! **Invariant:** where no bit is set, no rule has anything to say, and nothing need be looked up to know it.

/// What a reading set off. Most set off nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Glance(u16);

impl Glance {
    pub(crate) const DECOMPENSATION: Self = Self(1);
    pub(crate) const JUMP: Self = Self(1 << 1);
    pub(crate) const MACD: Self = Self(1 << 2);
    pub(crate) const CUSUM: Self = Self(1 << 3);
    pub(crate) const SLOPE: Self = Self(1 << 4);
    pub(crate) const SYMPTOMS: Self = Self(1 << 5);
    pub(crate) const SYSTOLIC_LOW: Self = Self(1 << 6);
    pub(crate) const SYSTOLIC_HIGH: Self = Self(1 << 7);
    pub(crate) const DIASTOLIC_HIGH: Self = Self(1 << 8);
    pub(crate) const PULSE_LOW: Self = Self(1 << 9);
    pub(crate) const PULSE_HIGH: Self = Self(1 << 10);
    pub(crate) const SPO2_LOW: Self = Self(1 << 11);
    pub(crate) const DOUBT: Self = Self(1 << 12);
    pub(crate) const FAILED: Self = Self(1 << 13);

    /// What one reading can let another set off that lies after it: a limit passed twice in a row, or a gain over what came before.
    const AFTER: Self = Self(
        Self::JUMP.0
            | Self::MACD.0
            | Self::CUSUM.0
            | Self::SLOPE.0
            | Self::SYSTOLIC_LOW.0
            | Self::SYSTOLIC_HIGH.0
            | Self::DIASTOLIC_HIGH.0
            | Self::PULSE_LOW.0
            | Self::PULSE_HIGH.0
            | Self::SPO2_LOW.0,
    );

    /// Nothing.
    pub const QUIET: Self = Self(0);

    /// Whether nothing was set off.
    #[must_use]
    pub const fn is_quiet(self) -> bool {
        self.0 == 0
    }

    /// Whether this holds any of `other`.
    pub(crate) const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Both.
    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// `self` if so.
    pub(crate) const fn when(self, so: bool) -> Self {
        if so { self } else { Self::QUIET }
    }

    /// What a reading sets off here that it did not while a late one before it was missing.
    pub(crate) const fn let_in(self, before: Self) -> Self {
        Self(self.0 & Self::AFTER.0 & !before.0)
    }

    /// This without `other`.
    pub(crate) const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}
