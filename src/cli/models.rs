//! `vagen models`: the device models that are known.

use std::io::{self, Write};

use devices::Model;
use devices::models::Bonding;

use crate::cli::ModelsArguments;
use crate::failure::{Failure, OrFail};

pub(crate) fn run(arguments: &ModelsArguments) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    print(arguments.json, &mut out).or_fail()
}

fn print(json: bool, out: &mut impl Write) -> io::Result<()> {
    if !json {
        writeln!(out, "{:<20} {:<28} {:<19} RECOGNISED BY", "MODEL", "SENDS", "READ BY")?;
    }
    for model in devices::models::all() {
        if json {
            serde_json::to_writer(&mut *out, model)?;
            out.write_all(b"\n")?;
        } else {
            let formats = model.formats.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
            let patterns = model.patterns.join(", ");
            writeln!(out, "{:<20} {formats:<28} {:<19} {patterns}", model.name, read_by(model))?;
        }
    }
    out.flush()
}

/// How its readings come to a gateway; once, where the device deletes what it has sent.
fn read_by(model: &Model) -> &'static str {
    if !model.is_fetched() {
        return "decode only";
    }
    if model.behaviour.advertisement_only {
        return "advertisements";
    }
    match (model.behaviour.bonding, model.behaviour.deletes_after_transfer) {
        (Bonding::No, false) => "connection",
        (Bonding::No, true) => "connection, once",
        (Bonding::Required, false) => "pairing",
        (Bonding::Required, true) => "pairing, once",
        (Bonding::RequiredWithConsent, false) => "pairing and code",
        (Bonding::RequiredWithConsent, true) => "pairing, code, once",
    }
}
