//! The `vagen` command: reads its arguments and wires the rooms together, nothing else.
//!
//! Results go to stdout, everything else to stderr. Exit status: 0 done, 1 the work failed, 2 the arguments or the
//! input are wrong; the first line on stderr says what and where.

use std::process::ExitCode;

use clap::Parser;
use mimalloc::MiMalloc;

mod cli;
mod demo;
mod failure;
mod ready;
mod serve;

/// What one thread makes another throws away here all day: messages, rows, answers. The system's allocator makes each of them wait.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let arguments = cli::Arguments::parse();
    // rustls has two providers of cryptography in reach; everything here uses ring.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match cli::run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
