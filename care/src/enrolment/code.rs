//! The enrolment code: eight characters that survive being read out over the telephone and typed by hand.
//!
//! Thirty-two characters, no `I`, `O`, `0` or `1`; forty bits, good for one use within a day and guarded by
//! [`attempts`](super::attempts). It is shown once; the store keeps a keyed hash.
//!
//! **Invariant:** a code that was shown reads back as itself, however it is spaced and in any case.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

const ALPHABET: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
const CHARS: usize = 8;

/// A code. Not `Debug`-printable, so that no log holds one.
#[derive(Clone, PartialEq, Eq)]
pub struct Code([u8; CHARS]);

/// The text is no code: wrong length, or a character that codes do not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a code is eight letters and digits, such as ABCD-2345; it has no I, O, 0 or 1")]
pub struct CodeError;

/// What the store keeps of a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeHash(pub(super) String);

impl Code {
    /// A code that nobody can foretell.
    #[must_use]
    pub fn fresh() -> Self {
        // Bytes 9 to 13 of a version 4 UUID are random through and through.
        let random = uuid::Uuid::new_v4();
        let bits = random.as_bytes()[9..14].iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
        Self(std::array::from_fn(|at| {
            let shift = 5 * (CHARS - 1 - at);
            ALPHABET[usize::try_from(bits >> shift & 31).unwrap_or(0)]
        }))
    }

    /// Its hash under `secret`, without which forty bits would be guessed from a copy of the store within minutes.
    #[must_use]
    pub fn hash(&self, secret: &[u8; 32]) -> CodeHash {
        let digest = Sha256::new().chain_update(secret).chain_update(self.0).finalize();
        CodeHash(vitals::hex::encode(&digest))
    }
}

impl CodeHash {
    /// Whether two hashes are the same, in a time that does not tell where they differ.
    #[must_use]
    pub fn is(&self, other: &str) -> bool {
        let (ours, theirs) = (self.0.as_bytes(), other.as_bytes());
        ours.len() == theirs.len()
            && ours.iter().zip(theirs).fold(0, |differs, (one, two)| differs | (one ^ two)) == 0
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = String::from_utf8_lossy(&self.0);
        write!(f, "{}-{}", &text[..CHARS / 2], &text[CHARS / 2..])
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(..)")
    }
}

impl FromStr for Code {
    type Err = CodeError;

    fn from_str(text: &str) -> Result<Self, CodeError> {
        let mut chars =
            text.bytes().filter(|byte| !matches!(byte, b'-' | b' ')).map(|byte| byte.to_ascii_uppercase());
        let mut code = [0; CHARS];
        for place in &mut code {
            *place = chars.next().filter(|byte| ALPHABET.contains(byte)).ok_or(CodeError)?;
        }
        if chars.next().is_some() { Err(CodeError) } else { Ok(Self(code)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// To add a case, add a row: what was typed, and the code it is. By hand from the alphabet.
    #[test]
    fn codes_are_read_as_people_type_them() {
        let rows = [
            ("ABCD-2345", Some("ABCD-2345")),
            ("abcd2345", Some("ABCD-2345")),
            (" ab cd 23 45 ", Some("ABCD-2345")),
            ("ABCD-234", None),
            ("ABCD-23456", None),
            ("ABCD-234O", None),
            ("ABCD-2341", None),
            ("", None),
            ("ÅBCD-2345", None),
        ];
        for (typed, expected) in rows {
            let code = typed.parse::<Code>().ok().map(|code| code.to_string());
            assert_eq!(code.as_deref(), expected, "{typed:?}");
        }
    }

    #[test]
    fn a_fresh_code_reads_back_and_uses_the_whole_alphabet() {
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..500 {
            let code = Code::fresh();
            assert_eq!(code.to_string().parse(), Ok(code.clone()));
            seen.extend(code.0);
        }
        // 4,000 draws: that one of 32 is missing has a chance of 32 * (31/32)^4000, less than 1e-53.
        assert_eq!(seen.len(), 32);
    }

    #[test]
    fn the_hash_depends_on_the_secret_and_is_compared_whole() {
        let code: Code = "ABCD-2345".parse().expect("a code");
        let hash = code.hash(&[1; 32]);
        assert!(hash.is(&code.hash(&[1; 32]).0));
        assert!(!hash.is(&code.hash(&[2; 32]).0), "another secret");
        assert!(!hash.is(&hash.0[1..]) && !hash.is(""));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,40}") {
            if let Ok(code) = text.parse::<Code>() {
                prop_assert_eq!(code.to_string().parse::<Code>(), Ok(code));
            }
        }
    }
}
