//! The street: the demo's homes, each with a gateway of the real library between its devices and the broker.
//!
//! Orders go in at the homes' doors; readings come out at the broker. Nothing here knows what they mean.
//!
//! **Invariant:** when [`Street::settled`] returns well, every measurement ordered so far has its receipt.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use care::clock::Clock;
use gateway::{Config, Depth, Gateway};
use tokio::sync::watch;
use tokio::task::JoinSet;
use vitals::{Heartbeat, OutboxId, Timestamp};

use crate::demo::clock::StoryClock;
use crate::demo::homes::{Home, HomeDoor, Used};
use crate::demo::people::Who;
use crate::demo::peripheral::{DeviceClock, Make, Peripheral, Use};

/// How long what was ordered may take to be receipted before something must be wrong.
const SETTLES_WITHIN: Duration = Duration::from_secs(20);
/// The longest a gateway may take to stop.
const STOPS_WITHIN: Duration = Duration::from_secs(1);
/// How wrong the clock of Nils's cuff is: 3 h 12 min ahead of the clock on the wall.
const WRONG_BY_MS: i64 = 3 * Timestamp::HOUR_MS + 12 * Timestamp::MINUTE_MS;
/// How far the other devices' clocks have drifted since they were set.
const DRIFTED_MS: i64 = 23 * Timestamp::SECOND_MS;

struct House {
    who: Who,
    clock: StoryClock,
    door: HomeDoor,
    depth: watch::Receiver<Depth>,
}

/// See the module.
pub(crate) struct Street {
    houses: Vec<House>,
    gateways: JoinSet<()>,
    stop: watch::Sender<bool>,
}

impl Street {
    /// Opens every home, its outbox in `folder`, its gateway on its way to the broker at `mqtt`. The homes go by `now`, or
    /// by the machine's clock where there is none.
    ///
    /// # Errors
    /// When an outbox does not open.
    pub(crate) fn open(folder: &Path, mqtt: &str, now: Option<Timestamp>) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let (stop, stopping) = watch::channel(false);
        let mut street = Self { houses: Vec::new(), gateways: JoinSet::new(), stop };
        for who in Who::ALL {
            street
                .open_house(who, folder, mqtt, now, stopping.clone())
                .with_context(|| who.id().to_owned())?;
        }
        Ok(street)
    }

    fn open_house(
        &mut self,
        who: Who,
        folder: &Path,
        mqtt: &str,
        now: Option<Timestamp>,
        mut stopping: watch::Receiver<bool>,
    ) -> anyhow::Result<()> {
        let clock = StoryClock::new(Clock::system());
        if let Some(now) = now {
            clock.set(now);
        }
        let (home, door) = Home::new(clock.clone(), devices(who, clock.now())?, who.passer_by()?);
        let gateway = who.gateway()?;
        let outbox = folder.join(format!("{gateway}.db"));
        let broker = mqtt.parse().context("the broker's address")?;
        let told = clock.clone();
        let gateway = Gateway::open(
            Config::new(gateway, outbox, broker),
            home,
            gateway::Clock::of(move || told.now()),
        )?;
        let depth = gateway.depth();
        self.gateways.spawn(async move {
            // The sender going away is a stop as well.
            let stopped = async move { drop(stopping.wait_for(|stop| *stop).await) };
            if let Err(error) = gateway.run(stopped).await {
                tracing::error!(home = who.id(), %error, "a gateway stopped");
            }
        });
        self.houses.push(House { who, clock, door, depth });
        Ok(())
    }

    /// Has somebody use a device at home.
    pub(crate) fn uses(&mut self, who: Who, what: Use, at: Timestamp) {
        for house in self.houses.iter_mut().filter(|house| house.who == who) {
            house.door.order(Used { at, what });
        }
    }

    /// Sets the clocks of homes that stand still, to a time before anything is ordered for.
    pub(crate) fn morning(&self, now: Timestamp) {
        self.houses.iter().filter(|house| house.clock.is_set()).for_each(|house| house.clock.set(now));
    }

    /// Waits until everything ordered has been heard, sealed, sent and receipted.
    ///
    /// # Errors
    /// When that takes so long that something must be wrong.
    pub(crate) async fn settled(&mut self) -> anyhow::Result<()> {
        for house in &mut self.houses {
            let settled = async {
                house.door.quiet().await;
                // An error is a gateway that stopped, which it has said itself.
                let _ = house.depth.wait_for(|depth| depth.unreceipted == 0).await;
            };
            if tokio::time::timeout(SETTLES_WITHIN, settled).await.is_err() {
                bail!(
                    "the readings of {} have no receipt after {} s",
                    house.who.id(),
                    SETTLES_WITHIN.as_secs()
                );
            }
        }
        Ok(())
    }

    /// What each gateway's heartbeat would say at `at`. Their own come every ten minutes by the machine's clock, which a
    /// history told in seconds never reaches.
    ///
    /// # Errors
    /// Never: the ids are tokens.
    pub(crate) fn heartbeats(&self, at: Timestamp) -> anyhow::Result<Vec<Heartbeat>> {
        let outbox: OutboxId = "history".parse()?;
        let beat = |house: &House| {
            let depth = *house.depth.borrow();
            Ok(Heartbeat {
                v: vitals::envelope::Version1,
                gateway: house.who.gateway()?,
                at,
                outbox: outbox.clone(),
                last_seq: depth.last_seq,
                unreceipted: depth.unreceipted,
                version: None,
                clock_synced: Some(true),
                devices: Vec::new(),
            })
        };
        self.houses.iter().map(beat).collect()
    }

    /// Closes every home. What is in an outbox stays there.
    pub(crate) async fn close(mut self) {
        self.stop.send_replace(true);
        let all = async { while self.gateways.join_next().await.is_some() {} };
        if tokio::time::timeout(STOPS_WITHIN, all).await.is_err() {
            tracing::warn!("stopped without waiting for every gateway");
        }
    }
}

/// The scale and the cuff in a home. Their clocks show local time and have drifted a little; one is wrong.
fn devices(who: Who, now: Timestamp) -> anyhow::Result<Vec<Peripheral>> {
    let local_ms = i64::from(care::clock::zone().to_offset(now.to_jiff()).seconds()) * Timestamp::SECOND_MS;
    let drifted = DeviceClock { ahead_ms: local_ms + DRIFTED_MS, settable: true };
    let cuff_clock = match who {
        Who::Nils => DeviceClock { ahead_ms: local_ms + WRONG_BY_MS, settable: false },
        Who::Svea | Who::Olle | Who::KarlErik | Who::Ingrid | Who::Aino => drifted,
    };
    Ok(vec![
        Peripheral::new(who.scale_id()?, Make::AndScale, drifted),
        Peripheral::new(who.cuff_id()?, who.cuff(), cuff_clock),
    ])
}
