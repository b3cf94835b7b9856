//! What else befalls the house: links that break, brokers that forget, disks that are full or fail, clocks that jump, messages of
//! strangers, a server that is set back to a backup.

use anyhow::Context as _;
use care::store::backup::{back_up, restore};
use vitals::Timestamp;

use super::{Happening, World};
use crate::broker::Message;
use crate::disk::Image;
use crate::measuring::poison;
use crate::plan::JUMPS_S;

/// What ends after a while.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Passing {
    /// Nothing passes from or to a home.
    Partition(usize),
    ServerDiskFull,
    HomeDiskFull(usize),
    /// The power of a home, in this of its lives.
    HomePower(usize, u64),
    ServerPower(u64),
}

impl World<'_> {
    /// One more trouble, and the next after a while.
    pub(crate) fn trouble(&mut self) -> anyhow::Result<()> {
        if !self.troubled {
            return Ok(());
        }
        let pause = self.fate.between(1_000, self.plan.fault_ms_max);
        self.after(pause, Happening::Trouble);
        let home = self.fate.below(self.homes.len() as u64) as usize;
        match self.fate.below(100) {
            0..14 => self.home_link_breaks(home)?,
            14..28 => self.server_link_breaks()?,
            28..36 => self.broker_restarts()?,
            36..46 => self.partition(home),
            46..54 => self.server_disk_fills(),
            54..60 => self.server_syncs_fail(),
            60..66 => self.home_disk_fills(home),
            66..71 => self.home_syncs_fail(home),
            71..77 => self.clock_jumps(home),
            77..83 => self.stranger(home),
            83..87 => self.checkpoint()?,
            87..90 => self.home_restarts(home)?,
            90..93 => self.server_restarts()?,
            _ if self.plan.restores => self.backup_or_restore()?,
            _ => {}
        }
        Ok(())
    }

    pub(crate) fn over(&mut self, passing: Passing) -> anyhow::Result<()> {
        match passing {
            Passing::Partition(home) => {
                (self.homes[home].up_cut, self.homes[home].down_cut) = (false, false);
            }
            Passing::ServerDiskFull => {
                if let Some(up) = &self.server.up {
                    up.running.disk().with(|disk| disk.set_room(None));
                }
            }
            Passing::HomeDiskFull(home) => {
                if let Some(up) = &self.homes[home].up {
                    up.disk.with(|disk| disk.set_room(None));
                }
            }
            Passing::HomePower(home, life) if self.troubled && life == self.homes[home].life => {
                return self.home_crashes(home);
            }
            Passing::ServerPower(life) if self.troubled && life == self.server.life => {
                return self.server_crashes();
            }
            Passing::HomePower(..) | Passing::ServerPower(_) => {}
        }
        Ok(())
    }

    fn broker_restarts(&mut self) -> anyhow::Result<()> {
        let forgets = self.fate.chance(60);
        self.note(format!("the broker restarts, forgets {forgets}"));
        self.server_link_breaks()?;
        for home in 0..self.homes.len() {
            self.home_link_breaks(home)?;
        }
        self.broker.restart(forgets);
        self.broker_down_until_ms = self.now_ms + self.fate.between(100, 60_000);
        Ok(())
    }

    fn partition(&mut self, home: usize) {
        let (up, down) = [(true, false), (false, true), (true, true)][self.fate.below(3) as usize];
        (self.homes[home].up_cut, self.homes[home].down_cut) = (up, down);
        self.note(format!("gw-{home} is cut off, up {up}, down {down}"));
        self.home_link_is_dead(home);
        let pause = self.fate.between(5_000, 400_000);
        self.after(pause, Happening::Over(Passing::Partition(home)));
    }

    fn server_disk_fills(&mut self) {
        let room = self.fate.below(30_000) as usize;
        let Some(up) = &self.server.up else { return };
        up.running.disk().with(|disk| disk.set_room(Some(room)));
        self.note(format!("the server's disk has {room} bytes left"));
        let pause = self.fate.between(1_000, 600_000);
        self.after(pause, Happening::Over(Passing::ServerDiskFull));
    }

    fn server_syncs_fail(&mut self) {
        let (count, random) = (self.fate.between(1, 4), self.fate.branch());
        let Some(up) = &self.server.up else { return };
        up.running.disk().with(|disk| disk.fail_syncs(count, random));
        self.note(format!("the server's disk fails to synchronise {count} times"));
    }

    fn home_disk_fills(&mut self, home: usize) {
        let room = self.fate.below(30_000) as usize;
        let Some(up) = &self.homes[home].up else { return };
        up.disk.with(|disk| disk.set_room(Some(room)));
        self.note(format!("the disk of gw-{home} has {room} bytes left"));
        let pause = self.fate.between(1_000, 300_000);
        self.after(pause, Happening::Over(Passing::HomeDiskFull(home)));
    }

    fn home_syncs_fail(&mut self, home: usize) {
        let (count, random) = (self.fate.between(1, 3), self.fate.branch());
        let Some(up) = &self.homes[home].up else { return };
        up.disk.with(|disk| disk.fail_syncs(count, random));
        self.note(format!("the disk of gw-{home} fails to synchronise {count} times"));
    }

    fn clock_jumps(&mut self, home: usize) {
        if !self.plan.clock_jumps {
            return;
        }
        let jump_s = JUMPS_S[self.fate.below(JUMPS_S.len() as u64) as usize];
        let of = &mut self.homes[home];
        of.clock_wrong_ms = if of.clock_wrong_ms == 0 { jump_s * 1_000 } else { 0 };
        let wrong_s = of.clock_wrong_ms / 1_000;
        self.note(format!("the clock of gw-{home} is wrong by {wrong_s} s"));
    }

    /// Somebody else publishes on the topic of a home.
    fn stranger(&mut self, home: usize) {
        let payload = poison(&mut self.fate);
        let topic = format!("vagen/v1/{}/up", self.homes[home].name);
        self.note(format!("a stranger publishes {} bytes as gw-{home}", payload.len()));
        self.broker.take(Message { topic, payload, acknowledged: true });
        self.broker_gives();
    }

    /// Another program looks into a store and tidies its log up.
    fn checkpoint(&mut self) -> anyhow::Result<()> {
        let mode = ["PASSIVE", "RESTART", "TRUNCATE"][self.fate.below(3) as usize];
        let Some(up) = &self.server.up else { return Ok(()) };
        if up.running.is_busy() {
            return Ok(());
        }
        // One that fails has changed nothing that counts.
        let done = up.observer.checkpoint(mode).is_ok();
        if up.running.disk().is_off() {
            return self.server_crashes();
        }
        self.note(format!("the server's log is tidied up, {mode}, {done}"));
        Ok(())
    }

    fn backup_or_restore(&mut self) -> anyhow::Result<()> {
        let Some(up) = &self.server.up else { return Ok(()) };
        if up.running.is_busy() || up.running.disk().is_off() {
            return Ok(());
        }
        let now = Timestamp::from_millis(self.plan.begins.as_millis() + i64::try_from(self.now_ms)?)?;
        if self.backup.is_none() {
            let folder = tempfile::tempdir()?;
            let to = folder.path().join("backup");
            let made = self.runtime.block_on(back_up(&up.running.store, up.running.disk().path(), &to, now));
            if up.running.disk().is_off() {
                return self.server_crashes();
            }
            self.note(format!("a backup of the server, {}", made.is_ok()));
            if made.is_ok() {
                self.backup = Some(folder);
            }
            return Ok(());
        }
        let folder = self.backup.take().context("there is one")?;
        let Some(up) = self.server.up.take() else { return Ok(()) };
        self.note("the server is set back to its backup");
        drop(up.running.end(&self.runtime));
        drop(up.observer);
        let disk = self.rack.plug("restored", Image::new());
        self.runtime
            .block_on(restore(&folder.path().join("backup"), disk.path(), None))
            .context("the restore")?;
        self.outcome.restores += 1;
        // What was told since the backup is not known any more; gateways are asked for it again.
        self.ledger.published.clear();
        self.ledger.acknowledged.clear();
        let image = disk.unplug();
        self.server_is_down(image);
        Ok(())
    }
}
