//! `POST /enrol`: a code and a signing request become a certificate.
//!
//! **Invariant:** a wrong code is answered in the same words whether it was never issued, was used, has expired or was
//! mistyped; and a request that cannot be signed spends no code.

use serde::Deserialize;
use vitals::{GatewayId, Timestamp};

use super::attempts::Source;
use super::certificates::{self, Ending, How};
use super::code::Code;
use super::request::{self, GatewayKey, RequestError};
use super::{AuthorityError, Enrolment, Granted, codes};
use crate::audit::{self, Entry};
use crate::store::{Store, StoreError, Tx};

/// The largest body that is looked at.
pub const BODY_BYTES_MAX: usize = 24 * 1024;
/// How long a certificate goes on to count after a newer one was signed: its answer may have been lost on the way.
pub const OVERLAP_MS: i64 = 24 * Timestamp::HOUR_MS;

/// Why nothing was signed.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// The body is not what is asked for.
    #[error("the body must be JSON: {what}")]
    Body {
        /// What is wrong with it.
        what: String,
    },
    /// The signing request is not one to sign.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The code does not count.
    #[error(
        "this code does not count: it may be mistyped, used already or older than 24 hours; ask for a new one, staff issue it in the dashboard"
    )]
    Code,
    /// The certificate to renew does not count.
    #[error(
        "this certificate cannot be renewed: it has expired, was revoked, or is none of ours; enrol again with a code, staff issue it in the dashboard"
    )]
    Certificate,
    /// The box's clock is wrong.
    #[error("the time of the request is not the server's; set the clock: here it is {now}")]
    Clock {
        /// The server's time.
        now: Timestamp,
    },
    /// Too many failures.
    #[error("too many attempts; wait {seconds} seconds and check the code")]
    TooMany {
        /// How long to wait.
        seconds: i64,
    },
    /// The store failed. Nothing was spent.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Signing failed. Nothing was spent.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
}

impl EnrolError {
    /// Whether it counts as a guess.
    const fn is_failed_attempt(&self) -> bool {
        match self {
            Self::Body { .. } | Self::Request(_) | Self::Code | Self::Certificate => true,
            Self::Clock { .. } | Self::TooMany { .. } | Self::Store(_) | Self::Authority(_) => false,
        }
    }
}

#[derive(Deserialize)]
struct Asked {
    code: String,
    csr: String,
}

/// Reads a body as JSON of the kind `T`.
pub(super) fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, EnrolError> {
    if body.len() > BODY_BYTES_MAX {
        return Err(EnrolError::Body { what: format!("{} bytes, at most {BODY_BYTES_MAX}", body.len()) });
    }
    serde_json::from_slice(body).map_err(|error| EnrolError::Body { what: error.to_string() })
}

/// Lets `source` try `what`, and counts and logs the failure where it fails.
pub(super) async fn attempt<T>(
    store: &Store,
    enrolment: &Enrolment,
    source: Source,
    action: &str,
    now: Timestamp,
    what: impl Future<Output = Result<T, EnrolError>>,
) -> Result<T, EnrolError> {
    if let Err(wait_ms) = enrolment.attempts.may(source, now) {
        metrics::counter!("vagen_enrolments_held_off_total").increment(1);
        let seconds = (wait_ms + Timestamp::SECOND_MS - 1) / Timestamp::SECOND_MS;
        return Err(EnrolError::TooMany { seconds });
    }
    let done = what.await;
    if let Err(error) = &done
        && error.is_failed_attempt()
    {
        enrolment.attempts.failed(source, now);
        metrics::counter!("vagen_enrolments_refused_total").increment(1);
        let entry = Entry {
            decision: "denied".to_owned(),
            ..by_gateway("", action, &format!("{error}; from {source}"))
        };
        let mut tx = store.write().await?;
        audit::append(&mut tx, &entry, now).await?;
        tx.commit().await?;
    }
    done
}

pub(super) fn by_gateway(gateway: &str, action: &str, reason: &str) -> Entry {
    Entry {
        actor_kind: "gateway".to_owned(),
        reason: reason.to_owned(),
        ..Entry::at_the_command_line(gateway, action, None)
    }
}

/// Enrols the box that sent `body`, which is `{"code":"XXXX-XXXX","csr":"PEM"}`, from `source`.
///
/// # Errors
/// [`EnrolError`]; then the code is as it was.
pub async fn enrol(
    store: &Store,
    enrolment: &Enrolment,
    body: &[u8],
    source: Source,
    now: Timestamp,
) -> Result<Granted, EnrolError> {
    let trying = async {
        let asked: Asked = read(body)?;
        let key = request::read(&asked.csr)?;
        let code: Code = asked.code.parse().map_err(|_| EnrolError::Code)?;
        let mut tx = store.write().await?;
        let hash = code.hash(enrolment.authority.code_secret());
        let (gateway, issued_by) = codes::spend(&mut tx, &hash, now).await?.ok_or(EnrolError::Code)?;
        let certificate = sign(&mut tx, enrolment, (&gateway, &key), How::Enrolled, now).await?;
        let entry =
            by_gateway(gateway.as_str(), "enrol", &format!("code issued by {issued_by}; from {source}"));
        audit::append(&mut tx, &entry, now).await?;
        tx.commit().await?;
        metrics::counter!("vagen_enrolments_total").increment(1);
        Ok(granted(enrolment, &gateway, certificate))
    };
    attempt(store, enrolment, source, "enrol", now, trying).await
}

/// Signs for `gateway`, keeps what was signed, and lets what it had before count for a day more.
pub(super) async fn sign(
    tx: &mut Tx,
    enrolment: &Enrolment,
    (gateway, key): (&GatewayId, &GatewayKey),
    how: How,
    now: Timestamp,
) -> Result<String, EnrolError> {
    let issued = enrolment.authority.sign_gateway(gateway, key, now)?;
    let soon = now.plus_millis(OVERLAP_MS);
    certificates::end(tx, gateway, soon, Ending::Superseded, gateway.as_str()).await?;
    certificates::keep(tx, gateway, &key.hash(), &issued, how, now).await?;
    Ok(issued.pem)
}

pub(super) fn granted(enrolment: &Enrolment, gateway: &GatewayId, certificate: String) -> Granted {
    Granted {
        gateway: gateway.to_string(),
        certificate,
        ca: enrolment.authority.certificate_pem().to_owned(),
        broker: enrolment.broker.to_string(),
    }
}
