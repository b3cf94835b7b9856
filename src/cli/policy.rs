//! `vagen policy`: the policies an installation owns.

use std::io::{self, Write as _};

use alerts::Policy;
use care::actor::Actor;
use care::clock::Clock;
use care::policies::Book;
use care::policies::shelf::{self, AddError};
use care::store::Store;
use serde_json::json;

use crate::cli::store::{on_one_thread, operating_system_user, with_store};
use crate::cli::{PolicyAddArguments, PolicyListArguments};
use crate::failure::{Failure, OrFail};
use crate::serve::config;

/// `vagen policy add FILE`.
pub(crate) fn add(arguments: &PolicyAddArguments) -> Result<(), Failure> {
    let file = arguments.file.display();
    let text = std::fs::read_to_string(&arguments.file).or_wrong_input(&file)?;
    let added = on_one_thread(async {
        let store = Store::at(&config::place(&arguments.store)?.store).await.or_fail()?;
        let user = operating_system_user();
        let added = shelf::add(&store, &text, Actor::CommandLine(&user), Clock::system().now()).await;
        store.close().await;
        added.map_err(|error| match error {
            AddError::Store(error) => Failure::work(error),
            AddError::Policy(_)
            | AddError::Example(_)
            | AddError::NoExample
            | AddError::Named { .. }
            | AddError::TooLarge
            | AddError::Exists { .. } => {
                Failure::input(format_args!("{file}: {}", error.to_string().replace('\n', " ")))
            }
        })
    })?;
    if !added.new {
        return Ok(());
    }
    let id = format!("{} {}", added.name, added.version);
    writeln!(io::stdout(), "{}", json!({ "change": "added", "table": "policy", "id": id })).or_fail()
}

/// `vagen policy list`.
pub(crate) fn list(arguments: &PolicyListArguments) -> Result<(), Failure> {
    with_store(&arguments.store, async |store, _now| {
        let mut reader = store.read().await.or_fail()?;
        let book = Book::load(&mut reader).await.or_fail()?;
        let mut out = io::stdout().lock();
        for policy in book.policies() {
            let shipped = Policy::shipped()
                .iter()
                .any(|one| one.name() == policy.name() && one.version() == policy.version());
            let line = json!({
                "name": policy.name(), "version": policy.version(), "author": policy.author(), "shipped": shipped,
                "valid_from": policy.valid_from().to_string(),
                "valid_until": policy.valid_until().map(|day| day.to_string()),
            });
            writeln!(out, "{line}").or_fail()?;
        }
        out.flush().or_fail()
    })
}
