//! Enrolment: how this box comes by the certificate that says who it is, and keeps it current.
//!
//! | module | duty |
//! |---|---|
//! | [`server`] | which addresses may be asked |
//! | [`identity`] | a certificate with its key: what is asked for one, what a proof says |
//! | [`validity`] | from when until when a certificate counts |
//! | [`schedule`] | when to renew, and when to try again |
//! | [`settings`] | the configuration, with what enrolment says put into it |
//!
//! It refuses to know sockets, files and clocks: those are [`io::enrol`](crate::io::enrol)'s and [`io::renew`](crate::io::renew)'s.
//!
//! **Invariant:** a private key leaves this box never, and its process only into a file that its owner alone can read.

pub mod identity;
pub mod schedule;
pub mod server;
pub mod settings;
pub mod validity;

use serde::Deserialize;

/// What the server grants.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Granted {
    /// Who this box is from now on.
    pub gateway: String,
    /// Its certificate, PEM.
    pub certificate: String,
    /// Who vouches for the broker, PEM.
    pub ca: String,
    /// Where the broker is.
    pub broker: String,
}
