//! `vagen migrate`: the schema brought up to date before the new version serves.

use std::io::{self, Write};

use care::store::Store;
use serde_json::json;

use crate::cli::MigrateArguments;
use crate::cli::store::on_one_thread;
use crate::failure::{Failure, OrFail};
use crate::serve::config;

pub(crate) fn run(arguments: &MigrateArguments) -> Result<(), Failure> {
    let place = config::place(&arguments.store)?;
    on_one_thread(async {
        let store = Store::at(&place.store).await.or_fail()?;
        let schema = store.schema().await.or_fail()?;
        store.close().await;
        let line = json!({ "store": place.store.to_string(), "schema": schema });
        writeln!(io::stdout(), "{line}").or_fail()
    })
}
