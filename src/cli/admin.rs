//! `vagen admin apply`: who is who, as a file.

use std::io::{self, Write};
use std::path::Path;

use care::clock::Clock;
use care::register::{self, ApplyError, Changed, Register};
use care::store::Store;

use crate::cli::ApplyArguments;
use crate::cli::store::{on_one_thread, operating_system_user};
use crate::failure::{Failure, OrFail};
use crate::serve::{config, policies};

pub(crate) fn apply(arguments: &ApplyArguments) -> Result<(), Failure> {
    let file = &arguments.file;
    let text = std::fs::read_to_string(file).or_wrong_input(file.display())?;
    let register = Register::parse(&text).or_wrong_input(file.display())?;
    let beside = file.parent().unwrap_or(Path::new("."));
    let changed = on_one_thread(async {
        let store = Store::at(&config::place(&arguments.store)?.store).await.or_fail()?;
        let policies = policies();
        let names: Vec<&str> = policies.names().collect();
        let user = operating_system_user();
        let applied = register::apply(&store, &register, beside, &names, &user, Clock::system().now()).await;
        store.close().await;
        applied.map_err(|error| match error {
            ApplyError::Register(error) => Failure::input(format_args!("{}: {error}", file.display())),
            ApplyError::Store(error) => Failure::work(error),
        })
    })?;
    print(&changed).or_fail()
}

fn print(changed: &[Changed]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for one in changed {
        writeln!(out, "{}", one.to_json())?;
    }
    out.flush()
}
