//! What befalls the house, and when: a function of a seed and of how often somebody is killed.
//!
//! **Invariant:** the same seed gives the same plan, and of every thirty kills each part has the share of [`SHARES`].

use std::time::Duration;

use crate::enclosure::Way;
use crate::random::Random;

/// Who is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Victim {
    Gateway,
    Server,
    /// The broker, which comes back with the sessions that it wrote down.
    Broker,
    /// The broker, and what it wrote down is gone.
    BrokerAndSessions,
    Postgres,
    QuestDb,
}

/// How many of thirty kills each gets.
const SHARES: [(Victim, usize); 6] = [
    (Victim::Gateway, 8),
    (Victim::Server, 7),
    (Victim::Broker, 4),
    (Victim::BrokerAndSessions, 2),
    (Victim::Postgres, 5),
    (Victim::QuestDb, 4),
];
/// The kills that are dealt out together.
pub(crate) const ROUND: usize = 30;

/// A kill.
#[derive(Clone, Debug)]
pub(crate) struct Strike {
    /// How long after the one before.
    pub(crate) after: Duration,
    pub(crate) victim: Victim,
    /// Which of several.
    pub(crate) which: usize,
    /// Whether it must answer before it is killed; else it is killed as it is, be it while it starts.
    pub(crate) at_work: bool,
    /// How long it stays away.
    pub(crate) away: Duration,
}

/// What is wrong for a while, beside the kills.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Nothing gets through this way.
    Cut(Way),
    /// The disk under PostgreSQL is full.
    StoreDiskFull,
    /// The disk under the outboxes of every home is full.
    OutboxDiskFull,
}

/// A trouble that begins at a kill.
#[derive(Clone, Debug)]
pub(crate) struct Spell {
    /// How many kills there were before.
    pub(crate) at_kill: usize,
    pub(crate) trouble: Trouble,
    /// How long it lasts; with a disk, from when it was seen to be full.
    pub(crate) lasts: Duration,
}

/// All of it.
pub(crate) struct Plan {
    pub(crate) strikes: Vec<Strike>,
    pub(crate) spells: Vec<Spell>,
}

impl Plan {
    /// A plan with as many kills as there are rounds of [`ROUND`].
    pub(crate) fn of(seed: u64, rounds: usize) -> Self {
        let mut random = Random::of(seed);
        let pause_ms_max = if rounds > 1 { 3_000 } else { 2_000 };
        let mut strikes = Vec::new();
        let mut spells = Vec::new();
        for round in 0..rounds {
            let mut victims: Vec<Victim> =
                SHARES.iter().flat_map(|(victim, share)| std::iter::repeat_n(*victim, *share)).collect();
            shuffle(&mut victims, &mut random);
            strikes.extend(victims.into_iter().map(|victim| Strike {
                after: Duration::from_millis(random.between(200, pause_ms_max)),
                victim,
                which: usize::try_from(random.below(1_000)).expect("small"),
                at_work: random.chance(75),
                away: Duration::from_millis(if random.chance(50) { 0 } else { random.between(200, 6_000) }),
            }));
            let mut troubles = vec![Trouble::StoreDiskFull, Trouble::OutboxDiskFull];
            troubles.extend(Way::ALL.map(Trouble::Cut));
            shuffle(&mut troubles, &mut random);
            for (nth, trouble) in troubles.into_iter().enumerate() {
                // Where there is time, each way is cut once for longer than any keep-alive (the gateway's: 30 s, half again at the broker).
                let is_long_cut =
                    rounds > 1 && Way::ALL.get(round).is_some_and(|way| trouble == Trouble::Cut(*way));
                let seconds = if is_long_cut { 50 } else { random.between(3, 6) };
                spells.push(Spell {
                    at_kill: round * ROUND + nth * 5,
                    trouble,
                    lasts: Duration::from_secs(seconds),
                });
            }
        }
        Self { strikes, spells }
    }
}

/// Fisher and Yates.
fn shuffle<T>(all: &mut [T], random: &mut Random) {
    for last in (1..all.len()).rev() {
        all.swap(last, usize::try_from(random.below(last as u64 + 1)).expect("small"));
    }
}

#[test]
fn a_plan_is_its_seeds_and_fair() {
    let plan = Plan::of(7, 10);
    assert_eq!(format!("{:?}", plan.strikes), format!("{:?}", Plan::of(7, 10).strikes));
    assert_ne!(format!("{:?}", plan.strikes), format!("{:?}", Plan::of(8, 10).strikes));
    for (victim, share) in SHARES {
        assert_eq!(
            plan.strikes.iter().filter(|strike| strike.victim == victim).count(),
            10 * share,
            "{victim:?}"
        );
    }
    assert_eq!(plan.strikes.len(), 300);
    let long = |way| {
        let spells = plan.spells.iter().filter(move |spell| spell.trouble == Trouble::Cut(way));
        spells.filter(|spell| spell.lasts > Duration::from_secs(45)).count()
    };
    assert_eq!(Way::ALL.map(long), [1; 4], "{:?}", plan.spells);
}
