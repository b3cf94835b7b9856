//! `vagen decode`: one frame, offline.

use std::io::{self, Write};

use devices::Format;

use crate::cli::DecodeArguments;
use crate::failure::{Failure, OrFail};

pub(crate) fn run(arguments: &DecodeArguments) -> Result<(), Failure> {
    let format: Format = arguments.characteristic.parse().map_err(Failure::input)?;
    let bytes = bytes_of_hex(&arguments.hex.concat())?;
    let decoded =
        devices::decode_named(format, &bytes, arguments.model.as_deref()).map_err(Failure::input)?;
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, &decoded).or_fail()?;
    writeln!(out).or_fail()
}

/// The longest frame: the longest attribute value of the Bluetooth specification.
const FRAME_BYTES_MAX: usize = 512;

fn bytes_of_hex(text: &str) -> Result<Vec<u8>, Failure> {
    let text = text.trim();
    let text = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
    let mut digits = Vec::with_capacity(text.len());
    for (at, character) in text.chars().enumerate() {
        if character.is_whitespace() || matches!(character, '-' | ':') {
            continue;
        }
        let digit = character.to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        digits.push(digit.ok_or_else(|| {
            Failure::input(format_args!("HEX: {character:?} at character {at} is no hex digit"))
        })?);
    }
    if digits.len() % 2 != 0 {
        return Err(Failure::input(format_args!("HEX: {} digits, a byte has two", digits.len())));
    }
    // No bytes at all are a frame that ends in its first field, which its decoder says.
    if digits.len() > 2 * FRAME_BYTES_MAX {
        return Err(Failure::input(format_args!(
            "HEX: {} bytes, at most {FRAME_BYTES_MAX}",
            digits.len() / 2
        )));
    }
    Ok(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}
