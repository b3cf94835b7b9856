//! A story out of bytes: each choice takes what it needs from the front, and zeroes once nothing is left.

use devices::{Format, Model, Session, Settings, Uuid16, models};

/// 2026-01-01T07:04:00Z.
pub(crate) const START_MS: i64 = 1_767_251_040_000;

/// The bytes that are left.
pub(crate) struct Supply<'a>(&'a [u8]);

impl<'a> Supply<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// A length byte, and as many bytes as that or as there are.
    pub(crate) fn bytes(&mut self) -> Vec<u8> {
        let wanted = usize::from(self.byte() % 40);
        let (taken, rest) = self.0.split_at(wanted.min(self.0.len()));
        self.0 = rest;
        taken.to_vec()
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        let index = usize::from(self.byte());
        from.get(index % from.len().max(1)).copied()
    }

    pub(crate) fn format(&mut self) -> Format {
        self.pick(Format::ALL).unwrap_or(Format::Weight)
    }

    /// No model, or one of the table.
    pub(crate) fn model(&mut self) -> Option<&'static Model> {
        let index = usize::from(self.byte()) % (models::all().len() + 1);
        index.checked_sub(1).and_then(|index| models::all().get(index))
    }

    /// A characteristic that means something to a session, or now and then any other.
    pub(crate) fn uuid(&mut self) -> Uuid16 {
        let known = Format::ALL.iter().filter_map(|format| format.uuid());
        let known: Vec<Uuid16> = known.chain(BESIDE.map(Uuid16)).collect();
        let index = usize::from(self.byte());
        known.get(index).copied().unwrap_or_else(|| Uuid16(u16::from_le_bytes([self.byte(), self.byte()])))
    }
}

/// What devices have beside measurements.
const BESIDE: [u16; 12] =
    [0x2A19, 0x2A23, 0x2A24, 0x2A25, 0x2A29, 0x2A49, 0x2A52, 0x2A60, 0x2A9B, 0x2A9E, 0x2A9F, 0x8A81];

/// The session of a gateway that was cut off and started again.
pub(crate) fn restarted(session: &Session, settings: Settings) -> Session {
    Session::new(session.model(), settings).recalling(session.memory())
}
