//! The state of the chain from home to screen: what every staff page shows and `/readyz` answers.
//!
//! **Invariant:** nobody has looked is [`State::Unknown`], which is never shown as well.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use vitals::Timestamp;

use crate::language::Words;

/// A part of the chain that can break by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// The connection to the broker.
    Broker,
    /// Committing what arrived.
    Store,
    /// Judging the passing of time.
    Watch,
    /// The copy of the record for long charts. Nothing that decides waits for it.
    Projection,
    /// Telling somebody outside when another part stands still.
    Alarm,
    /// A reading of nobody's that walks the whole chain again and again.
    Canary,
    /// The stores held against each other, each night.
    Reconciliation,
}

impl Part {
    /// The name in `/readyz` and in metrics.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Broker => "broker",
            Self::Store => "store",
            Self::Watch => "watch",
            Self::Projection => "projection",
            Self::Alarm => "alarm",
            Self::Canary => "canary",
            Self::Reconciliation => "reconciliation",
        }
    }

    /// Whether readings cannot be taken in, judged and shown without it.
    #[must_use]
    pub const fn is_needed(self) -> bool {
        match self {
            Self::Broker | Self::Store | Self::Watch => true,
            Self::Projection | Self::Alarm | Self::Canary | Self::Reconciliation => false,
        }
    }

    /// Whether somebody has waited already before this part is called broken, so that the alarm need not.
    #[must_use]
    pub const fn has_waited(self) -> bool {
        match self {
            Self::Canary | Self::Reconciliation => true,
            Self::Broker | Self::Store | Self::Watch | Self::Projection | Self::Alarm => false,
        }
    }
}

/// How a part is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It worked when last looked at.
    Whole {
        /// When that was.
        checked_at: Timestamp,
    },
    /// It does not work.
    Broken {
        /// Since when.
        since: Timestamp,
        /// What is not known because of it, in words.
        what: Words,
    },
    /// Nobody has looked yet.
    Unknown,
}

/// The whole chain at a glance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chain {
    /// Every part worked; the time is that of the part looked at longest ago.
    Whole {
        /// When the oldest look was.
        checked_at: Timestamp,
    },
    /// At least one part is broken or was never seen to work.
    Broken {
        /// What is not known because of it, in words, a part each.
        what: Vec<Words>,
    },
}

/// Where parts report and pages read. Clones share it.
#[derive(Clone, Debug)]
pub struct Health(Arc<Mutex<BTreeMap<Part, State>>>);

impl Health {
    /// A chain of `parts`, none of them looked at yet.
    #[must_use]
    pub fn of(parts: impl IntoIterator<Item = Part>) -> Self {
        Self(Arc::new(Mutex::new(parts.into_iter().map(|part| (part, State::Unknown)).collect())))
    }

    /// `part` worked at `now`. Says whether that is news.
    pub fn whole(&self, part: Part, now: Timestamp) -> bool {
        let was = self.lock().insert(part, State::Whole { checked_at: now });
        !matches!(was, Some(State::Whole { .. }))
    }

    /// `part` does not work. A part that was broken already keeps its first time. Says whether that is news.
    pub fn broken(&self, part: Part, now: Timestamp, what: Words) -> bool {
        let mut parts = self.lock();
        let (since, news) = match parts.get(&part) {
            Some(State::Broken { since, .. }) => (*since, false),
            Some(State::Whole { .. } | State::Unknown) | None => (now, true),
        };
        parts.insert(part, State::Broken { since, what });
        news
    }

    /// Every part and how it is.
    #[must_use]
    pub fn parts(&self) -> Vec<(Part, State)> {
        self.lock().iter().map(|(part, state)| (*part, state.clone())).collect()
    }

