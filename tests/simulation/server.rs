//! The server: the shipped store on a disk that may fail, and the shipped link, queue and committer, moved step by step.
//!
//! **Invariant:** nothing that the server does after its power was cut is heard by anybody.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use care::clock::Clock;
use care::health::{Health, Part};
use care::live::Feed;
use care::store::Store;
use ingest::fault::{self, played};
use ingest::link::{Busy, Event, Link, LinkError, Outlet, Publish, Token};
use ingest::stepped::{Committing, Hearing, Looking, stepped};
use ingest::{House, Policies};
use tokio::runtime::Runtime;
use vitals::Timestamp;

use crate::mount::Plugged;

/// What goes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Acknowledge(u16),
    Publish(String, Vec<u8>),
    Subscribe,
}

/// The wire, as a client of MQTT may have it: what is asked to be sent waits, and goes out on whatever connection comes next, unless the link
/// is told to forget it; what was read and not told is told after the next connection stands.
#[derive(Debug, Default)]
struct Wire {
    waiting: VecDeque<Act>,
    unread: VecDeque<Publish>,
    begin_anew: bool,
}

/// Both ends.
#[derive(Clone, Debug)]
pub(crate) struct Played {
    wire: Arc<Mutex<Wire>>,
    /// Whether the machine has power: what it says afterwards is not heard.
    power: Arc<AtomicPower>,
}

#[derive(Debug)]
struct AtomicPower(Mutex<Option<Arc<Plugged>>>);

impl AtomicPower {
    fn is_on(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref().is_some_and(|disk| !disk.is_off())
    }
}

impl Played {
    fn with<T>(&self, work: impl FnOnce(&mut Wire) -> T) -> T {
        work(&mut self.wire.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn ask(&self, act: Act) -> Result<(), Busy> {
        if self.power.is_on() {
            self.with(|wire| wire.waiting.push_back(act));
        }
        Ok(())
    }
}

impl Link for Played {
    async fn poll(&mut self) -> Result<Event, LinkError> {
        std::future::pending().await
    }

    fn drain(&mut self) -> Vec<Publish> {
        self.with(|wire| wire.unread.drain(..).collect())
    }

    fn clean(&mut self) {
        // What a link's `clean` forgets: acknowledgements, and nothing else.
        self.with(|wire| wire.waiting.retain(|act| !matches!(act, Act::Acknowledge(_))));
    }

    fn begin_anew(&mut self) {
        self.with(|wire| wire.begin_anew = true);
    }
}

impl Outlet for Played {
    fn try_ack(&self, token: Token) -> Result<(), Busy> {
        self.ask(Act::Acknowledge(token.0))
    }

    fn try_publish(&self, topic: &str, payload: Vec<u8>) -> Result<(), Busy> {
        self.ask(Act::Publish(topic.to_owned(), payload))
    }

    fn try_subscribe(&self, _: &[&str]) -> Result<(), Busy> {
        self.ask(Act::Subscribe)
    }

    /// The share of a process that is alone never shrinks.
    fn try_unsubscribe(&self, _: &str) -> Result<(), Busy> {
        Ok(())
    }

    fn disconnect(&self) {}
}

type Turn = Pin<Box<dyn Future<Output = Box<Committing<Played>>>>>;

/// Where the committer stands.
enum Work {
    Idle(Box<Committing<Played>>),
    Busy(Turn),
}

/// What came of letting the committer go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Went {
    /// The turn is over.
    Done,
    /// It stands at a step or waits.
    Halted(played::Halt),
}

/// A server that is running.
pub(crate) struct Running {
    disk: Arc<Plugged>,
    pub(crate) store: Store,
    hearing: Hearing<Played, Played>,
    looking: Looking<Played>,
    work: Option<Work>,
    played: Played,
}

pub(crate) fn clock_of(shown: &Arc<AtomicI64>) -> Clock {
    let shown = Arc::clone(shown);
    Clock::told_by(move || Timestamp::from_millis(shown.load(Ordering::SeqCst)).expect("a time in range"))
}

impl Running {
    /// Starts the server on `disk`. Gives the disk back where the store does not open.
    pub(crate) fn start(
        runtime: &Runtime,
        disk: Plugged,
        clock: &Arc<AtomicI64>,
        flaw: Option<fault::Flaw>,
    ) -> Result<Self, (Plugged, String)> {
        let store = match runtime.block_on(Store::open(disk.path())) {
            Ok(store) => store,
            Err(error) => return Err((disk, error.to_string())),
        };
        let disk = Arc::new(disk);
        let power = Arc::new(AtomicPower(Mutex::new(Some(Arc::clone(&disk)))));
        let played = Played { wire: Arc::default(), power };
        played::play(flaw);
        let house = House {
            store: store.clone(),
            policies: Policies::default(),
            clock: clock_of(clock),
            feed: Feed::default(),
            health: Health::of([Part::Broker, Part::Store]),
        };
        let (hearing, committing, looking) = stepped(house, played.clone(), played.clone());
        Ok(Self { disk, store, hearing, looking, work: Some(Work::Idle(Box::new(committing))), played })
    }

