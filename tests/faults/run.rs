//! The run: the plan carried out on the house, until everybody was killed as often as it says and every trouble is over, and then
//! until every home has its receipts.
//!
//! **Invariant:** a kill counts where it ended a running process, and a trouble where it was seen to have done something.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::enclosure::Networks;
use crate::homes::Homes;
use crate::plan::{Plan, ROUND, Spell, Strike, Trouble, Victim};
use crate::servers::Servers;

/// How long a victim is waited for to answer before it is killed as it is.
const AT_WORK_WITHIN: Duration = Duration::from_secs(20);
/// How long it may take until there is somebody to kill.
const STRUCK_WITHIN: Duration = Duration::from_secs(300);
/// How long a trouble may go on unnoticed; then it was none.
const NOTICED_WITHIN: Duration = Duration::from_secs(90);
/// The longest from the last fault to the last receipt. A gateway whose receipt was lost asks again after up to two minutes.
const DRAINED_WITHIN: Duration = Duration::from_secs(600);
const LOOKED_AFTER_EVERY: Duration = Duration::from_millis(25);

/// A trouble that is there now.
struct Current {
    spell: Spell,
    /// Since when somebody has noticed that a disk is full.
    since: Option<Instant>,
    begun: Instant,
    noticed_before: usize,
    ballast: Option<PathBuf>,
}

/// A house with everything that befalls it.
pub(crate) struct Run {
    pub(crate) servers: Servers,
    pub(crate) homes: Homes,
    networks: Networks,
    began: Instant,
    kills: usize,
    at_work: usize,
    current: Option<Current>,
}

impl Run {
    pub(crate) fn new(servers: Servers, homes: Homes, networks: Networks) -> Self {
        let began = Instant::now();
        Self { servers, homes, networks, began, kills: 0, at_work: 0, current: None }
    }

    /// Carries out `plan`, and waits until every home has its receipts.
    pub(crate) fn carry_out(&mut self, plan: Plan) {
        let mut strikes: VecDeque<Strike> = plan.strikes.into();
        let mut spells: VecDeque<Spell> = plan.spells.into();
        let mut last = Instant::now();
        while !strikes.is_empty() || !spells.is_empty() || self.current.is_some() {
            self.tend();
            self.turn_troubles(&mut spells);
            if strikes.front().is_some_and(|strike| self.is_struck(strike, last)) {
                strikes.pop_front();
                last = Instant::now();
                if self.kills.is_multiple_of(ROUND / 3) {
                    self.tell();
                }
            }
        }
        self.homes.is_fed = false;
        let quiet = Instant::now();
        while !self.homes.are_done() || !self.servers.all_answer() {
            self.tend();
            assert!(quiet.elapsed() < DRAINED_WITHIN, "not drained: {}", self.undelivered());
        }
        self.say(&format!("drained {:.0} s after the last fault", quiet.elapsed().as_secs_f64()));
    }

    fn tend(&mut self) {
        self.servers.tend(&self.networks);
        self.homes.tend(&self.networks);
        std::thread::sleep(LOOKED_AFTER_EVERY);
    }

    /// Kills whom `strike` says when its time has come; whether it did.
    fn is_struck(&mut self, strike: &Strike, last: Instant) -> bool {
        let waited = last.elapsed();
        if waited < strike.after {
            return false;
        }
        assert!(waited < strike.after + STRUCK_WITHIN, "nobody to kill: {strike:?}");
        let answers = self.servers.answers(strike);
        if strike.at_work && !answers && waited < strike.after + AT_WORK_WITHIN {
            return false;
        }
        let is_killed = match self.servers.victim(strike) {
            Some(program) => program.kill(strike.away),
            None => self.homes.kill(strike.which, strike.away),
        };
        if is_killed {
            self.kills += 1;
            self.at_work += usize::from(answers);
            if strike.victim == Victim::BrokerAndSessions {
                self.servers.forget_sessions();
            }
        }
        is_killed
    }

    fn turn_troubles(&mut self, spells: &mut VecDeque<Spell>) {
        if let Some(mut current) = self.current.take() {
            if self.is_over(&mut current) {
                self.end(&current);
            } else {
                self.current = Some(current);
            }
        } else if let Some(spell) = spells.pop_front_if(|spell| spell.at_kill <= self.kills) {
            self.current = Some(self.begin(spell));
        }
    }

    fn begin(&self, spell: Spell) -> Current {
        let ballast = match spell.trouble {
            Trouble::Cut(way) => {
                self.networks.cut(way);
                None
            }
            Trouble::StoreDiskFull => Some(fill(&self.servers.store_disk)),
            Trouble::OutboxDiskFull => Some(fill(&self.homes.outbox_disk)),
        };
        let noticed_before = self.noticed(spell.trouble);
        Current { spell, since: None, begun: Instant::now(), noticed_before, ballast }
    }

