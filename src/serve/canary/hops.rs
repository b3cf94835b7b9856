//! The hops of the canary's way, and at which of them it is missing. Decisions alone: what was seen is handed in.
//!
//! **Invariant:** a hop counts as passed only by what was seen there itself or behind it.

use std::collections::VecDeque;

use care::canary::Walked;
use care::language::Words;
use vitals::{Seq, Timestamp};

/// Those on their way that are remembered; with so many, later ones say nothing more.
const PENDING_MAX: usize = 64;

/// One hop, in the order of the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Hop {
    /// Sealed by its outbox, on disk.
    Outbox,
    /// To the broker.
    Broker,
    /// From the broker to this process.
    Subscription,
    /// Judged by the rules.
    Assessment,
    /// Committed.
    Store,
    /// Its receipt came back to the outbox.
    Receipt,
    /// In QuestDB.
    Projection,
}

impl Hop {
    pub(super) const ALL: [Self; 7] = [
        Self::Outbox,
        Self::Broker,
        Self::Subscription,
        Self::Assessment,
        Self::Store,
        Self::Receipt,
        Self::Projection,
    ];

    pub(super) const fn key(self) -> &'static str {
        match self {
            Self::Outbox => "outbox",
            Self::Broker => "broker",
            Self::Subscription => "subscription",
            Self::Assessment => "assessment",
            Self::Store => "store",
            Self::Receipt => "receipt",
            Self::Projection => "projection",
        }
    }
}

/// What was seen of the canary so far.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// When it was first looked for.
    pub(super) started_at: Timestamp,
    /// Those that were sealed and have not come the whole way, the oldest first: the number of each, and when.
    pending: VecDeque<(Seq, Timestamp)>,
    /// Whether the outbox did not take the last one: then it notes no receipts either.
    pub(super) outbox_fails: bool,
    pub(super) link_trouble: bool,
    /// When a message of its last came from the broker.
    pub(super) arrived_at: Option<Timestamp>,
    /// The newest that the store has.
    pub(super) stored: Option<Walked>,
    /// Every number up to this one has its receipt.
    pub(super) receipted: u64,
    /// When the one was sealed that the projection took last.
    pub(super) projected_at: Option<Timestamp>,
    /// When the newest was sealed that came the whole way.
    pub(super) whole_at: Option<Timestamp>,
    /// The newest that passed each hop, by the time of its sealing.
    passed: [Option<Timestamp>; 7],
}

impl Seen {
    /// Nothing, since `started_at`.
    pub(super) fn new(started_at: Timestamp) -> Self {
        Self {
            started_at,
            pending: VecDeque::new(),
            outbox_fails: false,
            link_trouble: false,
            arrived_at: None,
            stored: None,
            receipted: 0,
            projected_at: None,
            whole_at: None,
            passed: [None; 7],
        }
    }

    /// One was sealed.
    pub(super) fn sealed(&mut self, seq: Seq, at: Timestamp) {
        self.outbox_fails = false;
        self.passed[0] = Some(at);
        if self.pending.len() < PENDING_MAX {
            self.pending.push_back((seq, at));
        }
    }

    /// One was sealed by an earlier process, and is still on its way at `now`.
    pub(super) fn waits(&mut self, seq: Seq, now: Timestamp) {
        self.pending.push_back((seq, now));
    }

    /// Takes in what was just looked at.
    pub(super) fn advance(&mut self, projected: bool) {
        let Some(stored) = self.stored.clone() else { return };
        for hop in [Hop::Broker, Hop::Subscription, Hop::Store] {
            self.pass(hop, stored.sealed_at);
        }
        if !stored.assessed {
            return;
        }
        self.pass(Hop::Assessment, stored.sealed_at);
        let receipted = |seq: Seq| seq <= stored.seq && seq.get() <= self.receipted;
        let latest = self.pending.iter().rev().find(|(seq, _)| receipted(*seq)).copied();
        let is_there = |at: Timestamp| self.projected_at.is_some_and(|projected_at| projected_at >= at);
        let whole =
            self.pending.iter().rev().find(|(seq, at)| receipted(*seq) && (!projected || is_there(*at)));
        let whole = whole.copied();
        if let Some((_, at)) = latest {
            self.pass(Hop::Receipt, at);
        }
        let Some((seq, at)) = whole else { return };
        if projected {
            self.pass(Hop::Projection, at);
        }
        self.whole_at = self.whole_at.max(Some(at));
        self.pending.retain(|(one, _)| *one > seq);
    }

