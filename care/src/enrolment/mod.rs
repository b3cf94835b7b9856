//! Enrolment: how a home box comes by the certificate that says who it is, keeps it, and loses it.
//!
//! | module | duty |
//! |---|---|
//! | [`authority`] | the key that signs: certificates for gateways, the broker and the server, and the revocation list |
//! | [`code`] | the eight characters that staff read out |
//! | [`codes`] | codes issued, ended, and spent once |
//! | [`request`] | what is taken from a signing request: the public key, once it is proven |
//! | [`certificates`] | what was signed, and until when it counts |
//! | [`enrol`] | `POST /enrol`: a code and a request become a certificate |
//! | [`renew`] | `POST /enrol/renew`: the old key vouches for the new one |
//! | [`staff`] | what staff do: issue a code, revoke, replace the box |
//! | [`attempts`] | how often one may guess |
//! | [`revocation`] | the list the broker reads, and what it was seen to obey |
//!
//! It refuses to know how messages travel: a broker is an address here, and a file that is handed to it.
//!
//! **Invariant:** a certificate is signed for the gateway that a code or a certificate of ours names, never for a name that
//! the box wrote; and in the same transaction that spends the code.

pub mod attempts;
pub mod authority;
pub mod certificates;
pub mod code;
pub mod codes;
pub mod enrol;
pub mod renew;
pub mod request;
pub mod revocation;
pub mod staff;

use std::sync::Arc;

pub use attempts::Attempts;
pub use authority::{Authority, AuthorityError};

/// What enrolment needs beside the store. Clones share it.
#[derive(Clone, Debug)]
pub struct Enrolment {
    /// Who signs.
    pub authority: Arc<Authority>,
    /// Where gateways find the broker, as a URL: told to each box that enrols.
    pub broker: Arc<str>,
    /// Who has guessed how often.
    pub attempts: Arc<Attempts>,
}

impl Enrolment {
    /// Enrolment for gateways that go to `broker`.
    #[must_use]
    pub fn new(authority: Authority, broker: &str) -> Self {
        Self {
            authority: Arc::new(authority),
            broker: broker.into(),
            attempts: Arc::new(Attempts::default()),
        }
    }
}

/// What a box is given.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Granted {
    /// Who it is from now on: the certificate's common name.
    pub gateway: String,
    /// Its certificate, PEM.
    pub certificate: String,
    /// Who vouches for the broker, PEM.
    pub ca: String,
    /// Where the broker is.
    pub broker: String,
}
