//! The canary: a reading of nobody's, sealed again and again by an outbox of its own and carried over the configured broker.
//!
//! Every hop it passes is looked for: the outbox, the broker, the way from there to ingest, the rules, the store, the receipt,
//! and the projection where there is one. When none has come the whole way for a while, the chain counts as broken, and the words
//! name the first hop at which the latest one is missing. Knows no patient.
//!
//! **Invariant:** the part is called whole only after a canary was seen at every hop, and only for as long as that is recent.

use std::path::{Path, PathBuf};
use std::time::Duration;

use care::canary;
use care::clock::Clock;
use care::enrolment::Authority;
use care::enrolment::authority::Purpose;
use care::health::{Health, Part};
use care::live::{Change, Feed};
use care::store::{Store, StoreError};
use devices::Format;
use gateway::io::carry::Carrier;
use gateway::io::mqtt::MqttLink;
use gateway::links::BrokerLink;
use gateway::outbox::{Limits, MIB, Outbox, Sealed, Sealing, SharedOutbox};
use ingest::canary::Walk;
use ingest::projection::canary_of;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};
use vitals::{
    ClockClass, DeviceId, DeviceIdentity, GatewayId, OutboxId, RawFrame, TimedMeasurement, Timestamp,
};

use crate::failure::{Failure, OrFail};
use crate::serve::broker_files::put;
use crate::serve::config::{BrokerTls, Canary};

mod hops;

use hops::{Hop, Seen, missing};

/// 230/120 mmHg, mean 157, pulse 70: above what any policy lets pass, so that rules which work find something.
const FRAME: [u8; 9] = [0x04, 230, 0, 120, 0, 157, 0, 70, 0];
/// With so many on their way no further one is sealed: they say nothing that these do not.
const UNRECEIPTED_MAX: u64 = 10;
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How old one must be, at most, before it says where it is missing.
const SETTLED_MS: i64 = 10 * Timestamp::SECOND_MS;
/// The certificate counts for a day and is made anew at half of it.
const CERTIFY_EVERY: Duration = Duration::from_secs(12 * 3600);
const LIMITS: Limits = Limits { rows_max: 500, bytes_max: 8 * MIB, reserve_bytes: 0, history_days: 1 };

/// What the canary needs of the house.
pub(crate) struct House<'a> {
    pub(crate) config: Canary,
    pub(crate) data: &'a Path,
    pub(crate) broker: &'a str,
    pub(crate) broker_tls: &'a BrokerTls,
    pub(crate) authority: std::sync::Arc<Authority>,
    pub(crate) store: Store,
    pub(crate) feed: Feed,
    pub(crate) health: Health,
    pub(crate) clock: Clock,
    pub(crate) walk: Walk,
    pub(crate) projected: bool,
}

/// Starts the canary; it runs until it is aborted. What keeps it from flying is what its part of the chain says.
pub(crate) async fn start(house: House<'_>) -> Result<JoinHandle<()>, Failure> {
    let folder = house.data.join(canary::FOLDER);
    let made = std::fs::create_dir_all(&folder);
    made.map_err(|error| Failure::work(anyhow::anyhow!("{}: {error}", folder.display())))?;
    let id: GatewayId = canary::ID.parse().or_fail()?;
    let mut broker: gateway::config::Broker = house.broker.parse().or_wrong_input("broker")?;
    let identity = Identity::of(&house, &folder);
    if let Some(tls) = &mut broker.tls {
        let ca = house.broker_tls.ca.clone().unwrap_or_else(|| folder.join("ca.pem"));
        if house.broker_tls.ca.is_none() {
            put(&ca, house.authority.certificate_pem())?;
        }
        (tls.ca, tls.client) = (ca, Some((identity.certificate.clone(), identity.key.clone())));
        identity.make(house.clock.now())?;
    }
    let tells_time = house.clock.clone();
    let clock = gateway::Clock::of(move || tells_time.now());
    let file = folder.join("outbox.db");
    let (gateway, now) = (id.clone(), clock.now());
    let opened = tokio::task::spawn_blocking(move || Outbox::open(&file, &gateway, LIMITS, now));
    let outbox = SharedOutbox::new(opened.await.or_fail()?.or_fail()?.outbox);
    let own = outbox.id().await;
    let client = format!("{id}.{}", own.as_str().get(..8).unwrap_or_default());
    let (standing, stands) = watch::channel(BrokerLink::default());
    let (_, devices) = watch::channel(Vec::new());
    let uses_tls = broker.tls.is_some();
    let carrier = Carrier::new(MqttLink::new(broker, id, client), outbox.clone(), clock, devices).await;
    let mut seen = Seen::new(house.clock.now());
    if let Some(head) = outbox.watch().borrow().head {
        seen.waits(head, house.clock.now());
    }
    let bird = Bird {
        seen,
        device: canary::DEVICE.parse().or_fail()?,
        config: house.config,
        outbox,
        stands,
        store: house.store,
        feed: house.feed,
        health: house.health,
        clock: house.clock,
        walk: house.walk,
        projected: house.projected,
        identity: uses_tls.then_some(identity),
    };
    Ok(tokio::spawn(async move {
        let mut carrier = carrier.telling(standing);
        tokio::select! {
            () = carrier.run() => {}
            () = bird.fly() => {}
        }
    }))
}

/// Who the canary is at the broker: files that the link reads at each connection.
struct Identity {
    certificate: PathBuf,
    key: PathBuf,
    authority: Option<std::sync::Arc<Authority>>,
}

