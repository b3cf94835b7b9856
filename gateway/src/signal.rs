//! The signal at home: whoever weighs themselves sees or hears that it arrived, without a telephone.
//!
//! | sign | when | lamp | buzzer | sound |
//! |---|---|---|---|---|
//! | received | a reading is on the box's disk | three short blinks | one short beep | `received.wav` |
//! | delivered | it has the server's receipt | lit for eight seconds | two short beeps | `delivered.wav` |
//! | wrong | something is wrong | two quick blinks every five seconds, for as long as it lasts | three long beeps when it begins, then every two hours | `wrong.wav` |
//!
//! A pure machine: what is seen of the gateway goes in with the moment, what the outputs must be comes out. It refuses
//! to know lines, players and clocks. In the quiet hours nothing begins by itself: a weighing is answered by the lamp,
//! without a sound, and what is wrong waits for the morning.
//!
//! **Invariant:** with no output changed by hand, the lamp and the buzzer are off once everything was said and nothing
//! is wrong.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::outbox::Depth;
use crate::vigil::{Standing, Trouble};

mod pattern;
mod quiet;

pub use pattern::Sign;
use pattern::{BUZZER_WRONG_EVERY, LAMP_WRONG, Wave, buzzer, lamp};
pub use quiet::{QuietHours, QuietHoursError};

/// How long Bluetooth may be gone before anybody is told: bluetoothd restarts, adapters reset.
pub const RADIO_GONE_AFTER: Duration = Duration::from_secs(10 * 60);
/// How long something that was set aside is shown. Staff have a task for it by then.
pub const SET_ASIDE_FOR: Duration = Duration::from_secs(24 * 3_600);
/// How late a delivery is still told by sound: as long as whoever weighed themselves may be near.
pub const DELIVERED_HEARD_WITHIN: Duration = Duration::from_secs(5 * 60);

/// What is seen of the gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// What the parts say.
    pub standing: Standing,
    /// How far the outbox has come.
    pub depth: Depth,
    /// Whether these are quiet hours.
    pub is_quiet: bool,
}

/// What the outputs must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Levels {
    /// The lamp is lit.
    pub lamp: bool,
    /// The buzzer sounds.
    pub buzzer: bool,
}

/// The machine. See the module.
#[derive(Debug)]
pub struct Signal {
    undelivered_after: Duration,
    seen: Seen,
    /// The last number that somebody was told of as received and not yet as delivered, and when.
    awaited: Option<(u64, Instant)>,
    /// The lowest number without a receipt, and since when it is that.
    head: Option<(u64, Instant)>,
    radio_gone_since: Option<Instant>,
    set_aside_at: Option<Instant>,
    wrong: bool,
    wrong_heard_at: Option<Instant>,
    lamps: VecDeque<Wave>,
    buzzes: VecDeque<Wave>,
    blinking: Option<Wave>,
    sounds: VecDeque<Sign>,
}

impl Signal {
    /// A signal that finds it wrong when a reading has waited for its receipt for `undelivered_after`.
    #[must_use]
    pub fn new(undelivered_after: Duration) -> Self {
        Self {
            undelivered_after,
            seen: Seen::default(),
            awaited: None,
            head: None,
            radio_gone_since: None,
            set_aside_at: None,
            wrong: false,
            wrong_heard_at: None,
            lamps: VecDeque::new(),
            buzzes: VecDeque::new(),
            blinking: None,
            sounds: VecDeque::new(),
        }
    }

    /// Takes in what is seen at `now`. To be called at every change, and at [`next_deadline`](Self::next_deadline).
    pub fn look(&mut self, now: Instant, seen: Seen) {
        let is_new = seen.standing.sealed > self.seen.standing.sealed;
        if seen.standing.set_aside > self.seen.standing.set_aside {
            self.set_aside_at = Some(now);
        }
        let gone = seen.standing.troubles.contains(&Trouble::RadioGone);
        self.radio_gone_since = gone.then(|| self.radio_gone_since.unwrap_or(now));
        let head = seen.depth.head.map(vitals::Seq::get);
        self.head = match (head, self.head) {
            (Some(head), Some((before, since))) if head == before => Some((head, since)),
            (Some(head), _) => Some((head, now)),
            (None, _) => None,
        };
        self.seen = seen;
        if is_new {
            self.awaited = Some((self.seen.depth.last_seq, now));
            self.say(Sign::Received, now, true);
        }
        self.delivered(now);
        self.judge(now);
    }

