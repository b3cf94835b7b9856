//! Opening the store that a command was pointed at, for commands that look in while `serve` may be running.

use std::future::Future;

use care::clock::Clock;
use care::store::Store;
use vitals::Timestamp;

use crate::cli::StoreArguments;
use crate::failure::{Failure, OrFail};
use crate::serve::config;

/// Runs `work` on a store that is there, on one thread.
pub(crate) fn with_store<T, W: Future<Output = Result<T, Failure>>>(
    arguments: &StoreArguments,
    work: impl FnOnce(Store, Timestamp) -> W,
) -> Result<T, Failure> {
    on_one_thread(async {
        let store = Store::at_existing(&config::place(arguments)?.store).await.or_fail()?;
        let done = work(store.clone(), Clock::system().now()).await;
        store.close().await;
        done
    })
}

/// Runs `work` to its end on this thread.
pub(crate) fn on_one_thread<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().or_fail()?.block_on(work)
}

/// The operating-system user, for the audit log.
pub(crate) fn operating_system_user() -> String {
    let named = ["USER", "LOGNAME"]
        .into_iter()
        .find_map(|key| std::env::var(key).ok().filter(|name| !name.is_empty()));
    named.unwrap_or_else(|| "unknown".to_owned())
}
