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
        writeln!(out, "{:<20} {:<28} {:<17} RECOGNISED BY", "MODEL", "SENDS", "READ BY")?;
    }
    for model in devices::models::all() {
        if json {
            serde_json::to_writer(&mut *out, model)?;
            out.write_all(b"\n")?;
        } else {
            let formats = model.formats.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
            let patterns = model.patterns.join(", ");
            writeln!(out, "{:<20} {formats:<28} {:<17} {patterns}", model.name, read_by(model))?;
        }
    }
    out.flush()
}

/// How its readings come to a gateway.
fn read_by(model: &Model) -> &'static str {
    if !model.is_fetched() {
        return "decode only";
    }
    if model.behaviour.advertisement_only {
        return "advertisements";
    }
    match model.behaviour.bonding {
        Bonding::No => "connection",
        Bonding::Required => "pairing",
        Bonding::RequiredWithConsent => "pairing and code",
    }
}
