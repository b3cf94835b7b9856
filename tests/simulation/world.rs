//! The world around the shipped code: a clock that jumps to whatever is next, a wire, machines whose power goes, and everything
//! else that a seed decides. One thread; what happens next is the earliest thing that waits.
//!
//! **Invariant:** nothing here looks at a real clock or at chance; a seed is a run.

mod begin;
mod ends;
mod homes;
mod servers;
mod troubles;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use gateway::uplink::LinkEvent;
use ingest::link::{Event, LinkError};
use tokio::runtime::Runtime;

use crate::broker::{Broker, Message};
use crate::disk::Image;
use crate::ledger::{Ledger, Observer};
use crate::mount::Rack;
use crate::plan::Plan;
use crate::random::Random;
use crate::trace::Trace;

pub(crate) use begin::template;
pub(crate) use homes::Home;
pub(crate) use servers::Server;

/// What the code under test is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Build {
    /// As it is shipped.
    Sound,
    /// Wrong on purpose, on the server.
    Server(ingest::fault::Flaw),
    /// Wrong on purpose, in the homes.
    Home(gateway::fault::Flaw),
}

/// What happens at some time.
#[derive(Debug)]
pub(crate) enum Happening {
    Measure,
    /// A box tries again what it could not seal.
    Seal(usize),
    Wake(usize),
    ToHome {
        home: usize,
        connection: u64,
        event: LinkEvent,
    },
    FromHome {
        home: usize,
        connection: u64,
        said: Said,
    },
    HomeConnects {
        home: usize,
        attempt: u64,
    },
    ToServer {
        connection: u64,
        event: Event,
    },
    ServerConnects {
        life: u64,
    },
    Turn {
        life: u64,
    },
    Look {
        life: u64,
    },
    StartHome(usize),
    StartServer,
    Trouble,
    Over(troubles::Passing),
}

/// What a home says to the broker.
#[derive(Clone, Debug)]
pub(crate) enum Said {
    Subscribe,
    Publish(Message),
}

/// How a run ended.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    /// Cuts, by where they came.
    pub(crate) cuts: BTreeMap<&'static str, u64>,
    pub(crate) readings: u64,
    pub(crate) restores: u64,
    pub(crate) voids: u64,
    pub(crate) quarantined: u64,
    pub(crate) tasks: u64,
    pub(crate) virtual_ms: u64,
    pub(crate) happenings: u64,
    pub(crate) sum: u64,
}

/// What went wrong, with everything that is needed to see it again.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) seed: u64,
    pub(crate) what: String,
    pub(crate) trace: String,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { seed, what, trace } = self;
        write!(
            f,
            "{trace}\n\nseed {seed}: {what}\nreplay: VAGEN_SIMULATION_SEED={seed} cargo test --features fault-points,simulation --test simulation"
        )
    }
}

/// See the module.
pub(crate) struct World<'a> {
    pub(crate) rack: &'a Rack,
    /// A server's disk before anything happened.
    pub(crate) template: &'a Image,
    pub(crate) build: Build,
    pub(crate) plan: Plan,
    /// What decides the house's fate.
    pub(crate) fate: Random,
    /// What decides what the wire does.
    pub(crate) wire: Random,
    pub(crate) runtime: Runtime,
    pub(crate) started: Instant,
    pub(crate) now_ms: u64,
    pub(crate) server_clock: Arc<AtomicI64>,
    queue: BTreeMap<(u64, u64), Happening>,
    next: u64,
    pub(crate) broker: Broker,
    pub(crate) broker_down_until_ms: u64,
    pub(crate) homes: Vec<Home>,
    pub(crate) server: Server,
    pub(crate) ledger: Ledger,
    pub(crate) trace: Trace,
    pub(crate) left_to_measure: u64,
    /// Whether faults still happen.
    pub(crate) troubled: bool,
    pub(crate) backup: Option<tempfile::TempDir>,
    pub(crate) outcome: Outcome,
}

/// Where the time goes no further: what is not drained by then never will be.
const DRAINED_WITHIN_MS: u64 = 5 * 3_600_000;

/// Runs the world of `seed`.
pub(crate) fn run(
    rack: &Rack,
    template: &Image,
    seed: u64,
    build: Build,
    aloud: bool,
) -> Result<Outcome, Box<Failure>> {
    let mut world = World::of(rack, template, seed, build, aloud);
    let done = world.live();
    world.end();
    let World { trace, mut outcome, now_ms, .. } = world;
    outcome.sum = trace.sum();
    outcome.virtual_ms = now_ms;
    outcome.happenings = trace.lines();
    match done {
        Ok(()) => Ok(outcome),
        Err(error) => Err(Box::new(Failure { seed, what: format!("{error:#}"), trace: trace.last() })),
    }
}

