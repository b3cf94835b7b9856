//! Renewal: while the gateway runs, its certificate is made new long before it ends, and the connection with it.
//!
//! The new key is on disk before it is asked for, so that an answer that was lost is asked for again and is the same. Certificate
//! and key are one file and are replaced in one stroke; then the connection is made anew with them.
//!
//! **Invariant:** whatever fails, the certificate in use stays in use; and one that cannot be renewed is said so, ever more loudly.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::Notify;

use super::clock::{Clock, system_now};
use super::enrol::{EnrolError, ask, identity, put};
use crate::config::Renewal;
use crate::enrol::identity::NewKey;
use crate::enrol::schedule;
use crate::vigil::{Trouble, Vigil};

/// Keeps the certificate current for as long as it is polled, and says on `renewed` that there is a new one.
pub async fn keep(renewal: Renewal, clock: Clock, vigil: Vigil, renewed: Arc<Notify>, fraction: f64) {
    let mut failures = 0;
    // Found out now, not in two months: a folder that this user cannot write.
    if let Err(error) = next_key(&pending(&renewal.identity), "") {
        tracing::error!(%error, "the certificate cannot be renewed: its folder must be this user's");
        vigil.trouble(Trouble::CertificateEnds, true);
    }
    loop {
        let pause = match look(&renewal, &clock, &vigil, &renewed, fraction).await {
            Ok(pause) => {
                failures = 0;
                pause
            }
            Err(error) => {
                failures += 1;
                let validity = identity(&renewal.identity).ok().map(|held| held.validity);
                let pause = schedule::pause(failures, validity, fraction);
                tracing::warn!(%error, failures, again_s = pause.as_secs(), "the certificate was not renewed");
                pause
            }
        };
        tokio::time::sleep(pause).await;
    }
}

/// Renews if it is due. How long there is nothing to do.
async fn look(
    renewal: &Renewal,
    clock: &Clock,
    vigil: &Vigil,
    renewed: &Notify,
    fraction: f64,
) -> Result<Duration, EnrolError> {
    let held = identity(&renewal.identity)?;
    // Whatever clock dates the readings: a certificate counts by the system's.
    let now = system_now();
    let due = schedule::renew_at(held.validity, fraction);
    vigil.trouble(Trouble::CertificateEnds, schedule::ends_soon(held.validity, now));
    if now < due {
        return Ok(schedule::look_again(held.validity, due, now));
    }
    if !clock.synced() {
        tracing::info!("the certificate is due for renewal; the clock is not known to be right yet");
        return Ok(Duration::from_secs(60));
    }
    if now >= held.validity.not_after {
        let until = held.validity.not_after;
        tracing::error!(%until, "the certificate has expired: this box needs a new code (vagen-gateway enrol)");
        return Ok(schedule::LOOK_EVERY);
    }
    once(renewal).await?;
    vigil.trouble(Trouble::CertificateEnds, false);
    tracing::info!("the certificate was renewed");
    renewed.notify_one();
    let new = identity(&renewal.identity)?.validity;
    Ok(schedule::look_again(new, schedule::renew_at(new, fraction), now))
}

/// Renews the certificate now.
///
/// # Errors
/// [`EnrolError`]; then the one in use is as it was.
pub async fn once(renewal: &Renewal) -> Result<(), EnrolError> {
    let held = identity(&renewal.identity)?;
    let pending = pending(&renewal.identity);
    let key = next_key(&pending, held.text())?;
    let (request, der) = key.request()?;
    let at = system_now();
    let body = json!({ "certificate": held.certificate_pem(), "csr": request, "at": at, "proof": held.proof(at, &der)? });
    let granted = ask(&renewal.server, renewal.ca.as_deref(), "/enrol/renew", body).await?;
    let new = key.with_certificate(&granted.certificate)?;
    put(&renewal.identity, new.text())?;
    // The key is in the identity now; `next_key` knows it if this fails.
    let _ = fs::remove_file(&pending);
    Ok(())
}

/// The key that was asked for before, else a new one, kept.
fn next_key(pending: &Path, held: &str) -> Result<NewKey, EnrolError> {
    // One that a crash left behind after it was put to use is of no use again.
    let kept = fs::read_to_string(pending).ok().filter(|kept| !held.contains(kept.trim()));
    if let Some(key) = kept.and_then(|kept| NewKey::from_pem(&kept).ok()) {
        return Ok(key);
    }
    let key = NewKey::make()?;
    put(pending, &key.to_pem())?;
    Ok(key)
}

/// Where the key is that was asked for and not yet granted.
fn pending(identity: &Path) -> PathBuf {
    let mut name = identity.as_os_str().to_owned();
    name.push(".next");
    name.into()
}