    /// What is wrong at `now` and concerns whoever lives here.
    #[must_use]
    pub fn troubles(&self, now: Instant) -> Vec<Trouble> {
        let mut troubles: Vec<Trouble> =
            self.seen.standing.troubles.iter().copied().filter(|it| *it != Trouble::RadioGone).collect();
        let over = |since: Instant, limit: Duration| now.saturating_duration_since(since) >= limit;
        if self.radio_gone_since.is_some_and(|since| over(since, RADIO_GONE_AFTER)) {
            troubles.push(Trouble::RadioGone);
        }
        if self.head.is_some_and(|(_, since)| over(since, self.undelivered_after)) {
            troubles.push(Trouble::Undelivered);
        }
        if self.set_aside_at.is_some_and(|at| !over(at, SET_ASIDE_FOR)) {
            troubles.push(Trouble::SetAside);
        }
        troubles
    }

    /// What the outputs must be at `now`. What is over is forgotten.
    pub fn levels(&mut self, now: Instant) -> Levels {
        // An answer to somebody's weighing goes before what has been wrong for a while.
        let answer = playing(&mut self.lamps, now);
        let lamp = answer.or_else(|| self.blinking.as_ref().map(|wave| wave.is_on(now))).unwrap_or(false);
        Levels { lamp, buzzer: playing(&mut self.buzzes, now).unwrap_or(false) }
    }

    /// The next sound to play, once.
    pub fn next_sound(&mut self) -> Option<Sign> {
        self.sounds.pop_front()
    }

    /// When to look again though nothing was seen.
    #[must_use]
    pub fn next_deadline(&self, now: Instant) -> Option<Instant> {
        let edges = [self.lamps.front(), self.buzzes.front(), self.blinking.as_ref()];
        let edges = edges.into_iter().flatten().filter_map(|wave| wave.next_edge(now));
        let awaited = [
            self.radio_gone_since.map(|since| since + RADIO_GONE_AFTER),
            self.head.map(|(_, since)| since + self.undelivered_after),
            self.set_aside_at.map(|at| at + SET_ASIDE_FOR),
            self.wrong_heard_at.map(|at| at + BUZZER_WRONG_EVERY),
        ];
        edges.chain(awaited.into_iter().flatten()).filter(|at| *at > now).min()
    }

    fn delivered(&mut self, now: Instant) {
        let Some((awaited, since)) = self.awaited else { return };
        // An outbox that counts anew has fewer numbers than were awaited.
        let awaited = awaited.min(self.seen.depth.last_seq);
        if self.seen.depth.head.is_none_or(|head| head.get() > awaited) {
            self.awaited = None;
            let is_near = now.saturating_duration_since(since) <= DELIVERED_HEARD_WITHIN;
            if is_near || !self.seen.is_quiet {
                self.say(Sign::Delivered, now, is_near);
            }
        }
    }

    fn judge(&mut self, now: Instant) {
        let wrong = !self.troubles(now).is_empty();
        self.wrong = wrong && !self.seen.is_quiet;
        self.blinking = match (self.wrong, self.blinking.take()) {
            (true, before) => before.or_else(|| Some(Wave::new(&LAMP_WRONG, now))),
            (false, _) => None,
        };
        let due = |at: Instant| now.saturating_duration_since(at) >= BUZZER_WRONG_EVERY;
        if self.wrong && self.wrong_heard_at.is_none_or(due) {
            self.wrong_heard_at = Some(now);
            self.hear(Sign::Wrong, now);
        } else if !wrong {
            self.wrong_heard_at = None;
        }
    }

    /// Says it by the lamp and, if it may be heard, by sound. A sign that already waits to be said is said once.
    fn say(&mut self, sign: Sign, now: Instant, may_be_heard: bool) {
        append(&mut self.lamps, lamp(sign), now);
        if may_be_heard {
            self.hear(sign, now);
        }
    }

    fn hear(&mut self, sign: Sign, now: Instant) {
        if self.seen.is_quiet {
            return;
        }
        append(&mut self.buzzes, buzzer(sign), now);
        if self.sounds.back() != Some(&sign) {
            self.sounds.push_back(sign);
        }
    }
}

/// The level of the wave that plays at `now`; those that are over leave.
fn playing(waves: &mut VecDeque<Wave>, now: Instant) -> Option<bool> {
    while waves.front().is_some_and(|wave| wave.is_over(now)) {
        waves.pop_front();
    }
    waves.front().map(|wave| wave.is_on(now))
}

fn append(waves: &mut VecDeque<Wave>, shape: &'static pattern::Shape, now: Instant) {
    if waves.iter().any(|wave| !wave.is_over(now) && wave.has(shape)) {
        return;
    }
    let start = waves.iter().filter_map(Wave::end).chain([now]).max().unwrap_or(now);
    waves.push_back(Wave::new(shape, start));
}

#[cfg(test)]
mod tests;