    fn pass(&mut self, hop: Hop, at: Timestamp) {
        let passed = &mut self.passed[hop as usize];
        *passed = (*passed).max(Some(at));
    }

    /// When the newest was sealed that passed `hop`; `None` where none did, or where there is no such hop.
    pub(super) fn passed_at(&self, hop: Hop, projected: bool) -> Option<Timestamp> {
        (projected || hop != Hop::Projection).then_some(self.passed[hop as usize]).flatten()
    }

    /// The first hop of the way at which one is missing that was sealed before `before`: what stops there may keep those ahead of it
    /// from being seen further on. With none on its way, none was sealed.
    pub(super) fn lost_at(&self, before: Timestamp) -> Hop {
        if self.outbox_fails {
            return Hop::Outbox;
        }
        let missing = |(seq, sealed_at): &(Seq, Timestamp)| self.first_missing(*seq, *sealed_at);
        let settled = self.pending.iter().filter(|(_, sealed_at)| *sealed_at <= before).map(missing).min();
        settled.or_else(|| self.pending.front().map(missing)).unwrap_or(Hop::Outbox)
    }

    fn first_missing(&self, seq: Seq, sealed_at: Timestamp) -> Hop {
        let stored = self.stored.as_ref().filter(|walked| walked.seq >= seq);
        let Some(stored) = stored else {
            if self.link_trouble {
                return Hop::Broker;
            }
            if self.arrived_at.is_none_or(|at| at < sealed_at) {
                return Hop::Subscription;
            }
            return Hop::Store;
        };
        if !stored.assessed {
            return Hop::Assessment;
        }
        if self.receipted < seq.get() {
            // The receipt comes by the broker as well.
            return if self.link_trouble { Hop::Broker } else { Hop::Receipt };
        }
        Hop::Projection
    }
}

