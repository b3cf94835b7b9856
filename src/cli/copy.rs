//! `vagen store copy`: a whole store from one database to another.

use std::io::{self, Write};

use care::store::copy::{self, CopyError};
use care::store::{Address, Store};
use serde_json::json;

use crate::cli::CopyArguments;
use crate::cli::store::on_one_thread;
use crate::failure::{Failure, OrFail};

pub(crate) fn run(arguments: &CopyArguments) -> Result<(), Failure> {
    let from: Address = arguments.from.parse().or_wrong_input("--from")?;
    let to: Address = arguments.to.parse().or_wrong_input("--to")?;
    on_one_thread(async {
        let (from, to) = (Store::at_existing(&from).await.or_fail()?, Store::at(&to).await.or_fail()?);
        let copied = copy::copy(&from, &to, |done| {
            // Progress, and the result, a table a line: one that cannot be printed is in the store all the same.
            let line = json!({ "table": done.table, "rows": done.rows });
            let _ = writeln!(io::stdout(), "{line}");
        })
        .await;
        from.close().await;
        to.close().await;
        copied.map(|_| ()).map_err(|error| match error {
            CopyError::NotEmpty { .. } => Failure::input(error),
            CopyError::Store(_) | CopyError::Differs { .. } => Failure::work(error),
        })
    })
}
