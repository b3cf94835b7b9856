//! `vagen-gateway`: the home box's daemon and the technician's tool.
//!
//! Parses arguments, installs a logger and a runtime of one thread, and turns failures into exit statuses: 0 done,
//! 1 the work failed, 2 the arguments or the input are wrong.

mod cli;
mod pair;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let arguments = cli::Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return complain(&cli::Failure::Failed(format!("no runtime: {error}"))),
    };
    let done = runtime.block_on(cli::carry_out(arguments));
    // A read of the radio that never ends must not hold up the exit.
    runtime.shutdown_timeout(std::time::Duration::from_millis(500));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => complain(&failure),
    }
}

fn complain(failure: &cli::Failure) -> ExitCode {
    let (text, status) = match failure {
        cli::Failure::Wrong(text) => (text, 2),
        cli::Failure::Failed(text) => (text, 1),
    };
    // Nobody is left to tell when stderr is closed.
    let _ = writeln!(std::io::stderr(), "vagen-gateway: {text}");
    ExitCode::from(status)
}
