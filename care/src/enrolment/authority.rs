//! The authority: one key that signs the certificates of gateways, of the broker and of the server, and says which of them
//! no longer count.
//!
//! It is made on first use, in the data directory, unless the configuration names files of the installation's own. P-256 with
//! SHA-256 throughout (RFC 5480): every TLS library speaks it, on the smallest box.
//!
//! **Invariant:** its private key leaves this module only into a file that its owner alone can read. A gateway's certificate
//! is good for a client and for nothing else; only names that no gateway can have (they hold a `:`) may do more at the broker.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, PublicKeyData, RevocationReason, RevokedCertParams,
    SerialNumber, date_time_ymd,
};
use sha2::{Digest, Sha256};
use vitals::{GatewayId, Timestamp};
use x509_parser::extensions::GeneralName;

use super::request::GatewayKey;

mod files;
mod life;

pub use life::{GatewayLife, LifeError};

/// The folder in the data directory.
pub const FOLDER: &str = "authority";
/// The common name of the server's own certificate at the broker. No gateway's id can hold a colon.
pub const SERVER_NAME: &str = "vagen:server";
/// The common name of a certificate that is revoked from birth: a broker that lets it in has not read the list.
pub const TELLTALE_NAME: &str = "vagen:revoked";
/// How long the broker's certificate counts; it is made anew at half of it.
pub const BROKER_DAYS: i64 = 730;
/// How long the server's own certificates count. They are made when they are needed and kept nowhere.
pub const SERVER_DAYS: i64 = 7;
const AUTHORITY_DAYS: i64 = 20 * 365;
/// How far behind a clock may be that meets a certificate for the first time.
pub(super) const CLOCK_BEHIND_MS: i64 = 10 * Timestamp::MINUTE_MS;
const DAY_MS: i64 = 24 * Timestamp::HOUR_MS;

/// Why there is no authority, or it did not sign.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// A file of it cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file of it holds something else.
    #[error("{}: {what}", path.display())]
    Wrong {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The cryptography failed.
    #[error("signing failed: {0}")]
    Signing(#[from] rcgen::Error),
}

/// What is signed for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The broker, under these host names or addresses.
    Broker(BTreeSet<String>),
    /// The server's own connection to the broker.
    Server,
    /// The seat of a gateway at the broker, taken by the server to end a session.
    Seat(GatewayId),
    /// The certificate that nobody may let in.
    Telltale,
}

/// A certificate that was signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    /// Its serial number, hex.
    pub serial: String,
    /// The certificate, PEM.
    pub pem: String,
    /// Until when it counts.
    pub not_after: Timestamp,
}

/// A certificate with a private key of our own.
#[derive(Clone)]
pub struct Identity {
    /// The certificate.
    pub issued: Issued,
    /// Its private key, PEM.
    pub key_pem: String,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").field("issued", &self.issued).finish_non_exhaustive()
    }
}

/// A certificate on the revocation list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Revoked {
    /// Its serial number, hex.
    pub serial: String,
    /// Since when it does not count.
    pub at: Timestamp,
    /// Whether another simply took its place.
    pub superseded: bool,
}

/// Who signs.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate_pem: String,
    code_secret: [u8; 32],
    gateway_life: GatewayLife,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authority(..)")
    }
}

impl Authority {
    /// The authority in the data directory `data`, made at `now` if there is none. Two processes that make it at once end up
    /// with the same one.
    ///
    /// # Errors
    /// [`AuthorityError`] with the file.
    pub fn open(data: &Path, now: Timestamp) -> Result<Self, AuthorityError> {
        let folder = data.join(FOLDER);
        let (certificate, key) = (folder.join(files::CERTIFICATE), folder.join(files::KEY));
        if !certificate.exists() {
            let (certificate_pem, key_pem) = Self::made(now)?;
            files::keep(&folder, &certificate_pem, &key_pem)?;
        }
        Self::from_files(&certificate, &key)
    }