    /// The chain at `now`. A part not seen to work for three minutes counts as broken.
    #[must_use]
    pub fn chain(&self, now: Timestamp) -> Chain {
        let mut what = Vec::new();
        let mut oldest = now;
        for (part, state) in self.parts() {
            match state {
                State::Whole { checked_at } if now.millis_since(checked_at) <= STALE_MS => {
                    oldest = oldest.min(checked_at)
                }
                State::Whole { .. } | State::Unknown => what.push(unseen(part)),
                State::Broken { what: words, .. } => what.push(words),
            }
        }
        if what.is_empty() { Chain::Whole { checked_at: oldest } } else { Chain::Broken { what } }
    }

    /// Whether every needed part works at `now`.
    #[must_use]
    pub fn is_ready(&self, now: Timestamp) -> bool {
        self.parts().into_iter().filter(|(part, _)| part.is_needed()).all(|(_, state)| match state {
            State::Whole { checked_at } => now.millis_since(checked_at) <= STALE_MS,
            State::Broken { .. } | State::Unknown => false,
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<Part, State>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long a part counts as working after it was seen to.
pub const STALE_MS: i64 = 3 * Timestamp::MINUTE_MS;

/// What is not known while `part` does not work, in words.
#[must_use]
pub fn unseen(part: Part) -> Words {
    match part {
        Part::Broker => Words::new(
            "Ingen kontakt med meddelandetjänsten. Nya värden hemifrån syns inte än, men sparas i hemmet.",
            "No contact with the message broker. New values from homes are not shown yet, but are kept at home.",
        ),
        Part::Store => Words::new(
            "Databasen svarar inte. Nya värden sparas i hemmet tills den gör det.",
            "The database does not answer. New values are kept at home until it does.",
        ),
        Part::Watch => Words::new(
            "Bevakningen av uteblivna mätningar står still.",
            "Watching for missing measurements has stopped.",
        ),
        Part::Projection => Words::new(
            "Långa diagram och rapporter kan sakna de senaste värdena. Larm och arbetslista påverkas inte.",
            "Long charts and reports may lack the latest values. Alerts and the worklist are not affected.",
        ),
        Part::Alarm => Words::new(
            "Ingen vet om driftlarm når fram utanför den här sidan.",
            "Nobody knows whether operating alarms get through outside this page.",
        ),
        Part::Canary => Words::new(
            "Ingen provmätning har gått hela vägen än. Ingen vet om nya värden når fram.",
            "No test reading has walked the whole way yet. Nobody knows whether new values get through.",
        ),
        Part::Reconciliation => Words::new(
            "Ingen har jämfört vad mottagarna har sänt med vad som är sparat och bedömt.",
            "Nobody has compared what gateways sent with what is stored and judged.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_data_is_never_green() {
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1000).expect("in range");
        let health = Health::of([Part::Broker, Part::Store]);
        assert!(matches!(health.chain(at(0)), Chain::Broken { what } if what.len() == 2));
        health.whole(Part::Broker, at(10));
        assert!(matches!(health.chain(at(10)), Chain::Broken { what } if what.len() == 1));
        health.whole(Part::Store, at(20));
        assert_eq!(health.chain(at(30)), Chain::Whole { checked_at: at(10) });
        assert!(matches!(health.chain(at(10 + 181)), Chain::Broken { .. }), "three minutes without a look");
        assert!(health.broken(Part::Store, at(40), Words::new("a", "b")));
        assert!(!health.broken(Part::Store, at(50), Words::new("a", "b")), "no news");
        let health = Health::of([Part::Store, Part::Projection]);
        health.whole(Part::Store, at(0));
        assert!(
            health.is_ready(at(0)) && !health.is_ready(at(181)),
            "a projection is not needed, a store is"
        );
        assert!(matches!(health.chain(at(0)), Chain::Broken { .. }), "and nobody calls it whole");
        let health = Health::of([Part::Broker, Part::Store]);
        health.broken(Part::Store, at(40), Words::new("a", "b"));
        assert!(matches!(health.parts()[1], (Part::Store, State::Broken { since, .. }) if since == at(40)));
    }
}
