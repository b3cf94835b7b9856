//! How fast a gateway may send: one that sends more gets its receipts later, and nobody else does.
//!
//! A bucket of tokens a gateway, a token for each begun KiB of its messages. Nothing is refused and nothing waits to be committed:
//! what came is judged and stored at once, and the broker has its acknowledgement in order, so that one gateway's flood takes
//! nobody's place there. What is delayed is the receipt, for which a gateway waits before it sends much more.
//!
//! **Invariant:** a receipt is sent within [`DELAY_MAX`], sooner than a gateway would send again for want of it.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;
use vitals::{GatewayId, OutboxId};

use crate::sequences::Receipted;

/// The longest that a receipt is held. A gateway sends again after ten seconds without one.
pub const DELAY_MAX: Duration = Duration::from_secs(5);
/// With more buckets than this in memory, the full ones are let go: a new one is full as well.
const BUCKETS_MAX: usize = 4_096;

/// How much a gateway may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// What it may send for ever, KiB a second.
    pub kib_per_s: u32,
    /// What it may send at once, KiB.
    pub burst_kib: u32,
}

impl Default for Pace {
    /// A hundred readings a second for ever, seven thousand at once: a home makes ten a day, and a month's backlog is some hundred.
    fn default() -> Self {
        Self { kib_per_s: 64, burst_kib: 4_096 }
    }
}

/// The buckets, and the receipts that are held.
#[derive(Debug, Default)]
pub(crate) struct Paced {
    pace: Option<Pace>,
    buckets: HashMap<GatewayId, Bucket>,
    held: HashMap<(GatewayId, OutboxId), (Instant, Receipted)>,
}

/// What a gateway has left, KiB; below nothing it owes.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    kib: f64,
    at: Instant,
}

impl Paced {
    /// Without a pace nothing is ever held.
    pub(crate) fn by(pace: Option<Pace>) -> Self {
        Self { pace, ..Self::default() }
    }

    /// `gateway` sent a message of `bytes` at `now`.
    pub(crate) fn sent(&mut self, gateway: &GatewayId, bytes: usize, now: Instant) {
        let Some(pace) = self.pace else { return };
        if self.buckets.len() >= BUCKETS_MAX {
            self.buckets.retain(|_, bucket| bucket.filled(pace, now).kib < f64::from(pace.burst_kib));
        }
        let full = Bucket { kib: f64::from(pace.burst_kib), at: now };
        let bucket = self.buckets.entry(gateway.clone()).or_insert(full);
        *bucket = bucket.filled(pace, now);
        let kib = u32::try_from(bytes.div_ceil(1024).max(1)).unwrap_or(u32::MAX);
        // It owes at most what is paid within the longest delay.
        let floor = -f64::from(pace.kib_per_s) * DELAY_MAX.as_secs_f64();
        bucket.kib = (bucket.kib - f64::from(kib)).max(floor);
    }

    /// Gives `receipted` back where it may go now, else holds it; of one outbox the latest is enough.
    pub(crate) fn release(&mut self, receipted: Receipted, now: Instant) -> Option<Receipted> {
        let key = (receipted.gateway.clone(), receipted.receipt.outbox.clone());
        let delay = self.delay(&receipted.gateway, now);
        if delay.is_zero() {
            self.held.remove(&key);
            return Some(receipted);
        }
        metrics::counter!("vagen_ingest_receipts_delayed_total").increment(1);
        match self.held.get_mut(&key) {
            Some((_, held)) => *held = receipted,
            None => {
                tracing::warn!(gateway = %receipted.gateway, ?delay, "sends faster than its pace; its receipts come later");
                self.held.insert(key, (now + delay, receipted));
            }
        }
        None
    }

    /// When the next held receipt may go; `None` while none is held.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.held.values().map(|(due, _)| *due).min()
    }

    /// The receipts whose time has come.
    pub(crate) fn due(&mut self, now: Instant) -> Vec<Receipted> {
        let due = self.held.extract_if(|_, (due, _)| *due <= now);
        due.map(|(_, (_, receipted))| receipted).collect()
    }

    fn delay(&self, gateway: &GatewayId, now: Instant) -> Duration {
        let (Some(pace), Some(bucket)) = (self.pace, self.buckets.get(gateway)) else {
            return Duration::ZERO;
        };
        let owed_kib = -bucket.filled(pace, now).kib;
        if owed_kib <= 0.0 {
            return Duration::ZERO;
        }
        Duration::from_secs_f64(owed_kib / f64::from(pace.kib_per_s.max(1))).min(DELAY_MAX)
    }
}

impl Bucket {
    fn filled(self, pace: Pace, now: Instant) -> Self {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        let kib = (self.kib + passed * f64::from(pace.kib_per_s)).min(f64::from(pace.burst_kib));
        Self { kib, at: now }
    }
}

#[cfg(test)]
mod tests {
    use vitals::Receipt;

    use super::*;

    fn receipted(gateway: &str, through: u64) -> Receipted {
        let outbox = "ob".parse().expect("an outbox");
        Receipted { gateway: id(gateway), receipt: Receipt { outbox, through } }
    }

    fn id(gateway: &str) -> GatewayId {
        gateway.parse().expect("a gateway id")
    }

    /// Worked by hand: 10 KiB a second, 100 KiB at once.
    #[test]
    fn who_sends_more_than_its_pace_waits_and_nobody_else_does() {
        let began = Instant::now();
        let after = |seconds: f64| began + Duration::from_secs_f64(seconds);
        let mut paced = Paced::by(Some(Pace { kib_per_s: 10, burst_kib: 100 }));
        paced.sent(&id("babbler"), 100 * 1024, began);
        assert!(paced.release(receipted("babbler", 1), began).is_some(), "what may come at once");
        paced.sent(&id("babbler"), 20 * 1024, began);
        assert_eq!(paced.release(receipted("babbler", 2), began), None, "20 KiB too much: two seconds");
        paced.sent(&id("quiet"), 1, began);
        assert!(paced.release(receipted("quiet", 1), began).is_some(), "its own bucket");
        assert_eq!(paced.next(), Some(after(2.0)));
        paced.sent(&id("babbler"), 10 * 1024, after(1.0));
        assert_eq!(paced.release(receipted("babbler", 3), after(1.0)), None);
        assert_eq!(paced.due(after(1.9)), []);
        assert_eq!(paced.due(after(2.0)), [receipted("babbler", 3)], "the latest, when the first was due");
        assert_eq!(paced.next(), None);
        paced.sent(&id("babbler"), 10_000 * 1024, after(2.0));
        assert_eq!(paced.release(receipted("babbler", 4), after(2.0)), None);
        assert_eq!(paced.due(after(7.0)).len(), 1, "never longer than five seconds");
        assert!(paced.release(receipted("babbler", 5), after(8.0)).is_some(), "and then all is paid");
    }

    #[test]
    fn without_a_pace_nothing_is_held() {
        let mut paced = Paced::by(None);
        paced.sent(&id("babbler"), usize::MAX, Instant::now());
        assert!(paced.release(receipted("babbler", 1), Instant::now()).is_some());
    }

    /// A month of a couple's mornings and evenings at once: 60 days' worth of five readings of 600 bytes.
    #[test]
    fn a_months_backlog_passes_at_once() {
        let (now, mut paced) = (Instant::now(), Paced::by(Some(Pace::default())));
        for _ in 0..300 {
            paced.sent(&id("home"), 600, now);
            assert!(paced.release(receipted("home", 1), now).is_some());
        }
    }
}