/// What is not known while a canary is missing at `hop`, in words.
pub(super) fn missing(hop: Hop) -> Words {
    match hop {
        Hop::Outbox => Words::new(
            "Provmätningen går inte att skapa på servern. Ingen vet om nya värden når fram.",
            "The test reading cannot be made on the server. Nobody knows whether new values get through.",
        ),
        Hop::Broker => Words::new(
            "Provmätningen når inte meddelandetjänsten. Värden hemifrån kommer troligen inte heller fram, men sparas i hemmet.",
            "The test reading does not reach the message broker. Values from homes probably do not either, but are kept at home.",
        ),
        Hop::Subscription => Words::new(
            "Provmätningen kommer inte från meddelandetjänsten till servern. Värden hemifrån kommer troligen inte heller fram.",
            "The test reading does not come from the message broker to the server. Values from homes probably do not either.",
        ),
        Hop::Assessment => Words::new(
            "Provmätningen bedöms inte som den ska. Larm om patienter kan utebli.",
            "The test reading is not judged as it must be. Alerts about patients may be missing.",
        ),
        Hop::Store => Words::new(
            "Provmätningen kommer fram men sparas inte. Nya värden hemifrån sparas troligen inte heller.",
            "The test reading arrives and is not stored. New values from homes probably are not either.",
        ),
        Hop::Receipt => Words::new(
            "Provmätningen sparas men kvitteras inte. Hemmens mottagare får troligen inga kvittenser och sparar allt.",
            "The test reading is stored and not receipted. Gateways probably get no receipts and keep everything.",
        ),
        Hop::Projection => Words::new(
            "Provmätningen kommer inte till långa diagram och rapporter. Larm och arbetslista påverkas inte.",
            "The test reading does not reach long charts and reports. Alerts and the worklist are not affected.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1_000_000_000_000 + seconds * 1000).expect("in range")
    }

    fn seq(number: u64) -> Seq {
        Seq::new(number).expect("a number")
    }

    fn walked(number: u64, assessed: bool) -> Option<Walked> {
        let outbox = "ob".parse().expect("an outbox");
        Some(Walked { outbox, seq: seq(number), sealed_at: at(60), received_at: at(60), assessed })
    }

    /// To add a case, add a row: what was seen of number 2, sealed at 60 s, and where it is missing, by the order of the way.
    #[test]
    fn the_first_hop_that_a_canary_is_missing_at_is_named() {
        let begun = || {
            let mut seen = Seen::new(at(0));
            seen.sealed(seq(2), at(60));
            seen.receipted = 1;
            seen
        };
        let rows: [(&str, Seen, Hop); 8] = [
            ("none was sealed", Seen::new(at(0)), Hop::Outbox),
            (
                "the outbox fails",
                Seen { outbox_fails: true, stored: walked(2, true), ..begun() },
                Hop::Outbox,
            ),
            ("no connection", Seen { link_trouble: true, ..begun() }, Hop::Broker),
            ("sent, and an older one came", Seen { arrived_at: Some(at(59)), ..begun() }, Hop::Subscription),
            ("came, not stored", Seen { arrived_at: Some(at(60)), ..begun() }, Hop::Store),
            ("stored unjudged", Seen { stored: walked(2, false), ..begun() }, Hop::Assessment),
            ("no receipt", Seen { stored: walked(2, true), ..begun() }, Hop::Receipt),
            ("not projected", Seen { stored: walked(2, true), receipted: 2, ..begun() }, Hop::Projection),
        ];
        for (what, mut seen, expected) in rows {
            seen.advance(true);
            assert_eq!(seen.lost_at(at(60)), expected, "{what}");
            assert_eq!(seen.whole_at, None, "{what}");
        }
        let mut whole = Seen { stored: walked(2, true), receipted: 2, projected_at: Some(at(60)), ..begun() };
        whole.advance(true);
        assert_eq!(whole.whole_at, Some(at(60)));
        // The one before the newest came the whole way; the newest has no receipt because the broker is gone.
        let mut seen = Seen { link_trouble: true, stored: walked(3, true), receipted: 2, ..begun() };
        seen.sealed(seq(3), at(120));
        seen.projected_at = Some(at(120));
        seen.advance(true);
        assert_eq!((seen.whole_at, seen.lost_at(at(120))), (Some(at(60)), Hop::Broker));
    }

    /// A store that takes nothing keeps the projection's cursor where it was, too; and one just sealed says nothing yet.
    #[test]
    fn what_stops_early_on_the_way_is_named_before_what_it_keeps_from_being_seen() {
        let mut seen = Seen::new(at(0));
        seen.sealed(seq(2), at(60));
        seen.sealed(seq(3), at(120));
        seen.sealed(seq(4), at(180));
        (seen.stored, seen.receipted, seen.arrived_at) = (walked(2, true), 2, Some(at(121)));
        seen.advance(true);
        assert_eq!(seen.lost_at(at(120)), Hop::Store);
        assert_eq!(seen.lost_at(at(180)), Hop::Subscription);
    }

    /// With ten on their way no more are sealed: then what is missing is where those are, not the outbox.
    #[test]
    fn an_outbox_that_waits_for_receipts_is_not_what_is_broken() {
        let mut seen = Seen { link_trouble: true, ..Seen::new(at(0)) };
        seen.sealed(seq(1), at(60));
        assert_eq!(seen.lost_at(at(60)), Hop::Broker);
        let mut seen = Seen::new(at(0));
        seen.waits(seq(1), at(0));
        assert_eq!(seen.lost_at(at(0)), Hop::Subscription, "left by the process before this one");
    }
}