    /// The installation's own: a self-signed CA certificate and its key, as PEM files.
    ///
    /// # Errors
    /// [`AuthorityError`] with the file, also when they are not a pair.
    pub fn from_files(certificate: &Path, key: &Path) -> Result<Self, AuthorityError> {
        let certificate_pem = files::read(certificate)?;
        let wrong =
            |path: &Path, what: &str| AuthorityError::Wrong { path: path.to_owned(), what: what.to_owned() };
        let pair = KeyPair::from_pem(&files::read(key)?)
            .map_err(|_| wrong(key, "holds no private key of a kind that is spoken here"))?;
        let (_, block) = x509_parser::pem::parse_x509_pem(certificate_pem.as_bytes())
            .map_err(|_| wrong(certificate, "holds no certificate in PEM"))?;
        let parsed = block.parse_x509().map_err(|_| wrong(certificate, "holds no certificate"))?;
        if !parsed.is_ca() || parsed.subject() != parsed.issuer() {
            return Err(wrong(certificate, "is not the self-signed certificate of an authority"));
        }
        if parsed.public_key().raw != pair.subject_public_key_info() {
            return Err(wrong(key, "is not the key of the authority's certificate"));
        }
        let code_secret = Sha256::new()
            .chain_update(b"vagen enrolment codes, version 1")
            .chain_update(pair.serialized_der())
            .finalize()
            .into();
        let issuer = Issuer::from_ca_cert_pem(&certificate_pem, pair)?;
        if !issuer.key_usages().is_empty() && !issuer.key_usages().contains(&KeyUsagePurpose::CrlSign) {
            return Err(wrong(certificate, "may not sign revocation lists"));
        }
        Ok(Self { issuer, certificate_pem, code_secret, gateway_life: GatewayLife::default() })
    }

    /// The same, whose certificates for gateways count for `life`.
    #[must_use]
    pub fn with_gateway_life(self, life: GatewayLife) -> Self {
        Self { gateway_life: life, ..self }
    }

    /// A new authority: its certificate and its key, PEM.
    fn made(now: Timestamp) -> Result<(String, String), AuthorityError> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        let tail = uuid::Uuid::new_v4().simple().to_string();
        // A name of its own, so that two installations' lists and certificates cannot be taken for each other's.
        let name = format!("Vagen authority {}", tail.get(..8).unwrap_or_default());
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        valid(&mut params, now, now.plus_days(AUTHORITY_DAYS));
        Ok((params.self_signed(&key)?.pem(), key.serialize_pem()))
    }

    /// Its certificate, PEM: what whoever is to believe it must hold.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// What hashes of codes are keyed with.
    #[must_use]
    pub const fn code_secret(&self) -> &[u8; 32] {
        &self.code_secret
    }

    /// Signs the certificate of `gateway` over its own `key`.
    ///
    /// # Errors
    /// [`AuthorityError::Signing`].
    pub fn sign_gateway(
        &self,
        gateway: &GatewayId,
        key: &GatewayKey,
        now: Timestamp,
    ) -> Result<Issued, AuthorityError> {
        let mut params = client(gateway.as_str());
        self.sign(&mut params, key.info(), now, self.gateway_life.millis())
    }

    /// Makes a key and signs a certificate over it, for one of our own.
    ///
    /// # Errors
    /// [`AuthorityError::Signing`], also for a broker's name that is none.
    pub fn make(&self, purpose: &Purpose, now: Timestamp) -> Result<Identity, AuthorityError> {
        let (mut params, days) = match purpose {
            Purpose::Broker(names) => (broker(names)?, BROKER_DAYS),
            Purpose::Server => (client(SERVER_NAME), SERVER_DAYS),
            Purpose::Seat(gateway) => (client(gateway.as_str()), 1),
            // It must outlive every list that names it.
            Purpose::Telltale => (client(TELLTALE_NAME), BROKER_DAYS),
        };
        let key = KeyPair::generate()?;
        let issued = self.sign(&mut params, &key, now, days * DAY_MS)?;
        Ok(Identity { issued, key_pem: key.serialize_pem() })
    }

    fn sign(
        &self,
        params: &mut CertificateParams,
        key: &impl PublicKeyData,
        now: Timestamp,
        life_ms: i64,
    ) -> Result<Issued, AuthorityError> {
        let serial = fresh_serial();
        let not_after = whole_seconds(now.plus_millis(life_ms));
        valid(params, now, not_after);
        params.serial_number = Some(SerialNumber::from_slice(&serial));
        params.use_authority_key_identifier_extension = true;
        let pem = params.signed_by(key, &self.issuer)?.pem();
        Ok(Issued { serial: vitals::hex::encode(&serial), pem, not_after })
    }

    /// The list of certificates that do not count, PEM. Of two lists a broker goes by the one with the later `at`, so no two
    /// may have the same. It does not expire while the authority counts: it is handed over as a file, and a server that
    /// stands still must not lock every home out.
    ///
    /// # Errors
    /// [`AuthorityError::Signing`].
    pub fn revocation_list(
        &self,
        number: u64,
        at: Timestamp,
        revoked: &[Revoked],
    ) -> Result<String, AuthorityError> {
        let revoked_certs = revoked.iter().map(|one| RevokedCertParams {
            serial_number: SerialNumber::from_slice(&vitals::hex::decode(&one.serial).unwrap_or_default()),
            revocation_time: date_time_ymd(1970, 1, 1) + since_1970(one.at),
            reason_code: Some(if one.superseded {
                RevocationReason::Superseded
            } else {
                RevocationReason::PrivilegeWithdrawn
            }),
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(1970, 1, 1) + since_1970(at),
            next_update: date_time_ymd(1970, 1, 1) + since_1970(at.plus_days(AUTHORITY_DAYS)),
            crl_number: SerialNumber::from(number),
            issuing_distribution_point: None,
            revoked_certs: revoked_certs.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        Ok(params.signed_by(&self.issuer)?.pem()?)
    }
}

/// The host names and addresses in a broker's certificate, PEM; `None` for anything else.
#[must_use]
pub fn names_in(pem: &str) -> Option<BTreeSet<String>> {
    let (_, block) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).ok()?;
    let certificate = block.parse_x509().ok()?;
    let named = certificate.subject_alternative_name().ok()??;
    named.value.general_names.iter().map(name_in).collect()
}

