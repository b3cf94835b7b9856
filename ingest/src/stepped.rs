//! The service taken apart into its tasks, each to be moved one step at a time by somebody who has the clock in hand.
//!
//! It is the shipped link, queue, committer and look for gaps; only who polls them, and when, is another.
//!
//! **Invariant:** nothing here runs by itself.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tokio::sync::watch;

use crate::commit::{Batching, Committer};
use crate::link::{Event, Gate, Link, LinkError, Outlet, Pump};
use crate::pace::Paced;
use crate::queue::queue;
use crate::resend::Asked;
use crate::service::House;
use crate::share::Share;
use crate::sitting::Desk;
use crate::stop::{Stop, Switch, switch};
use crate::subscriptions::Subscriptions;
use crate::watch::{Ticker, Watch};

/// The side that hears the broker.
pub struct Hearing<L, O> {
    pump: Pump<L, O>,
}

/// The side that commits, acknowledges and receipts.
pub struct Committing<O> {
    committer: Committer<O>,
    stop: Stop,
    _switch: Switch,
}

/// The side that looks for gaps.
pub struct Looking<O> {
    ticker: Ticker<O>,
    _switch: Switch,
}

/// The service around `link` and `outlet`, at a standstill.
pub fn stepped<L: Link, O: Outlet>(
    house: House,
    link: L,
    outlet: O,
) -> (Hearing<L, O>, Committing<O>, Looking<O>) {
    let (clock, feed, health) = (house.clock.clone(), house.feed.clone(), house.health.clone());
    let (_given, share) = watch::channel(Share::whole());
    let desk = Arc::new(Desk::new(house, share.clone()));
    let listening = Arc::new(AtomicBool::new(false));
    let (filler, taker) = queue(Batching::EMBEDDED.waiting_max);
    let (gate, asked) = (Arc::new(Gate::new(outlet)), Arc::new(Asked::default()));
    let (commits, stop) = switch();
    let (looks, looks_stop) = switch();
    let committer = Committer {
        desk: Arc::clone(&desk),
        queue: taker,
        gate: Arc::clone(&gate),
        asked: Arc::clone(&asked),
        batching: Batching::EMBEDDED,
        paced: Paced::by(None),
        taken_before: 0,
        stop: stop.clone(),
    };
    let subscriptions = Arc::new(Subscriptions::new(Arc::clone(&gate), share));
    let walk = desk.walk.clone();
    let ticker = Ticker {
        watch: Arc::new(Watch::new(desk)),
        gate: Arc::clone(&gate),
        asked,
        listening: Arc::clone(&listening),
        every: Duration::MAX,
        stop: looks_stop.clone(),
    };
    let pump = Pump {
        link,
        gate,
        subscriptions,
        walk,
        queue: filler,
        clock,
        health,
        feed,
        listening,
        stop: looks_stop,
    };
    (Hearing { pump }, Committing { committer, stop, _switch: commits }, Looking { ticker, _switch: looks })
}

impl<L: Link, O: Outlet> Hearing<L, O> {
    /// Takes what the link told.
    pub async fn hear(&mut self, told: Result<Event, LinkError>) {
        let taken = match told {
            Ok(event) => self.pump.take(event).await,
            Err(error) => Err(error),
        };
        if let Err(error) = taken {
            self.pump.broke(&error).await;
        }
    }
}

impl<O: Outlet> Committing<O> {
    /// Commits what waits, up to one batch, acknowledges it and sends its receipts. Waits for a message where there is none.
    pub async fn turn(&mut self) {
        self.committer.turn(&self.stop).await;
    }

    /// How many messages wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.committer.queue.len()
    }
}

impl<O: Outlet> Looking<O> {
    /// Asks gateways for what has been missing for a while.
    pub async fn ask_for_gaps(&self) {
        self.ticker.ask_for_gaps().await;
    }
}
