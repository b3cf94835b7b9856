//! The links of a running gateway, in a small file beside its outbox, for `vagen-gateway status` to show.
//!
//! **Invariant:** the file is whole or not there; it is written when something changed, at most once in [`WRITE_EVERY`].

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::watch;

use crate::links::{BrokerLink, Links};

/// A card wears out by writing.
const WRITE_EVERY: Duration = Duration::from_secs(2);

/// Keeps the file beside `outbox` true, for ever.
pub async fn keep_written(
    outbox: PathBuf,
    mut radio: watch::Receiver<Links>,
    mut broker: watch::Receiver<BrokerLink>,
) {
    let path = path(&outbox);
    let mut complained = false;
    loop {
        let links = Links { broker: broker.borrow_and_update().clone(), ..radio.borrow_and_update().clone() };
        if let Err(error) = write(&path, &links)
            && !complained
        {
            tracing::warn!(path = %path.display(), %error, "status will not tell how the links stand");
            complained = true;
        }
        tokio::time::sleep(WRITE_EVERY).await;
        tokio::select! {
            Ok(()) = radio.changed() => {}
            Ok(()) = broker.changed() => {}
            // Both ends are gone: the gateway stops.
            else => return std::future::pending().await,
        }
    }
}

fn write(path: &Path, links: &Links) -> std::io::Result<()> {
    let part = path.with_extension("part");
    std::fs::write(&part, serde_json::to_vec(links)?)?;
    std::fs::rename(part, path)
}

/// How the links of the gateway with this outbox stood when they last changed; `None` where nobody wrote it down.
#[must_use]
pub fn read(outbox: &Path) -> Option<Links> {
    serde_json::from_slice(&std::fs::read(path(outbox)).ok()?).ok()
}

fn path(outbox: &Path) -> PathBuf {
    let mut name = outbox.as_os_str().to_owned();
    name.push(".links.json");
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_changed_can_be_read_and_nonsense_is_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let outbox = folder.path().join("o.db");
        assert_eq!(read(&outbox), None);
        let ((_radio, radio), (_broker, broker)) = (
            watch::channel(Links { adapters: vec!["hci0".into()], ..Links::default() }),
            watch::channel(BrokerLink::default()),
        );
        let written =
            tokio::time::timeout(Duration::from_millis(200), keep_written(outbox.clone(), radio, broker));
        assert!(written.await.is_err(), "it goes on");
        assert_eq!(read(&outbox).expect("there").adapters, ["hci0"]);
        std::fs::write(path(&outbox), "{").expect("writes");
        assert_eq!(read(&outbox), None);
    }
}
