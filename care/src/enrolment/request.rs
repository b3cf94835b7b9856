//! A signing request (PKCS #10, RFC 2986): what is taken from it is the public key, and nothing else.
//!
//! The name, the extensions and the attributes that a box asks for are its own wishes and are not looked at. The request must
//! be signed by the key it carries, which shows that whoever sends it holds that key.
//!
//! **Invariant:** [`read`] returns for every input, and gives a key of a kind that the broker and the gateways speak.

use rcgen::{PublicKeyData, SubjectPublicKeyInfo};
use ring::signature::{ECDSA_P256_SHA256_ASN1, ED25519, UnparsedPublicKey, VerificationAlgorithm};
use sha2::{Digest, Sha256};
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::FromDer;

/// The largest request that is looked at. One with a P-256 key has some 400 bytes.
pub const REQUEST_BYTES_MAX: usize = 8 * 1024;

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Larger than any request of ours to be.
    #[error("csr has {bytes} bytes, at most {REQUEST_BYTES_MAX}")]
    TooLarge {
        /// How large it is.
        bytes: usize,
    },
    /// Not PEM with a request in it.
    #[error("csr is not a PEM block of the type CERTIFICATE REQUEST")]
    NotPem,
    /// PEM, but what is in it is no request.
    #[error("csr is not a PKCS #10 certification request")]
    NotRequest,
    /// A key of another kind.
    #[error("csr holds a key of another kind than ECDSA on P-256 or Ed25519")]
    Key,
    /// Not signed by its own key.
    #[error("csr is not signed by the key it holds")]
    Signature,
}

/// A gateway's public key, of a kind that is spoken here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayKey(SubjectPublicKeyInfo);

impl GatewayKey {
    /// The key in `der`, a SubjectPublicKeyInfo; `None` for any other kind.
    #[must_use]
    pub fn from_der(der: &[u8]) -> Option<Self> {
        let key = SubjectPublicKeyInfo::from_der(der).ok()?;
        let algorithm = key.algorithm();
        let spoken = [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ED25519].contains(&algorithm);
        spoken.then_some(Self(key))
    }

    /// For signing a certificate over it.
    #[must_use]
    pub fn info(&self) -> &SubjectPublicKeyInfo {
        &self.0
    }

    /// The SHA-256 of its SubjectPublicKeyInfo, hex.
    #[must_use]
    pub fn hash(&self) -> String {
        vitals::hex::encode(&Sha256::digest(self.0.subject_public_key_info()))
    }

    /// Whether `signature` over `message` was made with its private key: ECDSA with SHA-256, as ASN.1, or Ed25519.
    #[must_use]
    pub fn signed(&self, message: &[u8], signature: &[u8]) -> bool {
        let algorithm: &dyn VerificationAlgorithm =
            if *self.0.algorithm() == rcgen::PKCS_ED25519 { &ED25519 } else { &ECDSA_P256_SHA256_ASN1 };
        UnparsedPublicKey::new(algorithm, self.0.der_bytes()).verify(message, signature).is_ok()
    }
}

