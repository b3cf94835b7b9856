//! What happens to the homes.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use anyhow::ensure;
use gateway::outbox::{Sealed, Sealing};
use gateway::uplink::LinkEvent;
use vitals::{Downstream, GatewayId, Timestamp};

use super::{Happening, Said, World};
use crate::broker::Message;
use crate::disk::Image;
use crate::home::{Act, Running};
use crate::ledger::{Measured, Place, items};
use crate::measuring::{Kind, sealing};
use crate::plan::{Cut, harshness};

/// How long a box waits before it seals again what it could not.
const SEAL_AGAIN_MS: u64 = 20_000;
/// A number that never arrives is given up once the server says something about later ones; so homes measure on until it is.
pub(crate) const MEASURE_ON_MS: u64 = 200_000;
/// How long a connection that carries nothing is believed in.
const NOTICED_MS: u64 = 45_000;

/// One home.
pub(crate) struct Home {
    pub(crate) name: String,
    pub(crate) gateway: GatewayId,
    pub(crate) clock: Arc<AtomicI64>,
    pub(crate) clock_wrong_ms: i64,
    pub(crate) up: Option<Running>,
    /// What is on its disk while it is down.
    pub(crate) disk: Image,
    /// What devices hold until the box has it: which measurement, and as what.
    pub(crate) pending: VecDeque<(usize, Sealing)>,
    pub(crate) outbox: Option<String>,
    pub(crate) last_sealed: u64,
    pub(crate) connection: Option<u64>,
    attempt: u64,
    wake_ms: Option<u64>,
    /// Counts its starts.
    pub(crate) life: u64,
    pub(crate) crashes_left: u64,
    pub(crate) cut: Option<Cut>,
    acts: u64,
    /// Nothing passes from it, or to it.
    pub(crate) up_cut: bool,
    pub(crate) down_cut: bool,
}

impl Home {
    pub(crate) fn new(index: usize, begins: Timestamp, crashes_left: u64) -> Self {
        let name = format!("gw-{index}");
        Self {
            gateway: name.parse().expect("an id"),
            name,
            clock: Arc::new(AtomicI64::new(begins.as_millis())),
            clock_wrong_ms: 0,
            up: None,
            disk: Image::new(),
            pending: VecDeque::new(),
            outbox: None,
            last_sealed: 0,
            connection: None,
            attempt: 0,
            wake_ms: None,
            life: 0,
            crashes_left,
            cut: None,
            acts: 0,
            up_cut: false,
            down_cut: false,
        }
    }
}

