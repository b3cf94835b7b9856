//! `vagen models`: the device models that are known.

use std::io::{self, Write};

use crate::cli::ModelsArguments;
use crate::failure::{Failure, OrFail};

pub(crate) fn run(arguments: &ModelsArguments) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    print(arguments.json, &mut out).or_fail()
}

fn print(json: bool, out: &mut impl Write) -> io::Result<()> {
    if !json {
        writeln!(out, "{:<28} {:<34} RECOGNISED BY", "MODEL", "SENDS")?;
    }
    for model in devices::models::all() {
        if json {
            serde_json::to_writer(&mut *out, model)?;
            out.write_all(b"\n")?;
        } else {
            let formats = model.formats.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
            writeln!(out, "{:<28} {formats:<34} {}", model.name, model.patterns.join(" "))?;
        }
    }
    out.flush()
}