impl World<'_> {
    pub(crate) fn note(&mut self, what: impl std::fmt::Display) {
        self.trace.note(self.now_ms, what);
    }

    pub(crate) fn after(&mut self, ms: u64, happening: Happening) {
        self.next += 1;
        self.queue.insert((self.now_ms + ms, self.next), happening);
    }

    pub(crate) fn instant(&self) -> Instant {
        self.started + Duration::from_millis(self.now_ms)
    }

    pub(crate) fn ms_of(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.started).as_millis()).unwrap_or(u64::MAX)
    }

    /// How long something is on its way.
    pub(crate) fn delay(&mut self) -> u64 {
        let slow = if self.troubled { self.plan.delay_ms_max } else { 50 };
        self.wire.between(1, slow.max(1))
    }

    pub(crate) fn is_lost(&mut self) -> bool {
        self.troubled && self.wire.chance(self.plan.loss)
    }

    pub(crate) fn is_doubled(&mut self) -> bool {
        self.troubled && self.wire.chance(self.plan.doubled)
    }

    pub(crate) fn broker_is_up(&self) -> bool {
        self.now_ms >= self.broker_down_until_ms
    }

    fn set_clocks(&mut self) {
        let now = self.plan.begins.as_millis() + i64::try_from(self.now_ms).unwrap_or(i64::MAX);
        self.server_clock.store(now, Ordering::SeqCst);
        for home in &self.homes {
            home.clock.store(now + home.clock_wrong_ms, Ordering::SeqCst);
        }
    }

    fn live(&mut self) -> anyhow::Result<()> {
        while self.troubled {
            let more = self.step()?;
            if !more || self.left_to_measure == 0 {
                self.heal()?;
            }
        }
        let over_ms = self.now_ms + DRAINED_WITHIN_MS;
        while !self.is_drained()? {
            anyhow::ensure!(self.now_ms < over_ms, "not drained within five hours: {}", self.standing());
            anyhow::ensure!(self.step()?, "nothing more happens, and it is not drained: {}", self.standing());
        }
        self.add_up()
    }

    /// Lets the next thing happen; `false` when there is none.
    fn step(&mut self) -> anyhow::Result<bool> {
        let Some(((at_ms, _), happening)) = self.queue.pop_first() else { return Ok(false) };
        self.now_ms = at_ms;
        self.set_clocks();
        match happening {
            Happening::Measure => self.measure()?,
            Happening::Seal(home) => self.seal(home)?,
            Happening::Wake(home) => self.wake(home)?,
            Happening::ToHome { home, connection, event } => self.tell_home(home, connection, event)?,
            Happening::FromHome { home, connection, said } => self.hear_home(home, connection, said)?,
            Happening::HomeConnects { home, attempt } => self.home_connects(home, attempt)?,
            Happening::ToServer { connection, event } => self.tell_server(connection, event)?,
            Happening::ServerConnects { life } => self.server_connects(life)?,
            Happening::Turn { life } => self.turn(life)?,
            Happening::Look { life } => self.look(life)?,
            Happening::StartHome(home) => self.start_home(home)?,
            Happening::StartServer => self.start_server()?,
            Happening::Trouble => self.trouble()?,
            Happening::Over(passing) => self.over(passing)?,
        }
        Ok(true)
    }

    /// Takes what is on its way to the server by `connection` off the wire.
    pub(crate) fn take_on_its_way(&mut self, connection: u64) -> Vec<Event> {
        let on_it = |happening: &Happening| matches!(happening, Happening::ToServer { connection: of, .. } if *of == connection);
        let keys: Vec<_> = self.queue.iter().filter(|(_, it)| on_it(it)).map(|(key, _)| *key).collect();
        keys.iter()
            .filter_map(|key| match self.queue.remove(key) {
                Some(Happening::ToServer { event, .. }) => Some(event),
                Some(_) | None => None,
            })
            .collect()
    }

    pub(crate) fn observer(&self) -> Option<&Observer> {
        self.server.up.as_ref().map(|up| &up.observer)
    }

    pub(crate) fn broken_link() -> LinkError {
        LinkError::Broken("played".to_owned())
    }
}
