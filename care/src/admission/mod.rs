//! What the store keeps of admission: sequences of gateways, the decided numbers, readings, quarantine, heartbeats.
//!
//! Rows in, rows out. What is admitted and why is decided by the room that receives; nothing here judges, and nobody
//! else writes these tables.
//!
//! **Invariant:** every function that writes takes a [`crate::store::Tx`], so that a reading, its place in the sequence and what
//! follows from it are durable together or not at all.

pub mod assessed;
pub mod changes;
pub mod gateways;
pub mod members;
pub mod quarantine;
pub mod readings;
pub mod replaced;
pub mod settled;
pub mod streams;
pub mod wearers;
