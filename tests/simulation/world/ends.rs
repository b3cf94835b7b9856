//! How a world ends: the troubles stop, everything drains, and it adds up.

use anyhow::{Context as _, ensure};
use care::export::{Filter, What, export};
use care::store::Store;
use serde_json::Value;
use std::sync::atomic::Ordering;
use vitals::Timestamp;

use super::homes::MEASURE_ON_MS;
use super::servers::Up;
use super::{Happening, World};
use crate::ledger::{Held, Observer};
use crate::server::{Running, Went};
use ingest::link::{Event, Publish};

impl World<'_> {
    /// The troubles are over.
    pub(crate) fn heal(&mut self) -> anyhow::Result<()> {
        self.note("the troubles are over");
        self.troubled = false;
        self.server.cut = None;
        for home in 0..self.homes.len() {
            let of = &mut self.homes[home];
            (of.up_cut, of.down_cut, of.clock_wrong_ms, of.cut) = (false, false, 0, None);
            if let Some(up) = &of.up {
                up.disk.with(|disk| {
                    disk.spare();
                    disk.set_room(None);
                });
            }
            self.after(10, Happening::StartHome(home));
            self.after(20, Happening::Seal(home));
        }
        if let Some(up) = &self.server.up {
            up.running.disk().with(|disk| {
                disk.spare();
                disk.set_room(None);
            });
        }
        self.after(10, Happening::StartServer);
        if self.plan.cursed.is_some() {
            self.after(MEASURE_ON_MS, Happening::Measure);
        }
        Ok(())
    }

    /// Whether every number is receipted and the server knows of every one.
    pub(crate) fn is_drained(&mut self) -> anyhow::Result<bool> {
        for home in &self.homes {
            let waits = home.up.as_ref().is_none_or(|up| up.depth().unreceipted > 0);
            if waits || !home.pending.is_empty() {
                return Ok(false);
            }
        }
        let Some(up) = &self.server.up else { return Ok(false) };
        if up.running.is_busy() || up.running.has_work() || !self.broker.is_idle() {
            return Ok(false);
        }
        let through = up.observer.through()?;
        Ok(self.ledger.last_seq.iter().all(|(key, last)| *last == 0 || through.get(key) == Some(last)))
    }

    /// Where everything stands, in words.
    pub(crate) fn standing(&self) -> String {
        let homes: Vec<_> = self
            .homes
            .iter()
            .map(|home| {
                let depth = home.up.as_ref().map(|up| up.depth());
                format!("{}: {depth:?}, {} pending", home.name, home.pending.len())
            })
            .collect();
        let through = self.observer().and_then(|observer| observer.through().ok());
        let through: Option<Vec<_>> =
            through.map(|map| map.into_iter().map(|((home, _), n)| (home, n)).collect());
        format!("{homes:?}, server {through:?}, left {:?}", self.ledger.last_seq.values())
    }

    /// It adds up: nothing is lost, nothing counts twice, and the tasks are those of a house without faults.
    pub(crate) fn add_up(&mut self) -> anyhow::Result<()> {
        let up = self.server.up.as_ref().context("the server is up")?;
        let held = self.runtime.block_on(what_it_holds(&up.running.store, &up.observer))?;
        self.ledger.adds_up(&held)?;
        if self.plan.compared {
            self.compare(&held)?;
        }
        self.outcome.readings = held.stored.len() as u64;
        self.outcome.voids = held.void.len() as u64;
        self.outcome.quarantined = held.quarantined.len() as u64;
        self.outcome.tasks = held.tasks.len() as u64;
        let counts = (held.stored.len(), held.quarantined.len(), held.void.len(), held.seen().len());
        self.note(format!("stored, quarantined, void, tasks: {counts:?}"));
        Ok(())
    }

    /// Everything stops.
    pub(crate) fn end(&mut self) {
        if let Some(Up { running, observer }) = self.server.up.take() {
            drop(running.end(&self.runtime));
            drop(observer);
        }
        for home in &mut self.homes {
            home.up = None;
        }
    }

    /// Gives a house that knew no faults the same arrivals, and compares the tasks.
    fn compare(&self, held: &Held) -> anyhow::Result<()> {
        let disk = self.rack.plug("control", self.template.clone());
        let clock = std::sync::Arc::clone(&self.server_clock);
        let mut control = Running::start(&self.runtime, disk, &clock, None)
            .map_err(|(_, error)| anyhow::anyhow!("the control does not open: {error}"))?;
        control.connected(&self.runtime, true);
        for (place, received_at) in &held.arrivals {
            let received_at: Timestamp = received_at.parse()?;
            clock.store(received_at.as_millis(), Ordering::SeqCst);
            let topic = format!("vagen/v1/{}/up", place.gateway);
            let envelope = self.ledger.envelopes.get(place).context("an envelope that nobody sent")?;
            let payload = envelope.clone().into_bytes();
            control.hear(&self.runtime, Ok(Event::Publish(Publish { topic, payload, token: None })));
            while control.go_on(&self.runtime) != Went::Done {}
        }
        let observer = Observer::of(control.disk().path())?;
        let expected = self.runtime.block_on(what_it_holds(&control.store, &observer))?;
        drop(observer);
        drop(control.end(&self.runtime));
        let (expected, got) = (expected.seen(), held.seen());
        ensure!(expected == got, "the tasks differ.\nwithout faults: {expected:#?}\nheld: {got:#?}");
        Ok(())
    }
}

async fn what_it_holds(store: &Store, observer: &Observer) -> anyhow::Result<Held> {
    let readings = lines(store, What::Readings).await?;
    let quarantine = lines(store, What::Quarantine).await?;
    let tasks = lines(store, What::Tasks).await?;
    Held::of(&readings, &quarantine, tasks, observer)
}

async fn lines(store: &Store, what: What) -> anyhow::Result<Vec<Value>> {
    let mut out = Vec::new();
    let at = "2026-12-01T00:00:00Z".parse()?;
    export(store, what, &Filter::default(), "test", at, &mut out).await?;
    String::from_utf8(out)?.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}
