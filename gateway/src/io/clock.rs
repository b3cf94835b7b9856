//! The gateway's clock: what time it is, whether that can be believed, and what a clock in this home should show.
//!
//! A small box has no clock chip and boots in the past; until the network has set its clock, its times are marked.
//!
//! **Invariant:** the only place of this crate where the time of day is read.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use vitals::Timestamp;

/// What `systemd-timesyncd` leaves behind once it has set the clock.
const TIMESYNCD_MARK: &str = "/run/systemd/timesync/synchronized";
/// How often the system is asked while it has not yet said yes.
const ASK_EVERY: Duration = Duration::from_secs(15);

/// A gateway's clock. Cloning it gives the same clock.
#[derive(Clone)]
pub struct Clock {
    now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    synced: Arc<AtomicBool>,
    /// It tells when something was recorded.
    is_played: bool,
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Clock").field("synced", &self.synced()).finish_non_exhaustive()
    }
}

impl Clock {
    /// A clock of the caller's own making, believed: a demonstration's.
    #[must_use]
    pub fn of(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self { now: Arc::new(now), synced: Arc::new(AtomicBool::new(true)), is_played: false }
    }

    /// A capture's clock, believed as to when what it holds was heard.
    #[must_use]
    pub fn played(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self { is_played: true, ..Self::of(now) }
    }

    /// The system's clock, believed from the start if `assume_synced`, else once [`watch_system`] says so.
    #[must_use]
    pub fn system(assume_synced: bool) -> Self {
        Self { now: Arc::new(system_now), synced: Arc::new(AtomicBool::new(assume_synced)), is_played: false }
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.now)()
    }

    /// The time, where it is known to be that of today: not while nobody has set the clock, and not a capture's.
    #[must_use]
    pub fn today(&self) -> Option<Timestamp> {
        (self.synced() && !self.is_played).then(|| self.now())
    }

    /// Whether it has been right since the box started, as far as we know.
    #[must_use]
    pub fn synced(&self) -> bool {
        self.synced.load(Ordering::Relaxed)
    }
}

/// The system's clock.
#[must_use]
pub fn system_now() -> Timestamp {
    Timestamp::from_jiff(jiff::Timestamp::now())
}

/// What a clock in this home shows beyond UTC, s, at `now`: the system's time zone.
#[must_use]
pub fn local_offset_s(now: Timestamp) -> i64 {
    i64::from(jiff::tz::TimeZone::system().to_offset(now.to_jiff()).seconds())
}

/// Asks the system until it says that its clock has been synchronised.
pub async fn watch_system(clock: Clock) {
    while !clock.synced() {
        if tokio::task::spawn_blocking(system_is_synced).await.unwrap_or(false) {
            tracing::info!("the system's clock is synchronised");
            clock.synced.store(true, Ordering::Relaxed);
            return;
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
}

/// What `timedatectl` says: the kernel's own flag, whoever keeps the time.
fn system_is_synced() -> bool {
    if std::path::Path::new(TIMESYNCD_MARK).exists() {
        return true;
    }
    let asked = dbus::blocking::Connection::new_system().and_then(|bus| {
        use dbus::blocking::stdintf::org_freedesktop_dbus::Properties as _;
        bus.with_proxy("org.freedesktop.timedate1", "/org/freedesktop/timedate1", Duration::from_secs(5))
            .get::<bool>("org.freedesktop.timedate1", "NTPSynchronized")
    });
    match asked {
        Ok(synced) => synced,
        Err(error) => {
            tracing::debug!(%error, "the system does not say whether its clock is synchronised");
            false
        }
    }
}

/// The clock of a capture: the time of the event heard last.
#[derive(Clone, Debug)]
pub struct PlayedClock(Arc<AtomicI64>);

impl PlayedClock {
    /// A clock that starts at `first`.
    #[must_use]
    pub fn new(first: Timestamp) -> Self {
        Self(Arc::new(AtomicI64::new(first.as_millis())))
    }

    /// Sets it.
    pub fn set(&self, at: Timestamp) {
        self.0.store(at.as_millis(), Ordering::Relaxed);
    }

    /// What it shows.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed)).unwrap_or_else(|_| system_now())
    }
}
