//! The broker's other end: from a message on a gateway's topic to a reading in one patient's record, with the findings and
//! task changes that follow, committed, acknowledged, receipted.
//!
//! ```text
//! broker -> link -> judge -> queue -> [ admit -> follow -> write ] in one transaction -> commit -> acknowledge -> receipt
//! ```
//!
//! A message is acknowledged after the commit that holds everything it said; a gateway deletes on the receipt alone. What
//! cannot be admitted is quarantined with a reason a person can see, and never stands in the way of what can. Knows
//! no radio and no page.
//!
//! **Invariant:** no acknowledgement and no receipt speaks of anything that is not durable.

pub mod broker;
pub mod canary;
pub mod fault;
pub mod fingerprint;
pub mod judge;
pub mod link;
pub mod pace;
pub mod policies;
pub mod projection;
pub mod questdb;
pub mod reconcile;
pub mod seat;
pub mod sequence;
pub mod service;
pub mod share;
#[cfg(feature = "fault-points")]
pub mod stepped;
pub mod stop;
pub mod wearer;

mod admit;
mod beat;
mod commit;
mod follow_through;
mod gateways;
mod intake;
mod membership;
mod queue;
mod readmit;
mod replaced;
mod resend;
mod sequences;
mod sitting;
mod subscriptions;
mod tally;
mod trace;
mod unattributed;
mod watch;

pub use broker::{BrokerError, EmbeddedBroker};
pub use commit::Batching;
pub use policies::Policies;
pub use service::{House, Ingest, Options, RequestError, StartError};

#[cfg(test)]
mod tests;
