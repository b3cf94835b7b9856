//! When an alarm is raised, repeated and cleared, and in which order its notices are sent.
//!
//! Knows parts of the chain and times; no patient, no network. A part that is broken, or that nobody has seen to work, for a
//! while raises an alarm; one that goes on is told again; one that works again is cleared.
//!
//! **Invariant:** for each part the notices are raised, any number of still, cleared, in this order, and no `cleared` is told
//! of what was never told as raised.

use std::collections::{BTreeMap, VecDeque};

use vitals::Timestamp;

use crate::health::{Part, STALE_MS, State, unseen};
use crate::language::Words;

/// What a notice says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// The part has stopped working.
    Raised,
    /// It still does not work.
    Still,
    /// It works again.
    Cleared,
}

impl Said {
    /// The word in a webhook.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::Still => "still",
            Self::Cleared => "cleared",
        }
    }
}

/// One thing to tell somebody. It holds nothing about any person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// What it says.
    pub said: Said,
    /// Which part of the chain.
    pub part: Part,
    /// Since when the part has not worked.
    pub since: Timestamp,
    /// When that was noticed.
    pub at: Timestamp,
    /// What is not known because of it.
    pub what: Words,
}

/// How patient the bell is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// How long a part may be broken before anybody is told, ms.
    pub raise_after_ms: i64,
    /// How often an alarm that goes on is told again, ms.
    pub repeat_after_ms: i64,
}

