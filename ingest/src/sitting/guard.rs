//! Rules that fail stand in nobody's way.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::SittingError;

/// Runs a rule. One that panics is an error here, so that a single reading cannot stop the rest.
pub(super) fn guarded<T>(run: impl FnOnce() -> T) -> Result<T, SittingError> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|panic| {
        let what = panic
            .downcast_ref::<&str>()
            .map(ToString::to_string)
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "a rule panicked".to_owned());
        SittingError::Fault { what }
    })
}

/// What was asked for needs a state that nobody opened: a fault of ours.
pub(super) fn not_open() -> SittingError {
    SittingError::Fault { what: "judged without an open state".to_owned() }
}