/// Takes the public key from a request in PEM.
///
/// # Errors
/// [`RequestError`], in words for whoever sent it.
pub fn read(pem: &str) -> Result<GatewayKey, RequestError> {
    if pem.len() > REQUEST_BYTES_MAX {
        return Err(RequestError::TooLarge { bytes: pem.len() });
    }
    let (_, block) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).map_err(|_| RequestError::NotPem)?;
    if !matches!(block.label.as_str(), "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST") {
        return Err(RequestError::NotPem);
    }
    let (rest, request) =
        X509CertificationRequest::from_der(&block.contents).map_err(|_| RequestError::NotRequest)?;
    if !rest.is_empty() {
        return Err(RequestError::NotRequest);
    }
    let key =
        GatewayKey::from_der(request.certification_request_info.subject_pki.raw).ok_or(RequestError::Key)?;
    request.verify_signature().map_err(|_| RequestError::Signature)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rcgen::{CertificateParams, KeyPair, SigningKey};

    fn request(algorithm: &'static rcgen::SignatureAlgorithm) -> (KeyPair, String) {
        let key = KeyPair::generate_for(algorithm).expect("a key");
        let params = CertificateParams::new(["vagen-ingest".to_owned()]).expect("a name");
        let pem = params.serialize_request(&key).and_then(|request| request.pem()).expect("a request");
        (key, pem)
    }

    /// Made by `openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -addext subjectKeyIdentifier=hash -subj /CN=x`
    /// (OpenSSL 3.0): another implementation's, with an extension that is nobody's business.
    const BY_OPENSSL: &str = include_str!("../../tests/enrolment/openssl-p256.csr");
    /// Its public key's SHA-256, by `openssl req -pubkey -noout | openssl pkey -pubin -outform DER | sha256sum`.
    const BY_OPENSSL_KEY: &str = include_str!("../../tests/enrolment/openssl-p256.sha256");

    #[test]
    fn the_key_of_another_implementations_request_is_taken() {
        assert_eq!(read(BY_OPENSSL).map(|key| key.hash()).as_deref(), Ok(BY_OPENSSL_KEY.trim()));
    }

    /// To add a case, add a row: a kind of key, and whether gateways may have it.
    #[test]
    fn only_keys_that_are_spoken_here_are_signed() {
        let rows = [
            (&rcgen::PKCS_ECDSA_P256_SHA256, true),
            (&rcgen::PKCS_ED25519, true),
            (&rcgen::PKCS_ECDSA_P384_SHA384, false),
        ];
        for (algorithm, spoken) in rows {
            let (key, pem) = request(algorithm);
            match read(&pem) {
                Ok(read) => {
                    assert!(spoken, "{algorithm:?}");
                    assert_eq!(read.info().der_bytes(), key.public_key_raw());
                    let signature = key.sign(b"words").expect("signs");
                    assert!(read.signed(b"words", &signature) && !read.signed(b"other words", &signature));
                }
                Err(error) => assert_eq!((spoken, error), (false, RequestError::Key), "{algorithm:?}"),
            }
        }
    }

    #[test]
    fn what_is_no_request_is_refused_by_name() {
        let (key, pem) = request(&rcgen::PKCS_ECDSA_P256_SHA256);
        let other = request(&rcgen::PKCS_ECDSA_P256_SHA256).1;
        let certificate = CertificateParams::default().self_signed(&key).expect("signs").pem();
        let rows = [
            (String::new(), RequestError::NotPem),
            ("no".to_owned(), RequestError::NotPem),
            (certificate.clone(), RequestError::NotPem),
            (certificate.replace("CERTIFICATE", "CERTIFICATE REQUEST"), RequestError::NotRequest),
            (key.serialize_pem(), RequestError::NotPem),
            (with_key_of(&pem, &other), RequestError::Signature),
            ("x".repeat(REQUEST_BYTES_MAX + 1), RequestError::TooLarge { bytes: REQUEST_BYTES_MAX + 1 }),
        ];
        for (pem, expected) in rows {
            assert_eq!(read(&pem), Err(expected), "{pem}");
        }
    }

    /// The request in `pem` with the public key of the one in `other`: a claim to a key that its sender does not hold.
    fn with_key_of(pem: &str, other: &str) -> String {
        let der = |pem: &str| x509_parser::pem::parse_x509_pem(pem.as_bytes()).expect("PEM").1.contents;
        let key = |pem: &str| read(pem).expect("a request").info().der_bytes().to_vec();
        let (mut bytes, ours, theirs) = (der(pem), key(pem), key(other));
        let at = bytes.windows(ours.len()).position(|window| window == ours).expect("the key is in it");
        bytes[at..at + theirs.len()].copy_from_slice(&theirs);
        in_pem(&bytes)
    }

    fn in_pem(bytes: &[u8]) -> String {
        use std::fmt::Write as _;
        const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut text = String::from("-----BEGIN CERTIFICATE REQUEST-----\n");
        for line in bytes.chunks(48) {
            for three in line.chunks(3) {
                let bits = (0..3).fold(0_u32, |bits, at| bits << 8 | u32::from(*three.get(at).unwrap_or(&0)));
                for at in 0..4 {
                    let digit = char::from(DIGITS[(bits >> (18 - 6 * at) & 63) as usize]);
                    let _ = write!(text, "{}", if at > three.len() { '=' } else { digit });
                }
            }
            text.push('\n');
        }
        text + "-----END CERTIFICATE REQUEST-----\n"
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600), text in ".{0,200}") {
            prop_assert!(read(&in_pem(&bytes)).is_err());
            prop_assert!(read(&text).is_err());
        }

        /// A request with one bit turned never yields another key than the one it was signed with.
        #[test]
        fn no_turned_bit_passes_for_another_key(at in 0..300_usize, bit in 0..8_u8) {
            let good = x509_parser::pem::parse_x509_pem(BY_OPENSSL.as_bytes()).expect("PEM").1.contents;
            let mut bytes = good.clone();
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
            if let Ok(key) = read(&in_pem(&bytes)) {
                prop_assert_eq!(key.hash(), BY_OPENSSL_KEY.trim());
            }
        }
    }
}
