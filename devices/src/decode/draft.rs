//! A measurement while its frame is being read: where numbers become values or reasons.
//!
//! **Invariant:** a quantity ends up in `values` or in `absent`, never in both.

use std::collections::BTreeSet;

use vitals::{AbsentReason, Flag, Kind, Measurement, Outcome, Quantity};

use super::cursor::{Cursor, Place};
use super::number::{Conversion, Number};
use super::{DecodeError, Decoded, Quirk};

pub(super) struct Draft {
    pub(super) measurement: Measurement,
    quirks: BTreeSet<Quirk>,
}

impl Draft {
    pub(super) fn new(kind: Kind) -> Self {
        Self { measurement: Measurement::empty(kind), quirks: BTreeSet::new() }
    }

    /// Sets a value in its unit.
    pub(super) fn set(&mut self, quantity: Quantity, number: f64, place: Place) -> Result<(), DecodeError> {
        let Place { format, field, offset } = place;
        self.measurement.values.set(quantity, number).map_err(|_| DecodeError::OutOfRange {
            format,
            field,
            offset,
            quantity,
            number,
        })
    }

    /// Sets a value, or names why there is none.
    pub(super) fn number(
        &mut self,
        quantity: Quantity,
        number: Number,
        conversion: Conversion,
        place: Place,
    ) -> Result<(), DecodeError> {
        match number.convert(conversion) {
            Ok(value) => self.set(quantity, value, place),
            Err(reason) => {
                self.absent(quantity, reason);
                Ok(())
            }
        }
    }

    pub(super) fn absent(&mut self, quantity: Quantity, reason: AbsentReason) {
        self.measurement.absent.insert(quantity, reason);
    }

    pub(super) fn has(&self, quantity: Quantity) -> bool {
        self.measurement.values.get(quantity).is_some()
    }

    pub(super) fn quirk(&mut self, quirk: Quirk) {
        self.quirks.insert(quirk);
    }

    pub(super) fn flag(&mut self, flag: Flag) {
        self.measurement.flags.insert(flag);
    }

    /// Adds the flags whose bit is set in `bits`.
    pub(super) fn flags(&mut self, bits: u32, table: &[(u32, Flag)]) {
        let set = table.iter().filter(|(bit, _)| bits & (1 << bit) != 0).map(|(_, flag)| *flag);
        self.measurement.flags.extend(set);
    }

    /// The measurement failed if it holds none of `quantities`.
    pub(super) fn fails_without(&mut self, quantities: &[Quantity]) {
        if !quantities.iter().any(|quantity| self.has(*quantity)) {
            self.measurement.outcome = Outcome::Failed;
        }
    }

    /// An empty slot of the device's history: nothing in it is a value.
    pub(super) fn into_stub(mut self) -> Self {
        self.measurement.outcome = Outcome::Stub;
        self.measurement.values = vitals::Values::new();
        self.measurement.absent.clear();
        self
    }

    /// Done. Bytes left over are tolerated and said so: a profile's collector ignores what it does not know (Bluetooth
    /// Weight Scale Profile 1.0 and its siblings, on reserved flags), and a lost reading is worse than a longer frame.
    pub(super) fn finish(mut self, cursor: &Cursor<'_>) -> Decoded {
        if !cursor.is_at_end() {
            self.quirk(Quirk::SurplusBytes);
        }
        self.finish_padded()
    }

    /// Done, in a layout of fixed length whose last bytes have no known meaning.
    pub(super) fn finish_padded(self) -> Decoded {
        Decoded { measurement: self.measurement, quirks: self.quirks.into_iter().collect() }
    }
}
