//! Bytes as people and JSON write them: two hex digits a byte.

/// `bytes` as lower-case hex.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| DIGITS[usize::from(nibble & 0x0F)];
    let mut digits = Vec::with_capacity(2 * bytes.len());
    for byte in bytes {
        digits.extend_from_slice(&[digit(byte >> 4), digit(*byte)]);
    }
    // Digits are text.
    String::from_utf8(digits).unwrap_or_default()
}

/// The bytes that `hex` writes, in any case; `None` for anything else than pairs of hex digits.
#[must_use]
pub fn decode(hex: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = hex.as_bytes().as_chunks::<2>();
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let bytes = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect();
    if rest.is_empty() { bytes } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Worked by hand.
    #[test]
    fn a_byte_is_two_digits() {
        assert_eq!(encode(&[0x00, 0x9f, 0xff]), "009fff");
        let rows = [
            ("009FfF", Some(vec![0x00, 0x9f, 0xff])),
            ("", Some(vec![])),
            ("0", None),
            ("0g", None),
            ("é", None),
        ];
        for (hex, bytes) in rows {
            assert_eq!(decode(hex), bytes, "{hex}");
        }
    }
}