impl World<'_> {
    /// Some device measures something.
    pub(crate) fn measure(&mut self) -> anyhow::Result<()> {
        if self.left_to_measure == 0 && self.troubled {
            return Ok(());
        }
        self.left_to_measure = self.left_to_measure.saturating_sub(1);
        let kind = Kind::of(&mut self.fate);
        let home = self.fate.below(self.homes.len() as u64) as usize;
        let index = self.ledger.measured.len();
        let heard_in: Vec<usize> =
            if kind == Kind::SharedWeight { (0..self.homes.len()).collect() } else { vec![home] };
        let synced = self.fate.chance(80);
        let mut plain = kind != Kind::Stray;
        for at in &heard_in {
            let home = &mut self.homes[*at];
            plain &= home.clock_wrong_ms == 0;
            let heard_at = Timestamp::from_millis(home.clock.load(Ordering::SeqCst))?;
            home.pending.push_back((index, sealing(kind, *at, index, heard_at, synced)));
        }
        let hex = self.homes[heard_in[0]].pending.back().map(|(_, it)| it.raw.hex()).unwrap_or_default();
        let dated = kind.is_dated();
        self.ledger.measured.push(Measured { hex, dated, plain, sealed: Default::default() });
        self.note(format!("measured {index} {kind:?} in {heard_in:?}"));
        let holds = self.homes[0].up.as_ref().is_none_or(|up| up.depth().unreceipted > 0);
        if !self.troubled && self.plan.cursed.is_some() && holds {
            self.after(MEASURE_ON_MS, Happening::Measure);
        } else if self.left_to_measure > 0 {
            let pause = self.fate.between(500, self.plan.between_ms_max);
            self.after(pause, Happening::Measure);
        }
        for at in heard_in {
            self.seal(at)?;
        }
        Ok(())
    }

    /// The box seals what its devices hold.
    pub(crate) fn seal(&mut self, home: usize) -> anyhow::Result<()> {
        while let Some((index, sealing)) = self.homes[home].pending.front().cloned() {
            let Some(up) = &self.homes[home].up else { return Ok(()) };
            let sealed = up.seal(&self.runtime, sealing);
            if up.disk.is_off() {
                return self.home_crashes(home);
            }
            match sealed {
                Ok(Sealed::New(seq) | Sealed::Known(seq)) => {
                    let place = Place {
                        gateway: self.homes[home].name.clone(),
                        outbox: self.homes[home].outbox.clone().unwrap_or_default(),
                        seq: seq.get(),
                    };
                    self.note(format!("gw-{home} sealed {index} as {}", seq.get()));
                    let of = &mut self.homes[home];
                    of.pending.pop_front();
                    of.last_sealed = of.last_sealed.max(place.seq);
                    self.ledger.measured[index].sealed.insert(place);
                }
                Err(error) => {
                    self.note(format!("gw-{home} did not seal {index}: {error}"));
                    self.after(SEAL_AGAIN_MS, Happening::Seal(home));
                    break;
                }
            }
        }
        self.work(home)
    }

    pub(crate) fn start_home(&mut self, home: usize) -> anyhow::Result<()> {
        if self.homes[home].up.is_some() {
            return Ok(());
        }
        self.arm_home(home);
        let image = std::mem::take(&mut self.homes[home].disk);
        let disk = self.rack.plug(&self.homes[home].name, image);
        if self.homes[home].cut == Some(Cut::Start) {
            let nth = self.fate.between(1, 12);
            let after = self.fate.chance(50);
            disk.with(|disk| disk.cut_at(nth, after));
        }
        let (random, now) = (self.wire.branch(), self.instant());
        let of = &self.homes[home];
        let up = match Running::start(&self.runtime, disk, &of.gateway, &of.clock, now, random) {
            Ok(up) => up,
            Err((disk, error)) => {
                let off = disk.is_off();
                self.note(format!("gw-{home} does not start: {}", if off { "no power" } else { &error }));
                ensure!(off, "the outbox of gw-{home} does not open: {error}");
                self.homes[home].disk = disk.cut(harshness(&mut self.fate), &mut self.fate);
                self.count_home_crash(home);
                let pause = self.fate.between(100, 5_000);
                self.after(pause, Happening::StartHome(home));
                return Ok(());
            }
        };
        if up.disk.is_off() {
            self.homes[home].up = Some(up);
            return self.home_crashes(home);
        }
        ensure!(!up.found_broken, "the outbox of gw-{home} was found broken");
        let (id, depth) = (up.id(&self.runtime), up.depth());
        if self.homes[home].cut == Some(Cut::Disk) {
            let (nth, after) = (self.fate.between(1, 40), self.fate.chance(50));
            up.disk.with(|disk| disk.cut_at(nth, after));
        } else {
            up.disk.with(|disk| disk.spare());
        }
        let of = &mut self.homes[home];
        if of.last_sealed > 0 {
            ensure!(of.outbox.as_ref() == Some(&id), "gw-{home} began another outbox");
            ensure!(
                depth.last_seq >= of.last_sealed,
                "gw-{home} sealed {} and its outbox ends at {}",
                of.last_sealed,
                depth.last_seq
            );
        }
        of.outbox = Some(id);
        of.life += 1;
        (of.up, of.connection, of.wake_ms, of.acts) = (Some(up), None, None, 0);
        self.note(format!(
            "gw-{home} starts with {} sealed, {} unreceipted",
            depth.last_seq, depth.unreceipted
        ));
        if self.homes[home].cut == Some(Cut::Time) {
            let pause = self.fate.between(10, 60_000);
            self.after(
                pause,
                Happening::Over(super::troubles::Passing::HomePower(home, self.homes[home].life)),
            );
        }
        self.seal(home)
    }

    /// Decides how the power of this box goes next.
    fn arm_home(&mut self, home: usize) {
        let may = self.troubled && self.homes[home].crashes_left > 0;
        self.homes[home].cut = may.then(|| Cut::of_home(&mut self.fate));
    }

    fn count_home_crash(&mut self, home: usize) {
        let of = &mut self.homes[home];
        of.crashes_left = of.crashes_left.saturating_sub(1);
        let name = of.cut.take().map_or("at a time of chance", Cut::name);
        *self.outcome.cuts.entry(name).or_default() += 1;
        self.note(format!("gw-{home}: the power goes {name}"));
    }

    /// The power of this box is gone.
    pub(crate) fn home_crashes(&mut self, home: usize) -> anyhow::Result<()> {
        let Some(up) = self.homes[home].up.take() else { return Ok(()) };
        self.count_home_crash(home);
        let disk = up.end();
        self.homes[home].disk = disk.cut(harshness(&mut self.fate), &mut self.fate);
        self.homes[home].connection = None;
        self.homes[home].attempt += 1;
        self.broker.home_leaves(home);
        let pause = self.fate.between(100, 30_000);
        self.after(pause, Happening::StartHome(home));
        Ok(())
    }

    /// The box is stopped in peace, and starts again.
    pub(crate) fn home_restarts(&mut self, home: usize) -> anyhow::Result<()> {
        let Some(up) = self.homes[home].up.take() else { return Ok(()) };
        let disk = up.end();
        if disk.is_off() {
            // The power went while it closed its file.
            self.count_home_crash(home);
            self.homes[home].disk = disk.cut(harshness(&mut self.fate), &mut self.fate);
        } else {
            self.homes[home].disk = disk.unplug();
        }
        self.note(format!("gw-{home} is stopped"));
        self.homes[home].connection = None;
        self.homes[home].attempt += 1;
        self.broker.home_leaves(home);
        self.after(500, Happening::StartHome(home));
        Ok(())
    }

    pub(crate) fn wake(&mut self, home: usize) -> anyhow::Result<()> {
        if self.homes[home].wake_ms.is_some_and(|at| at <= self.now_ms) {
            self.homes[home].wake_ms = None;
            self.work(home)?;
        }
        Ok(())
    }

    /// The box does what is due, what it says goes out, and what it holds is looked at.
    pub(crate) fn work(&mut self, home: usize) -> anyhow::Result<()> {
        let now = self.instant();
        let Some(up) = &mut self.homes[home].up else { return Ok(()) };
        up.work_off(&self.runtime, now);
        self.home_says(home)?;
        let Some(up) = &self.homes[home].up else { return Ok(()) };
        if up.disk.is_off() {
            return self.home_crashes(home);
        }
        let (depth, deadline) = (up.depth(), up.next_deadline());
        let of = &self.homes[home];
        let outbox = of.outbox.clone().unwrap_or_default();
        let settled = depth.head.map_or(depth.last_seq, |head| head.get() - 1);
        self.ledger.settled_up_to(&of.name, &outbox, settled)?;
        self.ledger.last_seq.insert((of.name.clone(), outbox), depth.last_seq);
        if let Some(at) = deadline {
            let at = self.ms_of(at).max(self.now_ms + 1);
            if self.homes[home].wake_ms.is_none_or(|before| at < before) {
                self.homes[home].wake_ms = Some(at);
                self.after(at - self.now_ms, Happening::Wake(home));
            }
        }
        Ok(())
    }

    /// What the box asked of its link is done.
    fn home_says(&mut self, home: usize) -> anyhow::Result<()> {
        loop {
            let of = &mut self.homes[home];
            let Some(up) = &of.up else { return Ok(()) };
            if up.disk.is_off() {
                return Ok(());
            }
            let Some(act) = up.acts.next() else { return Ok(()) };
            of.acts += 1;
            let here = match of.cut {
                Some(Cut::Wire { nth, after }) if nth == of.acts => Some(after),
                Some(_) | None => None,
            };
            if here == Some(false) {
                up.disk.with(|disk| disk.cut_now());
                return self.home_crashes(home);
            }
            self.home_acts(home, act);
            if here == Some(true) {
                if let Some(up) = &self.homes[home].up {
                    up.disk.with(|disk| disk.cut_now());
                }
                return self.home_crashes(home);
            }
        }
    }

    fn home_acts(&mut self, home: usize, act: Act) {
        match act {
            Act::Connect => {
                self.homes[home].attempt += 1;
                let attempt = self.homes[home].attempt;
                let delay = self.delay();
                self.after(delay, Happening::HomeConnects { home, attempt });
            }
            Act::HangUp => {
                self.homes[home].connection = None;
                self.homes[home].attempt += 1;
                self.broker.home_leaves(home);
            }
            Act::Subscribe => self.home_sends(home, &Said::Subscribe),
            Act::Publish { topic, payload, acknowledged } => {
                let what = if topic.ends_with("/up") { "numbers" } else { "a heartbeat" };
                let seqs: Vec<u64> =
                    items(&self.homes[home].name, &payload).iter().map(|item| item.place.seq).collect();
                self.note(format!("gw-{home} sends {what} {seqs:?}"));
                self.home_sends(home, &Said::Publish(Message { topic, payload, acknowledged }));
            }
        }
    }

    fn home_sends(&mut self, home: usize, said: &Said) {
        let Some(connection) = self.homes[home].connection else { return };
        let copies = if matches!(said, Said::Publish(_)) && self.is_doubled() { 2 } else { 1 };
        for _ in 0..copies {
            let lost = matches!(said, Said::Publish(_)) && self.is_lost();
            if !lost && !self.homes[home].up_cut {
                let delay = self.delay();
                self.after(delay, Happening::FromHome { home, connection, said: said.clone() });
            }
        }
    }

    pub(crate) fn home_connects(&mut self, home: usize, attempt: u64) -> anyhow::Result<()> {
        let of = &self.homes[home];
        if of.up.is_none() || of.attempt != attempt {
            return Ok(());
        }
        let reached = self.broker_is_up() && !of.up_cut && !of.down_cut && !self.is_lost();
        let event = if reached {
            let connection = self.broker.home_connects(home);
            self.homes[home].connection = Some(connection);
            LinkEvent::Up
        } else {
            LinkEvent::Lost("played".to_owned())
        };
        self.home_hears(home, event)
    }

    /// The connection of a home breaks.
    pub(crate) fn home_link_breaks(&mut self, home: usize) -> anyhow::Result<()> {
        if self.homes[home].connection.take().is_none() {
            return Ok(());
        }
        self.broker.home_leaves(home);
        self.note(format!("the link of gw-{home} breaks"));
        self.home_hears(home, LinkEvent::Lost("played".to_owned()))
    }

    /// A connection over which nothing passes is given up after a while.
    pub(crate) fn home_link_is_dead(&mut self, home: usize) {
        if let Some(connection) = self.homes[home].connection {
            let event = LinkEvent::Lost("no answer".to_owned());
            self.after(NOTICED_MS, Happening::ToHome { home, connection, event });
        }
    }

    pub(crate) fn tell_home(&mut self, home: usize, connection: u64, event: LinkEvent) -> anyhow::Result<()> {
        if self.homes[home].connection != Some(connection) {
            return Ok(());
        }
        if matches!(event, LinkEvent::Lost(_)) {
            return self.home_link_breaks(home);
        }
        if self.homes[home].down_cut {
            return Ok(());
        }
        if let LinkEvent::Message(payload) = &event
            && let Ok(down) = serde_json::from_slice::<Downstream>(payload)
        {
            let name = self.homes[home].name.clone();
            if let Some(receipt) = down.receipt {
                self.note(format!("gw-{home} hears: through {}", receipt.through));
                let key = (name, receipt.outbox.to_string());
                let before = self.ledger.delivered.entry(key).or_default();
                *before = receipt.through.max(*before);
            }
            if let Some(resend) = down.resend {
                self.note(format!("gw-{home} hears: again from {} to {}", resend.from, resend.to));
            }
        }
        self.home_hears(home, event)
    }

    fn home_hears(&mut self, home: usize, event: LinkEvent) -> anyhow::Result<()> {
        let now = self.instant();
        let Some(up) = &mut self.homes[home].up else { return Ok(()) };
        up.happened(&self.runtime, event, now);
        if up.disk.is_off() {
            return self.home_crashes(home);
        }
        let id = up.id(&self.runtime);
        let of = &mut self.homes[home];
        ensure!(of.outbox.as_ref() == Some(&id), "gw-{home} counts anew, and nothing was lost");
        self.work(home)
    }

    /// Something that a home said arrives at the broker.
    pub(crate) fn hear_home(&mut self, home: usize, connection: u64, said: Said) -> anyhow::Result<()> {
        if !self.broker_is_up() {
            return Ok(());
        }
        match said {
            Said::Subscribe => self.broker.home_subscribes(home, connection),
            Said::Publish(message) => {
                if message.acknowledged
                    && self.broker.home_connection(home) == Some(connection)
                    && !self.is_lost()
                {
                    let delay = self.delay();
                    self.after(delay, Happening::ToHome { home, connection, event: LinkEvent::Acknowledged });
                }
                let name = self.homes[home].name.clone();
                let mut cursed = false;
                for item in items(&name, &message.payload) {
                    if item.void {
                        self.ledger.voids.insert(item.place);
                    } else {
                        cursed |= home == 0 && self.plan.cursed == Some(item.place.seq);
                        self.ledger.envelopes.insert(item.place, item.text);
                    }
                }
                if !cursed {
                    self.broker.take(message);
                    self.broker_gives();
                }
            }
        }
        Ok(())
    }
}
