//! People, organisations, plans, tasks, conversations, access and audit; the database they live in, and the web.
//!
//! Knows no radio and no MQTT. A patient is read only through [`access::decide`], and every such read is logged with its
//! reason. `web` is a feature of its own, so that the room that admits readings never sees it.
//!
//! **Invariant:** whoever writes does so in one [`store::Tx`]; nothing is half-written.

pub mod access;
pub mod accounts;
pub mod actor;
pub mod admission;
pub mod alarm;
pub(crate) mod answers;
pub mod audit;
pub mod canary;
#[cfg(feature = "web")]
pub(crate) mod chart;
pub mod clock;
pub mod conversations;
pub mod dialogues;
pub mod enrolment;
pub mod export;
pub mod health;
pub mod intake;
pub mod language;
pub mod live;
#[cfg(feature = "web")]
pub(crate) mod patient_view;
pub mod people;
pub mod plans;
pub mod policies;
pub mod population;
pub mod quarantine;
pub mod readings;
pub mod reconcile;
pub mod register;
pub mod series;
pub mod store;
pub mod tasks;
#[cfg(feature = "web")]
pub mod web;
pub mod worklist;