impl Patience {
    /// How long `part` may be in `state` before anybody is told, ms. What is broken only after a wait of its own is told at once,
    /// and is given that wait before it was ever seen.
    fn before(self, part: Part, state: &State) -> i64 {
        match state {
            State::Broken { .. } if part.has_waited() => 0,
            State::Unknown if part.has_waited() => self.raise_after_ms.max(STALE_MS),
            State::Broken { .. } | State::Unknown | State::Whole { .. } => self.raise_after_ms,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Trouble {
    since: Timestamp,
    last_told: Option<Timestamp>,
}

/// Remembers what is wrong and what was told of it.
#[derive(Clone, Debug)]
pub struct Bell {
    patience: Patience,
    troubles: BTreeMap<Part, Trouble>,
}

impl Bell {
    /// A bell that has heard nothing yet.
    #[must_use]
    pub const fn new(patience: Patience) -> Self {
        Self { patience, troubles: BTreeMap::new() }
    }

    /// Looks at the chain at `now`, and gives what is to be told.
    pub fn look(&mut self, parts: &[(Part, State)], now: Timestamp) -> Vec<Notice> {
        parts.iter().filter_map(|(part, state)| self.look_at(*part, state, now)).collect()
    }

    fn look_at(&mut self, part: Part, state: &State, now: Timestamp) -> Option<Notice> {
        let (since, what) = match state {
            State::Whole { checked_at } if now.millis_since(*checked_at) <= STALE_MS => {
                let trouble = self.troubles.remove(&part)?;
                trouble.last_told?;
                let (said, since) = (Said::Cleared, trouble.since);
                return Some(Notice { said, part, since, at: now, what: works_again() });
            }
            State::Whole { checked_at } => (*checked_at, unseen(part)),
            State::Broken { since, what } => (*since, what.clone()),
            State::Unknown => (now, unseen(part)),
        };
        let trouble = self.troubles.entry(part).or_insert(Trouble { since, last_told: None });
        let (said, is_due) = match trouble.last_told {
            None => (Said::Raised, now.millis_since(trouble.since) >= self.patience.before(part, state)),
            Some(told) => (Said::Still, now.millis_since(told) >= self.patience.repeat_after_ms),
        };
        if !is_due {
            return None;
        }
        trouble.last_told = Some(now);
        Some(Notice { said, part, since: trouble.since, at: now, what })
    }
}

fn works_again() -> Words {
    Words::new("Det fungerar igen.", "It works again.")
}

/// Notices on their way through one channel, oldest first. Bounded: of a part that is told again and again while nothing gets
/// through, the latest `still` is enough.
#[derive(Clone, Debug, Default)]
pub struct Outgoing {
    waiting: VecDeque<Notice>,
    failures: u32,
    next_try: Option<Timestamp>,
}

const PAUSE_MIN_MS: i64 = 10 * Timestamp::SECOND_MS;
const PAUSE_MAX_MS: i64 = 5 * Timestamp::MINUTE_MS;
const WAITING_MAX: usize = 100;

impl Outgoing {
    /// Takes a notice in.
    pub fn push(&mut self, notice: Notice) {
        if notice.said == Said::Still {
            self.waiting.retain(|held| held.part != notice.part || held.said != Said::Still);
        }
        self.waiting.push_back(notice);
        if self.waiting.len() > WAITING_MAX {
            self.waiting.pop_front();
        }
    }

    /// The notice to send at `now`, if it is time to try.
    #[must_use]
    pub fn due(&self, now: Timestamp) -> Option<&Notice> {
        if self.next_try.is_some_and(|next| now < next) {
            return None;
        }
        self.waiting.front()
    }

    /// The notice that was due got through.
    pub fn sent(&mut self) {
        self.waiting.pop_front();
        self.failures = 0;
        self.next_try = None;
    }

    /// It did not; the pause before the next try doubles up to five minutes.
    pub fn failed(&mut self, now: Timestamp) {
        self.failures = self.failures.saturating_add(1);
        let doubled = PAUSE_MIN_MS.saturating_mul(1 << self.failures.saturating_sub(1).min(10));
        self.next_try = Some(now.plus_millis(doubled.min(PAUSE_MAX_MS)));
    }

    /// Whether something could not be sent.
    #[must_use]
    pub const fn is_failing(&self) -> bool {
        self.failures > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000).expect("in range")
    }

    const PATIENCE: Patience =
        Patience { raise_after_ms: 60 * Timestamp::SECOND_MS, repeat_after_ms: 3600 * Timestamp::SECOND_MS };

    fn whole(seconds: i64) -> State {
        State::Whole { checked_at: at(seconds) }
    }

    fn broken(since: i64) -> State {
        State::Broken { since: at(since), what: Words::new("sv", "en") }
    }

    /// To add a case, add a row: when it is looked, how the store is then, and what is told (by the rule at the top of the module).
    #[test]
    fn alarms_are_raised_repeated_and_cleared() {
        type Look = (i64, State, Option<Said>);
        let rows: &[(&str, &[Look])] = &[
            ("a blip tells nobody", &[(0, whole(0), None), (10, broken(10), None), (60, whole(60), None)]),
            (
                "raised after a minute, again after an hour, cleared once",
                &[
                    (10, broken(10), None),
                    (70, broken(10), Some(Said::Raised)),
                    (100, broken(10), None),
                    (3670, broken(10), Some(Said::Still)),
                    (3700, whole(3700), Some(Said::Cleared)),
                    (3710, whole(3710), None),
                ],
            ),
            (
                "nobody has looked is an alarm too",
                &[
                    (0, State::Unknown, None),
                    (59, State::Unknown, None),
                    (60, State::Unknown, Some(Said::Raised)),
                ],
            ),
            (
                "a part that was not looked at for three minutes is one as well",
                &[
                    (170, whole(0), None),
                    (181, whole(0), Some(Said::Raised)),
                    (190, whole(190), Some(Said::Cleared)),
                ],
            ),
        ];
        for (name, looks) in rows {
            let mut bell = Bell::new(PATIENCE);
            for (seconds, state, expected) in *looks {
                let told = bell.look(&[(Part::Store, state.clone())], at(*seconds));
                let said: Vec<Said> = told.iter().map(|notice| notice.said).collect();
                assert_eq!(said, Vec::from_iter(*expected), "{name}: at {seconds} s");
            }
        }
    }

    /// The canary counts as broken only after two minutes without one; never seen, it has three.
    #[test]
    fn a_part_that_has_waited_is_told_at_once() {
        let mut bell = Bell::new(PATIENCE);
        let mut told = |seconds, state| !bell.look(&[(Part::Canary, state)], at(seconds)).is_empty();
        assert!(!told(0, State::Unknown) && !told(179, State::Unknown));
        assert!(told(180, State::Unknown), "one that never flew is an alarm");
        assert!(told(190, whole(190)), "and its end");
        assert!(told(200, broken(200)), "without a minute more");
    }

    #[test]
    fn what_cannot_be_sent_waits_in_order_and_is_tried_ever_more_rarely() {
        let mut bell = Bell::new(PATIENCE);
        let mut outgoing = Outgoing::default();
        for seconds in [0, 60, 3660, 7260] {
            bell.look(&[(Part::Broker, broken(0))], at(seconds)).into_iter().for_each(|n| outgoing.push(n));
        }
        bell.look(&[(Part::Broker, whole(7300))], at(7300)).into_iter().for_each(|n| outgoing.push(n));
        // 10 s, doubled up to 300 s.
        let mut now = 7300;
        for pause in [10, 20, 40, 80, 160, 300, 300] {
            assert_eq!(outgoing.due(at(now)).map(|notice| notice.said), Some(Said::Raised));
            outgoing.failed(at(now));
            assert_eq!(outgoing.due(at(now + pause - 1)), None, "{pause}");
            now += pause;
        }
        assert!(outgoing.is_failing());
        let mut sent = Vec::new();
        while let Some(notice) = outgoing.due(at(now)) {
            sent.push((notice.said, notice.at));
            outgoing.sent();
        }
        assert_eq!(sent, [(Said::Raised, at(60)), (Said::Still, at(7260)), (Said::Cleared, at(7300))]);
        assert!(!outgoing.is_failing());
    }
}
