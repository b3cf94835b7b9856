//! What a seed decides before anything happens: how bad the wire is, how often the power goes, and what else befalls the house.
//!
//! **Invariant:** a plan is a function of its seed.

use vitals::Timestamp;

use crate::disk::Harshness;
use crate::random::Random;

/// Days with something about their clocks: an ordinary one, both changes of summer time in Sweden (01:00 UTC), midnight there.
const BEGINNINGS: [&str; 4] =
    ["2026-01-15T07:00:00Z", "2026-03-29T00:45:00Z", "2026-10-25T00:45:00Z", "2026-06-20T21:50:00Z"];

/// How far a clock may jump, s: an hour, ten years, and what brings it near 1970.
pub(crate) const JUMPS_S: [i64; 5] = [3_600, -3_600, 315_576_000, -315_576_000, -1_767_000_000];

#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) begins: Timestamp,
    /// Messages lost between a home and the broker, percent.
    pub(crate) loss: u64,
    pub(crate) doubled: u64,
    /// The longest a message is on its way, ms: what reorders.
    pub(crate) delay_ms_max: u64,
    pub(crate) keeps_sessions: bool,
    /// Measurements of all homes together.
    pub(crate) measurements: u64,
    pub(crate) between_ms_max: u64,
    pub(crate) server_crashes_max: u64,
    pub(crate) home_crashes_max: u64,
    /// How far apart other faults are, ms.
    pub(crate) fault_ms_max: u64,
    /// The number whose envelope the broker never lets through, of the first home.
    pub(crate) cursed: Option<u64>,
    pub(crate) restores: bool,
    pub(crate) clock_jumps: bool,
    /// Whether the server begins with a store that holds nothing, not even tables.
    pub(crate) from_nothing: bool,
    /// Whether in the end the tasks are compared with those of a house without faults.
    pub(crate) compared: bool,
}

impl Plan {
    pub(crate) fn of(random: &mut Random) -> Self {
        let begins = BEGINNINGS[random.below(BEGINNINGS.len() as u64) as usize];
        let cursed = random.chance(8).then(|| random.between(1, 6));
        Self {
            begins: begins.parse().expect("a time"),
            loss: random.between(0, 30),
            doubled: random.between(0, 20),
            delay_ms_max: [5, 200, 3_000, 20_000][random.below(4) as usize],
            keeps_sessions: random.chance(50),
            measurements: random.between(12, 40),
            between_ms_max: [4_000, 30_000, 90_000][random.below(3) as usize],
            server_crashes_max: random.between(6, 20),
            home_crashes_max: random.between(3, 10),
            fault_ms_max: [15_000, 60_000, 200_000][random.below(3) as usize],
            cursed,
            restores: random.chance(30),
            clock_jumps: random.chance(35),
            from_nothing: random.chance(4),
            compared: random.chance(30),
        }
    }
}

/// How a cut treats what was not synchronised.
pub(crate) fn harshness(random: &mut Random) -> Harshness {
    match random.below(10) {
        0..3 => Harshness::NothingLost,
        3..5 => Harshness::AllLost,
        _ => Harshness::Mixed { kept: random.between(10, 90), torn: random.between(0, 100) },
    }
}

/// How the power of one machine is to go next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// At an operation of its disk.
    Disk,
    /// Around something that it sends.
    Wire { nth: u64, after: bool },
    /// At a step of the commit.
    Step(ingest::fault::Step),
    /// At an operation of its disk while it starts.
    Start,
    /// Whenever.
    Time,
}

impl Cut {
    pub(crate) fn of_server(random: &mut Random) -> Self {
        use ingest::fault::Step;
        match random.below(100) {
            0..50 => Self::Disk,
            50..65 => Self::Wire { nth: random.between(1, 6), after: random.chance(50) },
            65..85 => Self::Step(
                [Step::BeforeCommit, Step::BetweenCommitAndAck, Step::BetweenAckAndReceipt]
                    [random.below(3) as usize],
            ),
            85..92 => Self::Start,
            _ => Self::Time,
        }
    }

    pub(crate) fn of_home(random: &mut Random) -> Self {
        match random.below(100) {
            0..60 => Self::Disk,
            60..80 => Self::Wire { nth: random.between(1, 6), after: random.chance(50) },
            80..92 => Self::Start,
            _ => Self::Time,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Disk => "at the disk",
            Self::Wire { .. } => "at the wire",
            Self::Step(_) => "at a step of the commit",
            Self::Start => "while starting",
            Self::Time => "at a time of chance",
        }
    }
}
