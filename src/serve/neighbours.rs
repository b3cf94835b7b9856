//! What is announced in one process reaches the pages that are open in the others over the same PostgreSQL store.
//!
//! Changes are gathered for a moment and told in one word. More than fit are told as "much", after which a page fetches what it shows.

use std::collections::HashSet;
use std::time::Duration;

use care::live::{Change, Feed};
use care::store::sql::Dialect;
use care::store::{News, Store};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinHandle;

const GATHER: Duration = Duration::from_millis(200);
const TOLD_MAX: usize = 60;
const PAUSE: Duration = Duration::from_secs(1);

/// What one process says to the others.
#[derive(Debug, Serialize, Deserialize)]
struct Word {
    /// Who says it, so that it need not listen to itself.
    from: String,
    changes: Vec<Change>,
}

/// Begins to tell and to listen; nothing where the store is a file.
pub(super) fn start(store: &Store, feed: &Feed, name: String) -> Vec<JoinHandle<()>> {
    if store.dialect() == Dialect::Sqlite {
        return Vec::new();
    }
    let telling = tell(store.clone(), feed.clone(), name.clone());
    vec![tokio::spawn(telling), tokio::spawn(listen(store.clone(), feed.clone(), name))]
}

async fn tell(store: Store, feed: Feed, name: String) {
    let mut own = feed.listen_to_own();
    loop {
        let mut changes = HashSet::new();
        match own.recv().await {
            Ok(change) => drop(changes.insert(change)),
            Err(RecvError::Lagged(_)) => drop(changes.insert(Change::Much)),
            Err(RecvError::Closed) => return,
        }
        tokio::time::sleep(GATHER).await;
        while let Ok(change) = own.try_recv() {
            changes.insert(change);
        }
        // Each process knows the state of its own parts.
        changes.remove(&Change::Health);
        if changes.is_empty() {
            continue;
        }
        let changes =
            if changes.len() > TOLD_MAX { vec![Change::Much] } else { changes.into_iter().collect() };
        let Ok(word) = serde_json::to_string(&Word { from: name.clone(), changes }) else { continue };
        if let Err(error) = store.say(&word).await {
            tracing::warn!(%error, "other processes were not told what changed");
        }
    }
}

async fn listen(store: Store, feed: Feed, name: String) {
    loop {
        let error = match store.news().await {
            Ok(None) => return,
            Ok(Some(news)) => hear(news, &feed, &name).await,
            Err(error) => error.to_string(),
        };
        tracing::warn!(error, "other processes are not heard; listening again");
        // What was missed is fetched anew.
        feed.pass_on(Change::Much);
        tokio::time::sleep(PAUSE).await;
    }
}

/// Passes on what is heard, until the connection fails; why it did.
async fn hear(mut news: News, feed: &Feed, name: &str) -> String {
    loop {
        match news.hear().await {
            Ok(Some(word)) => match serde_json::from_str::<Word>(&word) {
                Ok(word) if word.from == name => {}
                Ok(word) => word.changes.into_iter().for_each(|change| feed.pass_on(change)),
                Err(error) => tracing::warn!(%error, "another process says what is not understood"),
            },
            Ok(None) => feed.pass_on(Change::Much),
            Err(error) => return error.to_string(),
        }
    }
}
