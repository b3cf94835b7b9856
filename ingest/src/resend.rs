//! Asking gateways again: for numbers that are missing between decided ones, and for those that a gateway believes receipted
//! and that nothing here knows of, as after a restore from a backup.
//!
//! **Invariant:** an outbox is asked at most once a minute.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use care::admission::streams;
use care::store::{Store, StoreError};
use vitals::{Downstream, GatewayId, OutboxId, Resend, Seq, Timestamp};

use crate::beat::Belief;
use crate::sequence::Sequence;
use crate::sitting::Sitting;

/// How long a gap stands before it is asked for: what comes out of order comes sooner.
const GAP_STANDS_MS: i64 = 10 * Timestamp::SECOND_MS;
const ASK_AGAIN_MS: i64 = Timestamp::MINUTE_MS;

/// A request and whom it goes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ask {
    pub(crate) gateway: GatewayId,
    pub(crate) resend: Resend,
}

impl Ask {
    pub(crate) fn message(&self) -> Downstream {
        Downstream { resend: Some(self.resend.clone()), ..Downstream::default() }
    }
}

/// Who was asked when.
#[derive(Debug, Default)]
pub(crate) struct Asked(Mutex<HashMap<(GatewayId, OutboxId), Timestamp>>);

impl Asked {
    /// Whether `outbox` of `gateway` may be asked at `now`; if so, that is noted.
    fn may(&self, gateway: &GatewayId, outbox: &OutboxId, now: Timestamp) -> bool {
        let mut asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (gateway.clone(), outbox.clone());
        if asked.get(&key).is_some_and(|last| (0..ASK_AGAIN_MS).contains(&now.millis_since(*last))) {
            return false;
        }
        asked.retain(|_, last| (0..ASK_AGAIN_MS).contains(&now.millis_since(*last)));
        asked.insert(key, now);
        true
    }

    fn ask(
        &self,
        gateway: GatewayId,
        outbox: OutboxId,
        range: Option<(Seq, Seq)>,
        now: Timestamp,
    ) -> Option<Ask> {
        let (from, to) = range?;
        self.may(&gateway, &outbox, now).then_some(Ask { gateway, resend: Resend { outbox, from, to } })
    }

    /// What to ask a gateway that believes more receipted than is known here. Asked after the sequences have moved.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub(crate) async fn for_belief(
        &self,
        sitting: &mut Sitting<'_>,
        belief: Belief,
        now: Timestamp,
    ) -> Result<Option<Ask>, StoreError> {
        let known = streams::find(sitting.store().await?, &belief.gateway, &belief.outbox).await?;
        let sequence =
            known.map_or_else(Sequence::default, |known| Sequence::new(known.through, known.highest));
        let range = sequence.unknown_up_to(belief.through);
        Ok(self.ask(belief.gateway, belief.outbox, range, now))
    }

    /// What to ask for because it has been missing for a while at `now`.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub(crate) async fn for_gaps(&self, store: &Store, now: Timestamp) -> Result<Vec<Ask>, StoreError> {
        let mut reader = store.read().await?;
        let mut asks = Vec::new();
        for gapped in streams::gapped(&mut reader, now.plus_millis(-GAP_STANDS_MS)).await? {
            let sequence = Sequence::new(gapped.stream.through, gapped.stream.highest);
            let next = streams::decided_beyond(&mut reader, gapped.stream.id, sequence.through(), 1).await?;
            let range = next.first().and_then(|next| sequence.gap_before(*next));
            asks.extend(self.ask(gapped.gateway, gapped.outbox, range, now));
        }
        Ok(asks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outbox_is_asked_at_most_once_a_minute() {
        let (gateway, outbox) = ("gw".parse().expect("an id"), "ob".parse().expect("a label"));
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1000).expect("in range");
        let asked = Asked::default();
        let rows =
            [(100, true), (100, false), (159, false), (160, true), (170, false), (300, true), (50, true)];
        for (seconds, may) in rows {
            assert_eq!(asked.may(&gateway, &outbox, at(seconds)), may, "at {seconds} s");
        }
        assert!(asked.may(&gateway, &"other".parse().expect("a label"), at(51)), "each outbox by itself");
    }
}
