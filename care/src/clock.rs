//! The edge where time comes in. Everything else takes `now` as an argument; only what stands at an edge asks this.

use std::sync::Arc;

use vitals::Timestamp;

/// Tells what time it is. The demo sets its own; every other process uses the machine's.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub fn system() -> Self {
        Self(Arc::new(|| Timestamp::from_jiff(jiff::Timestamp::now())))
    }

    /// A clock that shows what `tell` says.
    #[must_use]
    pub fn told_by(tell: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clock")
    }
}

/// The time zone that office hours, days and the words for them are in.
///
/// # Panics
/// Never: the zone is compiled in.
#[must_use]
pub fn zone() -> jiff::tz::TimeZone {
    jiff::tz::TimeZone::get("Europe/Stockholm").unwrap_or(jiff::tz::TimeZone::UTC)
}
