//! TLS towards the broker: 1.3 only, with a client certificate that is made anew before it expires.
//!
//! Without files in the configuration the server's own authority says whom to believe and who we are. A certificate of ours is
//! made in memory, counts for a week and is replaced at half of it, at the next connection; there is no file to forget.
//!
//! **Invariant:** nothing older than TLS 1.3 is spoken, and no broker is believed that the named authority did not sign for.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use care::clock::Clock;
use care::enrolment::Authority;
use care::enrolment::authority::{Identity, Purpose, SERVER_DAYS};
use rustls::client::ResolvesClientCert;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore, SignatureScheme};
use vitals::Timestamp;

use crate::failure::{Failure, OrFail};
use crate::serve::config::{BrokerTls, Pair};

/// Whom we believe at the broker.
#[derive(Clone)]
pub(crate) struct Trust(Arc<RootCertStore>);

impl Trust {
    /// Those that the configuration names, else `authority`.
    pub(crate) fn of(config: &BrokerTls, authority: &Authority) -> Result<Self, Failure> {
        let pem = match &config.ca {
            Some(file) => std::fs::read(file).or_wrong_input(file.display())?,
            None => authority.certificate_pem().as_bytes().to_vec(),
        };
        let certificates: Vec<_> = CertificateDer::pem_slice_iter(&pem).flatten().collect();
        let mut roots = RootCertStore::empty();
        if roots.add_parsable_certificates(certificates).0 == 0 {
            return Err(Failure::input("broker_tls: ca holds no certificate"));
        }
        Ok(Self(Arc::new(roots)))
    }

    fn with(&self, resolver: Arc<dyn ResolvesClientCert>) -> Result<Arc<ClientConfig>, Failure> {
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .or_fail()?
            .with_root_certificates(Arc::clone(&self.0))
            .with_client_cert_resolver(resolver);
        Ok(Arc::new(config))
    }

    /// As `identity`, and nobody else.
    pub(crate) fn as_identity(&self, identity: &Identity) -> Result<Arc<ClientConfig>, Failure> {
        let key = certified(identity.issued.pem.as_bytes(), identity.key_pem.as_bytes());
        self.with(Arc::new(Shown(Arc::new(key.map_err(|what| Failure::work(anyhow::anyhow!(what)))?))))
    }

    /// As this server: by the files of the configuration, read at each connection, else by a certificate of `authority`'s own.
    pub(crate) fn as_server(
        &self,
        config: &BrokerTls,
        authority: Arc<Authority>,
        clock: Clock,
    ) -> Result<Arc<ClientConfig>, Failure> {
        match &config.identity {
            Some(pair) => {
                from_files(pair).map_err(|what| Failure::input(format_args!("broker_tls: {what}")))?;
                self.with(Arc::new(Files(pair.clone())))
            }
            None => self.with(Arc::new(Minted { authority, clock, held: Mutex::new(None) })),
        }
    }
}

fn certified(certificate: &[u8], key: &[u8]) -> Result<CertifiedKey, String> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(certificate)
        .collect::<Result<_, _>>()
        .map_err(|error| error.to_string())?;
    if chain.is_empty() {
        return Err("there is no certificate".to_owned());
    }
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| error.to_string())?;
    CertifiedKey::from_der(chain, key, &ring::default_provider()).map_err(|error| error.to_string())
}

fn from_files(pair: &Pair) -> Result<CertifiedKey, String> {
    let read = |path: &Path| std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()));
    certified(&read(&pair.certificate)?, &read(&pair.key)?)
        .map_err(|what| format!("{}: {what}", pair.certificate.display()))
}

#[derive(Debug)]
struct Shown(Arc<CertifiedKey>);

impl ResolvesClientCert for Shown {
    fn resolve(&self, _issuers: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

#[derive(Debug)]
struct Files(Pair);

impl ResolvesClientCert for Files {
    fn resolve(&self, _issuers: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        match from_files(&self.0) {
            Ok(key) => Some(Arc::new(key)),
            Err(what) => {
                tracing::error!(what, "no certificate to show to the broker");
                None
            }
        }
    }

    fn has_certs(&self) -> bool {
        true
    }
}

#[derive(Debug)]
struct Minted {
    authority: Arc<Authority>,
    clock: Clock,
    held: Mutex<Option<(Timestamp, Arc<CertifiedKey>)>>,
}

impl Minted {
    fn fresh(&self, now: Timestamp) -> Result<Arc<CertifiedKey>, String> {
        let made = self.authority.make(&Purpose::Server, now).map_err(|error| error.to_string())?;
        certified(made.issued.pem.as_bytes(), made.key_pem.as_bytes()).map(Arc::new)
    }
}

impl ResolvesClientCert for Minted {
    fn resolve(&self, _issuers: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let now = self.clock.now();
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let half_ms = SERVER_DAYS * 12 * Timestamp::HOUR_MS;
        if let Some((_, key)) =
            held.as_ref().filter(|(made, _)| (0..half_ms).contains(&now.millis_since(*made)))
        {
            return Some(Arc::clone(key));
        }
        match self.fresh(now) {
            Ok(key) => {
                *held = Some((now, Arc::clone(&key)));
                Some(key)
            }
            Err(what) => {
                tracing::error!(what, "no certificate to show to the broker");
                None
            }
        }
    }

    fn has_certs(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    #[test]
    fn our_own_certificate_is_made_anew_at_half_of_its_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let day = Arc::new(AtomicI64::new(20_000));
        let shown = Arc::clone(&day);
        let clock = Clock::told_by(move || {
            Timestamp::from_millis(shown.load(Ordering::Relaxed) * 24 * Timestamp::HOUR_MS).expect("in range")
        });
        let authority = Arc::new(Authority::open(folder.path(), clock.now()).expect("an authority"));
        let minted = Minted { authority, clock, held: Mutex::new(None) };
        let on = |at: i64| {
            day.store(at, Ordering::Relaxed);
            minted.resolve(&[], &[]).expect("a certificate").cert[0].to_vec()
        };
        let first = on(20_000);
        assert_eq!(on(20_003), first, "three days of seven");
        let second = on(20_004);
        assert_ne!(second, first, "four days of seven");
        assert_ne!(on(19_000), second, "a clock that went back: a certificate of that day");
    }
}