    fn noticed(&self, trouble: Trouble) -> usize {
        match trouble {
            Trouble::Cut(_) => 0,
            Trouble::StoreDiskFull => self.servers.store_found_no_room(),
            Trouble::OutboxDiskFull => self.homes.found_no_room(),
        }
    }

    fn is_over(&self, current: &mut Current) -> bool {
        let spell = &current.spell;
        if current.since.is_none() && self.noticed(spell.trouble) > current.noticed_before {
            current.since = Some(Instant::now());
        }
        let is_done = match spell.trouble {
            // Where nobody had anything to send it goes on until somebody has.
            Trouble::Cut(_) => current.begun.elapsed() >= spell.lasts && self.networks.passed().0 > 0,
            Trouble::StoreDiskFull | Trouble::OutboxDiskFull => {
                current.since.is_some_and(|since| since.elapsed() >= spell.lasts)
            }
        };
        assert!(
            is_done || current.since.is_some() || current.begun.elapsed() < spell.lasts + NOTICED_WITHIN,
            "{:?}: nobody noticed",
            spell.trouble
        );
        is_done
    }

    fn end(&mut self, current: &Current) {
        let seconds = current.begun.elapsed().as_secs_f64();
        let did = match (current.spell.trouble, &current.ballast) {
            (Trouble::Cut(way), _) => {
                let (dropped, passed) = self.networks.passed();
                self.networks.mend();
                format!(
                    "cut from {} for {seconds:.0} s: {dropped} packets dropped, {passed} came the other way",
                    way.text()
                )
            }
            (trouble @ (Trouble::StoreDiskFull | Trouble::OutboxDiskFull), ballast) => {
                let refused = self.noticed(trouble) - current.noticed_before;
                if let Some(ballast) = ballast {
                    std::fs::remove_file(ballast).expect("room again");
                }
                let whose = if trouble == Trouble::StoreDiskFull { "PostgreSQL's" } else { "the outboxes'" };
                format!("{whose} disk full for {seconds:.0} s: refused {refused} times")
            }
        };
        self.say(&did);
    }

    /// Says how it stands.
    fn tell(&self) {
        self.say(&format!("{} kills, {} readings fed", self.kills, self.homes.measured()));
    }

    fn say(&self, what: &str) {
        println!("[{:>4.0} s] {what}", self.began.elapsed().as_secs_f64());
    }

    fn undelivered(&self) -> String {
        let waiting = self.homes.homes.iter().map(|home| format!("{}: {}", home.gateway(), home.status()));
        waiting.collect::<Vec<_>>().join("\n")
    }

    /// What was done, in a few lines.
    pub(crate) fn told(&self) -> String {
        let servers = &self.servers;
        let mut text = format!(
            "{} kills with SIGKILL in {:.0} s: {} gateway, {} server, {} broker ({} of them without its sessions after), {} PostgreSQL, {} QuestDB; \
             {} of them when it was at work\n",
            self.kills,
            self.began.elapsed().as_secs_f64(),
            self.homes.kills(),
            servers.serve_kills(),
            servers.broker.kills,
            servers.sessions_lost,
            servers.postgres.kills,
            servers.questdb.kills,
            self.at_work,
        );
        let programs = servers.all().chain(self.homes.homes.iter().map(|home| &home.program));
        for program in programs.filter(|program| !program.ended.is_empty()) {
            let ended = program.ended.iter().map(ToString::to_string).collect::<Vec<_>>();
            text +=
                &format!("{} ended by itself {} times ({})\n", program.name, ended.len(), ended.join(", "));
        }
        text
    }

    /// What must not have happened beside the count.
    pub(crate) fn judge(&self, kills: usize) {
        let servers = &self.servers;
        let counted = self.homes.kills() + servers.all().map(|program| program.kills).sum::<usize>();
        assert_eq!((self.kills, counted), (kills, kills));
        assert!(servers.broker.ended.is_empty() && servers.questdb.ended.is_empty(), "{}", self.told());
        for program in servers.all().filter(|program| program.name.starts_with("serve")) {
            let is_refusal = |status: &std::process::ExitStatus| status.code() == Some(1);
            assert!(program.ended.iter().all(is_refusal), "{}", self.told());
            assert!(!program.said().contains("panicked"), "{} panicked", program.name);
        }
        assert!(servers.all().all(|program| program.runs()), "everything runs in the end");
    }
}

/// Takes all the room there is on `disk`, and gives the file that holds it.
fn fill(disk: &Path) -> PathBuf {
    let ballast = disk.join("ballast");
    let mut file = File::create(&ballast).expect("a file");
    for bytes in [1024 * 1024, 4096] {
        let block = vec![0_u8; bytes];
        while file.write_all(&block).is_ok() {}
    }
    ballast
}