    pub(crate) fn disk(&self) -> &Plugged {
        &self.disk
    }

    pub(crate) fn hear(&mut self, runtime: &Runtime, told: Result<Event, LinkError>) {
        runtime.block_on(self.hearing.hear(told));
    }

    /// The connection stands. Without a session a client may forget what waited to be published.
    pub(crate) fn connected(&mut self, runtime: &Runtime, session_present: bool) {
        if !session_present {
            self.played.with(|wire| wire.waiting.clear());
        }
        self.hear(runtime, Ok(Event::Connected { session_present }));
    }

    /// The connection breaks when `unread` was read from it and not yet told.
    pub(crate) fn break_off(&mut self, runtime: &Runtime, unread: Vec<Publish>, error: LinkError) {
        self.played.with(|wire| wire.unread.extend(unread));
        self.hear(runtime, Err(error));
    }

    /// Whether a new session is to be asked for, once.
    pub(crate) fn take_begin_anew(&mut self) -> bool {
        self.played.with(|wire| std::mem::take(&mut wire.begin_anew))
    }

    /// What goes out next.
    pub(crate) fn next_act(&mut self) -> Option<Act> {
        self.played.with(|wire| wire.waiting.pop_front())
    }

    pub(crate) fn ask_for_gaps(&mut self, runtime: &Runtime) {
        runtime.block_on(self.looking.ask_for_gaps());
    }

    /// Whether a turn could begin.
    pub(crate) fn has_work(&self) -> bool {
        matches!(&self.work, Some(Work::Idle(committing)) if committing.waiting() > 0)
    }

    pub(crate) fn is_busy(&self) -> bool {
        matches!(&self.work, Some(Work::Busy(_)))
    }

    /// Begins a turn, or lets the one that stands go on.
    pub(crate) fn go_on(&mut self, runtime: &Runtime) -> Went {
        played::go_on();
        let mut turn = match self.work.take() {
            Some(Work::Busy(turn)) => turn,
            Some(Work::Idle(mut committing)) => Box::pin(async move {
                committing.turn().await;
                committing
            }),
            None => unreachable!("it is put back below"),
        };
        let went = runtime.block_on(std::future::poll_fn(|context| match turn.as_mut().poll(context) {
            Poll::Ready(committing) => Poll::Ready(Ok(committing)),
            Poll::Pending => played::halted().map_or(Poll::Pending, |halt| Poll::Ready(Err(halt))),
        }));
        match went {
            Ok(committing) => {
                self.work = Some(Work::Idle(committing));
                Went::Done
            }
            Err(halt) => {
                self.work = Some(Work::Busy(turn));
                Went::Halted(halt)
            }
        }
    }

    /// Ends the process, because its power is gone, and gives its disk back.
    pub(crate) fn end(self, runtime: &Runtime) -> Plugged {
        let _within = runtime.enter();
        let Self { disk, store, hearing, looking, work, played } = self;
        played::go_on();
        *played.power.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
        drop((work, hearing, looking, store, played));
        Arc::into_inner(disk).expect("nobody else has it")
    }

    /// Ends the process in peace: what waits is left, the store is closed.
    pub(crate) fn stop(self, runtime: &Runtime) -> Plugged {
        let store = self.store.clone();
        let disk = self.end(runtime);
        runtime.block_on(store.close());
        disk
    }
}
