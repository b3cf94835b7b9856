//! From when until when a certificate counts, read from its DER (RFC 5280, 4.1.2.5) and from nothing else of it.
//!
//! **Invariant:** [`validity`] returns for every input; no bytes can panic it.

use vitals::Timestamp;

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const VERSION: u8 = 0xA0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// When a certificate counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// From when.
    pub not_before: Timestamp,
    /// Until when.
    pub not_after: Timestamp,
}

/// When the certificate in `der` counts; `None` for anything else than a certificate.
#[must_use]
pub fn validity(der: &[u8]) -> Option<Validity> {
    let (certificate, _) = inside(der, SEQUENCE)?;
    let (mut fields, _) = inside(certificate, SEQUENCE)?;
    if let Some((_, rest)) = inside(fields, VERSION) {
        fields = rest;
    }
    for expected in [INTEGER, SEQUENCE, SEQUENCE] {
        fields = inside(fields, expected)?.1;
    }
    let (validity, _) = inside(fields, SEQUENCE)?;
    let (not_before, rest) = time(validity)?;
    let (not_after, _) = time(rest)?;
    Some(Validity { not_before, not_after })
}

/// What the value of type `tag` at the beginning of `bytes` holds, and what follows it.
fn inside(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    if *found != tag {
        return None;
    }
    let (length, rest) = match first {
        0..=0x7F => (usize::from(*first), rest),
        0x81..=0x83 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7F))?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

fn time(bytes: &[u8]) -> Option<(Timestamp, &[u8])> {
    let (text, rest) = match bytes.first()? {
        &UTC_TIME => {
            let (text, rest) = inside(bytes, UTC_TIME)?;
            // Years from 50 are of the last century.
            let century = if text.first()? >= &b'5' { "19" } else { "20" };
            (format!("{century}{}", std::str::from_utf8(text).ok()?), rest)
        }
        _ => {
            let (text, rest) = inside(bytes, GENERALIZED_TIME)?;
            (std::str::from_utf8(text).ok()?.to_owned(), rest)
        }
    };
    if text.len() != 15 || !text.is_ascii() {
        return None;
    }
    let [year, month, day, hour, minute, second] =
        [0..4, 4..6, 6..8, 8..10, 10..12, 12..15].map(|part| &text[part]);
    let written = format!("{year}-{month}-{day}T{hour}:{minute}:{second}");
    Some((written.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};
    use std::time::Duration;

    /// Made by `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -days 20000` (OpenSSL 3.0); what it says of itself
    /// by `openssl x509 -dates`. Its end has the long form of a time, its beginning the short one.
    const BY_OPENSSL: &str = include_str!("../../tests/enrol/openssl.pem");
    const DATES: &str = include_str!("../../tests/enrol/openssl.dates");

    fn der(pem: &str) -> Vec<u8> {
        use rustls::pki_types::{CertificateDer, pem::PemObject};
        CertificateDer::from_pem_slice(pem.as_bytes()).expect("PEM").to_vec()
    }

    #[test]
    fn another_implementations_certificate_is_read() {
        let read = validity(&der(BY_OPENSSL)).expect("a certificate");
        let said: Vec<&str> =
            DATES.lines().filter_map(|line| line.split_once('=').map(|(_, at)| at)).collect();
        assert_eq!([read.not_before.to_string(), read.not_after.to_string()], [said[0], said[1]]);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(day in 0_u64..40_000, days in 1_u64..20_000, name in ".{0,40}") {
            let key = KeyPair::generate().expect("a key");
            let mut params = CertificateParams::default();
            params.distinguished_name.push(rcgen::DnType::CommonName, name);
            let from = Duration::from_secs(day * 86_400 + 61);
            let until = from + Duration::from_secs(days * 86_400);
            params.not_before = date_time_ymd(1970, 1, 1) + from;
            params.not_after = date_time_ymd(1970, 1, 1) + until;
            let read = validity(params.self_signed(&key).expect("signs").der()).expect("a certificate");
            let seconds = |at: Timestamp| u64::try_from(at.as_millis() / 1000).expect("after 1970");
            prop_assert_eq!((seconds(read.not_before), seconds(read.not_after)), (from.as_secs(), until.as_secs()));
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), at in 0_usize..600, value: u8) {
            let _ = validity(&bytes);
            let mut bytes = der(BY_OPENSSL);
            let at = at % bytes.len();
            bytes[at] = value;
            let _ = validity(&bytes);
            let _ = validity(&bytes[..at]);
        }
    }
}
