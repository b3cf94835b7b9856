//! The service manager's edge: ready, alive, stopping; and a log that is the journal's where systemd started us.
//!
//! "Alive" is what the [`Vigil`] says: each part got on with its own work. A timer that fires proves nothing but a timer.
//!
//! **Invariant:** no sign of life while a part stands still, so that the service manager starts the gateway again.

use std::os::unix::fs::MetadataExt as _;
use std::time::{Duration, Instant};

use sd_notify::NotifyState;
use tokio::sync::watch;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::LogLevel;
use crate::outbox::Depth;
use crate::vigil::{Part, TURN_EVERY, Trouble, Vigil};

/// Tells the service manager how the gateway is until dropped: ready at once, then alive for as long as every part is.
pub async fn report(vigil: Vigil, depth: watch::Receiver<Depth>) {
    let period = sd_notify::watchdog_enabled().map_or(TURN_EVERY, |limit| (limit / 3).min(TURN_EVERY));
    tell(&[NotifyState::Ready]);
    let mut still = Vec::new();
    loop {
        let now = vigil.still(Instant::now());
        if now != still {
            let names: Vec<&str> = now.iter().map(|part| part.key()).collect();
            tracing::error!(still = names.join(", "), "a part of the gateway stands still, or moves again");
            still = now;
        }
        let status = status(*depth.borrow(), vigil.watch().borrow().troubles.iter(), &still);
        tell(&signs(&status, &still));
        tokio::time::sleep(period.max(Duration::from_millis(100))).await;
    }
}

/// Tells the service manager that we are about to end.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// What is said each time: a sign of life only while nothing stands still.
fn signs<'a>(status: &'a str, still: &[Part]) -> Vec<NotifyState<'a>> {
    let alive = still.is_empty().then_some(NotifyState::Watchdog);
    alive.into_iter().chain([NotifyState::Status(status)]).collect()
}

fn tell(state: &[NotifyState<'_>]) {
    // Without a service manager this does nothing; one that does not listen is no reason to stop.
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(%error, "the service manager does not listen");
    }
}

/// One line for `systemctl status`.
fn status<'a>(depth: Depth, troubles: impl Iterator<Item = &'a Trouble>, still: &[Part]) -> String {
    let mut text = format!("{} sealed, {} without receipt", depth.last_seq, depth.unreceipted);
    for trouble in troubles {
        text = text + "; " + trouble.words();
    }
    for part in still {
        text = text + "; stands still: " + part.key();
    }
    text
}

/// Installs the log: to the journal where systemd connected our stderr to it, else to stderr. Only the first call in a
/// process does anything.
pub fn log(level: LogLevel) {
    // btleplug and rumqttc speak of every packet at debug; ours is what a technician asked for.
    let ours = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let filter = Targets::new()
        .with_default(LevelFilter::WARN)
        .with_targets([("gateway", ours), ("vagen_gateway", ours)]);
    let journal = stderr_is_the_journal().then(tracing_journald::layer).and_then(Result::ok);
    let plain = journal
        .is_none()
        .then(|| tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false));
    let layers = tracing_subscriber::registry()
        .with(journal.map(|layer| layer.with_filter(filter.clone())))
        .with(plain.map(|layer| layer.with_filter(filter)));
    // A second call finds the first one's log, which will do.
    let _ = layers.try_init();
}

/// `JOURNAL_STREAM` names the device and inode of the stream that systemd gave us (systemd.exec(5)). A stderr that was
/// redirected since is another one.
fn stderr_is_the_journal() -> bool {
    let Ok(stderr) = std::fs::metadata("/proc/self/fd/2") else { return false };
    std::env::var("JOURNAL_STREAM").is_ok_and(|named| named == format!("{}:{}", stderr.dev(), stderr.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One part that hangs is enough, whatever the others do: each of them alone ends the signs of life.
    #[test]
    fn a_part_that_stands_still_ends_the_signs_of_life() {
        let says = |still: &[Part]| -> Vec<String> {
            signs("as it is", still).iter().map(ToString::to_string).collect()
        };
        assert_eq!(says(&[]), ["WATCHDOG=1", "STATUS=as it is"]);
        for part in [Part::Radio, Part::Listener, Part::Outbox, Part::Uplink] {
            let (vigil, start) = (Vigil::default(), Instant::now());
            let late = start + part.stands_still_after() + Duration::from_secs(1);
            for all in [Part::Radio, Part::Listener, Part::Outbox, Part::Uplink] {
                vigil.moved(all, late);
            }
            vigil.moved(part, start);
            assert_eq!(says(&vigil.still(late)), ["STATUS=as it is"], "{part:?}");
        }
    }

    /// What a technician reads in `systemctl status`.
    #[test]
    fn the_status_says_what_waits_and_what_is_wrong() {
        let depth = Depth { last_seq: 40, unreceipted: 3, head: None };
        let rows: [(&[Trouble], &[Part], &str); 3] = [
            (&[], &[], "40 sealed, 3 without receipt"),
            (&[Trouble::NoRoom], &[], "40 sealed, 3 without receipt; no room for new readings"),
            (
                &[Trouble::RadioGone],
                &[Part::Uplink],
                "40 sealed, 3 without receipt; no Bluetooth; stands still: uplink",
            ),
        ];
        for (troubles, still, expected) in rows {
            assert_eq!(status(depth, troubles.iter(), still), expected);
        }
    }
}
