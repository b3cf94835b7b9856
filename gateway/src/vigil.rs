//! The vigil: what the parts of a running gateway say of themselves, for whoever must know whether all is well.
//!
//! Each part says when it got on with its work, and what is wrong while it is wrong. The watchdog asks who has stood
//! still; the lamp and the buzzer show the rest. It judges no reading, and reads no clock: moments are handed in.
//!
//! **Invariant:** a part that never began is not missed; one that began is, until it gets on again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

/// A part of a gateway that must keep moving.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The task that speaks with Bluetooth.
    Radio,
    /// The loop that takes what was heard and seals it.
    Listener,
    /// The database: it answered, be it that the disk is full.
    Outbox,
    /// The loop that carries to the broker.
    Uplink,
}

impl Part {
    /// After how long without getting on it has stood still. Each gets on at least three times in that time.
    #[must_use]
    pub const fn stands_still_after(self) -> Duration {
        match self {
            Self::Radio | Self::Listener | Self::Uplink => Duration::from_secs(90),
            // A card that is wearing out can take half a minute for one write.
            Self::Outbox => Duration::from_secs(180),
        }
    }

    /// Its word in a log line.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Radio => "radio",
            Self::Listener => "listener",
            Self::Outbox => "outbox",
            Self::Uplink => "uplink",
        }
    }
}

/// How often a loop with nothing to do says that it could.
pub const TURN_EVERY: Duration = Duration::from_secs(20);

/// Something that is wrong, and stays wrong until it is said to be over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// There is no Bluetooth: no adapter, or no bluetoothd.
    RadioGone,
    /// New readings find no room: the outbox is full, or the disk is.
    NoRoom,
    /// The database fails for another reason than room.
    OutboxFails,
    /// A reading, or a whole file, was set aside and could not be delivered as it was.
    SetAside,
    /// Readings have waited for their receipts for long.
    Undelivered,
    /// The certificate has expired, or ends soon and was not renewed.
    CertificateEnds,
    /// The broker refuses the certificate: it was revoked, or has expired.
    CertificateRefused,
}

impl Trouble {
    /// Its words in a log line.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::RadioGone => "no Bluetooth",
            Self::NoRoom => "no room for new readings",
            Self::OutboxFails => "the outbox fails",
            Self::SetAside => "something was set aside",
            Self::Undelivered => "readings wait for long",
            Self::CertificateEnds => "the certificate ends soon and was not renewed",
            Self::CertificateRefused => "the broker refuses the certificate; a new code is needed",
        }
    }
}

/// How things stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// How many readings were sealed under new numbers since the start.
    pub sealed: u64,
    /// How many things were set aside since the start.
    pub set_aside: u64,
    /// What is wrong at the moment.
    pub troubles: BTreeSet<Trouble>,
}

/// A vigil. Cloning it gives another hold on the same one.
#[derive(Clone, Debug)]
pub struct Vigil {
    moved: Arc<Mutex<BTreeMap<Part, Instant>>>,
    standing: Arc<watch::Sender<Standing>>,
}

impl Default for Vigil {
    fn default() -> Self {
        let (standing, _) = watch::channel(Standing::default());
        Self { moved: Arc::default(), standing: Arc::new(standing) }
    }
}

impl Vigil {
    /// `part` got on with its work at `now`.
    pub fn moved(&self, part: Part, now: Instant) {
        self.moved.lock().unwrap_or_else(PoisonError::into_inner).insert(part, now);
    }

    /// Which parts have stood still for too long by `now`.
    #[must_use]
    pub fn still(&self, now: Instant) -> Vec<Part> {
        let moved = self.moved.lock().unwrap_or_else(PoisonError::into_inner);
        let too_long = |(part, at): (&Part, &Instant)| {
            (now.saturating_duration_since(*at) > part.stands_still_after()).then_some(*part)
        };
        moved.iter().filter_map(too_long).collect()
    }

    /// `trouble` began, or is over.
    pub fn trouble(&self, trouble: Trouble, is_wrong: bool) {
        self.standing.send_if_modified(|standing| {
            if is_wrong { standing.troubles.insert(trouble) } else { standing.troubles.remove(&trouble) }
        });
    }

    /// A reading was sealed under a new number.
    pub fn sealed(&self) {
        self.standing.send_modify(|standing| standing.sealed += 1);
    }

    /// Something was set aside.
    pub fn set_aside(&self) {
        self.standing.send_modify(|standing| standing.set_aside += 1);
    }

    /// How things stand, now and whenever that changes.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Standing> {
        self.standing.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows by each part's own line: still just after its time, not just before.
    #[test]
    fn a_part_is_missed_once_it_has_stood_still_and_until_it_moves() {
        for part in [Part::Radio, Part::Listener, Part::Outbox, Part::Uplink] {
            let (vigil, start) = (Vigil::default(), Instant::now());
            let later = |seconds| start + Duration::from_secs(seconds);
            let limit = part.stands_still_after().as_secs();
            assert_eq!(vigil.still(later(limit * 10)), [], "{part:?} never began");
            vigil.moved(part, start);
            assert_eq!(vigil.still(later(limit)), []);
            assert_eq!(vigil.still(later(limit + 1)), [part]);
            vigil.moved(part, later(limit + 1));
            assert_eq!(vigil.still(later(limit + 2)), []);
            assert!(TURN_EVERY * 3 <= part.stands_still_after(), "a late turn is no standstill");
        }
    }

    #[test]
    fn a_trouble_lasts_until_it_is_over_and_wakes_nobody_twice() {
        let vigil = Vigil::default();
        let mut watch = vigil.watch();
        vigil.trouble(Trouble::NoRoom, true);
        assert!(watch.has_changed().expect("open"));
        assert_eq!(watch.borrow_and_update().troubles, BTreeSet::from([Trouble::NoRoom]));
        vigil.trouble(Trouble::NoRoom, true);
        assert!(!watch.has_changed().expect("open"));
        vigil.trouble(Trouble::NoRoom, false);
        assert_eq!(watch.borrow_and_update().troubles, BTreeSet::new());
    }
}