fn name_in(name: &GeneralName<'_>) -> Option<String> {
    if let GeneralName::DNSName(name) = name {
        return Some((*name).to_owned());
    }
    let GeneralName::IPAddress(bytes) = name else { return None };
    let four = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
    let address = four.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from));
    address.ok().map(|address| address.to_string())
}

/// Whether a broker's certificate, PEM, is still the one to use: for exactly these names, by this authority, and for more than
/// half of its time.
#[must_use]
pub fn is_current(authority: &Authority, pem: &str, names: &BTreeSet<String>, now: Timestamp) -> bool {
    let block = |pem: &str| x509_parser::pem::parse_x509_pem(pem.as_bytes()).ok().map(|(_, block)| block);
    let (Some(held), Some(own)) = (block(pem), block(&authority.certificate_pem)) else { return false };
    let (Ok(held), Ok(own)) = (held.parse_x509(), own.parse_x509()) else { return false };
    let half_s = now.as_millis() / Timestamp::SECOND_MS + BROKER_DAYS * 86_400 / 2;
    names_in(pem).as_ref() == Some(names)
        && held.validity().not_after.timestamp() > half_s
        && held.verify_signature(Some(own.public_key())).is_ok()
}

fn client(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

fn broker(names: &BTreeSet<String>) -> Result<CertificateParams, AuthorityError> {
    let mut params = CertificateParams::new(names.iter().cloned().collect::<Vec<_>>())?;
    params.distinguished_name.push(DnType::CommonName, "vagen:broker");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(params)
}

/// Sixteen random bytes, positive and without a leading zero (RFC 5280, 4.1.2.2).
fn fresh_serial() -> [u8; 16] {
    let mut serial = *uuid::Uuid::new_v4().as_bytes();
    serial[0] = serial[0] & 0x3F | 0x40;
    serial
}

/// Certificates count in whole seconds.
fn whole_seconds(at: Timestamp) -> Timestamp {
    at.plus_millis(-at.as_millis().rem_euclid(Timestamp::SECOND_MS))
}

/// Valid from a little before `now`: at most a tenth of its time, since renewal is counted from there.
fn valid(params: &mut CertificateParams, now: Timestamp, until: Timestamp) {
    let behind_ms = CLOCK_BEHIND_MS.min(until.millis_since(now) / 10);
    params.not_before = date_time_ymd(1970, 1, 1) + since_1970(now.plus_millis(-behind_ms));
    params.not_after = date_time_ymd(1970, 1, 1) + since_1970(until);
}

/// A time as the certificates' library counts it. Nothing here is older than 1970.
fn since_1970(at: Timestamp) -> Duration {
    Duration::from_secs(u64::try_from(at.as_millis() / Timestamp::SECOND_MS).unwrap_or(0))
}

#[cfg(test)]
mod tests;
