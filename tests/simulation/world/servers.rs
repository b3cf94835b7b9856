//! What happens to the server.

use anyhow::{Context as _, ensure};
use gateway::uplink::LinkEvent;
use ingest::fault::played::Halt;
use ingest::link::{Event, Publish, Token};
use vitals::Downstream;

use super::begin::register;
use super::{Build, Happening, World};
use crate::disk::Image;
use crate::ledger::Observer;
use crate::mount::Plugged;
use crate::plan::{Cut, harshness};
use crate::server::{Act, Running, Went};

/// How often gaps are looked for, ms. The shipped service looks every two seconds; what it asks for is bounded by the minute.
const LOOK_EVERY_MS: u64 = 45_000;

/// A server that is up.
pub(crate) struct Up {
    pub(crate) running: Running,
    /// Declared after the server, so that it is closed after it.
    pub(crate) observer: Observer,
}

/// The server.
pub(crate) struct Server {
    pub(crate) up: Option<Up>,
    pub(crate) disk: Image,
    pub(crate) crashes_left: u64,
    pub(crate) cut: Option<Cut>,
    /// Counts its starts, so that what was meant for an earlier one is known.
    pub(crate) life: u64,
    pub(crate) connection: Option<u64>,
    turn_waits: bool,
    acts: u64,
}

impl Server {
    pub(crate) fn new(disk: Image, crashes_left: u64) -> Self {
        Self {
            up: None,
            disk,
            crashes_left,
            cut: None,
            life: 0,
            connection: None,
            turn_waits: false,
            acts: 0,
        }
    }
}