impl Identity {
    fn of(house: &House<'_>, folder: &Path) -> Self {
        match &house.config.identity {
            Some(pair) => {
                Self { certificate: pair.certificate.clone(), key: pair.key.clone(), authority: None }
            }
            None => Self {
                certificate: folder.join("certificate.pem"),
                key: folder.join("key.pem"),
                authority: Some(std::sync::Arc::clone(&house.authority)),
            },
        }
    }

    /// Makes the certificate anew where it is ours to make.
    fn make(&self, now: Timestamp) -> Result<(), Failure> {
        let Some(authority) = &self.authority else { return Ok(()) };
        let made = authority.make(&Purpose::Seat(canary::ID.parse().or_fail()?), now).or_fail()?;
        put(&self.key, &made.key_pem)?;
        put(&self.certificate, &made.issued.pem)
    }
}

struct Bird {
    config: Canary,
    outbox: SharedOutbox,
    stands: watch::Receiver<BrokerLink>,
    store: Store,
    feed: Feed,
    health: Health,
    clock: Clock,
    walk: Walk,
    projected: bool,
    identity: Option<Identity>,
    seen: Seen,
    device: DeviceId,
}

impl Bird {
    async fn fly(mut self) {
        let mut seals = interval(self.config.every);
        let mut looks = interval(LOOK_EVERY);
        seals.set_missed_tick_behavior(MissedTickBehavior::Delay);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut certified = Instant::now();
        loop {
            tokio::select! {
                _ = seals.tick() => self.seal().await,
                _ = looks.tick() => self.look().await,
            }
            if certified.elapsed() >= CERTIFY_EVERY {
                certified = Instant::now();
                if let Some(Err(error)) = self.identity.as_ref().map(|it| it.make(self.clock.now())) {
                    tracing::warn!(?error, "the canary has no new certificate");
                }
            }
        }
    }

    async fn seal(&mut self) {
        let now = self.clock.now();
        if self.outbox.watch().borrow().unreceipted >= UNRECEIPTED_MAX {
            return;
        }
        match sealing(&self.device, now) {
            Ok(sealing) => match self.outbox.with(move |outbox| outbox.seal(&sealing, now)).await {
                Ok(Sealed::New(seq) | Sealed::Known(seq)) => self.seen.sealed(seq, now),
                Err(error) => {
                    self.seen.outbox_fails = true;
                    tracing::error!(%error, "the canary was not sealed");
                }
            },
            Err(error) => tracing::error!(%error, "the canary was not decoded"),
        }
    }

    async fn look(&mut self) {
        let own: OutboxId = self.outbox.id().await;
        self.seen.link_trouble = self.stands.borrow().trouble.is_some();
        self.seen.arrived_at = self.walk.arrived_at();
        self.seen.receipted = self.outbox.watch().borrow().head.map_or(u64::MAX, |head| head.get() - 1);
        if let Err(error) = self.ask_store(&own).await {
            tracing::debug!(%error, "the store does not say how far the canary came");
        }
        let now = self.clock.now();
        self.report(now);
    }

    async fn ask_store(&mut self, own: &OutboxId) -> Result<(), StoreError> {
        let mut reader = self.store.read().await?;
        self.seen.stored = canary::newest(&mut reader, Some(own)).await?;
        if self.projected {
            self.seen.projected_at = canary_of(&mut reader, "questdb").await?;
            let stored = self.seen.stored.as_ref().map(|walked| walked.sealed_at);
            if stored > self.seen.projected_at {
                self.walk.nudge();
            }
        }
        Ok(())
    }

    fn report(&mut self, now: Timestamp) {
        let (seen, projected) = (&mut self.seen, self.projected);
        seen.advance(projected);
        for hop in Hop::ALL {
            if let Some(at) = seen.passed_at(hop, projected) {
                #[allow(clippy::cast_precision_loss)]
                let age_s = now.millis_since(at) as f64 / 1000.0;
                metrics::gauge!("vagen_canary_age_seconds", "hop" => hop.key()).set(age_s);
            }
        }
        let since = seen.whole_at.unwrap_or(seen.started_at);
        let absent_ms = i64::try_from(self.config.absent_after.as_millis()).unwrap_or(i64::MAX);
        let is_news = if now.millis_since(since) > absent_ms {
            let hop = seen.lost_at(now.plus_millis(-(absent_ms / 2).min(SETTLED_MS)));
            let news = self.health.broken(Part::Canary, now, missing(hop));
            if news {
                tracing::error!(
                    hop = hop.key(),
                    "no canary has come the whole way; the first hop it is missing at"
                );
            }
            news
        } else if seen.whole_at.is_some() {
            let news = self.health.whole(Part::Canary, now);
            if news {
                tracing::info!("a canary has come the whole way");
            }
            news
        } else {
            false
        };
        if is_news {
            self.feed.announce(Change::Health);
        }
    }
}

fn sealing(device: &DeviceId, now: Timestamp) -> Result<Sealing, devices::DecodeError> {
    let measurement = devices::decode(Format::BloodPressure, &FRAME, None)?.measurement;
    let measurement = TimedMeasurement::new(measurement, now, ClockClass::Synced, None);
    let raw = RawFrame { characteristic: Format::BloodPressure.name().to_owned(), bytes: FRAME.to_vec() };
    let device = DeviceIdentity { id: device.clone(), model: Some(canary::ID.to_owned()), serial: None };
    Ok(Sealing { device, measurement, raw, heard_at: now, heard_ordinal: 0 })
}
