//! `POST /enrol/renew`: the key of a certificate that still counts vouches for a new one.
//!
//! The body is `{"certificate":PEM,"csr":PEM,"at":TIME,"proof":HEX}`: the certificate in use, a request signed by the new key, the
//! time by the box's clock, and the old key's signature over [`message`]. The proof is bound to both keys and to ten minutes, so
//! what was overheard renews nothing but the same key. It works through any proxy, which a client certificate would not.
//!
//! Asked twice for the same new key, it gives the same certificate: an answer that was lost on the way is no reason to visit a home.
//!
//! **Invariant:** a certificate that has ended or expired is not renewed, whatever is signed with its key.

use serde::Deserialize;
use sha2::{Digest, Sha256};
use vitals::Timestamp;

use super::attempts::Source;
use super::certificates::{self, Certificate, How};
use super::enrol::{EnrolError, attempt, by_gateway, granted, read, sign};
use super::request::{self, GatewayKey, REQUEST_BYTES_MAX};
use super::{Enrolment, Granted};
use crate::audit;
use crate::store::Store;

/// How far the box's clock may be from ours.
const CLOCKS_APART_MS: i64 = 10 * Timestamp::MINUTE_MS;
const PROOF_BYTES_MAX: usize = 256;

#[derive(Deserialize)]
struct Asked {
    certificate: String,
    csr: String,
    at: String,
    proof: String,
}

/// What the old key signs: a name, `at` as it was sent, and the SHA-256 of certificate and request (their DER), each in lower-case
/// hex, with a line feed after each.
#[must_use]
pub fn message(at: &str, certificate_der: &[u8], request_der: &[u8]) -> String {
    let hash = |bytes: &[u8]| vitals::hex::encode(&Sha256::digest(bytes));
    format!("vagen-renew-1\n{at}\n{}\n{}\n", hash(certificate_der), hash(request_der))
}

/// Renews the certificate that `body` proves to hold.
///
/// # Errors
/// [`EnrolError`]; then what was in use still is.
pub async fn renew(
    store: &Store,
    enrolment: &Enrolment,
    body: &[u8],
    source: Source,
    now: Timestamp,
) -> Result<Granted, EnrolError> {
    let trying = async {
        let asked: Asked = read(body)?;
        let key = request::read(&asked.csr)?;
        let shown = shown(&asked.certificate).ok_or(EnrolError::Certificate)?;
        let known = certificates::by_serial(&mut *store.read().await?, &shown.serial).await?;
        let known = known.filter(|known| counts(known, &shown, now)).ok_or(EnrolError::Certificate)?;
        proves(&asked, &shown, now)?;
        if key.hash() == known.key_hash {
            return Err(EnrolError::Body {
                what: "the request holds the old key; make a new one".to_owned(),
            });
        }
        put_in_place(store, enrolment, &known, &key, now).await
    };
    attempt(store, enrolment, source, "renew certificate", now, trying).await
}

/// A certificate as it was shown.
struct Shown {
    serial: String,
    der: Vec<u8>,
    key: GatewayKey,
}

fn der(pem: &str) -> Option<Vec<u8>> {
    if pem.len() > REQUEST_BYTES_MAX {
        return None;
    }
    x509_parser::pem::parse_x509_pem(pem.as_bytes()).ok().map(|(_, block)| block.contents)
}

fn shown(pem: &str) -> Option<Shown> {
    let der = der(pem)?;
    let (rest, certificate) = x509_parser::parse_x509_certificate(&der).ok()?;
    let serial = vitals::hex::encode(certificate.raw_serial());
    let key = GatewayKey::from_der(certificate.public_key().raw)?;
    if rest.is_empty() { Some(Shown { serial, key, der: der.clone() }) } else { None }
}

/// Whether what was shown is, to the byte, what was signed, and still counts.
fn counts(known: &Certificate, shown: &Shown, now: Timestamp) -> bool {
    known.is_live(now) && der(&known.pem).is_some_and(|signed| signed == shown.der)
}

fn proves(asked: &Asked, shown: &Shown, now: Timestamp) -> Result<(), EnrolError> {
    let request = der(&asked.csr).ok_or(EnrolError::Certificate)?;
    let proof = vitals::hex::decode(&asked.proof).filter(|proof| proof.len() <= PROOF_BYTES_MAX);
    let message = message(&asked.at, &shown.der, &request);
    if !proof.is_some_and(|proof| shown.key.signed(message.as_bytes(), &proof)) {
        return Err(EnrolError::Certificate);
    }
    let at: Timestamp =
        asked.at.parse().map_err(|error| EnrolError::Body { what: format!("at: {error}") })?;
    if now.millis_since(at).abs() > CLOCKS_APART_MS {
        return Err(EnrolError::Clock { now });
    }
    Ok(())
}

async fn put_in_place(
    store: &Store,
    enrolment: &Enrolment,
    known: &Certificate,
    key: &GatewayKey,
    now: Timestamp,
) -> Result<Granted, EnrolError> {
    let mut tx = store.write().await?;
    let all = certificates::of(&mut tx, &known.gateway).await?;
    // Between the look and the lock somebody may have revoked it.
    if !all.iter().any(|one| one.serial == known.serial && one.is_live(now)) {
        return Err(EnrolError::Certificate);
    }
    if let Some(again) = all.iter().find(|one| one.key_hash == key.hash()) {
        let again = again.is_live(now).then(|| again.pem.clone()).ok_or(EnrolError::Certificate)?;
        return Ok(granted(enrolment, &known.gateway, again));
    }
    let certificate = sign(&mut tx, enrolment, (&known.gateway, key), How::Renewed, now).await?;
    let reason = format!("proof by certificate {}", known.serial);
    audit::append(&mut tx, &by_gateway(known.gateway.as_str(), "renew certificate", &reason), now).await?;
    tx.commit().await?;
    metrics::counter!("vagen_certificates_renewed_total").increment(1);
    Ok(granted(enrolment, &known.gateway, certificate))
}