impl World<'_> {
    pub(crate) fn start_server(&mut self) -> anyhow::Result<()> {
        if self.server.up.is_some() {
            return Ok(());
        }
        let may = self.troubled && self.server.crashes_left > 0;
        self.server.cut = may.then(|| Cut::of_server(&mut self.fate));
        let image = std::mem::take(&mut self.server.disk);
        let disk = self.rack.plug("server", image);
        if self.server.cut == Some(Cut::Start) {
            let (nth, after) =
                (self.fate.between(1, if self.plan.from_nothing { 300 } else { 8 }), self.fate.chance(50));
            disk.with(|disk| disk.cut_at(nth, after));
        }
        let flaw = match self.build {
            Build::Server(flaw) => Some(flaw),
            Build::Sound | Build::Home(_) => None,
        };
        let running = match Running::start(&self.runtime, disk, &self.server_clock, flaw) {
            Ok(running) => running,
            Err((disk, error)) => {
                ensure!(disk.is_off(), "the store does not open: {error}");
                return self.server_did_not_start(disk);
            }
        };
        if self.plan.from_nothing {
            // As the operator does, until it has worked; applying it again changes nothing.
            let applied = self.runtime.block_on(register(&running.store));
            if running.disk().is_off() {
                let disk = running.end(&self.runtime);
                return self.server_did_not_start(disk);
            }
            applied.context("the register")?;
        }
        let observer = Observer::of(running.disk().path())?;
        self.server.life += 1;
        (self.server.connection, self.server.turn_waits, self.server.acts) = (None, false, 0);
        if running.disk().is_off() {
            self.server.up = Some(Up { running, observer });
            return self.server_crashes();
        }
        self.ledger.after_a_cut(&observer)?;
        self.server.up = Some(Up { running, observer });
        self.arm_server();
        let life = self.server.life;
        self.note(format!("the server starts, life {life}"));
        let pause = self.fate.between(10, 2_000);
        self.after(pause, Happening::ServerConnects { life });
        self.after(LOOK_EVERY_MS, Happening::Look { life });
        Ok(())
    }

    fn arm_server(&mut self) {
        let (nth, after) = (self.fate.between(1, 90), self.fate.chance(50));
        let Some(up) = &self.server.up else { return };
        match self.server.cut {
            Some(Cut::Disk) => up.running.disk().with(|disk| disk.cut_at(nth, after)),
            Some(Cut::Time) => {
                let pause = self.fate.between(10, 60_000);
                self.after(pause, Happening::Over(super::troubles::Passing::ServerPower(self.server.life)));
            }
            Some(Cut::Wire { .. } | Cut::Step(_) | Cut::Start) | None => {
                up.running.disk().with(|disk| disk.spare());
            }
        }
    }

    fn count_server_crash(&mut self) {
        self.server.crashes_left = self.server.crashes_left.saturating_sub(1);
        let name = self.server.cut.take().map_or("at a time of chance", Cut::name);
        *self.outcome.cuts.entry(name).or_default() += 1;
        self.note(format!("server: the power goes {name}"));
    }

    fn server_did_not_start(&mut self, disk: Plugged) -> anyhow::Result<()> {
        self.count_server_crash();
        self.server.disk = disk.cut(harshness(&mut self.fate), &mut self.fate);
        let pause = self.fate.between(100, 5_000);
        self.after(pause, Happening::StartServer);
        Ok(())
    }

    /// The power of the server is gone.
    pub(crate) fn server_crashes(&mut self) -> anyhow::Result<()> {
        let Some(Up { running, observer }) = self.server.up.take() else { return Ok(()) };
        self.count_server_crash();
        let disk = running.end(&self.runtime);
        let image = disk.cut(harshness(&mut self.fate), &mut self.fate);
        drop(observer);
        self.server_is_down(image);
        Ok(())
    }

    /// The server stops in peace, and starts again.
    pub(crate) fn server_restarts(&mut self) -> anyhow::Result<()> {
        let Some(Up { running, observer }) = self.server.up.take() else { return Ok(()) };
        self.note("the server is stopped");
        drop(observer);
        let disk = running.stop(&self.runtime);
        let image = if disk.is_off() {
            self.count_server_crash();
            disk.cut(harshness(&mut self.fate), &mut self.fate)
        } else {
            disk.unplug()
        };
        self.server_is_down(image);
        Ok(())
    }

    pub(crate) fn server_is_down(&mut self, image: Image) {
        self.server.disk = image;
        self.server.connection = None;
        self.broker.server_leaves();
        let pause = self.fate.between(100, 20_000);
        self.after(pause, Happening::StartServer);
    }

    pub(crate) fn server_connects(&mut self, life: u64) -> anyhow::Result<()> {
        if self.server.life != life || self.server.connection.is_some() {
            return Ok(());
        }
        let reached = self.broker_is_up();
        let Some(up) = &mut self.server.up else { return Ok(()) };
        if !reached {
            self.after(3_000, Happening::ServerConnects { life });
            return Ok(());
        }
        let anew = up.running.take_begin_anew();
        let (connection, session_present) = self.broker.server_connects(anew);
        self.server.connection = Some(connection);
        up.running.connected(&self.runtime, session_present);
        self.note(format!("the server is connected, session {session_present}"));
        self.server_says()?;
        self.broker_gives();
        Ok(())
    }

    /// The connection of the server breaks; some of what is on its way was read and not told.
    pub(crate) fn server_link_breaks(&mut self) -> anyhow::Result<()> {
        let Some(connection) = self.server.connection.take() else { return Ok(()) };
        self.broker.server_leaves();
        let mut unread = Vec::new();
        for event in self.take_on_its_way(connection) {
            if let Event::Publish(publish) = event
                && self.wire.chance(40)
            {
                unread.push(publish);
            }
        }
        self.note(format!("the link of the server breaks, {} unread", unread.len()));
        let life = self.server.life;
        if let Some(up) = &mut self.server.up {
            up.running.break_off(&self.runtime, unread, Self::broken_link());
            let pause = self.fate.between(20, 5_000);
            self.after(pause, Happening::ServerConnects { life });
            self.begin_turn();
        }
        Ok(())
    }

    /// The broker gives the server what it may.
    pub(crate) fn broker_gives(&mut self) {
        let Some(connection) = self.server.connection else { return };
        while let Some(given) = self.broker.give() {
            let publish = Publish {
                topic: given.message.topic,
                payload: given.message.payload,
                token: given.number.map(Token),
            };
            let copies = if self.is_doubled() { 2 } else { 1 };
            for _ in 0..copies {
                let delay = self.delay();
                let event = Event::Publish(publish.clone());
                self.after(delay, Happening::ToServer { connection, event });
            }
        }
    }

    pub(crate) fn tell_server(&mut self, connection: u64, event: Event) -> anyhow::Result<()> {
        if self.server.connection != Some(connection) {
            return Ok(());
        }
        let Some(up) = &mut self.server.up else { return Ok(()) };
        up.running.hear(&self.runtime, Ok(event));
        self.server_says()?;
        self.begin_turn();
        Ok(())
    }

    fn begin_turn(&mut self) {
        let has_work = self.server.up.as_ref().is_some_and(|up| up.running.has_work());
        if has_work && !self.server.turn_waits {
            self.server.turn_waits = true;
            let pause = self.wire.below(300);
            self.after(pause, Happening::Turn { life: self.server.life });
        }
    }

    /// The committer goes on.
    pub(crate) fn turn(&mut self, life: u64) -> anyhow::Result<()> {
        if self.server.life != life {
            return Ok(());
        }
        let Some(up) = &mut self.server.up else { return Ok(()) };
        self.server.turn_waits = false;
        if !up.running.is_busy() && !up.running.has_work() {
            return Ok(());
        }
        let went = up.running.go_on(&self.runtime);
        if up.running.disk().is_off() {
            return self.server_crashes();
        }
        self.server_says()?;
        if self.server.up.is_none() {
            return Ok(());
        }
        match went {
            Went::Done => self.begin_turn(),
            Went::Halted(Halt::At(step)) => {
                if self.server.cut == Some(Cut::Step(step)) && self.fate.chance(40) {
                    return self.server_crashes();
                }
                let pause = if self.troubled && self.wire.chance(10) { self.wire.below(5_000) } else { 0 };
                self.server.turn_waits = true;
                self.after(pause, Happening::Turn { life });
            }
            Went::Halted(Halt::For(pause)) => {
                self.note(format!("the server waits {} ms", pause.as_millis()));
                self.server.turn_waits = true;
                let pause = u64::try_from(pause.as_millis())?.max(1);
                self.after(pause, Happening::Turn { life });
            }
        }
        Ok(())
    }

    pub(crate) fn look(&mut self, life: u64) -> anyhow::Result<()> {
        if self.server.life != life {
            return Ok(());
        }
        let Some(up) = &mut self.server.up else { return Ok(()) };
        if !up.running.is_busy() {
            up.running.ask_for_gaps(&self.runtime);
            if up.running.disk().is_off() {
                return self.server_crashes();
            }
            self.server_says()?;
        }
        self.after(LOOK_EVERY_MS, Happening::Look { life });
        Ok(())
    }

    /// What the server asked to be sent goes out, while there is a connection.
    fn server_says(&mut self) -> anyhow::Result<()> {
        while self.server.connection.is_some() {
            let Some(up) = &mut self.server.up else { return Ok(()) };
            if up.running.disk().is_off() {
                return self.server_crashes();
            }
            let Some(act) = up.running.next_act() else { return Ok(()) };
            self.server.acts += 1;
            let here = match self.server.cut {
                Some(Cut::Wire { nth, after }) if nth == self.server.acts => Some(after),
                Some(_) | None => None,
            };
            if here == Some(false) {
                return self.server_crashes();
            }
            self.server_acts(act)?;
            if here == Some(true) {
                return self.server_crashes();
            }
        }
        Ok(())
    }

    fn server_acts(&mut self, act: Act) -> anyhow::Result<()> {
        let Some(connection) = self.server.connection else { return Ok(()) };
        match act {
            Act::Subscribe => {
                self.broker.server_subscribes();
                let delay = self.delay();
                let event = Event::Subscribed { granted: true };
                self.after(delay, Happening::ToServer { connection, event });
            }
            Act::Acknowledge(number) => {
                if let Some(message) = self.broker.acknowledge(number) {
                    let observer = &self.server.up.as_ref().context("it is up")?.observer;
                    let mut levels = message.topic.split('/').skip(2);
                    if let (Some(gateway), Some("up")) = (levels.next(), levels.next()) {
                        self.ledger.acknowledges(observer, gateway, &message.payload)?;
                    }
                    self.note(format!("the server acknowledges {number}"));
                }
                self.broker_gives();
            }
            Act::Publish(topic, payload) => {
                let gateway = topic.split('/').nth(2).unwrap_or_default().to_owned();
                let Some(home) = self.homes.iter().position(|home| home.name == gateway) else {
                    return Ok(());
                };
                let down: Downstream = serde_json::from_slice(&payload)?;
                if let Some(receipt) = &down.receipt {
                    let observer = &self.server.up.as_ref().context("it is up")?.observer;
                    self.ledger.receipts(observer, &gateway, receipt.outbox.as_str(), receipt.through)?;
                    self.note(format!("the server receipts {gateway} through {}", receipt.through));
                }
                if let Some(resend) = &down.resend {
                    self.note(format!("the server asks {gateway} again, {} to {}", resend.from, resend.to));
                }
                self.hear_later(home, &payload);
            }
        }
        Ok(())
    }

    fn hear_later(&mut self, home: usize, payload: &[u8]) {
        let Some(connection) = self.broker.listens(home) else { return };
        let copies = if self.is_doubled() { 2 } else { 1 };
        for _ in 0..copies {
            if !self.is_lost() {
                let delay = self.delay();
                let event = LinkEvent::Message(payload.to_vec());
                self.after(delay, Happening::ToHome { home, connection, event });
            }
        }
    }
}
