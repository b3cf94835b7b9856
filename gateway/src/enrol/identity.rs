//! A box's identity: its certificate and its private key, in one PEM file, so that both are replaced in one stroke.
//!
//! **Invariant:** an [`Identity`] holds a key that fits its certificate.

use rcgen::{CertificateParams, KeyPair, SigningKey};
use ring::digest::{SHA256, digest};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use vitals::Timestamp;

use super::validity::{Validity, validity};

/// Why there is no identity.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The text holds no certificate.
    #[error("there is no certificate")]
    NoCertificate,
    /// The text holds no private key of a kind that is spoken here.
    #[error("there is no private key")]
    NoKey,
    /// The key is not the certificate's.
    #[error("the private key does not fit the certificate")]
    Unpaired,
    /// The certificate does not say when it counts.
    #[error("the certificate cannot be read")]
    Unreadable,
    /// The cryptography failed.
    #[error("signing failed: {0}")]
    Signing(#[from] rcgen::Error),
}

/// A private key that nothing was signed for yet.
pub struct NewKey(KeyPair);

impl std::fmt::Debug for NewKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NewKey(..)")
    }
}

impl NewKey {
    /// A key of its own, P-256.
    ///
    /// # Errors
    /// [`IdentityError::Signing`] without randomness.
    pub fn make() -> Result<Self, IdentityError> {
        Ok(Self(KeyPair::generate()?))
    }

    /// A key that was kept, PEM.
    ///
    /// # Errors
    /// [`IdentityError::NoKey`].
    pub fn from_pem(pem: &str) -> Result<Self, IdentityError> {
        KeyPair::from_pem(pem).map(Self).map_err(|_| IdentityError::NoKey)
    }

    /// The key, PEM, for a file of its own.
    #[must_use]
    pub fn to_pem(&self) -> String {
        self.0.serialize_pem()
    }

    /// A signing request: PEM, and its DER. What this box is to be called is the server's to say.
    ///
    /// # Errors
    /// [`IdentityError::Signing`].
    pub fn request(&self) -> Result<(String, Vec<u8>), IdentityError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        let request = params.serialize_request(&self.0)?;
        Ok((request.pem()?, request.der().to_vec()))
    }

    /// What was granted for it, as one text: certificate, then key.
    ///
    /// # Errors
    /// [`IdentityError`] when `certificate` was signed for another key, or is none.
    pub fn with_certificate(&self, certificate: &str) -> Result<Identity, IdentityError> {
        Identity::read(&format!("{}\n{}", certificate.trim_end(), self.to_pem()))
    }
}

/// A certificate and its key.
pub struct Identity {
    text: String,
    certificate: CertificateDer<'static>,
    key: KeyPair,
    /// From when until when it counts.
    pub validity: Validity,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").field("validity", &self.validity).finish_non_exhaustive()
    }
}

impl Identity {
    /// Reads certificate and key from one PEM text.
    ///
    /// # Errors
    /// [`IdentityError`] when one is missing or they do not fit.
    pub fn read(text: &str) -> Result<Self, IdentityError> {
        let certificate =
            CertificateDer::from_pem_slice(text.as_bytes()).map_err(|_| IdentityError::NoCertificate)?;
        let private = PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|_| IdentityError::NoKey)?;
        let key = KeyPair::try_from(&private).map_err(|_| IdentityError::NoKey)?;
        CertifiedKey::from_der(vec![certificate.clone()], private, &default_provider())
            .map_err(|_| IdentityError::Unpaired)?;
        let validity = validity(&certificate).ok_or(IdentityError::Unreadable)?;
        Ok(Self { text: text.to_owned(), certificate, key, validity })
    }

    /// Certificate and key, PEM, for one file.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The certificate alone, PEM.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        const END: &str = "-----END CERTIFICATE-----";
        let end = self.text.find(END).map_or(self.text.len(), |at| at + END.len());
        self.text.get(..end).unwrap_or_default()
    }

    /// The proof that whoever asks for `request` (its DER) at `at` holds this key: a signature, hex.
    ///
    /// # Errors
    /// [`IdentityError::Signing`].
    pub fn proof(&self, at: Timestamp, request: &[u8]) -> Result<String, IdentityError> {
        let hash = |bytes: &[u8]| vitals::hex::encode(digest(&SHA256, bytes).as_ref());
        let message = format!("vagen-renew-1\n{at}\n{}\n{}\n", hash(&self.certificate), hash(request));
        Ok(vitals::hex::encode(&self.key.sign(message.as_bytes())?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(key: &NewKey) -> String {
        CertificateParams::default().self_signed(&key.0).expect("signs").pem()
    }

    #[test]
    fn a_key_goes_with_its_own_certificate_only() {
        let (one, two) = (NewKey::make().expect("a key"), NewKey::make().expect("a key"));
        let identity = one.with_certificate(&certificate(&one)).expect("a pair");
        assert!(matches!(two.with_certificate(&certificate(&one)), Err(IdentityError::Unpaired)));
        assert!(matches!(one.with_certificate("nothing"), Err(IdentityError::NoCertificate)));
        assert!(matches!(Identity::read(&certificate(&one)), Err(IdentityError::NoKey)));
        let again = Identity::read(identity.text()).expect("reads back");
        assert_eq!(again.certificate_pem().trim_end(), certificate_only(&identity));
        assert!(!again.certificate_pem().contains("PRIVATE"));
        assert_eq!(NewKey::from_pem(&one.to_pem()).expect("reads").to_pem(), one.to_pem());
    }

    fn certificate_only(identity: &Identity) -> &str {
        identity.text().split("-----BEGIN PRIVATE").next().expect("a beginning").trim_end()
    }

    #[test]
    fn a_proof_is_for_one_moment_and_one_request() {
        let key = NewKey::make().expect("a key");
        let identity = key.with_certificate(&certificate(&key)).expect("a pair");
        let at: Timestamp = "2026-04-22T08:18:00.000Z".parse().expect("a time");
        let public = ring::signature::UnparsedPublicKey::new(
            &ring::signature::ECDSA_P256_SHA256_ASN1,
            key.0.public_key_raw().to_vec(),
        );
        let proof = vitals::hex::decode(&identity.proof(at, b"request").expect("signs")).expect("hex");
        let hash = |bytes: &[u8]| vitals::hex::encode(digest(&SHA256, bytes).as_ref());
        let said = |at: &str, request: &[u8]| {
            format!("vagen-renew-1\n{at}\n{}\n{}\n", hash(&identity.certificate), hash(request))
        };
        assert!(public.verify(said("2026-04-22T08:18:00.000Z", b"request").as_bytes(), &proof).is_ok());
        assert!(public.verify(said("2026-04-22T08:18:00.001Z", b"request").as_bytes(), &proof).is_err());
        assert!(public.verify(said("2026-04-22T08:18:00.000Z", b"another").as_bytes(), &proof).is_err());
    }
}
