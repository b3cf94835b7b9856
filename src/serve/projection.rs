//! The projection to QuestDB, started and stopped with the house.

use std::sync::Arc;
use std::time::Duration;

use care::health::Health;
use care::series::Series;
use ingest::projection::Feeding;
use ingest::questdb::{Address, CommitMode, LongAnswers, QuestDb, Server};
use ingest::stop::{Switch, switch};
use tokio::task::JoinHandle;

use crate::failure::{Failure, OrFail};

const STOP_WITHIN: Duration = Duration::from_millis(300);

/// The projection, running.
pub(crate) struct Projecting {
    stop: Switch,
    task: JoinHandle<()>,
}

impl Projecting {
    /// Starts to feed the server at `address`.
    pub(crate) fn start(address: &Address, feeding: Feeding) -> Result<Self, Failure> {
        let projection = QuestDb::new(address.clone()).or_fail()?;
        let (stop, stopped) = switch();
        let server = Server::new(address.clone());
        tokio::task::spawn_blocking(move || advise(&server));
        Ok(Self { stop, task: tokio::spawn(feeding.run(projection, stopped)) })
    }

    /// Stops it. What it was writing comes again at the next start.
    pub(crate) async fn stop(self) {
        self.stop.turn();
        let task = self.task.abort_handle();
        if tokio::time::timeout(STOP_WITHIN, self.task).await.is_err() {
            task.abort();
        }
    }
}

/// Where long series are read: in the QuestDB at `address` while it answers, else in the store.
pub(crate) fn series(address: Option<&Address>, health: &Health) -> Series {
    address.map_or_else(Series::default, |address| {
        Series::of(Arc::new(LongAnswers::new(address.clone())), health.clone())
    })
}

/// Says so when a power cut could take from the projection what its cursor has passed.
fn advise(server: &Server) {
    match server.commit_mode() {
        Ok(CommitMode::Sync) => {}
        Ok(CommitMode::Other(mode)) => tracing::warn!(
            mode,
            "QuestDB does not write through: set cairo.commit.mode=sync, or run `vagen project --rebuild` after a power cut"
        ),
        Err(error) => tracing::warn!(%error, "QuestDB does not say how it commits"),
    }
}
