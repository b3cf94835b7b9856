//! Taking part among several processes over one store: beating, noticing who is gone, taking and giving back shards.
//!
//! Nobody's clock is compared with another's: a member is gone when its beat in the store has not moved for a while, as
//! counted here. Whoever finds that removes it in the transaction that frees its shards; from then on the store lets that member commit
//! nothing of what it heard ([`Desk::sit_as_member`]), however alive it is, until it joins anew.
//!
//! **Invariant:** what this process hears, by [`Share`], it was given by a committed transaction.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use care::admission::{gateways, members};
use care::store::{Store, StoreError};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval};
use vitals::GatewayId;

use crate::share::{SHARDS, Share, owner};
use crate::stop::Stop;

const BEAT_EVERY: Duration = Duration::from_secs(1);
/// A member that has not beaten for this long is gone. With the beat, and the subscription that follows, well within ten seconds.
const GONE_AFTER: Duration = Duration::from_secs(4);

/// See the module.
#[derive(Debug)]
pub(crate) struct Membership {
    store: Store,
    share: watch::Sender<Share>,
    id: Option<Arc<str>>,
    seen: HashMap<String, (i64, Instant)>,
    beaten: Instant,
    known: Arc<BTreeSet<GatewayId>>,
}

impl Membership {
    /// Takes part in `store` from when it runs; `share` says what this process hears.
    pub(crate) fn new(store: Store, share: watch::Sender<Share>) -> Self {
        Self { store, share, id: None, seen: HashMap::new(), beaten: Instant::now(), known: Arc::default() }
    }

    /// Takes part until the service stops, and then leaves.
    pub(crate) async fn run(mut self, stop: Stop) {
        let mut beats = interval(BEAT_EVERY);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = beats.tick() => {}
                () = stop.asked() => break,
            }
            tokio::select! {
                done = self.beat() => match done {
                    Ok(share) => self.tell(share),
                    Err(error) => {
                        tracing::warn!(%error, "this process could not say that it lives");
                        if self.beaten.elapsed() > GONE_AFTER {
                            // The others have taken over, or will.
                            self.tell(Share::nothing());
                        }
                    }
                },
                () = stop.asked() => break,
            }
        }
        if let Err(error) = self.leave().await {
            tracing::warn!(%error, "this process could not say that it leaves; the others will notice");
        }
    }

    fn tell(&self, share: Share) {
        self.share.send_if_modified(|held| {
            let changed = *held != share;
            if changed {
                tracing::info!(
                    shards = share.size(),
                    keeper = share.is_keeper(),
                    "this process hears another share"
                );
                *held = share;
            }
            changed
        });
    }

    /// One beat: says that this process lives, removes who is gone, and takes or gives back shards.
    async fn beat(&mut self) -> Result<Share, StoreError> {
        let mut tx = self.store.write().await?;
        let id = match &self.id {
            Some(id) if members::beat(&mut tx, id).await? => Arc::clone(id),
            Some(_) | None => {
                let id: Arc<str> = uuid::Uuid::new_v4().simple().to_string().into();
                members::join(&mut tx, &id).await?;
                id
            }
        };
        let mut alive = Vec::new();
        for member in members::all(&mut tx).await? {
            if *member.id == *id || !self.is_gone(&member) {
                alive.push(member.id);
            } else {
                tracing::warn!(member = member.id, "another process is gone; its share is taken over");
                members::remove(&mut tx, &member.id).await?;
            }
        }
        let held: HashMap<i64, Option<String>> = members::shares(&mut tx).await?.into_iter().collect();
        let mut mine = BTreeSet::new();
        for shard in 0..SHARDS {
            let holder = held.get(&shard).cloned().flatten();
            let should = owner(shard, alive.iter().map(String::as_str)) == Some(&*id);
            match (holder.as_deref() == Some(&*id), should) {
                (true, true) => drop(mine.insert(shard)),
                (false, true) if holder.is_none() => {
                    members::assign(&mut tx, shard, Some(&id)).await?;
                    mine.insert(shard);
                }
                (true, false) => members::assign(&mut tx, shard, None).await?,
                (false, true | false) => {}
            }
        }
        let known: BTreeSet<GatewayId> = gateways::all(&mut tx).await?.into_iter().collect();
        tx.commit().await?;
        if known != *self.known {
            self.known = Arc::new(known);
        }
        self.seen.retain(|member, _| alive.contains(member));
        (self.id, self.beaten) = (Some(Arc::clone(&id)), Instant::now());
        Ok(Share::of(id, mine, Arc::clone(&self.known)))
    }

    /// Whether `member` has not beaten for too long, as seen from here.
    fn is_gone(&mut self, member: &members::Member) -> bool {
        let now = Instant::now();
        let (beat, since) = self.seen.entry(member.id.clone()).or_insert((member.beat, now));
        if *beat != member.beat {
            (*beat, *since) = (member.beat, now);
        }
        since.elapsed() > GONE_AFTER
    }

    async fn leave(&self) -> Result<(), StoreError> {
        let Some(id) = &self.id else { return Ok(()) };
        let mut tx = self.store.write().await?;
        members::remove(&mut tx, id).await?;
        tx.commit().await
    }
}
