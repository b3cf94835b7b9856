//! Who is who, as a file: a register in TOML, and making the store agree with it.
//!
//! [`file`] reads and checks the text, [`entries`] holds what a row may say, [`apply`] compares it with the store and writes
//! what differs. A register adds and changes; it never removes: an `until` ends things. [`listing`] reads it back, without
//! anything clinical.
//!
//! **Invariant:** a register with one wrong reference changes nothing at all.

pub mod apply;
pub mod entries;
pub mod file;
pub mod listing;
mod logins;
mod plan;
mod rows;

pub use apply::{ApplyError, Changed, apply, apply_as};
pub use file::{Register, RegisterError};
